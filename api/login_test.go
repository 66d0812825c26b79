package api_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

func TestLogin(t *testing.T) {
	w := open(t)
	id := w.user("ana@example.com")

	t.Run("S87 V12 V20 V23 V123 JSON login sets a cookie for a new session", func(t *testing.T) {
		c := w.client()
		guest := c.post("/auth/anonymous", "").is(201)
		before := c.again()
		a := c.login("ana@example.com", "").private()
		if a.at("session", "id") == guest.at("session", "id") || c.cookies["session"] == before.cookies["session"] {
			t.Error("the session or its token is the one from before the login")
		}
		if before.get("/auth/session").at("session") != nil {
			t.Error("V13: the guest's token still opens something")
		}
		line := a.cookie()
		for _, part := range []string{"Path=/", "HttpOnly", "SameSite=Lax"} {
			if !strings.Contains(line, part) {
				t.Errorf("cookie %q has no %s", line, part)
			}
		}
		if strings.Contains(line, "Max-Age") || strings.Contains(line, "Expires") || strings.Contains(line, "Secure") {
			t.Errorf("cookie %q: want one of the browser session, on plain loopback http", line)
		}
		if got := c.get("/auth/me").is(200).at("id"); got != id {
			t.Errorf("me is %v, want %s", got, id)
		}
	})

	t.Run("V13 a guest's token is dead after the login, used or not", func(t *testing.T) {
		c := w.client()
		c.post("/auth/anonymous", "").is(201)
		old := c.again()
		c.login("ana@example.com", "")
		old.get("/auth/me").fails(401, "invalid_token")
		if old.get("/auth/session").at("session") != nil {
			t.Error("the old token still opens something")
		}
	})

	t.Run("the result is the contract's", func(t *testing.T) {
		a := w.client().with("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").login("ana@example.com", "")
		session, user := a.at("session").(map[string]any), a.at("user").(map[string]any)
		for path, want := range map[string]any{
			"email": "ana@example.com", "email_verified": false, "name": "Ana", "created_at": "2026-01-01T00:00:00Z", "id": id,
		} {
			if user[path] != want {
				t.Errorf("user.%s is %v, want %v", path, user[path], want)
			}
		}
		if roles, ok := user["roles"].([]any); !ok || len(roles) != 0 {
			t.Errorf("roles are %v, want []", user["roles"])
		}
		for path, want := range map[string]any{
			"created_at": "2026-01-01T00:00:00Z", "authenticated_at": "2026-01-01T00:00:00Z", "last_seen_at": "2026-01-01T00:00:00Z",
			"expires_at": "2026-01-15T00:00:00Z", "anonymous": false, "current": true, "ip": "127.0.0.1", "device": "Firefox on Linux",
		} {
			if session[path] != want {
				t.Errorf("session.%s is %v, want %v", path, session[path], want)
			}
		}
		if a.at("status") != "signed_in" || a.at("session", "methods", 0) != "password" || !strings.HasPrefix(session["id"].(string), "ses_") {
			t.Errorf("result %s", a.text)
		}
	})

	t.Run("S70 no token in the body of a cookie login", func(t *testing.T) {
		c := w.client()
		a := c.login("ana@example.com", "")
		if a.at("tokens") != nil || strings.Contains(a.text, "crs_") || strings.Contains(a.text, c.cookies["session"]) {
			t.Errorf("a script could read the token: %s", a.text)
		}
	})

	t.Run("S98 unknown members are ignored", func(t *testing.T) {
		w.client().login("ana@example.com", `,"remember_me":"yes","x":{"y":[1,null]},"Delivery":7`)
	})

	t.Run("S101 V19 any spelling of the e-mail", func(t *testing.T) {
		if got := w.client().login("  ANA@Example.COM ", "").at("user", "id"); got != id {
			t.Errorf("signed in as %v", got)
		}
	})

	t.Run("S106 V58 switching to another user ends the first one's session here, not elsewhere", func(t *testing.T) {
		w.user("eve@example.com")
		elsewhere, here := w.client(), w.client()
		elsewhere.login("ana@example.com", "")
		here.login("ana@example.com", "")
		old := here.again()
		here.login("eve@example.com", "")
		if got := here.get("/auth/me").at("email"); got != "eve@example.com" {
			t.Errorf("signed in as %v", got)
		}
		if old.signedIn() {
			t.Error("the session of the first user lives on")
		}
		if !elsewhere.signedIn() {
			t.Error("the first user was signed out elsewhere")
		}
	})

	t.Run("V57 signing in again on one device leaves the other alone", func(t *testing.T) {
		one, two := w.client(), w.client()
		one.login("ana@example.com", "")
		two.login("ana@example.com", "")
		one.login("ana@example.com", "")
		if !one.signedIn() || !two.signedIn() {
			t.Error("a device was signed out")
		}
	})
}

