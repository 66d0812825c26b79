package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

const month = 30 * 24 * time.Hour

// mailed is a world whose mails lie in an outbox.
func mailed(t testing.TB, c cloakroom.Config) (*world, *authtest.Outbox) {
	t.Helper()
	out := &authtest.Outbox{}
	c.Mailer, c.BaseURL = out, "http://localhost"
	return newWorld(t, c), out
}

// tokenIn is the token of the link of a mail.
func tokenIn(t testing.TB, m cloakroom.Mail) string {
	t.Helper()
	u, err := url.Parse(authtest.Link(m))
	if err != nil || u.Query().Get("token") == "" {
		t.Fatalf("no link with a token in %q", m.Text)
	}
	return u.Query().Get("token")
}

// deleteAccount asks for the end of the device's own account.
func (d *device) deleteAccount() (time.Time, error) {
	s, err := d.session()
	if err != nil {
		return time.Time{}, err
	}
	answer := httptest.NewRecorder()
	leavesAt, err := d.DeleteAccount(answer, d.request(), s)
	d.keep(answer, nil)
	return leavesAt, err
}

func TestDeleteAccount(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w, out := mailed(t, cloakroom.Config{Store: store})
		ctx := t.Context()
		ana := w.User("ana@example.com")
		d, other := w.browser(), w.program()
		d.signIn(ana.Email)
		other.signIn(ana.Email)
		w.Forget()
		leavesAt, err := d.deleteAccount()
		done(t, err)
		t.Run("S133 all sessions are dead at once, and the browser forgets its cookie", func(t *testing.T) {
			if want := w.Clock.Now().Add(month); !leavesAt.Equal(want) {
				t.Errorf("it leaves at %v, want %v", leavesAt, want)
			}
			if d.token != "" {
				t.Error("the cookie stays")
			}
			other.answers(http.StatusUnauthorized, "the other session")
			w.happened(cloakroom.DeletionRequested, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
		})
		m := out.WaitFor(t, ana.Email, "deletion")
		t.Run("the mail says until when, and its link leads to what keeps the account", func(t *testing.T) {
			if !strings.Contains(m.Text, leavesAt.Format("2006")) || !strings.HasPrefix(authtest.Link(m), "http://localhost/auth/user/keep?token=") {
				t.Errorf("it says %s", m.Text)
			}
		})
		t.Run("the account is kept by the mail, once", func(t *testing.T) {
			w.Forget()
			fails(t, w.KeepAccount(d.request(), "crt_nonsense"), cloakroom.ErrInvalidLink, "another token")
			cross := d.request()
			cross.Header.Set("Sec-Fetch-Site", "cross-site")
			fails(t, w.KeepAccount(cross, tokenIn(t, m)), cloakroom.ErrCrossOrigin, "from another site")
			w.Clock.Advance(month - time.Minute)
			done(t, w.KeepAccount(d.request(), tokenIn(t, m)))
			w.happened(cloakroom.DeletionUndone)
			fails(t, w.KeepAccount(d.request(), tokenIn(t, m)), cloakroom.ErrInvalidLink, "a second time")
			out.WaitFor(t, ana.Email, "notice")
			d.signIn(ana.Email)
			other.answers(http.StatusUnauthorized, "a session from before")
		})
		t.Run("after its time it is deleted, by whoever sweeps first, and its e-mail is free", func(t *testing.T) {
			_, err := d.deleteAccount()
			done(t, err)
			again := out.WaitFor(t, ana.Email, "deletion")
			w.Clock.Advance(month)
			fails(t, w.KeepAccount(d.request(), tokenIn(t, again)), cloakroom.ErrExpiredLink, "on the minute")
			_, err = w.Users().Restore(ctx, ana.ID)
			fails(t, err, cloakroom.ErrNotFound, "an administrator, then")
			w.Forget()
			w.Clock.Advance(10 * time.Minute)
			node := newWorld(t, cloakroom.Config{Store: store, Now: w.Clock.Now})
			if n := atOnce(8, func(i int) error {
				_, err := []*world{w, node}[i%2].Sweep(ctx)
				return err
			}); n != 8 {
				t.Errorf("%d of 8 sweeps went well", n)
			}
			gone := slices.Concat(w.Events(cloakroom.UserDeleted), node.Events(cloakroom.UserDeleted))
			if len(gone) != 1 || gone[0].UserID != ana.ID || gone[0].Reason != "left" {
				t.Errorf("told as %+v", gone)
			}
			_, err = w.Users().Get(ctx, ana.ID)
			fails(t, err, cloakroom.ErrNotFound, "the account")
			w.User(ana.Email)
			d.signIn(ana.Email)
		})
	})
}

