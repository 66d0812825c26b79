package cloakroom_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// The ResponseWriter is never wrapped, so whatever the server can do a guarded handler can do.
func TestResponseWriterIsTheServers(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	ana := room.User("ana@example.com")
	guards := map[string]func(http.HandlerFunc) http.Handler{
		"Protect": func(h http.HandlerFunc) http.Handler {
			return room.Protect(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) { h(w, r) })
		},
		"Optional": func(h http.HandlerFunc) http.Handler {
			return room.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) { h(w, r) })
		},
		"Require": func(h http.HandlerFunc) http.Handler { return room.Require()(h) },
		"CORS":    func(h http.HandlerFunc) http.Handler { return room.CORS(h) },
	}
	for name, guard := range guards {
		t.Run("S55 "+name+" hands on the very same writer", func(t *testing.T) {
			given := httptest.NewRecorder()
			var got http.ResponseWriter
			r := room.ByCookie(httptest.NewRequest("GET", secure, nil), ana)
			guard(func(w http.ResponseWriter, _ *http.Request) { got = w }).ServeHTTP(given, r)
			if got != http.ResponseWriter(given) {
				t.Errorf("got %T", got)
			}
		})
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("S55 %s streams events, HTTP/2: %v", name, http2), func(t *testing.T) {
				streams(t, room, guard, http2)
			})
		}
		t.Run("S55 "+name+" lets a handler hijack", func(t *testing.T) {
			server := httptest.NewServer(guard(func(w http.ResponseWriter, _ *http.Request) {
				conn, buffer, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = conn.Close() }()
				_, _ = buffer.WriteString("HTTP/1.1 299 Hijacked\r\nContent-Length: 0\r\n\r\n")
				_ = buffer.Flush()
			}))
			defer server.Close()
			if got := fetch(t, room, server).StatusCode; got != 299 {
				t.Errorf("status %d", got)
			}
		})
	}
}

// streams fails unless the first event arrives while the handler still runs.
func streams(t *testing.T, room *authtest.Room, guard func(http.HandlerFunc) http.Handler, http2 bool) {
	read := make(chan struct{})
	server := httptest.NewUnstartedServer(guard(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: first\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-read:
			fmt.Fprint(w, "data: second\n\n")
		case <-r.Context().Done():
		}
	}))
	server.EnableHTTP2 = http2
	server.StartTLS()
	defer server.Close()
	lines := bufio.NewScanner(fetch(t, room, server).Body)
	if !lines.Scan() || lines.Text() != "data: first" {
		t.Fatalf("first line %q", lines.Text())
	}
	close(read)
	rest := ""
	for lines.Scan() {
		rest += lines.Text()
	}
	if rest != "data: second" {
		t.Errorf("the rest is %q", rest)
	}
}

func fetch(t *testing.T, room *authtest.Room, server *httptest.Server) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	user, err := room.Users().ByEmail(ctx, "ana@example.com")
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(room.ByBearer(r, user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}
