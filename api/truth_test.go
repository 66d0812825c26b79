package api_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// What follows meets, for TestOpenAPITellsTheTruth, everything that the document declares.

// everyRoute asks each route what all of them have in common.
func everyRoute(t *testing.T) *world {
	w := open(t, signed, mailing, func(c *cloakroom.Config) {
		c.SecondFactors = []cloakroom.Method{second{plain{new(atomic.Int64)}}}
		often := cloakroom.Rate{Max: 1e6, Window: time.Hour}
		c.Limits = cloakroom.Limits{Pair: often, Address: often, Account: often, Signup: often, Guest: often, Begin: often}
	})
	ticket, err := w.auth.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range table {
		email := fmt.Sprintf("ana%d@example.com", i)
		w.user(email)
		in, allowed := w.client(), w.client()
		in.login(email, `,"token":"signed"`)
		if line.ForClients {
			in, allowed = w.service(), w.service()
		}
		text := bodyOf(line, email, ticket.Reveal())
		if line.Form {
			text = body("token", w.client().bearing(email).bearer)
		}
		ask := func(c *client, body string) { c.do(line.Method, strings.Replace(line.URL, "{id}", "ses_x", 1), body) }
		if line.TakesBody {
			ask(in.with("Content-Type", "text/plain"), text)
			ask(in.again(), strings.Repeat(" ", api.MaxBody)+text)
			ask(in.again(), `{"email":1,"password":2,"delivery":3,"scope":4,"refresh_token":5,"audience":6,"token":7,"challenge":8,"offer":9,"method":10,"name":11}`)
			ask(in.again(), `[]`)
		}
		ask(in.with("Sec-Fetch-Site", "cross-site"), text)
		ask(in.with("Authorization", "Bearer a").with("Authorization", "Bearer b"), text)
		ask(w.client(), text)
		ask(allowed.again(), strings.Replace(text, "ana", "new", 1))
		w.store.down.Store(true)
		w.pass(time.Second) // so that the keys are read again
		ask(in.again(), text)
		w.store.down.Store(false)
		w.pass(time.Second)
		ask(in.again(), text)
	}
	return w
}

// withoutAnything asks for what is not there without clients, signed tokens, mail and passkeys.
func withoutAnything(t *testing.T) *world {
	w := open(t)
	w.user("ana@example.com")
	for _, line := range table {
		if !slices.Contains(line.Codes, "not_found") || strings.Contains(line.Path, "{id}") {
			continue
		}
		c, text := w.service(), ""
		if !line.ForClients {
			c = w.in("ana@example.com")
		}
		if line.TakesBody {
			text = body("email", "bea@example.com", "challenge", "x", "code", "1")
		}
		c.do(line.Method, line.URL, text)
	}
	return w
}

// signingIn meets what only sign-ins and sessions answer.
func signingIn(t *testing.T) *world {
	w := open(t, signed, func(c *cloakroom.Config) { c.SecondFactors = []cloakroom.Method{second{plain{new(atomic.Int64)}}} })
	w.user("ana@example.com")
	banned := w.user("banned@example.com")
	out, guest, victim := w.in("banned@example.com"), w.client(), w.client()
	w.client().login("ana@example.com", `,"delivery":"bearer"`)
	victim.do("DELETE", "/auth/sessions/"+victim.login("ana@example.com", "").str("session", "id"), "").is(204)
	victim.login("ana@example.com", "")
	victim.get("/auth/sessions?limit=1").is(200)
	victim.get("/auth/sessions?limit=x").is(422)
	guest.post("/auth/anonymous", "").is(201)
	guest.post("/auth/anonymous", `{"delivery":"bearer"}`).is(200)
	staying := w.client().signIn("ana@example.com", "cookie")
	w.pass(time.Hour)
	staying.post("/auth/anonymous", "").is(401) // it can be refreshed
	guest.get("/auth/session").is(200)
	guest.get("/auth/sessions").is(401)
	if err := w.auth.Users().Ban(t.Context(), banned); err != nil {
		t.Fatal(err)
	}
	for _, line := range table {
		if line.Account && line.Method == "GET" {
			out.get(line.URL).is(403)
		}
	}
	w.client().get("/.well-known/jwks.json").is(200)
	w.client().with("If-None-Match", "*").get("/.well-known/jwks.json").is(304)
	w.service().get("/auth/revocations?wait=x").is(422)
	w.client().signIn("ana@example.com", "bearer").renew().is(200)
	w.enrolSecond("ana@example.com")
	w.client().login("ana@example.com", "").challenged("totp")
	w.api = &api.API{Auth: w.auth, UserLocation: func(u *cloakroom.User) string { return u.ID }, Passkeys: api.Passkeys{
		Enroll: site + "/account/passkeys", Manage: site + "/account", Related: []string{"https://example.org"},
	}}
	w.user("loc@example.com")
	w.client().post("/auth/login", body("email", "loc@example.com", "password", password)).is(204)
	w.client().get("/.well-known/passkey-endpoints").is(200)
	w.client().get("/.well-known/webauthn").is(200)
	return w
}

