package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestToken(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		w.user("ana@example.com", "clerk")
		guest := w.client()
		guest.post("/auth/anonymous", "").is(201)
		for name, c := range map[string]*client{
			"an opaque cookie": func() *client { c := w.client(); c.login("ana@example.com", ""); return c }(),
			"an opaque bearer": w.client().bearing("ana@example.com"),
			"a signed cookie":  w.client().signIn("ana@example.com", "cookie"),
			"a signed bearer":  w.client().signIn("ana@example.com", "bearer"),
			"a guest":          guest,
		} {
			t.Run("from "+name, func(t *testing.T) {
				a := c.post("/auth/token", `{"audience":"https://orders.example.com"}`).is(200).private()
				body := a.at().(map[string]any)
				if len(body) != 3 || body["token_type"] != "Bearer" || body["expires_in"] != 600.0 || len(a.header["Set-Cookie"]) > 0 {
					t.Errorf("%v %s", a.header, a.text)
				}
				token := body["access_token"].(string)
				claims, err := w.judged(token, "https://orders.example.com")
				if err != nil {
					t.Fatal(err)
				}
				if claims.SessionID != c.get("/auth/session").at("session", "id") {
					t.Errorf("session %s", claims.SessionID)
				}
				if _, err := w.judged(token, "https://mail.example.com"); err == nil {
					t.Error("another service takes it")
				}
				elsewhere := w.client()
				elsewhere.bearer = token
				elsewhere.get("/auth/me").fails(401, "invalid_token")
				elsewhere.post("/auth/token", "").fails(401, "invalid_token")
				if got := w.introspect(token).at("active"); got != true {
					t.Error("S174 introspection does not know a token for a service")
				}
			})
		}
		t.Run("without a name it is for the configured audience, and then we take it ourselves", func(t *testing.T) {
			c := w.client().bearing("ana@example.com")
			for _, body := range []string{"", "{}", `{"audience":""}`} {
				own := w.client()
				own.bearer = c.post("/auth/token", body).is(200).at("access_token").(string)
				if own.get("/auth/session").at("session", "id") != c.get("/auth/session").at("session", "id") {
					t.Error("another session")
				}
			}
		})
		t.Run("it dies with its session", func(t *testing.T) {
			c := w.client().bearing("ana@example.com")
			token := c.post("/auth/token", `{"audience":"orders"}`).is(200).at("access_token").(string)
			c.post("/auth/logout", "").is(204)
			if got := strings.TrimSpace(w.introspect(token).text); got != inactive {
				t.Errorf("%s", got)
			}
		})
		t.Run("nobody, and nobody alive", func(t *testing.T) {
			w.client().post("/auth/token", "").fails(401, "unauthenticated").private()
			dead := w.client()
			dead.bearer = "crs_dead"
			dead.post("/auth/token", "").fails(401, "invalid_token").private()
			late := w.client().signIn("ana@example.com", "bearer")
			w.pass(11 * time.Minute)
			late.post("/auth/token", "").fails(401, "invalid_token")
			banned := w.user("banned@example.com")
			c := w.client().bearing("banned@example.com")
			if err := w.auth.Users().Ban(context.Background(), banned); err != nil {
				t.Fatal(err)
			}
			c.post("/auth/token", "").fails(403, "user_banned")
		})
		t.Run("what cannot be an audience", func(t *testing.T) {
			c := w.client().bearing("ana@example.com")
			c.post("/auth/token", `{"audience":"two words"}`).blames("audience", "invalid")
			c.post("/auth/token", `{"audience":"`+strings.Repeat("a", 257)+`"}`).blames("audience", "invalid")
			c.post("/auth/token", `{"audience":["orders"]}`).blames("audience", "wrong_type")
		})
	}, signed)
	t.Run("where signed tokens are not allowed", func(t *testing.T) {
		w := open(t)
		w.user("ana@example.com")
		w.client().bearing("ana@example.com").post("/auth/token", "").blames("token", "not_allowed")
	})
}

// TestAccessToken looks at what is handed out as the world does: by the published keys.
func TestAccessToken(t *testing.T) {
	w := open(t, signed)
	id := w.user("ana@example.com", "clerk")
	c := w.client()
	a := c.keep(c.login("ana@example.com", `,"token":"signed","delivery":"bearer"`))
	t.Run("S160 its header and claims, and nothing about the person", func(t *testing.T) {
		claims, err := w.judged(c.bearer, issuer)
		if err != nil {
			t.Fatal(err)
		}
		if claims.Subject != id || claims.SessionID != a.at("session", "id") || claims.ID == "" || !slices.Equal(claims.Roles, []string{"clerk"}) ||
			!claims.ExpiresAt.Equal(w.now.Add(10*time.Minute)) || !claims.IssuedAt.Equal(w.now) {
			t.Errorf("%+v", claims)
		}
		text, _ := base64.RawURLEncoding.DecodeString(strings.Split(c.bearer, ".")[0])
		var header map[string]any
		if err := json.Unmarshal(text, &header); err != nil || len(header) != 3 || header["alg"] != "ES256" || header["typ"] != "at+jwt" || header["kid"] == "" {
			t.Errorf("header %s", text)
		}
		for name := range payload(t, c.bearer) {
			if !slices.Contains([]string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time", "acr", "amr", "roles", "epoch", "tkt"}, name) {
				t.Errorf("claim %s", name)
			}
		}
	})
}
