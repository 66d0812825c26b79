package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// factors is a world where ana has a password and a second factor "totp", whose secret is "totp".
func factors(t *testing.T, c cloakroom.Config) (*world, *cloakroom.User) {
	t.Helper()
	if c.SecondFactors == nil {
		c.SecondFactors = []cloakroom.Method{fake{name: "totp"}, fake{name: "code"}}
	}
	w := newWorld(t, c)
	ana := w.User("ana@example.com")
	w.enrolled(ana, "totp")
	return w, ana
}

// challenge signs in as far as the challenge.
func (d *device) challenge(email string) *cloakroom.Challenge {
	d.t.Helper()
	g, err := d.trySignIn(email, authtest.Secret)
	if err != nil || g.Challenge == nil || g.Session != nil || g.Tokens != nil {
		d.t.Fatalf("want a challenge and nothing else, got %+v, %v", g, err)
	}
	return g.Challenge
}

func (d *device) answer(c *cloakroom.Challenge, method, secret string) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.Continue(w, r, cloakroom.Answer{Challenge: c.Token.Reveal(), Method: method, Secret: secret})
	})
}

func TestSecondFactor(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		realm := 0
		ready := func(t *testing.T) (*world, *cloakroom.User) {
			realm++
			return factors(t, cloakroom.Config{Store: store, Realm: fmt.Sprint(realm)})
		}
		t.Run("S194 the first factor gives a challenge, no session, cookie or token", func(t *testing.T) {
			w, ana := ready(t)
			d := w.browser()
			w.Forget()
			c := d.challenge(ana.Email)
			w.happened(cloakroom.SignInChallenged)
			if !slices.Equal(c.Next, []string{"totp"}) || !c.ExpiresAt.Equal(w.Clock.Now().Add(5*time.Minute)) {
				t.Errorf("it asks for %v until %v", c.Next, c.ExpiresAt)
			}
			if d.token != "" || len(w.listed(ana.ID)) > 0 {
				t.Error("there is a token or a session")
			}
		})
		t.Run("S163 S195 a challenge opens nothing", func(t *testing.T) {
			w, ana := ready(t)
			c := w.browser().challenge(ana.Email)
			w.program().holding(c.Token.Reveal()).answers(http.StatusUnauthorized, "as a bearer token")
			w.browser().holding(c.Token.Reveal()).answers(http.StatusUnauthorized, "as a cookie")
			w.program().holding("crs_"+c.Token.Reveal()[4:]).answers(http.StatusUnauthorized, "with another prefix")
			d := w.browser()
			d.begin()
			session := d.token
			_, err := w.Continue(httptest.NewRecorder(), d.request(), cloakroom.Answer{Challenge: session, Method: "totp", Secret: "totp"})
			fails(t, err, cloakroom.ErrInvalidChallenge, "a session token as a challenge")
		})
		t.Run("S196 the second factor opens a session of two", func(t *testing.T) {
			for _, kind := range []func(*device) *device{func(d *device) *device { return d }, func(d *device) *device { d.by = cloakroom.DeliverBearer; return d }} {
				w, ana := ready(t)
				d := kind(w.browser())
				c := d.challenge(ana.Email)
				w.Forget()
				g, err := d.answer(c, "totp", "totp")
				done(t, err)
				w.happened(cloakroom.SignedIn)
				d.answers(http.StatusOK, "after both")
				if s := d.live(); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "totp"}) || s.ID != g.Session.ID || s.User.ID != ana.ID {
					t.Errorf("the session is %+v", s)
				}
				if (g.Tokens != nil) != (d.by == cloakroom.DeliverBearer) {
					t.Error("it was not delivered as the sign-in asked for")
				}
			}
		})
		t.Run("the guest stays a guest until the last proof, and is upgraded by it", func(t *testing.T) {
			w, ana := ready(t)
			d := w.browser()
			guest := d.begin()
			d.put("tea")
			c := d.challenge(ana.Email)
			if s := d.live(); s.ID != guest.ID || !s.Anonymous() {
				t.Error("the first proof changed the session")
			}
			_, err := d.answer(c, "totp", "totp")
			done(t, err)
			d.hasCart("tea", "after both")
		})
		t.Run("a wrong answer is told, and the right one still counts", func(t *testing.T) {
			w, ana := ready(t)
			d := w.browser()
			c := d.challenge(ana.Email)
			w.Forget()
			_, err := d.answer(c, "totp", "wrong")
			fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong answer")
			w.happened(cloakroom.SignInFailed)
			d.answers(http.StatusUnauthorized, "after a wrong answer")
			_, err = d.answer(c, "totp", "totp")
			done(t, err)
			d.answers(http.StatusOK, "after the right one")
		})
		t.Run("a method that is not asked for does not answer", func(t *testing.T) {
			w, ana := ready(t)
			c := w.browser().challenge(ana.Email)
			for _, method := range []string{"", "password", "palm"} {
				_, err := w.browser().answer(c, method, authtest.Secret)
				if _, ok := errors.AsType[cloakroom.FieldErrors](err); !ok {
					t.Errorf("method %q: %v", method, err)
				}
			}
			_, err := w.browser().answer(c, "code", "code") // ana has none of this kind
			fails(t, err, cloakroom.ErrInvalidCredentials, "a factor that she has not")
		})
		t.Run("S202 used, expired or never made", func(t *testing.T) {
			w, ana := ready(t)
			d := w.browser()
			used := d.challenge(ana.Email)
			_, err := d.answer(used, "totp", "totp")
			done(t, err)
			_, err = w.browser().answer(used, "totp", "totp")
			fails(t, err, cloakroom.ErrInvalidChallenge, "a used one")

			late := w.browser().challenge(ana.Email)
			w.Clock.Advance(5*time.Minute - time.Microsecond)
			_, err = w.browser().answer(late, "totp", "wrong")
			fails(t, err, cloakroom.ErrInvalidCredentials, "a microsecond before its end")
			w.Clock.Advance(time.Microsecond)
			_, err = w.browser().answer(late, "totp", "totp")
			fails(t, err, cloakroom.ErrInvalidChallenge, "an expired one")

			for _, junk := range []string{"", "crt_", "crt_" + strings.Repeat("A", 67), "junk"} {
				_, err := w.Continue(httptest.NewRecorder(), w.browser().request(), cloakroom.Answer{Challenge: junk, Method: "totp", Secret: "totp"})
				fails(t, err, cloakroom.ErrInvalidChallenge, junk)
			}
		})
		for what, c := range map[string]struct {
			change func(context.Context, *world, *cloakroom.User) error
			want   error
		}{
			"banned":  {func(ctx context.Context, w *world, u *cloakroom.User) error { return w.Users().Ban(ctx, u.ID) }, cloakroom.ErrBanned},
			"deleted": {func(ctx context.Context, w *world, u *cloakroom.User) error { return w.Users().Delete(ctx, u.ID) }, cloakroom.ErrInvalidCredentials},
			"revoked": {func(ctx context.Context, w *world, u *cloakroom.User) error { return w.Sessions().RevokeAll(ctx, u.ID) }, cloakroom.ErrInvalidChallenge},
			"password": {func(ctx context.Context, w *world, u *cloakroom.User) error {
				return w.Users().SetSecret(ctx, u.ID, "", nextSecret)
			}, cloakroom.ErrInvalidChallenge},
		} {
			t.Run("S202 the account changed in between: "+what, func(t *testing.T) {
				w, ana := ready(t)
				d := w.browser()
				challenge := d.challenge(ana.Email)
				done(t, c.change(t.Context(), w, ana))
				w.Forget()
				_, err := d.answer(challenge, "totp", "totp")
				fails(t, err, c.want, "the second factor")
				if len(w.Events(cloakroom.SignedIn)) > 0 || d.token != "" {
					t.Error("it signed in")
				}
			})
		}
	})
}

func TestSecondFactorAtOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		var evaluated atomic.Int32
		w, ana := factors(t, cloakroom.Config{
			Store: store, Limits: cloakroom.Limits{InsecureNoLogin: true}, // the attempt has a limit of its own
			SecondFactors: []cloakroom.Method{fake{name: "totp", prove: func(_ context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
				evaluated.Add(1)
				if c.Secret != "totp" {
					return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
				}
				return cloakroom.Proof{}, nil
			}}},
		})
		t.Run("S199 of 64 right answers at once one opens a session", func(t *testing.T) {
			c := w.browser().challenge(ana.Email)
			n := atOnce(64, func(int) error { return second(w.browser().answer(c, "totp", "totp")) })
			if n != 1 || len(w.listed(ana.ID)) != 1 {
				t.Errorf("%d succeeded, %d sessions", n, len(w.listed(ana.ID)))
			}
		})
		t.Run("S186 S200 of 200 wrong answers at once at most 5 are evaluated, and then none, not even the right one", func(t *testing.T) {
			c := w.browser().challenge(ana.Email)
			evaluated.Store(0)
			atOnce(200, func(int) error { return second(w.browser().answer(c, "totp", "wrong")) })
			if n := evaluated.Load(); n == 0 || n > 5 {
				t.Errorf("%d were evaluated", n)
			}
			for range 10 {
				_ = second(w.browser().answer(c, "totp", "wrong"))
			}
			if n := evaluated.Load(); n == 0 || n > 5 {
				t.Errorf("%d were evaluated in all", n)
			}
			if err := second(w.browser().answer(c, "totp", "totp")); err == nil {
				t.Error("the right answer after five wrong ones was taken")
			}
		})
	})
}

