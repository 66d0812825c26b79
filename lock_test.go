package cloakroom_test

import (
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

const lockTime = 15 * time.Minute

// locked checks for the error that says that codes are locked, for so long.
func locked(t testing.TB, err error, left time.Duration, what string) {
	t.Helper()
	if l := limited(t, err, what); l.Policy != "mfa" || l.Limit != 5 || l.Window != lockTime || l.RetryAfter != left {
		t.Errorf("%s: the limit is %+v, want mfa for %v", what, l, left)
	}
}

// miss gives wrong codes, each in an attempt and from an address of its own.
func (w *world) miss(email string, app codeApp, n int) {
	w.t.Helper()
	for i := range n {
		d := w.from(fmt.Sprintf("198.51.100.%d", i))
		fails(w.t, second(d.answer(d.challenge(email), "totp", app.wrong())), cloakroom.ErrInvalidCredentials, "a wrong code")
	}
}

// wrongCodes is how many wrong codes were evaluated.
func (w *world) wrongCodes() (n int) {
	for _, e := range w.Events(cloakroom.SignInFailed) {
		if strings.HasPrefix(e.Reason, "wrong_") && e.Reason != "wrong_secret" {
			n++
		}
	}
	return n
}

func TestFactorLock(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		enrolled := func(t *testing.T) (*world, *cloakroom.User, codeApp, []string) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			app, codes := d.addTOTP()
			w.Clock.Advance(time.Minute)
			w.Forget()
			return w, ana, app, codes
		}
		t.Run("S200 five wrong codes over five attempts lock the codes: the right one is refused, and not counted", func(t *testing.T) {
			w, ana, app, codes := enrolled(t)
			waiting := w.browser()
			c := waiting.challenge(ana.Email)
			w.miss(ana.Email, app, 5)
			if n := len(w.Events(cloakroom.FactorLocked)); n != 1 {
				t.Errorf("%d events", n)
			}
			w.Forget()
			for range 20 {
				locked(t, second(waiting.answer(c, "totp", app.code())), lockTime, "the right code")
				locked(t, second(waiting.answer(c, "recovery_code", codes[0])), lockTime, "a recovery code")
			}
			other := w.from("203.0.113.7")
			locked(t, second(other.answer(other.challenge(ana.Email), "totp", app.code())), lockTime, "the right code elsewhere")
			w.happened(cloakroom.SignInChallenged)
			if len(w.listed(ana.ID)) != 1 {
				t.Error("it opened a session")
			}

			w.Clock.Advance(lockTime - time.Microsecond)
			locked(t, second(other.answer(other.challenge(ana.Email), "totp", app.code())), time.Microsecond, "a microsecond before its end")
			w.Clock.Advance(time.Microsecond)
			w.miss(ana.Email, app, 4) // it counts anew
			d := w.browser()
			done(t, second(d.answer(d.challenge(ana.Email), "totp", app.code())))
			d.answers(http.StatusOK, "after the lock")
			d.Clock.Advance(30 * time.Second)
			w.miss(ana.Email, app, 4) // and again after a success
			w.browser().signInBoth(ana.Email, app)
		})
		t.Run("tries are not spent while it lasts", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			w.miss(ana.Email, app, 5)
			w.Clock.Advance(lockTime - time.Minute)
			d := w.browser()
			c := d.challenge(ana.Email)
			for range 10 {
				locked(t, second(d.answer(c, "totp", app.code())), time.Minute, "the right code")
			}
			w.Clock.Advance(time.Minute)
			done(t, second(d.answer(c, "totp", app.code())))
		})
		t.Run("S200 S-102 200 wrong codes at once over 200 attempts: at most five are evaluated, one event", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			var attempts [200]*cloakroom.Challenge
			var devices [200]*device
			for i := range attempts {
				devices[i] = w.from(fmt.Sprintf("198.51.100.%d", i))
				attempts[i] = devices[i].challenge(ana.Email)
			}
			w.Forget()
			wrong := app.wrong()
			atOnce(len(attempts), func(i int) error {
				err := second(devices[i].answer(attempts[i], "totp", wrong))
				if _, limit := errors.AsType[*cloakroom.LimitError](err); !limit {
					fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong code")
				}
				return err
			})
			if n, events := w.wrongCodes(), len(w.Events(cloakroom.FactorLocked)); n == 0 || n > 5 || events != 1 {
				t.Errorf("%d were evaluated, and %d events told of it", n, events)
			}
			locked(t, second(devices[0].answer(attempts[0], "totp", app.code())), lockTime, "the right code")
		})
		t.Run("of many at once one right code still opens one session at most, and wrong ones stay bounded", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			before := len(w.listed(ana.ID))
			var attempts [64]*cloakroom.Challenge
			for i := range attempts {
				attempts[i] = w.browser().challenge(ana.Email)
			}
			w.Forget()
			wrong, right := app.wrong(), app.code()
			n := atOnce(len(attempts), func(i int) error {
				code := wrong
				if i%2 == 0 {
					code = right
				}
				return second(w.browser().answer(attempts[i], "totp", code))
			})
			if opened := len(w.listed(ana.ID)) - before; n > 1 || opened != n {
				t.Errorf("%d succeeded, %d sessions", n, opened)
			}
			if n := w.wrongCodes(); n > 10 { // a success in between clears what was counted, once
				t.Errorf("%d wrong codes were evaluated", n)
			}
		})
		t.Run("a passkey opens the account while codes are locked", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			d, p := w.browser(), authtest.NewPasskey(t, site)
			d.signInBoth(ana.Email, app)
			d.addPasskey(p, "")
			w.miss(ana.Email, app, 5)
			e := w.browser()
			c := e.challenge(ana.Email)
			locked(t, second(e.answer(c, "totp", app.code())), lockTime, "the right code")
			asked, err := e.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
			done(t, err)
			done(t, second(e.answer(asked, "passkey", p.Get(asked.Offer))))
			e.answers(http.StatusOK, "by the passkey")
			e = w.browser()
			locked(t, second(e.answer(e.challenge(ana.Email), "totp", app.code())), lockTime, "the right code, after the passkey")
		})
		t.Run("S201 a step-up is held to the same lock, and the session lives on", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			d := w.browser()
			d.signInBoth(ana.Email, app)
			w.miss(ana.Email, app, 3)
			for range 2 {
				c, err := d.stepUp()
				done(t, err)
				done(t, second(d.answer(c, "password", authtest.Secret)))
				fails(t, second(d.answer(c, "totp", app.wrong())), cloakroom.ErrInvalidCredentials, "a wrong code")
			}
			d.Clock.Advance(30 * time.Second)
			c, err := d.stepUp()
			done(t, err)
			done(t, second(d.answer(c, "password", authtest.Secret)))
			locked(t, second(d.answer(c, "totp", app.code())), lockTime-30*time.Second, "the right code in a step-up")
			d.answers(http.StatusOK, "the session")
			e := w.browser()
			locked(t, second(e.answer(e.challenge(ana.Email), "totp", app.code())), lockTime-30*time.Second, "the right code in a sign-in")
		})
		t.Run("wrong recovery codes count, too", func(t *testing.T) {
			w, ana, app, codes := enrolled(t)
			w.miss(ana.Email, app, 4)
			d := w.browser()
			fails(t, second(d.answer(d.challenge(ana.Email), "recovery_code", "wrong")), cloakroom.ErrInvalidCredentials, "a wrong recovery code")
			locked(t, second(d.answer(d.challenge(ana.Email), "recovery_code", codes[0])), lockTime, "a right one")
		})
		t.Run("who guesses slowly is stopped, too, for a day: twenty wrong codes within one", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			for range 5 {
				w.miss(ana.Email, app, 4)
				if n := len(w.Events(cloakroom.FactorLocked)); n != w.wrongCodes()/20 {
					t.Fatalf("%d events after %d wrong codes", n, w.wrongCodes())
				}
				w.Clock.Advance(lockTime)
			}
			d := w.browser()
			c := d.challenge(ana.Email)
			l := limited(t, second(d.answer(c, "totp", app.code())), "the right code")
			if l.Policy != "mfa" || l.Limit != 20 || l.Window != 24*time.Hour || l.RetryAfter != 24*time.Hour-lockTime {
				t.Errorf("the limit is %+v", l)
			}
			w.Clock.Advance(24*time.Hour - lockTime)
			w.miss(ana.Email, app, 4) // all is counted anew
			w.browser().signInBoth(ana.Email, app)
		})
		t.Run("a right code takes back what was counted for the day", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			for range 10 {
				w.miss(ana.Email, app, 4)
				w.Clock.Advance(time.Minute)
				w.browser().signInBoth(ana.Email, app)
			}
		})
		t.Run("one account's lock is not another's", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			bob := w.User("bob@example.com")
			d := w.browser()
			d.signIn(bob.Email)
			his, _ := d.addTOTP()
			w.miss(ana.Email, app, 5)
			w.browser().signInBoth(bob.Email, his)
		})
		t.Run("S200 it is answered 429 mfa_locked", func(t *testing.T) {
			w, ana, app, _ := enrolled(t)
			w.miss(ana.Email, app, 5)
			d := w.browser()
			answer := httptest.NewRecorder()
			w.Fail(answer, d.request(), second(d.answer(d.challenge(ana.Email), "totp", app.code())))
			if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") != "900" || !strings.Contains(answer.Body.String(), `"mfa_locked"`) {
				t.Errorf("answer %d %v %s", answer.Code, answer.Header(), answer.Body)
			}
		})
	})
}

func TestFactorLockWithoutLimits(t *testing.T) {
	w := guarded(t, cloakroom.Config{Limits: cloakroom.Limits{InsecureNoLogin: true}})
	ana, d := w.User("ana@example.com"), w.browser()
	d.signIn(ana.Email)
	app, _ := d.addTOTP()
	w.Clock.Advance(time.Minute)
	for range 3 { // a right code takes back what was counted
		w.miss(ana.Email, app, 4)
		w.browser().signInBoth(ana.Email, app)
		w.Clock.Advance(time.Minute)
	}
	w.miss(ana.Email, app, 5)
	other := w.browser()
	locked(t, second(other.answer(other.challenge(ana.Email), "totp", app.code())), lockTime, "the right code, though sign-ins have no limit")
}
