package cloakroom_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestTOTPEnrolment(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		t.Run("S191 a wrong answer enables nothing, and the offer stays", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			offer, err := d.offered("totp")
			done(t, err)
			w.Forget()
			for range 10 {
				codes, err := d.bind(offer, w.appOf(offer).wrong(), "")
				fails(t, err, cloakroom.ErrWrongAnswer, "a wrong answer")
				if codes != nil {
					t.Error("there are recovery codes")
				}
			}
			w.happened()
			w.has(ana.ID, "password")
			w.browser().signIn(ana.Email) // no second factor is asked for
			done(t, second(d.bind(offer, w.appOf(offer).code(), "")))
			w.has(ana.ID, "password", "recovery_code", "totp")
		})
		t.Run("S192 S-38 the right one: recovery codes once, the other sessions end, this one has a new token and level 2", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d, others := w.browser(), []*device{w.browser(), w.program()}
			d.signIn(ana.Email)
			for _, o := range others {
				o.signIn(ana.Email)
			}
			before, old := d.live(), d.token
			w.Clock.Advance(9 * time.Minute)
			offer, err := d.offered("totp")
			done(t, err)
			w.Forget()
			codes, err := d.bind(offer, w.appOf(offer).code(), "telephone")
			done(t, err)
			w.happened(cloakroom.FactorAdded, cloakroom.SessionRenewed, cloakroom.SessionRevoked, cloakroom.SessionRevoked)

			if slices.Sort(codes); len(slices.Compact(codes)) != 10 {
				t.Errorf("recovery codes %v, want 10", codes)
			}
			for _, o := range others {
				o.answers(http.StatusUnauthorized, "another session")
			}
			d.holding(old).answers(http.StatusUnauthorized, "the token of before")
			s := d.live()
			if s.ID != before.ID || s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "totp"}) || !s.AuthenticatedAt.Equal(w.Clock.Now()) || !s.User.MFA {
				t.Errorf("the session is %+v of %+v", s, s.User)
			}
			d.gets(http.StatusOK, "what needs two factors", cloakroom.MFA, cloakroom.Sensitive)
			e := w.keptLast(ana.ID, cloakroom.FactorAdded)
			if e.Reason != "totp" || e.Details["name"] != "telephone" || e.SessionID != s.ID {
				t.Errorf("the event is %+v", e)
			}
			_, err = d.bind(offer, w.appOf(offer).code(), "")
			if err == nil {
				t.Error("the offer counts twice")
			}
			w.has(ana.ID, "password", "recovery_code", "totp")
		})
		t.Run("recovery codes come with the first second factor only", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			_, codes := d.addTOTP()
			if more := d.addPasskey(authtest.NewPasskey(t, site), ""); more != nil {
				t.Error("codes came again")
			}
			w.has(ana.ID, "passkey", "password", "recovery_code", "totp")
			w.Clock.Advance(30 * time.Second)
			e := w.browser()
			_, err := e.answer(e.challenge(ana.Email), "recovery_code", codes[0])
			done(t, err) // the first ones still count
		})
		t.Run("an offer is of its session, for ten minutes", func(t *testing.T) {
			w := ready(t)
			ana, bob := w.User("ana@example.com"), w.User("bob@example.com")
			d, same, his := w.browser(), w.browser(), w.browser()
			d.signIn(ana.Email)
			same.signIn(ana.Email)
			his.signIn(bob.Email)
			offer, err := d.offered("totp")
			done(t, err)
			app := w.appOf(offer)
			for what, other := range map[string]*device{"another session": same, "another user": his} {
				_, err := other.bind(offer, app.code(), "")
				fails(t, err, cloakroom.ErrInvalidChallenge, what)
			}
			w.Clock.Advance(10*time.Minute - time.Microsecond)
			fails(t, second(d.bind(offer, app.wrong(), "")), cloakroom.ErrWrongAnswer, "a microsecond before its end")
			w.Clock.Advance(time.Microsecond)
			fails(t, second(d.bind(offer, app.code(), "")), cloakroom.ErrInvalidChallenge, "at its end")
			w.has(ana.ID, "password")
			w.has(bob.ID, "password")
		})
		t.Run("what cannot be", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			guest := w.browser()
			guest.begin()
			_, err := guest.offered("totp")
			fails(t, err, cloakroom.ErrUnauthenticated, "a guest's offer")
			_, err = w.OfferFactor(d.request(), nil, "totp")
			fails(t, err, cloakroom.ErrUnauthenticated, "nobody's offer")
			d.signIn(ana.Email)
			for _, method := range []string{"", "password", "recovery_code", "device", "palm"} {
				_, err := d.offered(method)
				refuses(t, err, "method")
			}
			offer, err := d.offered("totp")
			done(t, err)
			app := w.appOf(offer)
			for _, name := range []string{"a\x00b", strings.Repeat("ü", 101), "\xff"} {
				refuses(t, second(d.bind(offer, app.code(), name)), "name")
			}
			refuses(t, second(d.bind(offer, strings.Repeat("1", 64<<10+1), "")), "answer")
			done(t, second(d.bind(offer, app.code(), strings.Repeat("ü", 100))))
			_, err = d.offered("totp")
			fails(t, err, cloakroom.ErrFactorExists, "a second app")
		})
	})
}