func TestLoginRefusals(t *testing.T) {
	w := open(t)
	w.user("ana@example.com")
	gone := w.user("gone@example.com")
	if err := w.auth.Users().Delete(context.Background(), gone); err != nil {
		t.Fatal(err)
	}
	if _, err := w.auth.Users().Create(context.Background(), cloakroom.NewUser{Email: "sso@example.com"}); err != nil {
		t.Fatal(err)
	}
	wrong := func(c *client, email string) answer {
		return c.with(fixedRequest, "req_fixed").post("/auth/login", `{"email":"`+email+`","password":"not the password"}`)
	}
	reference := wrong(w.client(), "ana@example.com").fails(401, "invalid_credentials")
	reference.header.Del("Date")

	t.Run("S90 wrong password", func(t *testing.T) {
		if reference.cookie() != "" || reference.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("headers %v", reference.header)
		}
	})
	for name, email := range map[string]string{
		"S91 V10 unknown e-mail": "nobody@example.com", "S92 account without a password": "sso@example.com", "S93 deleted account": "gone@example.com",
	} {
		t.Run(name+", the same bytes as a wrong password after the same work", func(t *testing.T) {
			asked := w.asked.Load()
			a := wrong(w.client(), email)
			a.header.Del("Date")
			if a.status != reference.status || a.text != reference.text || fmt.Sprint(a.header) != fmt.Sprint(reference.header) {
				t.Errorf("got\n%d %v %s\nwant\n%d %v %s", a.status, a.header, a.text, reference.status, reference.header, reference.text)
			}
			if got := w.asked.Load() - asked; got != 1 {
				t.Errorf("the method was asked %d times, want once", got)
			}
		})
	}

	t.Run("V9 a failed login leaves the guest session as it was", func(t *testing.T) {
		c := w.client()
		guest := c.post("/auth/anonymous", "").is(201)
		if a := wrong(c.again(), "ana@example.com"); a.cookie() != "" {
			t.Errorf("cookie %q", a.cookie())
		}
		if got := c.get("/auth/session").at("session", "id"); got != guest.at("session", "id") {
			t.Errorf("session is %v now", got)
		}
	})

	t.Run("banned, but only told after the right password", func(t *testing.T) {
		id := w.user("banned@example.com")
		c := w.client()
		c.login("banned@example.com", "")
		if err := w.auth.Users().Ban(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		wrong(w.client(), "banned@example.com").fails(401, "invalid_credentials")
		w.client().post("/auth/login", `{"email":"banned@example.com","password":"`+password+`"}`).fails(403, "user_banned")
		if a := c.get("/auth/session").is(200); a.text != `{"session":null,"user":null}`+"\n" {
			t.Errorf("session of a banned user: %s", a.text)
		}
		c.get("/auth/me").fails(403, "user_banned")
	})

	t.Run("a limit is told before the method is asked", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.Limits.Pair = cloakroom.Rate{Max: 2, Window: time.Minute} })
		w.user("ana@example.com")
		wrong(w.client(), "ana@example.com").is(401)
		wrong(w.client(), "ANA@example.com").is(401)
		asked := w.asked.Load()
		a := wrong(w.client(), "ana@example.com").fails(429, "rate_limited")
		if a.header.Get("Retry-After") != "60" || a.header.Get("RateLimit") == "" || w.asked.Load() != asked {
			t.Errorf("headers %v, asked %d more times", a.header, w.asked.Load()-asked)
		}
	})
}

