package api_test

import (
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// A renewal is a way by which a session goes on with new tokens, and whose answer can have them.
type renewal struct {
	name string
	// arrive signs in to an account that is made for it. nil: by a password.
	arrive func(h *house, email string, terms ...any) (*client, answer)
	// ready does what comes before, and returns the request that takes the terms. It can be sent again after a refusal.
	ready func(h *house, c *client, email string) func(c *client, terms ...any) answer
}

func renewals() []renewal {
	to := func(path string, members ...any) func(*client, ...any) answer {
		return func(c *client, terms ...any) answer { return c.post(path, body(append(terms, members...)...)) }
	}
	return []renewal{
		{"password/change", nil, func(*house, *client, string) func(*client, ...any) answer {
			return to("/auth/password/change", "current_password", password, "password", fresh)
		}},
		{"password/set", byCode, func(*house, *client, string) func(*client, ...any) answer {
			return to("/auth/password/set", "password", fresh)
		}},
		{"factors/bind", nil, func(h *house, c *client, _ string) func(*client, ...any) answer {
			offer := c.post("/auth/factors", `{"method":"totp"}`).is(200)
			g := &generator{h.world, offer.str("options", "secret")}
			return to("/auth/factors/bind", "offer", offer.str("offer", "id"), "code", g.code())
		}},
		{"email/confirm", nil, func(h *house, c *client, email string) func(*client, ...any) answer {
			c.post("/auth/email/change", body("email", "new-"+email)).is(202)
			return to("/auth/email/confirm", "token", h.link("new-"+email, "verify_new_email"))
		}},
		{"email/verify", unproven, func(h *house, c *client, email string) func(*client, ...any) answer {
			c.post("/auth/email/verification", "").is(202)
			return to("/auth/email/verify", "token", h.link(email, "verify_email"))
		}},
		{"step-up", nil, func(*house, *client, string) func(*client, ...any) answer {
			return func(c *client, terms ...any) answer {
				begun := c.post("/auth/step-up", body(terms...))
				if begun.status != 200 {
					return begun
				}
				return c.verify(begun.challenged(), "password", password)
			}
		}},
		{"step-up by mail", nil, func(h *house, _ *client, email string) func(*client, ...any) answer {
			return func(c *client, terms ...any) answer {
				begun := c.post("/auth/step-up", body(terms...))
				if begun.status != 200 {
					return begun
				}
				c.post("/auth/mailcode", body("challenge", begun.challenged())).is(202)
				return c.opens("challenge", begun.challenged(), "code", authtest.Code(h.outbox.WaitFor(h.t, email, "mailcode")))
			}
		}},
	}
}

// byCode signs in to an account without a password.
func byCode(h *house, email string, terms ...any) (*client, answer) {
	h.t.Helper()
	if _, err := h.auth.Users().Create(h.t.Context(), cloakroom.NewUser{Email: email, EmailVerified: true}); err != nil {
		h.t.Fatal(err)
	}
	c := h.client()
	challenge := c.post("/auth/mailcode", body(append(terms, "email", email)...)).is(202).str("challenge", "id")
	return c, c.opens("challenge", challenge, "code", authtest.Code(h.outbox.WaitFor(h.t, email, "mailcode"))).is(200)
}

// unproven signs in to an account whose e-mail is not verified.
func unproven(h *house, email string, terms ...any) (*client, answer) {
	h.t.Helper()
	h.user(email)
	c := h.client()
	return c, c.post("/auth/login", body(append(terms, "email", email, "password", password)...)).is(200)
}

// signIn is a client that has signed in for this way, and keeps what it was given.
func (way renewal) signIn(h *house, email, delivery, form string) *client {
	h.t.Helper()
	arrive := way.arrive
	if arrive == nil {
		h.resident(email)
		arrive = func(h *house, email string, terms ...any) (*client, answer) {
			c := h.client()
			return c, c.post("/auth/login", body(append(terms, "email", email, "password", password)...)).is(200)
		}
	}
	c, a := arrive(h, email, "delivery", delivery, "token", form)
	c.keep(a)
	return c
}

var forms = []string{"opaque", "signed"}

func TestRenewalOfBothHalves(t *testing.T) {
	for _, way := range renewals() {
		for _, form := range forms {
			t.Run(way.name+" "+form+": a page that asks for both hands its app the next tokens", func(t *testing.T) {
				h := home(t, signed)
				c := way.signIn(h, "ana@example.com", "both", form)
				renew := way.ready(h, c.page(), "ana@example.com")
				old, page := c.again(), c.page()
				session := page.get("/auth/session").str("session", "id")
				a := renew(page, "delivery", "both").private()
				if a.status != 200 && a.status != 201 {
					t.Fatalf("%d %s", a.status, a.text)
				}
				app := h.client()
				app.keep(a)
				for half, c := range map[string]*client{"page": page, "app": app} {
					if c.get("/auth/session").at("session", "id") != session {
						t.Errorf("the %s is out", half)
					}
				}
				if app.bearer == "" || app.bearer == old.bearer || page.cookies["session"] == old.cookies["session"] {
					t.Errorf("no new tokens: %s", a.text)
				}
				if old.page().signedIn() || old.app().signedIn() {
					t.Error("an old token is good for something")
				}
				if form == "signed" {
					old.app().renew().fails(401, "invalid_refresh_token")
					page.renew().is(200)
					app.renew().is(200)
				} else if app.refresh != "" {
					t.Errorf("a refresh token: %s", a.text)
				}
				if !page.signedIn() || !app.signedIn() {
					t.Error("a half is out")
				}
			})
		}
	}
}

func TestRenewalKeepsItsCarrier(t *testing.T) {
	for _, way := range renewals() {
		for _, form := range forms {
			for _, by := range []string{"cookie", "bearer"} {
				for name, terms := range map[string][]any{"unasked": nil, "asked for what is so anyway": {"delivery", by}, "empty": {"delivery", ""}} {
					t.Run(way.name+" "+form+" by "+by+" "+name, func(t *testing.T) {
						h := home(t, signed)
						c := way.signIn(h, "ana@example.com", by, form)
						renew := way.ready(h, c, "ana@example.com")
						old := c.again()
						a := renew(c, terms...)
						if given := a.at("tokens") != nil; given != (by == "bearer") || given == (len(a.header["Set-Cookie"]) > 0) {
							t.Errorf("cookies %q and body %s", a.header["Set-Cookie"], a.text)
						}
						c.keep(a)
						if !c.signedIn() || old.signedIn() {
							t.Error("signed out, or an old token lives on")
						}
					})
				}
			}
		}
	}
}

// takesForm reports whether the way has a place for the form: where token is that of a link, it has none.
func (way renewal) takesForm() bool { return way.name != "email/confirm" && way.name != "email/verify" }

func TestRenewalOnTermsThatCannotBe(t *testing.T) {
	for _, way := range renewals() {
		for _, row := range []struct{ form, by, member, value, code string }{
			{"opaque", "cookie", "delivery", "bearer", "not_allowed"}, {"signed", "cookie", "delivery", "Both", "unknown_value"},
			{"opaque", "bearer", "delivery", "both", "not_allowed"}, {"signed", "bearer", "delivery", "cookie", "not_allowed"},
			{"opaque", "bearer", "delivery", "header", "unknown_value"},
			{"opaque", "cookie", "token", "signed", "not_allowed"}, {"signed", "bearer", "token", "opaque", "not_allowed"},
			{"signed", "cookie", "token", "jwt", "unknown_value"},
		} {
			if row.member == "token" && !way.takesForm() {
				continue
			}
			t.Run(way.name+" of "+row.form+" by "+row.by+" with "+row.member+" "+row.value+" is refused, and nothing is spent", func(t *testing.T) {
				h := home(t, signed)
				c := way.signIn(h, "ana@example.com", row.by, row.form)
				renew := way.ready(h, c, "ana@example.com")
				a := renew(c, row.member, row.value).blames(row.member, row.code)
				if len(a.header["Set-Cookie"]) > 0 || !c.signedIn() || h.told(cloakroom.SessionRenewed) > 0 {
					t.Errorf("it changed something: %v", a.header)
				}
				c.keep(renew(c))
				if !c.signedIn() || h.told(cloakroom.SessionRenewed) != 1 {
					t.Error("it cannot be done any more")
				}
			})
		}
		t.Run(way.name+" with both where it is not allowed", func(t *testing.T) {
			h := home(t)
			c := way.signIn(h, "ana@example.com", "cookie", "opaque")
			renew := way.ready(h, c, "ana@example.com")
			renew(c, "delivery", "both").blames("delivery", "not_allowed")
			renew(c)
			if !c.signedIn() || h.told(cloakroom.SessionRenewed) != 1 {
				t.Error("it cannot be done any more")
			}
		})
	}
	t.Run("delivery and form are blamed at once", func(t *testing.T) {
		h := home(t, signed)
		c := h.newcomer("ana@example.com")
		c.post("/auth/step-up", body("delivery", "x", "token", "y")).blames("delivery", "unknown_value").blames("token", "unknown_value")
	})
	t.Run("a change of e-mail by a password renews nothing, and is held to the words all the same", func(t *testing.T) {
		h := home(t, signed)
		h.newcomer("ana@example.com").post("/auth/email/change", body("email", "new@example.com")).is(202)
		token := h.link("new@example.com", "verify_new_email")
		h.client().post("/auth/email/confirm", body("token", token, "password", password, "delivery", "x")).blames("delivery", "unknown_value")
		h.client().post("/auth/email/confirm", body("token", token, "password", password, "delivery", "both")).is(200)
	})
}

func TestStepUpOfBothEndsByCookie(t *testing.T) {
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			h := home(t, signed)
			h.resident("ana@example.com")
			c := h.client()
			c.keep(c.login("ana@example.com", `,"delivery":"both","token":"`+form+`"`))
			page := c.page()
			challenge := page.post("/auth/step-up", `{"delivery":"both"}`).challenged()
			for range 6 { // more than an attempt takes
				c.app().verify(challenge, "password", password).blames("delivery", "not_allowed")
			}
			page.keep(page.verify(challenge, "password", password).is(200))
			if !page.page().signedIn() || !page.app().signedIn() {
				t.Error("a half is out")
			}
		})
	}
}

