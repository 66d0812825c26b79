package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

var cart = cloakroom.NewKey[[]string]("cart")

func (d *device) put(item string) {
	d.t.Helper()
	_, err := cart.Update(d.t.Context(), d.live(), func(c []string) ([]string, error) { return append(c, item), nil })
	done(d.t, err)
}

// cart is what is in it, asked with a request of its own.
func (d *device) cart() []string {
	d.t.Helper()
	c, _, err := cart.Get(d.t.Context(), d.live())
	done(d.t, err)
	return c
}

func (d *device) hasCart(want, when string) {
	d.t.Helper()
	got := ""
	for _, item := range d.cart() {
		got += item
	}
	if got != want {
		d.t.Errorf("%s: the cart has %q, want %q", when, got, want)
	}
}

func TestUpgrade(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		var hook func(context.Context, *cloakroom.Session, *cloakroom.Session) error
		calls := 0
		w := newWorld(t, cloakroom.Config{Store: store, OnUpgrade: func(ctx context.Context, guest, user *cloakroom.Session) error {
			calls++
			if hook == nil {
				return nil
			}
			return hook(ctx, guest, user)
		}})
		ana, bob := w.User("ana@example.com"), w.User("bob@example.com")
		for name, kind := range map[string]func() *device{"cookie": w.browser, "bearer": w.program} {
			t.Run("S36 V12 V13 V14 by "+name+" a guest's data stays, its token does not", func(t *testing.T) {
				d := kind()
				guest := d.begin()
				d.put("tea")
				old := d.holding(d.token)
				calls = 0
				hook = func(ctx context.Context, g, u *cloakroom.Session) error {
					if g.ID != guest.ID || !g.Anonymous() || u.User.ID != ana.ID || u.ID == guest.ID {
						t.Errorf("called with %+v and %+v", g, u)
					}
					for _, s := range []*cloakroom.Session{g, u} {
						if c, _, err := cart.Get(ctx, s); err != nil || len(c) != 1 || c[0] != "tea" {
							t.Errorf("the hook sees the cart %v, %v", c, err)
						}
					}
					return cart.Set(ctx, u, []string{"tea", "milk"})
				}
				defer func() { hook = nil }()
				w.Forget()
				s := d.signIn(ana.Email)
				w.happened(cloakroom.SignedIn, cloakroom.GuestUpgraded)
				if calls != 1 || s.ID == guest.ID || d.token == old.token {
					t.Errorf("the hook ran %d times, session %s after %s", calls, s.ID, guest.ID)
				}
				d.hasCart("teamilk", "after sign-in")
				_, err := old.session()
				fails(t, err, cloakroom.ErrInvalidToken, "the guest's token")
				d.signIn(ana.Email)
				if calls != 1 {
					t.Error("the hook ran for a user")
				}
			})
		}
		t.Run("V13 a guest's token is dead without data, too", func(t *testing.T) {
			d := w.browser()
			d.begin()
			old := d.holding(d.token)
			d.signIn(ana.Email)
			_, err := old.session()
			fails(t, err, cloakroom.ErrInvalidToken, "the guest's token")
		})
		t.Run("S38 a token that we did not make is never adopted", func(t *testing.T) {
			for _, planted := range []string{"attacker-chosen", "crs_" + strings.Repeat("A", 67)} {
				d := w.browser().holding(planted)
				d.signIn(ana.Email)
				if d.token == planted {
					t.Error("it was adopted")
				}
				_, err := w.browser().holding(planted).session()
				if err == nil {
					t.Error("it opens a session")
				}
			}
		})
		t.Run("S38 a guest's token that an attacker planted is worth nothing after sign-in", func(t *testing.T) {
			attacker := w.browser()
			attacker.begin()
			victim := w.browser().holding(attacker.token)
			victim.signIn(ana.Email)
			attacker.answers(http.StatusUnauthorized, "the attacker")
			victim.answers(http.StatusOK, "the victim")
		})
		t.Run("S39 signing in again as the same user gives a new token and keeps the data", func(t *testing.T) {
			d := w.browser()
			before := d.signIn(ana.Email)
			d.put("tea")
			old := d.holding(d.token)
			w.Forget()
			after := d.signIn(ana.Email)
			w.happened(cloakroom.SignedIn, cloakroom.SessionRevoked)
			if after.ID == before.ID || d.token == old.token {
				t.Error("nothing is new")
			}
			old.answers(http.StatusUnauthorized, "the old token")
			d.hasCart("tea", "after signing in again")
		})
		t.Run("S106 V57 V58 signing in as somebody else hides A's data, ends A's session here and no other", func(t *testing.T) {
			here, there := w.browser(), w.browser()
			here.signIn(ana.Email)
			there.signIn(ana.Email)
			here.put("secret")
			old := here.holding(here.token)
			w.Forget()
			here.signIn(bob.Email)
			w.happened(cloakroom.SignedIn, cloakroom.SessionRevoked)
			here.hasCart("", "as somebody else")
			old.answers(http.StatusUnauthorized, "A's session here")
			there.answers(http.StatusOK, "A's other device")
			if s := here.live(); s.User.ID != bob.ID {
				t.Errorf("signed in as %s", s.User.ID)
			}
		})
		t.Run("V9 a failed sign-in leaves the guest, its token and its data alone", func(t *testing.T) {
			d := w.browser()
			guest := d.begin()
			d.put("tea")
			token := d.token
			calls = 0
			w.Forget()
			_, err := d.trySignIn(ana.Email, "wrong password")
			fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong password")
			w.happened(cloakroom.SignInFailed)
			if s := d.live(); d.token != token || s.ID != guest.ID || calls != 0 {
				t.Errorf("session %s after %s, hook %d times", s.ID, guest.ID, calls)
			}
			d.hasCart("tea", "after a failed sign-in")
		})
	})
}

