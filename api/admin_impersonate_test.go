package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestAdminImpersonates(t *testing.T) {
	h := home(t)
	rootID := h.resident("root@example.com", cloakroom.RoleAdmin)
	root, g := h.enrolled("root@example.com")
	ana := h.resident("ana@example.com")
	as := func(id string) string { return users + "/" + id + "/impersonate" }
	why := body("reason", "ticket 4711")

	t.Run("S233 acts as the target, both ids in every event, and comes back", func(t *testing.T) {
		before := root.get("/auth/session").str("session", "id")
		a := root.post(as(ana), why).is(200).private()
		if a.str("status") != "signed_in" || a.str("user", "id") != ana || a.str("session", "actor") != rootID || a.cookie() == "" {
			t.Errorf("have %s", a.text)
		}
		if s := root.get("/auth/session"); s.str("user", "id") != ana || s.str("session", "actor") != rootID {
			t.Errorf("have %s", s.text)
		}
		e := h.lastEvent(ana, cloakroom.ImpersonationBegun)
		if e.Details["actor"] != rootID || e.Reason != "ticket 4711" {
			t.Errorf("the event has %v %q", e.Details, e.Reason)
		}
		root.do("PATCH", "/auth/factors/password", `{"name":"x"}`).fails(403, "impersonated")
		root.get(users).fails(403, "impersonated")
		root.post(as(ana), why).fails(403, "impersonated") // not from within: come back first
		if b := root.do("DELETE", "/auth/impersonation", "").is(200); b.str("session", "id") != before || b.str("user", "id") != rootID {
			t.Errorf("have %s", b.text)
		}
		if s := root.get("/auth/session"); s.at("session", "level") != 1.0 || s.at("session", "authenticated_at") != nil {
			t.Errorf("whoever had the token comes back as the administrator: %s", s.text)
		}
		root.get(users).fails(401, "step_up_required")
		root.stepUp(g)
		root.get(users).is(200)
		root.post(users, body("email", "made@example.com")).is(201)
		if e := h.lastEvent(ana, cloakroom.ImpersonationEnded); e.Details["actor"] != rootID {
			t.Errorf("the event has %v", e.Details)
		}
	})
	t.Run("it ends no session of the user but itself", func(t *testing.T) {
		her, c := h.in("ana@example.com"), root.again()
		hers := her.get("/auth/session").str("session", "id")
		c.post(as(ana), why).is(200)
		c.do("DELETE", "/auth/sessions", "").fails(403, "impersonated")
		for _, id := range []string{hers, "ses_" + nobody[4:]} {
			c.do("DELETE", "/auth/sessions/"+id, "").fails(403, "impersonated")
		}
		if !her.signedIn() {
			t.Error("the user is out")
		}
		c.do("DELETE", "/auth/sessions/"+c.get("/auth/session").str("session", "id"), "").is(204)
		if c.signedIn() {
			t.Error("it lives on")
		}
	})
	t.Run("S233 a session of half an hour that a sign-out ends", func(t *testing.T) {
		c := root.again()
		c.post(as(ana), why).is(200)
		h.pass(29 * time.Minute)
		c.get("/auth/me").is(200)
		h.pass(time.Minute)
		c.get("/auth/me").fails(401, "invalid_token")
		root.get(users).is(200)
	})
	t.Run("by bearer", func(t *testing.T) {
		id := h.resident("app@example.com", cloakroom.RoleAdmin)
		g, _ := h.in("app@example.com").enrol()
		app := h.client()
		a := app.verify(app.login("app@example.com", `,"delivery":"bearer"`).challenged(), "totp", g.code()).is(200)
		app.bearer = a.str("tokens", "access_token")
		b := app.post(as(ana), why).is(200)
		if b.str("session", "actor") != id || b.cookie() != "" {
			t.Errorf("have %s, cookie %q", b.text, b.cookie())
		}
		app.get("/auth/me").is(200)
		if me := h.program(b.str("tokens", "access_token")).get("/auth/me"); me.str("id") != ana {
			t.Errorf("have %s", me.text)
		}
		app.post(as(ana), body("reason", "x", "delivery", "cookie")).blames("delivery", "not_allowed")
	})
	root.stepUp(g)
	t.Run("the reason", func(t *testing.T) {
		root.post(as(ana), "{}").blames("reason", "required")
		root.post(as(ana), body("reason", " ")).blames("reason", "required")
		root.post(as(ana), body("reason", "a\nb")).blames("reason", "invalid")
		root.post(as(ana), body("reason", strings.Repeat("a", 501))).blames("reason", "too_long")
		root.post(as(ana), "").fails(415, "unsupported_media_type")
	})
	t.Run("S232 S234 nobody acts as who is banned, leaving, an administrator, himself or not there", func(t *testing.T) {
		banned, leaving := h.resident("banned@example.com"), h.resident("leaving@example.com")
		root.post(users+"/"+banned+"/ban", "").is(200)
		h.in("leaving@example.com").do("DELETE", "/auth/user", "").is(202)
		second := h.resident("second@example.com", cloakroom.RoleAdmin)
		_, stranger := h.elsewhere("bob@example.com")
		asked := root.with(fixedRequest, "req")
		same := asked.post(as(nobody), why).fails(403, "forbidden").text
		for _, id := range []string{banned, leaving, second, rootID, stranger, "x"} {
			if a := asked.post(as(id), why).fails(403, "forbidden"); a.text != same {
				t.Errorf("%s: %s, want %s", id, a.text, same)
			}
		}
		if !root.signedIn() {
			t.Error("the administrator is out")
		}
	})
}
