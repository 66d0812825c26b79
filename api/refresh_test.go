package api_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestRefresh(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		w.user("ana@example.com")
		for _, delivery := range []string{"cookie", "bearer"} {
			t.Run("S146 by "+delivery+": a new pair, the same session", func(t *testing.T) {
				c := w.client().signIn("ana@example.com", delivery)
				old, session := c.again(), c.get("/auth/session").at("session", "id")
				w.pass(11 * time.Minute)
				if c.signedIn() {
					t.Fatal("the access token did not expire")
				}
				a := c.renew().is(200).private()
				if a.at("session", "id") != session || a.at("session", "current") != true {
					t.Errorf("%s", a.text)
				}
				if c.get("/auth/session").at("session", "id") != session {
					t.Error("the new access token is not of the session")
				}
				if delivery == "bearer" {
					if a.at("tokens", "expires_in") != 600.0 || c.refresh == old.refresh || c.bearer == old.bearer || len(a.header["Set-Cookie"]) > 0 {
						t.Errorf("%v %s", a.header, a.text)
					}
					return
				}
				names, _ := a.set()
				if a.at("tokens") != nil || !slices.Equal(names, allCookies) || c.cookies["refresh"] == old.cookies["refresh"] || c.cookies["session"] == old.cookies["session"] {
					t.Errorf("S70: %v %s", a.header, a.text)
				}
				if strings.Contains(a.text, c.cookies["refresh"]) || strings.Contains(a.text, c.cookies["session"]) {
					t.Errorf("S70: a script can read a token: %s", a.text)
				}
			})
		}
		t.Run("S147 nothing to refresh with", func(t *testing.T) {
			for _, body := range []string{"", "{}", `{"refresh_token":""}`} {
				a := w.client().post("/auth/refresh", body).fails(401, "refresh_token_missing").private()
				if a.header.Get("WWW-Authenticate") != "Bearer" || len(a.header["Set-Cookie"]) > 0 {
					t.Errorf("headers %v", a.header)
				}
				w.client().signIn("ana@example.com", "cookie").post("/auth/refresh", body).is(200)
			}
			app := w.client().signIn("ana@example.com", "bearer")
			app.post("/auth/refresh", "").fails(401, "refresh_token_missing") // an access token is none
		})
		t.Run("S148 unknown by cookie: the cookies are cleared in that very response", func(t *testing.T) {
			c := w.client()
			c.cookies["session"], c.cookies["refresh"] = "eyJjunk", "crr_"+strings.Repeat("A", 67)
			a := c.post("/auth/refresh", "").fails(401, "invalid_refresh_token")
			names, lines := a.set()
			if !slices.Equal(names, allCookies) {
				t.Errorf("cleared %q", names)
			}
			for name, k := range lines {
				if k.MaxAge >= 0 || k.Value != "" || !k.HttpOnly {
					t.Errorf("%s: %s", name, k.Raw)
				}
			}
			if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
				t.Errorf("WWW-Authenticate %q", got)
			}
		})
		t.Run("S148 unknown in the body", func(t *testing.T) {
			good := w.client().signIn("ana@example.com", "bearer").refresh
			for _, token := range []string{"junk", "crr_", good + "A", good[:len(good)-1], strings.ToUpper(good), " " + good} {
				a := w.client().post("/auth/refresh", `{"refresh_token":"`+token+`"}`).fails(401, "invalid_refresh_token")
				if len(a.header["Set-Cookie"]) > 0 {
					t.Errorf("cookies %q", a.header["Set-Cookie"])
				}
			}
			w.client().post("/auth/refresh", `{"refresh_token":7}`).blames("refresh_token", "wrong_type")
		})
		t.Run("S82 the body wins over the cookie", func(t *testing.T) {
			w.user("eve@example.com")
			page, app := w.client().signIn("ana@example.com", "cookie"), w.client().signIn("eve@example.com", "bearer")
			mixed := page.again()
			mixed.refresh = app.refresh
			a := mixed.renew().is(200)
			if len(a.header["Set-Cookie"]) > 0 || mixed.app().get("/auth/me").at("email") != "eve@example.com" {
				t.Errorf("%v %s", a.header, a.text)
			}
			// A bad body is not rescued by the cookie, and does it no harm.
			if a := page.post("/auth/refresh", `{"refresh_token":"junk"}`).fails(401, "invalid_refresh_token"); len(a.header["Set-Cookie"]) > 0 {
				t.Errorf("cookies %q", a.header["Set-Cookie"])
			}
			page.renew().is(200)
		})
		t.Run("S84 whatever became of the access cookie", func(t *testing.T) {
			for name, spoil := range map[string]func(c *client){
				"expired":         func(*client) { w.pass(11 * time.Minute) },
				"absent":          func(c *client) { delete(c.cookies, "session") },
				"empty":           func(c *client) { c.cookies["session"] = "" },
				"malformed":       func(c *client) { c.cookies["session"] = "junk" },
				"half of a JWT":   func(c *client) { c.cookies["session"] = c.cookies["session"][:99] },
				"a forged JWT":    func(c *client) { c.cookies["session"] += "A" },
				"a forged opaque": func(c *client) { c.cookies["session"] = "crs_" + strings.Repeat("A", 67) },
			} {
				c := w.client().signIn("ana@example.com", "cookie")
				session := c.get("/auth/session").at("session", "id")
				spoil(c)
				if a := c.renew(); a.status != 200 || a.at("session", "id") != session || c.get("/auth/session").at("session", "id") != session {
					t.Errorf("%s: %d %s", name, a.status, a.text)
				}
			}
		})
		t.Run("S83 the access cookie of another session: refused, and the session of the refresh token ended", func(t *testing.T) {
			victim, thief := w.client().signIn("ana@example.com", "cookie"), w.client().signIn("ana@example.com", "cookie")
			mixed := victim.again()
			mixed.cookies["refresh"] = thief.cookies["refresh"]
			a := mixed.post("/auth/refresh", "").fails(401, "refresh_token_mismatch")
			if w.told(cloakroom.RefreshMismatch) != 1 {
				t.Error("no alarm")
			}
			if names, _ := a.set(); !slices.Equal(names, []string{"refresh /auth/logout", "refresh /auth/refresh"}) {
				t.Errorf("cleared %q: the session cookie is good", names)
			}
			if thief.signedIn() || !victim.signedIn() {
				t.Error("the wrong session was ended")
			}
			thief.renew().fails(401, "invalid_refresh_token")
			victim.renew().is(200)
		})
		t.Run("S151 S152 many refreshes of one token at once get one successor", func(t *testing.T) {
			for _, delivery := range []string{"cookie", "bearer"} {
				c := w.client().signIn("ana@example.com", delivery)
				rotated := w.told(cloakroom.RefreshRotated)
				clients, answers := make([]*client, 50), make([]answer, 50)
				var all sync.WaitGroup
				for i := range clients {
					clients[i] = c.again()
					all.Go(func() { answers[i] = clients[i].renew() })
				}
				all.Wait()
				for i, a := range answers {
					a.is(200)
					if clients[i].refresh != clients[0].refresh || clients[i].cookies["refresh"] != clients[0].cookies["refresh"] {
						t.Fatal("two successors")
					}
				}
				if got := w.told(cloakroom.RefreshRotated) - rotated; got != 1 {
					t.Errorf("%d rotations", got)
				}
				for _, one := range []*client{clients[0], clients[49]} { // whichever answer a browser kept
					if !one.signedIn() {
						t.Error("signed out")
					}
				}
				clients[7].renew().is(200)
			}
			if w.told(cloakroom.RefreshReused) != 0 {
				t.Error("a theft was told")
			}
		})
		t.Run("S151 S158 a retry inside the grace, after the answer got lost", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", "bearer")
			lost, retry := c.again(), c.again()
			lost.renew().is(200)
			w.pass(29 * time.Second)
			retry.renew().is(200)
			if retry.refresh != lost.refresh || payload(t, retry.bearer)["jti"] != payload(t, lost.bearer)["jti"] || !retry.signedIn() {
				t.Error("another pair")
			}
			if w.told(cloakroom.RefreshReplayed) == 0 || w.told(cloakroom.RefreshReused) != 0 {
				t.Error("not told as it was")
			}
		})
		t.Run("S150 S153 a replay after the grace ends the session, durably, and no other", func(t *testing.T) {
			c, other := w.client().signIn("ana@example.com", "bearer"), w.client().signIn("ana@example.com", "bearer")
			thief := c.again()
			c.renew().is(200)
			w.pass(30 * time.Second)
			thief.renew().fails(401, "refresh_token_reused")
			if w.told(cloakroom.RefreshReused) != 1 {
				t.Error("no alarm")
			}
			if c.signedIn() {
				t.Error("the access token lives on")
			}
			c.renew().fails(401, "invalid_refresh_token")
			thief.renew().fails(401, "invalid_refresh_token")
			if w.told(cloakroom.RefreshReused) != 1 {
				t.Error("one theft was told twice")
			}
			if !other.signedIn() {
				t.Error("the other session was ended")
			}
			other.renew().is(200)
		})
	}, signed)
}

