package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestSignup(t *testing.T) {
	w := open(t)
	body := func(email, rest string) string {
		return `{"email":"` + email + `","password":"` + password + `"` + rest + `}`
	}
	t.Run("an account and its first session", func(t *testing.T) {
		c := w.client()
		a := c.post("/auth/signup", body("Ana@Example.com", `,"name":"Ana","remember":true`)).is(201).private()
		if a.at("user", "email") != "ana@example.com" || a.at("status") != "signed_in" || !strings.Contains(a.cookie(), "Max-Age=") {
			t.Errorf("%v %s", a.header, a.text)
		}
		if !c.signedIn() {
			t.Error("the session does not last")
		}
		w.client().login("ana@example.com", "")
	})
	t.Run("S120 a taken e-mail is a conflict, in any spelling, and costs no hash", func(t *testing.T) {
		asked := w.asked.Load()
		c := w.client()
		c.post("/auth/signup", body("ANA@example.com", "")).fails(409, "email_taken")
		if len(c.cookies) != 0 || w.asked.Load() != asked {
			t.Errorf("cookies %v, asked %d more times", c.cookies, w.asked.Load()-asked)
		}
	})
	for _, email := range []string{
		"ana", "@example.com", "a@b@c", `a@x.com\r\nBcc: b@x.com`, "a@x.com,b@x.com", `a\u0000@x.com`, "a b@x.com",
		strings.Repeat("a", 250) + "@x.com", strings.Repeat("a", 60000) + "@x.com",
	} {
		t.Run("S122 refused before any hash: "+email[:min(20, len(email))], func(t *testing.T) {
			asked, counts := w.asked.Load(), w.store.counts.Load()
			w.client().post("/auth/signup", body(email, "")).blames("email", "invalid_email")
			if w.asked.Load() != asked || w.store.counts.Load() != counts {
				t.Error("it was counted or hashed")
			}
		})
	}
	t.Run("S123 names", func(t *testing.T) {
		w.client().post("/auth/signup", body("n1@example.com", `,"name":"a\u0007b"`)).blames("name", "invalid_name")
		w.client().post("/auth/signup", body("n2@example.com", `,"name":"`+strings.Repeat("é", 201)+`"`)).blames("name", "too_long")
		c := w.client()
		a := c.post("/auth/signup", body("n3@example.com", `,"name":"<script>alert(1)</script>"`)).is(201)
		for _, text := range []string{a.text, c.get("/auth/me").text, c.get("/auth/session").text} {
			if strings.ContainsAny(text, "<>") || !strings.Contains(text, `\u003cscript\u003e`) {
				t.Errorf("markup is not escaped: %s", text)
			}
		}
		if got := c.get("/auth/me").at("name"); got != "<script>alert(1)</script>" {
			t.Errorf("name %v", got)
		}
	})
	t.Run("the method's own rules name the field", func(t *testing.T) {
		w.client().post("/auth/signup", `{"email":"short@example.com","password":"1234567"}`).blames("password", "too_short")
	})
	t.Run("closed", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.SignupClosed = true })
		w.client().post("/auth/signup", body("ana@example.com", "")).fails(403, "signup_closed")
	})
	t.Run("limited", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.Limits.Signup = cloakroom.Rate{Max: 1, Window: time.Hour} })
		w.client().post("/auth/signup", body("ana@example.com", "")).is(201)
		asked := w.asked.Load()
		w.client().post("/auth/signup", body("eve@example.com", "")).fails(429, "rate_limited")
		if w.asked.Load() != asked {
			t.Error("hashed all the same")
		}
	})
}

func TestAnonymous(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")
	t.Run("a guest session, once", func(t *testing.T) {
		c := w.client()
		a := c.post("/auth/anonymous", "").is(201).private()
		if a.at("user") != nil || a.at("session", "anonymous") != true || a.at("session", "authenticated_at") != nil || a.at("tokens") != nil {
			t.Errorf("result %s", a.text)
		}
		if _, there := a.at().(map[string]any)["user"]; !there {
			t.Error("user is absent, want null")
		}
		again := c.post("/auth/anonymous", `{}`).is(200).private()
		if again.at("session", "id") != a.at("session", "id") || again.cookie() != "" {
			t.Errorf("another one: %v %s", again.header, again.text)
		}
		state := c.get("/auth/session").is(200)
		if state.at("session", "id") != a.at("session", "id") || state.at("user") != nil {
			t.Errorf("state %s", state.text)
		}
		c.get("/auth/me").fails(401, "unauthenticated")
		c.get("/auth/sessions").fails(401, "unauthenticated")
	})
	t.Run("S49 a request from before the sign-in begins nothing: its browser has a newer cookie by now", func(t *testing.T) {
		c := w.client()
		c.post("/auth/anonymous", "").is(201)
		late := c.again()
		c.login("ana@example.com", "")
		begun := w.told(cloakroom.GuestBegan)
		a := late.post("/auth/anonymous", "").fails(503, "unavailable").private()
		if a.cookie() != "" || a.header.Get("Retry-After") == "" || w.told(cloakroom.GuestBegan) != begun {
			t.Errorf("headers %v", a.header)
		}
		late.login("ana@example.com", "")
		if !late.signedIn() || !c.signedIn() {
			t.Error("a sign-in with the old token does not work, or ends the new session")
		}
	})
	t.Run("so many from one address, and no more", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.Limits.Guest = cloakroom.Rate{Max: 2, Window: time.Hour} })
		held := w.client()
		held.post("/auth/anonymous", "").is(201)
		w.client().post("/auth/anonymous", "").is(201)
		a := w.client().post("/auth/anonymous", "").fails(429, "rate_limited").private()
		if a.cookie() != "" || a.header.Get("Retry-After") != "3600" || a.header.Get("RateLimit-Policy") != `"guest";q=2;w=3600` {
			t.Errorf("headers %v", a.header)
		}
		held.post("/auth/anonymous", "").is(200)
	})
	t.Run("by bearer, and no token when there is one", func(t *testing.T) {
		c := w.client()
		a := c.post("/auth/anonymous", `{"delivery":"bearer"}`).is(201)
		c.bearer = a.at("tokens", "access_token").(string)
		again := c.post("/auth/anonymous", `{"delivery":"bearer"}`).is(200)
		if again.at("tokens") != nil || again.at("session", "id") != a.at("session", "id") || a.cookie() != "" {
			t.Errorf("result %s", again.text)
		}
	})
	t.Run("V52 a dead bearer gets a new guest session and its token", func(t *testing.T) {
		c := w.client()
		c.bearer = "crs_dead"
		a := c.post("/auth/anonymous", `{"delivery":"bearer"}`).is(201)
		c.bearer = a.at("tokens", "access_token").(string)
		if c.get("/auth/session").at("session", "id") != a.at("session", "id") || a.cookie() != "" {
			t.Errorf("result %v %s", a.header, a.text)
		}
	})
	t.Run("a signed-in user keeps the session there is", func(t *testing.T) {
		c := w.client()
		in := c.login("ana@example.com", "")
		a := c.post("/auth/anonymous", "").is(200)
		if a.at("session", "id") != in.at("session", "id") || a.at("user", "email") != "ana@example.com" {
			t.Errorf("result %s", a.text)
		}
	})
}
