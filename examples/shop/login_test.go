package main

import (
	"context"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

func TestLogin(t *testing.T) {
	t.Run("V10 an unknown user and a wrong password are answered with the same bytes", func(t *testing.T) {
		shop := start(t, settings{})
		shop.user("ana@example.com")
		wrong := shop.client().refused("INVALID_CREDENTIALS", loginWith("ana@example.com", "wrong"))
		unknown := shop.client().refused("INVALID_CREDENTIALS", loginWith("bob@example.com", "wrong"))
		if wrong.body != unknown.body || wrong.status != unknown.status {
			t.Errorf("%d %s\n%d %s", wrong.status, wrong.body, unknown.status, unknown.body)
		}
		wrong.header.Del("Date")
		unknown.header.Del("Date")
		for name := range wrong.header {
			if wrong.header.Get(name) != unknown.header.Get(name) {
				t.Errorf("%s: %q and %q", name, wrong.header.Get(name), unknown.header.Get(name))
			}
		}
	})
	t.Run("V11 one hash each: a wrong password, an unknown user, an account without a password", func(t *testing.T) {
		pool, err := password.NewPool(password.PoolConfig{})
		if err != nil {
			t.Fatal(err)
		}
		shop := start(t, settings{methods: []cloakroom.Method{password.Method{Pool: pool}}})
		shop.user("ana@example.com")
		if _, err := shop.auth.Users().Create(context.Background(), cloakroom.NewUser{Email: "sso@example.com"}); err != nil {
			t.Fatal(err)
		}
		for _, email := range []string{"ana@example.com", "unknown@example.com", "sso@example.com"} {
			before := pool.Stats().Done
			shop.client().refused("INVALID_CREDENTIALS", loginWith(email, "wrong"))
			if n := pool.Stats().Done - before; n != 1 {
				t.Errorf("%s: %d hashes", email, n)
			}
		}
	})
	t.Run("V12 a guest who signs in has a new token, and is told who it is", func(t *testing.T) {
		shop := start(t, settings{})
		ana := shop.user("ana@example.com")
		c := shop.client()
		c.add(1, 1)
		guest := c.token
		a := c.login("ana@example.com")
		if want := `{"id":"` + ana.ID + `","email":"ana@example.com"}`; string(a.Data["login"]) != want {
			t.Errorf("got %s, want %s", a.Data["login"], want)
		}
		if c.token == guest || a.header.Get(tokenHeader) == "" {
			t.Error("no new token")
		}
		if me := string(c.ask(`{ me { email } }`).Data["me"]); !strings.Contains(me, "ana@example.com") {
			t.Errorf("I am %s", me)
		}
	})
	for name, query := range map[string]string{"with data": `mutation { addItem(productId: 1, quantity: 1) { total } }`, "without data": `{ cart { total } }`} {
		t.Run("V13 the guest's token is refused after the login, "+name, func(t *testing.T) {
			shop := start(t, settings{beginOnRead: true})
			shop.user("ana@example.com")
			c := shop.client()
			c.ask(query)
			guest := c.token
			c.login("ana@example.com")
			signedIn := c.token

			c.token = guest
			if a := c.refused("UNAUTHENTICATED", `{ me { email } }`); !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
				t.Errorf("WWW-Authenticate: %q", a.header.Get("WWW-Authenticate"))
			}
			// What needs a session gets none within the first minute: the request is late, and its sender has the token
			// of the login by now, in whose place that of a new guest would step.
			if a := c.refused("UNAVAILABLE", `mutation { addItem(productId: 3, quantity: 1) { total } }`); a.header.Get(tokenHeader) != "" {
				t.Error("a late request was given a token")
			}
			c.token = signedIn
			if a := c.ask(`{ cart { lines { product { id } } } }`); strings.Contains(a.body, `"3"`) {
				t.Errorf("the item of the late request is in the cart: %s", a.body)
			}
		})
	}
	t.Run("V19 capitals and spaces around are the same account", func(t *testing.T) {
		shop := start(t, settings{})
		ana := shop.user("ana@example.com")
		for _, spelling := range []string{"ANA@example.com", "  Ana@Example.COM "} {
			if a := shop.client().login(spelling); !strings.Contains(string(a.Data["login"]), ana.ID) {
				t.Errorf("%q is %s", spelling, a.Data["login"])
			}
		}
		shop.client().refused("EMAIL_TAKEN", `mutation { register(email: " ANA@example.com", password: "correct horse battery") { id } }`)
	})
	t.Run("V20 not remembered: the cookie ends with the browser", func(t *testing.T) {
		shop := start(t, settings{delivery: cloakroom.DeliverCookie})
		shop.user("ana@example.com")
		set := shop.client().login("ana@example.com").header.Values("Set-Cookie")
		if len(set) != 1 || !strings.Contains(set[0], "HttpOnly") || strings.Contains(set[0], "Max-Age") || strings.Contains(set[0], "Expires") {
			t.Errorf("Set-Cookie: %v", set)
		}
	})
	t.Run("V21 remembered: the cookie lives as long as the session", func(t *testing.T) {
		shop := start(t, settings{delivery: cloakroom.DeliverCookie})
		shop.user("ana@example.com")
		set := shop.client().ask(`mutation { login(email: "ana@example.com", password: "` + authtest.Secret + `", rememberMe: true) { id } }`).header.Values("Set-Cookie")
		if len(set) != 1 || !strings.Contains(set[0], "Max-Age=1209600;") { // 14 days, the default of Lifetime.Idle
			t.Errorf("Set-Cookie: %v", set)
		}
	})
	t.Run("guessing is limited", func(t *testing.T) {
		shop := start(t, settings{})
		c := shop.client()
		for range 10 {
			c.refused("INVALID_CREDENTIALS", loginWith("ana@example.com", "wrong"))
		}
		a := c.refused("RATE_LIMITED", loginWith("ana@example.com", "wrong"))
		if after, _ := a.Errors[0].Extensions["retryAfter"].(float64); after < 1 || after > 900 {
			t.Errorf("again in %v seconds", a.Errors[0].Extensions["retryAfter"])
		}
	})
}

func TestRegister(t *testing.T) {
	shop := start(t, settings{})
	c := shop.client()
	c.add(2, 1)
	a := c.refused("BAD_USER_INPUT", `mutation { register(email: "nobody", password: "x") { id } }`)
	if fields, _ := a.Errors[0].Extensions["fields"].([]any); len(fields) == 0 {
		t.Errorf("no fields: %s", a.body)
	}
	c.ask(`mutation { register(email: "bob@example.com", password: "correct horse battery") { id } }`).carries(t, true, false)
	c.holds("2x1")
	signedIn := c.token
	c.ask(`mutation { logout }`).carries(t, false, false)
	c.token = signedIn
	c.refused("UNAUTHENTICATED", `{ me { email } }`)
	c.ask(`mutation { logout }`) // twice is no error
}
