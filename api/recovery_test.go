package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	passwords "github.com/cloakroom-auth/cloakroom/method/password"
)

const fresh = "another horse battery" // a new password

func TestForgottenPassword(t *testing.T) {
	forgot := func(h *house, email string) answer {
		return h.client().with(fixedRequest, "one").post("/auth/password/forgot", body("email", email))
	}
	t.Run("S140 V81 whoever asks gets the same answer, and only who is there a mail", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		if err := h.auth.Users().Ban(t.Context(), h.resident("banned@example.com")); err != nil {
			t.Fatal(err)
		}
		gone := h.newcomer("gone@example.com")
		gone.do("DELETE", "/auth/user", "").is(202)
		h.outbox.WaitFor(t, "gone@example.com", "deletion")
		want := forgot(h, "ana@example.com").is(202)
		for _, email := range []string{"nobody@example.com", "banned@example.com", "gone@example.com", " ANA@example.com"} {
			a := forgot(h, email)
			a.header.Del("Date")
			want.header.Del("Date")
			if a.status != want.status || a.text != want.text || len(a.header) != len(want.header) {
				t.Errorf("%s: %d %v %s", email, a.status, a.header, a.text)
			}
		}
		h.outbox.WaitFor(t, "ana@example.com", "reset_password")
		for _, email := range []string{"nobody@example.com", "banned@example.com", "gone@example.com"} {
			h.nothingMailed(email, "reset_password")
		}
	})
	reset := func(h *house, token, secret string) answer {
		return h.client().post("/auth/password/reset", body("token", token, "password", secret))
	}
	t.Run("forgot, reset, sign in", func(t *testing.T) {
		h := home(t)
		id := h.resident("ana@example.com")
		before, app := h.in("ana@example.com"), h.client()
		app.bearing("ana@example.com")
		forgot(h, "ana@example.com").is(202)
		token := h.link("ana@example.com", "reset_password")
		t.Run("V83 a password that breaks the rules leaves everything as it is, and the token good", func(t *testing.T) {
			account := *h.account("ana@example.com")
			reset(h, token, "1234567").blames("password", "password_too_short")
			reset(h, token, "password1").blames("password", "password_common")
			if now := h.account("ana@example.com"); now.Revision != account.Revision || !before.signedIn() {
				t.Error("something changed")
			}
		})
		a := reset(h, token, fresh).is(200)
		if a.str("status") != "password_reset" || a.header.Get("Cache-Control") != "no-store" || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%v %s", a.header, a.text)
		}
		t.Run("S143 V88 every session is over", func(t *testing.T) {
			if before.signedIn() || app.signedIn() {
				t.Error("a session lives on")
			}
		})
		t.Run("S142 V86 the token again", func(t *testing.T) { reset(h, token, "yet "+fresh).fails(410, "invalid_link") })
		h.client().post("/auth/login", body("email", "ana@example.com", "password", password)).fails(401, "invalid_credentials")
		h.client().post("/auth/login", body("email", "ana@example.com", "password", fresh)).is(200)
		if u, err := h.auth.Users().Get(context.Background(), id); err != nil || !u.EmailVerified {
			t.Errorf("%+v, %v", u, err)
		}
		h.outbox.WaitFor(t, "ana@example.com", "notice")
	})
	t.Run("S141 a second mail puts the first token out of force", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		forgot(h, "ana@example.com")
		first := h.link("ana@example.com", "reset_password")
		h.pass(2 * time.Minute)
		forgot(h, "ana@example.com")
		second := h.link("ana@example.com", "reset_password")
		reset(h, first, fresh).fails(410, "invalid_link")
		reset(h, second, fresh).is(200)
	})
	t.Run("S142 V90 an hour later it is too old", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		forgot(h, "ana@example.com")
		token := h.link("ana@example.com", "reset_password")
		h.pass(time.Hour)
		reset(h, token, fresh).fails(410, "expired_link")
		h.client().login("ana@example.com", "")
	})
	t.Run("S143 the second factor is still asked for", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		g, _ := h.in("ana@example.com").enrol()
		forgot(h, "ana@example.com")
		reset(h, h.link("ana@example.com", "reset_password"), fresh).is(200)
		c := h.client()
		challenge := c.post("/auth/login", body("email", "ana@example.com", "password", fresh)).challenged("totp", "recovery_code")
		if len(c.cookies) != 0 {
			t.Error("a cookie before the second factor")
		}
		c.verify(challenge, "totp", g.code()).is(200)
	})
	t.Run("V87 an e-mail that was not verified is by the reset", func(t *testing.T) {
		h := home(t)
		h.user("ana@example.com")
		forgot(h, "ana@example.com")
		reset(h, h.link("ana@example.com", "reset_password"), fresh).is(200)
		if !h.account("ana@example.com").EmailVerified {
			t.Error("it is not")
		}
	})
	t.Run("S144 S182 following a link changes nothing and tells nobody the address", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		forgot(h, "ana@example.com")
		token := h.link("ana@example.com", "reset_password")
		for _, path := range []string{"/email/verify", "/email/confirm", "/password/reset", "/mailcode/verify", "/user/keep", "/disown"} {
			address := "/auth" + path + "?token=" + token
			for _, method := range []string{"GET", "HEAD", "PUT"} {
				a := h.client().do(method, address, "").is(405)
				if a.header.Get("Allow") != "POST" || a.header.Get("Referrer-Policy") != "no-referrer" {
					t.Errorf("%s %s: %v", method, path, a.header)
				}
			}
			a := h.client().post(address, `{}`).is(422) // never read from the address
			if a.header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("POST %s: %v", path, a.header)
			}
		}
		if a := h.client().get("/auth/me"); a.header.Get("Referrer-Policy") != "" {
			t.Error("a path that no link leads to says it too")
		}
		reset(h, token, fresh).is(200)
	})
	t.Run("a page of another site cannot ask a browser to send a text for JSON", func(t *testing.T) {
		h := home(t)
		h.resident("ana@example.com")
		h.client().doAs("text/plain", "POST", "/auth/password/forgot", body("email", "ana@example.com")).fails(415, "unsupported_media_type")
		h.nothingMailed("ana@example.com", "reset_password")
	})
}

