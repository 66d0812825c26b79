package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// lacksFactor checks for the error that asks for a second factor.
func lacksFactor(t testing.TB, err error, what string) {
	t.Helper()
	if s, ok := errors.AsType[*cloakroom.StepUpError](err); !ok || !s.MFA || s.MaxAge != 0 {
		t.Errorf("%s: error %v, want a second factor", what, err)
	}
}

func TestMFAPolicy(t *testing.T) {
	ready := func(t *testing.T, p cloakroom.MFAPolicy, roles ...string) (*world, *cloakroom.User, *device) {
		w := guarded(t, cloakroom.Config{MFA: p, RoleIncludes: map[string][]string{"owner": {"admin"}}})
		ana := w.User("ana@example.com", roles...)
		d := w.browser()
		d.signIn(ana.Email)
		return w, ana, d
	}
	t.Run("S-13 of all: who has no second factor can add one and do nothing else", func(t *testing.T) {
		w, ana, d := ready(t, cloakroom.MFAPolicy{All: true})
		answer := d.asks()
		if told := answer.Header().Get("WWW-Authenticate"); answer.Code != http.StatusUnauthorized || told != `Bearer error="insufficient_user_authentication", acr_values="2"` {
			t.Errorf("Protect answers %d, %s", answer.Code, told)
		}
		_, err := w.Enter(httptest.NewRecorder(), d.request())
		lacksFactor(t, err, "Enter")
		lacksFactor(t, d.live().Meets(), "Meets")
		lacksFactor(t, d.live().Meets(cloakroom.Role()), "Meets with a role")
		answer = httptest.NewRecorder()
		w.Require()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("Require let it in") })).ServeHTTP(answer, d.request())
		if answer.Code != http.StatusUnauthorized {
			t.Errorf("Require answers %d", answer.Code)
		}
		d.gets(http.StatusOK, "what anybody may", cloakroom.AnyLevel)
		d.gets(http.StatusOK, "to add one", cloakroom.Sensitive, cloakroom.AnyLevel)
		d.gets(http.StatusUnauthorized, "two factors, whatever the policy", cloakroom.MFA, cloakroom.AnyLevel)
		d.gets(http.StatusForbidden, "a role beside AnyLevel", cloakroom.AnyLevel, cloakroom.Role("admin"))
		seen := false
		w.Optional(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { seen = s != nil }).ServeHTTP(httptest.NewRecorder(), d.request())
		if !seen {
			t.Error("Optional, which lets everybody in, did not give the session")
		}

		app, _ := d.addTOTP()
		d.answers(http.StatusOK, "with a second factor")
		e := w.browser()
		e.signInBoth(ana.Email, app)
		e.answers(http.StatusOK, "in the next session")
		w.Clock.Advance(1)
		done(t, e.remove("totp"))
		f := w.browser()
		f.signIn(ana.Email)
		f.answers(http.StatusUnauthorized, "without it again")
	})
	t.Run("S-13 of a role, also one that another brings along, from the next request on", func(t *testing.T) {
		for _, role := range []string{"admin", "owner"} {
			w, ana, d := ready(t, cloakroom.MFAPolicy{Roles: []string{"admin"}}, "editor")
			d.answers(http.StatusOK, "without the role")
			done(t, second(w.Users().SetRoles(t.Context(), ana.ID, role)))
			d.answers(http.StatusUnauthorized, "with the role "+role)
			d.addPasskey(authtest.NewPasskey(t, site), "")
			d.answers(http.StatusOK, "and a second factor")
		}
	})
	t.Run("S-13 who signs up is held to it", func(t *testing.T) {
		w, _, _ := ready(t, cloakroom.MFAPolicy{All: true})
		d := w.browser()
		done(t, second(d.signUp(cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret})))
		d.answers(http.StatusUnauthorized, "a new account")
		d.addTOTP()
		d.answers(http.StatusOK, "with a second factor")
	})
	t.Run("a device that is remembered meets it, and what needs two factors does not open", func(t *testing.T) {
		w, ana, d := ready(t, cloakroom.MFAPolicy{All: true})
		app, _ := d.addTOTP()
		d.trusting(ana.Email, app)
		d.leave()
		d.signIn(ana.Email)
		if s := d.live(); s.Level != 1 {
			t.Errorf("level %d", s.Level)
		}
		d.answers(http.StatusOK, "a plain page")
		d.gets(http.StatusUnauthorized, "two factors", cloakroom.MFA)
		d.gets(http.StatusUnauthorized, "what is sensitive", cloakroom.Sensitive)
		other := w.browser()
		other.admitted(ana, 1)
		other.answers(http.StatusUnauthorized, "one factor without a device")
	})
	t.Run("a passkey meets it alone; so does an app's own word", func(t *testing.T) {
		w, ana, d := ready(t, cloakroom.MFAPolicy{All: true})
		p := authtest.NewPasskey(t, site)
		d.addPasskey(p, "")
		e := w.browser()
		c := e.byPasskey()
		done(t, second(e.answer(c, "passkey", p.Get(c.Offer))))
		e.answers(http.StatusOK, "by a passkey")
		e = w.browser()
		e.admitted(ana, 2)
		e.answers(http.StatusOK, "admitted by two")
	})
	t.Run("a session that took the last second factor away has none to show any more", func(t *testing.T) {
		for _, kind := range []string{"totp", "passkey"} {
			_, ana, d := ready(t, cloakroom.MFAPolicy{All: true})
			id := kind
			if kind == "totp" {
				d.addTOTP()
			} else {
				d.addPasskey(authtest.NewPasskey(t, site), "")
				id = d.factorID(ana.ID, kind)
			}
			d.answers(http.StatusOK, "with "+kind)
			done(t, d.remove(id))
			d.answers(http.StatusUnauthorized, "without "+kind)
			d.gets(http.StatusOK, "to add one", cloakroom.Sensitive, cloakroom.AnyLevel)
			d.addTOTP()
			d.answers(http.StatusOK, "with another")
		}
	})
	t.Run("of several second factors one may go", func(t *testing.T) {
		_, _, d := ready(t, cloakroom.MFAPolicy{All: true})
		d.addTOTP()
		d.addPasskey(authtest.NewPasskey(t, site), "")
		done(t, d.remove("totp"))
		d.answers(http.StatusOK, "with the one that is left")
	})
	t.Run("what takes a session holds it to the policy without a guard", func(t *testing.T) {
		w := guarded(t, cloakroom.Config{MFA: cloakroom.MFAPolicy{All: true}, BaseURL: site, Mailer: &authtest.Outbox{}})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		s := d.live()
		_, issued := w.Issue(t.Context(), s, "https://else.example.com")
		_, set := w.SetPassword(httptest.NewRecorder(), d.request(), s, nextSecret)
		for what, err := range map[string]error{
			"Issue": issued, "RequestEmailChange": w.RequestEmailChange(d.request(), s, "new@example.com"), "SetPassword": set,
		} {
			lacksFactor(t, err, what)
		}
		d.addTOTP()
		done(t, second(w.Issue(t.Context(), d.live(), "https://else.example.com")))
		guest, err := w.Begin(httptest.NewRecorder(), w.browser().request())
		done(t, err)
		done(t, second(w.Issue(t.Context(), guest, "")))
	})
	t.Run("nobody is held to none", func(t *testing.T) {
		_, _, d := ready(t, cloakroom.MFAPolicy{}, "admin")
		d.answers(http.StatusOK, "without a policy")
	})
}