func TestDeliveryOfLogin(t *testing.T) {
	t.Run("V21 V22 remember", func(t *testing.T) {
		w := open(t)
		w.user("ana@example.com")
		c := w.client()
		if line := c.login("ana@example.com", `,"remember":true`).cookie(); !strings.Contains(line, "Max-Age=1209600") {
			t.Errorf("cookie %q, want 14 days", line)
		}
		w.pass(6 * 24 * time.Hour)
		if line := c.get("/auth/session").cookie(); line != "" {
			t.Errorf("cookie %q before half of its life", line)
		}
		w.pass(2 * 24 * time.Hour)
		if line := c.get("/auth/session").cookie(); !strings.Contains(line, "Max-Age=1209600") {
			t.Errorf("cookie %q past half of its life, want 14 days", line)
		}
	})

	t.Run("V24 over https the cookie is Secure and __Host-", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.BaseURL = "https://app.example.com" })
		w.user("ana@example.com")
		line := w.client().login("ana@example.com", "").cookie()
		if !strings.HasPrefix(line, "__Host-Http-session=crs_") || !strings.Contains(line, "Secure") || strings.Contains(line, "Domain") {
			t.Errorf("cookie %q", line)
		}
	})

	t.Run("S67 V49 bearer delivery sets no cookie at all", func(t *testing.T) {
		for _, allow := range [][]cloakroom.Delivery{{cloakroom.DeliverBearer}, nil} {
			w := open(t, func(c *cloakroom.Config) { c.Delivery.Allow = allow })
			w.user("ana@example.com")
			a := w.client().login("ana@example.com", `,"delivery":"bearer"`).private()
			if a.cookie() != "" {
				t.Errorf("cookie %q", a.cookie())
			}
			token, _ := a.at("tokens", "access_token").(string)
			if !strings.HasPrefix(token, "crs_") || a.at("tokens", "token_type") != "Bearer" || a.at("tokens", "expires_in") != float64(336*3600) {
				t.Errorf("tokens %v", a.at("tokens"))
			}
		}
	})

	t.Run("S69 S79 V45 both: one session by either carrier", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) {
			c.Delivery.Allow = []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth}
		})
		w.user("ana@example.com")
		browser, app := w.client(), w.client()
		a := browser.login("ana@example.com", `,"delivery":"both"`)
		app.bearer = a.at("tokens", "access_token").(string)
		one, two := browser.get("/auth/session").at("session", "id"), app.get("/auth/session").at("session", "id")
		if one == nil || one != two || one != a.at("session", "id") {
			t.Errorf("cookie has session %v, token %v", one, two)
		}
	})

	t.Run("what is not allowed names the field", func(t *testing.T) {
		w := open(t)
		w.user("ana@example.com")
		for _, path := range []string{"/auth/login", "/auth/signup", "/auth/anonymous"} {
			body := `{"email":"ana@example.com","password":"` + password + `",`
			w.client().post(path, body+`"delivery":"both"}`).blames("delivery", "not_allowed")
			w.client().post(path, body+`"delivery":"pigeon"}`).blames("delivery", "unknown_value")
			w.client().post(path, body+`"token":"paper"}`).blames("token", "unknown_value")
		}
	})

	t.Run("S77 V45 a response header carries the token when it is new, and only then", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) {
			c.Origins, c.Bearer.ResponseHeader = []string{"https://shop.example.com"}, "some-auth-token"
		})
		w.user("ana@example.com")
		c := w.client().with("Origin", "https://shop.example.com")
		for _, path := range []string{"/auth/anonymous", "/auth/login"} {
			a := c.post(path, `{"email":"ana@example.com","password":"`+password+`","delivery":"bearer"}`)
			token := a.header.Get("Some-Auth-Token")
			if token == "" || token != a.at("tokens", "access_token") || !exposes(a, "Some-Auth-Token") {
				t.Errorf("%s: headers %v", path, a.header)
			}
			c.bearer = token
			if c.get("/auth/session").at("session", "id") != a.at("session", "id") {
				t.Error("S78: the token from the header is not that of the session")
			}
		}
		if a := c.get("/auth/me").is(200); a.header.Get("Some-Auth-Token") != "" {
			t.Error("the token is sent again though it is not new")
		}
		t.Run("V43 a token sent in that header is ignored", func(t *testing.T) {
			w.client().with("Some-Auth-Token", c.bearer).get("/auth/me").fails(401, "unauthenticated")
		})
	})

	t.Run("a second factor is asked for with no session, cookie or token", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) { c.SecondFactors = []cloakroom.Method{second{plain{new(atomic.Int64)}}} })
		w.user("ana@example.com")
		w.enrolSecond("ana@example.com")
		a := w.client().login("ana@example.com", "").private()
		if a.at("status") != "challenge" || a.at("challenge", "next", 0) != "totp" || !strings.HasPrefix(a.at("challenge", "id").(string), "crt_") {
			t.Errorf("answer %s", a.text)
		}
		if a.cookie() != "" || a.at("session") != nil || a.at("tokens") != nil || w.told(cloakroom.SignedIn) != 0 {
			t.Errorf("half a sign-in gave something: %v %s", a.header, a.text)
		}
		w.client().with("Authorization", "Bearer "+a.at("challenge", "id").(string)).get("/auth/me").fails(401, "invalid_token")
	})
}

