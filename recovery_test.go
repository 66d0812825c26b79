package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestReset(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T, c cloakroom.Config) (*postal, *cloakroom.User) {
			p := newPostal(t, onRealm(store, c))
			return p, p.User("ana@example.com")
		}
		t.Run("S143 V88 it ends all sessions, those with refresh tokens too, and opens none", func(t *testing.T) {
			p, ana := ready(t, cloakroom.Config{Token: cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{cloakroom.Opaque, cloakroom.Signed}}})
			by, program := p.browser(), p.program()
			by.signIn(ana.Email)
			program.signIn(ana.Email)
			signed, err := p.SignIn(httptest.NewRecorder(), p.program().request(), cloakroom.SignIn{
				Email: ana.Email, Secret: authtest.Secret, Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Signed},
			})
			done(t, err)
			token := askReset(p, ana.Email)
			p.Forget()
			done(t, p.ResetPassword(by.request(), token, nextSecret))
			p.happened(cloakroom.PasswordReset, cloakroom.SessionRevoked, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
			by.answers(http.StatusUnauthorized, "a browser, also that of the reset")
			program.answers(http.StatusUnauthorized, "a program")
			p.program().holding(signed.Tokens.Access.Reveal()).answers(http.StatusUnauthorized, "a signed token")
			_, err = p.Refresh(httptest.NewRecorder(), p.program().request(), signed.Tokens.Refresh.Reveal())
			fails(t, err, cloakroom.ErrInvalidRefresh, "its refresh token")
			if len(p.listed(ana.ID)) > 0 {
				t.Error("sessions are left")
			}
			fails(t, second(p.browser().trySignIn(ana.Email, authtest.Secret)), cloakroom.ErrInvalidCredentials, "the old password")
			done(t, second(p.browser().trySignIn(ana.Email, nextSecret)))
		})
		t.Run("S143 S-19 the second factor is still asked for", func(t *testing.T) {
			p, ana := ready(t, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
			p.enrolled(ana, "totp")
			done(t, p.ResetPassword(p.browser().request(), askReset(p, ana.Email), nextSecret))
			d := p.browser()
			g, err := d.trySignIn(ana.Email, nextSecret)
			if err != nil || g.Session != nil || g.Challenge == nil {
				t.Fatalf("granted %+v, %v", g, err)
			}
			done(t, second(d.answer(g.Challenge, "totp", "totp")))
			d.answers(http.StatusOK, "after both")
		})
		t.Run("V87 it proves the e-mail", func(t *testing.T) {
			p := newPostal(t, onRealm(store, cloakroom.Config{VerifyFirst: true}))
			ana := p.unverified("ana@example.com")
			done(t, p.ResetPassword(p.browser().request(), askReset(p, ana.Email), nextSecret))
			d := p.browser()
			done(t, second(d.trySignIn(ana.Email, nextSecret)))
			if !d.live().User.EmailVerified {
				t.Error("it is not verified")
			}
		})
		t.Run("V83 V86 a password that cannot be taken leaves all as it is, the link too", func(t *testing.T) {
			p, ana := ready(t, cloakroom.Config{})
			d := p.browser()
			d.signIn(ana.Email)
			token := askReset(p, ana.Email)
			for secret, code := range map[string]string{"": "required", "short": "password_too_short", strings.Repeat("x", 5000): "password_too_long"} {
				field(t, p.ResetPassword(p.browser().request(), token, secret), "password", code, "a reset")
			}
			d.answers(http.StatusOK, "the session")
			done(t, p.ResetPassword(p.browser().request(), token, nextSecret))
			fails(t, p.ResetPassword(p.browser().request(), token, nextSecret), cloakroom.ErrInvalidLink, "again")
		})
		t.Run("V90 it is good for an hour, whatever the other links are good for", func(t *testing.T) {
			p, ana := ready(t, cloakroom.Config{})
			token := askReset(p, ana.Email)
			p.Clock.Advance(time.Hour)
			fails(t, p.ResetPassword(p.browser().request(), token, nextSecret), cloakroom.ErrExpiredLink, "after an hour")
		})
		t.Run("an address that the account no longer has resets nothing", func(t *testing.T) {
			p, ana := ready(t, cloakroom.Config{})
			token := askReset(p, ana.Email)
			_, err := p.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Email = "new@example.com"; return nil })
			done(t, err)
			fails(t, p.ResetPassword(p.browser().request(), token, nextSecret), cloakroom.ErrInvalidLink, "the link")
			p.browser().signIn("new@example.com")
		})
		t.Run("another site cannot, a veto can, and both leave the link good", func(t *testing.T) {
			var refuse error
			p, ana := ready(t, cloakroom.Config{Veto: func(_ context.Context, e cloakroom.Event) error {
				if e.Type == cloakroom.PasswordReset {
					return refuse
				}
				return nil
			}})
			token := askReset(p, ana.Email)
			r := p.browser().request()
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			fails(t, p.ResetPassword(r, token, nextSecret), cloakroom.ErrCrossOrigin, "another site")
			refuse = errors.New("not today")
			fails(t, p.ResetPassword(p.browser().request(), token, nextSecret), cloakroom.ErrForbidden, "a veto")
			refuse = nil
			done(t, p.ResetPassword(p.browser().request(), token, nextSecret))
		})
		t.Run("who must reset is sent the mail by the right password alone", func(t *testing.T) {
			p, ana := ready(t, cloakroom.Config{})
			done(t, p.Users().RequireReset(t.Context(), ana.ID))
			p.token(ana.Email, "reset_password")
			p.Clock.Advance(time.Minute)
			fails(t, second(p.browser().trySignIn(ana.Email, "wrong")), cloakroom.ErrInvalidCredentials, "a wrong password")
			p.gets(ana.Email, "notice", "reset_password")
			fails(t, second(p.browser().trySignIn(ana.Email, authtest.Secret)), cloakroom.ErrResetRequired, "the right one")
			done(t, p.ResetPassword(p.browser().request(), p.token(ana.Email, "reset_password"), nextSecret))
			done(t, second(p.browser().trySignIn(ana.Email, nextSecret)))
		})
	})
}

