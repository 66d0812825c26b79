package api_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
)

// factor finds one of the factors of a signed-in client.
func (c *client) factor(method string) map[string]any {
	c.w.t.Helper()
	all, _ := c.get("/auth/factors").is(200).at("items").([]any)
	i := slices.IndexFunc(all, func(f any) bool { return f.(map[string]any)["method"] == method })
	if i < 0 {
		return nil
	}
	return all[i].(map[string]any)
}

// asked signs in as far as the challenge.
func (c *client) asked(email string) string {
	c.w.t.Helper()
	return c.login(email, "").challenged()
}

func TestEnrol(t *testing.T) {
	h := home(t)
	c := h.newcomer("ana@example.com")
	t.Run("S191 a wrong code enables nothing", func(t *testing.T) {
		offer := c.post("/auth/factors", `{"method":"totp"}`).is(200).private()
		g := &generator{h.world, offer.str("options", "secret")}
		if !strings.HasPrefix(offer.str("options", "uri"), "otpauth://totp/") || !strings.HasPrefix(offer.str("options", "qr_svg"), "<svg") {
			t.Errorf("%s", offer.text)
		}
		old := c.again()
		c.post("/auth/factors/bind", body("offer", offer.str("offer", "id"), "code", wrong(g.code()))).fails(400, "wrong_answer")
		if c.get("/auth/me").at("mfa_enabled") != false || c.factor("totp") != nil || !old.signedIn() {
			t.Error("something changed")
		}
		h.client().login("ana@example.com", "").is(200)
		t.Run("and the right one still does", func(t *testing.T) {
			other := h.in("ana@example.com")
			a := c.post("/auth/factors/bind", body("offer", offer.str("offer", "id"), "code", g.code(), "name", "phone")).is(201).private()
			t.Run("S192 ten codes once, an event, the others end, mfa_enabled at once", func(t *testing.T) {
				codes := a.strings("recovery_codes")
				if a.str("status") != "factor_added" || len(codes) != 10 || h.told(cloakroom.FactorAdded) != 1 {
					t.Errorf("%s", a.text)
				}
				if !c.signedIn() || other.signedIn() || old.signedIn() {
					t.Error("this session ended, or another or its old token lives on")
				}
				if c.get("/auth/me").at("mfa_enabled") != true || c.factor("totp")["name"] != "phone" || c.factor("totp")["second"] != true {
					t.Error("it is not on file")
				}
				list := c.get("/auth/factors").text
				if strings.Contains(list, codes[0]) || strings.Contains(list, g.secret) {
					t.Error("the list has a secret")
				}
				h.outbox.WaitFor(t, "ana@example.com", "notice")
			})
		})
	})
	t.Run("there is one TOTP, also of two offers", func(t *testing.T) {
		c.post("/auth/factors", `{"method":"totp"}`).fails(409, "factor_exists")
		c := h.newcomer("bea@example.com")
		first, second := c.post("/auth/factors", `{"method":"totp"}`).is(200), c.post("/auth/factors", `{"method":"totp"}`).is(200)
		g := &generator{h.world, first.str("options", "secret")}
		c.post("/auth/factors/bind", body("offer", first.str("offer", "id"), "code", g.code())).is(201)
		g = &generator{h.world, second.str("options", "secret")}
		c.post("/auth/factors/bind", body("offer", second.str("offer", "id"), "code", g.code())).fails(409, "factor_exists")
	})
	t.Run("an offer is for its session, and for ten minutes", func(t *testing.T) {
		c, other := h.newcomer("cai@example.com"), h.in("cai@example.com")
		offer := c.post("/auth/factors", `{"method":"totp"}`).is(200)
		g := &generator{h.world, offer.str("options", "secret")}
		bind := func(c *client) answer {
			return c.post("/auth/factors/bind", body("offer", offer.str("offer", "id"), "code", g.code()))
		}
		bind(other).fails(401, "invalid_challenge")
		bind(h.newcomer("dan@example.com")).fails(401, "invalid_challenge")
		bind(h.client()).fails(401, "unauthenticated")
		h.pass(9 * time.Minute)
		bind(c).fails(401, "step_up_required") // the offer would still be good
	})
	t.Run("S193 a login that is not fresh is asked to prove itself again", func(t *testing.T) {
		c := h.newcomer("eva@example.com")
		h.pass(10 * time.Minute)
		for _, call := range [][2]string{{"/auth/factors", `{"method":"totp"}`}, {"/auth/email/change", `{"email":"x@example.com"}`}, {"/auth/factors/recovery-codes", ""}} {
			a := c.post(call[0], call[1]).fails(401, "step_up_required")
			if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", max_age="600"` {
				t.Errorf("WWW-Authenticate %s", got)
			}
		}
		if !c.signedIn() {
			t.Error("it signed out")
		}
	})
	t.Run("unknown methods, and what says nothing", func(t *testing.T) {
		c := h.newcomer("fay@example.com")
		c.post("/auth/factors", `{"method":"password"}`).blames("method", "unknown_value")
		c.post("/auth/factors", `{}`).blames("method", "required")
		c.post("/auth/factors/bind", `{"offer":"x"}`).blames("code", "required")
		c.post("/auth/factors/bind", `{"offer":"x","code":"1","response":{}}`).blames("code", "ambiguous")
		c.post("/auth/factors/bind", `{"offer":"x","response":"text"}`).blames("response", "wrong_type")
		c.post("/auth/factors/bind", `{"offer":"x","response":[]}`).blames("response", "wrong_type")
		c.post("/auth/factors/recovery-codes", "").blames("method", "not_allowed")
	})
}

