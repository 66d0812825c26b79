package api_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

func TestCarriers(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")
	w.user("eve@example.com")
	cookie := w.client()
	cookie.login("ana@example.com", "")
	bearer := w.client().bearing("eve@example.com")
	both := cookie.again()
	both.bearer = bearer.bearer
	who := func(c *client) any { return c.get("/auth/me").is(200).at("email") }

	t.Run("S71 V46 two good credentials: the bearer decides", func(t *testing.T) {
		if got := who(both); got != "eve@example.com" {
			t.Errorf("signed in as %v", got)
		}
	})
	t.Run("S72 V47 a bad bearer is not rescued by a good cookie", func(t *testing.T) {
		c := cookie.again()
		c.bearer = "crs_bad"
		a := c.get("/auth/me").fails(401, "invalid_token")
		if a.cookie() != "" || !cookie.signedIn() {
			t.Errorf("the cookie was touched: %q", a.cookie())
		}
	})
	t.Run("V47 V48 a bad cookie beside a good bearer is not even read, and the bearer stays", func(t *testing.T) {
		c := bearer.again()
		c.cookies["session"] = "junk"
		a := c.get("/auth/me").is(200)
		if a.cookie() != "" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("headers %v", a.header)
		}
	})
	t.Run("S73 another scheme is not ours: the cookie counts", func(t *testing.T) {
		if got := who(cookie.with("Authorization", "Basic c3RhZ2luZzpwYXNz")); got != "ana@example.com" {
			t.Errorf("signed in as %v", got)
		}
	})
	for _, spelt := range []string{"bearer ", "bEaReR ", "Bearer   "} {
		t.Run("S74 V40 the scheme in any case: "+spelt, func(t *testing.T) {
			if got := who(w.client().with("Authorization", spelt+bearer.bearer+" ")); got != "eve@example.com" {
				t.Errorf("signed in as %v", got)
			}
		})
	}
	t.Run("S75 V41 an empty or bare token", func(t *testing.T) {
		w.client().with("Authorization", "Bearer ").get("/auth/me").fails(401, "invalid_token")
		w.client().with("Authorization", "Bearer").get("/auth/me").fails(401, "invalid_token")
		w.client().with("Authorization", bearer.bearer).get("/auth/me").fails(401, "unauthenticated")
		w.client().with("Authorization", "Basic "+bearer.bearer).get("/auth/me").fails(401, "unauthenticated")
	})
	t.Run("S75 two Authorization headers smuggle nothing", func(t *testing.T) {
		c := w.client().with("Authorization", "Bearer "+bearer.bearer).with("Authorization", "Bearer other")
		c.get("/auth/me").fails(400, "ambiguous_credentials")
		c.get("/auth/session").fails(400, "ambiguous_credentials")
		c.post("/auth/logout", "").fails(400, "ambiguous_credentials")
		if !bearer.signedIn() {
			t.Error("the session was ended")
		}
	})
	t.Run("S76 a token in the address is never read", func(t *testing.T) {
		for _, name := range []string{"access_token", "token", "session"} {
			w.client().get("/auth/me?"+name+"="+bearer.bearer).fails(401, "unauthenticated")
		}
	})
	t.Run("S80 V2 V51 S130 401 says what to do", func(t *testing.T) {
		a := w.client().get("/auth/me").fails(401, "unauthenticated").private()
		if a.header.Get("WWW-Authenticate") != "Bearer" || a.cookie() != "" || w.told(cloakroom.GuestBegan) != 0 {
			t.Errorf("no token: %v", a.header)
		}
		a = w.client().with("Authorization", "Bearer crs_dead").get("/auth/me").fails(401, "invalid_token").private()
		if got := a.header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != `Bearer error="invalid_token"` {
			t.Errorf("dead token: %q", got)
		}
	})
	t.Run("V50 a dead bearer on a public route: success and a signal", func(t *testing.T) {
		a := w.client().with("Authorization", "Bearer crs_dead").get("/auth/session").is(200).private()
		if a.text != `{"session":null,"user":null}`+"\n" || a.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
			t.Errorf("%v %s", a.header, a.text)
		}
	})
	t.Run("V42 what cannot be a token never reaches the store", func(t *testing.T) {
		before := w.store.lookups.Load()
		for _, token := range []string{strings.Repeat("a", 2000), "crs_" + strings.Repeat("a", 3000), "crs_ü", "crs_a b", bearer.bearer + "A", strings.ToUpper(bearer.bearer)} {
			w.client().with("Authorization", "Bearer "+token).get("/auth/me").fails(401, "invalid_token")
		}
		if got := w.store.lookups.Load() - before; got != 0 {
			t.Errorf("the store was asked %d times", got)
		}
	})
	t.Run("S68 a cookie where only bearers are allowed, and the other way round", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.Delivery.Allow = []cloakroom.Delivery{cloakroom.DeliverBearer} })
		w.user("ana@example.com")
		app := w.client().bearing("ana@example.com")
		browser := w.client()
		browser.cookies["session"] = app.bearer
		browser.get("/auth/me").fails(401, "unauthenticated")

		w = open(t, func(c *cloakroom.Config) { c.Delivery.Allow = []cloakroom.Delivery{cloakroom.DeliverCookie} })
		w.user("ana@example.com")
		browser = w.client()
		browser.login("ana@example.com", "")
		app = w.client()
		app.bearer = browser.cookies["session"]
		if app.signedIn() {
			t.Error("a bearer was accepted where only cookies are allowed")
		}
	})
	t.Run("V49 who comes with a bearer is answered with one, good or dead", func(t *testing.T) {
		for _, c := range []*client{bearer.again(), w.client().with("Authorization", "Bearer crs_dead")} {
			if a := c.login("eve@example.com", ""); a.cookie() != "" || a.at("tokens", "access_token") == nil {
				t.Errorf("%v %s", a.header, a.text)
			}
		}
		bearer.bearing("eve@example.com") // its session was replaced
		if a := w.client().with("Authorization", "Bearer crs_dead").post("/auth/anonymous", "").is(201); a.cookie() != "" || a.at("tokens") == nil {
			t.Errorf("V52: %v %s", a.header, a.text)
		}
	})
	t.Run("who comes with a bearer gets no cookie, whatever is asked for: the CSRF rule does not hold there", func(t *testing.T) {
		credentials := `{"email":"eve@example.com","password":"` + password + `","delivery":"cookie"}`
		for _, path := range []string{"/auth/login", "/auth/signup", "/auth/anonymous"} {
			c := w.client().with("Authorization", "Bearer junk").with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example")
			if a := c.post(path, credentials).blames("delivery", "not_allowed"); a.cookie() != "" {
				t.Errorf("%s: %q", path, a.cookie())
			}
		}
	})
	t.Run("S81 V123 what carries or depends on a credential is not kept", func(t *testing.T) {
		cookie.get("/auth/me").private()
		cookie.get("/auth/session").private()
		cookie.get("/auth/sessions").private()
		w.client().login("ana@example.com", `,"delivery":"bearer"`).private()
		w.client().get("/auth/session").private()
	})
	t.Run("S129 S131 me is the user, and nothing else", func(t *testing.T) {
		w.user("ed@example.com", "editor", "author")
		c := w.client()
		c.login("ed@example.com", "")
		in := c.get("/auth/session").str("session", "id")
		me := c.get("/auth/me").is(200).at().(map[string]any)
		if len(me) != 8 || me["session_id"] != in || me["mfa_enabled"] != false || me["email"] != "ed@example.com" || me["email_verified"] != false || me["name"] != "Ana" || len(me["roles"].([]any)) != 2 {
			t.Errorf("me %v", me)
		}
	})
}
