package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// ceremony has a page answer the options of the server and returns the answer, as JSON for one.
func ceremony(b *tab, what, options string) string {
	b.t.Helper()
	parse := map[string]string{"create": "parseCreationOptionsFromJSON", "get": "parseRequestOptionsFromJSON"}[what]
	return eval[string](b, fmt.Sprintf(`navigator.credentials.%s({ publicKey: PublicKeyCredential.%s((%s).publicKey) }).then(c => JSON.stringify(c))`, what, parse, options))
}

// question asks the server for what a passkey is to sign.
func (h *house) question(t *testing.T) (challenge, options string) {
	t.Helper()
	a := h.send(t, "POST", "/auth/login/options", `{"method":"passkey"}`, "")
	return string(a.at(t, "challenge", "id")), string(a.at(t, "options"))
}

// answers gives the server the answer to a question.
func (h *house) answers(t *testing.T, challenge, response string) answer {
	t.Helper()
	return h.send(t, "POST", "/auth/login/verify", fmt.Sprintf(`{"challenge":%s,"method":"passkey","response":%s}`, challenge, response), "")
}

// part decodes a member of the response of an answer.
func part(t *testing.T, response, name string) []byte {
	t.Helper()
	var text string
	if err := json.Unmarshal(answer{0, response}.at(t, "response", name), &text); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// quiet is a page of the site without a script that asks for passkeys itself.
func quiet(b *tab, h *house) {
	b.t.Helper()
	b.do(chromedp.Navigate(h.url + "/app.css"))
}

func TestVerification(t *testing.T) {
	const verified = 0x04 // the flag UV, in byte 32 of the authenticator data (WebAuthn §6.1)
	h := start(t)
	first := browser(t)
	account(first, h)
	signOut(first)
	quiet(first, h)

	t.Run("a device that has verified its user stands for two factors", func(t *testing.T) {
		b := first.in(t)
		challenge, options := h.question(t)
		response := ceremony(b, "get", options)
		if part(t, response, "authenticatorData")[32]&verified == 0 {
			t.Error("the device says that it has not")
		}
		if a := h.answers(t, challenge, response); a.code != 200 {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
	t.Run("S-93 one that has not opens nothing, whatever the page asked it for", func(t *testing.T) {
		b := first.in(t)
		b.verifies(false)
		defer b.verifies(true)
		challenge, options := h.question(t)
		less := strings.Replace(options, `"userVerification":"required"`, `"userVerification":"discouraged"`, 1)
		if less == options {
			t.Fatalf("it is not required: %s", options)
		}
		response := ceremony(b, "get", less)
		if part(t, response, "authenticatorData")[32]&verified != 0 {
			t.Fatal("the device verified its user: this test shows nothing")
		}
		if a := h.answers(t, challenge, response); a.code != 401 || string(a.at(t, "code")) != `"invalid_credentials"` {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
	t.Run("after a password having the device is enough", func(t *testing.T) {
		b := first.in(t)
		b.verifies(false)
		defer b.verifies(true)
		b.do(chromedp.Navigate(h.url), isOut, submit("login", email, secret), chromedp.WaitVisible("#proof-passkey"))
		b.do(chromedp.Click("#proof-passkey"), isIn)
		if s := h.session(t, b.cookie()); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "passkey"}) {
			t.Errorf("level %d by %q", s.Level, s.Methods)
		}
	})
}

// A page on another port is another origin of the same RP id: the browser lets it use the passkeys, and only the server can
// tell.
func TestOrigin(t *testing.T) {
	h := start(t)
	first := browser(t)
	account(first, h)
	cookie := first.cookie()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><link rel="icon" href="data:,"><title>Another origin</title>`))
	}))
	t.Cleanup(elsewhere.Close)
	evil := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	from := func(t *testing.T, response, want string) {
		t.Helper()
		var said struct{ Origin string }
		if err := json.Unmarshal(part(t, response, "clientDataJSON"), &said); err != nil || said.Origin != want {
			t.Fatalf("signed for %q, want %q", said.Origin, want)
		}
	}

	t.Run("S-93 what was signed for another origin is refused", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Navigate(evil))
		challenge, options := h.question(t)
		response := ceremony(b, "get", options)
		from(t, response, evil)
		if a := h.answers(t, challenge, response); a.code != 401 || string(a.at(t, "code")) != `"invalid_credentials"` {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
	t.Run("S-93 what was signed for this one is not", func(t *testing.T) {
		b := first.in(t)
		quiet(b, h)
		challenge, options := h.question(t)
		response := ceremony(b, "get", options)
		from(t, response, h.url)
		if a := h.answers(t, challenge, response); a.code != 200 {
			t.Errorf("%d %s", a.code, a.text)
		}
		if a := h.answers(t, challenge, response); a.code != 401 || string(a.at(t, "code")) != `"invalid_challenge"` {
			t.Errorf("a second time: %d %s", a.code, a.text)
		}
	})
	t.Run("S-93 a passkey that was made for another origin is not bound", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Navigate(evil))
		a := h.send(t, "POST", "/auth/factors", `{"method":"passkey"}`, cookie)
		options := strings.Replace(string(a.at(t, "options")), `"excludeCredentials"`, `"was"`, 1) // the device has one
		response := ceremony(b, "create", options)
		from(t, response, evil)
		a = h.send(t, "POST", "/auth/factors/bind", fmt.Sprintf(`{"offer":%s,"response":%s}`, a.at(t, "offer", "id"), response), cookie)
		if a.code != 400 || string(a.at(t, "code")) != `"wrong_answer"` {
			t.Errorf("%d %s", a.code, a.text)
		}
	})
	t.Run("S222 its own calls come to nothing", func(t *testing.T) {
		b := first.in(t)
		b.do(chromedp.Navigate(evil))
		h.answered("")
		for _, path := range []string{"/auth/login/options", "/auth/step-up", "/transfer"} {
			told := eval[string](b, fmt.Sprintf(`fetch(%q, { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: '{"method":"passkey"}' }).then(() => "answered", () => "held up")`, h.url+path))
			if told != "held up" {
				t.Errorf("%s: %s", path, told)
			}
			simple := eval[string](b, fmt.Sprintf(`fetch(%q, { method: "POST", credentials: "include", mode: "no-cors" }).then((r) => r.type)`, h.url+path))
			if simple != "opaque" {
				t.Errorf("%s: %s", path, simple)
			}
		}
		want := []string{"POST /auth/login/options 415", "POST /auth/step-up 403", "POST /transfer 403"}
		if got := h.answered("POST"); !slices.Equal(got, want) {
			t.Errorf("answered %q", got)
		}
	})
}
