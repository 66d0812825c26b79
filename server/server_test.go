package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

func TestServesAndKeeps(t *testing.T) {
	cfg := settings(t)
	first := running(t, cfg, quick)
	up := first.do("POST", "/auth/signup", bear)
	if up.status != 201 {
		t.Fatal(up)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	second := running(t, cfg, quick)
	if me := second.do("GET", "/auth/me", "", "Authorization", "Bearer "+up.token(t)); me.status != 200 {
		t.Errorf("after a restart the session is gone: %v", me)
	}
}

func TestKeepsToItself(t *testing.T) {
	cfg := settings(t)
	h := running(t, cfg, quick)
	h.do("POST", "/auth/signup", ana)
	if info, err := os.Stat(cfg.Data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data folder: %v %v", info.Mode(), err)
	}
	files, _ := filepath.Glob(cfg.Data + "/*")
	if len(files) < 2 {
		t.Fatalf("only %v", files)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
}

func TestTwoServersShareTheData(t *testing.T) {
	cfg := settings(t)
	a, b := running(t, cfg, quick), running(t, cfg, quick)
	bearer := "Bearer " + a.do("POST", "/auth/signup", bear).token(t)
	if me := b.do("GET", "/auth/me", "", "Authorization", bearer); me.status != 200 {
		t.Fatal(me)
	}
	if out := b.do("POST", "/auth/logout", "", "Authorization", bearer); out.status != 204 {
		t.Fatal(out)
	}
	if me := a.do("GET", "/auth/me", "", "Authorization", bearer); me.status != 401 {
		t.Errorf("signed out at one, alive at the other: %v", me)
	}
}

func TestRefusesAllAtOnce(t *testing.T) {
	t.Run("S20 S21 S29 S247 V27 V35 unsafe settings", func(t *testing.T) {
		t.Parallel()
		cfg, err := config.Load(config.Source{Flags: map[string]string{
			"listen": "0.0.0.0:0", "data": filepath.Join(t.TempDir(), "data"), "secrets": "short",
			"cookie.name": "__Host-x", "cookie.domain": "example.com", "cookie.same_site": "none", "cookie.secure": "false",
			"trusted_proxies": "10.0.0.0/99",
		}})
		if err == nil || !strings.Contains(err.Error(), "secrets") || !strings.Contains(err.Error(), "trusted_proxies") {
			t.Errorf("the loader says %v", err)
		}
		_, err = New(cfg, config.Production, (&logbook{}).logger())
		for _, key := range []string{"base_url", "cookie.name", "cookie.same_site"} {
			if err == nil || !strings.Contains(err.Error(), key) {
				t.Errorf("nothing about %s in: %v", key, err)
			}
		}
		if _, err := os.Stat(cfg.Data); !errors.Is(err, os.ErrNotExist) {
			t.Error("made a data folder for a configuration that it refused")
		}
	})

	t.Run("secrets and database together", func(t *testing.T) {
		t.Parallel()
		cfg := settings(t)
		write(t, SecretsPath(cfg), "not hexadecimal\n")
		write(t, DatabasePath(cfg), strings.Repeat("this is no database. ", 100))
		_, err := New(cfg, config.Production, (&logbook{}).logger())
		if err == nil || !strings.Contains(err.Error(), "secrets") || !strings.Contains(err.Error(), "cloakroom.db") {
			t.Errorf("want both told, got: %v", err)
		}
	})

	t.Run("secrets that others may read", func(t *testing.T) {
		t.Parallel()
		cfg := settings(t)
		write(t, SecretsPath(cfg), strings.Repeat("ab", 16)+strings.Repeat("01", 16)+"\n")
		if err := os.Chmod(SecretsPath(cfg), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := New(cfg, config.Production, (&logbook{}).logger())
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTakenAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()

	run := func(t *testing.T, change func(*config.Config), mode config.Mode) (*logbook, error) {
		cfg := settings(t)
		change(&cfg)
		s, log := built(t, cfg, mode)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return log, s.Run(ctx, func(Addresses) { cancel() })
	}
	t.Run("listen", func(t *testing.T) {
		if _, err := run(t, func(c *config.Config) { c.Listen = busy }, config.Production); err == nil || !strings.Contains(err.Error(), busy) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("metrics in production", func(t *testing.T) {
		if _, err := run(t, func(c *config.Config) { c.Metrics.Listen = busy }, config.Production); err == nil || !strings.Contains(err.Error(), "metrics") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("metrics in development", func(t *testing.T) {
		log, err := run(t, func(c *config.Config) { c.Metrics.Listen = busy }, config.Development)
		if err != nil || len(log.lines(t, "no metrics")) != 1 {
			t.Errorf("got %v and %v", err, log)
		}
	})
}

// TestStopsInOrder needs no luck: "100 Continue" tells that the handler has begun to read, a refused connection that
// the server has begun to stop.
func TestStopsInOrder(t *testing.T) {
	t.Run("S251 a sign-up in flight finishes and lasts", func(t *testing.T) {
		cfg := settings(t)
		h := running(t, cfg, quick)
		conn, answers := h.half("POST /auth/signup", ana)

		stopped := make(chan error, 1)
		go func() { stopped <- h.stop() }()
		until(t, "no connection is accepted", func() bool {
			c, err := net.Dial("tcp", h.at.HTTP)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		if _, err := io.WriteString(conn, ana); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 201 || len(res.Cookies()) != 1 {
			t.Errorf("the request in flight got %d and cookies %v", res.StatusCode, res.Cookies())
		}
		if err := <-stopped; err != nil {
			t.Errorf("not in order: %v", err)
		}

		again := running(t, cfg, quick)
		if in := again.do("POST", "/auth/login", ana); in.status != 200 {
			t.Errorf("the account is gone: %v", in)
		}
	})

	t.Run("a request that does not end is cut off", func(t *testing.T) {
		impatient := quick
		impatient.stop = 50 * time.Millisecond
		h := running(t, settings(t), impatient)
		_, answers := h.half("POST /auth/signup", ana)
		if err := h.stop(); err == nil || !strings.Contains(err.Error(), "still running") {
			t.Errorf("got %v", err)
		}
		if _, err := io.ReadAll(answers); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("the connection is still there: %v", err)
		}
	})

	t.Run("uses of sessions are written down", func(t *testing.T) {
		cfg := settings(t)
		h := running(t, cfg, quick)
		h.do("POST", "/auth/signup", bear)
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		if err := h.server.engine.Auth.Ready(t.Context()); !unavailable(err) {
			t.Errorf("the store is still open: %v", err)
		}
	})
}

// half sends a request up to its body and returns when the handler waits for the rest.
func (h *house) half(line, body string) (net.Conn, *bufio.Reader) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.at.HTTP)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", line, h.at.HTTP, len(body))
	answers := bufio.NewReader(conn)
	if first, err := answers.ReadString('\n'); err != nil || !strings.Contains(first, "100 Continue") {
		h.t.Fatalf("the handler does not ask for the body: %q %v", first, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		h.t.Fatal(err)
	}
	return conn, answers
}

func TestSlowClients(t *testing.T) {
	cut := func(t *testing.T, patience times, sent string) string {
		t.Helper()
		h := running(t, settings(t), patience)
		conn, err := net.Dial("tcp", h.at.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		answer, err := io.ReadAll(conn) // ends when the server closes
		if err, ok := err.(net.Error); ok && err.Timeout() {
			t.Fatalf("the server holds the connection; it said %q", answer)
		}
		if me := h.do("GET", "/livez", ""); me.status != 200 {
			t.Errorf("others are not served: %v", me)
		}
		return string(answer)
	}
	short := 50 * time.Millisecond
	t.Run("headers that do not end", func(t *testing.T) {
		patience := quick
		patience.header = short
		cut(t, patience, "GET /auth/session HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	})
	t.Run("a body that does not come", func(t *testing.T) {
		patience := quick
		patience.read = short
		answer := cut(t, patience, "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{\"em")
		if !strings.Contains(answer, "invalid_request") {
			t.Errorf("it said %q", answer)
		}
	})
	t.Run("a connection without a request", func(t *testing.T) {
		patience := quick
		patience.idle, patience.header = short, short
		cut(t, patience, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
	})
	t.Run("too many headers", func(t *testing.T) {
		answer := cut(t, quick, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", maxHeader+8<<10)+"\r\n\r\n")
		if !strings.Contains(answer, "431") {
			t.Errorf("it said %q", answer)
		}
	})
}

func unavailable(err error) bool {
	_, ok := errors.AsType[*cloakroom.UnavailableError](err)
	return ok
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWordsOfTheSite(t *testing.T) {
	for base, want := range map[string][]string{
		"":                                   {"cloakroom"},
		"http://127.0.0.1:8400":              {"cloakroom"},
		"https://www.umbrella-stand.example": {"cloakroom", "umbrella-stand", "example"},
		"https://1234.example.com":           {"cloakroom", "example"},
	} {
		if got := words(config.Config{BaseURL: base}); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", base, got, want)
		}
	}
}