// Who must reset hears so where there is no mail, too.
func TestResetRequiredWithoutMail(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	done(t, w.Users().RequireReset(t.Context(), ana.ID))
	fails(t, second(w.browser().trySignIn(ana.Email, authtest.Secret)), cloakroom.ErrResetRequired, "the right password")
	fails(t, w.ForgotPassword(w.browser().request(), ana.Email), cloakroom.ErrNotFound, "a forgotten password")
	fails(t, w.RequestVerification(w.browser().request(), ana.Email), cloakroom.ErrNotFound, "a verification")
	s, r, _ := (&postal{world: w}).admitted(ana.Email)
	fails(t, w.RequestEmailChange(r, s, "new@example.com"), cloakroom.ErrNotFound, "a change of e-mail")
	_, err := w.SendCode(httptest.NewRecorder(), w.browser().request(), cloakroom.CodeRequest{Email: ana.Email})
	fails(t, err, cloakroom.ErrNotFound, "a code")
}

// What cannot be an address is refused; mails that are asked for are counted by where from, not by whose.
func TestAskingForMail(t *testing.T) {
	p := newPostal(t, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}, Limits: cloakroom.Limits{Begin: cloakroom.Rate{Max: 3, Window: time.Hour}}})
	asks := map[string]func(*device, string) error{
		"reset":  func(d *device, to string) error { return p.ForgotPassword(d.request(), to) },
		"verify": func(d *device, to string) error { return p.RequestVerification(d.request(), to) },
		"code": func(d *device, to string) error {
			return second(p.SendCode(httptest.NewRecorder(), d.request(), cloakroom.CodeRequest{Email: to}))
		},
	}
	i := 0
	for what, ask := range asks {
		for _, junk := range []string{"ana", "a@b.com,c@d.com", "a@b.com\r\nBcc: c@d.com", strings.Repeat("a", 300) + "@b.com", "@"} {
			field(t, ask(p.browser(), junk), "email", "invalid_email", what)
		}
		field(t, ask(p.browser(), " "), "email", "required", what)
		i++
		d := p.from(fmt.Sprintf("192.0.2.%d", i))
		for n := range 3 {
			done(t, ask(d, fmt.Sprintf("%s%d@example.com", what, n)))
		}
		limited(t, ask(d, "one.more@example.com"), what)
	}
}

