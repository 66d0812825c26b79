package cloakroom_test

import (
	"fmt"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// A name stands beside other text, in lists and in mails: it must not turn the direction of that.
func TestNameTurnsNothingAround(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	named := func(name string) error {
		return second(w.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Name = name; return nil }))
	}
	for _, r := range "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		name := fmt.Sprintf("Ana %cgpj.exe", r)
		field(t, named(name), "name", "invalid_name", fmt.Sprintf("%U", r))
		_, err := w.browser().signUp(cloakroom.SignUp{Email: "eve@example.com", Name: name, Secret: authtest.Secret})
		field(t, err, "name", "invalid_name", fmt.Sprintf("%U at a sign-up", r))
	}
	for what, name := range map[string]string{
		"right to left": "\u05d0\u05e0\u05d4 \u0644\u0646\u0627", "joined by nothing visible": "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
		"marked": "Ana \u200f\u05d0\u05e0\u05d4\u200e", "an emoji of several": "Ana \U0001f469\u200d\U0001f4bb", "accents apart": "Ana\u0308",
	} {
		done(t, named(name))
		if got := w.user(ana.ID).Name; got != name {
			t.Errorf("%s: %q is kept as %q", what, name, got)
		}
	}
}
