package cloakroom_test

import (
	"context"
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

const nextSecret = "staple battery horse correct"

// renew gives the device a new token.
func (d *device) renew() *cloakroom.Session {
	d.t.Helper()
	g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.Renew(w, r, d.live()) })
	if err != nil {
		d.t.Fatal(err)
	}
	return g.Session
}

func (d *device) change(current, next string) (*cloakroom.Grant, error) {
	return d.changeIn(d.live(), current, next)
}

func (d *device) changeIn(s *cloakroom.Session, current, next string) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.ChangeSecret(w, r, s, cloakroom.Change{Current: current, Next: next})
	})
}

func TestRenew(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		for name, d := range map[string]*device{"cookie": w.browser(), "bearer": w.program()} {
			t.Run("S58 five new tokens by "+name+" are one session, and every old one is dead at once", func(t *testing.T) {
				signedIn := d.signIn(ana.Email)
				key := cloakroom.NewKey[int]("n")
				done(t, key.Set(t.Context(), signedIn, 42))
				for range 5 {
					w.Clock.Advance(time.Minute)
					old := d.holding(d.token)
					w.Forget()
					renewed := d.renew()
					w.happened(cloakroom.SessionRenewed)
					if d.token == old.token || renewed.ID != signedIn.ID {
						t.Fatal("no new token, or another session")
					}
					old.answers(http.StatusUnauthorized, "the old token")
					d.answers(http.StatusOK, "the new token")
				}
				if n, ok, err := key.Get(t.Context(), d.live()); n != 42 || !ok || err != nil {
					t.Errorf("data after renewal: %v %v %v", n, ok, err)
				}
				if ids := w.listed(ana.ID); slices.Index(ids, signedIn.ID) < 0 || len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) {
					t.Errorf("listed %v", ids)
				}
			})
		}
		t.Run("S49 a late request with the token before the last does not sign the browser out", func(t *testing.T) {
			d := w.browser()
			d.signIn(ana.Email)
			late := d.holding(d.token)
			d.renew()
			answer := httptest.NewRecorder()
			w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { t.Error("let in") }).ServeHTTP(answer, late.request())
			if answer.Code != http.StatusUnauthorized || len(answer.Result().Cookies()) > 0 {
				t.Errorf("status %d, cookies %v; want 401 and the new cookie left alone", answer.Code, answer.Result().Cookies())
			}
			d.answers(http.StatusOK, "the browser with its new cookie")
		})
		t.Run("of two racing renewals one succeeds", func(t *testing.T) {
			d := w.browser()
			d.signIn(ana.Email)
			sessions := make([]*cloakroom.Session, 64)
			for i := range sessions {
				sessions[i] = d.live()
			}
			tab := d.holding(d.token)
			n := atOnce(64, func(i int) error {
				answer := httptest.NewRecorder()
				g, err := w.Renew(answer, tab.request(), sessions[i])
				if err == nil {
					d.keep(answer, g) // the one that won
				} else {
					fails(t, err, cloakroom.ErrInvalidToken, "a renewal that lost")
				}
				return err
			})
			if n != 1 {
				t.Errorf("%d renewals succeeded", n)
			}
			d.answers(http.StatusOK, "the token of the one that did")
		})
		t.Run("a session from a list has no token to give", func(t *testing.T) {
			d, thief := w.browser(), w.browser()
			d.signIn(ana.Email)
			for s, err := range w.Sessions().Of(t.Context(), ana.ID) {
				done(t, err)
				if g, err := thief.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return thief.Renew(w, r, s) }); err == nil {
					t.Errorf("it gave %+v", g)
				}
			}
			d.answers(http.StatusOK, "its owner")
		})
	})
}