// S145: an account without a password is given its first one, once.
func TestSetPassword(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		p := newPostal(t, onRealm(store, cloakroom.Config{}))
		ana, err := p.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", EmailVerified: true})
		done(t, err)
		_, _, other := p.admitted(ana.Email)
		s, _, d := p.admitted(ana.Email)
		set := func(s *cloakroom.Session, secret string) error {
			return second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return p.SetPassword(w, r, s, secret)
			}))
		}
		field(t, set(s, "short"), "password", "password_too_short", "a weak one")
		p.Forget()
		done(t, set(s, nextSecret))
		p.happened(cloakroom.PasswordSet, cloakroom.SessionRenewed, cloakroom.SessionRevoked)
		d.answers(http.StatusOK, "this session")
		other.answers(http.StatusUnauthorized, "the other one")
		done(t, second(p.browser().trySignIn(ana.Email, nextSecret)))
		fails(t, set(d.live(), authtest.Secret), cloakroom.ErrPasswordSet, "S145 a second time")
		fails(t, set(nil, nextSecret), cloakroom.ErrUnauthenticated, "nobody")
		guest := p.browser()
		fails(t, set(guest.begin(), nextSecret), cloakroom.ErrUnauthenticated, "a guest")
		p.gets(ana.Email, "notice")
	})
}

// Links lead to BaseURL, whatever host a request names, and to the pages that the app has for them.
func TestLinksLeadHome(t *testing.T) {
	p := newPostal(t, cloakroom.Config{
		MailCode: cloakroom.MailCodePolicy{Allowed: true},
		Mail:     cloakroom.MailPolicy{Links: map[string]string{"reset_password": "/account?page=reset"}},
	})
	ana, bob := p.User("ana@example.com"), p.unverified("bob@example.com")
	evil := func() *http.Request {
		r := p.browser().request()
		r.Host = "evil.example"
		for _, name := range []string{"Host", "X-Forwarded-Host", "Forwarded", "X-Original-Host", "Origin", "Referer"} {
			r.Header.Set(name, "evil.example")
		}
		r.Header.Del("Origin")
		return r
	}
	done(t, p.ForgotPassword(evil(), ana.Email))
	done(t, p.RequestVerification(evil(), bob.Email))
	_, err := p.SendCode(httptest.NewRecorder(), evil(), cloakroom.CodeRequest{Email: ana.Email})
	done(t, err)
	p.browser().signIn(ana.Email)
	p.elsewhere().signIn(ana.Email)
	for to, links := range map[string]map[string]string{
		ana.Email: {
			"reset_password": "http://localhost/account?page=reset&token=crt_",
			"mailcode":       "http://localhost/auth/mailcode/verify?token=crt_",
			"notice":         "http://localhost/auth/disown?token=crt_",
		},
		bob.Email: {"verify_email": "http://localhost/auth/email/verify?token=crt_"},
	} {
		for letter, want := range links {
			m := p.box.WaitFor(t, to, letter)
			if !strings.HasPrefix(authtest.Link(m), want) || strings.Contains(m.Text+m.HTML, "evil") {
				t.Errorf("%s leads to %s", letter, authtest.Link(m))
			}
		}
	}
}

// A mail is in its reader's language, or the one of the service, or English.
func TestLocale(t *testing.T) {
	greetings := map[string]string{"en": "Hello", "de": "Guten Tag", "fr": "Bonjour", "es": "Hola"}
	for fallback, want := range map[string][]string{"": {"de", "fr", "en", "en"}, "es": {"de", "fr", "es", "es"}} {
		p := newPostal(t, cloakroom.Config{Mail: cloakroom.MailPolicy{Locale: fallback, Site: "Wardrobe"}})
		for i, locale := range []string{"de-CH", "fr", "", "fi"} {
			u, err := p.Users().Create(t.Context(), cloakroom.NewUser{Email: fmt.Sprintf("u%d@example.com", i), Locale: locale})
			done(t, err)
			done(t, p.ForgotPassword(p.browser().request(), u.Email))
			if m := p.box.WaitFor(t, u.Email, "reset_password"); m.Locale != want[i] || !strings.Contains(m.Subject, "Wardrobe") || !strings.HasPrefix(m.Text, greetings[want[i]]) {
				t.Errorf("%q with %q: in %q: %s\n%s", locale, fallback, m.Locale, m.Subject, m.Text)
			}
		}
	}
}