// S134: while it leaves, no road tells the account from one that was never there, but that its e-mail is taken.
func TestLeavingAccountOnEveryRoad(t *testing.T) {
	w, out := mailed(t, cloakroom.Config{
		Token:         cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{cloakroom.Opaque, cloakroom.Signed}, Audience: "app"},
		SecondFactors: []cloakroom.Method{fake{name: "totp"}},
		MailCode:      cloakroom.MailCodePolicy{Allowed: true},
	})
	ctx := t.Context()
	ana, ben := w.User("ana@example.com"), w.User("ben@example.com")
	old, opaque, signed := w.browser(), w.program(), w.program()
	old.signIn(ana.Email)
	opaque.signIn(ana.Email)
	g, err := signed.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.SignIn(rw, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret, Terms: cloakroom.Terms{Delivery: signed.by, Token: cloakroom.Signed}})
	})
	done(t, err)
	refresh := g.Tokens.Refresh.Reveal()
	begun := w.browser()
	w.enrolled(ana, "totp")
	challenge := begun.challenge(ana.Email)
	done(t, w.ForgotPassword(old.request(), ana.Email))
	reset := tokenIn(t, out.WaitFor(t, ana.Email, "reset_password"))
	sendCode := func(d *device) *cloakroom.Challenge {
		g, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			c, err := w.SendCode(rw, r, cloakroom.CodeRequest{Email: ana.Email, Terms: d.terms()})
			return &cloakroom.Grant{Challenge: c}, err
		})
		done(t, err)
		return g.Challenge
	}
	coded := w.browser()
	pending := sendCode(coded)
	code := authtest.Code(out.WaitFor(t, ana.Email, "mailcode"))
	key, token, err := w.APIKeys().Create(ctx, cloakroom.NewAPIKey{Name: "nightly", UserID: ana.ID, Scopes: []string{"read"}})
	done(t, err)
	robot := w.program().holding(token.Reveal())
	if s := robot.live(); s.ID != key.ID {
		t.Fatalf("the key opens %s", s.ID)
	}
	_, err = opaque.deleteAccount()
	done(t, err)
	out.WaitFor(t, ana.Email, "deletion")
	w.Clock.Advance(2 * time.Minute) // beyond the fold of mails

	t.Run("S134 tokens of every form are dead", func(t *testing.T) {
		for name, d := range map[string]*device{"cookie": old, "opaque": opaque, "signed": signed, "API key": robot} {
			if _, err := d.session(); !errors.Is(err, cloakroom.ErrInvalidToken) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := signed.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.Refresh(rw, r, refresh)
		})
		fails(t, err, cloakroom.ErrInvalidRefresh, "refresh")
		for name, token := range map[string]string{"opaque": opaque.token, "signed": signed.token, "refresh": refresh} {
			if in, err := w.Introspect(ctx, token); err != nil || in.Active {
				t.Errorf("introspection of %s: %+v, %v", name, in, err)
			}
		}
		if len(w.listed(ana.ID)) > 0 {
			t.Error("sessions are listed")
		}
	})
	t.Run("S134 a sign-in is told as for nobody, and one that was under way is over", func(t *testing.T) {
		w.Forget()
		_, err := w.browser().trySignIn(ana.Email, authtest.Secret)
		fails(t, err, cloakroom.ErrInvalidCredentials, "the right password")
		if e := w.Events(cloakroom.SignInFailed); len(e) != 1 || e[0].Reason != "unknown_account" || e[0].UserID != "" {
			t.Errorf("told as %+v", e)
		}
		_, err = begun.answer(challenge, "totp", "totp")
		if !errors.Is(err, cloakroom.ErrInvalidCredentials) && !errors.Is(err, cloakroom.ErrInvalidChallenge) {
			t.Errorf("the second factor: %v", err)
		}
		_, err = coded.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			g, _, err := w.OpenCode(rw, r, cloakroom.CodeAnswer{Challenge: pending.Token.Reveal(), Code: code})
			return g, err
		})
		if code == "" || !errors.Is(err, cloakroom.ErrInvalidCredentials) && !errors.Is(err, cloakroom.ErrInvalidChallenge) {
			t.Errorf("the code %q of a mail from before: %v", code, err)
		}
		_, err = w.Admit(httptest.NewRecorder(), old.request(), ana.ID, cloakroom.Admission{Method: "test"})
		fails(t, err, cloakroom.ErrNotFound, "admission by the app")
	})
	t.Run("S134 no mail but that of the deletion", func(t *testing.T) {
		before := len(out.Sent())
		done(t, w.ForgotPassword(old.request(), ana.Email))
		done(t, w.RequestVerification(old.request(), ana.Email))
		sendCode(w.browser())
		fails(t, w.ResetPassword(old.request(), reset, "a wholly new secret"), cloakroom.ErrInvalidLink, "a reset from before")
		done(t, w.ForgotPassword(old.request(), ben.Email)) // behind them: when it is there, they were looked at
		out.WaitFor(t, ben.Email, "reset_password")
		for _, m := range out.Sent()[before:] {
			if m.To == ana.Email && m.Letter != "notice" { // of what was before
				t.Errorf("%s went out", m.Letter)
			}
		}
	})
	t.Run("S134 its e-mail is taken until the end", func(t *testing.T) {
		_, err := w.Users().Create(ctx, cloakroom.NewUser{Email: ana.Email})
		fails(t, err, cloakroom.ErrEmailTaken, "another account")
	})
	t.Run("an administrator restores it", func(t *testing.T) {
		w.Forget()
		user, err := w.Users().Restore(ctx, ana.ID)
		if err != nil || user.Leaving() {
			t.Fatalf("%+v, %v", user, err)
		}
		_, err = w.Users().Restore(ctx, ana.ID)
		done(t, err)
		w.happened(cloakroom.DeletionUndone)
		old.answers(http.StatusUnauthorized, "a session from before")
		if c := begun.challenge(ana.Email); len(c.Next) != 1 {
			t.Errorf("sign-in asks for %v", c.Next)
		}
	})
}

func TestDeleteAccountAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		config cloakroom.Config
		user   cloakroom.NewUser
	}{
		"S135 without a Mailer":            {cloakroom.Config{}, cloakroom.NewUser{EmailVerified: true}},
		"S135 without a grace":             {cloakroom.Config{Mailer: &authtest.Outbox{}, BaseURL: "http://localhost", DeleteAfter: -1}, cloakroom.NewUser{EmailVerified: true}},
		"S135 without an e-mail to trust":  {cloakroom.Config{Mailer: &authtest.Outbox{}, BaseURL: "http://localhost"}, cloakroom.NewUser{}},
		"S135 in a realm, without a grace": {cloakroom.Config{Realm: "staff", DeleteAfter: -1}, cloakroom.NewUser{EmailVerified: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.config)
			c.user.Email, c.user.Secret = "ana@example.com", authtest.Secret
			ana, err := w.Users().Create(t.Context(), c.user)
			done(t, err)
			d, other := w.browser(), w.browser()
			d.signIn(ana.Email)
			other.signIn(ana.Email)
			w.Forget()
			leavesAt, err := d.deleteAccount()
			if err != nil || !leavesAt.IsZero() {
				t.Fatalf("leaves at %v, %v", leavesAt, err)
			}
			w.happened(cloakroom.UserDeleted, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
			other.answers(http.StatusUnauthorized, "another session")
			_, err = w.Users().Get(t.Context(), ana.ID)
			fails(t, err, cloakroom.ErrNotFound, "the account")
			if creds, err := w.Store().Credentials(t.Context(), ana.ID); err != nil || len(creds) > 0 {
				t.Errorf("credentials %v, %v", creds, err)
			}
			if d.token != "" {
				t.Error("the cookie stays")
			}
		})
	}
}

