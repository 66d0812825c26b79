package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tabTo presses the Tab key until the keyboard is at an element.
func (b *tab) tabTo(id string) {
	b.t.Helper()
	for range 60 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if eval[string](b, `document.activeElement.id`) == id {
			return
		}
	}
	b.t.Fatalf("the keyboard does not come to %s", id)
}

func (b *tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

func TestKeyboard(t *testing.T) {
	h := start(t)
	b := browser(t)
	b.do(chromedp.Navigate(h.url), isOut)
	b.tabTo("signup-email")
	b.press(email)
	b.tabTo("signup-password")
	b.press(secret + kb.Enter)
	b.do(isIn)
	b.tabTo("add-name")
	b.press("laptop" + kb.Enter)
	b.do(chromedp.WaitVisible("#codes"), listed("laptop"))
	b.tabTo("codes-kept")
	b.press(kb.Enter)
	b.do(chromedp.WaitNotVisible("#codes"))
	if at := eval[string](b, `document.activeElement.id`); at != "factors-title" {
		t.Errorf("the keyboard is at %q after the codes", at)
	}
	b.tabTo("logout")
	b.press(" ")
	b.do(isOut)
	if at := eval[string](b, `document.activeElement.id`); at != "login-email" {
		t.Errorf("the keyboard is at %q after a sign-out", at)
	}
	b.tabTo("login-passkey")
	b.press(kb.Enter)
	b.do(isIn)
	if got := b.complained(); len(got) > 0 {
		t.Errorf("the console got %q %q", got, h.answered(""))
	}

	h.clock.Advance(time.Minute)
	b.tabTo("transfer")
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible("#proof-passkey"))
	if at := eval[string](b, `document.activeElement.id`); at != "proof-passkey" {
		t.Errorf("the keyboard is at %q in the dialog", at)
	}
	b.press(kb.Escape)
	b.do(says("status", "Nothing was changed."))
	if at := eval[string](b, `document.activeElement.id`); at != "transfer" {
		t.Errorf("the keyboard is at %q after the dialog", at)
	}
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible("#proof-passkey"))
	b.press(kb.Enter)
	b.do(says("status", "100 coins"))
	if got := unexpected(b.complained(), http.StatusUnauthorized); len(got) > 0 {
		t.Errorf("the console got %q", got)
	}
}