// accounts meets what accounts and their factors answer.
func accounts(t *testing.T) *world {
	h := home(t, func(c *cloakroom.Config) { c.MailCode.SignUp = true })
	token, err := h.auth.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root := h.client()
	root.post("/auth/setup", body("setup_token", token.Reveal(), "email", "root@example.com", "password", password)).is(201)
	root.do("DELETE", "/auth/user", "").is(409)
	ana := h.newcomer("ana@example.com")
	h.acting(root, h.account("ana@example.com").ID)
	root.do("DELETE", "/auth/impersonation", "").is(200)
	h.acting(root, h.account("ana@example.com").ID)
	h.in("root@example.com").do("DELETE", "/auth/impersonation", "").is(403)

	ana.post("/auth/email/verification", "").is(202)
	ana.post("/auth/password/set", body("password", fresh)).is(409)
	ana.post("/auth/password/change", body("current_password", password, "password", fresh)).is(200)
	ana.post("/auth/email/change", body("email", "bea@example.com")).is(202)
	link := h.link("bea@example.com", "verify_new_email")
	h.client().post("/auth/email/confirm", body("token", link, "password", "not the password")).is(401)
	ana.post("/auth/email/confirm", body("token", link)).is(200)
	ana.post("/auth/email/change", body("email", "cai@example.com")).is(202)
	change := h.link("cai@example.com", "verify_new_email")
	h.resident("cai@example.com")
	ana.post("/auth/email/confirm", body("token", change)).is(409)
	h.client().post("/auth/disown", body("token", h.link("ana@example.com", "notice"))).is(200)
	h.client().post("/auth/password/reset", body("token", h.link("ana@example.com", "reset_password"), "password", password)).is(200)

	ana = h.in("ana@example.com")
	ana.do("PATCH", "/auth/user", `{"name":"Ana"}`).is(200)
	ana.get("/auth/user/export").is(200)
	ana.get("/auth/activity?limit=1").is(200)
	ana.get("/auth/activity?limit=x").is(422)
	second := ana.post("/auth/factors", `{"method":"totp"}`).is(200)
	g, _ := ana.enrol()
	ana.post("/auth/factors", `{"method":"totp"}`).is(409)
	other := &generator{h.world, second.str("options", "secret")}
	ana.post("/auth/factors/bind", body("offer", second.str("offer", "id"), "code", other.code())).is(409)
	ana.post("/auth/factors/bind", body("offer", "x", "code", "1")).is(401)
	key := authtest.NewPasskey(t, site)
	offer := ana.post("/auth/factors", `{"method":"passkey"}`).is(200)
	ana.post("/auth/factors/bind", body("offer", offer.str("offer", "id"), "response", raw(key.Create(offer.at("options"))))).is(201)
	ana.do("PATCH", "/auth/factors/"+ana.factor("passkey")["id"].(string), `{"name":"laptop"}`).is(200)
	ana.post("/auth/factors/recovery-codes", "").is(200)
	first := ana.verify(ana.post("/auth/step-up", "").challenged(), "password", password).challenged()
	ana.verify(first, "totp", g.code()).is(200)
	options := h.client().post("/auth/login/options", `{"method":"passkey"}`).is(200)
	h.client().post("/auth/login/verify", body("challenge", options.str("challenge", "id"), "method", "passkey", "response", raw(key.Get(options.at("options"))))).is(200)
	ana.do("DELETE", "/auth/factors/totp", "").is(200)
	ana.do("DELETE", "/auth/user", "").is(202)
	h.client().post("/auth/user/keep", body("token", h.link("ana@example.com", "deletion"))).is(200)
	h.user("dan@example.com")
	h.in("dan@example.com").do("DELETE", "/auth/user", "").is(200)

	c, phone := h.client(), h.client()
	challenge, number := c.byMail("eva@example.com")
	link = h.link("eva@example.com", "mailcode")
	c.opens("challenge", challenge).is(202)
	phone.opens("token", link).is(200)
	phone.opens("token", link, "number", number).is(200)
	c.opens("challenge", challenge).is(200)
	c.opens("challenge", challenge).is(401)
	c.post("/auth/password/set", body("password", password)).is(200)
	late := home(t, verifyFirst)
	late.client().post("/auth/signup", body("email", "ana@example.com", "password", password)).is(202)
	proof := late.link("ana@example.com", "verify_email")
	late.client().post("/auth/email/verify", body("token", proof, "password", fresh)).is(409)
	late.client().post("/auth/email/verify", body("token", proof, "password", password)).is(200)
	bare := home(t, func(c *cloakroom.Config) { c.MailCode.Allowed = false })
	bare.newcomer("ana@example.com").do("DELETE", "/auth/factors/password", "").is(409)
	without := home(t, func(c *cloakroom.Config) { c.Methods = c.Methods[1:] })
	if _, err := without.auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com"}); err != nil {
		t.Fatal(err)
	}
	without.client().post("/auth/email/verification", body("email", "ana@example.com")).is(202)
	without.client().post("/auth/email/verify", body("token", without.link("ana@example.com", "verify_email"))).is(401)
	for _, other := range []*world{late.world, bare.world, without.world} {
		maps.Copy(h.met, other.met)
	}
	return h.world
}

