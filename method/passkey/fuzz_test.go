package passkey_test

import (
	"errors"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

// FuzzAnswers gives anything as an answer: it is refused, and nothing breaks.
func FuzzAnswers(f *testing.F) {
	method := passkey.For(site)
	device := authtest.NewPasskey(f, site)
	offer, err := method.Offer(f.Context(), cloakroom.Binding{User: ana})
	if err != nil {
		f.Fatal(err)
	}
	created := device.Create(offer.Show)
	onFile, err := method.Bind(f.Context(), cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: created})
	if err != nil {
		f.Fatal(err)
	}
	question, err := method.Ask(f.Context(), cloakroom.Claim{})
	if err != nil {
		f.Fatal(err)
	}
	got := device.Get(question.Show)
	f.Add(created)
	f.Add(got)
	f.Add(created[:len(created)/2])
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`)
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":null}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, answer string) {
		c, err := method.Bind(t.Context(), cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: answer})
		if err == nil && (c.ID == "" || len(c.Data) == 0) || err != nil && !errors.Is(err, cloakroom.ErrInvalidCredentials) {
			t.Errorf("as a registration: %+v, %v", c, err)
		}
		proof, err := method.Prove(t.Context(), cloakroom.Claim{
			User: &ana, Credentials: []cloakroom.Credential{onFile}, Kept: question.Keep, Secret: answer,
		})
		if err == nil && proof.Credential.ID != onFile.ID || err != nil && !errors.Is(err, cloakroom.ErrInvalidCredentials) {
			t.Errorf("as a sign-in: %+v, %v", proof, err)
		}
		if whose := method.Whose(answer); len(whose) > 64 {
			t.Errorf("of %q", whose)
		}
	})
}
