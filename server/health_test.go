package server

import (
	"encoding/json"
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
		if err := s.engine.store.Shutdown(); err != nil {
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
