package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestSignedSignOut(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		other := w.beside(signing(nil))
		ana := w.User("ana@example.com")
		// gone holds when neither token of a holder opens anything anywhere.
		gone := func(t *testing.T, h *holder) {
			t.Helper()
			h.at(other).answers(http.StatusUnauthorized, "the access token, elsewhere")
			if other.active(h.refreshToken()).Active {
				t.Error("the refresh token is in force")
			}
		}
		for name, leave := range map[string]func(h *holder) error{
			"the access token": func(h *holder) error { return h.leaves("") },
			"an access token that has expired": func(h *holder) error {
				w.Clock.Advance(time.Hour)
				return h.leaves("")
			},
			"the access token from before a refresh": func(h *holder) error {
				old := h.copied()
				h.exchanged()
				return old.leaves("")
			},
		} {
			for _, kind := range []string{"page", "app"} {
				t.Run("by a "+kind+" with "+name, func(t *testing.T) {
					h := w.holder(kind)
					h.signIn(ana.Email)
					before := h.copied()
					w.Forget()
					done(t, leave(h))
					if n := len(w.Events(cloakroom.SignedOut)); n != 1 {
						t.Errorf("told %d times", n)
					}
					gone(t, before)
					if h.jar != nil && (h.token() != "" || h.refreshToken() != "") && name != "the access token from before a refresh" {
						t.Error("cookies are left")
					}
				})
			}
		}
		t.Run("by a page whose access cookie is lost, with the refresh cookie alone", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			before := h.copied()
			h.plant(secureName, "/", "")
			done(t, h.leaves(""))
			h.forgets("the sign-out", allCookies...)
			gone(t, before)
		})
		t.Run("by an app that shows its refresh token, also one of before", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			first := h.refresh
			h.exchanged()
			answer := httptest.NewRecorder()
			done(t, w.SignOutBy(answer, w.app().request("/auth/logout"), "", first))
			gone(t, h)
			if len(answer.Result().Cookies()) > 0 {
				t.Error("an app got cookies")
			}
			done(t, w.SignOutBy(httptest.NewRecorder(), w.app().request("/auth/logout"), "", first))
			done(t, w.SignOutBy(httptest.NewRecorder(), w.app().request("/auth/logout"), "", "junk"))
		})
		t.Run("by a request with an app's refresh token and a page's cookies: both sessions end", func(t *testing.T) {
			page, app := w.page(), w.app()
			page.signIn(ana.Email)
			app.signIn(ana.Email)
			before := page.copied()
			_, err := page.call("/auth/logout", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return nil, w.SignOutBy(rw, r, "", app.refresh)
			})
			done(t, err)
			gone(t, app)
			gone(t, before)
		})
		t.Run("of the others, and of all", func(t *testing.T) {
			for extent, kept := range map[cloakroom.Extent]int{cloakroom.OtherSessions: http.StatusOK, cloakroom.AllSessions: http.StatusUnauthorized} {
				h, there := w.page(), w.app()
				there.signIn(ana.Email)
				h.signIn(ana.Email)
				before := h.copied()
				done(t, h.leaves(extent))
				gone(t, there)
				before.at(other).answers(kept, string(extent)+": this one")
				if left := h.token() != ""; left != (kept == http.StatusOK) {
					t.Errorf("%s: cookies are left: %v", extent, left)
				}
			}
		})
		t.Run("delivered both ways, the app's sign-out ends the page's tokens, too", func(t *testing.T) {
			page, app := both(w, ana.Email)
			w.Clock.Advance(time.Minute)
			page.exchanged()
			app.exchanged()
			page.exchanged()
			done(t, app.copied().leaves(""))
			gone(t, page)
			gone(t, app)
		})
	})
}

func TestBothChains(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		ana := w.User("ana@example.com")
		t.Run("S79 a page and an app of one sign-in refresh in their own time and are one session", func(t *testing.T) {
			page, app := both(w, ana.Email)
			for range 10 {
				w.Clock.Advance(10 * time.Minute)
				page.exchanged()
			}
			app.exchanged() // with the token of the sign-in
			page.exchanged()
			for _, h := range []*holder{page, app} {
				h.answers(http.StatusOK, "both")
			}
			if n := len(w.listed(ana.ID)); n != 1 {
				t.Errorf("%d sessions", n)
			}
		})
		t.Run("a reuse of the one ends both", func(t *testing.T) {
			page, app := both(w, ana.Email)
			thief := page.copied()
			page.exchanged()
			w.Clock.Advance(refreshGrace)
			thief.refuses(cloakroom.ErrRefreshReused, "the page's old token")
			app.refuses(cloakroom.ErrInvalidRefresh, "the app")
			app.answers(http.StatusUnauthorized, "the app")
		})
	})
}