func TestRefreshOnTerms(t *testing.T) {
	w := open(t, signed)
	w.user("ana@example.com")
	for _, row := range []struct{ by, member, value, code string }{
		{"cookie", "delivery", "bearer", "not_allowed"}, {"cookie", "delivery", "both", "not_allowed"}, {"cookie", "delivery", "Cookie", "unknown_value"},
		{"bearer", "delivery", "cookie", "not_allowed"}, {"bearer", "delivery", "both", "not_allowed"}, {"bearer", "delivery", "header", "unknown_value"},
		{"cookie", "token", "opaque", "not_allowed"}, {"bearer", "token", "opaque", "not_allowed"}, {"bearer", "token", "jwt", "unknown_value"},
	} {
		t.Run("by "+row.by+" "+row.member+" "+row.value+" is refused, and nothing is exchanged", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", row.by)
			rotated, replayed := w.told(cloakroom.RefreshRotated), w.told(cloakroom.RefreshReplayed)
			a := c.renewOn(`"`+row.member+`":"`+row.value+`"`).blames(row.member, row.code).private()
			if len(a.header["Set-Cookie"]) > 0 {
				t.Errorf("cookies %q", a.header["Set-Cookie"])
			}
			if c.renew().is(200); w.told(cloakroom.RefreshRotated) != rotated+1 || w.told(cloakroom.RefreshReplayed) != replayed {
				t.Error("the token was exchanged before")
			}
			if !c.signedIn() {
				t.Error("signed out")
			}
		})
	}
	for _, by := range []string{"cookie", "bearer"} {
		t.Run("by "+by+" what is so anyway may be said", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", by)
			c.keep(c.renewOn(`"delivery":"` + by + `","token":"signed"`).is(200))
			c.keep(c.renewOn(`"delivery":"","token":""`).is(200))
			c.renew().is(200)
			if !c.signedIn() {
				t.Error("signed out")
			}
		})
	}
	t.Run("both are told at once, and with the wrong type too", func(t *testing.T) {
		c := w.client().signIn("ana@example.com", "cookie")
		c.renewOn(`"delivery":"x","token":"x"`).blames("delivery", "unknown_value").blames("token", "unknown_value")
		c.renewOn(`"delivery":1,"token":null`).blames("delivery", "wrong_type").blames("token", "wrong_type")
		w.client().renewOn(`"delivery":"cookie","token":"signed"`).fails(401, "refresh_token_missing")
	})
}

