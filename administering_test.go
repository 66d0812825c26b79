package cloakroom_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestAdministering(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		boss, ana := w.User("boss@example.com", cloakroom.RoleAdmin), w.User("ana@example.com")
		d := w.browser()
		d.signIn(boss.Email)
		key, robot := w.issue(cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"admin"}})
		for name, by := range map[string]struct {
			s    *cloakroom.Session
			want map[string]string
		}{
			"a person": {d.live(), map[string]string{"actor": boss.ID}},
			"a key":    {robot.live(), map[string]string{"actor": boss.ID, "actor_key": key.ID}},
			"nobody":   {nil, nil},
			"a guest":  {&cloakroom.Session{}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				w.Clock.Advance(time.Second)
				w.Forget()
				done(t, w.Sessions().RevokeAll(w.Administering(d.request(), by.s).Context(), ana.ID))
				told, kept := w.Events()[0], all(t, w.Auth.Events().Of(t.Context(), ana.ID))[0]
				for _, e := range []cloakroom.Event{told, kept} {
					if e.Type != cloakroom.SessionsRevoked || e.Details["actor"] != by.want["actor"] || e.Details["actor_key"] != by.want["actor_key"] {
						t.Errorf("%s by %v, want %v", e.Type, e.Details, by.want)
					}
				}
			})
		}
	})
	t.Run("whoever acts as a user is the actor still", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		boss, ana := w.User("boss@example.com", cloakroom.RoleAdmin), w.User("ana@example.com")
		d := w.browser()
		d.signIn(boss.Email)
		acting := d.actAs(ana)
		w.Forget()
		done(t, w.Sessions().RevokeAll(w.Administering(d.request(), acting).Context(), ana.ID))
		if e := w.Events()[0]; e.Details["actor"] != boss.ID {
			t.Errorf("by %v", e.Details)
		}
	})
}

// A user hears that somebody acts in the account, and why, as soon as it has begun.
func TestImpersonationIsTold(t *testing.T) {
	p := newPostal(t, cloakroom.Config{})
	boss, ana, bob := p.User("boss@example.com", cloakroom.RoleAdmin), p.User("ana@example.com"), p.unverified("bob@example.com")
	d := p.browser()
	d.signIn(boss.Email)
	_, err := d.impersonating(cloakroom.Impersonation{UserID: ana.ID})
	refuses(t, err, "reason")
	p.gets(ana.Email)
	d.actAs(ana)
	if text := p.box.WaitFor(t, ana.Email, "notice").Text; !strings.Contains(text, "An administrator acted in your account, with the reason “ticket 4711”.") {
		t.Errorf("told %s", text)
	}
	done(t, second(d.stopActing()))
	done(t, second(d.impersonating(cloakroom.Impersonation{UserID: bob.ID, Reason: "ticket 4712"})))
	p.Clock.Advance(2 * time.Minute)
	p.gets(ana.Email, "notice")
	p.gets(bob.Email)
	p.gets(boss.Email)
}

func TestFindByRole(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		for _, email := range []string{"ana@example.com", "ben@example.com", "ada@example.com"} {
			w.User(email, map[bool]string{true: "editor", false: "author"}[email[0] == 'a'])
			w.Clock.Advance(time.Second)
		}
		for _, c := range []struct {
			q    cloakroom.UserSearch
			want string
			more bool
		}{
			{cloakroom.UserSearch{Role: "editor"}, "ana@example.com ada@example.com", false},
			{cloakroom.UserSearch{Role: "editor", Text: "ADA"}, "ada@example.com", false},
			{cloakroom.UserSearch{Role: "author", Text: "ada"}, "", false},
			{cloakroom.UserSearch{Role: "editor", Max: 1}, "ana@example.com", true},
			{cloakroom.UserSearch{Max: 5000}, "ana@example.com ben@example.com ada@example.com", false},
		} {
			page, next, err := w.Users().Find(t.Context(), c.q)
			done(t, err)
			if got := emails(page); got != c.want || (next != "") != c.more {
				t.Errorf("%+v: %q, want %q; next %q", c.q, got, c.want, next)
			}
		}
	})
}

func TestInvite(t *testing.T) {
	w, out := mailed(t, cloakroom.Config{})
	user, err := w.Users().Invite(t.Context(), cloakroom.NewUser{Email: "Ana@example.com", Name: "Ana", Secret: authtest.Secret, Roles: []string{"editor"}})
	done(t, err)
	w.happened(cloakroom.UserCreated)
	d := w.browser()
	_, err = d.trySignIn(user.Email, authtest.Secret)
	fails(t, err, cloakroom.ErrInvalidCredentials, "a secret that the owner did not choose")
	done(t, w.ResetPassword(d.request(), tokenIn(t, out.WaitFor(t, user.Email, "reset_password")), "a wholly new secret"))
	_, err = d.trySignIn(user.Email, "a wholly new secret")
	done(t, err)
	_, err = w.Users().Invite(t.Context(), cloakroom.NewUser{Email: user.Email})
	fails(t, err, cloakroom.ErrEmailTaken, "again")
	_, err = w.Users().Invite(t.Context(), cloakroom.NewUser{Name: "nowhere to write to"})
	done(t, err)
}

func TestAPIKeysAfter(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana, ben := w.User("ana@example.com"), w.User("ben@example.com")
		var ids []string
		for _, user := range []*cloakroom.User{ana, ben, ana, ben} {
			w.Clock.Advance(time.Second)
			key, _ := w.issue(cloakroom.NewAPIKey{UserID: user.ID, Scopes: []string{"x"}})
			ids = append(ids, key.ID)
		}
		after := func(userID, keyID string) (got []string) {
			for _, k := range all(t, w.APIKeys().After(t.Context(), userID, keyID)) {
				got = append(got, k.ID)
			}
			return got
		}
		for _, c := range []struct {
			user, key string
			want      []string
		}{
			{"", "", ids}, {"", ids[1], ids[2:]}, {ana.ID, "", []string{ids[0], ids[2]}}, {ben.ID, ids[1], ids[3:]}, {"", ids[3], nil},
		} {
			if got := after(c.user, c.key); !slices.Equal(got, c.want) {
				t.Errorf("after %q of %q: %q, want %q", c.key, c.user, got, c.want)
			}
		}
	})
}
