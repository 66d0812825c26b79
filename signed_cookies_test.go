package cloakroom_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// cleared lists the cookies, with their paths, that the last answer made the browser forget.
func (h *holder) cleared() (all []string) {
	for _, c := range h.answer.Result().Cookies() {
		if c.MaxAge < 0 {
			all = append(all, c.Name+" "+c.Path)
		}
	}
	slices.Sort(all)
	return all
}

func (h *holder) forgets(when string, want ...string) {
	h.t.Helper()
	slices.Sort(want)
	if got := h.cleared(); !slices.Equal(got, want) {
		h.t.Errorf("%s: forgotten %q, want %q", when, got, want)
	}
}

var (
	refreshCookies = []string{refreshName + " /auth/refresh", refreshName + " /auth/logout"}
	allCookies     = append([]string{secureName + " /"}, refreshCookies...)
)

func TestRefreshBesideAccessCookie(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		ana, bob := w.User("ana@example.com"), w.User("bob@example.com")
		for name, access := range map[string]func() *holder{
			"a signed one": func() *holder {
				p := w.page()
				p.signIn(bob.Email)
				return p
			},
			"of the same user": func() *holder {
				p := w.page()
				p.signIn(ana.Email)
				return p
			},
			"an opaque one": func() *holder {
				p := w.page()
				p.signIn(bob.Email, cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: cloakroom.Opaque})
				return p
			},
		} {
			t.Run("S83 with an access cookie of another session, "+name, func(t *testing.T) {
				h, planted := w.page(), access()
				h.signIn(ana.Email)
				right := h.copied()
				h.plant(secureName, "/", planted.token())
				w.Forget()
				h.refuses(cloakroom.ErrRefreshMismatch, "the refresh")
				w.happened(cloakroom.RefreshMismatch)
				h.forgets("the refresh", refreshCookies...)
				right.answers(http.StatusUnauthorized, "the session of the refresh cookie")
				right.refuses(cloakroom.ErrInvalidRefresh, "its refresh token")
				planted.answers(http.StatusOK, "the other session")
				h.answers(http.StatusOK, "the browser, which has the other one now")
			})
		}
		for name, token := range map[string]func(h *holder) string{
			"an expired one": func(h *holder) string {
				w.Clock.Advance(time.Hour)
				return h.token()
			},
			"one that is cut off": func(h *holder) string { return h.token()[:40] },
			"junk":                func(*holder) string { return "junk" },
			"a signed one of somebody else": func(h *holder) string {
				c := signing(nil)
				elsewhere := newWorld(t, c)
				p := elsewhere.page()
				p.signIn(elsewhere.User("ana@example.com").Email)
				return p.token()
			},
			"none": func(*holder) string { return "" },
		} {
			t.Run("S84 with a bad access cookie, "+name, func(t *testing.T) {
				h := w.page()
				h.signIn(ana.Email)
				h.plant(secureName, "/", token(h))
				w.Forget()
				h.exchanged()
				w.happened(cloakroom.RefreshRotated)
				h.answers(http.StatusOK, "afterwards")
			})
		}
		t.Run("with the access cookie from before a change of privilege", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			old := h.token()
			h.privileged(t)
			h.plant(secureName, "/", old)
			h.exchanged()
			h.answers(http.StatusOK, "afterwards")
		})
	})
}

// Promise 3: a refresh that fails never costs a session that lives.
func TestFailedRefreshSpares(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		ana := w.User("ana@example.com")
		t.Run("S148 a dead token clears all cookies in that very answer, if nothing lives by them", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
			h.refuses(cloakroom.ErrInvalidRefresh, "a dead token")
			h.forgets("a dead token", allCookies...)
			h.refuses(cloakroom.ErrRefreshMissing, "the browser forgot it")
			h.plant(refreshName, "/auth/refresh", "crr_junk")
			h.refuses(cloakroom.ErrInvalidRefresh, "junk")
			h.forgets("junk", allCookies...)
		})
		t.Run("a late refresh with a token that a sign-in replaced a moment ago", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			late := h.copied()
			h.signIn(ana.Email)
			w.Forget()
			late.refuses(cloakroom.ErrInvalidRefresh, "the late refresh")
			late.untouched("the late refresh")
			w.happened()
			h.answers(http.StatusOK, "the new session")
			h.exchanged()
		})
		t.Run("a late refresh with a token from before a change of privilege", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			late := h.copied()
			h.privileged(t)
			w.Forget()
			late.refuses(cloakroom.ErrInvalidRefresh, "the late refresh")
			late.untouched("the late refresh")
			w.happened()
			h.exchanged()
		})
		t.Run("the refresh cookie is dead and another session lives by the session cookie", func(t *testing.T) {
			h := w.page()
			dead := h.signIn(ana.Email)
			stale := h.refreshToken()
			done(t, w.Sessions().Revoke(t.Context(), ana.ID, dead.Session.ID))
			h.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: cloakroom.Opaque})
			h.plant(refreshName, "/auth/refresh", stale)
			h.refuses(cloakroom.ErrInvalidRefresh, "the refresh")
			h.forgets("the refresh", refreshCookies...)
			h.answers(http.StatusOK, "the session of the other cookie")
		})
		t.Run("a guard leaves an expired access cookie alone", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			w.Clock.Advance(10*time.Minute + 30*time.Second)
			h.answers(http.StatusUnauthorized, "an expired access token")
			h.untouched("an expired access token")
			h.exchanged()
			h.answers(http.StatusOK, "after a refresh")
		})
		t.Run("by the body no cookie is touched, whatever it is worth", func(t *testing.T) {
			page, app := w.page(), w.app()
			page.signIn(ana.Email)
			app.signIn(ana.Email)
			thief := app.copied()
			app.exchanged()
			w.Clock.Advance(refreshGrace)
			for _, token := range []string{thief.refresh, app.refresh, "junk"} {
				answer := httptest.NewRecorder()
				if _, err := w.Refresh(answer, page.request("/auth/refresh"), token); err == nil || len(answer.Result().Cookies()) > 0 {
					t.Errorf("%v, %q", err, answer.Header()["Set-Cookie"])
				}
			}
			page.answers(http.StatusOK, "the page")
		})
		t.Run("a refresh cookie from another origin is refused, and nothing happens", func(t *testing.T) {
			h := w.page()
			h.signIn(ana.Email)
			_, err := h.call("/auth/refresh", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				return w.Refresh(rw, r, "")
			})
			fails(t, err, cloakroom.ErrCrossOrigin, "a cross-site refresh")
			h.untouched("a cross-site refresh")
			h.exchanged()
		})
	})
}