func TestChangePassword(t *testing.T) {
	change := func(c *client, current, next string) answer {
		c.w.t.Helper()
		return c.post("/auth/password/change", body("current_password", current, "password", next))
	}
	h := home(t)
	h.resident("ana@example.com")
	t.Run("S136 V89 the others end, this one goes on with a new token", func(t *testing.T) {
		c, other := h.in("ana@example.com"), h.in("ana@example.com")
		old := c.again()
		a := change(c, password, fresh).is(200).private()
		if a.str("status") != "signed_in" || !c.signedIn() || other.signedIn() || old.signedIn() || h.told(cloakroom.CredentialChanged) != 1 {
			t.Errorf("%v %s", a.header, a.text)
		}
		h.client().post("/auth/login", body("email", "ana@example.com", "password", fresh)).is(200)
		h.outbox.WaitFor(t, "ana@example.com", "notice")
		change(c, fresh, password).is(200)
	})
	t.Run("S137 V92 a wrong one is told before the rules are, and is no 401", func(t *testing.T) {
		c := h.in("ana@example.com")
		change(c, "wrong "+password, "short").fails(400, "wrong_answer")
		if !c.signedIn() {
			t.Error("it signed out")
		}
		t.Run("and counts", func(t *testing.T) {
			h := home(t, func(c *cloakroom.Config) { c.Limits.Pair = cloakroom.Rate{Max: 2, Window: time.Hour} })
			h.resident("ana@example.com")
			c := h.in("ana@example.com")
			for range 2 {
				change(c, "wrong "+password, fresh).fails(400, "wrong_answer")
			}
			change(c, password, fresh).fails(429, "rate_limited")
			h.client().post("/auth/login", body("email", "ana@example.com", "password", password)).fails(429, "rate_limited")
		})
	})
	t.Run("S138 the same again", func(t *testing.T) {
		change(h.in("ana@example.com"), password, password).blames("password", "password_unchanged")
	})
	t.Run("S126 V83 a weak one changes nothing", func(t *testing.T) {
		c := h.in("ana@example.com")
		change(c, password, "1234567").blames("password", "password_too_short")
		change(c, password, "ana@example.com").blames("password", "password_context")
		if !c.signedIn() {
			t.Error("the session ended")
		}
		h.client().login("ana@example.com", "")
	})
	t.Run("V93 nobody and a guest: 401, and no session is begun", func(t *testing.T) {
		c := h.client()
		change(c, password, fresh).fails(401, "unauthenticated")
		if len(c.cookies) != 0 {
			t.Error("a cookie")
		}
		c.post("/auth/anonymous", "").is(201)
		change(c, password, fresh).fails(401, "unauthenticated")
	})
	t.Run("S145 an account without a password gets one by a fresh proof, once", func(t *testing.T) {
		h := home(t)
		u, err := h.auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "bea@example.com", EmailVerified: true})
		if err != nil {
			t.Fatal(err)
		}
		c := h.client()
		c.mailIn(h, u.Email)
		set := func() answer { return c.post("/auth/password/set", body("password", fresh)) }
		h.pass(10 * time.Minute)
		a := set().fails(401, "step_up_required")
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", max_age="600"` {
			t.Errorf("WWW-Authenticate %s", got)
		}
		c.mailIn(h, u.Email)
		other := h.client()
		h.pass(time.Minute)
		other.mailIn(h, u.Email)
		c.post("/auth/password/set", body("password", "1234567")).blames("password", "password_too_short")
		set().is(200)
		if !c.signedIn() || other.signedIn() {
			t.Error("this session ended, or another lives on")
		}
		set().fails(409, "password_already_set")
		h.client().post("/auth/login", body("email", u.Email, "password", fresh)).is(200)
	})
}

