package authtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

const page = "https://app.example.com"

// relying is a site that wants passkeys, and what it has on file.
type relying struct {
	passkey.Method
	*testing.T
	user   cloakroom.User
	onFile []cloakroom.Credential
}

func newRelying(t *testing.T) *relying {
	return &relying{Method: passkey.For(page), T: t, user: cloakroom.User{ID: "usr_1", Email: "ana@example.com"}}
}

func (r *relying) register(create func(shown any) string) error {
	r.Helper()
	o, err := r.Offer(r.Context(), cloakroom.Binding{User: r.user, Credentials: r.onFile})
	if err != nil {
		r.Fatal(err)
	}
	c, err := r.Bind(r.Context(), cloakroom.Binding{User: r.user, Kept: o.Keep, Answer: create(o.Show)})
	r.onFile = append(r.onFile, c)
	return err
}

func (r *relying) signIn(c cloakroom.Claim, get func(shown any) string) (cloakroom.Proof, error) {
	r.Helper()
	o, err := r.Ask(r.Context(), c)
	if err != nil {
		r.Fatal(err)
	}
	c.User, c.Credentials, c.Kept, c.Secret = &r.user, r.onFile, o.Keep, get(o.Show)
	return r.Prove(r.Context(), c)
}

// Options may come in whatever form a test has them.
func TestPasskeyOptions(t *testing.T) {
	encode := func(shown any) []byte {
		text, err := json.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	inner := func(shown any) json.RawMessage {
		var o struct {
			PublicKey json.RawMessage `json:"publicKey"`
		}
		if err := json.Unmarshal(encode(shown), &o); err != nil {
			t.Fatal(err)
		}
		return o.PublicKey
	}
	for name, form := range map[string]func(shown any) any{
		"a value":             func(shown any) any { return shown },
		"text":                func(shown any) any { return string(encode(shown)) },
		"bytes":               func(shown any) any { return encode(shown) },
		"raw JSON":            func(shown any) any { return json.RawMessage(encode(shown)) },
		"without publicKey":   func(shown any) any { return inner(shown) },
		"its text without it": func(shown any) any { return string(inner(shown)) },
	} {
		r, device := newRelying(t), authtest.NewPasskey(t, page)
		if err := r.register(func(shown any) string { return device.Create(form(shown)) }); err != nil {
			t.Errorf("%s: create: %v", name, err)
		}
		if _, err := r.signIn(cloakroom.Claim{}, func(shown any) string { return device.Get(form(shown)) }); err != nil {
			t.Errorf("%s: get: %v", name, err)
		}
	}
}

func TestPasskeyKnobs(t *testing.T) {
	for name, test := range map[string]struct {
		turn  func(*authtest.Passkey)
		proof string // what the site makes of it
	}{
		"as it comes":        {func(p *authtest.Passkey) {}, "2 false <nil>"},
		"synced":             {func(p *authtest.Passkey) { p.Synced = true }, "2 true <nil>"},
		"EdDSA":              {func(p *authtest.Passkey) { p.Algorithm = authtest.EdDSA }, "2 false <nil>"},
		"RS256":              {func(p *authtest.Passkey) { p.Algorithm = authtest.RS256 }, "2 false <nil>"},
		"nobody is verified": {func(p *authtest.Passkey) { p.Unverified = true }, "refused"},
		"another algorithm":  {func(p *authtest.Passkey) { p.Algorithm = -36 }, "refused"},
		"another page":       {func(p *authtest.Passkey) { p.Origin = "https://example.org" }, "refused"},
		"altered":            {func(p *authtest.Passkey) { p.Alter = func(c *authtest.Ceremony) { c.Present = false } }, "refused"},
	} {
		r, device := newRelying(t), authtest.NewPasskey(t, page)
		test.turn(device)
		err := r.register(device.Create)
		got := "refused"
		if err == nil {
			proof, err := r.signIn(cloakroom.Claim{}, device.Get)
			got = fmt.Sprint(proof.Factors, r.Describe(*proof.Credential).(passkey.Description).BackedUp, err)
		}
		if got != test.proof || err != nil && !errors.Is(err, cloakroom.ErrInvalidCredentials) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// A device has many passkeys, and takes the one that is asked for.
func TestPasskeyChoice(t *testing.T) {
	ana, bob := newRelying(t), newRelying(t)
	bob.user.ID = "usr_2"
	device := authtest.NewPasskey(t, page)
	for _, r := range []*relying{ana, bob} {
		if err := r.register(device.Create); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []*relying{ana, bob} {
		named := cloakroom.Claim{User: &r.user, Credentials: r.onFile, Second: true}
		if proof, err := r.signIn(named, device.Get); err != nil || proof.Credential.ID != r.onFile[0].ID {
			t.Errorf("%s: %+v, %v", r.user.ID, proof, err)
		}
	}
	if _, err := bob.signIn(cloakroom.Claim{}, device.Get); err != nil {
		t.Errorf("the newest, if none is named: %v", err)
	}
}

// strict is a test that is expected to fail.
type strict struct {
	testing.TB
	why string
}

func (s *strict) Helper()        {}
func (s *strict) Fatal(a ...any) { s.why = fmt.Sprint(a...); runtime.Goexit() }
func (s *strict) Fatalf(format string, a ...any) {
	s.why = fmt.Sprintf(format, a...)
	runtime.Goexit()
}

func TestPasskeyFailsTheTest(t *testing.T) {
	r := newRelying(t)
	for want, misuse := range map[string]func(*authtest.Passkey){
		"these are no options": func(p *authtest.Passkey) { p.Get("garbage") },
		"NotAllowedError":      func(p *authtest.Passkey) { _, _ = r.signIn(cloakroom.Claim{}, p.Get) },
		"InvalidStateError": func(p *authtest.Passkey) {
			_ = r.register(p.Create)
			_ = r.register(p.Create)
		},
	} {
		s := &strict{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			misuse(authtest.NewPasskey(s, page))
		}()
		<-done
		if !strings.Contains(s.why, want) {
			t.Errorf("%s: %q", want, s.why)
		}
	}
}

func ExampleNewPasskey() {
	var t testing.TB = &testing.T{} // the t of a test
	ctx := context.Background()
	site := passkey.For("https://app.example.com")
	ana := cloakroom.User{ID: "usr_1", Email: "ana@example.com"}

	device := authtest.NewPasskey(t, "https://app.example.com")
	offer, _ := site.Offer(ctx, cloakroom.Binding{User: ana}) // in an app: the answer of the endpoint
	_, err := site.Bind(ctx, cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: device.Create(offer.Show)})
	fmt.Println(err)

	device.Alter = func(c *authtest.Ceremony) { c.Origin = "https://evil.example" }
	offer, _ = site.Offer(ctx, cloakroom.Binding{User: ana})
	_, err = site.Bind(ctx, cloakroom.Binding{User: ana, Kept: offer.Keep, Answer: device.Create(offer.Show)})
	fmt.Println(err)
	// Output:
	// <nil>
	// wrong e-mail or password: passkey: origin "https://evil.example" is not listed
}
