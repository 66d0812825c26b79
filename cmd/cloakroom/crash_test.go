package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// settled are the settings under which a server is the same one after a restart on another port.
var settled = []string{"serve", "--set", "base_url=http://127.0.0.1:8400", "--set", "token.refresh_grace=5m"}

// pair is what a sign-in or an exchange in the signed form gives.
type pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func readPair(t *testing.T, res *http.Response) pair {
	t.Helper()
	defer res.Body.Close()
	var body struct{ Tokens pair }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Tokens.Refresh == "" {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return body.Tokens
}

func exchange(t *testing.T, at, refresh string) pair {
	t.Helper()
	res, err := http.Post("http://"+at+"/auth/refresh", "application/json", strings.NewReader(`{"refresh_token":"`+refresh+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	return readPair(t, res)
}

// shout sends an exchange and does not wait for its answer, which comes into the connection or does not.
func shout(t *testing.T, at, refresh string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	body := `{"refresh_token":"` + refresh + `"}`
	fmt.Fprintf(conn, "POST /auth/refresh HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", at, len(body), body)
	return conn
}

func signUp(t *testing.T, at string) pair {
	t.Helper()
	res, err := http.Post("http://"+at+"/auth/signup", "application/json",
		strings.NewReader(`{"email":"ana@example.com","password":"red-umbrella-stand","delivery":"bearer","token":"signed"}`))
	if err != nil {
		t.Fatal(err)
	}
	return readPair(t, res)
}

func bearerIs(t *testing.T, at, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+at+"/auth/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestKilledBetweenCommitAndAnswer: the exchange is on the disk, its answer is lost on the way, and the server is gone.
func TestKilledBetweenCommitAndAnswer(t *testing.T) {
	t.Run("S158 a retry after the crash gets the same successor", func(t *testing.T) {
		dir := t.TempDir()
		p, at := live(t, dir, settled...)
		first := signUp(t, at)
		conn := shout(t, at, first.Refresh)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil) // the network has it; the client never does
		if err != nil {
			t.Fatal(err)
		}
		lost := readPair(t, res)
		_ = p.end(os.Kill)

		_, at = live(t, dir, settled...)
		got := exchange(t, at, first.Refresh)
		if got.Refresh != lost.Refresh {
			t.Error("the token has another successor now")
		}
		if again := exchange(t, at, first.Refresh); again.Refresh != lost.Refresh {
			t.Error("and the next time yet another")
		}
		lives(t, at, got)
	})

	t.Run("S157 S158 killed as soon as it says that it has exchanged", func(t *testing.T) {
		dir := t.TempDir()
		p, at := live(t, dir, append(settled, "--set", "log.level=debug")...)
		first := signUp(t, at)
		shout(t, at, first.Refresh)
		until(t, "it is written", func() bool {
			said, err := os.ReadFile(p.log.Name())
			return err == nil && strings.Contains(string(said), `"msg":"refresh_rotated"`)
		})
		_ = p.end(os.Kill)
		retried(t, dir, first)
	})

	t.Run("S157 killed at any moment of the exchange", func(t *testing.T) {
		for i := range 6 {
			dir := t.TempDir()
			p, at := live(t, dir, settled...)
			first := signUp(t, at)
			shout(t, at, first.Refresh)
			time.Sleep(time.Duration(i) * 400 * time.Microsecond) // before, in the middle, after: it must not matter
			_ = p.end(os.Kill)
			retried(t, dir, first)
		}
	})
}

// retried starts the server of a folder again, in which somebody exchanged a token and got no answer.
func retried(t *testing.T, dir string, first pair) {
	t.Helper()
	p, at := live(t, dir, settled...)
	got := exchange(t, at, first.Refresh)
	if again := exchange(t, at, first.Refresh); again.Refresh != got.Refresh {
		t.Error("the token has two successors")
	}
	lives(t, at, got)
	_ = p.end(os.Kill)
}

// lives wants the session of a pair alive, asked by requests of their own.
func lives(t *testing.T, at string, p pair) {
	t.Helper()
	if got := bearerIs(t, at, p.Access); got != 200 {
		t.Errorf("its access token: %d", got)
	}
	next := exchange(t, at, p.Refresh)
	if got := bearerIs(t, at, next.Access); next.Refresh == p.Refresh || got != 200 {
		t.Errorf("the exchange after it: %d", got)
	}
}

// TestKilledAfterAnAcknowledgedEnd: what was answered as ended stays so, for signed tokens too.
func TestKilledAfterAnAcknowledgedEnd(t *testing.T) {
	dir := t.TempDir()
	p, at := live(t, dir, settled...)
	first := signUp(t, at)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+at+"/auth/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+first.Access)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	_ = p.end(os.Kill)
	if res.StatusCode != 204 {
		t.Fatal(res.Status)
	}

	_, at = live(t, dir, settled...)
	if got := bearerIs(t, at, first.Access); got != 401 {
		t.Errorf("the access token: %d", got)
	}
	if got := post(t, at, "/auth/refresh", `{"refresh_token":"`+first.Refresh+`"}`); got != 401 {
		t.Errorf("the refresh token: %d", got)
	}
}

// TestSignalWhileSomebodyWaits: whoever waits for the feed does not hold up the end.
func TestSignalWhileSomebodyWaits(t *testing.T) {
	out, code := command(t, t.TempDir(), "", "introspection", "add", "shop", "--json")
	var client struct{ Secret, Client string }
	if err := json.Unmarshal([]byte(out), &client); code != 0 || err != nil {
		t.Fatal(out, err)
	}
	dir := t.TempDir()
	p, at, err := launch(dir, filepath.Join(t.TempDir(), "log"), []string{}, // the development server: it tells where its metrics are
		"--listen", "127.0.0.1:0", "--set", "metrics.listen=127.0.0.1:0", "--set", "introspection.clients="+client.Client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.end(os.Kill) })
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+at+"/auth/revocations?wait=30000", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("shop", client.Secret)
	status := make(chan int, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			status <- 0
			return
		}
		defer res.Body.Close()
		status <- res.StatusCode
	}()
	until(t, "somebody waits", func() bool { return strings.Contains(metricsOf(t, p), "\ncloakroom_feed_readers 1\n") })
	if err := p.end(os.Interrupt); err != nil {
		t.Errorf("not in order: %v", err)
	}
	if got := <-status; got != 200 {
		t.Errorf("who waited got %d", got)
	}
}

// metricsOf reads the metrics of a server that has said where they are; "" until it has.
func metricsOf(t *testing.T, p *process) string {
	t.Helper()
	said, err := os.ReadFile(p.log.Name())
	if err != nil {
		t.Fatal(err)
	}
	_, url, found := strings.Cut(string(said), "metrics  ")
	if !found {
		return ""
	}
	url, _, _ = strings.Cut(url, "\n")
	at, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return get(t, at, "/"+path)
}