// limited asks until the answer is that it was too often.
func limited(t *testing.T) *world {
	once := cloakroom.Rate{Max: 1, Window: time.Hour}
	h := home(t, func(c *cloakroom.Config) {
		c.Limits = cloakroom.Limits{Pair: once, Begin: cloakroom.Rate{Max: 4, Window: time.Hour}, Signup: once, Guest: once}
	})
	h.user("ana@example.com")
	ana, pending := h.in("ana@example.com"), h.client()
	ana.post("/auth/email/verification", "").is(202)
	proof := h.link("ana@example.com", "verify_email")
	challenge, _ := pending.byMail("bea@example.com")
	ana.post("/auth/email/change", body("email", "dai@example.com")).is(202)
	change := h.link("dai@example.com", "verify_new_email")
	step := ana.post("/auth/step-up", "").challenged()
	for _, ask := range []struct {
		c          *client
		path, body string
	}{
		{h.client(), "/auth/anonymous", ""},
		{h.client(), "/auth/signup", body("email", "new@example.com", "password", password)},
		{pending, "/auth/mailcode/verify", body("challenge", challenge, "code", "00000000")},
		{h.client(), "/auth/login", body("email", "ana@example.com", "password", fresh)},
		{ana, "/auth/password/change", body("current_password", fresh, "password", fresh)},
		{h.client(), "/auth/email/verify", body("token", proof, "password", fresh)},
		{h.client(), "/auth/email/confirm", body("token", change, "password", fresh)},
		{ana, "/auth/login/verify", body("challenge", step, "method", "password", "code", fresh)},
		{h.client(), "/auth/password/forgot", body("email", "ana@example.com")},
		{h.client(), "/auth/email/verification", body("email", "ana@example.com")},
		{h.client(), "/auth/mailcode", body("email", "ana@example.com")},
		{h.client(), "/auth/login/options", body("method", "passkey")},
		{ana, "/auth/email/change", body("email", "cai@example.com")},
	} {
		for tries := 0; ask.c.again().post(ask.path, ask.body).status != 429; tries++ {
			if tries == 10 {
				t.Errorf("%s is not limited", ask.path)
				break
			}
		}
	}
	return h.world
}
