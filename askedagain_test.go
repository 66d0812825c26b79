package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

func TestAskedAgain(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		t.Run("a mail whose link was used does not stand in for the next", func(t *testing.T) {
			p := newPostal(t, onRealm(store, cloakroom.Config{}))
			ana := p.User("ana@example.com")
			done(t, p.ResetPassword(p.browser().request(), askReset(p, ana.Email), nextSecret))
			done(t, p.ResetPassword(p.browser().request(), askReset(p, ana.Email), authtest.Secret)) // within the minute
			p.browser().signIn(ana.Email)
		})
		t.Run("a link of a verification outlives a new factor and a new password", func(t *testing.T) {
			for name, change := range map[string]func(d *device) error{
				"a factor": func(d *device) error { d.addTOTP(); return nil },
				"a password": func(d *device) error {
					return second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
						return d.ChangeSecret(w, r, d.live(), cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
					}))
				},
			} {
				p := newPostal(t, onRealm(store, cloakroom.Config{SecondFactors: []cloakroom.Method{totp.Method{}, recovery.Method{}}}))
				d := p.browser()
				done(t, second(d.signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})))
				token := p.token("ana@example.com", "verify_email")
				done(t, change(d))
				if err := second(d.verify(cloakroom.EmailProof{Token: token})); err != nil || !d.live().User.EmailVerified {
					t.Errorf("after %s: %v", name, err)
				}
			}
		})
		t.Run("a stranger who asks for codes again and again does not keep the owner's from going out", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{})
			ana := p.User("ana@example.com")
			owner := p.elsewhere()
			owner.signIn(ana.Email) // an address of her own
			for i := range 30 {
				p.from(fmt.Sprintf("203.0.113.%d", i)).askCode(ana.Email)
			}
			p.Clock.Advance(time.Second)
			c := owner.askCode(ana.Email)
			for range 5 { // as many as go out to anybody, one a minute
				p.delivered()
				p.box.WaitFor(t, ana.Email, "mailcode")
				p.Clock.Advance(time.Minute)
			}
			p.delivered()
			code, _ := p.code(ana.Email)
			done(t, second(owner.typeCode(c, code)))
			p.Clock.Advance(time.Minute)
			sent := 0
			for _, letter := range p.mailsTo(ana.Email) {
				if letter == "mailcode" {
					sent++
				}
			}
			if sent != 6 {
				t.Errorf("%d mails", sent)
			}
		})
		t.Run("nor does one who signs up again and again flood a mailbox", func(t *testing.T) {
			p := newPostal(t, onRealm(store, cloakroom.Config{VerifyFirst: true}))
			for i := range 20 {
				p.from(fmt.Sprintf("203.0.113.%d", i)).pends(cloakroom.SignUp{Email: "ana@example.com", Secret: nextSecret})
			}
			for range 10 {
				p.Clock.Advance(time.Minute)
				p.delivered()
			}
			if n := len(p.mailsTo("ana@example.com")); n != 5 {
				t.Errorf("%d mails", n)
			}
			if _, err := p.Users().ByEmail(t.Context(), "ana@example.com"); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("and an account: %v", err)
			}
		})
	})
}