func TestPasswordLength(t *testing.T) {
	h := home(t)
	for _, c := range []struct {
		row, secret, code string
	}{
		{"V84 seven characters", "zebra-7", "password_too_short"},
		{"V84 eight", "zebra-73", ""},
		{"V84 1,024 bytes", strings.Repeat("zebra-73", 128), ""},
		{"V84 more", strings.Repeat("zebra-73", 128) + "x", "password_too_long"},
		{"V84 a common one", "password1", "password_common"},
	} {
		t.Run(c.row, func(t *testing.T) {
			email := fmt.Sprintf("user%d@example.com", len(c.secret))
			a := h.client().post("/auth/signup", body("email", email, "password", c.secret))
			if c.code != "" {
				a.blames("password", c.code)
				return
			}
			a.is(201)
			h.client().post("/auth/login", body("email", email, "password", c.secret)).is(200)
			t.Run("V85 the last byte counts", func(t *testing.T) {
				h.client().post("/auth/login", body("email", email, "password", c.secret[:len(c.secret)-1]+"4")).fails(401, "invalid_credentials")
			})
		})
	}
}

// mailIn signs in by a code that is mailed.
func (c *client) mailIn(h *house, email string) answer {
	c.w.t.Helper()
	challenge := c.post("/auth/mailcode", body("email", email)).is(202).str("challenge", "id")
	code := authtest.Code(h.outbox.WaitFor(c.w.t, email, "mailcode"))
	return c.post("/auth/mailcode/verify", body("challenge", challenge, "code", code)).is(200)
}

func TestBreachedPassword(t *testing.T) {
	var asked []string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer service.Close()
	known := func(c passwords.Checker) func(*cloakroom.Config) {
		return func(config *cloakroom.Config) {
			m := authtest.Password(t).(passwords.Method)
			m.Breached = c
			config.Methods[0] = m
		}
	}
	t.Run("S127 known from a breach: at sign-up, change, reset and set", func(t *testing.T) {
		h := home(t, known(leaked{fresh}))
		h.resident("ana@example.com")
		c := h.in("ana@example.com")
		h.client().post("/auth/signup", body("email", "bea@example.com", "password", fresh)).blames("password", "password_pwned")
		c.post("/auth/password/change", body("current_password", password, "password", fresh)).blames("password", "password_pwned")
		h.client().post("/auth/password/forgot", body("email", "ana@example.com")).is(202)
		h.client().post("/auth/password/reset", body("token", h.link("ana@example.com", "reset_password"), "password", fresh)).blames("password", "password_pwned")
		if _, err := h.auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "cai@example.com", EmailVerified: true}); err != nil {
			t.Fatal(err)
		}
		c = h.client()
		c.mailIn(h, "cai@example.com")
		c.post("/auth/password/set", body("password", fresh)).blames("password", "password_pwned")
	})
	t.Run("S127 a service that does not answer lets it pass, and was told five digits", func(t *testing.T) {
		h := home(t, known(passwords.Range{URL: service.URL}))
		h.client().post("/auth/signup", body("email", "bea@example.com", "password", fresh)).is(201)
		if len(asked) != 1 || len(asked[0]) != len("/range/")+5 {
			t.Errorf("asked %q", asked)
		}
	})
	t.Run("S128 unless it is to fail closed", func(t *testing.T) {
		h := home(t, known(passwords.Range{URL: service.URL, FailClosed: true}))
		h.client().post("/auth/signup", body("email", "bea@example.com", "password", fresh)).fails(503, "unavailable")
		h.client().post("/auth/login", body("email", "bea@example.com", "password", fresh)).fails(401, "invalid_credentials")
	})
}

// leaked are the passwords that everybody has.
type leaked []string

func (l leaked) Breached(_ context.Context, secret string) (bool, error) {
	for _, one := range l {
		if one == secret {
			return true, nil
		}
	}
	return false, nil
}
