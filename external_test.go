package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func (d *device) external(in cloakroom.External) (*cloakroom.Grant, error) {
	in.Delivery = d.by
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.SignInExternal(w, r, in)
	})
}

func anaAt(issuer string) cloakroom.External {
	return cloakroom.External{Issuer: issuer, Subject: "4711", Email: "ana@example.com", EmailVerified: true, Name: "Ana"}
}

func TestExternal(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		realm := 0
		ready := func(t *testing.T) *world {
			realm++
			return newWorld(t, cloakroom.Config{Store: store, Realm: fmt.Sprint("external", realm)})
		}
		signIn := func(t *testing.T, w *world, in cloakroom.External) *cloakroom.Session {
			t.Helper()
			d := w.browser()
			if _, err := d.external(in); err != nil {
				t.Fatal(err)
			}
			s, err := d.session()
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		t.Run("V99 a new identity gets an account, and the same one again", func(t *testing.T) {
			w := ready(t)
			first, second := signIn(t, w, anaAt("https://a.example")), signIn(t, w, anaAt("https://a.example"))
			if first.User.ID != second.User.ID || first.User.Name != "Ana" || !first.User.EmailVerified {
				t.Errorf("%+v, then %+v", first.User, second.User)
			}
		})
		t.Run("S-30 the same subject at another issuer is somebody else", func(t *testing.T) {
			w := ready(t)
			first := signIn(t, w, anaAt("https://a.example"))
			other := anaAt("https://b.example")
			other.Email = ""
			if second := signIn(t, w, other); second.User.ID == first.User.ID {
				t.Error("one account for two")
			}
			again := anaAt("https://b.example")
			again.Subject = "4712"
			_, err := w.browser().external(again)
			fails(t, err, cloakroom.ErrEmailTaken, "by the e-mail of the first")
		})
		t.Run("V100 an e-mail that the issuer has not proven links to nothing", func(t *testing.T) {
			w := ready(t)
			w.User("ana@example.com")
			in := anaAt("https://a.example")
			in.EmailVerified = false
			_, err := w.browser().external(in)
			fails(t, err, cloakroom.ErrEmailTaken, "unproven")
		})
		t.Run("V101 one that both sides have proven links, and the password stays", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			verified(t, w, ana)
			if s := signIn(t, w, anaAt("https://a.example")); s.User.ID != ana.ID {
				t.Error("another account")
			}
			if _, err := w.browser().trySignIn(ana.Email, authtest.Secret); err != nil {
				t.Errorf("the password: %v", err)
			}
		})
		t.Run("V101 V102 one that only the issuer has proven drops what the account was opened by", func(t *testing.T) {
			w := ready(t)
			attacker := w.browser()
			g, err := attacker.signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})
			done(t, err)
			ana := g.Session.User
			if s := signIn(t, w, anaAt("https://a.example")); s.User.ID != ana.ID || !s.User.EmailVerified {
				t.Errorf("user %+v", s.User)
			}
			_, err = attacker.session()
			fails(t, err, cloakroom.ErrInvalidToken, "the attacker's session")
			_, err = w.browser().trySignIn("ana@example.com", authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the attacker's password")
		})
		t.Run("V103 an account without a password gets none by a sign-up", func(t *testing.T) {
			w := ready(t)
			signIn(t, w, anaAt("https://a.example"))
			if _, err := w.browser().signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret}); !errors.Is(err, cloakroom.ErrEmailTaken) {
				t.Errorf("error %v", err)
			}
			_, err := w.browser().trySignIn("ana@example.com", authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the password of the sign-up")
		})
		t.Run("V98 whom the other system refuses, or says nothing of, is refused", func(t *testing.T) {
			w := ready(t)
			for _, in := range []cloakroom.External{{}, {Issuer: "https://a.example"}, {Issuer: "a b", Subject: "1"}, {Issuer: "a", Subject: "ü"}} {
				if _, err := w.browser().external(in); !isFieldErrors(err) {
					t.Errorf("%+v: %v", in, err)
				}
			}
		})
		t.Run("one identity at once makes one account", func(t *testing.T) {
			w := ready(t)
			atOnce(64, func(int) error { _, err := w.browser().external(anaAt("https://a.example")); return err })
			n := 0
			for _, err := range w.Users().All(t.Context(), "") {
				done(t, err)
				n++
			}
			if n != 1 {
				t.Errorf("%d accounts", n)
			}
		})
	})
}

func TestExternalHasNoWayPast(t *testing.T) {
	t.Run("S121 closed sign-up", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{SignupClosed: true})
		_, err := w.browser().external(anaAt("https://a.example"))
		fails(t, err, cloakroom.ErrSignupClosed, "a new identity")
	})
	t.Run("a ban", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		d := w.browser()
		if _, err := d.external(anaAt("https://a.example")); err != nil {
			t.Fatal(err)
		}
		s, err := d.session()
		done(t, err)
		done(t, w.Users().Ban(t.Context(), s.User.ID))
		_, err = w.browser().external(anaAt("https://a.example"))
		fails(t, err, cloakroom.ErrBanned, "a banned user")
	})
	t.Run("a second factor", func(t *testing.T) {
		w, ana := factors(t, cloakroom.Config{})
		verified(t, w, ana)
		in := anaAt("https://a.example")
		in.Email = ana.Email
		g, err := w.browser().external(in)
		if err != nil || g.Challenge == nil || g.Session != nil {
			t.Errorf("%+v, %v: want a challenge", g, err)
		}
	})
	t.Run("V97 a method that is not configured", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		_, err := w.browser().grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.SignIn(rw, r, cloakroom.SignIn{Email: "ana@example.com", Method: "ldap", Secret: "x"})
		})
		if !isFieldErrors(err) || err.Error() != "method is no method of sign-in here" {
			t.Errorf("error %v", err)
		}
	})
}

func isFieldErrors(err error) bool {
	_, ok := errors.AsType[cloakroom.FieldErrors](err)
	return ok
}

func verified(t testing.TB, w *world, user *cloakroom.User) {
	t.Helper()
	_, err := w.Users().Verify(t.Context(), user.ID)
	done(t, err)
}
