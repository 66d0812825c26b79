package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

// added adds a passkey by keyboard.
func added(b *tab, name string) {
	b.t.Helper()
	b.do(chromedp.SendKeys("#add-name", name+"\n"), says("status", "The passkey is added."), listed(name))
}

// listed waits for a passkey of that name in the list.
func listed(name string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(fmt.Sprintf(`//*[@id="factors"]//button[@aria-label="Rename: %s"]`, name))
}

// account makes one with a password and a passkey, and leaves the tab signed in.
func account(b *tab, h *house) (userID string) {
	b.t.Helper()
	b.do(chromedp.Navigate(h.url), isOut, submit("signup", email, secret), isIn)
	added(b, "laptop")
	return h.session(b.t, b.cookie()).User.ID
}

func signOut(b *tab) {
	b.t.Helper()
	b.do(chromedp.Click("#logout"), isOut)
}

func signIn(b *tab) {
	b.t.Helper()
	b.do(chromedp.Click("#login-passkey"), isIn)
}

// told returns the reasons of the events of a type that are kept of a user.
func (h *house) told(t *testing.T, userID string, what cloakroom.EventType) (reasons []string) {
	t.Helper()
	for e, err := range h.auth.Events().Of(t.Context(), userID) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == what {
			reasons = append(reasons, e.Reason)
		}
	}
	return reasons
}

