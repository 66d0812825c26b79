package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

const (
	signedBear = `{"email":"ana@example.com","password":"wisteria-lantern-40","delivery":"bearer","token":"signed"}`
	shopSecret = "yFxN0v-1dCq7lBqLQWcDv0hQZpQe1bqK"
	issuer     = "http://127.0.0.1:8400"
)

// served are settings with a service that may ask, and an issuer that outlives a restart on another port.
func served(t *testing.T) config.Config {
	c := settings(t)
	c.BaseURL = issuer
	c.Introspection.Clients = []config.Client{{ID: "shop", SHA256: sha256.Sum256([]byte(shopSecret))}}
	return c
}

// asShop authenticates as that service.
func asShop() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("shop:"+shopSecret))
}

// pair takes the tokens out of an answer.
func (r reply) pair(t *testing.T) (access, refresh string) {
	t.Helper()
	var body struct {
		Tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		} `json:"tokens"`
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || body.Tokens.Access == "" || body.Tokens.Refresh == "" {
		t.Fatalf("no pair in %d %s", r.status, r.body)
	}
	return body.Tokens.Access, body.Tokens.Refresh
}

func (h *house) refresh(token string) reply {
	h.t.Helper()
	return h.do("POST", "/auth/refresh", `{"refresh_token":"`+token+`"}`)
}

func (h *house) introspect(token string) reply {
	h.t.Helper()
	return h.do("POST", "/auth/introspect", url.Values{"token": {token}}.Encode(),
		"Authorization", asShop(), "Content-Type", "application/x-www-form-urlencoded")
}

// feed asks for what was revoked. It does not fail the test, so that it may wait in the background.
func (h *house) feed(after, wait string) (*http.Response, error) {
	return h.feedFor(h.t.Context(), after, wait)
}

func (h *house) feedFor(ctx context.Context, after, wait string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+h.at.HTTP+"/auth/revocations?nonce=n&wait="+wait+"&after="+url.QueryEscape(after), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", asShop())
	return http.DefaultTransport.RoundTrip(r)
}

// news are the entries and the cursor of an answer of the feed.
func news(t *testing.T, text string) (entries int, cursor string) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", text)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Entries []any
		Cursor  string
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		t.Fatal(err)
	}
	return len(answer.Entries), answer.Cursor
}

func (h *house) news(after, wait string) (entries int, cursor string) {
	h.t.Helper()
	got := h.do("GET", "/auth/revocations?wait="+wait+"&after="+url.QueryEscape(after), "", "Authorization", asShop())
	if got.status != 200 {
		h.t.Fatal(got)
	}
	return news(h.t, got.body)
}

func TestTheSignedHalf(t *testing.T) {
	h := running(t, served(t), quick)
	t.Run("S166 a fresh server has a key before anybody signs in", func(t *testing.T) {
		keys := h.do("GET", "/.well-known/jwks.json", "")
		if keys.status != 200 || strings.Count(keys.body, `"kid"`) != 2 || strings.Contains(keys.body, `"d"`) {
			t.Errorf("one that signs and the next: %v", keys)
		}
		if wrong := h.do("POST", "/.well-known/jwks.json", "{}"); wrong.status != 405 {
			t.Error(wrong)
		}
	})

	up := h.do("POST", "/auth/signup", signedBear)
	access, refresh := up.pair(t)
	if me := h.do("GET", "/auth/me", "", "Authorization", "Bearer "+access); me.status != 200 {
		t.Fatal(me)
	}
	next := h.refresh(refresh)
	if next.status != 200 {
		t.Fatal(next)
	}
	access, _ = next.pair(t)
	if got := h.introspect(access); !strings.Contains(got.body, `"active":true`) || !strings.Contains(got.body, `"iss":"`+issuer+`"`) {
		t.Errorf("introspection: %v", got)
	}
	if out := h.do("POST", "/auth/logout", "", "Authorization", "Bearer "+access); out.status != 204 {
		t.Fatal(out)
	}
	if got := h.introspect(access); strings.TrimSpace(got.body) != `{"active":false}` {
		t.Errorf("introspection after the sign-out: %v", got)
	}
	if n, _ := h.news("", "0"); n != 1 {
		t.Errorf("the feed tells of %d revocations", n)
	}

	t.Run("S173 services that are not known", func(t *testing.T) {
		for _, path := range []string{"/auth/introspect", "/auth/revocations"} {
			method := map[string]string{"introspect": "POST", "revocations": "GET"}[path[len("/auth/"):]]
			if got := h.do(method, path, "", "Authorization", "Basic c2hvcDp3cm9uZw=="); got.status != 401 {
				t.Errorf("%s: %v", path, got)
			}
		}
	})
	t.Run("S173 nobody is configured", func(t *testing.T) {
		h := running(t, settings(t), quick)
		if got := h.introspect(access); got.status != 404 {
			t.Error(got)
		}
		if got := h.do("GET", "/auth/revocations", "", "Authorization", asShop()); got.status != 404 {
			t.Error(got)
		}
	})
}

