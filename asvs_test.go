package cloakroom_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// Rows of OWASP ASVS 5.0 (docs/asvs.md) that no other test proves by the way.
func TestASVS(t *testing.T) {
	t.Run("S-1 whoever guesses a password does not lock out its owner's passkey", func(t *testing.T) {
		w := guarded(t, cloakroom.Config{})
		ana := w.User("ana@example.com")
		d, p := w.browser(), authtest.NewPasskey(t, site)
		d.signIn(ana.Email)
		d.addPasskey(p, "")
		w.from("192.0.2.1").guess(10, ana.Email)
		limited(t, second(w.browser().trySignIn(ana.Email, authtest.Secret)), "the right password, from where the guesses came from")
		e := w.browser()
		c := e.byPasskey()
		done(t, second(e.answer(c, "passkey", p.Get(c.Offer))))
		e.answers(http.StatusOK, "by the passkey")
	})
	t.Run("S-11 a password of ten years is as good as one of today", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		w.User("ana@example.com")
		w.Clock.Advance(10 * 365 * 24 * time.Hour)
		d := w.browser()
		d.signIn("ana@example.com")
		d.answers(http.StatusOK, "ten years later")
	})
	t.Run("S-12 a fresh store has nobody in it", func(t *testing.T) {
		onEachStore(t, func(t *testing.T, store cloakroom.Store) {
			w := newWorld(t, cloakroom.Config{Store: store})
			if n := len(all(t, w.Users().All(t.Context(), ""))); n != 0 {
				t.Errorf("%d users", n)
			}
			if n := len(all(t, w.APIKeys().After(t.Context(), "", ""))); n != 0 {
				t.Errorf("%d API keys", n)
			}
			for _, email := range []string{"admin@example.com", "admin", "root", "cloakroom"} {
				fails(t, second(w.browser().trySignIn(email, email)), cloakroom.ErrInvalidCredentials, email)
			}
		})
	})
	t.Run("S-24 mailed codes have eight digits, all of which occur, and do not repeat", func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}})
		seen, digits := map[string]bool{}, map[rune]bool{}
		for i := range 32 {
			email := fmt.Sprintf("user%d@example.com", i)
			p.User(email)
			p.browser().askCode(email)
			code, _ := p.code(email)
			if len(code) != 8 || seen[code] {
				t.Errorf("code %q, again: %v", code, seen[code])
			}
			seen[code] = true
			for _, c := range code {
				digits[c] = true
			}
		}
		if len(digits) != 10 { // one of 256 is missing by chance once in 10¹⁰
			t.Errorf("only the digits %v", digits)
		}
	})
}