func TestUserLocation(t *testing.T) {
	const page = "https://shop.example.com"
	w := open(t, func(c *cloakroom.Config) { c.Origins = []string{page} })
	w.api = &api.API{Auth: w.auth, UserLocation: func(u *cloakroom.User) string { return "/users/" + u.ID }}
	id := w.user("ana@example.com")
	body := `{"email":"ana@example.com","password":"` + password + `"}`

	t.Run("S88 204 with the user's address", func(t *testing.T) {
		c := w.client()
		a := c.post("/auth/login", body).is(204).private()
		if a.header.Get("Location") != "/users/"+id || a.text != "" || !c.signedIn() {
			t.Errorf("headers %v, body %q", a.header, a.text)
		}
		if a.header.Get("Access-Control-Expose-Headers") != "" {
			t.Error("exposed to a page of no listed origin")
		}
	})
	t.Run("S89 exposed to listed origins", func(t *testing.T) {
		a := w.client().with("Origin", page).post("/auth/login", body).is(204)
		if !exposes(a, "Location") || a.header.Get("Access-Control-Allow-Origin") != page {
			t.Errorf("headers %v", a.header)
		}
	})
	t.Run("tokens still have their body", func(t *testing.T) {
		a := w.client().post("/auth/login", strings.TrimSuffix(body, "}")+`,"delivery":"bearer"}`).is(200)
		if a.header.Get("Location") == "" || a.at("tokens", "access_token") == nil {
			t.Errorf("%v %s", a.header, a.text)
		}
	})
	t.Run("another prefix", func(t *testing.T) {
		other := &api.API{Auth: w.auth, Prefix: "/v1/account/"}
		rec := record(other, "GET", "/v1/account/session")
		if rec.Code != 200 || record(other, "GET", "/auth/session").Code != 404 {
			t.Errorf("status %d below the prefix", rec.Code)
		}
	})
}
