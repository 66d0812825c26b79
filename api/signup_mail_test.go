package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// unnamed is the body of an answer without what is of this request alone: ids, and the number to show.
func (a answer) unnamed(words ...string) string {
	text := a.text
	for _, word := range words {
		text = strings.ReplaceAll(text, word, "…")
	}
	return text
}

func TestSignupByMail(t *testing.T) {
	const next = "another horse battery"
	signup := func(c *client, email string, rest ...any) answer {
		c.w.t.Helper()
		return c.post("/auth/signup", body(append([]any{"email", email}, rest...)...))
	}
	t.Run("V74 the e-mail is verified in the browser that signed up, and only then a password opens anything", func(t *testing.T) {
		h := home(t, verifyFirst)
		c := h.client()
		a := signup(c, "Ana@Example.com", "password", password, "name", "Ana", "locale", "de-AT").is(202).private()
		if a.str("status") != "verification_sent" || a.cookie() != "" || a.at("user") != nil || a.strings("challenge", "next")[0] != "email" {
			t.Errorf("%v %s", a.header, a.text)
		}
		mail := h.outbox.WaitFor(t, "ana@example.com", "verify_email")
		if mail.Locale != "de" {
			t.Errorf("a mail in %s", mail.Locale)
		}
		login := func(secret string) answer {
			return h.client().post("/auth/login", body("email", "ana@example.com", "password", secret))
		}
		login("wrong "+password).fails(401, "invalid_credentials")
		token := tokenOf(t, mail)
		in := c.post("/auth/email/verify", body("token", token, "challenge", a.str("challenge", "id"))).is(200).private()
		if in.at("user", "email_verified") != true || !c.signedIn() || h.told(cloakroom.EmailVerified) != 1 {
			t.Errorf("%s", in.text)
		}
		login(password).is(200)
		t.Run("S179 V77 a second time it is refused, and told once", func(t *testing.T) {
			c.post("/auth/email/verify", body("token", token, "challenge", a.str("challenge", "id"))).fails(410, "invalid_link")
			h.client().post("/auth/email/verify", body("token", token, "password", password)).fails(410, "invalid_link")
			c.post("/auth/email/verify", body("token", "crt_bogus", "password", password)).fails(410, "invalid_link")
			if n := h.told(cloakroom.EmailVerified); n != 1 {
				t.Errorf("told %d times", n)
			}
		})
		t.Run("S180 who is verified gets no mail, and the same answer", func(t *testing.T) {
			h.pass(time.Minute)
			before := h.mails("ana@example.com", "verify_email")
			for _, ask := range []answer{
				c.post("/auth/email/verification", ""), h.client().post("/auth/email/verification", body("email", "ana@example.com")),
				h.client().post("/auth/email/verification", body("email", "nobody@example.com")),
			} {
				if ask.is(202).text != `{"status":"mail_sent"}`+"\n" {
					t.Errorf("answer %s", ask.text)
				}
			}
			h.nothingMailed("nobody@example.com", "verify_email")
			if n := h.mails("ana@example.com", "verify_email"); n != before {
				t.Errorf("%d more mails", n-before)
			}
		})
	})
	t.Run("V74 the right password of an account that is not verified says so, and mails again", func(t *testing.T) {
		h := home(t, verifyFirst)
		h.user("ana@example.com") // by an administrator, say
		h.client().post("/auth/login", body("email", "ana@example.com", "password", "wrong "+password)).fails(401, "invalid_credentials")
		c := h.client()
		c.post("/auth/login", body("email", "ana@example.com", "password", password)).fails(403, "email_not_verified")
		if len(c.cookies) != 0 {
			t.Error("a cookie all the same")
		}
		c.post("/auth/email/verify", body("token", h.link("ana@example.com", "verify_email"), "password", password)).is(200)
		if !c.signedIn() {
			t.Error("not signed in")
		}
	})
	t.Run("V75 without a password it is chosen with the proof", func(t *testing.T) {
		h := home(t, verifyFirst)
		c := h.client()
		challenge := signup(c, "ana@example.com").is(202).str("challenge", "id")
		token := h.link("ana@example.com", "verify_email")
		c.post("/auth/email/verify", body("token", token, "challenge", challenge)).blames("password", "required")
		t.Run("V83 a weak one is refused and leaves the token good", func(t *testing.T) {
			c.post("/auth/email/verify", body("token", token, "challenge", challenge, "password", "1234567")).blames("password", "password_too_short")
		})
		c.post("/auth/email/verify", body("token", token, "challenge", challenge, "password", next)).is(200)
		h.client().post("/auth/login", body("email", "ana@example.com", "password", next)).is(200)
	})
	t.Run("V76 another password than that of the sign-up is refused, and the link stays good", func(t *testing.T) {
		h := home(t, verifyFirst)
		signup(h.client(), "ana@example.com", "password", password).is(202)
		token := h.link("ana@example.com", "verify_email")
		c := h.client()
		c.post("/auth/email/verify", body("token", token, "password", next)).fails(409, "password_already_set")
		if c.signedIn() || h.told(cloakroom.EmailVerified) != 0 {
			t.Error("it was verified")
		}
		c.post("/auth/email/verify", body("token", token, "password", password)).is(200)
	})
	t.Run("V78 a token that is too old has a code of its own", func(t *testing.T) {
		h := home(t, verifyFirst)
		signup(h.client(), "ana@example.com", "password", password).is(202)
		token := h.link("ana@example.com", "verify_email")
		h.pass(24*time.Hour + time.Second)
		h.client().post("/auth/email/verify", body("token", token, "password", password)).fails(410, "expired_link")
	})
	t.Run("V79 a new mail puts the old token out of force", func(t *testing.T) {
		h := home(t, verifyFirst)
		signup(h.client(), "ana@example.com", "password", password).is(202)
		old := h.link("ana@example.com", "verify_email")
		h.pass(2 * time.Minute)
		h.client().post("/auth/email/verification", body("email", "ANA@example.com")).is(202)
		again := h.link("ana@example.com", "verify_email")
		h.client().post("/auth/email/verify", body("token", old, "password", password)).fails(410, "invalid_link")
		h.client().post("/auth/email/verify", body("token", again, "password", password)).is(200)
	})
	t.Run("S120 V80 a taken e-mail is answered the same, changes nothing, and its owner is told", func(t *testing.T) {
		h := home(t, verifyFirst)
		h.resident("ana@example.com")
		before := h.account("ana@example.com")
		a, b := signup(h.client(), "ana@example.com", "password", next, "name", "Eve").is(202), signup(h.client(), "bob@example.com", "password", next, "name", "Bob").is(202)
		if a.unnamed(a.str("challenge", "id")) != b.unnamed(b.str("challenge", "id")) || len(a.text) != len(b.text) {
			t.Errorf("%s and %s", a.text, b.text)
		}
		h.outbox.WaitFor(t, "ana@example.com", "signup_known")
		if now := h.account("ana@example.com"); now.Revision != before.Revision || now.Name != "Ana" {
			t.Errorf("the account is %+v", now)
		}
		for _, email := range []string{"ana@example.com", "bob@example.com"} { // whoever has it
			h.client().post("/auth/login", body("email", email, "password", next)).fails(403, "email_not_verified")
			h.client().post("/auth/login", body("email", email, "password", "another "+next)).fails(401, "invalid_credentials")
		}
		h.client().login("ana@example.com", "")
	})
	t.Run("V82 where nothing need be verified a password is needed at once", func(t *testing.T) {
		h := home(t)
		signup(h.client(), "ana@example.com").blames("password", "required")
		c := h.client()
		signup(c, "ana@example.com", "password", password).is(201)
		if !c.signedIn() {
			t.Error("not signed in")
		}
		t.Run("and the mail verifies within the session, which gets a new token", func(t *testing.T) {
			old := c.again()
			a := c.post("/auth/email/verify", body("token", h.link("ana@example.com", "verify_email"))).is(200)
			if a.at("user", "email_verified") != true || !c.signedIn() || old.signedIn() {
				t.Errorf("%s", a.text)
			}
		})
	})
}

