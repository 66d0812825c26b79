package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestLogout(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")

	t.Run("S113 V53 by cookie: dead at once, and cleared", func(t *testing.T) {
		c := w.client()
		set := c.login("ana@example.com", "").cookie()
		old := c.again()
		a := c.post("/auth/logout", "").is(204).private()
		if a.text != "" || !strings.Contains(a.cookie(), "Max-Age=0") {
			t.Errorf("cookie %q body %q", a.cookie(), a.text)
		}
		for _, part := range strings.Split(set, "; ")[1:] {
			if !strings.Contains(a.cookie(), part) {
				t.Errorf("the clearing cookie %q lacks %s", a.cookie(), part)
			}
		}
		old.get("/auth/me").fails(401, "invalid_token")
	})
	t.Run("S114 by bearer", func(t *testing.T) {
		c := w.client().bearing("ana@example.com")
		if a := c.post("/auth/logout", `{}`).is(204).private(); a.cookie() != "" {
			t.Errorf("cookie %q", a.cookie())
		}
		c.get("/auth/me").fails(401, "invalid_token")
	})
	t.Run("S115 V55 with nothing, or nothing alive", func(t *testing.T) {
		begun := w.told(cloakroom.GuestBegan)
		nobody, dead, junk := w.client(), w.client(), w.client()
		dead.bearer, junk.cookies["session"] = "crs_dead", "junk"
		if a := nobody.post("/auth/logout", "").is(204); a.cookie() != "" {
			t.Errorf("cookie %q", a.cookie())
		}
		dead.post("/auth/logout", "").is(204)
		if a := junk.post("/auth/logout", "").is(204); !strings.Contains(a.cookie(), "Max-Age=0") {
			t.Errorf("the junk cookie stays: %q", a.cookie())
		}
		if w.told(cloakroom.GuestBegan) != begun {
			t.Error("a session was begun")
		}
	})
	t.Run("S116 by GET", func(t *testing.T) {
		c := w.client()
		c.login("ana@example.com", "")
		if a := c.get("/auth/logout").fails(405, "method_not_allowed"); a.header.Get("Allow") != "POST" {
			t.Errorf("Allow %q", a.header.Get("Allow"))
		}
		if !c.signedIn() {
			t.Error("a link signs out")
		}
	})
	t.Run("S117 Clear-Site-Data", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.ClearSiteData = []string{"cookies", "storage"} })
		if got := w.client().post("/auth/logout", "").is(204).header.Get("Clear-Site-Data"); got != `"cookies", "storage"` {
			t.Errorf("Clear-Site-Data %s", got)
		}
	})
	t.Run("S118 (opaque form) a token shown again after the log-out raises no alarm and ends nothing", func(t *testing.T) {
		one, two := w.client().bearing("ana@example.com"), w.client().bearing("ana@example.com")
		one.post("/auth/logout", "").is(204)
		revoked := w.told(cloakroom.SessionRevoked)
		one.get("/auth/me").fails(401, "invalid_token")
		one.post("/auth/logout", "").is(204)
		if !two.signedIn() || w.told(cloakroom.SessionRevoked) != revoked {
			t.Error("something else ended")
		}
	})
	t.Run("V54 scopes", func(t *testing.T) {
		three := func() [3]*client {
			var c [3]*client
			for i := range c {
				c[i] = w.client()
				c[i].login("ana@example.com", "")
			}
			return c
		}
		for scope, alive := range map[string][3]bool{
			"": {false, true, true}, `{"scope":"this"}`: {false, true, true}, `{"scope":"others"}`: {true, false, false}, `{"scope":"all"}`: {},
		} {
			c := three()
			held := c[0].again()
			a := c[0].post("/auth/logout", scope).is(204)
			if cleared := strings.Contains(a.cookie(), "Max-Age=0"); cleared == alive[0] {
				t.Errorf("%s: cookie %q", scope, a.cookie())
			}
			for i, one := range []*client{held, c[1], c[2]} {
				if one.signedIn() != alive[i] {
					t.Errorf("%s: device %d is signed in: %v", scope, i, !alive[i])
				}
			}
		}
		c := three()
		c[0].post("/auth/logout", `{"scope":"everybody"}`).blames("scope", "unknown_value")
		c[0].post("/auth/logout", `{"scope":null}`).blames("scope", "wrong_type")
		c[0].post("/auth/logout", `{"scope":"all"`).fails(400, "invalid_json")
		if !c[0].signedIn() {
			t.Error("a malformed log-out signed out")
		}
	})
	t.Run("V56 a guest's token is dead after the log-out", func(t *testing.T) {
		c := w.client()
		first := c.post("/auth/anonymous", "").is(201)
		old := c.again()
		c.post("/auth/logout", "").is(204)
		if old.get("/auth/session").at("session") != nil {
			t.Error("the guest session lives on")
		}
		if got := old.post("/auth/anonymous", "").is(201).at("session", "id"); got == first.at("session", "id") {
			t.Error("the old session came back")
		}
	})
}

func TestUnavailable(t *testing.T) {
	w := open(t, signed, mailing)
	w.user("ana@example.com")
	ticket, err := w.auth.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, app := w.client(), w.client().signIn("ana@example.com", "bearer")
	c.login("ana@example.com", `,"token":"signed"`)
	w.store.down.Store(true)
	w.pass(2 * time.Second) // so that the keys are read again
	for _, line := range table {
		if !slices.Contains(line.Statuses, 503) {
			continue
		}
		asks, text := c, bodyOf(line, "new@example.com", ticket.Reveal())
		if line.ForClients {
			asks, text = w.service(), body("token", app.bearer)
		}
		if line.BodyMayBeVoid {
			text = ""
		}
		a := asks.do(line.Method, line.URL, text).fails(503, "unavailable").private()
		if a.header.Get("Retry-After") == "" || len(a.header["Set-Cookie"]) > 0 || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: headers %v", line.Path, a.header)
		}
		if strings.Contains(a.text, "10.0.0.7") || strings.Contains(a.text, "SELECT") || a.at("request_id") == "" {
			t.Errorf("S252: %s", a.text)
		}
	}
	w.store.down.Store(false)
	w.pass(2 * time.Second)
	if !c.signedIn() {
		t.Error("the outage ended the session")
	}
	c.post("/auth/refresh", "").is(200)
	app.renew().is(200)
}
