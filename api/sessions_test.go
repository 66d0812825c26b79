package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

func TestSessions(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")
	w.user("eve@example.com")
	laptop, phone, eve := w.client().with("User-Agent", "curl/8"), w.client(), w.client()
	laptop.login("ana@example.com", "")
	w.pass(time.Second)
	phone.bearing("ana@example.com")
	eve.login("eve@example.com", "")
	idOf := func(c *client) string { return c.get("/auth/session").at("session", "id").(string) }

	t.Run("S57 one entry for each sign-in", func(t *testing.T) {
		laptop.get("/auth/me").is(200)
		a := laptop.get("/auth/sessions").is(200)
		items := a.at("items").([]any)
		if len(items) != 2 || a.at("next_cursor") != nil {
			t.Fatalf("list %s", a.text)
		}
		if a.at("items", 0, "id") != idOf(phone) || a.at("items", 0, "current") != false || a.at("items", 1, "current") != true {
			t.Errorf("order or current is wrong: %s", a.text)
		}
		for _, name := range []string{"id", "device", "user_agent", "ip", "created_at", "last_seen_at", "expires_at"} {
			if a.at("items", 1, name) == nil || a.at("items", 1, name) == "" {
				t.Errorf("no %s in %s", name, a.text)
			}
		}
		if strings.Contains(a.text, "crs_") {
			t.Error("the list has a token")
		}
	})
	t.Run("S58 (opaque form) still one entry after five new tokens", func(t *testing.T) {
		before := idOf(laptop)
		for range 5 {
			old := laptop.cookies["session"]
			laptop.post("/renew", "").is(200)
			if laptop.cookies["session"] == old {
				t.Fatal("no new token")
			}
		}
		if a := laptop.get("/auth/sessions"); len(a.at("items").([]any)) != 2 || a.at("items", 1, "id") != before {
			t.Errorf("list %s", a.text)
		}
	})
	t.Run("S60 another user's session", func(t *testing.T) {
		eve.do("DELETE", "/auth/sessions/"+idOf(phone), "").fails(404, "not_found")
		if !phone.signedIn() {
			t.Error("it was ended")
		}
	})
	t.Run("S59 another session of one's own is out at once", func(t *testing.T) {
		id := idOf(phone)
		if a := laptop.do("DELETE", "/auth/sessions/"+id, "").is(204).private(); a.cookie() != "" {
			t.Errorf("cookie %q", a.cookie())
		}
		phone.get("/auth/me").fails(401, "invalid_token")
		t.Run("S62 again, unknown or malformed: 404 and no event", func(t *testing.T) {
			told := w.told(cloakroom.SessionRevoked)
			for _, id := range []string{id, "ses_00000000000070008000000000000000", "x", "usr_1", "%00", "a%2Fb", "{id}", strings.Repeat("a", 5000), "%F0%28"} {
				laptop.do("DELETE", "/auth/sessions/"+id, "").fails(404, "not_found")
			}
			laptop.do("DELETE", "/auth/sessions/", "").fails(404, "not_found")
			if w.told(cloakroom.SessionRevoked) != told || !laptop.signedIn() {
				t.Error("something happened")
			}
		})
	})
	t.Run("S61 all but the current one", func(t *testing.T) {
		var others [3]*client
		for i := range others {
			others[i] = w.client()
			others[i].login("ana@example.com", "")
		}
		laptop.do("DELETE", "/auth/sessions", "").is(204).private()
		for i, c := range others {
			if c.signedIn() {
				t.Errorf("session %d lives on", i)
			}
		}
		if !laptop.signedIn() || !eve.signedIn() {
			t.Error("the current one or another user's was ended")
		}
	})
	t.Run("ending the current one clears the cookie", func(t *testing.T) {
		c := w.client()
		c.login("ana@example.com", "")
		old := c.again()
		if a := c.do("DELETE", "/auth/sessions/"+idOf(c), "").is(204).private(); !strings.Contains(a.cookie(), "Max-Age=0") {
			t.Errorf("cookie %q", a.cookie())
		}
		if old.signedIn() {
			t.Error("it lives on")
		}
	})
	t.Run("no credential", func(t *testing.T) {
		for _, line := range [][2]string{{"GET", "/auth/sessions"}, {"DELETE", "/auth/sessions"}, {"DELETE", "/auth/sessions/" + idOf(laptop)}} {
			w.client().do(line[0], line[1], "").fails(401, "unauthenticated")
		}
	})
}

func TestPages(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")
	c := w.client()
	want := map[any]bool{}
	for range 7 {
		w.pass(time.Millisecond)
		want[c.again().login("ana@example.com", "").at("session", "id")] = true
	}
	c.login("ana@example.com", "")
	want[c.get("/auth/session").at("session", "id")] = true

	t.Run("every session is on exactly one page", func(t *testing.T) {
		for _, limit := range []int{1, 3, 4, 8, 100} {
			seen, pages, path := map[any]bool{}, 0, fmt.Sprintf("/auth/sessions?limit=%d", limit)
			for next := path; next != ""; pages++ {
				a := c.get(next).is(200)
				items := a.at("items").([]any)
				if len(items) == 0 || len(items) > limit || pages > len(want) {
					t.Fatalf("page %d has %d items, limit %d", pages, len(items), limit)
				}
				for i := range items {
					id := a.at("items", i, "id")
					if seen[id] || !want[id] {
						t.Errorf("session %v is listed twice or unknown", id)
					}
					seen[id] = true
				}
				next = ""
				if cursor, _ := a.at("next_cursor").(string); cursor != "" {
					next = path + "&cursor=" + url.QueryEscape(cursor)
				}
			}
			if len(seen) != len(want) || pages != (len(want)+limit-1)/limit {
				t.Errorf("limit %d: %d sessions on %d pages", limit, len(seen), pages)
			}
		}
	})
	for _, bad := range []string{"limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "limit=99999999999999999999"} {
		t.Run(bad, func(t *testing.T) { c.get("/auth/sessions?"+bad).blames("limit", "out_of_range") })
	}
	for _, bad := range []string{"cursor=", "cursor=x", "cursor=usr_1", "cursor=ses_", "cursor=ses_" + strings.Repeat("G", 32), "cursor=ses_" + strings.Repeat("0", 33), "cursor=%00",
		"cursor=ses_0198aabbccdd7eee8fff001122334455&cursor=ses_0198aabbccdd7eee8fff001122334455",
	} {
		t.Run(bad, func(t *testing.T) { c.get("/auth/sessions?"+bad).blames("cursor", "invalid_cursor") })
	}
	t.Run("no query string", func(t *testing.T) { c.get("/auth/sessions?cursor=%zz").blames("query", "malformed") })
}

func FuzzPage(f *testing.F) {
	for _, seed := range []string{"", "limit=5", "cursor=ses_0198aabbccdd7eee8fff001122334455", "limit=1&cursor=", "a;b", "%", "limit=1e3", "limit=+5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		limit, cursor, err := api.ParsePage(raw)
		if err != nil {
			return
		}
		if limit < 1 || limit > 100 {
			t.Errorf("%q: limit %d", raw, limit)
		}
		if cursor != "" && (len(cursor) != 36 || !strings.HasPrefix(cursor, "ses_")) {
			t.Errorf("%q: cursor %q", raw, cursor)
		}
	})
}