func TestOpaqueAlone(t *testing.T) {
	cfg := served(t)
	cfg.Token.Allow = []string{"opaque"}
	h := running(t, cfg, quick)
	for request, want := range map[string]int{"GET /.well-known/jwks.json": 404, "GET /readyz": 200} {
		method, path, _ := strings.Cut(request, " ")
		if got := h.do(method, path, ""); got.status != want {
			t.Errorf("%s: %v", request, got)
		}
	}
	if up := h.do("POST", "/auth/signup", signedBear); up.status != 422 {
		t.Error(up)
	}
	if keys, err := h.server.engine.Auth.Keys().List(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("keys for nothing: %v %v", keys, err)
	}
}

func TestSettingsOfTokensArrive(t *testing.T) {
	cfg := served(t)
	cfg.Token.Default, cfg.Token.Algorithm, cfg.Token.Audience, cfg.Token.AccessTTL = "signed", "EdDSA", "https://api.example.com", 42*time.Second
	cfg.Cookie.RefreshName = "again"
	h := running(t, cfg, quick)
	up := h.do("POST", "/auth/signup", ana)
	cookies := (&http.Response{Header: up.header}).Cookies()
	if len(cookies) != 3 || cookies[1].Name != "again" || path.Dir(cookies[1].Path) != "/auth" {
		t.Fatalf("cookies %v", cookies)
	}
	head, body, _ := strings.Cut(cookies[0].Value, ".")
	body, _, _ = strings.Cut(body, ".")
	for part, want := range map[string]string{head: `"alg":"EdDSA"`, body: `"aud":"https://api.example.com"`} {
		if text, err := base64.RawURLEncoding.DecodeString(part); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	var claims struct{ Iat, Exp int64 }
	text, _ := base64.RawURLEncoding.DecodeString(body)
	if err := json.Unmarshal(text, &claims); err != nil || claims.Exp-claims.Iat != 42 {
		t.Errorf("lives %d s: %v", claims.Exp-claims.Iat, err)
	}
}

// TestIssuerOfAFreePort: whoever asks for a free port gets tokens of an issuer under which verifiers find the keys.
func TestIssuerOfAFreePort(t *testing.T) {
	h := running(t, settings(t), quick)
	access, _ := h.do("POST", "/auth/signup", signedBear).pair(t)
	body := strings.Split(access, ".")[1]
	if text, _ := base64.RawURLEncoding.DecodeString(body); !strings.Contains(string(text), `"iss":"http://`+h.at.HTTP+`"`) {
		t.Errorf("at %s: %s", h.at.HTTP, text)
	}
}

func TestFeedOutlivesTheDeadlinesOfTheServer(t *testing.T) {
	hasty := quick
	hasty.read, hasty.write = 100*time.Millisecond, 100*time.Millisecond
	h := running(t, served(t), hasty)
	_, cursor := h.news("", "0")
	res, err := h.feed(cursor, "500")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestStopDoesNotWaitForTheFeed(t *testing.T) {
	patient := quick
	patient.stop = 20 * time.Second // of the 30 that the readers would wait
	h := running(t, served(t), patient)
	const readers = 3
	_, cursor := h.news("", "0")
	var wait sync.WaitGroup
	for range readers {
		wait.Go(func() {
			res, err := h.feed(cursor, "30000")
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	until(t, "all wait", func() bool { return figure(h.metrics(), "cloakroom_feed_readers") == readers })
	if err := h.stop(); err != nil {
		t.Errorf("not in order: %v", err)
	}
	wait.Wait()
}