func TestSecondFactor(t *testing.T) {
	ready := func(t *testing.T) (*house, *generator, []string) {
		h := home(t)
		g, codes := h.newcomer("ana@example.com").enrol()
		return h, g, codes
	}
	t.Run("S194 a challenge, no cookie and no token, by cookie and by bearer", func(t *testing.T) {
		h, _, _ := ready(t)
		for _, extra := range []string{"", `,"delivery":"bearer"`} {
			c := h.client()
			a := c.login("ana@example.com", extra)
			a.challenged("totp", "recovery_code")
			if len(c.cookies) != 0 || a.at("session") != nil || a.at("tokens") != nil || a.at("user") != nil {
				t.Errorf("%v %s", a.header, a.text)
			}
		}
	})
	t.Run("S195 a challenge opens nothing", func(t *testing.T) {
		h, _, _ := ready(t)
		c := h.client()
		c.bearer = c.asked("ana@example.com")
		c.get("/auth/me").fails(401, "invalid_token")
	})
	t.Run("S196 the right code opens a new session", func(t *testing.T) {
		h, g, _ := ready(t)
		c := h.client()
		guest := c.post("/auth/anonymous", "").is(201).str("session", "id")
		a := c.verify(c.asked("ana@example.com"), "totp", g.code()).is(200).private()
		if a.str("session", "id") == guest || !slices.Equal(a.strings("session", "methods"), []string{"password", "totp"}) || !c.signedIn() {
			t.Errorf("%s", a.text)
		}
	})
	t.Run("S197 spaces in a code", func(t *testing.T) {
		h, g, _ := ready(t)
		c := h.client()
		code := g.code()
		c.verify(c.asked("ana@example.com"), "totp", " "+code[:3]+" "+code[3:]).is(200)
	})
	t.Run("S198 the same code again, or of an older step after a newer", func(t *testing.T) {
		h, g, _ := ready(t)
		older := g.code()
		code := g.code()
		h.client().verify(h.client().asked("ana@example.com"), "totp", code).is(200)
		h.client().verify(h.client().asked("ana@example.com"), "totp", code).fails(401, "invalid_credentials")
		h.client().verify(h.client().asked("ana@example.com"), "totp", older).fails(401, "invalid_credentials")
	})
	t.Run("S199 one code from many at once counts once", func(t *testing.T) {
		h, g, _ := ready(t)
		challenges := make([]string, 5)
		for i := range challenges {
			challenges[i] = h.client().asked("ana@example.com")
		}
		code := g.code()
		statuses := make([]int, len(challenges))
		var all sync.WaitGroup
		for i, challenge := range challenges {
			all.Go(func() { statuses[i] = h.client().verify(challenge, "totp", code).status })
		}
		all.Wait()
		if n := len(slices.DeleteFunc(statuses, func(s int) bool { return s != 200 })); n != 1 {
			t.Errorf("%d got in", n)
		}
	})
	t.Run("S200 five wrong ones lock, over all attempts, for a while, and are told once", func(t *testing.T) {
		h, g, _ := ready(t)
		for range 5 {
			c := h.client()
			c.verify(c.asked("ana@example.com"), "totp", wrong(g.code())).fails(401, "invalid_credentials")
		}
		c := h.client()
		challenge := c.asked("ana@example.com")
		for range 3 {
			a := c.verify(challenge, "totp", g.code()).fails(429, "mfa_locked")
			if a.header.Get("Retry-After") == "" {
				t.Errorf("%v", a.header)
			}
		}
		if n := h.told(cloakroom.FactorLocked); n != 1 {
			t.Errorf("told %d times", n)
		}
		h.pass(15 * time.Minute)
		c.verify(c.asked("ana@example.com"), "totp", wrong(g.code())).fails(401, "invalid_credentials") // counting begins anew
		c.verify(c.asked("ana@example.com"), "totp", g.code()).is(200)
	})
	t.Run("S201 the lock holds for a step-up as well", func(t *testing.T) {
		h, g, codes := ready(t)
		c := h.client()
		c.verify(c.asked("ana@example.com"), "totp", g.code()).is(200)
		h.pass(10 * time.Minute)
		c.do("DELETE", "/auth/factors/totp", "").fails(401, "step_up_required")
		step := func(code, method string) answer {
			first := c.verify(c.post("/auth/step-up", "").challenged(), "password", password).challenged()
			return c.verify(first, method, code)
		}
		for range 5 {
			step(wrong(g.code()), "totp").fails(401, "invalid_credentials")
		}
		step(g.code(), "totp").fails(429, "mfa_locked")
		step(codes[0], "recovery_code").fails(429, "mfa_locked")
		other := h.client()
		other.verify(other.asked("ana@example.com"), "totp", g.code()).fails(429, "mfa_locked")
		if !c.signedIn() {
			t.Error("the session ended")
		}
	})
	t.Run("S202 a challenge that is old, used, or of somebody who was banned", func(t *testing.T) {
		h, g, _ := ready(t)
		c := h.client()
		old := c.asked("ana@example.com")
		h.pass(5 * time.Minute)
		c.verify(old, "totp", g.code()).fails(401, "invalid_challenge")
		used := c.asked("ana@example.com")
		c.verify(used, "totp", g.code()).is(200)
		c.verify(used, "totp", g.code()).fails(401, "invalid_challenge")
		c.verify("crt_junk", "totp", g.code()).fails(401, "invalid_challenge")
		pending := h.client().asked("ana@example.com")
		if err := h.auth.Users().Ban(t.Context(), h.account("ana@example.com").ID); err != nil {
			t.Fatal(err)
		}
		late := h.client()
		late.verify(pending, "totp", g.code()).fails(403, "user_banned")
		if len(late.cookies) != 0 {
			t.Error("a cookie")
		}
	})
	t.Run("S204 a recovery code works once, in any spelling", func(t *testing.T) {
		h, g, codes := ready(t)
		c := h.client()
		typed := strings.ToLower(strings.ReplaceAll(codes[3], "-", " "))
		c.verify(c.asked("ana@example.com"), "recovery_code", typed).is(200)
		if left := c.factor("recovery_code")["about"].(map[string]any)["remaining"]; left != 9.0 || h.told(cloakroom.RecoveryCodeUsed) != 1 {
			t.Errorf("%v left", left)
		}
		c.verify(c.asked("ana@example.com"), "recovery_code", codes[3]).fails(401, "invalid_credentials")
		t.Run("S205 new ones put the old out of force", func(t *testing.T) {
			c.verify(c.asked("ana@example.com"), "totp", g.code()).is(200)
			fresh := c.post("/auth/factors/recovery-codes", "").is(200).private().strings("recovery_codes")
			if len(fresh) != 10 || !c.signedIn() {
				t.Fatalf("%d codes", len(fresh))
			}
			other := h.client()
			other.verify(other.asked("ana@example.com"), "recovery_code", codes[4]).fails(401, "invalid_credentials")
			other.verify(other.asked("ana@example.com"), "recovery_code", fresh[4]).is(200)
		})
	})
	t.Run("a method that is not asked for, and what says nothing", func(t *testing.T) {
		h, _, _ := ready(t)
		c := h.client()
		challenge := c.asked("ana@example.com")
		c.verify(challenge, "password", password).blames("method", "unknown_value")
		c.post("/auth/login/verify", body("challenge", challenge, "method", "totp")).blames("code", "required")
		c.post("/auth/login/verify", body("challenge", challenge, "method", "totp", "code", "1", "response", map[string]any{})).blames("code", "ambiguous")
	})
	t.Run("a remembered device is not asked again, is listed, and can be forgotten", func(t *testing.T) {
		h, g, _ := ready(t)
		c := h.client()
		c.post("/auth/login/verify", body("challenge", c.asked("ana@example.com"), "method", "totp", "code", g.code(), "remember_device", true)).is(200)
		c.post("/auth/logout", "").is(204)
		c.login("ana@example.com", "")
		if !c.signedIn() {
			t.Fatal("asked again")
		}
		c.do("DELETE", "/auth/factors/totp", "").fails(401, "step_up_required") // it stands in for no second factor
		if got := h.client().asked("ana@example.com"); got == "" {
			t.Error("another browser is not asked")
		}
		first := c.verify(c.post("/auth/step-up", "").challenged(), "password", password).challenged()
		c.verify(first, "totp", g.code()).is(200)
		c.do("DELETE", "/auth/factors/"+c.factor("device")["id"].(string), "").is(200)
		if !c.signedIn() || c.factor("device") != nil {
			t.Error("the session ended, or the device is there")
		}
		c.post("/auth/logout", "").is(204)
		c.asked("ana@example.com")
	})
}

