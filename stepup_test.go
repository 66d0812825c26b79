package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// stale checks that a session must be proven anew for what is sensitive.
func (d *device) stale(mfa bool, when string) {
	d.t.Helper()
	err := d.live().Meets(cloakroom.Sensitive)
	if s, ok := errors.AsType[*cloakroom.StepUpError](err); !ok || s.MaxAge != 10*time.Minute || s.MFA != mfa {
		d.t.Errorf("%s: error %v, want a fresh proof, of two factors: %v", when, err, mfa)
	}
}

func TestSteppingUp(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		for _, kind := range []func(w *world) *device{(*world).browser, (*world).program} {
			t.Run("S228 S-34 S-40 a stale session is asked, and goes on with a new token, for ten minutes", func(t *testing.T) {
				w := ready(t)
				ana := w.User("ana@example.com")
				d := kind(w)
				d.signIn(ana.Email)
				d.gets(http.StatusOK, "just signed in", cloakroom.Sensitive)
				w.Clock.Advance(10 * time.Minute)
				answer := d.asks(cloakroom.Sensitive)
				if told := answer.Header().Get("WWW-Authenticate"); answer.Code != http.StatusUnauthorized || told != `Bearer error="insufficient_user_authentication", max_age="600"` {
					t.Errorf("answer %d, %s", answer.Code, told)
				}
				d.stale(false, "after ten minutes")
				d.gets(http.StatusOK, "what is not sensitive")
				d.gets(http.StatusUnauthorized, "S193 to add a factor", cloakroom.Sensitive, cloakroom.AnyLevel)

				before, old := d.live(), d.token
				w.Forget()
				c, err := d.stepUp()
				done(t, err)
				if !slices.Equal(c.Next, []string{"password"}) || !c.ExpiresAt.Equal(w.Clock.Now().Add(5*time.Minute)) {
					t.Errorf("it asks for %v until %v", c.Next, c.ExpiresAt)
				}
				w.happened()
				g, err := d.answer(c, "password", authtest.Secret)
				done(t, err)
				w.happened(cloakroom.SessionRenewed, cloakroom.SteppedUp)
				if (g.Tokens != nil) != (d.by == cloakroom.DeliverBearer) || g.Challenge != nil {
					t.Error("it did not come by the carrier of the session")
				}
				s := d.live()
				if s.ID != before.ID || d.token == old || s.Level != 1 || !s.AuthenticatedAt.Equal(w.Clock.Now()) || !s.CreatedAt.Equal(before.CreatedAt) {
					t.Errorf("the session is %+v, it was %+v", s, before)
				}
				d.holding(old).answers(http.StatusUnauthorized, "the token of before")
				w.Clock.Advance(10*time.Minute - time.Microsecond)
				d.gets(http.StatusOK, "fresh", cloakroom.Sensitive)
				w.Clock.Advance(time.Microsecond)
				d.stale(false, "ten minutes later")
				if len(w.listed(ana.ID)) != 1 {
					t.Error("there is another session")
				}
			})
		}
		t.Run("S228 a remembered session, days later", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.SignIn(rw, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret, Terms: cloakroom.Terms{Remember: true}})
			})
			done(t, err)
			w.Clock.Advance(5 * 24 * time.Hour)
			d.answers(http.StatusOK, "a plain page")
			d.stale(false, "days later")
			c, err := d.stepUp()
			done(t, err)
			done(t, second(d.answer(c, "password", authtest.Secret)))
			d.gets(http.StatusOK, "after the proof", cloakroom.Sensitive)
			if !d.live().Remember {
				t.Error("it is not remembered any more")
			}
		})
		t.Run("S-40 who has a second factor shows it; level 2 comes of it", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			app, _ := d.addTOTP()
			w.Clock.Advance(time.Hour)
			d.stale(true, "an hour later")
			c, err := d.stepUp()
			done(t, err)
			g, err := d.answer(c, "password", authtest.Secret)
			if err != nil || g.Session != nil || g.Challenge == nil || !slices.Equal(g.Challenge.Next, []string{"totp", "recovery_code"}) {
				t.Fatalf("after the password: %+v, %v", g, err)
			}
			d.stale(true, "with the password alone")
			done(t, second(d.answer(g.Challenge, "totp", app.code())))
			d.gets(http.StatusOK, "with both", cloakroom.Sensitive, cloakroom.MFA)
			if s := d.live(); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "totp"}) {
				t.Errorf("the session is %+v", s)
			}
		})
		t.Run("a passkey does it alone", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d, p := w.browser(), authtest.NewPasskey(t, site)
			d.signIn(ana.Email)
			d.addPasskey(p, "")
			w.Clock.Advance(time.Hour)
			c, err := d.stepUp()
			done(t, err)
			if !slices.Equal(c.Next, []string{"password", "passkey"}) {
				t.Errorf("it asks for %v", c.Next)
			}
			c, err = d.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
			done(t, err)
			done(t, second(d.answer(c, "passkey", p.Get(c.Offer))))
			d.gets(http.StatusOK, "after it", cloakroom.Sensitive, cloakroom.MFA)
		})
		t.Run("it is of one session: another one, of whomever, cannot complete it", func(t *testing.T) {
			w := ready(t)
			ana, bob := w.User("ana@example.com"), w.User("bob@example.com")
			d, same, his, nobody := w.browser(), w.browser(), w.browser(), w.browser()
			d.signIn(ana.Email)
			d.addPasskey(authtest.NewPasskey(t, site), "")
			same.admitted(ana, 2)
			his.signIn(bob.Email)
			w.Clock.Advance(time.Hour)
			c, err := d.stepUp()
			done(t, err)
			for _, other := range []struct {
				what string
				*device
				want error
			}{
				{"another session of hers", same, cloakroom.ErrInvalidChallenge},
				{"another user", his, cloakroom.ErrInvalidChallenge},
				{"nobody", nobody, cloakroom.ErrUnauthenticated},
			} {
				before := other.token
				fails(t, second(other.answer(c, "password", authtest.Secret)), other.want, other.what)
				_, err := other.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
				fails(t, err, other.want, other.what+" asks")
				if other.token != before {
					t.Errorf("%s has a new token", other.what)
				}
			}
			guest := w.browser()
			guest.begin()
			fails(t, second(guest.answer(c, "password", authtest.Secret)), cloakroom.ErrInvalidChallenge, "a guest")
			same.stale(true, "her other session")
			w.Clock.Advance(time.Minute)
			g, err := d.answer(c, "password", authtest.Secret) // none of them has used a try
			if err != nil || g.Challenge == nil {
				t.Errorf("the session itself: %+v, %v", g, err)
			}
		})
		t.Run("a session that ended completes nothing", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			c, err := d.stepUp()
			done(t, err)
			ended := d.holding(d.token)
			done(t, d.signOut(""))
			fails(t, second(ended.answer(c, "password", authtest.Secret)), cloakroom.ErrInvalidToken, "after a sign-out")
			ended.answers(http.StatusUnauthorized, "after it")
			d.signIn(ana.Email)
			fails(t, second(d.answer(c, "password", authtest.Secret)), cloakroom.ErrInvalidChallenge, "in the next session")
		})
		t.Run("64 at once: one new token", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			c, err := d.stepUp()
			done(t, err)
			old := d.token
			devices := make([]*device, 64)
			for i := range devices {
				devices[i] = d.holding(old)
			}
			n := atOnce(len(devices), func(i int) error { return second(devices[i].answer(c, "password", authtest.Secret)) })
			if n != 1 {
				t.Errorf("%d succeeded", n)
			}
			d.holding(old).answers(http.StatusUnauthorized, "the token of before")
			for _, other := range devices {
				if other.token != old {
					other.answers(http.StatusOK, "the new token")
				}
			}
		})
		t.Run("five wrong tries end it, and the session lives on", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			c, err := d.stepUp()
			done(t, err)
			for range 5 {
				fails(t, second(d.answer(c, "password", "wrong")), cloakroom.ErrInvalidCredentials, "a wrong password")
			}
			fails(t, second(d.answer(c, "password", authtest.Secret)), cloakroom.ErrInvalidChallenge, "the sixth")
			d.answers(http.StatusOK, "the session")
		})
		t.Run("not for nobody, a guest or an administrator who acts as somebody", func(t *testing.T) {
			w := ready(t)
			ana, boss := w.User("ana@example.com"), w.User("boss@example.com", "admin")
			guest := w.browser()
			guest.begin()
			_, err := guest.stepUp()
			fails(t, err, cloakroom.ErrUnauthenticated, "a guest")
			_, err = w.StepUp(httptest.NewRecorder(), guest.request(), nil)
			fails(t, err, cloakroom.ErrUnauthenticated, "nobody")
			d := w.browser()
			d.signIn(boss.Email)
			d.actAs(ana)
			_, err = d.stepUp()
			fails(t, err, cloakroom.ErrImpersonated, "an administrator")
			fails(t, d.live().Meets(cloakroom.Sensitive), cloakroom.ErrImpersonated, "what is sensitive")
			fails(t, d.remove("password"), cloakroom.ErrImpersonated, "remove")
			_, err = d.offered("totp")
			fails(t, err, cloakroom.ErrImpersonated, "offer")
			_, err = w.NewRecoveryCodes(d.request(), d.live(), "recovery_code")
			fails(t, err, cloakroom.ErrImpersonated, "recovery codes")
			fails(t, w.RenameFactor(d.request(), d.live(), "password", "x"), cloakroom.ErrImpersonated, "rename")
			w.has(ana.ID, "password")
		})
	})
}

