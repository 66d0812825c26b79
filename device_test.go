package cloakroom_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// trusting signs in by both factors and lets the device be remembered.
func (d *device) trusting(email string, app codeApp) {
	d.t.Helper()
	d.Clock.Advance(30 * time.Second)
	c := d.challenge(email)
	g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.Continue(w, r, cloakroom.Answer{Challenge: c.Token.Reveal(), Method: "totp", Secret: app.code(), RememberDevice: true})
	})
	if err != nil || g.Session == nil {
		d.t.Fatalf("sign-in by both: %+v, %v", g, err)
	}
}

// leave drops the session of a device that stays remembered.
func (d *device) leave() { d.token = "" }

func TestRememberedDevice(t *testing.T) {
	const month = 30 * 24 * time.Hour
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		enrolled := func(t *testing.T) (w *world, ana *cloakroom.User, app codeApp) {
			w = ready(t)
			ana = w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			app, _ = d.addTOTP()
			return w, ana, app
		}
		t.Run("is not asked for the second factor for 30 days, if its user wants it so", func(t *testing.T) {
			w, ana, app := enrolled(t)
			plain := w.browser()
			plain.signInBoth(ana.Email, app)
			if plain.trust != "" {
				t.Error("a device is remembered that nobody asked for")
			}
			d := w.browser()
			w.Forget()
			d.trusting(ana.Email, app)
			w.happened(cloakroom.SignInChallenged, cloakroom.SignedIn, cloakroom.DeviceRemembered)
			if s := d.live(); s.Level != 2 {
				t.Errorf("level %d", s.Level)
			}
			d.leave()
			w.Clock.Advance(month - time.Microsecond)
			w.Forget()
			d.signIn(ana.Email)
			w.happened(cloakroom.SignedIn)
			if s := d.live(); s.Level != 1 || !slices.Equal(s.Methods, []string{"password", "device"}) {
				t.Errorf("the session is %+v", s)
			}
			d.leave()
			w.Clock.Advance(time.Microsecond)
			d.challenge(ana.Email)
			plain.leave()
			plain.challenge(ana.Email)
		})
		t.Run("it never is a second factor", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.trusting(ana.Email, app)
			d.leave()
			d.signIn(ana.Email)
			d.answers(http.StatusOK, "a plain page")
			for what, need := range map[string]cloakroom.Requirement{"MFA": cloakroom.MFA, "Sensitive": cloakroom.Sensitive} {
				if told := d.asks(need).Header().Get("WWW-Authenticate"); told != `Bearer error="insufficient_user_authentication", acr_values="2"` {
					t.Errorf("%s answers %q", what, told)
				}
			}
			c, err := d.stepUp() // asks for both, whatever the device
			done(t, err)
			g, err := d.answer(c, "password", authtest.Secret)
			if err != nil || g.Challenge == nil {
				t.Fatalf("after the password: %+v, %v", g, err)
			}
			w.Clock.Advance(30 * time.Second)
			done(t, second(d.answer(c, "totp", app.code())))
			if s := d.live(); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "totp"}) {
				t.Errorf("the session is %+v", s)
			}
		})
		t.Run("it lets nobody in by itself", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.trusting(ana.Email, app)
			d.leave()
			d.answers(http.StatusUnauthorized, "its cookie alone")
			_, err := d.trySignIn(ana.Email, "wrong")
			fails(t, err, cloakroom.ErrInvalidCredentials, "with a wrong password")
			w.browser().holding(d.trust).answers(http.StatusUnauthorized, "its token as a session's")
			w.program().holding(d.trust).answers(http.StatusUnauthorized, "its token as a bearer's")
		})
		t.Run("it is of one user of one realm", func(t *testing.T) {
			w, ana, app := enrolled(t)
			bob := w.User("bob@example.com")
			his := w.browser()
			his.signIn(bob.Email)
			his.addTOTP()
			d := w.browser()
			d.trusting(ana.Email, app)
			d.leave()
			d.challenge(bob.Email)

			other := ready(t)
			twin := other.User("ana@example.com")
			hers := other.browser()
			hers.signIn(twin.Email)
			hers.addTOTP()
			e := other.browser()
			e.trust = d.trust
			e.challenge(twin.Email)
		})
		t.Run("a forged token is refused, and spoils nothing", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.trusting(ana.Email, app)
			d.leave()
			good := d.trust
			for what, forged := range map[string]string{
				"junk": "junk", "half": good[:40], "another tag": good[:len(good)-3] + "AAA", "another prefix": "crt_" + good[4:], "empty": "crd_",
			} {
				d.trust = forged
				if c := d.challenge(ana.Email); c == nil {
					t.Error(what)
				}
			}
			d.trust = good
			r := d.request() // with planted cookies before and behind
			r.Header["Cookie"] = []string{"device=junk; " + r.Header.Get("Cookie") + "; device=" + good[:len(good)-3] + "AAA"}
			g, err := w.SignIn(httptest.NewRecorder(), r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret})
			if err != nil || g.Session == nil {
				t.Errorf("among planted cookies: %+v, %v", g, err)
			}
		})
		t.Run("beside a bearer token its cookie says nothing", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.trusting(ana.Email, app)
			p := w.program().holding("junk")
			p.trust = d.trust
			p.challenge(ana.Email)
		})
		t.Run("a program is not remembered, nor is a browser that asked for a bearer token", func(t *testing.T) {
			w, ana, app := enrolled(t)
			for _, d := range []*device{w.program(), w.program().holding("junk")} {
				w.Forget()
				d.trusting(ana.Email, app)
				if d.trust != "" || len(w.Events(cloakroom.DeviceRemembered)) > 0 {
					t.Error("it is remembered")
				}
			}
			w.has(ana.ID, "password", "recovery_code", "totp")
		})
		t.Run("not after one factor", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.signInBoth(ana.Email, app)
			done(t, d.remove("totp"))
			d.leave()
			d.signIn(ana.Email)
			c, err := d.stepUp()
			done(t, err)
			_, err = d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.Continue(rw, r, cloakroom.Answer{Challenge: c.Token.Reveal(), Method: "password", Secret: authtest.Secret, RememberDevice: true})
			})
			done(t, err)
			if d.trust != "" {
				t.Error("it is remembered")
			}
		})
		t.Run("S-26 listed, and forgotten by its owner: no session ends, and it is asked again", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d, here := w.browser(), w.browser()
			d.trusting(ana.Email, app)
			here.signInBoth(ana.Email, app)
			w.has(ana.ID, "device", "password", "recovery_code", "totp")
			list, err := w.Factors(t.Context(), ana.ID)
			done(t, err)
			if about := fmt.Sprintf("%+v", list[0].About); list[0].Second || !strings.Contains(about, "Firefox on Linux") || strings.Contains(about, "ash") {
				t.Errorf("it is listed as %+v, %s", list[0], about)
			}
			w.Forget()
			done(t, here.remove(list[0].ID))
			w.happened(cloakroom.FactorRemoved)
			d.answers(http.StatusOK, "the session of the device")
			here.answers(http.StatusOK, "the session that forgot it")
			d.leave()
			d.challenge(ana.Email)
		})
		t.Run("it is forgotten with the last second factor", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.trusting(ana.Email, app)
			done(t, d.remove("totp"))
			w.has(ana.ID, "password")
			app, _ = d.addTOTP()
			d.leave()
			d.challenge(ana.Email)
			d.trusting(ana.Email, app)
		})
		t.Run("remembered again it takes the place of itself; those whose time is over go; there are 20 at most", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			d.trusting(ana.Email, app)
			first := d.trust
			c, err := d.stepUp()
			done(t, err)
			done(t, second(d.answer(c, "password", authtest.Secret)))
			w.Clock.Advance(30 * time.Second)
			done(t, second(d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.Continue(rw, r, cloakroom.Answer{Challenge: c.Token.Reveal(), Method: "totp", Secret: app.code(), RememberDevice: true})
			})))
			w.has(ana.ID, "device", "password", "recovery_code", "totp")
			old := w.browser()
			old.trust = first
			old.challenge(ana.Email)

			for range 21 {
				w.browser().trusting(ana.Email, app)
			}
			d.leave()
			d.challenge(ana.Email) // 21 were remembered since
			list, err := w.Factors(t.Context(), ana.ID)
			done(t, err)
			if n := len(list) - 3; n != 20 {
				t.Errorf("%d devices", n)
			}
			w.Clock.Advance(month)
			w.browser().trusting(ana.Email, app)
			w.has(ana.ID, "device", "password", "recovery_code", "totp")
		})
	})
}