func TestRefreshIsNotLimited(t *testing.T) {
	w := open(t, signed)
	w.user("ana@example.com")
	c := w.client().signIn("ana@example.com", "bearer")
	for range 40 { // more often within the grace than a session remembers
		c.renew().is(200)
	}
	if !c.signedIn() {
		t.Error("signed out")
	}
}

func TestRefreshWithTwoAuthorizationHeaders(t *testing.T) {
	w := open(t, signed)
	w.user("ana@example.com")
	c := w.client().signIn("ana@example.com", "cookie")
	c.with("Authorization", "Bearer a").with("Authorization", "Bearer b").post("/auth/refresh", "").fails(400, "ambiguous_credentials")
	if w.told(cloakroom.RefreshRotated) != 0 {
		t.Error("the token was exchanged")
	}
}

func TestRefreshOfTheDead(t *testing.T) {
	ctx := context.Background()
	onEachStore(t, func(t *testing.T, w *world) {
		quiet := func(t *testing.T) {
			t.Helper()
			if w.told(cloakroom.RefreshReused) != 0 {
				t.Error("it was told as theft")
			}
		}
		t.Run("S149 unused for too long", func(t *testing.T) {
			w.user("idle@example.com")
			c, app := w.client().signIn("idle@example.com", "cookie"), w.client().signIn("idle@example.com", "bearer")
			w.pass(100 * time.Hour)
			if a := c.renew().fails(401, "invalid_refresh_token"); len(a.header["Set-Cookie"]) != 3 {
				t.Errorf("cookies %q, want all cleared", a.header["Set-Cookie"])
			}
			app.renew().fails(401, "invalid_refresh_token")
			quiet(t)
		})
		t.Run("S156 the absolute end, however often it is refreshed", func(t *testing.T) {
			w.user("busy@example.com")
			c := w.client().signIn("busy@example.com", "bearer")
			for range 2 {
				w.pass(99 * time.Hour)
				c.renew().is(200)
			}
			w.pass(2*time.Hour - time.Minute)
			if a := c.renew().is(200); a.at("tokens", "expires_in") != 60.0 {
				t.Errorf("the access token outlives the session: %s", a.text)
			}
			w.pass(time.Minute)
			c.renew().fails(401, "invalid_refresh_token")
			quiet(t)
		})
		t.Run("S154 a banned user, and one who is gone", func(t *testing.T) {
			banned, deleted := w.user("banned@example.com"), w.user("deleted@example.com")
			b, d := w.client().signIn("banned@example.com", "bearer"), w.client().signIn("deleted@example.com", "bearer")
			page := w.client().signIn("banned@example.com", "cookie")
			if err := w.auth.Users().Ban(ctx, banned); err != nil {
				t.Fatal(err)
			}
			if err := w.auth.Users().Delete(ctx, deleted); err != nil {
				t.Fatal(err)
			}
			if a := b.renew(); a.status != 403 && a.status != 401 {
				t.Errorf("banned: %d %s", a.status, a.text)
			}
			if a := page.renew(); a.status != 403 && a.status != 401 {
				t.Errorf("banned: %d %s", a.status, a.text)
			}
			d.renew().fails(401, "invalid_refresh_token")
			if b.get("/auth/me").status == 200 || d.signedIn() {
				t.Error("an access token is still good")
			}
			quiet(t)
		})
		t.Run("S155 a session that was ended from elsewhere", func(t *testing.T) {
			w.user("ana@example.com")
			one, two := w.client().signIn("ana@example.com", "bearer"), w.client().signIn("ana@example.com", "bearer")
			id := one.get("/auth/session").at("session", "id").(string)
			two.do("DELETE", "/auth/sessions/"+id, "").is(204)
			one.get("/auth/me").fails(401, "invalid_token")
			one.renew().fails(401, "invalid_refresh_token")
			two.renew().is(200)
			quiet(t)
		})
		t.Run("S118 a refresh token after the log-out is no theft", func(t *testing.T) {
			one, two := w.client().signIn("ana@example.com", "bearer"), w.client().signIn("ana@example.com", "bearer")
			before := one.again()
			one.renew().is(200)
			w.pass(time.Minute)
			one.post("/auth/logout", "").is(204)
			one.renew().fails(401, "invalid_refresh_token")
			before.renew().fails(401, "invalid_refresh_token") // exchanged long ago, of a session that is over
			if !two.signedIn() {
				t.Error("another session was ended")
			}
			two.renew().is(200)
			quiet(t)
		})
	}, signed, func(c *cloakroom.Config) {
		c.Session = cloakroom.Lifetime{Idle: 100 * time.Hour, Absolute: 200 * time.Hour}
	})
}

