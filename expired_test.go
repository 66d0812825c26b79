package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// A page that begins a guest session where there is none must not take the cookies of a session whose access token
// has just expired: a refresh would have kept it.
func TestBeginSparesAnExpiredAccessCookie(t *testing.T) {
	for _, who := range []string{"user", "guest"} {
		t.Run(who, func(t *testing.T) {
			w := newWorld(t, signing(nil))
			h := w.page()
			begin := func() (*cloakroom.Session, error) {
				var s *cloakroom.Session
				var err error
				r := h.request("/cart")
				h.answer = httptest.NewRecorder()
				w.Optional(func(rw http.ResponseWriter, r *http.Request, _ *cloakroom.Session) { s, err = w.Begin(rw, r) }).ServeHTTP(h.answer, r)
				h.jar.SetCookies(r.URL, h.answer.Result().Cookies())
				return s, err
			}
			var first *cloakroom.Session
			if who == "user" {
				first = h.signIn(w.User("ana@example.com").Email).Session
			} else {
				first, _ = begin()
			}
			w.Clock.Advance(11 * time.Minute)
			_, err := begin()
			fails(t, err, cloakroom.ErrInvalidToken, "Begin")
			h.untouched("Begin")
			g, err := h.exchange()
			if err != nil || g.Session.ID != first.ID {
				t.Errorf("the session is lost: %+v, %v", g, err)
			}
		})
	}
}

// However often Begin is called for one request it opens one session (TestBegin has it for the opaque form).
func TestBeginTwiceSigned(t *testing.T) {
	w := newWorld(t, signing(nil))
	r, answer := w.page().request("/"), httptest.NewRecorder()
	one, err := w.Begin(answer, r)
	done(t, err)
	two, err := w.Begin(answer, r)
	done(t, err)
	if one.ID != two.ID {
		t.Error("two sessions")
	}
	t.Run("after a sign-in", func(t *testing.T) {
		ana := w.User("ana@example.com")
		h := w.page()
		_, err := h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			g, err := w.SignIn(rw, r, cloakroom.SignIn{Email: ana.Email, Secret: "correct horse battery staple"})
			done(t, err)
			s, err := w.Begin(rw, r)
			done(t, err)
			if s.ID != g.Session.ID {
				t.Error("it begins another")
			}
			return nil, nil
		})
		done(t, err)
		h.answers(200, "after a sign-in")
	})
}

// An opaque sign-in over a signed session whose access token has expired: the refresh cookie that is left is no alarm.
func TestOpaqueOverSignedIsNoAlarm(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	h := w.page()
	h.signIn(ana.Email)
	w.Clock.Advance(11 * time.Minute) // the access cookie is expired, so the old session is not replaced
	h.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: cloakroom.Opaque})
	w.Forget()
	_, _ = h.exchange()
	if len(w.Events(cloakroom.RefreshMismatch)) > 0 {
		t.Error("a false alarm")
	}
	h.answers(200, "afterwards")
}

// A guest whose access cookie has expired signs in.
func TestExpiredGuestUpgrades(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	h := w.page()
	g, err := h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.BeginOn(rw, r, cloakroom.Terms{})
	})
	done(t, err)
	cart := cloakroom.NewKey[string]("cart")
	done(t, cart.Set(t.Context(), g.Session, "tea"))
	w.Clock.Advance(11 * time.Minute)
	s := h.signIn(ana.Email).Session
	if got, _, err := cart.Get(t.Context(), s); got != "tea" {
		t.Errorf("the cart is lost: %q %v", got, err)
	}
}

// A guest's token that expired, and got into a log, must not claim the guest's data. An app that has it can refresh first.
func TestExpiredBearerTakesNoData(t *testing.T) {
	w := newWorld(t, signing(nil))
	mallory := w.User("mallory@example.com")
	h := w.app()
	_, err := h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.BeginOn(rw, r, cloakroom.Terms{Delivery: cloakroom.DeliverBearer})
	})
	done(t, err)
	cart := cloakroom.NewKey[string]("cart")
	done(t, cart.Set(t.Context(), h.current(), "tea"))
	logged := &holder{world: w, access: h.access}
	w.Clock.Advance(24 * time.Hour)
	g := logged.signIn(mallory.Email)
	if got, ok, err := cart.Get(t.Context(), g.Session); ok || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	h.exchanged()
	if got, _, err := cart.Get(t.Context(), h.current()); got != "tea" || err != nil {
		t.Errorf("the guest has %q, %v", got, err)
	}
}

// A browser whose session is opaque from now on has no use for the refresh cookie of the signed one before.
func TestOpaqueClearsRefreshCookie(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	h := w.page()
	h.signIn(ana.Email)
	h.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: cloakroom.Opaque})
	if h.refreshToken() != "" {
		t.Error("the refresh cookie stays")
	}
	done(t, h.leaves(""))
	if h.token() != "" {
		t.Error("the session cookie stays")
	}
}

// An app whose token moved has no cookie at stake: it begins anew.
func TestBeginOfMovedBearer(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	begin := func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.BeginOn(rw, r, cloakroom.Terms{})
	}
	app, page := w.app(), w.page()
	for _, h := range []*holder{app, page} {
		h.signIn(ana.Email, cloakroom.Terms{Delivery: h.delivery(), Token: cloakroom.Opaque})
	}
	stale, tab := app.copied(), page.copied()
	app.privileged(t)
	page.privileged(t)
	g, err := stale.call("/", begin)
	done(t, err)
	if !g.Session.Anonymous() {
		t.Errorf("session %+v", g.Session)
	}
	_, err = tab.call("/", begin)
	unknowable(t, err, "by cookie")
	tab.untouched("by cookie")
}
