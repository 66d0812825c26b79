package api_test

import (
	"slices"
	"testing"

	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestPasskey(t *testing.T) {
	h := home(t)
	c := h.newcomer("ana@example.com")
	key := authtest.NewPasskey(t, site)
	offer := c.post("/auth/factors", `{"method":"passkey"}`).is(200).private()
	bind := body("offer", offer.str("offer", "id"), "response", raw(key.Create(offer.at("options"))), "name", "laptop")
	a := c.post("/auth/factors/bind", bind).is(201)
	if len(a.strings("recovery_codes")) != 10 || c.factor("passkey")["name"] != "laptop" {
		t.Errorf("%s", a.text)
	}
	c.post("/auth/factors/bind", bind).fails(401, "invalid_challenge")
	renamed := c.do("PATCH", "/auth/factors/"+c.factor("passkey")["id"].(string), `{"name":"old laptop"}`).is(200)
	if renamed.str("name") != "old laptop" || c.factor("passkey")["name"] != "old laptop" {
		t.Errorf("%s", renamed.text)
	}

	options := func(c *client, pairs ...any) answer {
		return c.post("/auth/login/options", body(append([]any{"method", "passkey"}, pairs...)...)).is(200).private()
	}
	verify := func(c *client, o answer, response string) answer {
		return c.post("/auth/login/verify", body("challenge", o.str("challenge", "id"), "method", "passkey", "response", raw(response)))
	}
	t.Run("as the first factor it is two at once, and says who it is", func(t *testing.T) {
		c := h.client()
		o := options(c)
		in := verify(c, o, key.Get(o.at("options"))).is(200)
		if in.str("user", "email") != "ana@example.com" || !slices.Equal(in.strings("session", "methods"), []string{"passkey"}) || !c.signedIn() {
			t.Errorf("%s", in.text)
		}
		c.post("/auth/factors", `{"method":"totp"}`).is(200) // level 2, and fresh
	})
	t.Run("an answer is good once, and for its own question", func(t *testing.T) {
		c := h.client()
		o, other := options(c), options(c)
		response := key.Get(o.at("options"))
		verify(c, other, response).fails(401, "invalid_credentials")
		verify(c, o, response).is(200)
		verify(c, o, response).fails(401, "invalid_challenge")
	})
	t.Run("after the password as the second", func(t *testing.T) {
		c := h.client()
		challenge := c.login("ana@example.com", "").challenged("passkey", "recovery_code")
		o := options(c, "challenge", challenge)
		in := verify(c, o, key.Get(o.at("options"))).is(200)
		if !slices.Equal(in.strings("session", "methods"), []string{"password", "passkey"}) {
			t.Errorf("%s", in.text)
		}
	})
	t.Run("of another origin", func(t *testing.T) {
		c := h.client()
		o := options(c)
		key.Origin = "https://evil.example"
		response := key.Get(o.at("options"))
		key.Origin = site
		verify(c, o, response).fails(401, "invalid_credentials")
	})
	t.Run("by bearer delivery", func(t *testing.T) {
		c := h.client()
		o := options(c, "delivery", "bearer")
		in := verify(c, o, key.Get(o.at("options"))).is(200)
		c.bearer = in.str("tokens", "access_token")
		if len(c.cookies) != 0 || !c.signedIn() {
			t.Errorf("%s", in.text)
		}
	})
	t.Run("what cannot be asked", func(t *testing.T) {
		h.client().post("/auth/login/options", `{"method":"password"}`).blames("method", "unknown_value")
		h.client().post("/auth/login/options", `{"method":"totp"}`).blames("method", "unknown_value")
		h.client().post("/auth/login/options", `{}`).blames("method", "required")
		h.client().post("/auth/login/options", `{"method":"passkey","challenge":"crt_x"}`).fails(401, "invalid_challenge")
	})
	t.Run("removed, it opens nothing", func(t *testing.T) {
		o := options(h.client())
		response := key.Get(o.at("options"))
		c.do("DELETE", "/auth/factors/"+c.factor("passkey")["id"].(string), "").is(200)
		verify(h.client(), o, response).fails(401, "invalid_credentials")
	})
}
func TestPasskeysWellKnown(t *testing.T) {
	w := open(t)
	for _, path := range []string{"/.well-known/passkey-endpoints", "/.well-known/webauthn"} {
		w.client().get(path).fails(404, "not_found")
	}
	w.api = &api.API{Auth: w.auth, Prefix: "/auth", Passkeys: api.Passkeys{
		Enroll: "https://example.com/account/passkeys/new", Manage: "https://example.com/account", Related: []string{"https://example.org"},
	}}
	for path, want := range map[string]string{
		"/.well-known/passkey-endpoints": `{"enroll":"https://example.com/account/passkeys/new","manage":"https://example.com/account"}`,
		"/.well-known/webauthn":          `{"origins":["https://example.org"]}`,
	} {
		a := w.client().get(path).is(200)
		if a.text != want+"\n" || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v %s", path, a.header, a.text)
		}
		w.client().post(path, "{}").fails(405, "method_not_allowed")
	}
}
