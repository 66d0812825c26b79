package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestRefreshFaults(t *testing.T) {
	onEachStore(t, func(t *testing.T, inner cloakroom.Store) {
		store := wrap(inner)
		w := newWorld(t, signing(store))
		second := w.beside(signing(nil))
		ana := w.User("ana@example.com")
		for _, name := range []string{"page", "app"} {
			t.Run("S157 by a "+name+" whatever fails, it is 503, nothing is lost, and the same token works afterwards", func(t *testing.T) {
				everyFault(t, store, func(int) (func() error, func(*testing.T)) {
					h := w.holder(name)
					h.signIn(ana.Email)
					w.Clock.Advance(time.Minute) // the picture of the keys is old
					before := h.refreshToken()
					w.Forget()
					return func() error { _, err := h.exchange(); return err }, func(t *testing.T) {
						h.untouched("after the fault")
						w.happened()
						if h.refreshToken() != before {
							t.Fatal("the holder has another token")
						}
						w.Clock.Advance(time.Second) // as Retry-After says
						h.at(second).answers(http.StatusOK, "the access token, elsewhere")
						h.exchanged()
						w.happened(cloakroom.RefreshRotated)
						h.exchanged()
					}
				})
			})
			t.Run("S157 S158 by a "+name+" an exchange whose answer is lost is repeated", func(t *testing.T) {
				h := w.holder(name)
				h.signIn(ana.Email)
				before := h.refreshToken()
				store.lose("Rotate")
				_, err := h.exchange()
				store.lose()
				unknowable(t, err, "the exchange")
				h.untouched("after the exchange")
				if second.active(before).Active {
					t.Fatal("nothing was exchanged: the test proves nothing")
				}
				w.Clock.Advance(refreshGrace - time.Microsecond)
				h = h.at(second)
				h.exchanged()
				if h.refreshToken() == before || !second.active(h.refreshToken()).Active {
					t.Error("the repeated answer has not the token in force")
				}
				h.exchanged()
			})
			t.Run("a reuse by a "+name+" that cannot be stored is 503, and told and true with the next try", func(t *testing.T) {
				h := w.holder(name)
				h.signIn(ana.Email)
				thief := h.copied()
				h.exchanged()
				w.Clock.Advance(refreshGrace)
				w.Forget()
				store.down("Close")
				_, err := thief.exchange()
				store.down()
				unknowable(t, err, "the reuse")
				thief.untouched("the reuse")
				w.happened()
				thief.refuses(cloakroom.ErrRefreshReused, "the next try")
				h.at(second).refuses(cloakroom.ErrInvalidRefresh, "the victim")
			})
		}
		t.Run("S83 a mismatch that cannot be stored is 503 and clears nothing", func(t *testing.T) {
			h, planted := w.page(), w.page()
			h.signIn(ana.Email)
			planted.signIn(ana.Email)
			h.plant(secureName, "/", planted.token())
			store.down("Close")
			_, err := h.exchange()
			store.down()
			unknowable(t, err, "the mismatch")
			h.untouched("the mismatch")
			h.refuses(cloakroom.ErrRefreshMismatch, "the next try")
		})
		t.Run("an introspection that cannot ask is 503", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			for _, token := range []string{h.access, h.refresh} {
				for _, verb := range []string{"Session", "User"} {
					store.down(verb)
					_, err := w.Introspect(t.Context(), token)
					store.down()
					unknowable(t, err, verb)
				}
			}
		})
	})
}

// S52 for the signed form: what cannot be signed or stored opens nothing.
func TestSignedSignInFaults(t *testing.T) {
	store := wrap(memory.New())
	c := signing(store)
	c.Methods, c.SecondFactors = nil, nil
	w := newWorld(t, c)
	person := 0
	for _, by := range []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth} {
		t.Run("S52 by "+string(by)+" a sign-in that fails leaves no session behind", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				person++
				user := w.User(fmt.Sprintf("user%d@example.com", person))
				w.Clock.Advance(time.Hour)
				h := w.page()
				return func() error {
						_, err := h.trySignIn(user.Email, cloakroom.Terms{Delivery: by, Token: cloakroom.Signed})
						return err
					}, func(t *testing.T) {
						h.untouched("after the fault")
						if n := len(w.listed(user.ID)); n > 0 {
							t.Errorf("%d sessions are left behind", n)
						}
					}
			})
		})
	}
}

