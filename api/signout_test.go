package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestBothCarriersRefreshByThemselves(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		w.user("ana@example.com")
		both := w.client().signIn("ana@example.com", "both")
		page, app := both.page(), both.app()
		session := page.get("/auth/session").at("session", "id")
		if app.get("/auth/session").at("session", "id") != session {
			t.Fatal("two sessions")
		}
		alive := func(c *client) {
			t.Helper()
			if c.get("/auth/session").at("session", "id") != session {
				t.Error("signed out")
			}
		}
		for range 4 { // the page three times as often as the app
			for range 3 {
				w.pass(11 * time.Minute)
				page.renew().is(200)
				alive(page)
			}
			app.renew().is(200)
			alive(app)
			alive(page)
		}
		if w.told(cloakroom.RefreshReused)+w.told(cloakroom.RefreshMismatch)+w.told(cloakroom.RefreshReplayed) != 0 {
			t.Error("it was not told as plain refreshing")
		}
		t.Run("a log-out of the one ends the other", func(t *testing.T) {
			page.post("/auth/logout", "").is(204)
			app.get("/auth/me").fails(401, "invalid_token")
			app.renew().fails(401, "invalid_refresh_token")
		})
	}, signed)
}

func TestSignedLogout(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		w.user("ana@example.com")
		t.Run("S114 by bearer: refresh and access are refused afterwards", func(t *testing.T) {
			for name, out := range map[string]func(c *client) answer{
				"the access token":  func(c *client) answer { return c.post("/auth/logout", "") },
				"the refresh token": func(c *client) answer { return w.client().post("/auth/logout", `{"refresh_token":"`+c.refresh+`"}`) },
				"both": func(c *client) answer {
					return c.post("/auth/logout", `{"scope":"this","refresh_token":"`+c.refresh+`"}`)
				},
			} {
				c, other := w.client().signIn("ana@example.com", "bearer"), w.client().signIn("ana@example.com", "bearer")
				before := w.told(cloakroom.SignedOut)
				if a := out(c).is(204).private(); len(a.header["Set-Cookie"]) > 0 || a.text != "" {
					t.Errorf("%s: %v %q", name, a.header, a.text)
				}
				c.get("/auth/me").fails(401, "invalid_token")
				c.renew().fails(401, "invalid_refresh_token")
				if got := w.told(cloakroom.SignedOut) - before; got != 1 || !other.signedIn() {
					t.Errorf("%s: told %d times, the other session lives: %v", name, got, other.signedIn())
				}
			}
		})
		t.Run("an access token that has expired still ends its session", func(t *testing.T) {
			for _, delivery := range []string{"cookie", "bearer"} {
				c := w.client().signIn("ana@example.com", delivery)
				old := c.again()
				if delivery == "cookie" {
					delete(c.cookies, "refresh") // by the access cookie alone
				}
				w.pass(time.Hour)
				c.post("/auth/logout", "").is(204)
				old.renew().fails(401, "invalid_refresh_token")
			}
		})
		t.Run("S113 by cookie: every cookie is cleared", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", "cookie")
			old := c.again()
			names, lines := c.post("/auth/logout", "").is(204).set()
			if !slices.Equal(names, allCookies) {
				t.Errorf("cleared %q", names)
			}
			for name, k := range lines {
				if k.MaxAge >= 0 || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode {
					t.Errorf("%s: %s", name, k.Raw)
				}
			}
			if old.signedIn() {
				t.Error("the access token lives on")
			}
			old.renew().fails(401, "invalid_refresh_token")
		})
		t.Run("the refresh cookie alone ends its session", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", "cookie")
			old := c.again()
			delete(c.cookies, "session")
			c.post("/auth/logout", "").is(204)
			if old.signedIn() {
				t.Error("the session lives on")
			}
		})
		t.Run("all of them, by one", func(t *testing.T) {
			one, two := w.client().signIn("ana@example.com", "bearer"), w.client().signIn("ana@example.com", "cookie")
			one.post("/auth/logout", `{"scope":"all"}`).is(204)
			for _, c := range []*client{one, two} {
				if c.signedIn() {
					t.Error("a session lives on")
				}
				c.renew().is(401)
			}
		})
		t.Run("what is none ends nothing and tells nothing", func(t *testing.T) {
			c := w.client().signIn("ana@example.com", "bearer")
			for _, token := range []string{"junk", "", c.bearer, c.refresh + "A"} {
				w.client().post("/auth/logout", `{"refresh_token":"`+token+`"}`).is(204)
			}
			w.client().post("/auth/logout", `{"refresh_token":null}`).blames("refresh_token", "wrong_type")
			w.client().post("/auth/logout", `{"scope":"none","refresh_token":"`+c.refresh+`"}`).blames("scope", "unknown_value")
			if !c.signedIn() {
				t.Error("the session was ended")
			}
		})
	}, signed)
}