func TestStepUp(t *testing.T) {
	h := home(t)
	c := h.newcomer("ana@example.com")
	g, _ := c.enrol()
	h.pass(10 * time.Minute)
	t.Run("S228 a session that is not fresh is unlocked by a fresh proof, with a new token, as the same session", func(t *testing.T) {
		a := c.do("DELETE", "/auth/factors/recovery_code", "").fails(401, "step_up_required")
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", acr_values="2", max_age="600"` {
			t.Errorf("WWW-Authenticate %s", got)
		}
		id, old := c.get("/auth/me").str("session_id"), c.again()
		challenge := c.post("/auth/step-up", "").challenged("password", "mail_code")
		next := c.verify(challenge, "password", password).challenged("totp", "recovery_code")
		done := c.verify(next, "totp", g.code()).is(200).private()
		if done.str("session", "id") != id || !c.signedIn() || old.signedIn() {
			t.Errorf("%s", done.text)
		}
		c.do("DELETE", "/auth/factors/recovery_code", "").is(200)
		h.pass(10 * time.Minute)
		c.post("/auth/factors", `{"method":"passkey"}`).fails(401, "step_up_required")
	})
	t.Run("by mail", func(t *testing.T) {
		challenge := c.post("/auth/step-up", "").challenged()
		h.pass(2 * time.Minute)
		c.post("/auth/mailcode", body("challenge", challenge)).is(202)
		code := authtest.Code(h.outbox.WaitFor(t, "ana@example.com", "mailcode"))
		old := c.again()
		next := c.opens("challenge", challenge, "code", code).challenged("totp")
		c.verify(next, "totp", g.code()).is(200)
		if !c.signedIn() || old.signedIn() {
			t.Error("the token was not renewed")
		}
	})
	t.Run("it is for the session that began it", func(t *testing.T) {
		challenge := c.post("/auth/step-up", "").challenged()
		h.client().verify(challenge, "password", password).fails(401, "unauthenticated")
		h.newcomer("eve@example.com").verify(challenge, "password", password).fails(401, "invalid_challenge")
		h.client().post("/auth/mailcode", body("challenge", challenge)).fails(401, "unauthenticated")
		h.client().post("/auth/step-up", "").fails(401, "unauthenticated")
	})
}