func TestNames(t *testing.T) {
	h := start(t)
	b := browser(t)
	account(b, h)
	nameless := eval[[]string](b, `[...document.querySelectorAll("input, button, form, section, dialog, ul, [role=img]")].filter(e => {
		const by = e.getAttribute("aria-labelledby")
		return !(e.labels?.length || e.ariaLabel || by && document.getElementById(by) || e.localName === "button" && e.textContent.trim() || e.localName === "form" && e.closest("dialog, ul"))
	}).map(e => e.outerHTML)`)
	if len(nameless) > 0 {
		t.Errorf("without a name: %q", nameless)
	}
	for _, id := range []string{"status", "proof-status"} {
		if live := eval[string](b, `document.getElementById("`+id+`").role + " " + document.getElementById("`+id+`").ariaLive`); live != "status polite" {
			t.Errorf("#%s is %q", id, live)
		}
	}
	if twice := eval[[]string](b, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`); len(twice) > 0 {
		t.Errorf("ids that are there twice: %q", twice)
	}
}

func TestS8PasswordFields(t *testing.T) {
	h := start(t)
	b := browser(t)
	b.do(chromedp.Navigate(h.url), isOut)
	t.Run("S-8 say what they are to password managers", func(t *testing.T) {
		got := eval[string](b.in(t), `[...document.querySelectorAll("[type=password]")].map(i => i.id + " " + i.autocomplete).join("\n")`)
		want := "login-password current-password\nsignup-password new-password\nproof-password current-password"
		if got != want {
			t.Errorf("got %s", got)
		}
	})
	for _, id := range []string{"login-password", "signup-password"} {
		t.Run("S-8 a password can be pasted into "+id, func(t *testing.T) {
			b := b.in(t)
			b.do(chromedp.Evaluate[chromedp.Void](`(() => {
				const text = Object.assign(document.createElement("textarea"), { id: "copied", value: "` + secret + `" })
				document.getElementById("copied")?.remove()
				document.body.append(text)
				text.select()
			})()`))
			b.edit("copy")
			b.do(chromedp.Focus("#" + id))
			b.edit("paste")
			if got := eval[string](b, `document.getElementById("`+id+`").value`); got != secret {
				t.Errorf("pasted %q", got)
			}
		})
	}
}

// edit gives the focused element an editing command, as the keys for it do.
func (b *tab) edit(command string) {
	b.t.Helper()
	tell(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Commands: []string{command}})
}

func TestOtherBrowsers(t *testing.T) {
	t.Run("without the conversions of WebAuthn Level 3", func(t *testing.T) {
		h := start(t)
		b := browser(t)
		b.before(`for (const name of ["parseCreationOptionsFromJSON", "parseRequestOptionsFromJSON", "signalUnknownCredential"]) delete PublicKeyCredential[name]
			delete PublicKeyCredential.prototype.toJSON`)
		account(b, h)
		if left := eval[string](b, `Object.getOwnPropertyNames(PublicKeyCredential).concat(Object.getOwnPropertyNames(PublicKeyCredential.prototype)).filter(n => /JSON/.test(n)).join()`); left != "" {
			t.Fatalf("the browser still has %s", left)
		}
		signOut(b)
		signIn(b)
		if got := b.complained(); len(got) > 0 {
			t.Errorf("the console got %q", got)
		}
	})
	t.Run("without passkeys", func(t *testing.T) {
		h := start(t)
		b := browser(t)
		b.before(`delete window.PublicKeyCredential`)
		b.do(chromedp.Navigate(h.url), chromedp.WaitVisible("#unsupported"), chromedp.WaitNotVisible("#login-passkey"))
		b.do(submit("signup", email, secret), isIn, chromedp.WaitNotVisible("#add"))
		if got := b.complained(); len(got) > 0 {
			t.Errorf("the console got %q", got)
		}
	})
}

func TestPageIsStrict(t *testing.T) {
	h := start(t)
	for path, want := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/app.css": "text/css", "/icon.svg": "image/svg+xml"} {
		resp, err := http.Get(h.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		head := resp.Header
		if resp.StatusCode != 200 || !strings.HasPrefix(head.Get("Content-Type"), want) || head.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(head.Get("Content-Security-Policy"), "default-src 'self';") {
			t.Errorf("%s: %d %v", path, resp.StatusCode, head)
		}
	}
}

func TestComesHome(t *testing.T) {
	h := start(t)
	r, err := http.NewRequest("GET", h.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = strings.Replace(r.Host, "localhost", "127.0.0.1", 1)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || resp.Header.Get("Location") != h.url+"/" {
		t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

func TestPasskeyEndpoints(t *testing.T) {
	h := start(t)
	a := h.send(t, "GET", "/.well-known/passkey-endpoints", "", "")
	if want := fmt.Sprintf(`{"enroll":"%[1]s/#add","manage":"%[1]s/#factors"}`, h.url); strings.TrimSpace(a.text) != want {
		t.Errorf("%d %s", a.code, a.text)
	}
}

func TestCommandKeepsAccountsInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accounts.db")
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, email, secret)
	command(t, file, func(h *house) {
		if a := h.send(t, "POST", "/auth/signup", body, ""); a.code != 201 {
			t.Fatalf("%d %s", a.code, a.text)
		}
	})
	command(t, file, func(h *house) {
		if a := h.send(t, "POST", "/auth/login", body, ""); a.code != 200 {
			t.Errorf("%d %s", a.code, a.text)
		}
		if _, options := h.question(t); !strings.Contains(options, `"rpId":"localhost"`) {
			t.Errorf("asked %s", options)
		}
	})
}

// command runs the program with a file as its user would, until use returns.
func command(t *testing.T, file string, use func(*house)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, "0", file, time.Minute, w) }()
	var address string
	if _, err := fmt.Fscanf(r, "listening on %s\n", &address); err != nil {
		t.Fatal(err)
	}
	use(&house{url: address})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMistakesAreTold(t *testing.T) {
	err := run(t.Context(), "0", "", time.Second, io.Discard)
	if err == nil || !slices.Contains(strings.Fields(err.Error()), "FreshFor:") {
		t.Errorf("got %v", err)
	}
}