func TestKeysOutOfReach(t *testing.T) {
	onEachStore(t, func(t *testing.T, inner cloakroom.Store) {
		store := wrap(inner)
		w := newWorld(t, signing(store))
		ana := w.User("ana@example.com")
		page, app := w.page(), w.app()
		page.signIn(ana.Email)
		app.signIn(ana.Email)
		opaque := w.app()
		opaque.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Opaque})
		sessions := len(w.listed(ana.ID))
		store.down("KeySet")
		w.Clock.Advance(time.Minute)

		t.Run("S51 keys that cannot be read are 503 everywhere, never 401, and clear no cookie", func(t *testing.T) {
			for _, h := range []*holder{page, app} {
				h.answers(http.StatusServiceUnavailable, "the guard")
				h.untouched("the guard")
				_, err := h.exchange()
				unknowable(t, err, "a refresh")
				h.untouched("a refresh")
				_, err = h.trySignIn(ana.Email)
				unknowable(t, err, "a sign-in")
				h.untouched("a sign-in")
				unknowable(t, h.copied().leaves(cloakroom.ThisSession), "a sign-out by the access token")
			}
			_, _, err := w.JWKS(t.Context())
			unknowable(t, err, "the JWKS")
			_, err = w.Feed(t.Context(), cloakroom.FeedQuery{})
			unknowable(t, err, "the feed")
			_, err = w.Introspect(t.Context(), app.access)
			unknowable(t, err, "an introspection")
			s, err := w.Authenticate(opaque.request("/"))
			done(t, err)
			_, err = w.Issue(t.Context(), s, "orders")
			unknowable(t, err, "a token for a service")
			if n := len(w.listed(ana.ID)); n != sessions {
				t.Errorf("%d sessions, %d before", n, sessions)
			}
		})
		t.Run("opaque tokens do not need them", func(t *testing.T) {
			opaque.answers(http.StatusOK, "an opaque token")
			w.app().signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Opaque})
		})
		t.Run("they are back, and so is everything", func(t *testing.T) {
			store.down()
			w.Clock.Advance(time.Second)
			for _, h := range []*holder{page, app} {
				h.answers(http.StatusOK, "the guard")
				h.exchanged()
			}
		})
		t.Run("a reader of an outage does not ask again and again", func(t *testing.T) {
			store.down("KeySet")
			w.Clock.Advance(time.Minute)
			before := store.count("KeySet")
			for range 50 {
				app.status()
			}
			if n := store.count("KeySet") - before; n != 1 {
				t.Errorf("asked %d times within a second", n)
			}
			store.down()
			w.Clock.Advance(time.Second)
		})
	})
}

// Of two who change the keys at once one wins, and the other builds on it.
func TestKeySetConflict(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, signing(store))
	other := w.beside(signing(nil))
	var once atomic.Bool
	store.hook(func(verb string) error {
		if verb == "SwapKeySet" && once.CompareAndSwap(false, true) {
			_, _, err := other.JWKS(t.Context()) // is faster
			return err
		}
		return nil
	})
	mine, _, err := w.JWKS(t.Context())
	done(t, err)
	theirs, _, err := other.JWKS(t.Context())
	done(t, err)
	if string(mine) != string(theirs) || len(w.keyIDs(cloakroom.KeyActive)) != 1 || len(w.keyIDs(cloakroom.KeyNext)) != 1 {
		t.Errorf("two sets of keys: %s and %s", mine, theirs)
	}
	store.hook(nil)
	t.Run("a change whose answer is lost is 503, and there are keys afterwards", func(t *testing.T) {
		store := wrap(memory.New())
		w := newWorld(t, signing(store))
		store.lose("SwapKeySet")
		_, _, err := w.JWKS(t.Context())
		unknowable(t, err, "the JWKS")
		store.lose()
		w.Clock.Advance(time.Second)
		w.published()
		if len(w.keyIDs(cloakroom.KeyActive)) != 1 || len(w.keyIDs(cloakroom.KeyNext)) != 1 {
			t.Error("keys were made twice")
		}
	})
}

// A hook of the app that fails makes no token, and opens no session.
func TestClaimsHookFails(t *testing.T) {
	broken := errors.New("the claims are not in reach")
	var failing atomic.Bool
	c := signing(nil)
	c.Token.Claims = claimsHook(func(*cloakroom.Session) (map[string]any, error) {
		if failing.Load() {
			return nil, broken
		}
		return nil, nil
	})
	w := newWorld(t, c)
	ana := w.User("ana@example.com")
	h := w.page()
	h.signIn(ana.Email)
	failing.Store(true)
	_, err := h.exchange()
	fails(t, err, broken, "a refresh")
	h.untouched("a refresh")
	_, err = w.page().trySignIn(ana.Email)
	fails(t, err, broken, "a sign-in")
	answer := httptest.NewRecorder()
	w.Fail(answer, h.request("/"), err)
	if answer.Code != http.StatusInternalServerError {
		t.Errorf("it answers %d", answer.Code)
	}
	if n := len(w.listed(ana.ID)); n != 1 {
		t.Errorf("%d sessions", n)
	}
	failing.Store(false)
	h.exchanged()
}
