package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

const refreshGrace = 30 * time.Second

func TestRefresh(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		other := w.beside(signing(nil))
		ana := w.User("ana@example.com")
		for _, name := range []string{"page", "app"} {
			t.Run("S146 a refresh by a "+name+" gives a new pair of the same session, and again", func(t *testing.T) {
				h := w.holder(name)
				s := h.signIn(ana.Email).Session
				seen := map[string]bool{h.token(): true, h.refreshToken(): true}
				for range 20 {
					w.Clock.Advance(5 * time.Minute)
					w.Forget()
					g := h.exchanged()
					w.happened(cloakroom.RefreshRotated)
					if g.Session.ID != s.ID || seen[h.token()] || seen[h.refreshToken()] {
						t.Fatal("another session, or a token that was there before")
					}
					seen[h.token()], seen[h.refreshToken()] = true, true
					if g.Tokens != nil && g.Tokens.ExpiresIn != 10*time.Minute {
						t.Errorf("expires in %v", g.Tokens.ExpiresIn)
					}
					if (g.Tokens == nil) != (h.jar != nil) || g.Tokens == nil && h.answer.Result().Header.Get("Set-Cookie") == "" {
						t.Error("the pair came by another way than the token")
					}
					if got := h.answer.Header().Get("Cache-Control"); got != "no-store" {
						t.Errorf("S81 Cache-Control %q", got)
					}
					h.at(other).answers(http.StatusOK, "the new access token, elsewhere")
					if !other.active(h.refreshToken()).Active {
						t.Error("the new refresh token is not in force")
					}
				}
			})
			t.Run("S155 a refresh by a "+name+" of a session that was ended is 401 and no alarm", func(t *testing.T) {
				for what, end := range map[string]func(*holder) error{
					"a log-out": func(h *holder) error { return h.copied().leaves(cloakroom.ThisSession) },
					"a revocation": func(h *holder) error {
						return w.Sessions().Revoke(t.Context(), ana.ID, h.exchanged().Session.ID)
					},
					"the end of all": func(*holder) error { return w.Sessions().RevokeAll(t.Context(), ana.ID) },
				} {
					h := w.holder(name)
					h.signIn(ana.Email)
					stale := h.copied()
					h.exchanged()
					done(t, end(h))
					w.Forget()
					stale.refuses(cloakroom.ErrInvalidRefresh, what+": an exchanged token")
					h.refuses(cloakroom.ErrInvalidRefresh, what)
					w.happened()
					w.Clock.Advance(time.Hour)
					h.at(other).refuses(h.missing(), what+", an hour later elsewhere")
				}
			})
			t.Run("S154 a refresh by a "+name+" of somebody who is banned is 403, of somebody deleted 401", func(t *testing.T) {
				bob := w.User(name + "@example.com")
				h := w.holder(name)
				h.signIn(bob.Email)
				done(t, w.Users().Ban(t.Context(), bob.ID))
				h.refuses(cloakroom.ErrBanned, "banned")
				h.untouched("banned")
				h.at(other).refuses(cloakroom.ErrBanned, "banned, elsewhere")
				done(t, w.Users().Unban(t.Context(), bob.ID))
				h.copied().refuses(cloakroom.ErrInvalidRefresh, "a session from before the ban")
				h.signIn(bob.Email)
				done(t, w.Users().Delete(t.Context(), bob.ID))
				h.refuses(cloakroom.ErrInvalidRefresh, "deleted")
			})
			t.Run("S149 S156 refreshing by a "+name+" goes on until the absolute end, not a microsecond longer", func(t *testing.T) {
				w := newWorld(t, lasting(store, time.Hour, 5*time.Hour))
				h := w.holder(name)
				s := h.signIn(ana.Email).Session
				end := s.CreatedAt.Add(5 * time.Hour)
				for w.Clock.Now().Before(end.Add(-45 * time.Minute)) {
					w.Clock.Advance(45 * time.Minute)
					if g := h.exchanged(); g.Session.ExpiresAt.After(end) || !g.Session.CreatedAt.Equal(s.CreatedAt) {
						t.Fatalf("it says that it ends %v", g.Session.ExpiresAt)
					}
				}
				w.Clock.Advance(end.Sub(w.Clock.Now()) - time.Microsecond)
				h.exchanged()
				w.Clock.Advance(time.Microsecond)
				h.refuses(cloakroom.ErrInvalidRefresh, "at the absolute end")
				idle := w.holder(name)
				idle.signIn(ana.Email)
				w.Clock.Advance(time.Hour)
				idle.refuses(cloakroom.ErrInvalidRefresh, "at the idle end")
			})
		}
	})
}

// lasting is signing with other lifetimes.
func lasting(store cloakroom.Store, idle, absolute time.Duration) cloakroom.Config {
	c := signing(store)
	c.Session = cloakroom.Lifetime{Idle: idle, Absolute: absolute}
	return c
}

// missing is what a holder is told whose refresh token was dead before: a page has lost its cookie by then.
func (h *holder) missing() error {
	if h.jar != nil {
		return cloakroom.ErrRefreshMissing
	}
	return cloakroom.ErrInvalidRefresh
}