// Whoever knows the password must not get any number of guesses at the second factor by starting anew.
func TestSecondFactorLimits(t *testing.T) {
	w, ana := factors(t, cloakroom.Config{})
	wrong := 0
	d := w.browser()
guessing:
	for range 100 {
		g, err := d.trySignIn(ana.Email, authtest.Secret)
		if err != nil {
			limited(t, err, "the first factor")
			break
		}
		for range 4 {
			_, err := d.answer(g.Challenge, "totp", "wrong")
			if !errors.Is(err, cloakroom.ErrInvalidCredentials) {
				limited(t, err, "the second factor")
				break guessing
			}
			wrong++
		}
	}
	if wrong != 5 {
		t.Errorf("%d wrong answers were evaluated, want the 5 that lock", wrong)
	}
	for i := range 200 { // nor is an address known by half a sign-in
		far := w.from(fmt.Sprintf("203.0.113.%d", i))
		for range 3 {
			g, err := far.trySignIn(ana.Email, authtest.Secret)
			if err != nil {
				continue
			}
			if _, err := far.answer(g.Challenge, "totp", "wrong"); errors.Is(err, cloakroom.ErrInvalidCredentials) {
				wrong++
			}
		}
	}
	if wrong != 5 {
		t.Errorf("%d wrong answers were evaluated from many addresses, want no more than before", wrong)
	}
}

func TestFactors(t *testing.T) {
	passkey := fake{name: "passkey", prove: func(context.Context, cloakroom.Claim) (cloakroom.Proof, error) {
		return cloakroom.Proof{Factors: 2}, nil
	}}
	w := newWorld(t, cloakroom.Config{
		Methods: []cloakroom.Method{passkey, fake{name: "pin"}}, SecondFactors: []cloakroom.Method{fake{name: "totp"}},
	})
	ana := w.User("ana@example.com")
	w.enrolled(ana, "totp")
	w.enrolled(ana, "pin")
	t.Run("a proof of two factors needs no second", func(t *testing.T) {
		d := w.browser()
		g, err := d.trySignIn(ana.Email, "x")
		done(t, err)
		if s := d.live(); g.Challenge != nil || s.Level != 2 || !slices.Equal(s.Methods, []string{"passkey"}) {
			t.Errorf("the session is %+v", s)
		}
	})
	t.Run("a named method of one factor does", func(t *testing.T) {
		g, err := w.SignIn(httptest.NewRecorder(), w.browser().request(), cloakroom.SignIn{Email: ana.Email, Secret: "pin", Method: "pin"})
		if err != nil || g.Challenge == nil || g.Session != nil {
			t.Errorf("granted %+v, %v", g, err)
		}
	})
	t.Run("who has no second factor is not asked for one", func(t *testing.T) {
		bob := w.User("bob@example.com")
		w.enrolled(bob, "pin")
		d := w.browser()
		_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.SignIn(rw, r, cloakroom.SignIn{Email: bob.Email, Secret: "pin", Method: "pin"})
		})
		done(t, err)
		if s := d.live(); s.Level != 1 {
			t.Errorf("level %d", s.Level)
		}
	})
}