func TestPasskey(t *testing.T) {
	h := start(t)
	first := browser(t)
	var user, appSecret string
	var codes []string

	t.Run("S192 the first one brings ten recovery codes, shown once", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Navigate(h.url), isOut, submit("signup", email, secret), isIn)
		signup := b.cookie()
		user = h.session(t, signup).User.ID
		if s := h.session(t, signup); s.Level != 1 {
			t.Errorf("level %d after a password", s.Level)
		}
		added(b, "laptop")
		codes = eval[[]string](b, `[...document.querySelectorAll("#codes-list code")].map(c => c.textContent)`)
		slices.Sort(codes)
		if len(slices.Compact(codes)) != 10 || len(codes[0]) < 20 {
			t.Errorf("codes %q", codes)
		}
		if got := h.told(t, user, cloakroom.FactorAdded); !slices.Equal(got, []string{"passkey"}) {
			t.Errorf("told %q", got)
		}
		if s := h.session(t, b.cookie()); s.Level != 2 {
			t.Errorf("level %d", s.Level)
		}
		if a := h.send(t, "GET", "/auth/me", "", signup); a.code != 401 {
			t.Errorf("the cookie of before still works: %d %s", a.code, a.text)
		}
		b.do(chromedp.Click("#codes-kept"), chromedp.WaitNotVisible("#codes"), chromedp.Reload(), listed("laptop"))
		if page := eval[string](b, `document.documentElement.outerHTML`); strings.Contains(page, codes[0]) {
			t.Error("the codes are still in the page")
		}
	})
	t.Run("S-93 it is on the device, for this site, under a handle that tells nothing", func(t *testing.T) {
		keys := first.in(t).keys()
		if len(keys) != 1 || !keys[0].IsResidentCredential || keys[0].RpID != "localhost" || keys[0].UserName != email {
			t.Fatalf("%+v", keys)
		}
		if handle := keys[0].UserHandle; len(handle) != 16 || strings.Contains(string(handle), "ana") {
			t.Errorf("handle %q", handle)
		}
	})
	t.Run("it opens a session of two factors in one step", func(t *testing.T) {
		b := first.in(t)
		signOut(b)
		h.answered("")
		signIn(b)
		if got := h.answered("POST"); !slices.Equal(got, []string{"POST /auth/login/options 200", "POST /auth/login/verify 200"}) {
			t.Errorf("answered %q", got)
		}
		if s := h.session(t, b.cookie()); s.Level != 2 || !slices.Equal(s.Methods, []string{"passkey"}) || s.User.Email != email {
			t.Errorf("level %d by %q", s.Level, s.Methods)
		}
		if at := eval[string](b, `document.activeElement.id`); at != "who" {
			t.Errorf("the keyboard is at %q, want at who is signed in", at)
		}
	})
	t.Run("a cancelled one changes nothing", func(t *testing.T) {
		b := first.in(t)
		signOut(b)
		b.verifies(false)
		defer b.verifies(true)
		h.answered("")
		b.do(chromedp.Click("#login-passkey"), says("status", "It was cancelled, or your device could not make sure that it is you."))
		if got := h.answered("POST"); !slices.Equal(got, []string{"POST /auth/login/options 200"}) {
			t.Errorf("answered %q", got)
		}
	})
	t.Run("S194 after a password it is the second factor", func(t *testing.T) {
		b := first.in(t)
		h.answered("")
		b.do(submit("login", email, secret), chromedp.WaitVisible("#proof-passkey"))
		if got := h.answered("POST /auth/login "); !slices.Equal(got, []string{"POST /auth/login 200"}) {
			t.Errorf("answered %q", got)
		}
		if n := len(tell(b, network.GetCookies, network.GetCookiesParams{}).Cookies); n != 0 {
			t.Errorf("%d cookies before the second factor", n)
		}
		b.do(chromedp.Click("#proof-passkey"), isIn)
		if s := h.session(t, b.cookie()); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "passkey"}) {
			t.Errorf("level %d by %q", s.Level, s.Methods)
		}
		if left := eval[string](b, `[...document.querySelectorAll("input[type=password]")].map(i => i.value).join("")`); left != "" {
			t.Error("the password is still in the page")
		}
	})
	t.Run("S204 a recovery code stands in for it, once", func(t *testing.T) {
		b := first.in(t)
		signOut(b)
		typed := strings.ToLower(strings.ReplaceAll(codes[0], "-", " "))
		b.do(submit("login", email, secret), chromedp.WaitVisible("#proof-code"), chromedp.SendKeys("#proof-code", typed+"\n"), isIn, says("factors", "9 recovery codes"))
		if got := h.told(t, user, cloakroom.RecoveryCodeUsed); len(got) != 1 {
			t.Errorf("told %d times", len(got))
		}
		signOut(b)
		b.do(submit("login", email, secret), chromedp.WaitVisible("#proof-code"), chromedp.SendKeys("#proof-code", typed+"\n"), says("proof-status", "This does not fit."))
		b.do(chromedp.SendKeys("#proof-code", codes[1]+"\n"), isIn)
	})
	t.Run("it can be called otherwise", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.SendKeys("#factors form input", " of Ana\n"), listed("laptop of Ana"), chromedp.Reload(), listed("laptop of Ana"))
	})
	t.Run("an authenticator app beside it", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Click("#add-app"), chromedp.WaitVisible("#app-qr svg"))
		appSecret = b.text("#app-secret")
		code, err := totp.Code(appSecret, h.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		b.do(chromedp.SendKeys("#app-code", code+"\n"), says("status", "The app is added."), says("factors", "Authenticator app"))
		if n := eval[int](b, `document.querySelectorAll("#codes-list code").length`); n != 0 {
			t.Errorf("%d new recovery codes: those there were are dead", n)
		}
	})
	t.Run("its code after a password", func(t *testing.T) {
		b := first.in(t)
		signOut(b)
		h.clock.Advance(30 * time.Second) // the code that added it is used up
		code, err := totp.Code(appSecret, h.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		b.do(submit("login", email, secret), chromedp.WaitVisible("#proof-code"), chromedp.SendKeys("#proof-code", code+"\n"), isIn)
		if s := h.session(t, b.cookie()); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "totp"}) {
			t.Errorf("level %d by %q", s.Level, s.Methods)
		}
	})
	t.Run("the only way in stays", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Click(`//li[@data-factor="password"]/button`), chromedp.WaitNotPresent(`//li[@data-factor="password"]`))
		h.answered("")
		b.do(chromedp.Click(`//button[@aria-label="Remove: laptop of Ana"]`), says("status", "This is the only way into your account."))
		if got := h.answered("DELETE"); len(got) != 1 || !strings.HasSuffix(got[0], " 409") {
			t.Errorf("answered %q", got)
		}
		if n := len(b.keys()); n != 1 {
			t.Errorf("%d passkeys on the device", n)
		}
		signOut(b)
		signIn(b)
	})
	if got := unexpected(first.complained(), http.StatusUnauthorized, http.StatusConflict); len(got) > 0 {
		t.Errorf("the console got %q", got)
	}
}