func TestChangeSecret(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		t.Run("S63 every other device is out, this one goes on with a new token", func(t *testing.T) {
			ana := w.User("s63@example.com")
			for _, here := range []*device{w.browser(), w.program()} {
				there, far := w.browser(), w.program()
				for _, d := range []*device{here, there, far} {
					d.signIn(ana.Email)
				}
				before, id := here.holding(here.token), here.live().ID
				w.Clock.Advance(time.Hour)
				w.Forget()
				g, err := here.change(authtest.Secret, nextSecret)
				done(t, err)
				if g.Session.ID != id || here.token == before.token || !here.live().AuthenticatedAt.Equal(w.Clock.Now()) {
					t.Errorf("the session goes on as %+v", g.Session)
				}
				here.answers(http.StatusOK, "this device")
				before.answers(http.StatusUnauthorized, "the old token of this device")
				there.answers(http.StatusUnauthorized, "another browser")
				far.answers(http.StatusUnauthorized, "another program")
				w.happened(cloakroom.CredentialChanged, cloakroom.SessionRenewed, cloakroom.SessionRevoked, cloakroom.SessionRevoked)

				_, err = w.browser().trySignIn(ana.Email, authtest.Secret)
				fails(t, err, cloakroom.ErrInvalidCredentials, "the old password")
				_, err = w.browser().trySignIn(ana.Email, nextSecret)
				done(t, err)
				done(t, w.Users().SetSecret(t.Context(), ana.ID, "", authtest.Secret))
			}
		})
		t.Run("V92 a wrong present password changes nothing, and counts as a guess", func(t *testing.T) {
			ana := w.User("v92@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			token := d.token
			for range 10 {
				_, err := d.change("wrong", "x") // the present one is judged before the next one
				fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong present password")
			}
			_, err := d.change(authtest.Secret, nextSecret)
			limited(t, err, "the eleventh")
			if d.token != token {
				t.Error("the token changed")
			}
			d.answers(http.StatusOK, "the session")
			w.Clock.Advance(time.Hour)
			d.signIn(ana.Email)
		})
		t.Run("V83 a new password against the rules changes nothing", func(t *testing.T) {
			ana := w.User("v83@example.com")
			here, there := w.browser(), w.browser()
			here.signIn(ana.Email)
			there.signIn(ana.Email)
			w.Forget()
			_, err := here.change(authtest.Secret, "short")
			if _, ok := err.(cloakroom.FieldErrors); !ok {
				t.Errorf("error %v, want FieldErrors", err)
			}
			here.answers(http.StatusOK, "this device")
			there.answers(http.StatusOK, "another device")
			w.happened()
		})
		t.Run("V93 a guest has no password to change, and gets no session", func(t *testing.T) {
			d := w.browser()
			guest := d.begin()
			w.Forget()
			_, err := d.ChangeSecret(httptest.NewRecorder(), d.request(), guest, cloakroom.Change{Current: "a", Next: nextSecret})
			fails(t, err, cloakroom.ErrUnauthenticated, "a guest")
			w.happened()
		})
		t.Run("an unknown method is refused before anything is counted", func(t *testing.T) {
			w.User("method@example.com")
			d := w.browser()
			d.signIn("method@example.com")
			_, err := d.ChangeSecret(httptest.NewRecorder(), d.request(), d.live(), cloakroom.Change{Method: "palm", Current: "a", Next: "b"})
			if _, ok := err.(cloakroom.FieldErrors); !ok {
				t.Errorf("error %v, want FieldErrors", err)
			}
		})
	})
}

// Whoever was signed out does not come back by changing the password, however late the sign-out is noticed.
func TestChangeSecretAfterRevokeAll(t *testing.T) {
	for name, during := range map[string]string{"before it": "", "while it is under way": "Renew", "at its last moment": "UpdateUser"} {
		t.Run(name, func(t *testing.T) {
			store := wrap(memory.New())
			w := newWorld(t, cloakroom.Config{Store: store})
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			s, before := d.live(), d.holding(d.token)
			revoked := false
			store.hook(func(verb string) error {
				switch {
				case verb == "CloseUser":
					return errDown // the rows are still there
				case verb == during && !revoked:
					revoked = true
					return w.Sessions().RevokeAll(t.Context(), ana.ID)
				}
				return nil
			})
			if during == "" {
				done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
			}
			_, err := d.changeIn(s, authtest.Secret, nextSecret)
			store.down()
			fails(t, err, cloakroom.ErrInvalidToken, "the change")
			d.answers(http.StatusUnauthorized, "the session that was ended")
			before.answers(http.StatusUnauthorized, "the token from before")
			d.signIn(ana.Email) // with the old password
		})
	}
}

// Two devices change the password at once: one wins, and only its device is left.
func TestChangeSecretAtOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		devices, sessions := make([]*device, 8), make([]*cloakroom.Session, 8)
		for i := range devices {
			devices[i] = w.browser()
			sessions[i] = devices[i].signIn(ana.Email)
		}
		n := atOnce(len(devices), func(i int) error {
			_, err := devices[i].changeIn(sessions[i], authtest.Secret, nextSecret)
			return err
		})
		live := 0
		for _, d := range devices {
			if d.status() == http.StatusOK {
				live++
			}
		}
		if n != 1 || live != 1 {
			t.Errorf("%d changes succeeded and %d devices are signed in, want 1 and 1", n, live)
		}
	})
}

// answerless does what it is asked and loses the answer.
type answerless struct{ *wrapped }

func (s answerless) UpdateUser(ctx context.Context, c cloakroom.UserChange) error {
	if err := s.wrapped.UpdateUser(ctx, c); err != nil || len(c.Credentials) == 0 {
		return err
	}
	return errDown
}

// Nobody can know whether the change was done, but the client's token must be good either way.
func TestChangeSecretWithALostAnswer(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Store: answerless{wrap(memory.New())}})
	ana := w.User("ana@example.com")
	d, other := w.browser(), w.browser()
	d.signIn(ana.Email)
	other.signIn(ana.Email)
	_, err := d.change(authtest.Secret, nextSecret)
	if _, unknown := errors.AsType[*cloakroom.UnavailableError](err); !unknown {
		t.Fatalf("the change: %v", err)
	}
	d.answers(http.StatusOK, "the session that made the change")
	other.answers(http.StatusUnauthorized, "another one, for the change was done")
}
