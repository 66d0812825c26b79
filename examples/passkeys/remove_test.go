package main

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestRemove(t *testing.T) {
	h := start(t)
	first := browser(t)
	account(first, h)
	remove := func(b *tab) {
		b.t.Helper()
		b.do(chromedp.Click(`//button[@aria-label="Remove: laptop"]`), says("status", "It opens your account no more."), chromedp.WaitNotPresent("#factors form"))
	}
	t.Run("a passkey that is removed opens nothing, even if the device still has it", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Evaluate[chromedp.Void](`PublicKeyCredential.signalUnknownCredential = undefined`))
		remove(b)
		signOut(b)
		h.answered("")
		b.do(chromedp.Click("#login-passkey"), says("status", "This passkey opens no account here."))
		if got := h.answered("POST"); !slices.Contains(got, "POST /auth/login/verify 401") {
			t.Errorf("answered %q", got)
		}
		if n := len(b.keys()); n != 1 {
			t.Fatalf("%d passkeys on the device: this test shows nothing", n)
		}
	})
	t.Run("the recovery codes went with it: a password is enough again", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Reload(), isOut, submit("login", email, secret), isIn)
		if left := b.text("#factors"); left != "Password Remove" {
			t.Errorf("left is %q", left)
		}
		b.do(chromedp.Click("#factors button"), says("status", "This is the only way into your account."))
	})
	t.Run("the device forgets it", func(t *testing.T) {
		b := first.in(t)
		added(b, "laptop")
		remove(b)
		until(t, "it is forgotten", func() bool { return len(b.keys()) == 0 })
	})
}
