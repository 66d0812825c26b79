package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClient runs the shop as its command does, and client.mjs against it.
func TestClient(t *testing.T) {
	address := command(t, "-listen", "127.0.0.1:0")

	t.Run("the story holds", func(t *testing.T) {
		out, err := node(t, address)
		if err != nil || !strings.Contains(out, "the old token is refused") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("the client notices when a token does not come", func(t *testing.T) {
		out, err := node(t, proxy(t, address, func(h http.Header) { h.Del(tokenHeader) }))
		if err == nil || !strings.Contains(out, "AssertionError") {
			t.Errorf("it told: %s", out)
		}
	})
	t.Run("another name of the header", func(t *testing.T) {
		other := command(t, "-listen", "127.0.0.1:0", "-header", "x-my-ticket")
		if out, err := node(t, other, "x-my-ticket"); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-merge", "mine"}, {"-delivery", "pigeon"}, {"-header", "Set-Cookie"}, {"-origins", "*"}, {"-nonsense"}} {
		if err := run(t.Context(), append(args, "-listen", "127.0.0.1:0"), io.Discard); err == nil {
			t.Errorf("%v: it ran", args)
		}
	}
}

// command runs the shop until the test ends and returns the address it prints.
func command(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, args, w)
		_ = w.Close()
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the shop ended with %v", err)
		}
	})
	lines := bufio.NewReader(r)
	first, err := lines.ReadString('\n')
	address, ok := strings.CutPrefix(first, "listening on ")
	if err != nil || !ok {
		t.Fatalf("the shop said %q, %v", first, err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return strings.TrimSpace(address)
}

// proxy passes requests on and changes the headers of answers.
func proxy(t *testing.T, address string, change func(http.Header)) string {
	t.Helper()
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	p.ModifyResponse = func(r *http.Response) error {
		change(r.Header)
		return nil
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return server.URL + to.Path
}

// node runs client.mjs and returns all it says.
func node(t *testing.T, args ...string) (string, error) {
	t.Helper()
	binary, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is needed, version 18 or later; install it, on Debian with: apt-get install nodejs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append([]string{"client.mjs"}, args...)...).CombinedOutput()
	return string(out), err
}