// V17: an error or a panic in the hook is told, and undoes nothing.
func TestUpgradeFails(t *testing.T) {
	broken := errors.New("the shop is closed")
	for name, hook := range map[string]func(context.Context, *cloakroom.Session, *cloakroom.Session) error{
		"error": func(context.Context, *cloakroom.Session, *cloakroom.Session) error { return broken },
		"panic": func(context.Context, *cloakroom.Session, *cloakroom.Session) error { panic("the shop is on fire") },
	} {
		t.Run("V17 "+name, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, store cloakroom.Store) {
				orders := map[string]string{} // what the app keeps for a user
				w := newWorld(t, cloakroom.Config{Store: store, OnUpgrade: func(ctx context.Context, g, u *cloakroom.Session) error {
					if orders[u.User.ID] != "coffee" {
						t.Error("the user's own data is gone")
					}
					return hook(ctx, g, u)
				}})
				ana := w.User("ana@example.com")
				orders[ana.ID] = "coffee"
				d := w.browser()
				d.begin()
				d.put("tea")
				w.Forget()
				d.signIn(ana.Email)
				told := w.Events(cloakroom.UpgradeFailed)
				if len(told) != 1 || told[0].Err == nil || told[0].UserID != ana.ID || name == "error" && !errors.Is(told[0].Err, broken) {
					t.Errorf("told %+v", told)
				}
				w.happened(cloakroom.SignedIn, cloakroom.UpgradeFailed)
				d.answers(http.StatusOK, "the sign-in")
				d.hasCart("tea", "after the hook failed")
			})
		})
	}
}

func TestUpgradeAtOnce(t *testing.T) {
	t.Run("V14 V18 of 64 sign-ins with one guest one takes it over, once", func(t *testing.T) {
		onEachStore(t, func(t *testing.T, store cloakroom.Store) {
			var calls atomic.Int32
			w := newWorld(t, cloakroom.Config{
				Store: store, Limits: cloakroom.Limits{InsecureNoLogin: true}, // tries on their way count as failures
				OnUpgrade: func(context.Context, *cloakroom.Session, *cloakroom.Session) error {
					calls.Add(1)
					return nil
				},
			})
			ana := w.User("ana@example.com")
			guest := w.browser()
			guest.begin()
			guest.put("tea")
			w.Forget()
			devices := make([]*device, 64)
			n := atOnce(len(devices), func(i int) error {
				devices[i] = guest.holding(guest.token)
				_, err := devices[i].trySignIn(ana.Email, authtest.Secret)
				return err
			})
			carts := 0
			for _, d := range devices {
				carts += len(d.cart())
			}
			if n != 64 || calls.Load() != 1 || carts != 1 || len(w.Events(cloakroom.GuestUpgraded)) != 1 {
				t.Errorf("%d signed in, the hook ran %d times, %d have the cart, %d events", n, calls.Load(), carts, len(w.Events(cloakroom.GuestUpgraded)))
			}
			_, err := guest.session()
			fails(t, err, cloakroom.ErrInvalidToken, "the guest's token")
		})
	})
}

// Sign-up takes a guest over as sign-in does.
func TestUpgradeBySignUp(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	d := w.browser()
	d.begin()
	d.put("tea")
	old := d.holding(d.token)
	w.Forget()
	_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.SignUp(rw, r, cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})
	})
	done(t, err)
	w.happened(cloakroom.UserCreated, cloakroom.SignedIn, cloakroom.GuestUpgraded)
	d.hasCart("tea", "after sign-up")
	_, err = old.session()
	fails(t, err, cloakroom.ErrInvalidToken, "the guest's token")
}

// Admission takes a guest over as sign-in does.
func TestUpgradeByAdmit(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	d := w.browser()
	d.begin()
	d.put("tea")
	g, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.Admit(rw, r, ana.ID, cloakroom.Admission{Method: "badge", Factors: 3, Scopes: []string{"door"}})
	})
	done(t, err)
	if s := d.live(); s.ID != g.Session.ID || s.Level != 2 || len(s.Methods) != 1 || s.Methods[0] != "badge" || s.Scopes[0] != "door" {
		t.Errorf("the session is %+v", s)
	}
	d.hasCart("tea", "after admission")
	_, err = w.Admit(httptest.NewRecorder(), d.request(), "usr_nobody", cloakroom.Admission{Method: "badge"})
	fails(t, err, cloakroom.ErrNotFound, "admission of nobody")
}