func TestDemandedFactor(t *testing.T) {
	h := home(t, func(c *cloakroom.Config) { c.MFA.All = true })
	c := h.newcomer("ana@example.com")
	for _, path := range []string{"/auth/me", "/auth/user", "/auth/sessions", "/auth/factors", "/auth/activity"} {
		c.get(path).is(200)
	}
	held := func(status int, code string) {
		t.Helper()
		for path, a := range map[string]answer{
			"token":  c.post("/auth/token", body("audience", "https://else.example.com")),
			"export": c.get("/auth/user/export"),
			"patch":  c.do("PATCH", "/auth/user", body("name", "Ana Lu")),
			"e-mail": c.post("/auth/email/change", body("email", "new@example.com")),
		} {
			if a.status/100 != status/100 || code != "" && a.at("code") != code {
				t.Errorf("%s: %d %v, want %d %s", path, a.status, a.at("code"), status, code)
			}
		}
	}
	held(401, "step_up_required")
	a := c.post("/auth/password/change", body("current_password", password, "password", "another "+password)).fails(401, "step_up_required")
	if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", acr_values="2"` {
		t.Errorf("WWW-Authenticate %s", got)
	}
	c.enrol()
	held(200, "")
	c.do("DELETE", "/auth/factors/totp", "").is(200)
	held(401, "step_up_required")
	c.enrol()
	c.post("/auth/password/change", body("current_password", password, "password", "another "+password)).is(200)
}

