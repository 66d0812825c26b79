package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// setUp shows the token of a setup link.
func (d *device) setUp(token cloakroom.Token, email string) (*cloakroom.Grant, error) {
	return d.setUpAs(cloakroom.Setup{Token: token.Reveal(), Email: email, Name: "Boss", Secret: authtest.Secret})
}

func (d *device) setUpAs(in cloakroom.Setup) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		in.Terms = d.terms()
		return d.Setup(w, r, in)
	})
}

func (w *world) setupToken() cloakroom.Token {
	w.t.Helper()
	token, err := w.SetupToken(w.t.Context())
	done(w.t, err)
	return token
}

func TestSetup(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		realm := 0
		fresh := func(t *testing.T, c cloakroom.Config) *world {
			realm++
			c.Store, c.Realm = store, strings.Repeat("r", realm)
			return newWorld(t, c)
		}
		t.Run("the token makes the first administrator, once, also while sign-up is closed", func(t *testing.T) {
			w := fresh(t, cloakroom.Config{SignupClosed: true})
			w.User("ana@example.com", "editor")
			w.Forget()
			token, d := w.setupToken(), w.browser()
			w.happened(cloakroom.SetupLinkMade)
			g, err := d.setUp(token, " Boss@Example.com")
			done(t, err)
			if made := w.Events(cloakroom.UserCreated); len(made) != 1 || made[0].Reason != "setup" || made[0].IP == "" {
				t.Errorf("events %+v", made)
			}
			w.happened(cloakroom.UserCreated, cloakroom.SignedIn)
			u := g.Session.User
			if u.Email != "boss@example.com" || u.EmailVerified || u.Name != "Boss" || !slices.Equal(u.Roles, []string{cloakroom.RoleAdmin}) || g.Session.Level != 1 {
				t.Errorf("administrator %+v", u)
			}
			d.gets(http.StatusOK, "what is for administrators", cloakroom.Role(cloakroom.RoleAdmin))
			w.browser().signIn("boss@example.com")
			_, err = w.browser().setUp(token, "thief@example.com")
			fails(t, err, cloakroom.ErrInvalidLink, "the token again")
			_, err = w.SetupToken(t.Context())
			fails(t, err, cloakroom.ErrForbidden, "another token")
			if kept := typesOf(w.history(u.ID)); len(kept) != 3 || !slices.Contains(kept, cloakroom.UserCreated) {
				t.Errorf("kept %v", kept)
			}
		})
		t.Run("what is wrong with the account leaves the token good", func(t *testing.T) {
			w := fresh(t, cloakroom.Config{Veto: func(_ context.Context, e cloakroom.Event) error {
				if e.Type == cloakroom.UserCreated && e.Details["email"] == "vetoed@example.com" {
					return errors.New("not this one")
				}
				return nil
			}})
			w.User("ana@example.com")
			token := w.setupToken()
			good := cloakroom.Setup{Token: token.Reveal(), Email: "boss@example.com", Secret: authtest.Secret}
			for field, spoil := range map[string]func(*cloakroom.Setup){
				"email":    func(in *cloakroom.Setup) { in.Email = "boss" },
				"password": func(in *cloakroom.Setup) { in.Secret = "short" },
				"name":     func(in *cloakroom.Setup) { in.Name = "a\nb" },
				"method":   func(in *cloakroom.Setup) { in.Method = "carving" },
			} {
				in := good
				spoil(&in)
				_, err := w.browser().setUpAs(in)
				refuses(t, err, field)
			}
			_, err := w.browser().setUp(token, "ana@example.com")
			fails(t, err, cloakroom.ErrEmailTaken, "an e-mail that has an account")
			_, err = w.browser().setUp(token, "vetoed@example.com")
			fails(t, err, cloakroom.ErrForbidden, "a veto")
			_, err = w.browser().setUpAs(good)
			done(t, err)
		})
		t.Run("only the latest token is good, for a day, in its realm", func(t *testing.T) {
			w := fresh(t, cloakroom.Config{})
			other := fresh(t, cloakroom.Config{})
			first, second := w.setupToken(), w.setupToken()
			_, err := w.browser().setUp(first, "boss@example.com")
			fails(t, err, cloakroom.ErrInvalidLink, "the token of before")
			_, err = other.browser().setUp(second, "boss@example.com")
			fails(t, err, cloakroom.ErrInvalidLink, "another realm")
			_, err = w.browser().setUpAs(cloakroom.Setup{Email: "boss@example.com", Secret: authtest.Secret})
			fails(t, err, cloakroom.ErrInvalidLink, "no token")
			w.Clock.Advance(24 * time.Hour)
			_, err = w.browser().setUp(second, "boss@example.com")
			fails(t, err, cloakroom.ErrExpiredLink, "after a day")
			third := w.setupToken()
			w.Clock.Advance(24*time.Hour - time.Second)
			_, err = w.browser().setUp(third, "boss@example.com")
			done(t, err)
		})
		t.Run("it is over when there is an administrator by another road", func(t *testing.T) {
			w := fresh(t, cloakroom.Config{})
			token := w.setupToken()
			w.User("first@example.com", cloakroom.RoleAdmin)
			_, err := w.browser().setUp(token, "boss@example.com")
			fails(t, err, cloakroom.ErrForbidden, "an administrator by now")
			_, err = w.Users().ByEmail(t.Context(), "boss@example.com")
			fails(t, err, cloakroom.ErrNotFound, "the account")
		})
		t.Run("a machine that administers does not stand in its way", func(t *testing.T) {
			w := fresh(t, cloakroom.Config{})
			for range 3 {
				w.issue(cloakroom.NewAPIKey{Roles: []string{cloakroom.RoleAdmin}, Scopes: []string{"admin"}})
			}
			_, err := w.browser().setUp(w.setupToken(), "boss@example.com")
			done(t, err)
			_, err = w.SetupToken(t.Context())
			fails(t, err, cloakroom.ErrForbidden, "with an administrator who can sign in")
		})
		t.Run("of 64 at once one becomes the administrator", func(t *testing.T) {
			w := fresh(t, cloakroom.Config{Methods: []cloakroom.Method{fake{name: "password"}}})
			token := w.setupToken()
			n := atOnce(64, func(i int) error {
				_, err := w.browser().setUp(token, string(rune('a'+i%26))+strings.Repeat("x", i)+"@example.com")
				return err
			})
			if admins := len(all(t, w.Users().All(t.Context(), cloakroom.RoleAdmin))); n != 1 || admins != 1 {
				t.Errorf("%d succeeded, %d administrators", n, admins)
			}
		})
	})
}

func TestSetupRefusesOtherSites(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	token := w.setupToken()
	_, err := w.browser().grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		return w.Setup(rw, r, cloakroom.Setup{Token: token.Reveal(), Email: "boss@example.com", Secret: authtest.Secret})
	})
	fails(t, err, cloakroom.ErrCrossOrigin, "a page of another site")
	_, err = w.browser().setUp(token, "boss@example.com")
	done(t, err)
}

func TestSetupFaults(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	store.down("Users")
	_, err := w.SetupToken(t.Context())
	unknowable(t, err, "a token, while nobody can know who is an administrator")
	store.down()
	token := w.setupToken()
	store.down("Users", "Take")
	_, err = w.browser().setUp(token, "boss@example.com")
	unknowable(t, err, "the set-up")
	store.down()
	_, err = w.browser().setUp(token, "boss@example.com")
	done(t, err)
}
