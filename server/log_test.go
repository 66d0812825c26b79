package server

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestLogHasNoSecret lives through a busy day and then reads the whole log, at its most talkative.
func TestLogHasNoSecret(t *testing.T) {
	cfg := served(t)
	cfg.Token.RefreshGrace = time.Second
	h := running(t, cfg, quick)
	const wrong = "not-her-password-77"
	up := h.do("POST", "/auth/signup", ana, "User-Agent", "Agent-Of-Ana/1.0")
	in := h.do("POST", "/auth/login?password="+wrong, bear)
	token := in.token(t)
	h.do("POST", "/auth/login", `{"email":"Ana@Example.com","password":"`+wrong+`"}`)
	h.do("POST", "/auth/login", `{"email":"nobody@example.net","password":"`+wrong+`"}`)
	h.do("GET", "/auth/me?token="+token, "", "Authorization", "Bearer "+token)
	h.do("GET", "/auth/me", "", "Authorization", "Bearer "+token[:len(token)-1]+"x")
	cookie := cookieOf(t, up)
	h.do("GET", "/auth/sessions", "", "Cookie", cookie)
	h.do("GET", "/auth/me", "", "Cookie", cookie+"; session="+token) // two good ones
	h.do("DELETE", "/auth/sessions/"+token, "", "Cookie", cookie)
	h.do("GET", "/somewhere/"+token+"/ana@example.com", "")
	signed := h.do("POST", "/auth/login", signedBear, "User-Agent", "Agent-Of-Ana/1.0")
	access, refresh := signed.pair(t)
	_, next := h.refresh(refresh).pair(t)
	h.do("GET", "/auth/me?access_token="+access, "", "Authorization", "Bearer "+access)
	h.introspect(access)
	h.introspect(next)
	_, cursor := h.news("", "0")
	h.news(cursor, "0")
	h.do("GET", "/auth/revocations?after="+wrong, "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("shop:"+wrong)))
	until(t, "the refresh token is one of a thief", func() bool { return h.refresh(refresh).status == 401 })
	h.do("POST", "/auth/logout", "", "Authorization", "Bearer "+token)
	if err := h.server.engine.stores.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if down := h.do("POST", "/auth/login", ana); down.status != 503 {
		t.Fatal(down)
	}
	h.do("GET", "/auth/me", "", "Cookie", cookie)

	log := h.log.String()
	for _, told := range []string{"user_created", "signed_in", "sign_in_failed", "signed_out", "duplicate_cookie", "request_failed", "refresh_rotated", "refresh_replayed", "refresh_reused", `"msg":"request"`} {
		if !strings.Contains(log, told) {
			t.Errorf("the day was not busy: nothing about %s", told)
		}
	}
	secrets := []string{
		"wisteria-lantern-40", wrong, token, token[4:40], strings.TrimPrefix(cookie, "session="),
		"ana@example.com", "Ana@Example.com", "example.net", "Agent-Of-Ana", "argon2id",
		access, strings.Split(access, ".")[2], refresh, refresh[4:40], next, next[4:40], shopSecret, strings.TrimPrefix(asShop(), "Basic "), "nonce=",
	}
	for _, secret := range append(secrets, fileSecrets(t, h)...) {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestLogTellsWho(t *testing.T) {
	h := running(t, settings(t), quick)
	up := h.do("POST", "/auth/signup", ana)
	lines := h.log.lines(t, "signed_in")
	if len(lines) != 1 {
		t.Fatal(h.log)
	}
	in := lines[0]
	if !strings.HasPrefix(in["user"].(string), "usr_") || !strings.HasPrefix(in["session"].(string), "ses_") || in["ip"] != "127.0.0.1" {
		t.Errorf("got %v", in)
	}
	requests := h.log.lines(t, "request")
	if len(requests) != 1 {
		t.Fatal(h.log)
	}
	// A sign-up hashes a password and waits for the disk: well over a microsecond, and under the client's patience.
	if ms, ok := requests[0]["duration_ms"].(float64); !ok || ms <= 0.001 || ms > 60_000 {
		t.Errorf("the duration is %v", requests[0])
	}
	if id := up.header.Get("X-Request-Id"); in["request_id"] != id {
		t.Errorf("the event and the answer have different ids: %v and %s", in["request_id"], id)
	}
}

func TestEventsHaveTheirLevel(t *testing.T) {
	h := running(t, settings(t), quick)
	cookie := cookieOf(t, h.do("POST", "/auth/signup", ana))
	other := h.do("POST", "/auth/login", bear).token(t)
	h.do("GET", "/auth/me", "", "Cookie", cookie+"; session="+other)
	h.do("POST", "/auth/anonymous", "{}")
	if err := h.server.engine.stores.Shutdown(); err != nil {
		t.Fatal(err)
	}
	h.do("GET", "/auth/me", "", "Cookie", cookie)
	for event, level := range map[string]string{"signed_in": "INFO", "guest_began": "DEBUG", "duplicate_cookie": "WARN", "request_failed": "ERROR"} {
		lines := h.log.lines(t, event)
		if len(lines) == 0 || lines[0]["level"] != level {
			t.Errorf("%s: %v, want %s", event, lines, level)
		}
	}
	if failed := h.log.lines(t, "request_failed")[0]; !strings.Contains(failed["error"].(string), "shut down") {
		t.Errorf("the cause is missing: %v", failed)
	}
}

// cookieOf is the Cookie header that answers a Set-Cookie.
func cookieOf(t *testing.T, r reply) string {
	t.Helper()
	cookies := (&http.Response{Header: r.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v in %v", cookies, r)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

// fileSecrets are the secrets of the house, in every spelling that could slip out.
func fileSecrets(t *testing.T, h *house) []string {
	t.Helper()
	text, err := os.ReadFile(SecretsPath(h.server.config))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if raw, err := hex.DecodeString(strings.TrimSpace(line)); err == nil && len(raw) > 0 {
			all = append(all, strings.TrimSpace(line), string(raw), base64.RawURLEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw))
		}
	}
	if len(all) == 0 {
		t.Fatal("no secret in the file")
	}
	return all
}
