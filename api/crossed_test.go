package api_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/cloakroom-auth/cloakroom/authtest"
)

// oneTime is a kind of one-time value: how one is come by, and where it is good.
type oneTime struct {
	name  string
	make  func(h *house, email string) (token string, holder *client)
	spend func(c *client, token string) answer
}

// shown is the code that the client was shown, or one that is not right.
func (c *client) shown() string { return cmp.Or(c.headers.Get("X-Code"), "12345678") }

// kinds are all of them. Each account below has one.
func kinds() []oneTime {
	link := func(path string, more ...any) func(*client, string) answer {
		return func(c *client, token string) answer {
			return c.post(path, body(append([]any{"token", token}, more...)...))
		}
	}
	return []oneTime{
		{"verification", func(h *house, email string) (string, *client) {
			h.user(email)
			h.client().post("/auth/email/verification", body("email", email)).is(202)
			return h.link(email, "verify_email"), h.client()
		}, link("/auth/email/verify", "password", password)},
		{"change of e-mail", func(h *house, email string) (string, *client) {
			c := h.newcomer(email)
			c.post("/auth/email/change", body("email", "new-"+email)).is(202)
			return h.link("new-"+email, "verify_new_email"), c
		}, link("/auth/email/confirm")},
		{"reset", func(h *house, email string) (string, *client) {
			h.resident(email)
			h.client().post("/auth/password/forgot", body("email", email)).is(202)
			return h.link(email, "reset_password"), h.client()
		}, link("/auth/password/reset", "password", fresh)},
		{"link of a mail code", func(h *house, email string) (string, *client) {
			h.resident(email)
			h.client().byMail(email)
			return h.link(email, "mailcode"), h.client()
		}, link("/auth/mailcode/verify")},
		{"keeping an account", func(h *house, email string) (string, *client) {
			h.newcomer(email).do("DELETE", "/auth/user", "").is(202)
			return h.link(email, "deletion"), h.client()
		}, link("/auth/user/keep")},
		{"disowning", func(h *house, email string) (string, *client) {
			h.newcomer(email).post("/auth/password/change", body("current_password", password, "password", fresh)).is(200)
			return h.link(email, "notice"), h.client()
		}, link("/auth/disown")},
		{"setup", func(h *house, email string) (string, *client) {
			token, err := h.auth.SetupToken(h.t.Context())
			if err != nil {
				h.t.Fatal(err)
			}
			return token.Reveal(), h.client()
		}, func(c *client, token string) answer {
			return c.post("/auth/setup", body("setup_token", token, "email", "root@example.com", "password", password))
		}},
		{"challenge", func(h *house, email string) (string, *client) {
			c := h.newcomer(email)
			g, _ := c.enrol()
			holder := h.client()
			challenge := holder.asked(email)
			holder.headers.Set("X-Code", g.code())
			return challenge, holder
		}, func(c *client, token string) answer { return c.verify(token, "totp", c.shown()) }},
		{"challenge of a mail code", func(h *house, email string) (string, *client) {
			h.resident(email)
			c := h.client()
			challenge, _ := c.byMail(email)
			c.headers.Set("X-Code", authtest.Code(h.outbox.WaitFor(h.t, email, "mailcode")))
			return challenge, c
		}, func(c *client, token string) answer {
			return c.opens("challenge", token, "code", c.shown())
		}},
		{"offer of a factor", func(h *house, email string) (string, *client) {
			c := h.newcomer(email)
			offer := c.post("/auth/factors", `{"method":"totp"}`).is(200)
			c.headers.Set("X-Code", (&generator{h.world, offer.str("options", "secret")}).code())
			return offer.str("offer", "id"), c
		}, func(c *client, token string) answer {
			return c.post("/auth/factors/bind", body("offer", token, "code", c.shown()))
		}},
	}
}

// TestCrossed brings each kind of one-time value to each place that takes one: only its own takes it, whoever brings it. What is
// refused changes nothing, not even the value: in the end each is still good where it belongs.
func TestCrossed(t *testing.T) {
	h := home(t)
	all := kinds()
	tokens, holders, emails := make([]string, len(all)), make([]*client, len(all)), make([]string, len(all))
	for i, kind := range all {
		emails[i] = fmt.Sprintf("user%d@example.com", i)
		tokens[i], holders[i] = kind.make(h, emails[i])
	}
	before := h.state()
	for i, kind := range all {
		for j, place := range all {
			if i == j {
				continue
			}
			t.Run(kind.name+" at the place of "+place.name, func(t *testing.T) {
				for _, c := range []*client{holders[i].again(), holders[j].again()} {
					place.spend(c, tokens[i]).refuses()
				}
			})
		}
		t.Run(kind.name+" as a credential", func(t *testing.T) {
			c := h.client()
			c.bearer = tokens[i]
			c.get("/auth/me").fails(401, "invalid_token")
			c = h.client()
			c.cookies["session"] = tokens[i]
			c.get("/auth/me").is(401)
			c.post("/auth/refresh", body("refresh_token", tokens[i])).is(401)
		})
	}
	session, other := h.newcomer("holder@example.com").cookies["session"], h.newcomer("other@example.com")
	for _, place := range all {
		t.Run("a session token at the place of "+place.name, func(t *testing.T) {
			place.spend(other, session).refuses()
		})
	}
	t.Run("a refused request changes nothing", func(t *testing.T) {
		after := h.state()
		for id, was := range before {
			if after[id] != was {
				t.Errorf("%s\nwas %s\nis  %s", id, was, after[id])
			}
		}
	})
	for i, kind := range all {
		t.Run("in the end "+kind.name+" is good where it belongs", func(t *testing.T) {
			if a := kind.spend(holders[i], tokens[i]); a.status > 201 {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

// refuses asserts that a one-time value was not taken for another: as a link it is none of ours, as a challenge it is over. A
// challenge that waits for a mail has no use for the proof of another method.
func (a answer) refuses() {
	a.t.Helper()
	switch code := a.code(); {
	case len(a.header["Set-Cookie"]) > 0:
		a.t.Errorf("a cookie: %v", a.header)
	case a.status == 410 && code == "invalid_link", a.status == 401 && code == "invalid_challenge", a.status == 401 && code == "unauthenticated":
	case a.status == 422 && a.at("errors", 0, "code") == "unknown_value":
	default:
		a.t.Errorf("%d %s", a.status, a.text)
	}
}

// state tells, of every user there is, all that requests could change.
func (w *world) state() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for u, err := range w.auth.Users().All(w.t.Context(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		factors, err := w.auth.Factors(w.t.Context(), u.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		var sessions []string
		for s, err := range w.auth.Sessions().Of(w.t.Context(), u.ID) {
			if err != nil {
				w.t.Fatal(err)
			}
			sessions = append(sessions, s.ID)
		}
		slices.Sort(sessions)
		all[u.Email] = fmt.Sprintf("%+v %+v %v", *u, factors, sessions)
	}
	return all
}