func TestRefreshAcrossSites(t *testing.T) {
	const page = "https://shop.example.com"
	w := open(t, signed, func(c *cloakroom.Config) { c.Origins = []string{page} })
	w.user("ana@example.com")
	c := w.client().signIn("ana@example.com", "cookie")
	t.Run("S221 S222 a page of another site cannot refresh by cookie, nor sign out, and nothing changes", func(t *testing.T) {
		for _, from := range []*client{
			c.with("Sec-Fetch-Site", "cross-site"), c.with("Sec-Fetch-Site", "same-site"),
			c.with("Origin", "https://evil.example"), c.with("Origin", "null"),
		} {
			for _, path := range []string{"/auth/refresh", "/auth/logout", "/auth/token"} {
				if a := from.post(path, "").fails(403, "cross_origin"); len(a.header["Set-Cookie"]) > 0 || a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: headers %v", path, a.header)
				}
			}
		}
		if w.told(cloakroom.RefreshRotated) != 0 {
			t.Error("the token was exchanged")
		}
		c.renew().is(200)
		if w.told(cloakroom.RefreshReplayed) != 0 || !c.signedIn() {
			t.Error("the token was exchanged before")
		}
	})
	t.Run("a form of another site cannot", func(t *testing.T) {
		c.doAs("application/x-www-form-urlencoded", "POST", "/auth/refresh", "refresh_token=x").fails(415, "unsupported_media_type")
	})
	t.Run("S85 a page of a listed origin can", func(t *testing.T) {
		listed := c.with("Origin", page).with("Sec-Fetch-Site", "cross-site")
		a := listed.post("/auth/refresh", "").is(200)
		if a.header.Get("Access-Control-Allow-Origin") != page || a.header.Get("Access-Control-Allow-Credentials") != "true" || !slices.Contains(a.header.Values("Vary"), "Origin") {
			t.Errorf("headers %v", a.header)
		}
		pre := w.client().with("Origin", page).with("Access-Control-Request-Method", "POST").do("OPTIONS", "/auth/refresh", "").is(204)
		if pre.header.Get("Access-Control-Allow-Origin") != page {
			t.Errorf("headers %v", pre.header)
		}
	})
	t.Run("S86 the preflight of any other gets nothing", func(t *testing.T) {
		for _, path := range []string{"/auth/refresh", "/auth/token", "/auth/introspect", "/auth/revocations"} {
			a := w.client().with("Origin", "https://evil.example").with("Access-Control-Request-Method", "POST").do("OPTIONS", path, "")
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s", path, name)
				}
			}
		}
	})
	t.Run("S224 a refresh token in the body is no ambient credential", func(t *testing.T) {
		app := w.client().signIn("ana@example.com", "bearer")
		foreign := app.with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example")
		foreign.renew().is(200)
	})
}
