package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestAdminSessions(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana, bob := h.resident("ana@example.com"), h.resident("bob@example.com")
	list := func(id string) string { return users + "/" + id + "/sessions" }
	one := func(session, user string) string { return "/auth/admin/sessions/" + session + "?user=" + user }
	idOf := func(c *client) string { return c.get("/auth/session").str("session", "id") }

	t.Run("a user's sessions, newest first", func(t *testing.T) {
		var want []string
		for range 5 {
			h.pass(time.Millisecond)
			want = append(want, idOf(h.in("ana@example.com")))
		}
		slices.Reverse(want)
		for _, limit := range []int{1, 2, 5, 200} {
			if got := root.turn(list(ana), limit); !slices.Equal(got, want) {
				t.Errorf("limit %d: %q, want %q", limit, got, want)
			}
		}
		a := root.get(list(rootID)).private()
		if a.at("items", 0, "current") != true || strings.Contains(a.text, "crs_") {
			t.Errorf("have %s", a.text)
		}
		for _, id := range []string{nobody, "x", "%00"} {
			root.get(list(id)).fails(404, "not_found")
			root.do("DELETE", list(id), "").fails(404, "not_found")
			root.get(users+"/"+id+"/factors").fails(404, "not_found")
		}
	})
	t.Run("S-39 one session is ended", func(t *testing.T) {
		c, other := h.in("ana@example.com"), h.in("ana@example.com")
		id := idOf(c)
		root.do("DELETE", one(id, bob), "").fails(404, "not_found") // that of another user
		root.do("DELETE", "/auth/admin/sessions/"+id, "").blames("user", "required")
		root.do("DELETE", one(id, "x"), "").blames("user", "invalid_id")
		root.do("DELETE", "/auth/admin/sessions/"+id+"?a=%zz", "").blames("query", "malformed")
		if !c.signedIn() {
			t.Fatal("it was ended")
		}
		root.do("DELETE", one(id, ana), "").is(204)
		c.get("/auth/me").fails(401, "invalid_token")
		if !other.signedIn() {
			t.Error("another one was ended")
		}
		for _, id := range []string{id, "x", "ses_", "%00", nobody} {
			root.do("DELETE", one(id, ana), "").fails(404, "not_found")
		}
		if e := h.lastEvent(ana, cloakroom.SessionRevoked); e.SessionID != id || e.Details["actor"] != rootID {
			t.Errorf("the event names %v", e)
		}
	})
	t.Run("S-39 all sessions of a user are ended", func(t *testing.T) {
		browser, app, neighbour := h.in("ana@example.com"), h.client().bearing("ana@example.com"), h.in("bob@example.com")
		root.do("DELETE", list(ana), "").is(204)
		browser.get("/auth/me").fails(401, "invalid_token")
		app.get("/auth/me").fails(401, "invalid_token")
		if !neighbour.signedIn() || len(root.get(list(ana)).ids()) != 0 {
			t.Error("too few or too many were ended")
		}
		if e := h.lastEvent(ana, cloakroom.SessionsRevoked); e.Details["actor"] != rootID {
			t.Errorf("the event names %v", e.Details)
		}
	})
	t.Run("a key signs no administrator out", func(t *testing.T) {
		key, _ := h.key(rootID, "admin")
		her := h.in("ana@example.com")
		key.do("DELETE", list(rootID), "").fails(403, "forbidden")
		key.do("DELETE", one(idOf(root), rootID), "").fails(403, "forbidden")
		if !root.signedIn() {
			t.Fatal("it did")
		}
		key.do("DELETE", one(idOf(her), ana), "").is(204)
		key.do("DELETE", list(ana), "").is(204)
		key.do("DELETE", one("ses_"+nobody[4:], nobody), "").fails(404, "not_found")
		_, second := h.admin("second@example.com")
		root.do("DELETE", list(second), "").is(204)
	})
	t.Run("nothing of another realm", func(t *testing.T) {
		_, stranger := h.elsewhere("ana@example.com")
		root.get(list(stranger)).fails(404, "not_found")
		root.do("DELETE", list(stranger), "").fails(404, "not_found")
		root.do("DELETE", one("ses_"+nobody[4:], stranger), "").fails(404, "not_found")
		root.get(users+"/"+stranger+"/factors").fails(404, "not_found")
		if got := root.get(users + "/" + stranger + "/events").ids(); got != nil {
			t.Errorf("events %q", got)
		}
		if a := root.get("/auth/admin/events?limit=200"); strings.Contains(a.text, stranger) {
			t.Error("an event of another realm")
		}
	})
}

func TestAdminEvents(t *testing.T) {
	h := home(t)
	root, rootID := h.admin("root@example.com")
	ana := h.resident("ana@example.com")
	for range 3 {
		h.pass(time.Millisecond)
		h.in("ana@example.com")
	}
	h.pass(time.Millisecond)
	root.post(users+"/"+ana+"/ban", "").is(200)

	t.Run("of a user", func(t *testing.T) {
		a := root.get(users + "/" + ana + "/events").is(200).private()
		first := func(name string) string { return a.str("items", 0, name) }
		if first("type") != "user_banned" || first("user_id") != ana || a.str("items", 0, "details", "actor") != rootID {
			t.Errorf("have %s", a.text)
		}
		for i := range a.at("items").([]any) {
			if a.str("items", i, "user_id") != ana {
				t.Errorf("an event of somebody else in %s", a.text)
			}
		}
		for _, secret := range []string{"crs_", "crt_", password} {
			if strings.Contains(a.text, secret) {
				t.Errorf("%q in %s", secret, a.text)
			}
		}
	})
	t.Run("all, each on one page, newest first", func(t *testing.T) {
		all := root.turn("/auth/admin/events", 200)
		for _, limit := range []int{1, 3} {
			if got := root.turn("/auth/admin/events", limit); !slices.Equal(got, all) {
				t.Errorf("limit %d: %d events, want %d", limit, len(got), len(all))
			}
		}
		if !slices.IsSortedFunc(all, func(a, b string) int { return strings.Compare(b, a) }) || len(all) < 6 {
			t.Errorf("events %q", all)
		}
	})
	t.Run("to look leaves none", func(t *testing.T) {
		before := root.turn("/auth/admin/events", 200)
		for _, path := range []string{users, users + "/" + ana, users + "/" + ana + "/sessions", users + "/" + ana + "/factors", "/auth/admin/keys"} {
			root.get(path).is(200)
		}
		if after := root.turn("/auth/admin/events", 200); !slices.Equal(before, after) {
			t.Errorf("%d events, before %d", len(after), len(before))
		}
	})
	t.Run("the user sees who did it, too", func(t *testing.T) {
		root.post(users+"/"+ana+"/unban", "").is(200)
		if a := h.in("ana@example.com").get("/auth/activity"); !strings.Contains(a.text, rootID) {
			t.Errorf("have %s", a.text)
		}
	})
}
