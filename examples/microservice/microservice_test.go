package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestWalk runs both programs as the command does, and walk.mjs against them.
func TestWalk(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-app", "127.0.0.1:0", "-orders", "127.0.0.1:0"}, w)
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-done)
	}
	words := strings.Fields(strings.ReplaceAll(line, ",", ""))
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(patience, "node", "walk.mjs", words[2], words[5]).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Count(string(out), "the service refused its token") != 2 {
		t.Errorf("it told:\n%s", out)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// asked counts what the service asks of the app, by path.
type asked struct {
	mu    sync.Mutex
	paths map[string]int
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.paths[r.URL.Path]++
	a.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (a *asked) of(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.paths[path]
}

// TestNoRequestForEachCall makes a thousand calls and looks at what the service asked of the app meanwhile.
func TestNoRequestForEachCall(t *testing.T) {
	secret := newSecret()
	var app *app
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.handler().ServeHTTP(w, r) }))
	defer front.Close()
	app, err := newApp(front.URL, clientOf(secret))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.close() }()
	count := &asked{paths: map[string]int{}}
	orders, err := newOrders(front.URL, secret, count)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = orders.tokens.Close() }()
	token := signedToken(t, app)

	const calls = 1000
	for range calls {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		orders.handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
	}
	if n := count.of("/.well-known/jwks.json"); n != 1 {
		t.Errorf("the keys were read %d times in %d calls, want once", n, calls)
	}
	for path := range count.paths {
		if path != "/.well-known/jwks.json" && path != "/auth/revocations" {
			t.Errorf("the service asked for %s", path)
		}
	}
	if stats := orders.tokens.Stats(); stats.Remembered != calls-1 {
		t.Errorf("the signature was checked %d times for one token", calls-stats.Remembered)
	}
}

// signedToken signs somebody up and returns a token for the service.
func signedToken(t *testing.T, app *app) string {
	t.Helper()
	body := `{"email":"ana@example.com","password":"a cloak of midnight blue","delivery":"bearer","token":"signed"}`
	r := httptest.NewRequest("POST", "/auth/signup", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	app.handler().ServeHTTP(w, r)
	access := between(t, w.Body.String(), `"access_token":"`, `"`)
	r = httptest.NewRequest("POST", "/auth/token", strings.NewReader(`{"audience":"`+ordersName+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+access)
	w = httptest.NewRecorder()
	app.handler().ServeHTTP(w, r)
	return between(t, w.Body.String(), `"access_token":"`, `"`)
}

func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, before)
	inner, _, _ := strings.Cut(rest, after)
	if !ok {
		t.Fatalf("no %s in %s", before, text)
	}
	return inner
}
