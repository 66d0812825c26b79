package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/api"
)

var table = api.Table()

func TestTable(t *testing.T) {
	w := open(t, signed, mailing)
	seen := map[string]bool{}
	for _, line := range table {
		name := line.Method + " " + line.Path
		changes := line.Method != http.MethodGet
		switch {
		case seen[name]:
			t.Errorf("%s is there twice", name)
		case !line.Guarded:
			t.Errorf("%s states no guard", name)
		case line.Limit == "":
			t.Errorf("%s states no limit", name)
		case line.CSRF == "" || changes == (line.CSRF == "safe"):
			t.Errorf("%s states %q for cross-site requests", name, line.CSRF)
		case !findable(line.Path):
			t.Errorf("%s: one {id}, in the last segment or the one before, can be found", name)
		}
		seen[name] = true

		a := w.client().do(line.Method, strings.Replace(line.URL, "{id}", "x", 1), "")
		if a.status == 404 && !strings.HasPrefix(line.Path, "/.well-known/") || a.status == 405 || !slices.Contains(line.Statuses, a.status) {
			t.Errorf("%s answers %d, the table says %v", name, a.status, line.Statuses)
		}
		if code := a.code(); a.status >= 400 && !slices.Contains(line.Codes, code) {
			t.Errorf("%s answers %q, the table says %v", name, code, line.Codes)
		}
	}
	if len(table) < 40 {
		t.Errorf("only %d routes", len(table))
	}
}

// findable holds for a path whose {id}, if any, is its last segment or the one before.
func findable(path string) bool {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.Contains(s, "{") && (s != "{id}" || i < len(segments)-2) {
			return false
		}
	}
	return strings.Count(path, "{") < 2
}

func TestUnstatedGuardIsClosed(t *testing.T) {
	w := open(t)
	if rec := record(api.Unguarded(w.auth), "GET", "/"); rec.Code != 403 {
		t.Errorf("status %d, want 403", rec.Code)
	}
}

func TestNoRoute(t *testing.T) {
	w := open(t)
	for _, path := range []string{
		"/auth/", "/auth/nowhere", "/auth/login/", "/auth/sessions/a/b", "/auth/SESSION", "/auth/login%20",
		"/.well-known/", "/.well-known/jwks.json/", "/auth/.well-known/jwks.json", "/auth/%2e%2e", "/auth/{id}", "/auth/sessions/", "/auth/sessions/{id}/",
	} {
		t.Run("S253 404 "+path, func(t *testing.T) {
			for _, method := range []string{"GET", "POST", "DELETE", "BREW"} {
				w.client().do(method, path, "").fails(404, "not_found")
			}
		})
	}
	for path, allow := range map[string]string{
		"/auth/factors/totp": "DELETE, PATCH", "/auth/factors/bind": "POST", "/auth/user": "DELETE, GET, HEAD, PATCH", "/auth/login": "POST", "/auth/me": "GET, HEAD", "/auth/sessions": "DELETE, GET, HEAD", "/auth/sessions/x": "DELETE", "/auth/sessions/{id}": "DELETE", "/auth/openapi.json": "GET, HEAD",
		"/auth/refresh": "POST", "/auth/token": "POST", "/auth/introspect": "POST", "/auth/revocations": "GET, HEAD", "/.well-known/jwks.json": "GET, HEAD",
	} {
		t.Run("S253 405 "+path, func(t *testing.T) {
			for _, method := range []string{"PUT", "OPTIONS", "TRACE", "BREW", "get"} {
				if a := w.client().do(method, path, "").fails(405, "method_not_allowed"); a.header.Get("Allow") != allow {
					t.Errorf("Allow %q, want %q", a.header.Get("Allow"), allow)
				}
			}
		})
	}
	t.Run("an id is one segment, the last or the one before", func(t *testing.T) {
		for _, path := range []string{"/auth/factors/a/b", "/auth/factors//", "/auth//totp", "/auth/factors/" + strings.Repeat("/", 4000), strings.Repeat("/a", 4000)} {
			rec := httptest.NewRecorder() // a ServeMux before it would clean the path
			w.api.ServeHTTP(rec, &http.Request{Method: "DELETE", URL: &url.URL{Path: path}, Header: http.Header{}})
			if rec.Code != 404 {
				t.Errorf("%.40s: %d", path, rec.Code)
			}
		}
	})
	t.Run("a prefix is not a path", func(t *testing.T) {
		if rec := record(w.api, "GET", "/other/session"); rec.Code != 404 {
			t.Errorf("status %d", rec.Code)
		}
	})
	t.Run("HEAD is GET without its body", func(t *testing.T) {
		a := w.client().do("HEAD", "/auth/session", "").is(200)
		if a.text != "" || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%v %q", a.header, a.text)
		}
		w.client().do("HEAD", "/auth/me", "").is(401)
	})
}