func TestRefreshAgain(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		other := w.beside(signing(nil))
		ana := w.User("ana@example.com")
		for _, name := range []string{"page", "app"} {
			t.Run("S151 S158 by a "+name+" within the grace the same pair comes again, here and elsewhere, and no alarm", func(t *testing.T) {
				h := w.holder(name)
				h.signIn(ana.Email)
				w.Clock.Advance(time.Hour)
				late := h.copied()
				h.exchanged()
				for range 3 {
					w.Clock.Advance(refreshGrace/3 - time.Microsecond)
					for _, at := range []*world{w, other} {
						again := late.at(at).copied()
						at.Forget()
						again.exchanged()
						at.happened(cloakroom.RefreshReplayed)
						if again.refreshToken() != h.refreshToken() {
							t.Error("another refresh token")
						}
						if said(t, again.token()) != said(t, h.token()) {
							t.Errorf("other claims: %s, at first %s", said(t, again.token()), said(t, h.token()))
						}
						again.at(other).answers(http.StatusOK, "the access token of a retry")
					}
				}
				h.exchanged()
			})
			t.Run("S150 S159 S231 by a "+name+" after the grace it ends the session for good, S153 and no other", func(t *testing.T) {
				h, another := w.holder(name), w.holder(name)
				s := h.signIn(ana.Email).Session
				another.signIn(ana.Email)
				thief := h.copied()
				h.exchanged()
				w.Clock.Advance(refreshGrace)
				victim := h.copied()
				w.Forget()
				thief.refuses(cloakroom.ErrRefreshReused, "a grace later")
				w.happened(cloakroom.RefreshReused)
				victim.at(other).answers(http.StatusUnauthorized, "the newer access token, elsewhere")
				victim.at(other).refuses(cloakroom.ErrInvalidRefresh, "the newer refresh token, elsewhere")
				h.refuses(cloakroom.ErrInvalidRefresh, "the newer refresh token")
				if _, err := w.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				again := newWorld(t, signing(store)) // as after a restart
				victim.at(again).answers(http.StatusUnauthorized, "after a restart")
				another.at(other).answers(http.StatusOK, "another session of the user")
				another.exchanged()
				for sess, err := range w.Sessions().Of(t.Context(), ana.ID) {
					done(t, err)
					if sess.ID == s.ID {
						t.Error("the session is still listed")
					}
				}
			})
			t.Run("S159 by a "+name+" a token of a hundred refreshes ago is known, though nothing is kept of it", func(t *testing.T) {
				h := w.holder(name)
				h.signIn(ana.Email)
				first := h.copied()
				for range 100 {
					w.Clock.Advance(time.Minute)
					h.exchanged()
				}
				_, err := w.Sweep(t.Context())
				done(t, err)
				first.at(other).refuses(cloakroom.ErrRefreshReused, "the first token")
				h.refuses(cloakroom.ErrInvalidRefresh, "the newest one")
			})
		}
		t.Run("S159 a thief cannot hide behind many exchanges in one grace", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			first := h.copied()
			for range 33 {
				h.exchanged()
			}
			w.Forget()
			first.refuses(cloakroom.ErrRefreshReused, "more exchanges ago than are kept")
			w.happened(cloakroom.RefreshReused)
			h.refuses(cloakroom.ErrInvalidRefresh, "the newest one")
		})
		t.Run("what is told of a reuse", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			thief := h.copied()
			h.exchanged()
			w.Clock.Advance(refreshGrace)
			w.Forget()
			thief.refuses(cloakroom.ErrRefreshReused, "a grace later")
			e := w.Events(cloakroom.RefreshReused)[0]
			d := e.Details
			if e.UserID != ana.ID || e.SessionID == "" || len(d["presented"]) != 8 || len(d["current"]) != 8 || d["presented"] == d["current"] || d["session_ip"] != "192.0.2.1" {
				t.Errorf("event %+v", e)
			}
		})
	})
}

func TestRefreshMissing(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	page, app := w.page(), w.app()
	page.signIn(ana.Email)
	app.signIn(ana.Email)
	refresh := func(r *http.Request, token string) (*httptest.ResponseRecorder, error) {
		answer := httptest.NewRecorder()
		_, err := w.Refresh(answer, r, token)
		return answer, err
	}
	t.Run("S147 nothing is sent", func(t *testing.T) {
		answer, err := refresh(w.page().request("/auth/refresh"), "")
		fails(t, err, cloakroom.ErrRefreshMissing, "without a cookie")
		if len(answer.Result().Cookies()) > 0 {
			t.Error("cookies are touched")
		}
		answer, err = refresh(page.request("/auth/refresh"), "")
		done(t, err)
		if len(answer.Result().Cookies()) != 3 {
			t.Errorf("an empty body with a cookie: %q", answer.Header()["Set-Cookie"])
		}
	})
	t.Run("a bearer header closes the cookie", func(t *testing.T) {
		r := page.copied().request("/auth/refresh")
		r.Header.Set("Authorization", "Bearer "+app.access)
		answer, err := refresh(r, "")
		fails(t, err, cloakroom.ErrRefreshMissing, "with a bearer header")
		if len(answer.Result().Cookies()) > 0 {
			t.Error("cookies are touched")
		}
	})
	t.Run("S82 the body wins over the cookie, and answers in the body", func(t *testing.T) {
		page.signIn(ana.Email)
		before := page.refreshToken()
		answer, err := refresh(page.request("/auth/refresh"), app.refresh)
		done(t, err)
		if len(answer.Result().Cookies()) > 0 {
			t.Errorf("cookies %v", answer.Result().Cookies())
		}
		if !w.active(before).Active {
			t.Error("the cookie's token was exchanged")
		}
		_, err = refresh(page.request("/auth/refresh"), "x")
		fails(t, err, cloakroom.ErrInvalidRefresh, "junk in the body, a good cookie")
	})
}