func TestLastAdminCannotLeave(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w, _ := mailed(t, cloakroom.Config{Store: store})
		one, two := w.browser(), w.browser()
		root, other := w.User("root@example.com", "admin", "staff"), w.User("other@example.com", "admin")
		one.signIn(root.Email)
		two.signIn(other.Email)
		devices := []*device{one, two}
		if n := atOnce(2, func(i int) error { _, err := devices[i].deleteAccount(); return err }); n != 1 {
			t.Fatalf("%d of the last two administrators have left", n)
		}
		if _, err := two.session(); err != nil {
			one, two, root, other = two, one, other, root
		}
		_, err := two.deleteAccount()
		fails(t, err, cloakroom.ErrLastHolder, "the last one")
		two.answers(http.StatusOK, "who could not leave")
		fails(t, w.Users().Ban(t.Context(), other.ID), cloakroom.ErrLastHolder, "a ban of the last one: who leaves does not count")
		user, err := w.Users().Restore(t.Context(), root.ID)
		if err != nil || user.Is("admin") {
			t.Errorf("restored as %+v, %v: a mail must not make an administrator", user, err)
		}
	})
}

func TestDeleteAccountRefused(t *testing.T) {
	veto := errors.New("not while an order is open")
	w, _ := mailed(t, cloakroom.Config{Veto: func(_ context.Context, e cloakroom.Event) error {
		if e.Type == cloakroom.DeletionRequested {
			return veto
		}
		return nil
	}})
	d := w.browser()
	d.signIn(w.User("ana@example.com").Email)
	_, err := d.deleteAccount()
	fails(t, err, cloakroom.ErrForbidden, "by veto")
	d.answers(http.StatusOK, "who was refused")
	if _, err := w.DeleteAccount(httptest.NewRecorder(), d.request(), nil); !errors.Is(err, cloakroom.ErrUnauthenticated) {
		t.Errorf("nobody: %v", err)
	}
	guest := w.browser()
	if _, err := w.DeleteAccount(httptest.NewRecorder(), guest.request(), guest.begin()); !errors.Is(err, cloakroom.ErrUnauthenticated) {
		t.Errorf("a guest: %v", err)
	}
	acting := d.live()
	acting.Actor = "usr_root"
	if _, err := w.DeleteAccount(httptest.NewRecorder(), d.request(), acting); !errors.Is(err, cloakroom.ErrImpersonated) {
		t.Errorf("an administrator who acts as the user: %v", err)
	}
}

// Two requests of one session, and a store that says so late: the account leaves once, with one mail.
func TestDeleteAccountTwice(t *testing.T) {
	w, _ := mailed(t, cloakroom.Config{})
	d := w.browser()
	d.signIn(w.User("ana@example.com").Email)
	sessions := []*cloakroom.Session{d.live(), d.live()}
	w.Forget()
	times := make([]time.Time, 2)
	if n := atOnce(2, func(i int) (err error) {
		times[i], err = w.DeleteAccount(httptest.NewRecorder(), d.request(), sessions[i])
		return err
	}); n != 2 || !times[0].Equal(times[1]) || times[0].IsZero() {
		t.Errorf("%d of 2 went well, leaving at %v", n, times)
	}
	if n := len(w.Events(cloakroom.DeletionRequested)); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// A deletion of many is swept page by page, and what cannot go holds up nobody.
func TestSweepLeavers(t *testing.T) {
	store := memory.New()
	w := newWorld(t, cloakroom.Config{Store: store})
	ctx := t.Context()
	past := w.Clock.Now().Add(-time.Hour)
	for i := range 450 {
		done(t, store.CreateUser(ctx, cloakroom.UserChange{User: cloakroom.User{ID: fmt.Sprintf("usr_x%04d", i), LeavesAt: past}}))
	}
	done(t, store.CreateUser(ctx, cloakroom.UserChange{User: cloakroom.User{ID: "usr_0", Roles: []string{"admin"}, LeavesAt: past}}))
	done(t, store.CreateUser(ctx, cloakroom.UserChange{User: cloakroom.User{ID: "usr_1", LeavesAt: w.Clock.Now()}})) // not long enough ago
	done(t, store.CreateUser(ctx, cloakroom.UserChange{User: cloakroom.User{ID: "usr_2", LeavesAt: past, Realm: "staff"}}))
	if n, err := w.Sweep(ctx); err != nil || n != 450 {
		t.Errorf("swept %d, %v", n, err)
	}
	if e := w.Events(cloakroom.RequestFailed); len(e) != 1 || e[0].UserID != "usr_0" {
		t.Errorf("the last administrator: told as %v", e)
	}
	for _, id := range []string{"usr_0", "usr_1", "usr_2"} {
		if _, err := store.User(ctx, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
