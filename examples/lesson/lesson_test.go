package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
	"github.com/golang-jwt/jwt/v5"
)

var testKey = bytes.Repeat([]byte("key of the lesson's tests "), 2)

// start runs the lesson on a store until the test or the returned function ends it.
func start(t *testing.T, store cloakroom.Store, name string) (url string, stop func()) {
	t.Helper()
	l, err := newLesson(store, testKey, name)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.routes())
	stop = func() {
		server.Close()
		_ = l.auth.Close(context.Background())
	}
	t.Cleanup(stop)
	return server.URL, stop
}

type answer struct {
	status int
	body   string
	header http.Header
}

func send(t *testing.T, client *http.Client, method, url string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if client == nil {
		client = &http.Client{}
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(body), resp.Header}
}

func (a answer) want(t *testing.T, status int, body string) answer {
	t.Helper()
	if a.status != status || a.body != body {
		t.Errorf("got %d %q, want %d %q", a.status, a.body, status, body)
	}
	return a
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// cookie returns the one cookie of an answer as name=value.
func cookie(t *testing.T, a answer) string {
	t.Helper()
	set := a.header.Values("Set-Cookie")
	if len(set) != 1 {
		t.Fatalf("%d Set-Cookie lines, want one: %v", len(set), set)
	}
	pair, _, _ := strings.Cut(set[0], ";")
	return pair
}

// counting counts how often sessions are looked up.
type counting struct {
	cloakroom.Store
	cloakroom.SecretKeeper
	lookups atomic.Int64
}

func (c *counting) Session(ctx context.Context, id cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	c.lookups.Add(1)
	return c.Store.Session(ctx, id, now)
}

func TestSessionHalf(t *testing.T) {
	mem := memory.New()
	store := &counting{Store: mem, SecretKeeper: mem}
	url, _ := start(t, store, "Alice")
	const profile = "Hello Alice, this is your session profile."

	t.Run("S1 sign-in sets one HttpOnly cookie on /", func(t *testing.T) {
		a := send(t, nil, "POST", url+"/session-login").want(t, 200, "Logged in with session")
		cookie(t, a)
		if line := a.header.Get("Set-Cookie"); !strings.Contains(line, "HttpOnly") || !strings.Contains(line, "Path=/;") {
			t.Errorf("Set-Cookie: %s", line)
		}
	})
	t.Run("S2 a fresh client is not logged in", func(t *testing.T) {
		send(t, nil, "GET", url+"/session-profile").want(t, 401, "Not logged in")
	})
	t.Run("S3 the cookie shows the profile and stays as it is", func(t *testing.T) {
		c := browser(t)
		send(t, c, "POST", url+"/session-login")
		a := send(t, c, "GET", url+"/session-profile").want(t, 200, profile)
		if set := a.header.Values("Set-Cookie"); len(set) > 0 {
			t.Errorf("a new cookie: %v", set)
		}
	})
	t.Run("S4 one byte changed, and the store is not asked", func(t *testing.T) {
		pair := cookie(t, send(t, nil, "POST", url+"/session-login"))
		last := byte('A')
		if pair[len(pair)-2] == last {
			last = 'B'
		}
		forged := pair[:len(pair)-2] + string(last) + pair[len(pair)-1:]
		before := store.lookups.Load()
		send(t, nil, "GET", url+"/session-profile", "Cookie", forged).want(t, 401, "Not logged in")
		if n := store.lookups.Load() - before; n != 0 {
			t.Errorf("the store was asked %d times about a forged cookie", n)
		}
		send(t, nil, "GET", url+"/session-profile", "Cookie", pair).want(t, 200, profile)
	})
	t.Run("S5 an arbitrary value is never adopted", func(t *testing.T) {
		a := send(t, nil, "POST", url+"/session-login", "Cookie", "session=chosen-by-an-attacker")
		if strings.Contains(cookie(t, a), "chosen") {
			t.Error("the value was adopted")
		}
		send(t, nil, "GET", url+"/session-profile", "Cookie", "session=chosen-by-an-attacker").want(t, 401, "Not logged in")
	})
	t.Run("S14 a second sign-in changes the session id, and the old one is dead", func(t *testing.T) {
		first := cookie(t, send(t, nil, "POST", url+"/session-login"))
		second := cookie(t, send(t, nil, "POST", url+"/session-login", "Cookie", first))
		if first == second {
			t.Fatal("the same cookie again")
		}
		send(t, nil, "GET", url+"/session-profile", "Cookie", first).want(t, 401, "Not logged in")
		send(t, nil, "GET", url+"/session-profile", "Cookie", second).want(t, 200, profile)
	})
	t.Run("S16 a wrong method is 405 with Allow", func(t *testing.T) {
		a := send(t, nil, "GET", url+"/session-login")
		if a.status != 405 || a.header.Get("Allow") != "POST" {
			t.Errorf("got %d, Allow %q", a.status, a.header.Get("Allow"))
		}
	})
}

func login(t *testing.T, url string) string {
	t.Helper()
	var body map[string]string
	a := send(t, nil, "POST", url+"/token-login")
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != 200 || len(body) != 1 {
		t.Fatalf("got %d %q, want exactly one member token", a.status, a.body)
	}
	return body["token"]
}

func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTokenHalf(t *testing.T) {
	url, _ := start(t, memory.New(), "Alice")
	token := login(t, url)

	t.Run("S6 a compact JWS of three parts", func(t *testing.T) {
		if n := len(strings.Split(token, ".")); n != 3 {
			t.Errorf("%d parts", n)
		}
	})
	t.Run("S7 what it says", func(t *testing.T) {
		head, body := part(t, token, 0), part(t, token, 1)
		if head["alg"] != "HS256" || head["typ"] != "JWT" || body["id"] != "42" || body["name"] != "Alice" {
			t.Errorf("%v %v", head, body)
		}
		if life := body["exp"].(float64) - body["iat"].(float64); life != 3600 {
			t.Errorf("lives %v seconds", life)
		}
	})
	t.Run("S8 no header", func(t *testing.T) {
		send(t, nil, "GET", url+"/token-profile").want(t, 401, "No token provided")
	})
	t.Run("S9 a valid token", func(t *testing.T) {
		send(t, nil, "GET", url+"/token-profile", "Authorization", "Bearer "+token).want(t, 200, "Hello Alice, this is your token profile.")
	})
	now := time.Now()
	for name, bad := range map[string]string{
		"garbage":           "garbage",
		"wrong secret":      signed(t, jwt.SigningMethodHS256, bytes.Repeat([]byte("x"), 32), now, now.Add(time.Hour)),
		"alg none":          signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, now, now.Add(time.Hour)),
		"another algorithm": signed(t, jwt.SigningMethodHS512, testKey, now, now.Add(time.Hour)),
		"expired":           signed(t, jwt.SigningMethodHS256, testKey, now.Add(-2*time.Hour), now.Add(-time.Hour)),
		"nbf in the future": signed(t, jwt.SigningMethodHS256, testKey, now.Add(time.Hour), now.Add(2*time.Hour)),
	} {
		t.Run("S10 "+name, func(t *testing.T) {
			send(t, nil, "GET", url+"/token-profile", "Authorization", "Bearer "+bad).want(t, 403, "Invalid token")
		})
	}
	for name, header := range map[string]string{"the scheme only": "Bearer", "a token without a scheme": token} {
		t.Run("S11 "+name, func(t *testing.T) {
			send(t, nil, "GET", url+"/token-profile", "Authorization", header).want(t, 401, "No token provided")
		})
	}
}

