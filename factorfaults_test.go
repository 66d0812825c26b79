package cloakroom_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// agrees checks that what a user says of a second factor is so.
func (w *world) agrees(userID string) {
	w.t.Helper()
	list, err := w.Factors(w.t.Context(), userID)
	done(w.t, err)
	second, spare := false, false
	for _, f := range list {
		second = second || f.Second
		spare = spare || f.Method == "recovery_code" || f.Method == "device"
	}
	user, err := w.Users().Get(w.t.Context(), userID)
	done(w.t, err)
	if user.MFA != second || spare && !second {
		w.t.Errorf("MFA is %v, and the factors are %+v", user.MFA, list)
	}
}

// A store that does not answer, at whatever point of a change of factors, is 503: the session that changes them lives on by the
// token that it has, and the account is either as before or changed as a whole.
func TestFactorFaults(t *testing.T) {
	store := wrap(memory.New())
	w := guarded(t, cloakroom.Config{Store: store, Cache: -1})
	person := 0
	arrive := func() (*device, *cloakroom.User) {
		person++
		user := w.User(fmt.Sprintf("user%d@example.com", person))
		d := w.from(fmt.Sprintf("203.0.113.%d", person%250))
		d.signIn(user.Email)
		return d, user
	}
	unharmed := func(d *device, token, userID string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if d.token != token {
				t.Error("the device has another token")
			}
			d.answers(http.StatusOK, "after the fault")
			w.agrees(userID)
		}
	}
	t.Run("an offer", func(t *testing.T) {
		d, ana := arrive()
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			s := d.live()
			return func() error { return second(w.OfferFactor(d.request(), s, "totp")) }, unharmed(d, d.token, ana.ID)
		})
	})
	t.Run("a factor more", func(t *testing.T) {
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			d, ana := arrive()
			offer, err := d.offered("totp")
			done(t, err)
			s := d.live()
			return func() error { return second(d.bindIn(s, offer, w.appOf(offer).code(), "")) }, unharmed(d, d.token, ana.ID)
		})
	})
	t.Run("a factor less", func(t *testing.T) {
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			d, ana := arrive()
			d.addTOTP()
			s := d.live()
			return func() error { return d.removeIn(s, "totp") }, unharmed(d, d.token, ana.ID)
		})
	})
	t.Run("other recovery codes", func(t *testing.T) {
		d, ana := arrive()
		d.addTOTP()
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			s := d.live()
			return func() error { return second(w.NewRecoveryCodes(d.request(), s, "recovery_code")) }, unharmed(d, d.token, ana.ID)
		})
	})
	t.Run("a step-up", func(t *testing.T) {
		d, ana := arrive()
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			s := d.live()
			return func() error { return second(w.StepUp(httptest.NewRecorder(), d.request(), s)) }, unharmed(d, d.token, ana.ID)
		})
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			c, err := d.stepUp()
			done(t, err)
			return func() error { return second(d.answer(c, "password", authtest.Secret)) }, unharmed(d, d.token, ana.ID)
		})
	})
	t.Run("a passkey lets nothing out that is not stored", func(t *testing.T) {
		d, _ := arrive()
		p := authtest.NewPasskey(t, site)
		d.addPasskey(p, "")
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			e := w.browser()
			return func() error { return second(e.ask(cloakroom.Question{Method: "passkey"})) }, func(*testing.T) {}
		})
		everyFault(t, store, func(int) (func() error, func(*testing.T)) {
			e := w.browser()
			c := e.byPasskey()
			answer := p.Get(c.Offer)
			return func() error { return second(e.answer(c, "passkey", answer)) }, func(t *testing.T) {
				if e.token != "" {
					t.Error("there is a token")
				}
			}
		})
	})
	t.Run("a change whose answer is lost is done as a whole, and its session lives", func(t *testing.T) {
		d, ana := arrive()
		offer, err := d.offered("totp")
		done(t, err)
		s, app := d.live(), w.appOf(offer)
		store.lose("UpdateUser")
		unknowable(t, second(d.bindIn(s, offer, app.code(), "")), "to bind")
		store.lose()
		d.answers(http.StatusOK, "the session")
		w.agrees(ana.ID)
		next := w.browser()
		next.signInBoth(ana.Email, app)
		next.addPasskey(authtest.NewPasskey(t, site), "")
		next.answers(http.StatusOK, "after the next change")
	})
}
