package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const account = `{"email":"ana@example.com","password":"red-umbrella-stand"}`

// live starts cloakroom in dir.
func live(t *testing.T, dir string, args ...string) (*process, string) {
	t.Helper()
	args = append(args, "--listen", "127.0.0.1:0", "--set", "metrics.listen=off")
	p, at, err := launch(dir, filepath.Join(t.TempDir(), "log"), []string{}, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.end(os.Kill) })
	return p, at
}

// halfRequest sends a sign-up up to its body. "100 Continue" tells that the handler waits for the rest.
func halfRequest(t *testing.T, at string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /auth/signup HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", at, len(account))
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q %v", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return conn, r
}

func refuses(at string) func() bool {
	return func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			c.Close()
		}
		return err != nil
	}
}

func TestSignals(t *testing.T) {
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": os.Interrupt} {
		t.Run("S251 "+name+" lets a sign-up in flight finish, and it lasts", func(t *testing.T) {
			dir := t.TempDir()
			p, at := live(t, dir, "serve")
			conn, answers := halfRequest(t, at)
			_ = p.cmd.Process.Signal(signal)
			until(t, "it refuses connections", refuses(at))

			if _, err := io.WriteString(conn, account); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != 201 {
				t.Errorf("the sign-up got %d", res.StatusCode)
			}
			<-p.ended
			if p.exited != nil {
				t.Errorf("exit: %v", p.exited)
			}

			_, at = live(t, dir, "serve")
			if got := post(t, at, "/auth/login", account); got != 200 {
				t.Errorf("a sign-in to the account got %d", got)
			}
		})
	}

	t.Run("a second signal ends at once", func(t *testing.T) {
		p, at := live(t, t.TempDir(), "serve")
		halfRequest(t, at) // and never finishes
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		until(t, "it refuses connections", refuses(at))
		if err := p.end(syscall.SIGTERM); err == nil {
			t.Error("it says that it ended in order")
		}
		if said, err := os.ReadFile(p.log.Name()); err != nil || strings.Contains(string(said), "still running") {
			t.Errorf("it waited for the request: %s %v", said, err)
		}
	})
}

func TestNoAccountByDefault(t *testing.T) {
	t.Run("V118 no account and no password exist before an operator makes one", func(t *testing.T) {
		dir := t.TempDir()
		p, at := live(t, dir, "serve")
		for _, guess := range []string{"admin", "superadmin", "cloakroom", "password", ""} {
			for _, email := range []string{"admin", "superadmin", "admin@example.com", "root@localhost"} {
				body := fmt.Sprintf(`{"email":%q,"password":%q}`, email, guess)
				if got := post(t, at, "/auth/login", body); got < 400 {
					t.Errorf("%s: %d", body, got)
				}
			}
		}
		if err := p.end(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if out, code := command(t, dir, "", "user", "list", "--json"); out != "" || code != 0 {
			t.Errorf("users of a fresh house: %q, exit code %d", out, code)
		}
		if out, code := command(t, dir, "red-umbrella-stand\n", "user", "add", "ana@example.com", "--role", "admin", "--password-stdin", "--json"); code != 0 || !strings.Contains(out, `"roles":["admin"]`) {
			t.Errorf("the first administrator: %q, exit code %d", out, code)
		}
	})
}

func TestManyStartAtOnce(t *testing.T) {
	t.Run("S248 servers that start at once on a fresh folder agree on one schema and one secret", func(t *testing.T) {
		dir := t.TempDir()
		var wait sync.WaitGroup
		at := make([]string, 4)
		for i := range at {
			wait.Go(func() {
				p, address, err := launch(dir, filepath.Join(dir, fmt.Sprint("log", i)), []string{}, "serve", "--listen", "127.0.0.1:0", "--set", "metrics.listen=off")
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = p.end(os.Kill) })
				at[i] = address
			})
		}
		wait.Wait()
		if t.Failed() {
			return
		}
		if got := post(t, at[0], "/auth/signup", account); got != 201 {
			t.Fatalf("sign-up: %d", got)
		}
		cookie := signIn(t, at[0])
		for _, address := range at {
			if got := me(t, address, cookie); got != 200 {
				t.Errorf("a session of one server is at another %d", got)
			}
		}
		jwks := get(t, at[0], "/.well-known/jwks.json")
		if strings.Count(jwks, `"kid"`) != 2 {
			t.Errorf("S171: not one key that signs and the next: %s", jwks)
		}
		for _, address := range at {
			if got := get(t, address, "/.well-known/jwks.json"); got != jwks {
				t.Errorf("S171: one server has the keys %s, another %s", jwks, got)
			}
		}
		first, code := command(t, dir, "", "migrate", "up", "--json")
		if again, _ := command(t, dir, "", "migrate", "up", "--json"); code != 0 || again != first {
			t.Errorf("migrating again changed\n%sto\n%s", first, again)
		}
	})
}

