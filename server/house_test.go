package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// house is a running server, with what it says.
type house struct {
	t      *testing.T
	server *Server
	at     Addresses
	log    *logbook
	stop   func() error // ends Run and returns what it returned
}

// logbook keeps what was logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lines are the log lines with this message.
func (l *logbook) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("not a line of JSON: %q", line)
		}
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

var (
	cheap = argon.Config{Params: argon.Params{Memory: 64, Time: 1, Threads: 1}, Workers: 2, Queue: 64}
	quick = times{
		header: 10 * time.Second, read: 10 * time.Second, write: 10 * time.Second, idle: 10 * time.Second,
		stop: 10 * time.Second, ready: 5 * time.Second, poll: time.Millisecond,
	}
)

// settings are a good configuration on free ports and in a folder of its own.
func settings(t *testing.T) config.Config {
	c := config.Default()
	c.Listen, c.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Data = filepath.Join(t.TempDir(), "data")
	return c
}

// built makes a server that does not listen.
func built(t *testing.T, cfg config.Config, mode config.Mode) (*Server, *logbook) {
	t.Helper()
	log := &logbook{}
	s, err := assemble(cfg, mode, log.logger(), quick, cheap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s, log
}

func running(t *testing.T, cfg config.Config, patience times) *house {
	t.Helper()
	return runningAs(t, cfg, config.Production, patience)
}

func runningAs(t *testing.T, cfg config.Config, mode config.Mode, patience times) *house {
	t.Helper()
	h := &house{t: t, log: &logbook{}}
	s, err := assemble(cfg, mode, h.log.logger(), patience, cheap)
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan Addresses, 1), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(at Addresses) { ready <- at }) }()
	select {
	case h.at = <-ready:
	case err := <-ended:
		t.Fatalf("ended at once: %v", err)
	}
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = h.stop() })
	return h
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (h *house) do(method, path, body string, header ...string) reply {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, "http://"+h.at.HTTP+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return send(h.t, r)
}

func send(t *testing.T, r *http.Request) reply {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// metrics are the lines of /metrics.
func (h *house) metrics() string {
	h.t.Helper()
	r, _ := http.NewRequestWithContext(h.t.Context(), "GET", "http://"+h.at.Metrics+"/metrics", nil)
	return send(h.t, r).body
}

// token takes the access token out of an answer.
func (r reply) token(t *testing.T) string {
	t.Helper()
	var body struct {
		Tokens struct {
			Access string `json:"access_token"`
		} `json:"tokens"`
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || body.Tokens.Access == "" {
		t.Fatalf("no token in %d %s", r.status, r.body)
	}
	return body.Tokens.Access
}

// code is the code of a problem document.
func (r reply) code() string {
	var body struct{ Code string }
	_ = json.Unmarshal([]byte(r.body), &body)
	return body.Code
}

// until waits for a condition that comes true by itself, soon.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

const (
	ana  = `{"email":"ana@example.com","password":"wisteria-lantern-40"}`
	bear = `{"email":"ana@example.com","password":"wisteria-lantern-40","delivery":"bearer"}`
)
