package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// byMail begins a sign-in by mail.
func (c *client) byMail(email string) (challenge, number string) {
	c.w.t.Helper()
	a := c.post("/auth/mailcode", body("email", email)).is(202).private()
	return a.str("challenge", "id"), a.str("number")
}

func (c *client) opens(pairs ...any) answer {
	c.w.t.Helper()
	return c.post("/auth/mailcode/verify", body(pairs...))
}

func TestMailCode(t *testing.T) {
	t.Run("S181 known, unknown, banned: one answer", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		if err := h.auth.Users().Ban(t.Context(), h.resident("banned@example.com")); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, email := range []string{"ana@example.com", "nobody@example.com", "banned@example.com"} {
			a := h.client().post("/auth/mailcode", body("email", email)).is(202)
			seen[a.unnamed(a.str("challenge", "id"), `"number":"`+a.str("number")+`"`)] = true
		}
		if len(seen) != 1 {
			t.Errorf("%v", seen)
		}
		h.outbox.WaitFor(t, "ana@example.com", "mailcode")
		h.nothingMailed("nobody@example.com", "mailcode")
		h.nothingMailed("banned@example.com", "mailcode")
		t.Run("and nothing opens what has no account", func(t *testing.T) {
			c := h.client()
			challenge, _ := c.byMail("nobody@example.com")
			c.opens("challenge", challenge, "code", "00000000").fails(401, "invalid_credentials")
			c.opens("challenge", challenge).is(202)
		})
	})
	t.Run("the code, typed where it was asked for", func(t *testing.T) {
		h := home(t)
		h.user("ana@example.com")
		c := h.client()
		challenge, _ := c.byMail("ana@example.com")
		code := authtest.Code(h.outbox.WaitFor(t, "ana@example.com", "mailcode"))
		a := c.opens("challenge", challenge, "code", code[:4]+" "+code[4:]).is(200).private()
		if a.str("status") != "signed_in" || a.strings("session", "methods")[0] != "mail_code" || a.at("user", "email_verified") != true || !c.signedIn() {
			t.Errorf("%s", a.text)
		}
		t.Run("S183 is good once", func(t *testing.T) {
			c.opens("challenge", challenge, "code", code).fails(401, "invalid_challenge")
		})
	})
	t.Run("the link, opened where it was asked for, and S183 used", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		c := h.client()
		challenge, _ := c.byMail("ana@example.com")
		token := h.link("ana@example.com", "mailcode")
		c.opens("challenge", challenge, "token", token).is(200)
		if !c.signedIn() {
			t.Error("not signed in")
		}
		h.client().opens("token", token).fails(410, "invalid_link")
	})
	t.Run("the link, opened elsewhere: the number is asked for, and the asking browser goes on", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		c, phone := h.client(), h.client()
		challenge, number := c.byMail("ana@example.com")
		token := h.link("ana@example.com", "mailcode")
		c.opens("challenge", challenge).is(202)
		choose := phone.opens("token", token).is(200)
		if numbers := choose.strings("numbers"); choose.str("status") != "choose" || len(numbers) != 3 || !slices.Contains(numbers, number) {
			t.Errorf("%s", choose.text)
		}
		if again := phone.opens("token", token).is(200); again.text != choose.text {
			t.Errorf("asked again: %s", again.text)
		}
		if got := phone.opens("token", token, "number", number).is(200).str("status"); got != "approved" {
			t.Errorf("status %s", got)
		}
		if phone.signedIn() || len(phone.cookies) != 0 {
			t.Error("the browser that opened the link is signed in")
		}
		if got := c.opens("challenge", challenge).is(200).str("status"); got != "signed_in" || !c.signedIn() {
			t.Errorf("status %s", got)
		}
		phone.opens("token", token, "number", number).fails(410, "invalid_link")
	})
	t.Run("a wrong number ends it for both", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		c, phone := h.client(), h.client()
		challenge, number := c.byMail("ana@example.com")
		mail := h.outbox.WaitFor(t, "ana@example.com", "mailcode")
		phone.opens("token", tokenOf(t, mail), "number", wrong(number)).fails(400, "wrong_answer")
		phone.opens("token", tokenOf(t, mail), "number", number).fails(410, "invalid_link")
		c.opens("challenge", challenge).fails(401, "invalid_challenge")
		c.opens("challenge", challenge, "code", authtest.Code(mail)).fails(401, "invalid_challenge")
	})
	t.Run("S183 expired and replaced", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		c := h.client()
		first, _ := c.byMail("ana@example.com")
		old := h.outbox.WaitFor(t, "ana@example.com", "mailcode")
		h.pass(2 * time.Minute)
		second, _ := c.byMail("ana@example.com")
		late := h.outbox.WaitFor(t, "ana@example.com", "mailcode")
		c.opens("challenge", second, "code", authtest.Code(old)).fails(401, "invalid_credentials")
		c.opens("challenge", first, "token", tokenOf(t, old)).fails(410, "invalid_link")
		h.pass(10 * time.Minute)
		c.opens("challenge", second, "code", authtest.Code(late)).fails(401, "invalid_challenge")
		h.client().opens("token", tokenOf(t, late)).is(410)
	})
	t.Run("S184 S190 who has a second factor is asked for it, by code and by link", func(t *testing.T) {
		h := home(t)
		g, _ := h.newcomer("ana@example.com").enrol()
		for range 2 {
			c := h.client()
			challenge, _ := c.byMail("ana@example.com")
			mail := h.outbox.WaitFor(t, "ana@example.com", "mailcode")
			proof := []any{"challenge", challenge, "code", authtest.Code(mail)}
			if h.mails("ana@example.com", "mailcode") == 2 {
				proof = []any{"challenge", challenge, "token", tokenOf(t, mail)}
			}
			next := c.opens(proof...).challenged("totp", "recovery_code")
			if c.signedIn() || len(c.cookies) != 0 {
				t.Error("a session without the second factor")
			}
			c.verify(next, "totp", g.code()).is(200)
			h.pass(2 * time.Minute)
		}
	})
	t.Run("S185 S121 an account is made by it only where both switches say so", func(t *testing.T) {
		for name, open := range map[string]bool{"closed": false, "open": true} {
			h := home(t, func(c *cloakroom.Config) { c.MailCode.SignUp, c.SignupClosed = true, !open })
			c := h.client()
			challenge, _ := c.byMail("new@example.com")
			if !open {
				h.nothingMailed("new@example.com", "mailcode")
				c.opens("challenge", challenge, "code", "00000000").fails(401, "invalid_credentials")
				h.client().post("/auth/signup", body("email", "new@example.com", "password", password)).fails(403, "signup_closed")
				h.newcomer("invited@example.com") // an operator makes accounts all the same
			} else {
				code := authtest.Code(h.outbox.WaitFor(t, "new@example.com", "mailcode"))
				c.opens("challenge", challenge, "code", code).is(200)
			}
			if _, err := h.auth.Users().ByEmail(t.Context(), "new@example.com"); (err == nil) != open || c.signedIn() != open {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("S186 five wrong codes burn it, over all requests and browsers", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		c := h.client()
		challenge, _ := c.byMail("ana@example.com")
		code := authtest.Code(h.outbox.WaitFor(t, "ana@example.com", "mailcode"))
		for range 5 {
			h.client().opens("challenge", challenge, "code", wrong(code)).fails(401, "invalid_credentials")
		}
		c.opens("challenge", challenge, "code", code).fails(401, "invalid_challenge")
		h.pass(2 * time.Minute)
		c.mailIn(h, "ana@example.com")
	})
	t.Run("S188 the code of another e-mail", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		h.resident("eve@example.com")
		c, eve := h.client(), h.client()
		hers, _ := c.byMail("ana@example.com")
		_, _ = eve.byMail("eve@example.com")
		mail := h.outbox.WaitFor(t, "eve@example.com", "mailcode")
		h.outbox.WaitFor(t, "ana@example.com", "mailcode")
		eve.opens("challenge", hers, "code", authtest.Code(mail)).fails(401, "invalid_credentials")
		eve.opens("challenge", hers, "token", tokenOf(t, mail)).fails(401, "invalid_challenge")
		if eve.signedIn() {
			t.Error("signed in")
		}
	})
	t.Run("what says nothing, and what says two things", func(t *testing.T) {
		h := home(t)
		h.client().opens().blames("challenge", "required")
		h.client().opens("code", "1", "number", "2").blames("challenge", "required")
		h.client().opens("challenge", "x", "code", "1", "token", "y").blames("code", "ambiguous")
		h.client().post("/auth/mailcode", `{}`).blames("email", "required")
	})
	t.Run("bearer delivery: the token is in the body, and no cookie", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		c := h.client()
		challenge := c.post("/auth/mailcode", body("email", "ana@example.com", "delivery", "bearer")).is(202).str("challenge", "id")
		a := c.opens("challenge", challenge, "token", h.link("ana@example.com", "mailcode")).is(200)
		c.bearer = a.str("tokens", "access_token")
		if a.cookie() != "" || !c.signedIn() {
			t.Errorf("%v %s", a.header, a.text)
		}
	})
}
