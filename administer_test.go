package cloakroom_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestSearch(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ctx := t.Context()
		for _, u := range []cloakroom.NewUser{
			{Email: "ana@example.com", Name: "Ana Lena"}, {Email: "ben@lena.example", Name: "Ben"}, {Email: "zoe@example.com", Name: "Zoë 100%"},
			{Email: "mia@example.com", Name: "LENA MIA"},
		} {
			_, err := w.Users().Create(ctx, u)
			done(t, err)
			w.Clock.Advance(time.Second) // ids are in order of time
		}
		newWorld(t, cloakroom.Config{Store: store, Realm: "staff"}).User("lena@example.com")
		for text, want := range map[string]string{
			"lena": "ana@example.com ben@lena.example mia@example.com", " LeNa ": "ana@example.com ben@lena.example mia@example.com",
			"zoe\u0308": "zoe@example.com", "ZOË": "zoe@example.com", "%": "zoe@example.com", "_": "", "nobody": "",
			"": "ana@example.com ben@lena.example zoe@example.com mia@example.com",
		} {
			page, next, err := w.Users().Search(ctx, text, "", 0)
			done(t, err)
			if got := emails(page); got != want || next != "" {
				t.Errorf("%q: %s, want %s; next %q", text, got, want, next)
			}
		}
		t.Run("page by page", func(t *testing.T) {
			var got []string
			for after, pages := "", 0; ; pages++ {
				page, next, err := w.Users().Search(ctx, "lena", after, 2)
				done(t, err)
				got = append(got, emails(page))
				if next == "" || pages > 3 {
					break
				}
				after = next
			}
			if !slices.Equal(got, []string{"ana@example.com ben@lena.example", "mia@example.com"}) {
				t.Errorf("pages %q", got)
			}
		})
	})
}

func emails(page []cloakroom.User) string {
	var all []string
	for _, u := range page {
		all = append(all, u.Email)
	}
	return strings.Join(all, " ")
}

func TestVerifyByOperator(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ctx := t.Context()
	ana, err := w.Users().Create(ctx, cloakroom.NewUser{Email: "ana@example.com"})
	done(t, err)
	robot, err := w.Users().Create(ctx, cloakroom.NewUser{Name: "robot"})
	done(t, err)
	w.Forget()
	user, err := w.Users().Verify(ctx, ana.ID)
	if err != nil || !user.EmailVerified {
		t.Errorf("%+v, %v", user, err)
	}
	_, err = w.Users().Verify(ctx, ana.ID)
	done(t, err)
	w.happened(cloakroom.EmailVerified)
	_, err = w.Users().Verify(ctx, robot.ID)
	if got := refusedFields(t, err); !slices.Equal(got, []string{"email required"}) {
		t.Errorf("a user without an e-mail: %v", got)
	}
	_, err = w.Users().Verify(ctx, "usr_nobody")
	fails(t, err, cloakroom.ErrNotFound, "nobody")
}

func TestRequireReset(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w, out := mailed(t, cloakroom.Config{Store: store})
		ctx := t.Context()
		ana := w.User("ana@example.com")
		d, program := w.browser(), w.program()
		d.signIn(ana.Email)
		program.signIn(ana.Email)
		w.Forget()
		done(t, w.Users().RequireReset(ctx, ana.ID))
		w.happened(cloakroom.ResetRequired, cloakroom.SessionRevoked, cloakroom.SessionRevoked)
		d.answers(http.StatusUnauthorized, "a browser")
		program.answers(http.StatusUnauthorized, "a program")
		_, err := d.trySignIn(ana.Email, "a wrong password")
		fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong password")
		_, err = d.trySignIn(ana.Email, authtest.Secret)
		fails(t, err, cloakroom.ErrResetRequired, "the right password")
		done(t, w.ResetPassword(d.request(), tokenIn(t, out.WaitFor(t, ana.Email, "reset_password")), "a wholly new secret"))
		_, err = d.trySignIn(ana.Email, authtest.Secret)
		fails(t, err, cloakroom.ErrInvalidCredentials, "the old password")
		_, err = d.trySignIn(ana.Email, "a wholly new secret")
		done(t, err)
		fails(t, w.Users().RequireReset(ctx, "usr_nobody"), cloakroom.ErrNotFound, "nobody")
	})
	t.Run("without a Mailer an administrator sets a password", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		ana, d := w.User("ana@example.com"), w.browser()
		done(t, w.Users().RequireReset(t.Context(), ana.ID))
		if _, err := d.trySignIn(ana.Email, authtest.Secret); err == nil {
			t.Error("the password counts")
		}
		done(t, w.Users().SetSecret(t.Context(), ana.ID, "", "a wholly new secret"))
		_, err := d.trySignIn(ana.Email, "a wholly new secret")
		done(t, err)
	})
}

func TestResetFactors(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w, out := mailed(t, cloakroom.Config{
			Store:         store,
			Methods:       []cloakroom.Method{authtest.Password(t), bare{"key"}},
			SecondFactors: []cloakroom.Method{bare{"totp"}, bare{"key"}},
		})
		ctx := t.Context()
		ana, d := w.User("ana@example.com"), w.browser()
		d.signIn(ana.Email)
		for _, m := range []string{"totp", "key", "device"} {
			w.enrolled(ana, m)
		}
		d.challenge(ana.Email)
		w.Forget()
		root := w.browser()
		admin := root.signIn(w.User("root@example.com", "admin").Email)
		w.Forget()
		t.Run("S206 a second factor is reset by an administrator, whom the event names; sessions end, and the user is told", func(t *testing.T) {
			done(t, w.Users().ResetFactors(w.Administering(root.request(), admin).Context(), ana.ID))
			if e := w.Events(cloakroom.FactorsReset); len(e) != 1 || e[0].UserID != ana.ID || e[0].Details["actor"] != admin.User.ID {
				t.Errorf("told as %+v", e)
			}
			w.happened(cloakroom.FactorsReset, cloakroom.SessionRevoked)
			d.answers(http.StatusUnauthorized, "a session from before")
			if m := out.WaitFor(t, ana.Email, "notice"); !strings.Contains(m.Text, "http://localhost/auth/disown?token=") {
				t.Errorf("the notice says %s", m.Text)
			}
			left, err := store.Credentials(ctx, ana.ID)
			if err != nil || len(left) != 1 || left[0].Method != "password" {
				t.Errorf("left are %v, %v", left, err)
			}
			user, err := w.Users().Get(ctx, ana.ID)
			if err != nil || user.MFA {
				t.Errorf("%+v, %v", user, err)
			}
			d.signIn(ana.Email)
		})
		t.Run("who has no password then is mailed how to set one; who has one is not", func(t *testing.T) {
			ben, err := w.Users().Create(ctx, cloakroom.NewUser{Email: "ben@example.com", EmailVerified: true})
			done(t, err)
			w.enrolled(ben, "key")
			done(t, w.Users().ResetFactors(ctx, ben.ID))
			done(t, w.ResetPassword(d.request(), tokenIn(t, out.WaitFor(t, ben.Email, "reset_password")), authtest.Secret))
			w.browser().signIn(ben.Email)
			for _, m := range out.Sent() {
				if m.To == ana.Email && m.Letter == "reset_password" {
					t.Error("the reset went to who has a password")
				}
			}
		})
		fails(t, w.Users().ResetFactors(ctx, "usr_nobody"), cloakroom.ErrNotFound, "nobody")
	})
}

// bare is a method whose credentials nobody chooses.
type bare struct{ name string }

func (b bare) Name() string { return b.name }

func (b bare) Prove(ctx context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	return fake{name: b.name}.Prove(ctx, c)
}
