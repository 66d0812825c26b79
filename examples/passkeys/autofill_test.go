package main

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestAutofill(t *testing.T) {
	h := start(t)
	first := browser(t)
	account(first, h)
	signOut(first)
	first.autofill("on")
	wait := func(b *tab) {
		b.t.Helper()
		b.hold(false)
		b.do(chromedp.Reload(), isOut)
		until(b.t, "it waits", func() bool { return eval[string](b, `asked.join()`) == "conditional" })
		b.hold(true)
	}

	t.Run("a passkey is offered, and nothing happens before somebody picks it", func(t *testing.T) {
		b := first.in(t)
		h.answered("")
		wait(b)
		if got := h.answered("POST"); !slices.Equal(got, []string{"POST /auth/login/options 200"}) {
			t.Errorf("answered %q", got)
		}
		if kind := eval[string](b, `document.getElementById("login-email").autocomplete`); kind != "username webauthn" {
			t.Errorf("autocomplete %q", kind)
		}
	})
	t.Run("the button works while it waits", func(t *testing.T) {
		b := first.in(t)
		wait(b)
		b.do(chromedp.Click("#login-passkey"), isIn)
		b.hold(false)
		signOut(b)
		until(t, "it waits again", func() bool { return eval[string](b, `asked.at(-1)`) == "conditional" })
		b.hold(true)
	})
	t.Run("the password works while it waits", func(t *testing.T) {
		b := first.in(t)
		wait(b)
		b.do(submit("login", email, secret), chromedp.WaitVisible("#proof-passkey"), chromedp.Click("#proof-passkey"), isIn)
		if s := h.session(t, b.cookie()); !slices.Equal(s.Methods, []string{"password", "passkey"}) {
			t.Errorf("by %q", s.Methods)
		}
		b.hold(false)
		signOut(b)
		b.hold(true)
	})
	t.Run("picking it is all there is to do", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Reload(), isIn) // the device picks at once, and nobody clicks
		if got := eval[string](b, `asked.join()`); got != "conditional" {
			t.Errorf("asked for %s", got)
		}
		if s := h.session(t, b.cookie()); s.Level != 2 || !slices.Equal(s.Methods, []string{"passkey"}) {
			t.Errorf("level %d by %q", s.Level, s.Methods)
		}
	})
	if got := first.complained(); len(got) > 0 {
		t.Errorf("the console got %q", got)
	}
}
