package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// objector is an app that refuses one type of event.
type objector struct {
	to    cloakroom.EventType
	how   func() error
	asked []cloakroom.Event
}

func (o *objector) veto(_ context.Context, e cloakroom.Event) error {
	o.asked = append(o.asked, e)
	if e.Type == o.to {
		return o.how()
	}
	return nil
}

func TestVeto(t *testing.T) {
	secretReason := errors.New("not on a Sunday")
	ways := map[string]struct {
		how  func() error
		want error
	}{
		"an error":         {func() error { return secretReason }, cloakroom.ErrForbidden},
		"an error of ours": {func() error { return &cloakroom.UnavailableError{Cause: cloakroom.ErrBanned} }, cloakroom.ErrForbidden},
		"fields": {func() error {
			return cloakroom.FieldErrors{{Field: "email", Code: "not_here", Message: "is of another company"}}
		}, nil},
		"a panic": {func() error { panic("broken") }, cloakroom.ErrForbidden},
	}
	type acts struct {
		of      cloakroom.EventType
		prepare func(d *device)
		act     func(w *world, d *device) error
	}
	for name, c := range map[string]acts{
		"sign-up": {of: cloakroom.UserCreated, act: func(w *world, _ *device) error {
			e := w.browser()
			err := second(e.signUp(cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret}))
			_, absent := w.Users().ByEmail(w.t.Context(), "bob@example.com")
			fails(w.t, absent, cloakroom.ErrNotFound, "the account")
			e.answers(http.StatusUnauthorized, "who signed up")
			return err
		}},
		"sign-in": {of: cloakroom.SignedIn, act: func(w *world, _ *device) error {
			e := w.browser()
			_, err := e.trySignIn("ana@example.com", authtest.Secret)
			e.answers(http.StatusUnauthorized, "who signed in")
			return err
		}},
		"change of password": {of: cloakroom.CredentialChanged, act: func(w *world, d *device) error {
			err := second(d.change(authtest.Secret, nextSecret))
			w.browser().signIn("ana@example.com")
			return err
		}},
		"a factor more": {of: cloakroom.FactorAdded, act: func(w *world, d *device) error {
			offer, err := d.offered("totp")
			done(w.t, err)
			codes, err := d.bind(offer, w.appOf(offer).code(), "")
			if codes != nil {
				w.t.Error("recovery codes were given out")
			}
			w.has(d.live().User.ID, "password")
			w.browser().signIn("ana@example.com")
			return err
		}},
		"a factor less": {
			of:      cloakroom.FactorRemoved,
			prepare: func(d *device) { d.addPasskey(authtest.NewPasskey(d.t, site), "") },
			act: func(w *world, d *device) error {
				err := d.remove(w.factorID(d.live().User.ID, "passkey"))
				w.has(d.live().User.ID, "passkey", "password", "recovery_code")
				return err
			},
		},
		"a device less": {
			of: cloakroom.FactorRemoved,
			prepare: func(d *device) {
				app, _ := d.addTOTP()
				d.trusting("ana@example.com", app)
			},
			act: func(w *world, d *device) error {
				err := d.remove(w.factorID(d.live().User.ID, "device"))
				w.has(d.live().User.ID, "device", "password", "recovery_code", "totp")
				return err
			},
		},
	} {
		for how, way := range ways {
			t.Run(name+", "+how, func(t *testing.T) {
				o := &objector{how: way.how}
				w := guarded(t, cloakroom.Config{Veto: o.veto})
				ana := w.User("ana@example.com")
				d := w.browser()
				d.signIn(ana.Email)
				if c.prepare != nil {
					c.prepare(d)
				}
				before, token := d.live(), d.token
				o.to, o.asked = c.of, nil
				w.Forget()
				var err error
				func() {
					defer func() { o.to = "" }()
					err = vetoedBy(o, func() error { return c.act(w, d) })
				}()
				if way.want != nil {
					fails(t, err, way.want, "refused")
				} else {
					refuses(t, err, "email")
				}
				failed := w.Events(cloakroom.RequestFailed)
				if way.want != nil && (len(failed) != 1 || failed[0].Reason != "veto" || failed[0].Err == nil) {
					t.Errorf("the operator is told %+v", failed)
				}
				if len(w.Events(c.of)) > 0 && c.of != cloakroom.SignedIn {
					t.Error("it is told as done")
				}
				answer := httptest.NewRecorder()
				w.Fail(answer, d.request(), err)
				if body := answer.Body.String(); strings.Contains(body, "Sunday") || strings.Contains(body, "broken") || answer.Code != http.StatusForbidden && way.want != nil {
					t.Errorf("the client is told %d %s", answer.Code, body)
				}
				if now := d.live(); d.token != token || now.ID != before.ID || now.Level != before.Level || !now.AuthenticatedAt.Equal(before.AuthenticatedAt) {
					t.Errorf("the session is %+v, it was %+v", now, before)
				}
				e := o.asked[slices.IndexFunc(o.asked, func(e cloakroom.Event) bool { return e.Type == c.of })]
				if e.Time.IsZero() || e.IP != "192.0.2.1" || c.of != cloakroom.UserCreated && e.UserID != ana.ID {
					t.Errorf("it was asked about %+v", e)
				}
			})
		}
	}
	t.Run("a step-up opens no session, so nobody is asked", func(t *testing.T) {
		o := &objector{how: func() error { return secretReason }}
		w := guarded(t, cloakroom.Config{Veto: o.veto})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		c, err := d.stepUp()
		done(t, err)
		o.asked = nil
		done(t, second(d.answer(c, "password", authtest.Secret)))
		if len(o.asked) > 0 {
			t.Errorf("it was asked %v", o.asked)
		}
	})
	t.Run("every road to a session of a user asks once, and a refusal leaves nothing behind", func(t *testing.T) {
		for name, open := range map[string]func(w *world, d *device) func() error{
			"sign-up": func(w *world, d *device) func() error {
				return func() error {
					return second(d.signUp(cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret}))
				}
			},
			"setup": func(w *world, d *device) func() error {
				token := w.setupToken()
				return func() error { return second(d.setUp(token, "bob@example.com")) }
			},
			"sign-in": func(w *world, d *device) func() error {
				ana := w.User("ana@example.com")
				return func() error { return second(d.trySignIn(ana.Email, authtest.Secret)) }
			},
			"admission": func(w *world, d *device) func() error {
				ana := w.User("ana@example.com")
				return func() error {
					return second(d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
						return d.Admit(rw, r, ana.ID, cloakroom.Admission{Method: "test", Terms: d.terms()})
					}))
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				o := &objector{to: cloakroom.SignedIn, how: func() error { return secretReason }}
				w := guarded(t, cloakroom.Config{Veto: o.veto})
				d := w.browser()
				act := open(w, d)
				w.Forget()
				fails(t, act(), cloakroom.ErrForbidden, "refused")
				_, err := w.Users().ByEmail(t.Context(), "bob@example.com")
				fails(t, err, cloakroom.ErrNotFound, "a new account")
				w.happened(cloakroom.RequestFailed)
				d.answers(http.StatusUnauthorized, "who was refused")
				o.to, o.asked = "", nil
				done(t, act())
				d.answers(http.StatusOK, "who was not")
				asked := slices.DeleteFunc(o.asked, func(e cloakroom.Event) bool { return e.Type != cloakroom.SignedIn })
				if len(asked) != 1 || asked[0].UserID != d.live().User.ID && asked[0].Details["email"] != "bob@example.com" {
					t.Errorf("it was asked %+v", asked)
				}
			})
		}
	})
	t.Run("an impersonation is asked about as such alone", func(t *testing.T) {
		o := &objector{how: func() error { return secretReason }}
		w := guarded(t, cloakroom.Config{Veto: o.veto})
		boss, ana := w.User("boss@example.com", "admin"), w.User("ana@example.com")
		d := w.browser()
		d.signIn(boss.Email)
		o.asked = nil
		d.actAs(ana)
		if len(o.asked) != 1 || o.asked[0].Type != cloakroom.ImpersonationBegun {
			t.Errorf("it was asked %v", o.asked)
		}
	})
	t.Run("a refused factor leaves its offer good", func(t *testing.T) {
		o := &objector{to: cloakroom.FactorAdded, how: func() error { return secretReason }}
		w := guarded(t, cloakroom.Config{Veto: o.veto})
		d := w.browser()
		d.signIn(w.User("ana@example.com").Email)
		offer, err := d.offered("totp")
		done(t, err)
		fails(t, second(d.bind(offer, w.appOf(offer).code(), "")), cloakroom.ErrForbidden, "the factor")
		o.to, o.asked = "", nil
		done(t, second(d.bind(offer, w.appOf(offer).code(), "")))
		if len(o.asked) != 1 {
			t.Errorf("it was asked %v", o.asked)
		}
	})
	t.Run("after a refused second factor the attempt goes on", func(t *testing.T) {
		o := &objector{how: func() error { return secretReason }}
		w := guarded(t, cloakroom.Config{Veto: o.veto})
		ana := w.User("ana@example.com")
		d := w.browser()
		d.signIn(ana.Email)
		app, _ := d.addTOTP()
		w.Clock.Advance(time.Minute)
		e := w.browser()
		c := e.challenge(ana.Email)
		o.to = cloakroom.SignedIn
		fails(t, second(e.answer(c, "totp", app.code())), cloakroom.ErrForbidden, "the second factor")
		e.answers(http.StatusUnauthorized, "after a veto")
		o.to = ""
		w.Clock.Advance(30 * time.Second)
		done(t, second(e.answer(c, "totp", app.code())))
	})
}

// vetoedBy runs what an objector refuses once: what is done after it to see what came of it is let through.
func vetoedBy(o *objector, act func() error) error {
	how, done := o.how, false
	o.how = func() error {
		if done {
			return nil
		}
		done = true
		return how()
	}
	err := act()
	if !done {
		return fmt.Errorf("nobody was asked: %w", err)
	}
	return err
}