func TestSignupProfile(t *testing.T) {
	h := home(t)
	in := func(email string, rest ...any) answer {
		return h.client().post("/auth/signup", body(append([]any{"email", email, "password", password}, rest...)...))
	}
	for _, address := range []string{"javascript:alert(1)", "data:image/png;base64,AAAA", "ftp://example.com/a.png", "http://example.com/a.png", "//example.com/a.png"} {
		t.Run("S124 "+address, func(t *testing.T) { in("ana@example.com", "picture", address).blames("picture", "invalid_picture") })
	}
	for _, number := range []string{"call me", "+43abc", "0660 123"} {
		t.Run("S125 "+number, func(t *testing.T) {
			in("ana@example.com", "phone_number", number).blames("phone_number", "invalid_phone")
		})
	}
	in("ana@example.com", "locale", "de_AT!").blames("locale", "invalid_locale")
	t.Run("S126 V83 a short password", func(t *testing.T) {
		h.client().post("/auth/signup", body("email", "ana@example.com", "password", "1234567")).blames("password", "password_too_short")
	})
	t.Run("S119 all of it", func(t *testing.T) {
		c := h.client()
		a := c.post("/auth/signup", body("email", "ana@example.com", "password", password, "locale", "de-AT", "picture", "https://example.com/a.png",
			"phone_number", "+43 (660) 123-45 67")).is(201)
		if a.str("status") != "signed_in" || a.at("user", "id") == nil || a.at("session", "id") == nil {
			t.Errorf("%s", a.text)
		}
		u := c.get("/auth/user").is(200)
		if u.at("locale") != "de-AT" || u.at("picture") != "https://example.com/a.png" || u.at("phone_number") != "+436601234567" {
			t.Errorf("%s", u.text)
		}
	})
}