func TestRemoveFactor(t *testing.T) {
	h := home(t, func(c *cloakroom.Config) { c.MailCode.Allowed = false })
	c := h.newcomer("ana@example.com")
	c.do("DELETE", "/auth/factors/password", "").fails(409, "last_method")
	c.do("DELETE", "/auth/factors/totp", "").fails(404, "not_found")
	c.do("PATCH", "/auth/factors/totp", `{"name":"x"}`).fails(404, "not_found")
	g, codes := c.enrol()
	c.do("PATCH", "/auth/factors/totp", `{"name":"x"}`).blames("name", "not_allowed") // there is only one
	c.do("PATCH", "/auth/factors/totp", body("name", strings.Repeat("x", 101))).blames("name", "too_long")
	c.do("PATCH", "/auth/factors/totp", `{}`).blames("name", "required")
	other := h.client()
	other.verify(other.asked("ana@example.com"), "totp", g.code()).is(200)
	eve := h.newcomer("eve@example.com")
	eve.do("DELETE", "/auth/factors/totp", "").fails(404, "not_found")

	old := c.again()
	c.do("DELETE", "/auth/factors/totp", "").is(200)
	if !c.signedIn() || other.signedIn() || old.signedIn() || c.get("/auth/me").at("mfa_enabled") != false || c.factor("recovery_code") != nil {
		t.Error("the others live on, or something of it is left")
	}
	h.client().login("ana@example.com", "").is(200)
	if len(codes) != 10 {
		t.Error("no codes")
	}
	h.outbox.WaitFor(t, "ana@example.com", "notice")
}

// interrupted are recovery codes in whose making something else happens once.
type interrupted struct {
	recovery.Method
	by *func()
}

func (m interrupted) Generate(ctx context.Context, user cloakroom.User) ([]string, []byte, error) {
	if by := *m.by; by != nil {
		*m.by = nil
		by()
	}
	return m.Method.Generate(ctx, user)
}

// codesAtOnce asks for recovery codes while others are made.
func codesAtOnce(t *testing.T) *world {
	by := func() {}
	h := home(t, func(c *cloakroom.Config) {
		c.SecondFactors[len(c.SecondFactors)-1] = interrupted{by: &by}
	})
	c := h.newcomer("ana@example.com")
	c.enrol()
	var fresh []string
	by = func() { fresh = c.again().post("/auth/factors/recovery-codes", "").is(200).strings("recovery_codes") }
	if a := c.post("/auth/factors/recovery-codes", "").fails(409, "factor_exists"); a.at("recovery_codes") != nil {
		t.Error("codes were told all the same")
	}
	d := h.client()
	d.verify(d.asked("ana@example.com"), "recovery_code", fresh[0]).is(200)
	return h.world
}

func TestRecoveryCodesAtOnce(t *testing.T) { codesAtOnce(t) }