func TestVerifyingEmailOnTerms(t *testing.T) {
	ready := func(t *testing.T, change ...func(*cloakroom.Config)) (*client, string) {
		h := home(t, append(change, verifyFirst)...)
		h.client().post("/auth/signup", body("email", "ana@example.com", "password", password)).is(202)
		return h.client(), h.link("ana@example.com", "verify_email")
	}
	for _, delivery := range []string{"", "cookie", "bearer", "both"} {
		t.Run("the password opens a session for delivery "+delivery, func(t *testing.T) {
			c, token := ready(t, signed)
			a := c.post("/auth/email/verify", body("token", token, "password", password, "delivery", delivery, "remember", true)).is(200)
			if given := a.at("tokens") != nil; given != (delivery == "bearer" || delivery == "both") {
				t.Errorf("%s", a.text)
			}
			names, lines := a.set()
			if (len(names) > 0) != (delivery != "bearer") || len(names) > 0 && lines["session /"].MaxAge <= 0 {
				t.Errorf("cookies %q", a.header["Set-Cookie"])
			}
			if c.keep(a); !c.signedIn() {
				t.Error("signed out")
			}
		})
	}
	t.Run("unless it is asked for, the cookie ends with the browser", func(t *testing.T) {
		c, token := ready(t)
		_, lines := c.post("/auth/email/verify", body("token", token, "password", password)).is(200).set()
		if age := lines["session /"].MaxAge; age != 0 {
			t.Errorf("Max-Age %d", age)
		}
	})
	t.Run("what is unknown or not allowed is refused, and the link stays good", func(t *testing.T) {
		c, token := ready(t)
		c.post("/auth/email/verify", body("token", token, "password", password, "delivery", "nonsense")).blames("delivery", "unknown_value")
		c.post("/auth/email/verify", body("token", token, "password", password, "delivery", "both")).blames("delivery", "not_allowed")
		c.post("/auth/email/verify", body("token", token, "password", password)).is(200)
	})
}