func signed(t *testing.T, m jwt.SigningMethod, key any, from, to time.Time) string {
	t.Helper()
	token, err := jwt.NewWithClaims(m, claims{ID: "42", Name: "Alice", RegisteredClaims: jwt.RegisteredClaims{
		NotBefore: jwt.NewNumericDate(from), ExpiresAt: jwt.NewNumericDate(to),
	}}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestS12RestartEndsSessionsOnlyInMemory(t *testing.T) {
	url, stop := start(t, memory.New(), "Alice")
	pair := cookie(t, send(t, nil, "POST", url+"/session-login"))
	stop()
	url, _ = start(t, memory.New(), "Alice")
	send(t, nil, "GET", url+"/session-profile", "Cookie", pair).want(t, 401, "Not logged in")

	file := filepath.Join(t.TempDir(), "lesson.db")
	url, stop = start(t, open(t, file), "Alice")
	pair = cookie(t, send(t, nil, "POST", url+"/session-login"))
	stop()
	url, _ = start(t, open(t, file), "Alice")
	send(t, nil, "GET", url+"/session-profile", "Cookie", pair).want(t, 200, "Hello Alice, this is your session profile.")
}

func open(t *testing.T, file string) cloakroom.Store {
	t.Helper()
	s, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown() })
	return s
}

func TestS13TokenOutlivesRestart(t *testing.T) {
	url, stop := start(t, memory.New(), "Alice")
	token := login(t, url)
	stop()
	url, _ = start(t, memory.New(), "Alice")
	send(t, nil, "GET", url+"/token-profile", "Authorization", "Bearer "+token).want(t, 200, "Hello Alice, this is your token profile.")
}

func TestS15NameIsNeverHTML(t *testing.T) {
	url, _ := start(t, memory.New(), "<script>alert(1)</script>")
	c := browser(t)
	send(t, c, "POST", url+"/session-login")
	for _, a := range []answer{
		send(t, c, "GET", url+"/session-profile"),
		send(t, nil, "GET", url+"/token-profile", "Authorization", "Bearer "+login(t, url)),
	} {
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d %v: a browser may read the name as HTML", a.status, a.header)
		}
	}
}