func TestSignedTokensObey(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		other := w.beside(signing(nil))
		t.Run("a guest who signs in: the guest's tokens are dead at once, the data lives", func(t *testing.T) {
			ana := w.User("guest@example.com")
			for _, kind := range []string{"page", "app"} {
				h := w.holder(kind)
				g, err := h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
					return w.BeginOn(rw, r, cloakroom.Terms{Delivery: h.delivery(), Token: cloakroom.Signed})
				})
				done(t, err)
				cart := cloakroom.NewKey[string]("cart")
				done(t, cart.Set(t.Context(), g.Session, "tea"))
				w.Clock.Advance(time.Minute)
				h.exchanged()
				guest := h.copied()
				s := h.signIn(ana.Email).Session
				if got, _, err := cart.Get(t.Context(), s); got != "tea" || err != nil {
					t.Errorf("the cart holds %q, %v", got, err)
				}
				if _, err := other.Authenticate(guest.request("/")); err == nil {
					t.Error("the guest's access token opens something")
				}
				guest = guest.at(other)
				guest.refuses(cloakroom.ErrInvalidRefresh, "the guest's refresh token")
				guest.untouched("the guest's refresh token")
				h.exchanged()
			}
		})
		t.Run("over the limit the oldest session ends, with its signed tokens", func(t *testing.T) {
			c := signing(store)
			c.Session.Limit = 2
			w := newWorld(t, c)
			ana := w.User("limit@example.com")
			var holders []*holder
			for range 3 {
				h := w.app()
				h.signIn(ana.Email)
				holders = append(holders, h)
				w.Clock.Advance(time.Second)
			}
			holders[0].answers(http.StatusUnauthorized, "the oldest")
			holders[0].refuses(cloakroom.ErrInvalidRefresh, "the oldest")
			holders[1].exchanged()
			holders[2].exchanged()
		})
		t.Run("a new password ends the signed tokens of all others, and the old ones of this session", func(t *testing.T) {
			ana := w.User("change@example.com")
			here, there := w.page(), w.app()
			there.signIn(ana.Email)
			here.signIn(ana.Email)
			old := here.copied()
			_, err := here.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				s, err := w.Authenticate(r)
				if err != nil {
					return nil, err
				}
				return w.ChangeSecret(rw, r, s, cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
			})
			done(t, err)
			for what, h := range map[string]*holder{"another": there, "this one's old": old} {
				h.at(other).answers(http.StatusUnauthorized, what+" access token")
				h.at(other).refuses(cloakroom.ErrInvalidRefresh, what+" refresh token")
			}
			here.at(other).answers(http.StatusOK, "this one")
			here.exchanged()
		})
		t.Run("S165 S174 a change of roles counts at once, whatever the token says", func(t *testing.T) {
			ana := w.User("roles@example.com", "editor")
			h := w.app()
			h.signIn(ana.Email)
			enters := func(role string) int {
				answer := httptest.NewRecorder()
				other.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, cloakroom.Role(role)).ServeHTTP(answer, h.request("/"))
				return answer.Code
			}
			if enters("editor") != 200 || enters("chief") != 403 {
				t.Fatal("the roles of the sign-in do not count")
			}
			for range 3 {
				w.Clock.Advance(time.Minute)
				h.exchanged()
			}
			_, err := w.Users().SetRoles(t.Context(), ana.ID, "chief")
			done(t, err)
			if _, claims := parts(t, h.access); claims["roles"].([]any)[0] != "editor" {
				t.Error("the token is of after the change: the test proves nothing")
			}
			if enters("editor") != 403 || enters("chief") != 200 {
				t.Error("the old roles count")
			}
			for _, token := range []string{h.access, h.refresh} {
				if in := other.active(token); !in.Active || !slices.Equal(in.Roles, []string{"chief"}) {
					t.Errorf("introspection: %+v", in)
				}
			}
			h.exchanged()
			if _, claims := parts(t, h.access); claims["roles"].([]any)[0] != "chief" {
				t.Error("a refresh gives old roles")
			}
		})
	})
}