func get(t *testing.T, at, path string) string {
	t.Helper()
	res, err := http.Get("http://" + at + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %s %v", path, res.Status, err)
	}
	return string(text)
}

func signIn(t *testing.T, at string) *http.Cookie {
	t.Helper()
	res, err := http.Post("http://"+at+"/auth/login", "application/json", strings.NewReader(account))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if len(res.Cookies()) != 1 {
		t.Fatalf("%s: cookies %v", res.Status, res.Cookies())
	}
	return res.Cookies()[0]
}

func me(t *testing.T, at string, cookie *http.Cookie) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+at+"/auth/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(cookie)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestUnsafeStarts(t *testing.T) {
	refused := func(t *testing.T, says string, args ...string) {
		t.Helper()
		var talk strings.Builder
		code := run(t.Context(), append([]string{"serve", "--data", filepath.Join(t.TempDir(), "data")}, args...), nil, strings.NewReader(""), io.Discard, &talk)
		if code != misused || !strings.Contains(talk.String(), says) {
			t.Errorf("%v: exit code %d, %s", args, code, &talk)
		}
	}
	t.Run("S20 V27 SameSite=None without Secure", func(t *testing.T) {
		refused(t, "cookie.same_site: is none", "--set", "cookie.same_site=none")
	})
	t.Run("S21 a __Host- name with a domain", func(t *testing.T) {
		refused(t, "cookie.name: begins with __Host-", "--set", "base_url=https://a.example.com", "--set", "cookie.name=__Host-id", "--set", "cookie.domain=example.com")
	})
	t.Run("S29 weak and empty secrets", func(t *testing.T) {
		for _, weak := range []string{"", "hunter2", strings.Repeat("00", 32), strings.Repeat("ab", 31)} {
			refused(t, "secrets: ", "--set", "secrets="+weak)
		}
	})
	t.Run("V35 no stable secret where nodes share a database", func(t *testing.T) {
		refused(t, "secrets: are missing", "--set", "store.url=postgres://db.example.com/app")
	})
	t.Run("S247 a network that is none", func(t *testing.T) {
		refused(t, "trusted_proxies: ", "--set", "trusted_proxies=10.0.0.0/99")
		refused(t, "trusted_proxies: ", "--set", "trusted_proxies=0.0.0.0/0")
	})
	t.Run("V125 no switch turns authentication off", func(t *testing.T) {
		for _, key := range []string{"auth=off", "auth.disabled=true", "insecure=true", "limits.login=none"} {
			refused(t, "cloakroom: flag: ", "--set", key)
		}
		_, at := live(t, t.TempDir())
		res, err := http.Get("http://" + at + "/auth/me")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("in development a stranger gets %d", res.StatusCode)
		}
	})
}

// command runs cloakroom in dir with this standard input.
func command(t *testing.T, dir, stdin string, args ...string) (stdout string, code int) {
	t.Helper()
	var out, talk strings.Builder
	args = append([]string{"--data", filepath.Join(dir, "cloakroom-data")}, args...)
	code = run(t.Context(), args, nil, strings.NewReader(stdin), &out, &talk)
	if code != 0 {
		t.Log(talk.String())
	}
	return out.String(), code
}

func post(t *testing.T, at, path, body string) int {
	t.Helper()
	res, err := http.Post("http://"+at+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
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
