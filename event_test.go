package cloakroom_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// V124: a life of accounts and sessions, and after each step exactly the events that it is made of.
func TestEvents(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		var all []cloakroom.Event
		w, _ := factors(t, cloakroom.Config{Store: store, Session: cloakroom.Lifetime{Limit: 2}, OnEvent: func(_ context.Context, e cloakroom.Event) {
			all = append(all, e)
		}})
		ctx, d := t.Context(), w.browser()
		const email, secret = "story@example.com", "a secret nobody may read"
		var user *cloakroom.User
		var tokens []string
		w.Forget()
		for _, step := range []struct {
			name string
			do   func() error
			want []cloakroom.EventType
		}{
			{"a guest begins", func() error { d.begin(); return nil }, []cloakroom.EventType{cloakroom.GuestBegan}},
			{"again: the same session", func() error { d.begin(); return nil }, nil},
			{"sign-up", func() error {
				g, err := d.signUp(cloakroom.SignUp{Email: email, Secret: secret})
				user = g.Session.User
				return err
			}, []cloakroom.EventType{cloakroom.UserCreated, cloakroom.SignedIn, cloakroom.GuestUpgraded}},
			{"sign-up with the same e-mail", func() error {
				fails(t, second(w.browser().signUp(cloakroom.SignUp{Email: email, Secret: secret})), cloakroom.ErrEmailTaken, "sign-up")
				return nil
			}, nil},
			{"a wrong password", func() error { _ = w.browser().guess(1, email); return nil }, []cloakroom.EventType{cloakroom.SignInFailed}},
			{"an unknown e-mail", func() error { _ = w.browser().guess(1, "un"+email); return nil }, []cloakroom.EventType{cloakroom.SignInFailed}},
			{"a new token", func() error { d.renew(); return nil }, []cloakroom.EventType{cloakroom.SessionRenewed}},
			{"another device", func() error { return second(w.program().trySignIn(email, secret)) }, []cloakroom.EventType{cloakroom.SignedIn}},
			{"one too many", func() error { return second(w.program().trySignIn(email, secret)) }, []cloakroom.EventType{cloakroom.SignedIn, cloakroom.SessionRevoked}},
			{"sign-in again here, where no session is left", func() error { return second(d.trySignIn(email, secret)) }, []cloakroom.EventType{cloakroom.SignedIn, cloakroom.SessionRevoked}},
			{"a wrong present password", func() error { _, _ = d.change("wrong", nextSecret); return nil }, []cloakroom.EventType{cloakroom.SignInFailed}},
			{"the password changes", func() error { return second(d.change(secret, nextSecret)) }, []cloakroom.EventType{cloakroom.CredentialChanged, cloakroom.SessionRenewed, cloakroom.SessionRevoked}},
			{"a name changes", func() error {
				return second(w.Users().Update(ctx, user.ID, func(u *cloakroom.User) error { u.Name = "Story"; return nil }))
			}, []cloakroom.EventType{cloakroom.UserUpdated}},
			{"to the same name", func() error {
				return second(w.Users().Update(ctx, user.ID, func(u *cloakroom.User) error { u.Name = "Story"; return nil }))
			}, nil},
			{"sign-out", func() error { return d.signOut("") }, []cloakroom.EventType{cloakroom.SignedOut}},
			{"sign-out again", func() error { return d.signOut("") }, nil},
			{"a second factor is asked for", func() error { d.challenge("ana@example.com"); return nil }, []cloakroom.EventType{cloakroom.SignInChallenged}},
			{"sign-in, and out everywhere", func() error {
				return errors.Join(second(d.trySignIn(email, nextSecret)), d.signOut(cloakroom.AllSessions))
			}, []cloakroom.EventType{cloakroom.SignedIn, cloakroom.SessionsRevoked, cloakroom.SessionRevoked}},
			{"a ban", func() error { return w.Users().Ban(ctx, user.ID) }, []cloakroom.EventType{cloakroom.UserBanned}},
			{"sign-in of the banned", func() error {
				fails(t, second(d.trySignIn(email, nextSecret)), cloakroom.ErrBanned, "sign-in")
				return nil
			}, []cloakroom.EventType{cloakroom.SignInFailed}},
			{"the ban ends", func() error { return w.Users().Unban(ctx, user.ID) }, []cloakroom.EventType{cloakroom.UserUnbanned}},
			{"too many guesses", func() error { limited(t, w.from("192.0.2.77").guess(11, email), "the last"); return nil }, append(repeat(cloakroom.SignInFailed, 10), cloakroom.LimitReached)},
			{"a new password by an administrator", func() error { return w.Users().SetSecret(ctx, user.ID, "", secret) }, []cloakroom.EventType{cloakroom.CredentialChanged}},
			{"the account is deleted", func() error { return w.Users().Delete(ctx, user.ID) }, []cloakroom.EventType{cloakroom.UserDeleted}},
			{"and again", func() error {
				fails(t, w.Users().Delete(ctx, user.ID), cloakroom.ErrNotFound, "deletion")
				return nil
			}, nil},
		} {
			t.Run("V124 "+step.name, func(t *testing.T) {
				done(t, step.do())
				w.happened(step.want...)
				tokens = append(tokens, d.token)
			})
		}
		t.Run("V124 S244 no event has a secret, a token or an e-mail", func(t *testing.T) {
			printed := ""
			for _, e := range all {
				inJSON, err := json.Marshal(e)
				done(t, err)
				printed += fmt.Sprintf("%+v %s %v\n", e, inJSON, e.Err)
			}
			private := []string{email, "@", secret, nextSecret, authtest.Secret, "wrong password", "crs_", "crt_", "argon2"}
			for _, token := range tokens {
				if token != "" {
					private = append(private, token[4:20])
				}
			}
			for _, text := range private {
				if strings.Contains(printed, text) {
					t.Errorf("%q is in an event", text)
				}
			}
			if len(all) < 30 {
				t.Errorf("only %d events", len(all))
			}
		})
	})
}

