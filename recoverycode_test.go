package cloakroom_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// remaining is how many recovery codes a user has left.
func (w *world) remaining(userID string) int {
	w.t.Helper()
	list, err := w.Factors(w.t.Context(), userID)
	done(w.t, err)
	for _, f := range list {
		if s, ok := f.About.(recovery.Status); ok {
			return s.Remaining
		}
	}
	return 0
}

func TestRecoveryCodes(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		enrolled := func(t *testing.T) (w *world, ana *cloakroom.User, d *device, app codeApp, codes []string) {
			w = ready(t)
			ana = w.User("ana@example.com")
			d = w.browser()
			d.signIn(ana.Email)
			app, codes = d.addTOTP()
			w.Clock.Advance(time.Minute)
			w.Forget()
			return w, ana, d, app, codes
		}
		t.Run("S204 S-22 each opens one session, and the event tells how many are left", func(t *testing.T) {
			w, ana, _, _, codes := enrolled(t)
			for i, code := range codes {
				d := w.browser()
				w.Forget()
				done(t, second(d.answer(d.challenge(ana.Email), "recovery_code", code)))
				w.happened(cloakroom.SignInChallenged, cloakroom.RecoveryCodeUsed, cloakroom.SignedIn)
				if s := d.live(); s.Level != 2 || !slices.Equal(s.Methods, []string{"password", "recovery_code"}) {
					t.Errorf("the session is %+v", s)
				}
				if left := w.remaining(ana.ID); left != 9-i {
					t.Errorf("%d are left after %d", left, i+1)
				}
				e := w.browser()
				fails(t, second(e.answer(e.challenge(ana.Email), "recovery_code", code)), cloakroom.ErrInvalidCredentials, "a used code")
				e.answers(http.StatusUnauthorized, "after a used code")
			}
		})
		t.Run("S204 the event says how many are left", func(t *testing.T) {
			w, ana, _, _, codes := enrolled(t)
			d := w.browser()
			done(t, second(d.answer(d.challenge(ana.Email), "recovery_code", codes[3])))
			if e := w.Events(cloakroom.RecoveryCodeUsed)[0]; e.UserID != ana.ID || e.Details["remaining"] != "9" {
				t.Errorf("the event is %+v", e)
			}
		})
		t.Run("S204 one code in 64 attempts at once opens one session", func(t *testing.T) {
			w, ana, _, _, codes := enrolled(t)
			before := len(w.listed(ana.ID))
			var attempts [64]*cloakroom.Challenge
			for i := range attempts {
				attempts[i] = w.browser().challenge(ana.Email)
			}
			n := atOnce(len(attempts), func(i int) error { return second(w.browser().answer(attempts[i], "recovery_code", codes[0])) })
			if opened := len(w.listed(ana.ID)) - before; n != 1 || opened != 1 || w.remaining(ana.ID) != 9 {
				t.Errorf("%d succeeded, %d sessions, %d codes are left", n, opened, w.remaining(ana.ID))
			}
		})
		t.Run("S205 new ones kill the old ones, and end no session", func(t *testing.T) {
			w, ana, d, _, old := enrolled(t)
			other := w.browser()
			done(t, second(other.answer(other.challenge(ana.Email), "recovery_code", old[0])))
			w.Forget()
			codes, err := w.NewRecoveryCodes(d.request(), d.live(), "recovery_code")
			done(t, err)
			w.happened(cloakroom.RecoveryCodesChanged)
			if len(codes) != 10 || w.remaining(ana.ID) != 10 {
				t.Errorf("%d codes, %d remain", len(codes), w.remaining(ana.ID))
			}
			other.answers(http.StatusOK, "another session")
			e := w.browser()
			c := e.challenge(ana.Email)
			fails(t, second(e.answer(c, "recovery_code", old[1])), cloakroom.ErrInvalidCredentials, "an old code")
			done(t, second(e.answer(c, "recovery_code", codes[0])))
		})
		t.Run("there are none without a second factor", func(t *testing.T) {
			w, ana, d, _, _ := enrolled(t)
			p := authtest.NewPasskey(t, site)
			d.addPasskey(p, "")
			done(t, d.remove("totp"))
			w.has(ana.ID, "passkey", "password", "recovery_code")
			done(t, d.remove(w.factorID(ana.ID, "passkey")))
			w.has(ana.ID, "password") // gone with the last one
			_, err := w.NewRecoveryCodes(d.request(), d.live(), "recovery_code")
			refuses(t, err, "method")
			w.browser().signIn(ana.Email)
		})
		t.Run("they can be removed by themselves, and are no second factor", func(t *testing.T) {
			w, ana, d, app, _ := enrolled(t)
			done(t, d.remove("recovery_code"))
			w.has(ana.ID, "password", "totp")
			e := w.browser()
			if c := e.challenge(ana.Email); !slices.Equal(c.Next, []string{"totp"}) {
				t.Errorf("it asks for %v", c.Next)
			}
			e.signInBoth(ana.Email, app)
		})
		t.Run("only of a method that has them, and not for nobody", func(t *testing.T) {
			w, _, d, _, _ := enrolled(t)
			for _, method := range []string{"", "totp", "passkey", "palm"} {
				_, err := w.NewRecoveryCodes(d.request(), d.live(), method)
				refuses(t, err, "method")
			}
			_, err := w.NewRecoveryCodes(d.request(), nil, "recovery_code")
			fails(t, err, cloakroom.ErrUnauthenticated, "nobody's")
		})
	})
}

func TestNewRecoveryCodesWithinOthers(t *testing.T) {
	for _, meanwhile := range []string{"made", "used"} {
		t.Run("who is told codes holds the good ones, others "+meanwhile+" meanwhile", func(t *testing.T) {
			store := wrap(memory.New())
			w := guarded(t, cloakroom.Config{Store: store})
			ana := w.User("ana@example.com")
			d, e := w.browser(), w.browser()
			d.signIn(ana.Email)
			_, codes := d.addTOTP()
			w.Clock.Advance(time.Minute)
			s, c := d.live(), e.challenge(ana.Email)
			renew := func() (codes []string, err error) { return w.NewRecoveryCodes(d.request(), s, "recovery_code") }
			read := false
			store.hook(func(verb string) error { // between the look at the codes and the change
				switch {
				case verb == "Credentials":
					read = true
				case verb == "User" && read:
					store.hook(nil)
					if meanwhile == "used" {
						return second(e.answer(c, "recovery_code", codes[0]))
					}
					var err error
					codes, err = renew()
					return err
				}
				return nil
			})
			told, err := renew()
			fails(t, err, cloakroom.ErrFactorExists, "the one who comes late")
			if told != nil {
				t.Error("codes were told all the same")
			}
			f := w.browser()
			done(t, second(f.answer(f.challenge(ana.Email), "recovery_code", codes[1])))
			done(t, second(renew()))
		})
	}
}
