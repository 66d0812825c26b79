package api_test

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

// house is a world that has everything an account can be protected by: mail, codes by mail, passwords with their rules, TOTP,
// recovery codes and passkeys.
type house struct {
	*world
	outbox *authtest.Outbox
}

const site = "http://localhost" // passkeys are of a domain, so an address of digits will not do

func home(t testing.TB, change ...func(*cloakroom.Config)) *house {
	t.Helper()
	h := &house{outbox: &authtest.Outbox{}}
	h.world = open(t, append([]func(*cloakroom.Config){h.furnish(t)}, change...)...)
	return h
}

func (h *house) furnish(t testing.TB) func(*cloakroom.Config) {
	return func(c *cloakroom.Config) {
		passkeys := passkey.For(site)
		c.BaseURL, c.Mailer = site, h.outbox
		c.MailCode = cloakroom.MailCodePolicy{Allowed: true}
		c.Methods = []cloakroom.Method{authtest.Password(t), passkeys}
		c.SecondFactors = []cloakroom.Method{totp.Method{Now: c.Now}, passkeys, recovery.Method{}}
	}
}

// mailing is a Config that mails, to nobody.
func mailing(c *cloakroom.Config) {
	c.BaseURL, c.Mailer, c.MailCode.Allowed = site, &authtest.Outbox{}, true
}

func verifyFirst(c *cloakroom.Config) { c.VerifyFirst = true }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// resident makes an account whose e-mail is verified, and returns its id.
func (w *world) resident(email string, roles ...string) string {
	w.t.Helper()
	u, err := w.auth.Users().Create(context.Background(), cloakroom.NewUser{
		Email: email, EmailVerified: true, Name: "Ana", Secret: password, Roles: roles,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return u.ID
}

// account is what the store has of a user.
func (w *world) account(email string) *cloakroom.User {
	w.t.Helper()
	u, err := w.auth.Users().ByEmail(context.Background(), email)
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// in is a browser that has signed in.
func (w *world) in(email string) *client {
	w.t.Helper()
	c := w.client()
	c.login(email, "")
	return c
}

// link waits for a mail and returns the token of its link.
func (h *house) link(to, letter string) string {
	h.t.Helper()
	return tokenOf(h.t, h.outbox.WaitFor(h.t, to, letter))
}

func tokenOf(t testing.TB, m cloakroom.Mail) string {
	t.Helper()
	u, err := url.Parse(authtest.Link(m))
	if err != nil || u.Query().Get("token") == "" {
		t.Fatalf("no link in %q", m.Text)
	}
	return u.Query().Get("token")
}

// mails counts the mails to an address that are such a letter.
func (h *house) mails(to, letter string) (n int) {
	for _, m := range h.outbox.Sent() {
		if m.To == to && m.Letter == letter {
			n++
		}
	}
	return n
}

// nothingMailed makes sure that all mail that was asked for until now has been dealt with, and that none of it was such a letter to
// this address. Mails go out in order, so one that is asked for now comes last.
func (h *house) nothingMailed(to, letter string) {
	h.t.Helper()
	h.pass(time.Minute) // what is folded has its turn
	const sentinel = "sentinel@example.com"
	if _, err := h.auth.Users().ByEmail(context.Background(), sentinel); err != nil {
		h.resident(sentinel)
	}
	h.client().post("/auth/password/forgot", body("email", sentinel)).is(202)
	h.outbox.WaitFor(h.t, sentinel, "reset_password")
	if n := h.mails(to, letter); n != 0 {
		h.t.Errorf("%d mails %s to %s", n, letter, to)
	}
}

// body is a JSON object of these names and values.
func body(pairs ...any) string {
	members := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		members[pairs[i].(string)] = pairs[i+1]
	}
	text, _ := json.Marshal(members)
	return string(text)
}

// raw is JSON text as a value of body.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

// bodyOf is a body that a route takes apart without finding fault with it; "" if it takes none. ticket is a token of a kind that
// it has no use for.
func bodyOf(line api.Line, email, ticket string) string {
	switch {
	case !line.TakesBody:
		return ""
	case line.Linked:
		return body("token", ticket, "password", password)
	case line.Path == "/refresh": // which takes no opaque
		return "{}"
	}
	return body("email", email, "password", password, "current_password", password, "challenge", ticket, "setup_token", ticket,
		"offer", ticket, "method", "totp", "code", "123456", "name", "Ana")
}

// str digs for a string.
func (a answer) str(path ...any) string {
	a.t.Helper()
	s, ok := a.at(path...).(string)
	if !ok {
		a.t.Fatalf("no %v in %s", path, a.text)
	}
	return s
}

func (a answer) strings(path ...any) (list []string) {
	a.t.Helper()
	items, _ := a.at(path...).([]any)
	for _, item := range items {
		list = append(list, item.(string))
	}
	return list
}

// challenged is the id of the challenge of a sign-in that needs more.
func (a answer) challenged(next ...string) string {
	a.t.Helper()
	a.is(200)
	if got := a.strings("challenge", "next"); a.at("status") != "challenge" || len(next) > 0 && !slices.Equal(got, next) {
		a.t.Fatalf("want a challenge for %v: %s", next, a.text)
	}
	return a.str("challenge", "id")
}

// generator is an app that shows codes.
type generator struct {
	w      *world
	secret string
}

// code is the one of this moment. Time passes first, for each is good once.
func (g *generator) code() string {
	g.w.t.Helper()
	g.w.pass(30 * time.Second)
	code, err := totp.Code(g.secret, g.w.clock())
	if err != nil {
		g.w.t.Fatal(err)
	}
	return code
}

// enrol adds TOTP to the account of a signed-in client and returns its generator and the recovery codes.
func (c *client) enrol() (*generator, []string) {
	c.w.t.Helper()
	offer := c.post("/auth/factors", `{"method":"totp"}`).is(200)
	g := &generator{c.w, offer.str("options", "secret")}
	a := c.post("/auth/factors/bind", body("offer", offer.str("offer", "id"), "code", g.code())).is(201)
	return g, a.strings("recovery_codes")
}

// verify gives a proof to a challenge.
func (c *client) verify(challenge, method, code string) answer {
	c.w.t.Helper()
	return c.post("/auth/login/verify", body("challenge", challenge, "method", method, "code", code))
}

// wrong is a code of six digits that is not this one.
func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// newcomer is a browser that has signed in to an account just made, whose e-mail is verified.
func (w *world) newcomer(email string) *client {
	w.t.Helper()
	w.resident(email)
	return w.in(email)
}