// A token whose session was replaced by a sign-in is dead like any other, also within the minute in which it is remembered.
func TestSignOutBySuperseded(t *testing.T) {
	onEachStore(t, func(t *testing.T, w *world) {
		w.user("ana@example.com")
		// replaced is a client before and after the sign-in that took its session's place.
		replaced := func(t *testing.T, delivery string) (old, c *client) {
			t.Helper()
			c = w.client()
			c.keep(c.post("/auth/anonymous", `{"token":"signed","delivery":"`+delivery+`"}`).is(201))
			old = c.again()
			c.signIn("ana@example.com", delivery)
			return old, c
		}
		t.Run("by bearer, or by its refresh token in the body", func(t *testing.T) {
			old, c := replaced(t, "bearer")
			for range 2 {
				for _, a := range []answer{
					old.post("/auth/logout", ""),
					w.client().post("/auth/logout", `{"refresh_token":"`+old.refresh+`"}`),
					old.post("/auth/logout", `{"refresh_token":"`+old.refresh+`"}`),
				} {
					if a.is(204).private(); len(a.header["Set-Cookie"]) > 0 {
						t.Errorf("cookies %q", a.header["Set-Cookie"])
					}
				}
			}
			if !c.signedIn() {
				t.Error("the session that took its place was ended")
			}
			c.renew().is(200)
		})
		t.Run("by cookie: cleared", func(t *testing.T) {
			for name, drop := range map[string]string{"both cookies": "", "the access cookie": "refresh", "the refresh cookie": "session"} {
				old, c := replaced(t, "cookie")
				delete(old.cookies, drop)
				if names, _ := old.post("/auth/logout", "").is(204).private().set(); !slices.Equal(names, allCookies) || len(old.cookies) > 0 {
					t.Errorf("%s: cleared %q, left %v", name, names, old.cookies)
				}
				if !c.signedIn() {
					t.Errorf("%s: the session that took its place was ended", name)
				}
			}
		})
		t.Run("a live session of the same jar is ended too", func(t *testing.T) {
			for name, mix := range map[string]func(old, c *client) (jar *client, body string){
				"the live one by its access cookie": func(old, c *client) (*client, string) {
					jar := c.again()
					jar.cookies["refresh"] = old.cookies["refresh"]
					return jar, ""
				},
				"the live one by its refresh cookie": func(old, c *client) (*client, string) {
					jar := c.again()
					jar.cookies["session"] = old.cookies["session"]
					return jar, ""
				},
				"the dead one in the body": func(old, c *client) (*client, string) {
					return c.again(), `{"refresh_token":"` + old.cookies["refresh"] + `"}`
				},
			} {
				old, c := replaced(t, "cookie")
				before := w.told(cloakroom.SignedOut)
				jar, body := mix(old, c)
				if names, _ := jar.post("/auth/logout", body).is(204).set(); !slices.Equal(names, allCookies) {
					t.Errorf("%s: cleared %q", name, names)
				}
				if c.signedIn() || w.told(cloakroom.SignedOut) != before+1 {
					t.Errorf("%s: it lives on", name)
				}
				c.renew().fails(401, "invalid_refresh_token")
			}
		})
		t.Run("a signed guest signs in for an opaque token: no stale refresh cookie stays, and the log-out is one", func(t *testing.T) {
			c := w.client()
			c.post("/auth/anonymous", `{"token":"signed"}`).is(201)
			guest := c.again()
			names, lines := c.login("ana@example.com", `,"token":"opaque"`).set()
			if !slices.Equal(names, allCookies) || lines["session /"].MaxAge < 0 || lines["refresh /auth/refresh"].MaxAge >= 0 || lines["refresh /auth/logout"].MaxAge >= 0 {
				t.Errorf("cookies %v", lines)
			}
			if _, kept := c.cookies["refresh"]; kept || !c.signedIn() {
				t.Errorf("cookies %v", c.cookies)
			}
			jar := c.again()
			jar.cookies["refresh"] = guest.cookies["refresh"] // of a browser that missed the clearing
			if names, _ := jar.post("/auth/logout", "").is(204).set(); !slices.Equal(names, allCookies) {
				t.Errorf("cleared %q", names)
			}
			if c.signedIn() || len(jar.cookies) > 0 {
				t.Error("still signed in")
			}
		})
		t.Run("a superseded bearer token does not keep anybody from beginning anew", func(t *testing.T) {
			old, c := replaced(t, "bearer")
			a := old.keep(old.post("/auth/anonymous", `{"token":"signed"}`).is(201))
			if a.at("session", "anonymous") != true || old.get("/auth/session").at("session", "id") != a.at("session", "id") {
				t.Errorf("%s", a.text)
			}
			if !c.signedIn() {
				t.Error("the session that took its place was ended")
			}
		})
	}, signed)
}
