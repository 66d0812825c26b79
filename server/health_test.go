package server

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

func TestHealth(t *testing.T) {
	t.Run("S250 ready only while the store answers", func(t *testing.T) {
		s, _ := built(t, settings(t), config.Production)
		if w := ask(s.handler, "GET", "/readyz"); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
		if err := s.engine.stores.Shutdown(); err != nil {
			t.Fatal(err)
		}
		w := ask(s.handler, "GET", "/readyz")
		if w.Code != 503 || (reply{body: w.Body.String()}).code() != "unavailable" || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if w := ask(s.handler, "GET", "/livez"); w.Code != 200 {
			t.Errorf("the process lives all the same: %d", w.Code)
		}
	})
	t.Run("S250 not ready when the database file is gone", func(t *testing.T) {
		cfg := settings(t)
		s, _ := built(t, cfg, config.Production)
		if err := os.Remove(DatabasePath(cfg)); err != nil {
			t.Fatal(err)
		}
		if w := ask(s.handler, "GET", "/readyz"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		r := httptest.NewRequest("POST", "/auth/signup", strings.NewReader(ana))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != 503 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("signed up into nothing: %d %v %s", w.Code, w.Header(), w.Body)
		}
	})
	t.Run("not ready while stopping", func(t *testing.T) {
		s, _ := built(t, settings(t), config.Production)
		s.stopping.Store(true)
		if w := ask(s.handler, "GET", "/readyz"); w.Code != 503 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestVersion(t *testing.T) {
	s, _ := built(t, settings(t), config.Production)
	w := ask(s.handler, "GET", "/version")
	var b Build
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || b.Go != runtime.Version() || b.Version == "" {
		t.Errorf("%s %v", w.Body, err)
	}
}

func TestAddresses(t *testing.T) {
	s, _ := built(t, settings(t), config.Production)
	t.Run("S253 unknown paths and wrong methods", func(t *testing.T) {
		for request, want := range map[string]string{
			"GET /": "not_found", "GET /nowhere": "not_found", "GET /metrics": "not_found", "PUT /nowhere": "not_found",
			"GET /auth/nowhere": "not_found", "GET /livez/x": "not_found",
			"POST /livez": "method_not_allowed", "DELETE /readyz": "method_not_allowed", "POST /openapi.json": "method_not_allowed",
			"GET /auth/login": "method_not_allowed",
		} {
			method, path, _ := strings.Cut(request, " ")
			w := ask(s.handler, method, path)
			got := reply{body: w.Body.String()}.code()
			if got != want || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s, want %s", request, w.Code, w.Body, want)
			}
			if want == "method_not_allowed" && w.Header().Get("Allow") == "" {
				t.Errorf("%s: no Allow", request)
			}
		}
	})
	t.Run("nothing is redirected", func(t *testing.T) {
		dev, _ := built(t, settings(t), config.Development)
		for _, s := range []*Server{s, dev} {
			for _, path := range []string{
				"//auth/login", "/auth/../auth/me", "/auth//me", "/auth", "/auth/.", "/auth/me/..", "/./livez", "//livez", "/livez//", "//",
				"/auth/../", "/auth/./me?x=1",
			} {
				for _, method := range []string{"GET", "POST", "HEAD"} {
					w := ask(s.handler, method, path)
					h := w.Header()
					if w.Code != 404 || h.Get("Location") != "" || (reply{body: w.Body.String()}).code() != "not_found" ||
						h.Get("Content-Type") != "application/problem+json" || h.Get("X-Request-Id") == "" || h.Get("X-Content-Type-Options") != "nosniff" ||
						h.Get("Content-Security-Policy") == "" || h.Get("Cache-Control") != "no-store" {
						t.Errorf("%s %s: %d %v %s", method, path, w.Code, h, w.Body)
					}
				}
			}
		}
		if w := ask(dev.handler, "POST", "/"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" || (reply{body: w.Body.String()}).code() != "method_not_allowed" {
			t.Errorf("POST to the front page: %d %v %s", w.Code, w.Header(), w.Body)
		}
	})
	t.Run("the API describes itself", func(t *testing.T) {
		w := ask(s.handler, "GET", "/openapi.json")
		if !json.Valid(w.Body.Bytes()) || !strings.Contains(w.Body.String(), `"/login"`) {
			t.Errorf("%d %.200s", w.Code, w.Body)
		}
	})
	t.Run("the front page is for development", func(t *testing.T) {
		dev, _ := built(t, settings(t), config.Development)
		w := ask(dev.handler, "GET", "/")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "/auth/signup") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
