package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

const (
	email  = "ana@example.com"
	secret = "a cloak for rainy days"
)

// house is the program on a port of its own, with a journal of what was answered and a clock that only tests move.
type house struct {
	url   string
	auth  *cloakroom.Auth
	store *sqlite.Store
	clock *authtest.Clock

	mu      sync.Mutex
	journal []string // like "POST /auth/login 200"
}

func start(t *testing.T) *house {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{url: originOf(l), clock: authtest.NewClock(time.Now())}
	if h.store, err = sqlite.Open(filepath.Join(t.TempDir(), "accounts.db")); err != nil {
		t.Fatal(err)
	}
	c := config(h.url, authtest.Password(t))
	c.Store, c.Now, c.FreshFor = h.store, h.clock.Now, time.Minute
	if h.auth, err = cloakroom.New(c); err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: h.record(routes(h.auth, h.url))}}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := h.auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := h.store.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// status remembers what was answered. Nothing here streams, so nothing is lost by wrapping.
type status struct {
	http.ResponseWriter
	code int
}

func (w *status) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (h *house) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := &status{w, http.StatusOK}
		next.ServeHTTP(told, r)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.journal = append(h.journal, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, told.code))
	})
}

// answered returns and forgets what was answered to requests that begin so.
func (h *house) answered(request string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(h.journal), func(line string) bool { return !strings.HasPrefix(line, request) })
	h.journal = nil
	return found
}

// answer is what a request of nobody's browser was answered.
type answer struct {
	code int
	text string
}

// at returns what is at a path of members of the JSON, as JSON.
func (a answer) at(t *testing.T, path ...string) json.RawMessage {
	t.Helper()
	raw := json.RawMessage(a.text)
	for _, name := range path {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil || members[name] == nil {
			t.Fatalf("no %s in %s", name, a.text)
		}
		raw = members[name]
	}
	return raw
}

// send is a request of nobody's browser, with a cookie where one is given.
func (h *house) send(t *testing.T, method, path, body, cookie string) answer {
	t.Helper()
	r, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(got)}
}

// session is the one that a cookie is of.
func (h *house) session(t *testing.T, cookie string) *cloakroom.Session {
	t.Helper()
	r := httptest.NewRequest("GET", h.url+"/", nil)
	r.Header.Set("Cookie", cookie)
	s, err := h.auth.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// count is the sign count that the store has of the only passkey of a user.
func (h *house) count(t *testing.T, userID string) (n int) {
	t.Helper()
	creds, err := h.store.Credentials(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, c := range creds {
		if c.Method != "passkey" {
			continue
		}
		var kept struct{ Count int }
		if err := json.Unmarshal(c.Data, &kept); err != nil {
			t.Fatal(err)
		}
		n = kept.Count
		found++
	}
	if found != 1 {
		t.Fatalf("%d passkeys in the store", found)
	}
	return n
}
