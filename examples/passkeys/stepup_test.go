package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

func TestStepUp(t *testing.T) {
	h := start(t)
	first := browser(t)
	account(first, h)

	t.Run("S228 a proof of long ago is not enough for what is sensitive", func(t *testing.T) {
		b := first.in(t)
		if a := h.send(t, "POST", "/transfer", "", b.cookie()); a.code != 200 {
			t.Errorf("while it is fresh: %d %s", a.code, a.text)
		}
		h.clock.Advance(time.Minute)
		if a := h.send(t, "POST", "/transfer", "", b.cookie()); a.code != 401 || !strings.Contains(a.text, `"code":"step_up_required"`) {
			t.Errorf("%d %s", a.code, a.text)
		}
		if a := h.send(t, "GET", "/auth/me", "", b.cookie()); a.code != 200 {
			t.Errorf("what is not sensitive: %d %s", a.code, a.text)
		}
	})
	t.Run("S-34 S228 a passkey renews the session: a new cookie, and the old one is dead", func(t *testing.T) {
		b := first.in(t)
		stale := b.cookie()
		before := h.session(t, stale)
		h.answered("")
		b.do(chromedp.Click("#transfer"), chromedp.Click("#proof-passkey"), says("status", "100 coins are on their way, "+email))
		want := []string{"POST /transfer 401", "POST /auth/step-up 200", "POST /auth/login/options 200", "POST /auth/login/verify 200", "POST /transfer 200"}
		if got := h.answered("POST"); !slices.Equal(got, want) {
			t.Errorf("answered %q", got)
		}
		fresh := b.cookie()
		if fresh == stale {
			t.Error("the same cookie")
		}
		if a := h.send(t, "GET", "/auth/me", "", stale); a.code != 401 {
			t.Errorf("the old cookie: %d %s", a.code, a.text)
		}
		if a := h.send(t, "GET", "/auth/me", "", fresh); a.code != 200 {
			t.Errorf("the new cookie: %d %s", a.code, a.text)
		}
		after := h.session(t, fresh)
		if after.ID != before.ID || !after.AuthenticatedAt.After(before.AuthenticatedAt) || after.Level != 2 {
			t.Errorf("before %+v, after %+v", before, after)
		}
	})
	t.Run("S228 for as long as it is fresh nothing more is asked", func(t *testing.T) {
		b := first.in(t)
		h.clock.Advance(30 * time.Second)
		h.answered("")
		b.do(chromedp.Click("#transfer"), says("status", "100 coins"))
		if got := h.answered("POST"); !slices.Equal(got, []string{"POST /transfer 200"}) {
			t.Errorf("answered %q", got)
		}
	})
	t.Run("by a password it takes the second factor, too", func(t *testing.T) {
		b := first.in(t)
		h.clock.Advance(time.Minute)
		b.do(chromedp.Click("#transfer"), chromedp.WaitVisible("#proof-password"))
		if who := eval[string](b, `document.getElementById("proof-email").value`); who != email {
			t.Errorf("it is asked of %q", who)
		}
		b.do(chromedp.SendKeys("#proof-password", "not the password\n"), says("proof-status", "This does not fit."))
		b.do(chromedp.SendKeys("#proof-password", secret+"\n"), chromedp.WaitNotVisible("#proof-password"))
		if a := h.send(t, "POST", "/transfer", "", b.cookie()); a.code != 401 {
			t.Errorf("half-way: %d %s", a.code, a.text)
		}
		b.do(chromedp.Click("#proof-passkey"), says("status", "100 coins"))
		if s := h.session(t, b.cookie()); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "passkey"}) {
			t.Errorf("level %d by %q", s.Level, s.Methods)
		}
	})
	t.Run("S193 S-40 adding a passkey, and who gives no proof changes nothing", func(t *testing.T) {
		b := first.in(t)
		h.clock.Advance(time.Minute)
		h.answered("")
		b.do(chromedp.SendKeys("#add-name", "phone\n"), chromedp.WaitVisible("#proof-passkey"), chromedp.KeyEvent("\x1b"), says("status", "Nothing was changed."))
		if got := h.answered("POST"); !slices.Equal(got, []string{"POST /auth/factors 401", "POST /auth/step-up 200"}) {
			t.Errorf("answered %q", got)
		}
		if n := len(b.keys()); n != 1 {
			t.Errorf("%d passkeys on the device", n)
		}
	})
	t.Run("S-40 removing one", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Click(`//button[@aria-label="Remove: laptop"]`), chromedp.WaitVisible("#proof-passkey"), chromedp.Click("#proof-cancel"), says("status", "Nothing was changed."), listed("laptop"))
	})
}
