package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRequestID(t *testing.T) {
	s, log := built(t, settings(t), config.Production)
	stranger := ask(s.handler, "GET", "/nowhere", "X-Request-Id", "mine").Header().Get("X-Request-Id")
	if !strings.HasPrefix(stranger, "req_") {
		t.Errorf("a stranger named a request %q", stranger)
	}
	if again := ask(s.handler, "GET", "/nowhere"); again.Header().Get("X-Request-Id") == stranger {
		t.Error("two requests have one id")
	}
	w := ask(s.handler, "GET", "/auth/nowhere")
	id := w.Header().Get("X-Request-Id")
	if !strings.Contains(w.Body.String(), id) {
		t.Errorf("the problem does not have the id %s: %s", id, w.Body)
	}
	if lines := log.lines(t, "request"); lines[len(lines)-1]["request_id"] != id {
		t.Errorf("the log does not have the id %s: %v", id, lines)
	}

	cfg := settings(t)
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's RemoteAddr
	s, _ = built(t, cfg, config.Production)
	if got := ask(s.handler, "GET", "/livez", "X-Request-Id", "edge-17").Header().Get("X-Request-Id"); got != "edge-17" {
		t.Errorf("the proxy's id became %q", got)
	}
	for _, bad := range []string{"a b", "x\"y", "é", strings.Repeat("x", 65)} {
		if got := ask(s.handler, "GET", "/livez", "X-Request-Id", bad).Header().Get("X-Request-Id"); got == bad {
			t.Errorf("took %q for an id", bad)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	plain, _ := built(t, settings(t), config.Production)
	cfg := settings(t)
	cfg.BaseURL = "https://auth.example.com"
	secure, _ := built(t, cfg, config.Production)
	for _, path := range []string{"/livez", "/readyz", "/version", "/auth/session", "/auth/me", "/nowhere", "/"} {
		for s, hsts := range map[*Server]string{plain: "", secure: "max-age=31536000"} {
			h := ask(s.handler, "GET", path).Header()
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy":   "default-src 'none'; frame-ancestors 'none'",
				"Strict-Transport-Security": hsts, "Cache-Control": "no-store",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got, want)
				}
			}
		}
	}
}

func TestPanic(t *testing.T) {
	s, log := built(t, settings(t), config.Production)
	front := s.front(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "x"})
		panic("the drawer is stuck")
	}))
	w := ask(front, "GET", "/")
	if w.Code != 500 || (reply{body: w.Body.String()}).code() != "internal" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w.Header().Get("Set-Cookie") != "" {
		t.Error("a handler that panicked set a cookie")
	}
	if w.Header().Get("X-Request-Id") == "" || w.Header().Get("Referrer-Policy") == "" {
		t.Errorf("the headers of every answer are gone: %v", w.Header())
	}
	if strings.Contains(w.Body.String(), "drawer") || strings.Contains(w.Body.String(), "front_test") {
		t.Errorf("S252: it tells too much: %s", w.Body)
	}
	lines := log.lines(t, "panic")
	if len(lines) != 1 || !strings.Contains(lines[0]["stack"].(string), "front_test.go") || lines[0]["panic"] != "the drawer is stuck" {
		t.Errorf("the log does not help: %v", lines)
	}
	if done := log.lines(t, "request"); len(done) != 1 || done[0]["status"] != 500.0 {
		t.Errorf("the request was not told: %v", done)
	}
}

func TestPanicInTheMiddleOfAnAnswer(t *testing.T) {
	s, _ := built(t, settings(t), config.Production)
	web := httptest.NewServer(s.front(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half of ")
		_ = http.NewResponseController(w).Flush()
		panic("and no more")
	})))
	defer web.Close()
	res, err := http.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the answer looks whole: %q", text)
	}
}