func repeat(e cloakroom.EventType, n int) (all []cloakroom.EventType) {
	for range n {
		all = append(all, e)
	}
	return all
}

func TestEventTellsWhoAndWhere(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Realm: "staff"})
	ana := w.User("ana@example.com")
	w.Forget()
	s := w.browser().signIn(ana.Email)
	_ = w.browser().guess(1, ana.Email)
	_ = w.browser().guess(1, "nobody@example.com")
	e := w.Events()
	if in := e[0]; in.Type != cloakroom.SignedIn || in.UserID != ana.ID || in.SessionID != s.ID || in.IP != "192.0.2.1" ||
		!strings.Contains(in.UserAgent, "Firefox") || in.Realm != "staff" || !in.Time.Equal(w.Clock.Now()) {
		t.Errorf("signed in: %+v", in)
	}
	if wrong := e[1]; wrong.UserID != ana.ID || wrong.SessionID != "" || wrong.Reason != "wrong_secret" {
		t.Errorf("a wrong password: %+v", wrong)
	}
	if unknown := e[2]; unknown.UserID != "" || unknown.Reason != "unknown_account" {
		t.Errorf("an unknown account: %+v", unknown)
	}
}

// A hook that panics breaks nothing of what it is told about.
func TestEventHookPanics(t *testing.T) {
	w := newWorld(t, cloakroom.Config{OnEvent: func(context.Context, cloakroom.Event) { panic("the hook is broken") }})
	t.Run("S242 sign-up, sign-in, a new password and sign-out work as ever", func(t *testing.T) {
		d := w.browser()
		d.begin()
		d.put("tea")
		_, err := d.signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})
		done(t, err)
		d.hasCart("tea", "after sign-up")
		other := w.browser()
		other.signIn("ana@example.com")
		_, err = d.change(authtest.Secret, nextSecret)
		done(t, err)
		other.answers(http.StatusUnauthorized, "the other device")
		fails(t, w.browser().guess(1, "ana@example.com"), cloakroom.ErrInvalidCredentials, "a wrong password")
		answer := httptest.NewRecorder()
		w.Fail(answer, d.request(), errors.New("unforeseen"))
		if answer.Code != http.StatusInternalServerError {
			t.Errorf("Fail answers %d", answer.Code)
		}
		old := d.holding(d.token)
		done(t, d.signOut(""))
		old.answers(http.StatusUnauthorized, "after sign-out")
	})
}
