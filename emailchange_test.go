package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestEmailChange(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T) (*postal, *cloakroom.User) {
			p := newPostal(t, onRealm(store, cloakroom.Config{}))
			return p, p.User("ana@example.com")
		}
		t.Run("S132 V94 V95 the old address counts until the new one is proven, and then the new one alone", func(t *testing.T) {
			p, ana := ready(t)
			other := p.browser()
			other.signIn(ana.Email)
			s, r, d := p.admitted(ana.Email)
			p.Forget()
			done(t, p.RequestEmailChange(r, s, " New@Example.com"))
			p.happened(cloakroom.EmailChangeRequested)
			token := p.token("new@example.com", "verify_new_email")
			other.signIn(ana.Email)
			fails(t, second(p.browser().trySignIn("new@example.com", authtest.Secret)), cloakroom.ErrInvalidCredentials, "the new one before")

			before := d.token
			p.Forget()
			g, err := d.confirm(token)
			done(t, err)
			p.happened(cloakroom.EmailChanged, cloakroom.SessionRenewed, cloakroom.SessionRevoked)
			if e := p.Events(); len(e) > 0 {
				t.Errorf("%v", e)
			}
			if u := d.live().User; u.Email != "new@example.com" || !u.EmailVerified || g.Session.User.Email != u.Email || d.token == before {
				t.Errorf("the account is %+v", u)
			}
			other.answers(http.StatusUnauthorized, "V95 another session")
			d.holding(before).answers(http.StatusUnauthorized, "V95 the token from before")
			fails(t, second(p.browser().trySignIn(ana.Email, authtest.Secret)), cloakroom.ErrInvalidCredentials, "the old one afterwards")
			p.browser().signIn("new@example.com")
			notice := p.box.WaitFor(t, ana.Email, "notice")
			if !strings.Contains(notice.Text, "new@example.com") {
				t.Errorf("the old address is told %s", notice.Text)
			}
			p.gets("new@example.com", "verify_new_email")
			p.User(ana.Email) // the old one is free
		})
		t.Run("S132 without a session all of them end, and none begins", func(t *testing.T) {
			p, ana := ready(t)
			s, r, d := p.admitted(ana.Email)
			done(t, p.RequestEmailChange(r, s, "new@example.com"))
			token := p.token("new@example.com", "verify_new_email")
			bob := p.browser()
			p.User("bob@example.com")
			bob.signIn("bob@example.com")
			g, err := bob.confirm(token)
			if err != nil || g.Session != nil || g.Tokens != nil {
				t.Errorf("granted %+v, %v", g, err)
			}
			d.answers(http.StatusUnauthorized, "the session that asked")
			if bob.live().User.Email != "bob@example.com" {
				t.Error("somebody else's session changed")
			}
			p.browser().signIn("new@example.com")
		})
		t.Run("V96 a taken address is answered as a free one, and its owner told", func(t *testing.T) {
			p, ana := ready(t)
			bob := p.User("bob@example.com")
			s, r, _ := p.admitted(ana.Email)
			p.Forget()
			done(t, p.RequestEmailChange(r, s, bob.Email))
			p.happened(cloakroom.EmailChangeRequested)
			p.gets(bob.Email, "signup_known")
		})
		t.Run("an address that is taken meanwhile stays its owner's, and the link good", func(t *testing.T) {
			p, ana := ready(t)
			token := askChange(p, ana.Email)
			bob := p.User("new.ana@example.com")
			_, _, d := p.admitted(ana.Email)
			fails(t, second(d.confirm(token)), cloakroom.ErrEmailTaken, "while it is taken")
			d.answers(http.StatusOK, "the session")
			done(t, p.Users().Delete(t.Context(), bob.ID))
			done(t, second(d.confirm(token)))
			if d.live().User.Email != "new.ana@example.com" {
				t.Error("it is not changed")
			}
		})
		t.Run("of two changes that were asked for the later counts, however they are confirmed", func(t *testing.T) {
			for i := range 10 {
				p, ana := ready(t)
				s, r, _ := p.admitted(ana.Email)
				done(t, p.RequestEmailChange(r, s, "a@example.com"))
				first := p.token("a@example.com", "verify_new_email")
				done(t, p.RequestEmailChange(r, s, "b@example.com"))
				latest := p.token("b@example.com", "verify_new_email")
				var errs [2]error
				var both sync.WaitGroup
				both.Go(func() { errs[0] = second(p.browser().confirm(first)) })
				both.Go(func() { errs[1] = second(p.browser().confirm(latest)) })
				both.Wait()
				fails(t, errs[0], cloakroom.ErrInvalidLink, "the first")
				if now := p.user(ana.ID); errs[1] != nil || now.Email != "b@example.com" || !now.EmailVerified {
					t.Fatalf("round %d: %v, %+v", i, errs[1], now)
				}
			}
		})
		t.Run("of two that were asked for at once one is proven, and that is what the account has", func(t *testing.T) {
			for i := range 10 {
				p, ana := ready(t)
				s, r, _ := p.admitted(ana.Email)
				atOnce(2, func(i int) error { return p.RequestEmailChange(r, s, fmt.Sprintf("%c@example.com", 'a'+i)) })
				tokens := []string{p.token("a@example.com", "verify_new_email"), p.token("b@example.com", "verify_new_email")}
				won := make([]bool, 2)
				n := atOnce(2, func(i int) error {
					err := second(p.browser().confirm(tokens[i]))
					won[i] = err == nil
					return err
				})
				now := p.user(ana.ID)
				if n != 1 || now.Email != fmt.Sprintf("%c@example.com", 'a'+slices.Index(won, true)) {
					t.Fatalf("round %d: %d won, %v, the account has %s", i, n, won, now.Email)
				}
			}
		})
		t.Run("two who want the same address: both are asked, one gets it", func(t *testing.T) {
			p, ana := ready(t)
			bob := p.User("bob@example.com")
			var tokens []string
			for _, u := range []*cloakroom.User{ana, bob} {
				s, r, _ := p.admitted(u.Email)
				done(t, p.RequestEmailChange(r, s, "both@example.com"))
				p.delivered()
				p.Clock.Advance(time.Minute)
			}
			p.delivered()
			for range 2 {
				tokens = append(tokens, p.token("both@example.com", "verify_new_email"))
			}
			if n := atOnce(2, func(i int) error { return second(p.browser().confirm(tokens[i])) }); n != 1 {
				t.Errorf("%d got it", n)
			}
		})
		t.Run("what the account had meanwhile on another road stays", func(t *testing.T) {
			p, ana := ready(t)
			token := askChange(p, ana.Email)
			_, err := p.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Email = "given@example.com"; return nil })
			done(t, err)
			fails(t, second(p.browser().confirm(token)), cloakroom.ErrInvalidLink, "the link")
			if p.user(ana.ID).Email != "given@example.com" {
				t.Error("it was changed")
			}
		})
		t.Run("who may not ask", func(t *testing.T) {
			p, ana := ready(t)
			s, r, _ := p.admitted(ana.Email)
			field(t, p.RequestEmailChange(r, s, "ANA@example.com"), "email", "unchanged", "the same")
			field(t, p.RequestEmailChange(r, s, "ana"), "email", "invalid_email", "junk")
			fails(t, p.RequestEmailChange(r, nil, "x@example.com"), cloakroom.ErrUnauthenticated, "nobody")
			fails(t, p.RequestEmailChange(r, p.browser().begin(), "x@example.com"), cloakroom.ErrUnauthenticated, "a guest")
			_, key := p.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"all"}})
			fails(t, p.RequestEmailChange(r, key.live(), "x@example.com"), cloakroom.ErrForbidden, "an API key")
			p.gets("x@example.com")
		})
		t.Run("another site cannot confirm, nor who is vetoed, and the link stays good", func(t *testing.T) {
			var refuse error
			p := newPostal(t, onRealm(store, cloakroom.Config{Veto: func(_ context.Context, e cloakroom.Event) error {
				if e.Type == cloakroom.EmailChanged && (e.Details["from"] != "ana@example.com" || e.Details["to"] != "new.ana@example.com") {
					t.Errorf("vetoed %+v", e)
				}
				if e.Type == cloakroom.EmailChanged {
					return refuse
				}
				return nil
			}}))
			ana := p.User("ana@example.com")
			token := askChange(p, ana.Email)
			refuse = errors.New("not today")
			s, r, _ := p.admitted(ana.Email)
			fails(t, p.RequestEmailChange(r, s, "new.ana@example.com"), cloakroom.ErrForbidden, "to ask, vetoed")
			fails(t, second(p.browser().confirm(token)), cloakroom.ErrForbidden, "to confirm, vetoed")
			refuse = nil
			r = p.browser().request()
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			_, err := p.ConfirmEmailChange(nil, r, cloakroom.EmailConfirmation{Token: token})
			fails(t, err, cloakroom.ErrCrossOrigin, "another site")
			for secret, want := range map[string]error{"wrong": cloakroom.ErrInvalidCredentials, "": nil} {
				_, err = p.ConfirmEmailChange(httptest.NewRecorder(), p.browser().request(), cloakroom.EmailConfirmation{Token: token, Secret: secret})
				if want == nil && !isFieldErrors(err) || want != nil && !errors.Is(err, want) {
					t.Errorf("in another browser with %q: %v", secret, err)
				}
			}
			done(t, second(p.browser().confirm(token)))
		})
	})
}