func TestS229RememberedSession(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	for _, remember := range []bool{false, true} {
		answer := httptest.NewRecorder()
		_, err := w.SignIn(answer, w.browser().request(), cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret, Terms: cloakroom.Terms{Remember: remember}})
		done(t, err)
		c := answer.Result().Cookies()[0]
		if lasts := c.MaxAge == 14*24*3600; lasts != remember || !remember && (c.MaxAge != 0 || !c.Expires.IsZero()) {
			t.Errorf("remember %v: cookie %v", remember, c)
		}
	}
}

func TestDeviceCookie(t *testing.T) {
	for name, c := range map[string]struct {
		config cloakroom.Config
		want   string
	}{
		"over https":          {cloakroom.Config{BaseURL: secure}, "__Host-Http-device"},
		"of a renamed cookie": {cloakroom.Config{BaseURL: secure, Cookie: cloakroom.Cookie{Name: "__Host-staff"}}, "__Host-staff-device"},
		"under a domain":      {cloakroom.Config{BaseURL: secure, Cookie: cloakroom.Cookie{Domain: "example.com"}}, "__Host-Http-device"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Store = memory.New()
			w := guarded(t, c.config)
			ana := w.User("ana@example.com")
			d := w.browser()
			sent := func(do func(rw http.ResponseWriter, r *http.Request) error, with ...*http.Cookie) []*http.Cookie {
				t.Helper()
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, secure+"/", nil)
				for _, c := range with {
					r.AddCookie(c)
				}
				answer := httptest.NewRecorder()
				done(t, do(answer, r))
				return answer.Result().Cookies()
			}
			r := w.ByCookie(httptest.NewRequestWithContext(t.Context(), http.MethodPost, secure+"/", nil), ana)
			s, err := w.Authenticate(r)
			done(t, err)
			offer, err := w.OfferFactor(r, s, "totp")
			done(t, err)
			app := w.appOf(offer)
			_, _, err = w.BindFactor(httptest.NewRecorder(), r, s, cloakroom.FactorAnswer{Offer: offer.Token.Reveal(), Answer: app.code()})
			done(t, err)
			w.Clock.Advance(30 * time.Second)

			challenge := d.challenge(ana.Email)
			cookies := sent(func(rw http.ResponseWriter, r *http.Request) error {
				return second(w.Continue(rw, r, cloakroom.Answer{Challenge: challenge.Token.Reveal(), Method: "totp", Secret: app.code(), RememberDevice: true}))
			})
			i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "device") })
			if i < 0 {
				t.Fatalf("cookies %v", cookies)
			}
			got := cookies[i]
			if got.Name != c.want || !got.HttpOnly || !got.Secure || got.Path != "/" || got.Domain != "" || got.SameSite != http.SameSiteLaxMode || got.MaxAge != 30*24*3600 {
				t.Errorf("cookie %v", got)
			}
			_ = sent(func(rw http.ResponseWriter, r *http.Request) error {
				g, err := w.SignIn(rw, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret})
				if err == nil && g.Session == nil {
					t.Error("it is asked for a second factor")
				}
				return err
			}, got)
		})
	}
	t.Run("switched off, nothing is remembered", func(t *testing.T) {
		w := guarded(t, cloakroom.Config{MFA: cloakroom.MFAPolicy{RememberDevice: -1}})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		app, _ := d.addTOTP()
		d.trusting(ana.Email, app)
		if d.trust != "" {
			t.Error("there is a cookie")
		}
		w.has(ana.ID, "password", "recovery_code", "totp")
	})
	t.Run("for as long as is configured", func(t *testing.T) {
		w := guarded(t, cloakroom.Config{MFA: cloakroom.MFAPolicy{RememberDevice: time.Hour}})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		app, _ := d.addTOTP()
		d.trusting(ana.Email, app)
		d.leave()
		w.Clock.Advance(time.Hour - time.Microsecond)
		d.signIn(ana.Email)
		d.leave()
		w.Clock.Advance(time.Microsecond)
		d.challenge(ana.Email)
	})
}