func TestS34StepUpOfSignedSession(t *testing.T) {
	w := newWorld(t, signing(memory.New()))
	ana := w.User("ana@example.com")
	for _, name := range []string{"page", "app"} {
		t.Run("S-34 "+name, func(t *testing.T) {
			h := w.holder(name)
			h.signIn(ana.Email)
			w.Clock.Advance(5 * time.Minute)
			old := h.copied()
			s := h.current()
			challenge, err := w.StepUp(httptest.NewRecorder(), h.request("/"), s)
			done(t, err)
			_, err = h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.Continue(rw, r, cloakroom.Answer{Challenge: challenge.Token.Reveal(), Method: "password", Secret: authtest.Secret})
			})
			done(t, err)
			h.answers(http.StatusOK, "the new access token")
			if now := h.current(); now.ID != s.ID || !now.AuthenticatedAt.Equal(w.Clock.Now()) {
				t.Errorf("the session is %+v", now)
			}
			old.refuses(cloakroom.ErrInvalidRefresh, "the refresh token of before")
			h.exchanged()
		})
	}
}

// An offer of a change is no proof: it does not make a session fresh.
func TestRemovalIsNoProof(t *testing.T) {
	w := guarded(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	d := w.browser()
	d.signIn(ana.Email)
	p := authtest.NewPasskey(t, site)
	d.addPasskey(p, "")
	proven := d.live().AuthenticatedAt
	w.Clock.Advance(5 * time.Minute)
	done(t, d.remove(w.factorID(ana.ID, "passkey")))
	if s := d.live(); !s.AuthenticatedAt.Equal(proven) {
		t.Errorf("proven at %v, want %v", s.AuthenticatedAt, proven)
	}
}

// Freshness is what the configuration says.
func TestFreshFor(t *testing.T) {
	w := newWorld(t, cloakroom.Config{FreshFor: time.Minute})
	ana := w.User("ana@example.com")
	d := w.browser()
	d.signIn(ana.Email)
	w.Clock.Advance(time.Minute - time.Microsecond)
	d.gets(http.StatusOK, "fresh", cloakroom.Sensitive)
	w.Clock.Advance(time.Microsecond)
	if told := d.asks(cloakroom.Sensitive).Header().Get("WWW-Authenticate"); told != `Bearer error="insufficient_user_authentication", max_age="60"` {
		t.Errorf("it says %s", told)
	}
}
