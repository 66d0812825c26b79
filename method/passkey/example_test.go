package passkey_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

func ExampleMethod() {
	ctx := context.Background()
	method := passkey.For("https://app.example.com")
	browser := authtest.NewPasskey(&testing.T{}, "https://app.example.com")
	ana := cloakroom.User{ID: "usr_0198c0de0000700080000000000000aa", Email: "ana@example.com"}

	offer, _ := method.Offer(ctx, cloakroom.Binding{User: ana})
	onFile, err := method.Bind(ctx, cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: browser.Create(offer.Show)})
	fmt.Println(err)

	question, _ := method.Ask(ctx, cloakroom.Claim{}) // of anybody
	answer := browser.Get(question.Show)
	fmt.Println(method.Whose(answer) == ana.ID)
	proof, err := method.Prove(ctx, cloakroom.Claim{
		User: &ana, Credentials: []cloakroom.Credential{onFile}, Kept: question.Keep, Secret: answer,
	})
	fmt.Println(proof.Factors, err)
	// Output:
	// <nil>
	// true
	// 2 <nil>
}

func ExampleFor() {
	method := passkey.For("https://app.example.com")
	method.Site = "Acme"
	method.Related = []string{"https://acme.example"}
	fmt.Println(method.RPID, method.Origins, method.Check())

	fmt.Println(passkey.For("http://127.0.0.1:8080").Check())
	// Output:
	// app.example.com [https://app.example.com] <nil>
	// passkey.Method.RPID: 127.0.0.1 is an IP address: browsers make no passkeys for it; use a domain; on one's own machine, open http://localhost instead
	// passkey.Method.Origins: "http://127.0.0.1:8080" is plain http, where browsers have no passkeys but for localhost; write it like https://app.example.com
}
