package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// against makes a load for a handler.
func against(t *testing.T, h http.HandlerFunc) *load {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().String()
	return &load{
		addr: addr, connections: 4, want: answer{http.StatusOK, greeting},
		requests: gets(addr, hello, []string{"X-User: 0", "X-User: 1", "X-User: 2"}),
	}
}

func TestLoadCounts(t *testing.T) {
	var served atomic.Int64
	var mu sync.Mutex
	seen, connections := map[string]int{}, map[string]bool{}
	l := against(t, func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		mu.Lock()
		seen[r.Header.Get("X-User")]++
		connections[r.RemoteAddr] = true
		mu.Unlock()
		greet(w, userName)
	})
	s, err := l.run(t.Context(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	measured := 0
	for _, n := range s.latency.counts {
		measured += int(n)
	}
	if s.answers == 0 || int64(s.answers) != served.Load() || measured != s.answers {
		t.Errorf("%d answers counted and %d latencies, %d requests served", s.answers, measured, served.Load())
	}
	if len(connections) != l.connections || len(seen) != len(l.requests) {
		t.Errorf("%d connections, requests %v", len(connections), seen)
	}
}

func TestLoadNotices(t *testing.T) {
	for what, h := range map[string]http.HandlerFunc{
		"another status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			greet(w, userName)
		},
		"another body":            func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "goodbye, Ana\n") },
		"no body":                 func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") },
		"a body without a length": raw("HTTP/1.1 200 OK\r\n\r\nhello, Ana\r\n"),
		"a chunk that begins with something else": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "goodbye, Ana\n")
		},
		"a chunk that ends early":  raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello, Ana"),
		"a chunk without a size":   raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello, Ana\r\n"),
		"chunks without a last":    raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello, Ana\r\n"),
		"a chunk that is too long": raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello, Ana\r\n0\r\n\r\n"),
		"a body that ends early":   raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello, Ana, and"),
		"no HTTP":                  raw("hello, Ana\r\n"),
		"no answer":                raw(""),
		"one bad answer among many good ones": every(20, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
		}),
	} {
		t.Run(what, func(t *testing.T) {
			s, err := against(t, h).run(t.Context(), time.Minute)
			if err == nil {
				t.Errorf("%d answers, and no error", s.answers)
			}
		})
	}
}

// raw answers with bytes of its own and hangs up.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
}

// every greets, but for each n-th request.
func every(n int64, other http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1)%n == 0 {
			other(w, r)
			return
		}
		greet(w, userName)
	}
}

func TestLoadSendsNothingTwice(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	l := against(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Header.Get("X-User")]++
		mu.Unlock()
		greet(w, userName)
	})
	fields := make([]string, 200)
	for i := range fields {
		fields[i] = fmt.Sprint("X-User: ", i)
	}
	l.requests, l.spent = gets(l.addr, hello, fields), new(atomic.Int64)
	l.spent.Store(50) // by a run before
	s, err := l.run(t.Context(), time.Hour)
	if err != nil || s.answers != 150 || len(seen) != 150 || seen["49"] != 0 {
		t.Errorf("%d answers to %d requests, %v", s.answers, len(seen), err)
	}
	if s, err = l.run(t.Context(), time.Hour); err != nil || s.answers != 0 {
		t.Errorf("%d answers when none is left, %v", s.answers, err)
	}
}

func TestLoadReadsWholeBodies(t *testing.T) {
	long := greeting + strings.Repeat(".", 100_000) // many times its buffer
	l := against(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(long)))
		_, _ = io.WriteString(w, long)
	})
	if s, err := l.run(t.Context(), 20*time.Millisecond); err != nil || s.answers < l.connections {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestLoadReadsChunks(t *testing.T) {
	l := against(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, text := range []string{greeting, ", and everybody else", strings.Repeat(".", 20_000)} {
			_, _ = io.WriteString(w, text)
			w.(http.Flusher).Flush()
		}
	})
	if s, err := l.run(t.Context(), 20*time.Millisecond); err != nil || s.answers < 2*l.connections {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestLoadKeepsItsPace(t *testing.T) {
	l := against(t, func(w http.ResponseWriter, _ *http.Request) { greet(w, userName) })
	l.every = 40 * time.Millisecond
	s, err := l.run(t.Context(), 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if most := l.connections * 5; s.answers < l.connections || s.answers > most {
		t.Errorf("%d answers, at most %d fit", s.answers, most)
	}
}

func TestLoadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := against(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		greet(w, userName)
	})
	if _, err := l.run(ctx, time.Hour); err == nil {
		t.Error("no error of a run that was cut short")
	}
}