func TestTOTPSignIn(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		enrolled := func(t *testing.T) (*world, *cloakroom.User, codeApp) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			app, _ := d.addTOTP()
			return w, ana, app
		}
		t.Run("S194 S196 password, challenge, code, session", func(t *testing.T) {
			w, ana, app := enrolled(t)
			w.Clock.Advance(time.Minute)
			d := w.browser()
			c := d.challenge(ana.Email)
			if !slices.Equal(c.Next, []string{"totp", "recovery_code"}) {
				t.Errorf("it asks for %v", c.Next)
			}
			d.answers(http.StatusUnauthorized, "after the password alone")
			g, err := d.answer(c, "totp", app.code())
			done(t, err)
			if s := d.live(); s.ID != g.Session.ID || s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "totp"}) {
				t.Errorf("the session is %+v", s)
			}
		})
		t.Run("S198 S-22 a code again, the one that confirmed, or an older one after a newer", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d := w.browser()
			c := d.challenge(ana.Email)
			confirmed := app.code()
			fails(t, second(d.answer(c, "totp", confirmed)), cloakroom.ErrInvalidCredentials, "the code that confirmed")
			w.Clock.Advance(30 * time.Second)
			present, next := app.code(), app.codeAt(30*time.Second)
			done(t, second(d.answer(c, "totp", next))) // the app's clock is fast
			for what, code := range map[string]string{"the same": next, "an older one": present} {
				e := w.browser()
				fails(t, second(e.answer(e.challenge(ana.Email), "totp", code)), cloakroom.ErrInvalidCredentials, what)
				e.answers(http.StatusUnauthorized, what)
			}
			w.Clock.Advance(30 * time.Second)
			e := w.browser()
			done(t, second(e.answer(e.challenge(ana.Email), "totp", app.codeAt(30*time.Second))))
			e.answers(http.StatusOK, "with a newer one")
		})
		t.Run("S199 one code in 64 attempts at once opens one session", func(t *testing.T) {
			w, ana, app := enrolled(t)
			w.Clock.Advance(time.Minute)
			done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
			var attempts [64]*cloakroom.Challenge
			var devices [64]*device
			for i := range attempts {
				devices[i] = w.browser()
				attempts[i] = devices[i].challenge(ana.Email)
			}
			code := app.code()
			n := atOnce(len(attempts), func(i int) error { return second(devices[i].answer(attempts[i], "totp", code)) })
			if n != 1 || len(w.listed(ana.ID)) != 1 {
				t.Errorf("%d succeeded, %d sessions", n, len(w.listed(ana.ID)))
			}
		})
		t.Run("S199 one code 200 times at once in one attempt opens one session", func(t *testing.T) {
			w, ana, app := enrolled(t)
			w.Clock.Advance(time.Minute)
			done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
			c, code := w.browser().challenge(ana.Email), app.code()
			n := atOnce(200, func(int) error { return second(w.browser().answer(c, "totp", code)) })
			if n != 1 || len(w.listed(ana.ID)) != 1 {
				t.Errorf("%d succeeded, %d sessions", n, len(w.listed(ana.ID)))
			}
		})
		t.Run("removed, it is asked for no more; and another app can be added", func(t *testing.T) {
			w, ana, app := enrolled(t)
			d, other := w.browser(), w.browser()
			d.signInBoth(ana.Email, app)
			other.signInBoth(ana.Email, app)
			old := d.token
			w.Forget()
			done(t, d.remove("totp"))
			w.happened(cloakroom.FactorRemoved, cloakroom.SessionRenewed, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
			other.answers(http.StatusUnauthorized, "another session")
			d.holding(old).answers(http.StatusUnauthorized, "the token of before")
			d.answers(http.StatusOK, "the session that removed it")
			w.has(ana.ID, "password") // the recovery codes went with it
			w.browser().signIn(ana.Email)
			d.addTOTP()
			w.has(ana.ID, "password", "recovery_code", "totp")
		})
	})
}

func TestS203SecretsRotated(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := guarded(t, cloakroom.Config{Store: store, Secrets: []cloakroom.Secret{secret(1)}})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		offer, err := d.offered("totp")
		done(t, err)
		app := w.appOf(offer)
		t.Run("S203 between offer and confirmation", func(t *testing.T) {
			done(t, w.SetSecrets([]cloakroom.Secret{secret(2), secret(1)}))
			done(t, second(d.bind(offer, app.code(), "")))
		})
		t.Run("S203 between challenge and code", func(t *testing.T) {
			w.Clock.Advance(30 * time.Second)
			e := w.browser()
			c := e.challenge(ana.Email)
			done(t, w.SetSecrets([]cloakroom.Secret{secret(3), secret(2), secret(1)}))
			done(t, second(e.answer(c, "totp", app.code())))
			e.answers(http.StatusOK, "after both")
		})
		t.Run("S203 what is used is sealed anew, so the old secrets can go", func(t *testing.T) {
			done(t, w.SetSecrets([]cloakroom.Secret{secret(3)}))
			w.browser().signInBoth(ana.Email, app)
		})
		t.Run("what no secret opens is no factor that can be shown, but one that is asked for", func(t *testing.T) {
			done(t, w.SetSecrets([]cloakroom.Secret{secret(4)}))
			w.Clock.Advance(30 * time.Second)
			e := w.browser()
			c := e.challenge(ana.Email)
			w.Forget()
			fails(t, second(e.answer(c, "totp", app.code())), cloakroom.ErrInvalidCredentials, "its code")
			w.happened(cloakroom.CredentialCorrupt, cloakroom.SignInFailed)
		})
	})
}
