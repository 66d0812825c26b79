package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

// What changes about an account between two proofs ends what was begun before.
func TestS202ChallengeEnds(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		for what, change := range map[string]func(w *world, d *device, app codeApp) error{
			"another factor was added": func(w *world, d *device, _ codeApp) error {
				d.addPasskey(authtest.NewPasskey(w.t, site), "")
				return nil
			},
			"the factor was removed": func(_ *world, d *device, _ codeApp) error { return d.remove("totp") },
			"the password was changed": func(_ *world, d *device, _ codeApp) error {
				return second(d.change(authtest.Secret, nextSecret))
			},
			"the account is being deleted": func(w *world, d *device, _ codeApp) error {
				return leave(w, d.live().User.ID)
			},
			"all factors were reset": func(w *world, d *device, _ codeApp) error {
				return w.Users().ResetFactors(w.t.Context(), d.live().User.ID)
			},
			"a reset is required": func(w *world, d *device, _ codeApp) error {
				return w.Users().RequireReset(w.t.Context(), d.live().User.ID)
			},
		} {
			t.Run("S202 "+what, func(t *testing.T) {
				w := ready(t)
				ana := w.User("ana@example.com")
				d, e := w.browser(), w.browser()
				d.signIn(ana.Email)
				app, _ := d.addTOTP()
				w.Clock.Advance(time.Minute)
				c := e.challenge(ana.Email)
				done(t, change(w, d, app))
				err := second(e.answer(c, "totp", app.code()))
				if !errors.Is(err, cloakroom.ErrInvalidChallenge) && !errors.Is(err, cloakroom.ErrInvalidCredentials) {
					t.Errorf("error %v", err)
				}
				e.answers(http.StatusUnauthorized, "after it")
			})
		}
	})
}

// leave marks an account as about to be deleted, as its owner does by DeleteAccount.
func leave(w *world, userID string) error {
	user, err := w.Users().Get(w.t.Context(), userID)
	if err != nil {
		return err
	}
	user.LeavesAt = w.Clock.Now().Add(time.Hour)
	return w.Store().UpdateUser(w.t.Context(), cloakroom.UserChange{User: *user})
}

// A challenge is no session of its browser: whoever has it and the proof goes on, wherever, as with a password. But the
// terms of the sign-in stay, and hold what brings the proof to them.
func TestChallengeKeepsItsTerms(t *testing.T) {
	w := guarded(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	d := w.browser()
	d.signIn(ana.Email)
	app, _ := d.addTOTP()
	t.Run("a bearer token that was asked for goes into no cookie", func(t *testing.T) {
		w.Clock.Advance(30 * time.Second)
		c := w.program().challenge(ana.Email)
		answer := httptest.NewRecorder()
		g, err := w.Continue(answer, w.browser().request(), cloakroom.Answer{Challenge: c.Token.Reveal(), Method: "totp", Secret: app.code(), RememberDevice: true})
		done(t, err)
		if g.Tokens == nil || len(answer.Result().Cookies()) > 0 {
			t.Errorf("tokens %v, cookies %v", g.Tokens, answer.Result().Cookies())
		}
		w.program().holding(g.Tokens.Access.Reveal()).answers(http.StatusOK, "the token")
	})
	t.Run("a cookie that was asked for does not go to a request with a bearer token, and the try is not spent", func(t *testing.T) {
		w.Clock.Advance(30 * time.Second)
		b := w.browser()
		c := b.challenge(ana.Email)
		for range 10 {
			p := w.program().holding("junk")
			answer := httptest.NewRecorder()
			_, err := w.Continue(answer, p.request(), cloakroom.Answer{Challenge: c.Token.Reveal(), Method: "totp", Secret: app.code()})
			refuses(t, err, "delivery")
			if len(answer.Result().Cookies()) > 0 {
				t.Error("a cookie was set")
			}
		}
		done(t, second(b.answer(c, "totp", app.code())))
		b.answers(http.StatusOK, "the browser")
	})
	t.Run("five tries in all, over passkeys and codes", func(t *testing.T) {
		w.Clock.Advance(30 * time.Second)
		b := w.browser()
		c := b.challenge(ana.Email)
		for i := range 5 {
			method := []string{"totp", "recovery_code", "passkey"}[i%3]
			fails(t, second(b.answer(c, method, "wrong")), cloakroom.ErrInvalidCredentials, fmt.Sprint("try ", i))
		}
		fails(t, second(b.answer(c, "totp", app.code())), cloakroom.ErrInvalidChallenge, "the sixth")
	})
}

// Whether a mail went to anybody shows only in the mail: the attempt that waits for it takes nothing else.
func TestAttemptThatWaitsForMail(t *testing.T) {
	keys := passkey.For(site)
	w, out := mailed(t, cloakroom.Config{
		Methods: []cloakroom.Method{authtest.Password(t), keys}, SecondFactors: []cloakroom.Method{keys},
		MailCode: cloakroom.MailCodePolicy{Allowed: true},
	})
	ana := w.User("ana@example.com")
	d := w.browser()
	d.signIn(ana.Email)
	p := authtest.NewPasskey(t, site)
	d.addPasskey(p, "")
	tried := func(email string) (password, question, answer string) {
		e := w.browser()
		c, err := w.SendCode(httptest.NewRecorder(), e.request(), cloakroom.CodeRequest{Email: email})
		done(t, err)
		if email == ana.Email {
			out.WaitFor(t, email, "mailcode")
		}
		begun := w.browser().byPasskey()
		_, asked := e.ask(cloakroom.Question{Challenge: c.Token.Reveal(), Method: "passkey"})
		return fmt.Sprint(second(e.answer(c, "password", authtest.Secret))), fmt.Sprint(asked), fmt.Sprint(second(e.answer(c, "passkey", p.Get(begun.Offer))))
	}
	password, question, answer := tried("nobody@example.com")
	p2, q2, a2 := tried(ana.Email)
	if password != p2 || question != q2 || answer != a2 {
		t.Errorf("for nobody: %s, %s, %s; for somebody: %s, %s, %s", password, question, answer, p2, q2, a2)
	}
	if question == "<nil>" || password == "<nil>" {
		t.Error("it took what it did not wait for")
	}
}
