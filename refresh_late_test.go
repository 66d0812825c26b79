package cloakroom_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// A token that is shown again brings an access token that can be used.
func TestReplayBringsUsableToken(t *testing.T) {
	t.Run("where the first access token is over before the grace is", func(t *testing.T) {
		c := signing(nil)
		c.Token.AccessTTL, c.Token.RefreshGrace = time.Minute, 10*time.Minute
		w := newWorld(t, c)
		h := w.app()
		h.signIn(w.User("ana@example.com").Email)
		late := h.copied()
		h.exchanged()
		w.Clock.Advance(5 * time.Minute)
		if g := late.exchanged(); g.Tokens.ExpiresIn != time.Minute {
			t.Errorf("expires in %v", g.Tokens.ExpiresIn)
		}
		late.answers(200, "the pair that was just handed out")
	})
	t.Run("S151 the same one where the idle end comes before its own, used meanwhile", func(t *testing.T) {
		w := newWorld(t, lasting(nil, time.Minute, time.Hour))
		h := w.app()
		h.signIn(w.User("ana@example.com").Email)
		late := h.copied()
		h.exchanged()
		w.Clock.Advance(20 * time.Second)
		h.answers(200, "in use")
		late.exchanged()
		if first, again := said(t, h.access), said(t, late.access); first != again {
			t.Errorf("%s, at first %s", again, first)
		}
	})
}

// An answer that comes late to a browser overwrites the cookie that all of its tabs share.
func TestLateAnswerSignsNobodyOut(t *testing.T) {
	w := newWorld(t, signing(nil))
	h := w.page()
	h.signIn(w.User("ana@example.com").Email)
	slow := h.request("/auth/refresh") // a tab's, on its way
	h.exchanged()
	w.Clock.Advance(2 * time.Second)
	h.exchanged()
	w.Clock.Advance(2 * time.Second)
	answer := httptest.NewRecorder()
	_, err := w.Refresh(answer, slow, "")
	done(t, err)
	h.jar.SetCookies(slow.URL, answer.Result().Cookies())
	w.Clock.Advance(10 * time.Minute)
	h.exchanged()
}

// Two cookies of one session are no planting: the paths were changed, and the browser has both.
func TestRefreshPathsChange(t *testing.T) {
	w := newWorld(t, signing(nil))
	h := w.page()
	h.signIn(w.User("ana@example.com").Email)
	c := signing(nil)
	c.Cookie.RefreshPaths = []string{"/auth"}
	h = h.at(w.beside(c))
	for range 3 {
		h.exchanged()
		w.Clock.Advance(10 * time.Minute)
	}
	h.signIn("ana@example.com")
	if n := len(h.request("/auth/refresh").CookiesNamed(refreshName)); n != 2 {
		t.Errorf("%d refresh cookies: the test proves nothing", n)
	}
	h.exchanged()
}

// An access cookie that has expired still says whose browser it is, but is no proof to end anything by.
func TestExpiredAccessCookieOfAnother(t *testing.T) {
	w := newWorld(t, signing(nil))
	h, mallory := w.page(), w.page()
	h.signIn(w.User("ana@example.com").Email)
	mallory.signIn(w.User("mallory@example.com").Email)
	w.Clock.Advance(11 * time.Minute)
	hers := h.copied()
	for _, path := range paths[:2] {
		h.plant(refreshName, path, mallory.refreshToken())
	}
	w.Forget()
	h.refuses(cloakroom.ErrRefreshMismatch, "her access cookie, his refresh cookie")
	w.happened()
	mallory.exchanged()
	hers.exchanged()
}

// A token from before a change of privilege is dead. A browser may have a newer one by now, an app has what it shows.
func TestMovedRefreshToken(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	page, app := w.page(), w.app()
	for _, h := range []*holder{page, app} {
		h.signIn(ana.Email)
	}
	tab, stale := page.copied(), app.copied()
	page.privileged(t)
	app.privileged(t)
	_, err := tab.exchange()
	unknowable(t, err, "by cookie")
	tab.untouched("by cookie")
	_, err = stale.exchange()
	fails(t, err, cloakroom.ErrInvalidRefresh, "by body")
	if _, again := errors.AsType[*cloakroom.UnavailableError](err); again {
		t.Errorf("by body: it is told to try the same again: %v", err)
	}
	page.exchanged()
	app.exchanged()
}

// Whoever has an old cookie can send it as often as he likes: that is no alarm, though it cannot be answered better than by 503.
func TestLateRefreshIsNoFailure(t *testing.T) {
	w := newWorld(t, signing(nil))
	page := w.page()
	page.signIn(w.User("ana@example.com").Email)
	tab := page.copied()
	page.privileged(t)
	w.Forget()
	_, err := tab.exchange()
	answer := httptest.NewRecorder()
	w.Fail(answer, tab.request("/auth/refresh"), err)
	if answer.Code != 503 || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("answer %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
	w.happened()
}