func TestManyCookies(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, signing(store))
	ana := w.User("ana@example.com")
	refresh := func(cookies ...string) (*httptest.ResponseRecorder, error) {
		r := w.page().request("/auth/refresh")
		r.Header["Cookie"] = []string{strings.Join(cookies, "; ")}
		answer := httptest.NewRecorder()
		_, err := w.Refresh(answer, r, "")
		return answer, err
	}
	named := func(name, value string) string { return name + "=" + value }
	h, other := w.page(), w.page()
	h.signIn(ana.Email)
	other.signIn(ana.Email)
	t.Run("one refresh token twice is one", func(t *testing.T) {
		_, err := refresh(named(refreshName, h.refreshToken()), named(refreshName, h.refreshToken()))
		done(t, err)
		h.signIn(ana.Email)
	})
	t.Run("two different ones: nobody can say which, and no session ends", func(t *testing.T) {
		w.Forget()
		answer, err := refresh(named(refreshName, h.refreshToken()), named(refreshName, other.refreshToken()))
		fails(t, err, cloakroom.ErrInvalidRefresh, "two")
		w.happened(cloakroom.DuplicateCookie)
		if len(answer.Result().Cookies()) == 0 {
			t.Error("the browser keeps both")
		}
		h.exchanged()
		other.exchanged()
	})
	t.Run("S30 planted junk in front of it signs nobody out", func(t *testing.T) {
		var cookies []string
		for n := range 150 {
			cookies = append(cookies, named(refreshName, "crr_"+strings.Repeat(fmt.Sprint(n%10), 67)), named(refreshName, "x"))
		}
		_, err := refresh(append(cookies, named(refreshName, h.refreshToken()))...)
		done(t, err)
		h.signIn(ana.Email)
	})
	t.Run("a bounded number of signatures is checked, however much junk looks signed", func(t *testing.T) {
		junk := make([]string, 500)
		forged := strings.Split(h.token(), ".")
		for n := range junk {
			junk[n] = named(secureName, fmt.Sprintf("%s.%s.%s%03dw", forged[0], forged[1], forged[2][:82], n))
		}
		for planted, want := range map[int]int{0: 200, 31: 200, 32: 401, 500: 401} {
			r := w.page().request("/me")
			r.Header["Cookie"] = []string{strings.Join(append(slices.Clone(junk[:planted]), named(secureName, h.token())), "; ")}
			answer := httptest.NewRecorder()
			w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}).ServeHTTP(answer, r)
			if answer.Code != want || len(answer.Result().Cookies()) > 0 {
				t.Errorf("behind %d: %d %q, want %d and no cookie", planted, answer.Code, answer.Header()["Set-Cookie"], want)
			}
		}
	})
	t.Run("S30 what only looks signed costs nothing, and signs nobody out", func(t *testing.T) {
		r := w.page().request("/me")
		for range 150 {
			r.AddCookie(&http.Cookie{Name: secureName, Value: "eyJx"})
		}
		r.AddCookie(&http.Cookie{Name: secureName, Value: h.token()})
		_, err := w.Authenticate(r)
		done(t, err)
	})
	t.Run("two good access cookies of two sessions are nobody's", func(t *testing.T) {
		w.Forget()
		r := w.page().request("/me")
		r.Header["Cookie"] = []string{named(secureName, h.token()) + "; " + named(secureName, other.token())}
		_, err := w.Authenticate(r)
		fails(t, err, cloakroom.ErrInvalidToken, "two")
		w.happened(cloakroom.DuplicateCookie)
	})
	t.Run("two good access cookies of one session are one", func(t *testing.T) {
		before := h.token()
		h.exchanged()
		r := w.page().request("/me")
		r.Header["Cookie"] = []string{named(secureName, before) + "; " + named(secureName, h.token())}
		_, err := w.Authenticate(r)
		done(t, err)
	})
}
