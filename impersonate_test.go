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
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// impersonating asks for a session of somebody else, as an endpoint for administrators would.
func (d *device) impersonating(in cloakroom.Impersonation) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.Impersonate(w, r, d.live(), in)
	})
}

func (d *device) actAs(user *cloakroom.User) *cloakroom.Session {
	d.t.Helper()
	g, err := d.impersonating(cloakroom.Impersonation{UserID: user.ID, Reason: "ticket 4711"})
	if err != nil {
		d.t.Fatal(err)
	}
	return g.Session
}

func (d *device) stopActing() (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.StopImpersonating(w, r, d.live())
	})
}

func TestImpersonation(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		realm := 0
		fresh := func(t *testing.T) (w *world, boss, ana *cloakroom.User) {
			realm++
			w = newWorld(t, cloakroom.Config{Store: store, Realm: fmt.Sprint(realm), Session: cloakroom.Lifetime{Limit: 2}})
			return w, w.User("boss@example.com", "admin"), w.User("ana@example.com", "editor")
		}
		for _, by := range []string{"browser", "program"} {
			t.Run("S233 by "+by+", acts as the target, has both ids in its events, and comes back", func(t *testing.T) {
				w, boss, ana := fresh(t)
				d := w.browser()
				if by == "program" {
					d = w.program()
				}
				own := d.signIn(boss.Email)
				w.Clock.Advance(time.Minute)
				before := d.holding(d.token)
				w.Forget()
				acting := d.actAs(ana)
				w.happened(cloakroom.ImpersonationBegun)
				s := d.live()
				if s.ID != acting.ID || s.ID == own.ID || s.User.ID != ana.ID || s.Actor != boss.ID || s.Level != own.Level ||
					!slices.Equal(s.Methods, []string{"impersonation"}) || !s.AuthenticatedAt.Equal(own.AuthenticatedAt) || !s.ExpiresAt.Equal(w.Clock.Now().Add(30*time.Minute)) {
					t.Errorf("acting session %+v of %+v", s, s.User)
				}
				d.gets(http.StatusOK, "the target's role", cloakroom.Role("editor"))
				d.gets(http.StatusForbidden, "the administrator's role", cloakroom.Role("admin"))
				if by == "program" {
					before.answers(http.StatusOK, "the administrator's own token meanwhile")
				}
				w.Clock.Advance(time.Minute)
				g, err := d.stopActing()
				done(t, err)
				w.happened(cloakroom.ImpersonationEnded, cloakroom.SessionRenewed)
				if g.Session.ID != own.ID || g.Session.User.ID != boss.ID || d.live().ID != own.ID || d.live().Actor != "" {
					t.Errorf("came back to %+v, not to %s", g.Session, own.ID)
				}
				if s := d.live(); s.Level != 1 || !s.AuthenticatedAt.IsZero() || g.Session.Level != 1 || !g.Session.AuthenticatedAt.IsZero() {
					t.Errorf("coming back was taken for a proof: %+v", s)
				}
				d.gets(http.StatusUnauthorized, "what is sensitive", cloakroom.Sensitive)
				d.gets(http.StatusUnauthorized, "a proof of whatever age", cloakroom.MaxAge(1000*time.Hour))
				before.answers(http.StatusUnauthorized, "the administrator's token of before")
				kept := w.history(ana.ID)[1:]
				if got := typesOf(kept); !slices.Equal(got, []cloakroom.EventType{cloakroom.ImpersonationBegun, cloakroom.ImpersonationEnded}) {
					t.Fatalf("kept of the target: %v", got)
				}
				for _, e := range kept {
					if e.UserID != ana.ID || e.Details["actor"] != boss.ID || e.SessionID != acting.ID || e.IP == "" {
						t.Errorf("event %+v", e)
					}
				}
				if kept[0].Reason != "ticket 4711" {
					t.Errorf("reason %q", kept[0].Reason)
				}
				renewed := w.history(boss.ID)
				if last := renewed[len(renewed)-1]; last.Type != cloakroom.SessionRenewed || last.Details["actor"] != "" {
					t.Errorf("the administrator's own event %+v", last)
				}
				step, err := d.stepUp()
				done(t, err)
				done(t, second(d.answer(step, "password", authtest.Secret)))
				d.gets(http.StatusOK, "what is sensitive, after a step-up", cloakroom.Sensitive, cloakroom.Role("admin"))
			})
		}
		t.Run("S233 nested is flat: the administrator goes from one user to the next, and back to himself", func(t *testing.T) {
			w, boss, ana := fresh(t)
			bob := w.User("bob@example.com")
			d := w.browser()
			own := d.signIn(boss.Email)
			w.Clock.Advance(time.Second)
			first := d.actAs(ana)
			asAna := d.holding(d.token)
			w.Clock.Advance(time.Second)
			w.Forget()
			d.actAs(bob)
			w.happened(cloakroom.ImpersonationBegun, cloakroom.ImpersonationEnded)
			asAna.answers(http.StatusUnauthorized, "the first user's session")
			if s := d.live(); s.User.ID != bob.ID || s.Actor != boss.ID {
				t.Errorf("acting session %+v", s)
			}
			ended := w.history(ana.ID)
			if last := ended[len(ended)-1]; last.Type != cloakroom.ImpersonationEnded || last.SessionID != first.ID || last.Details["actor"] != boss.ID {
				t.Errorf("event %+v", last)
			}
			g, err := d.stopActing()
			done(t, err)
			if g.Session.ID != own.ID {
				t.Errorf("came back to %+v", g.Session)
			}
			_, err = d.stopActing()
			fails(t, err, cloakroom.ErrForbidden, "coming back twice")
		})
		t.Run("S232 without the right, and for an unknown user, the same 403", func(t *testing.T) {
			w, boss, ana := fresh(t)
			admin, bob := w.browser(), w.browser()
			admin.signIn(boss.Email)
			bob.signIn(w.User("bob@example.com", "editor").Email)
			ask := func(d *device, userID string) string {
				answer := httptest.NewRecorder()
				answer.Header().Set("X-Request-Id", "-")
				w.Protect(func(rw http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
					if _, err := w.Impersonate(rw, r, s, cloakroom.Impersonation{UserID: userID, Reason: "why"}); err != nil {
						w.Fail(rw, r, err)
					}
				}, cloakroom.Role("admin")).ServeHTTP(answer, d.request())
				body, _, _ := strings.Cut(answer.Body.String(), `"request_id"`)
				return fmt.Sprint(answer.Code, answer.Result().Cookies(), body)
			}
			want := ask(bob, ana.ID)
			if !strings.HasPrefix(want, "403 []") {
				t.Fatalf("without the right: %s", want)
			}
			for what, got := range map[string]string{
				"without the right, unknown": ask(bob, "usr_nobody"), "with it, unknown": ask(admin, "usr_nobody"), "with it, nobody named": ask(admin, ""),
			} {
				if got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
		})
		t.Run("S234 nobody acts as a banned or leaving user, an administrator or himself", func(t *testing.T) {
			w, boss, ana := fresh(t)
			banned, leaving, other := w.User("b@example.com"), w.User("l@example.com"), w.User("o@example.com", "admin")
			done(t, w.Users().Ban(t.Context(), banned.ID))
			leaving.LeavesAt = w.Clock.Now().Add(time.Hour)
			done(t, store.UpdateUser(t.Context(), cloakroom.UserChange{User: *leaving}))
			d := w.browser()
			d.signIn(boss.Email)
			for what, user := range map[string]*cloakroom.User{"banned": banned, "leaving": leaving, "administrator": other, "himself": boss} {
				_, err := d.impersonating(cloakroom.Impersonation{UserID: user.ID, Reason: "why"})
				fails(t, err, cloakroom.ErrForbidden, what)
			}
			support := w.browser()
			support.signIn(w.User("s@example.com", "support").Email)
			_, err := support.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: "why"})
			fails(t, err, cloakroom.ErrForbidden, "a user with a role that the actor lacks")
			support.actAs(w.User("c@example.com", "support"))
			d.actAs(ana)
			done(t, w.Users().Ban(t.Context(), ana.ID))
			d.answers(http.StatusForbidden, "a user who was banned meanwhile")
		})
		t.Run("it lives half an hour however it is used", func(t *testing.T) {
			w, boss, ana := fresh(t)
			d := w.program()
			d.signIn(boss.Email)
			d.actAs(ana)
			for range 29 {
				w.Clock.Advance(time.Minute)
				d.answers(http.StatusOK, "in time")
			}
			d.renew()
			w.Clock.Advance(time.Minute - time.Microsecond)
			d.answers(http.StatusOK, "in time")
			w.Clock.Advance(time.Microsecond)
			d.answers(http.StatusUnauthorized, "after its time")
		})
		t.Run("it ends with the session that it was begun from", func(t *testing.T) {
			for what, end := range map[string]func(w *world, own *cloakroom.Session) error{
				"revoked": func(w *world, own *cloakroom.Session) error {
					return w.Sessions().Revoke(t.Context(), own.User.ID, own.ID)
				},
				"all revoked": func(w *world, own *cloakroom.Session) error { return w.Sessions().RevokeAll(t.Context(), own.User.ID) },
				"banned":      func(w *world, own *cloakroom.Session) error { return w.Users().Ban(t.Context(), own.User.ID) },
			} {
				w, boss, ana := fresh(t)
				w.User("other@example.com", "admin")
				d := w.browser()
				own := d.signIn(boss.Email)
				acting := d.actAs(ana)
				d.answers(http.StatusOK, what+", before")
				done(t, end(w, own))
				d.answers(http.StatusUnauthorized, what)
				answer := httptest.NewRecorder()
				if g, err := w.StopImpersonating(answer, d.request(), acting); err != nil || g.Session != nil {
					t.Errorf("%s: coming back to %+v, %v", what, g, err)
				}
			}
		})
		t.Run("it ends when the administrator could not begin it any more", func(t *testing.T) {
			w, boss, ana := fresh(t)
			w.User("other@example.com", "admin")
			bob := w.User("bob@example.com")
			d, support := w.browser(), w.browser()
			d.signIn(boss.Email)
			d.actAs(ana)
			support.signIn(w.User("s@example.com", "support").Email)
			support.actAs(bob)
			set := func(u *cloakroom.User, roles ...string) {
				_, err := w.Users().SetRoles(t.Context(), u.ID, roles...)
				done(t, err)
			}
			set(boss, "admin", "editor")
			set(bob, "support")
			d.answers(http.StatusOK, "an actor with a role more")
			support.answers(http.StatusOK, "a user who got a role that the actor has")
			set(boss, "editor")
			set(bob, "support", "editor")
			d.answers(http.StatusUnauthorized, "no administrator, who has all roles of the user")
			support.answers(http.StatusUnauthorized, "a user who got a role that the actor lacks")
		})
		t.Run("a reason is something to read", func(t *testing.T) {
			w, boss, ana := fresh(t)
			d := w.browser()
			d.signIn(boss.Email)
			for _, reason := range []string{"", " \u2003", "\u200b", " \u200b\ufeff \u2060\u00ad"} {
				_, err := d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: reason})
				refuses(t, err, "reason")
			}
			_, err := d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: "\u200bticket \u200e4711"})
			done(t, err)
		})
		t.Run("it ends with the role that let it begin, whatever the user's roles are", func(t *testing.T) {
			for _, role := range []string{"admin", "support"} {
				w, _, _ := fresh(t)
				bob, actor := w.User("bob@example.com"), w.User(role+"@example.com", role, "editor")
				d := w.browser()
				d.signIn(actor.Email)
				d.actAs(bob)
				d.renew()
				set := func(roles ...string) {
					_, err := w.Users().SetRoles(t.Context(), actor.ID, roles...)
					done(t, err)
				}
				set(role, "editor", "author")
				d.answers(http.StatusOK, "a role more than "+role)
				if s := d.live(); !slices.Equal(s.Methods, []string{"impersonation"}) {
					t.Errorf("it shows the methods %v", s.Methods)
				}
				set("editor", "author")
				d.answers(http.StatusUnauthorized, "without "+role)
				again := w.browser()
				again.signIn(actor.Email)
				again.actAs(bob) // what may begin one is for the guard to say
				again.answers(http.StatusOK, "begun without "+role)
				set()
				again.answers(http.StatusUnauthorized, "without any role")
			}
		})
		t.Run("stopping when the administrator's session is gone signs out", func(t *testing.T) {
			w, boss, ana := fresh(t)
			d := w.browser()
			own := d.signIn(boss.Email)
			acting := d.actAs(ana)
			done(t, w.Sessions().Revoke(t.Context(), boss.ID, own.ID))
			answer := httptest.NewRecorder()
			g, err := w.StopImpersonating(answer, d.request(), acting)
			if err != nil || g.Session != nil || g.Tokens != nil {
				t.Errorf("%+v, %v", g, err)
			}
			if c := answer.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
				t.Errorf("cookies %v, want it cleared", c)
			}
			if ids := w.listed(ana.ID); len(ids) != 0 {
				t.Errorf("sessions %v live on", ids)
			}
		})
		t.Run("it ends no session of the user, and is listed among them as what it is", func(t *testing.T) {
			w, boss, ana := fresh(t)
			one, two, d := w.browser(), w.browser(), w.browser()
			one.signIn(ana.Email)
			two.signIn(ana.Email)
			d.signIn(boss.Email)
			w.Clock.Advance(time.Second)
			acting := d.actAs(ana)
			one.answers(http.StatusOK, "the user's first session")
			two.answers(http.StatusOK, "the user's second session")
			list := all(t, w.Sessions().Of(t.Context(), ana.ID))
			if len(list) != 3 || list[0].ID != acting.ID || list[0].Actor != boss.ID || list[1].Actor != "" {
				t.Errorf("listed %+v", list)
			}
			if len(w.Events(cloakroom.NewDevice)) > 0 {
				t.Error("the user is told of a new device")
			}
		})
		t.Run("it changes nothing that the account is protected by", func(t *testing.T) {
			w, boss, ana := fresh(t)
			d := w.browser()
			d.signIn(boss.Email)
			d.actAs(ana)
			s, answer, r := d.live(), httptest.NewRecorder(), d.request()
			_, changed := d.changeIn(s, authtest.Secret, nextSecret)
			_, stepped := w.StepUp(answer, r, s)
			_, offered := w.OfferFactor(r, s, "totp")
			_, removed := w.RemoveFactor(answer, r, s, "password")
			_, codes := w.NewRecoveryCodes(r, s, "recovery_code")
			_, _, key := w.APIKeys().By(s).Create(t.Context(), cloakroom.NewAPIKey{Name: "x", UserID: ana.ID, Scopes: []string{"x"}})
			for what, err := range map[string]error{
				"ChangeSecret": changed, "StepUp": stepped, "OfferFactor": offered, "RemoveFactor": removed, "NewRecoveryCodes": codes, "an API key": key,
				"Sensitive": s.Meets(cloakroom.Sensitive), "RenameFactor": w.RenameFactor(r, s, "password", "mine"),
				"signing out everywhere": d.signOut(cloakroom.AllSessions), "signing out elsewhere": d.signOut(cloakroom.OtherSessions),
			} {
				fails(t, err, cloakroom.ErrImpersonated, what)
			}
			d.answers(http.StatusOK, "the session after it")
			w.browser().signIn(ana.Email)
		})
	})
}

func TestImpersonationEvents(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	boss, ana := w.User("boss@example.com", "admin"), w.User("ana@example.com")
	note := cloakroom.NewKey[string]("note")
	acting := func() *device {
		d := w.browser()
		d.signIn(boss.Email)
		d.actAs(ana)
		w.Clock.Advance(time.Second)
		w.Forget()
		return d
	}
	// named holds all that happened to naming the administrator.
	named := func(t *testing.T, want ...cloakroom.EventType) {
		t.Helper()
		events := w.Events()
		if got := typesOf(events); !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
		for _, e := range events {
			if e.Details["actor"] != boss.ID {
				t.Errorf("%s does not name the administrator: %+v", e.Type, e)
			}
		}
		w.Forget()
	}
	t.Run("a sign-out", func(t *testing.T) {
		done(t, acting().signOut(""))
		named(t, cloakroom.SignedOut)
	})
	t.Run("a sign-in in its place", func(t *testing.T) {
		d := acting()
		d.signIn(w.User("bob@example.com").Email)
		w.Forget()
		acting().signIn("bob@example.com")
		events := w.Events(cloakroom.ImpersonationEnded)
		if len(events) != 1 || events[0].Details["actor"] != boss.ID || len(w.Events(cloakroom.SessionRevoked)) != 0 {
			t.Errorf("events %+v", w.Events())
		}
	})
	t.Run("a renewal", func(t *testing.T) {
		acting().renew()
		named(t, cloakroom.SessionRenewed)
	})
	for name, guard := range map[string]func(cloakroom.Handler) http.Handler{
		"Protect":  func(h cloakroom.Handler) http.Handler { return w.Protect(h) },
		"Optional": w.Optional,
		"Require": func(h cloakroom.Handler) http.Handler {
			return w.Require()(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				s, _ := cloakroom.FromContext(r.Context())
				h(rw, r, s)
			}))
		},
		"Visit and Acting": func(h cloakroom.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				s, err := w.Visit(rw, r)
				done(t, err)
				h(rw, w.Acting(r, s), s)
			})
		},
	} {
		t.Run("what a handler behind "+name+" does", func(t *testing.T) {
			d := acting()
			guard(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				_, err := w.Users().Update(r.Context(), s.User.ID, func(u *cloakroom.User) error { u.Name = "Ana by " + name; return nil })
				done(t, err)
				fails(t, w.Sessions().Revoke(r.Context(), s.User.ID, "ses_none"), cloakroom.ErrNotFound, "no session")
				done(t, w.Sessions().RevokeOthers(r.Context(), s))
			}).ServeHTTP(httptest.NewRecorder(), d.request())
			events := w.Events()
			if len(events) == 0 || events[0].Type != cloakroom.UserUpdated {
				t.Errorf("events %+v", events)
			}
			named(t, typesOf(events)...)
		})
	}
	t.Run("data that cannot be taken back after a panic", func(t *testing.T) {
		d := acting()
		func() {
			defer func() { _ = recover() }()
			w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				done(t, note.Set(r.Context(), s, "draft"))
				store.down("SetDatum")
				panic("of the handler")
			}).ServeHTTP(httptest.NewRecorder(), d.request())
		}()
		store.down()
		named(t, cloakroom.RequestFailed)
	})
	t.Run("a failure", func(t *testing.T) {
		d := acting()
		w.Protect(func(rw http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
			w.Fail(rw, r, errors.New("of the handler"))
		}).ServeHTTP(httptest.NewRecorder(), d.request())
		named(t, cloakroom.RequestFailed)
	})
	t.Run("those that are kept, too, and no others", func(t *testing.T) {
		for _, e := range w.history("") {
			inTheName := e.UserID == ana.ID && e.Type != cloakroom.UserCreated
			if inTheName != (e.Details["actor"] == boss.ID) {
				t.Errorf("%s of %s: details %v", e.Type, e.UserID, e.Details)
			}
		}
	})
}

func TestImpersonationTerms(t *testing.T) {
	var refusal error
	var asked []cloakroom.Event
	w, ana := factors(t, cloakroom.Config{Veto: func(_ context.Context, e cloakroom.Event) error {
		if e.Type != cloakroom.ImpersonationBegun {
			return nil
		}
		asked = append(asked, e)
		return refusal
	}})
	boss := w.User("boss@example.com", "admin")
	d := w.browser()
	d.signIn(boss.Email)
	for what, in := range map[string]cloakroom.Impersonation{
		"reason":   {},
		"delivery": {Reason: "why", Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer}},
		"token":    {Reason: "why", Terms: cloakroom.Terms{Token: "carved"}},
	} {
		in.UserID = ana.ID
		_, err := d.impersonating(in)
		refuses(t, err, what)
	}
	for _, reason := range []string{" ", "a\x00b", "\xff", strings.Repeat("ü", 501)} {
		_, err := d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: reason})
		refuses(t, err, "reason")
	}
	t.Run("the app may veto, and sees both and the reason", func(t *testing.T) {
		refusal, asked = errors.New("not today"), nil
		_, err := d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: "why"})
		fails(t, err, cloakroom.ErrForbidden, "a veto")
		if len(asked) != 1 || asked[0].UserID != ana.ID || asked[0].Details["actor"] != boss.ID || asked[0].Reason != "why" {
			t.Errorf("asked %+v", asked)
		}
		if d.live().User.ID != boss.ID {
			t.Error("acts all the same")
		}
		refusal = nil
	})
	t.Run("500 characters of reason fit into the record", func(t *testing.T) {
		_, err := d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: strings.Repeat("ü", 500)})
		done(t, err)
		_, err = d.stopActing()
		done(t, err)
	})
	t.Run("an administrator with a second factor must have shown it", func(t *testing.T) {
		w.enrolled(boss, "totp")
		u, err := w.Users().Get(t.Context(), boss.ID)
		done(t, err)
		u.MFA = true
		done(t, w.Store().UpdateUser(t.Context(), cloakroom.UserChange{User: *u}))
		d := w.browser()
		admit := func(factors int) {
			_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.Admit(rw, r, boss.ID, cloakroom.Admission{Method: "test", Factors: factors, Terms: d.terms()})
			})
			done(t, err)
		}
		admit(1)
		_, err = d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: "why"})
		if step, ok := errors.AsType[*cloakroom.StepUpError](err); !ok || !step.MFA {
			t.Errorf("one factor: %v", err)
		}
		admit(2)
		if s := d.actAs(ana); s.Level != 2 {
			t.Errorf("level %d", s.Level)
		}
		_, err = d.stopActing()
		done(t, err)
		d.gets(http.StatusUnauthorized, "two factors, after coming back", cloakroom.MFA)
		_, err = d.impersonating(cloakroom.Impersonation{UserID: ana.ID, Reason: "why"})
		if step, ok := errors.AsType[*cloakroom.StepUpError](err); !ok || !step.MFA {
			t.Errorf("from one to the next without a proof: %v", err)
		}
		admit(2)
	})
	t.Run("a cross-site page cannot begin it", func(t *testing.T) {
		s, r := d.live(), d.request()
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		_, err := w.Impersonate(httptest.NewRecorder(), r, s, cloakroom.Impersonation{UserID: ana.ID, Reason: "why"})
		fails(t, err, cloakroom.ErrCrossOrigin, "cross-site")
	})
	t.Run("a use of it is a use of the administrator's session", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{Session: cloakroom.Lifetime{Idle: 10 * time.Minute}})
		boss, ana := w.User("boss@example.com", "admin"), w.User("ana@example.com")
		d := w.browser()
		own := d.signIn(boss.Email)
		d.actAs(ana)
		for range 5 {
			w.Clock.Advance(5 * time.Minute)
			d.answers(http.StatusOK, "in use")
		}
		if g, err := d.stopActing(); err != nil || g.Session.ID != own.ID {
			t.Errorf("came back to %+v, %v", g, err)
		}
	})
}

func TestImpersonationSigned(t *testing.T) {
	forms := []cloakroom.TokenForm{cloakroom.Signed, cloakroom.Opaque}
	for i := range 8 {
		before, form, carrier := forms[i/4], forms[i/2%2], []string{"page", "app"}[i%2]
		t.Run(carrier+", "+string(before)+" and "+string(form), func(t *testing.T) {
			w := newWorld(t, signing(memory.New()))
			boss, ana := w.User("boss@example.com", "admin"), w.User("ana@example.com")
			h := w.holder(carrier)
			own := h.signIn(boss.Email, cloakroom.Terms{Delivery: h.delivery(), Token: before}).Session
			_, err := h.call("/auth/refresh", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				s, err := w.Authenticate(r)
				done(t, err)
				return w.Impersonate(rw, r, s, cloakroom.Impersonation{UserID: ana.ID, Reason: "why", Terms: cloakroom.Terms{Token: form}})
			})
			done(t, err)
			if s := h.current(); s.User.ID != ana.ID || s.Actor != boss.ID {
				t.Errorf("acting session %+v", s)
			}
			if in := w.active(h.token()); in.Actor == nil || in.Actor.Subject != boss.ID || in.Subject != ana.ID {
				t.Errorf("introspection %+v", in)
			}
			if form == cloakroom.Signed {
				_, claims := parts(t, h.token())
				if act, _ := claims["act"].(map[string]any); claims["sub"] != ana.ID || act["sub"] != boss.ID {
					t.Errorf("claims %v", claims)
				}
				w.Clock.Advance(time.Minute)
				h.exchanged()
				if s := h.current(); s.Actor != boss.ID || !s.ExpiresAt.Equal(s.CreatedAt.Add(30*time.Minute)) {
					t.Errorf("after a refresh: %+v", s)
				}
			} else if h.jar != nil && h.refreshToken() != "" {
				t.Error("the administrator's refresh cookie stays beside the session of somebody else")
			}
			_, err = h.call("/auth/refresh", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				s, err := w.Authenticate(r)
				done(t, err)
				return w.StopImpersonating(rw, r, s)
			})
			done(t, err)
			if s := h.current(); s.ID != own.ID || s.Actor != "" {
				t.Errorf("came back to %+v", s)
			}
			if before == cloakroom.Opaque {
				if h.jar != nil && h.refreshToken() != "" {
					t.Error("the refresh cookie of the impersonated session stays")
				}
				return
			}
			if _, claims := parts(t, h.token()); claims["auth_time"] != nil || w.active(h.token()).AuthTime != 0 {
				t.Errorf("claims %v", claims)
			}
			w.Clock.Advance(time.Minute)
			h.exchanged()
			if s := h.current(); s.ID != own.ID || !s.AuthenticatedAt.IsZero() {
				t.Errorf("refreshed %+v", s)
			}
		})
	}
}

func TestImpersonationFaults(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store, Cache: -1})
	boss, ana := w.User("boss@example.com", "admin"), w.User("ana@example.com")
	everyFault(t, store, func(int) (func() error, func(*testing.T)) {
		d := w.browser()
		own := d.signIn(boss.Email)
		s := d.live()
		operation := func() error {
			_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.Impersonate(rw, r, s, cloakroom.Impersonation{UserID: ana.ID, Reason: "why"})
			})
			return err
		}
		return operation, func(t *testing.T) {
			if d.live().ID != own.ID {
				t.Error("the administrator is signed out")
			}
		}
	})
	everyFault(t, store, func(int) (func() error, func(*testing.T)) {
		d := w.browser()
		d.signIn(boss.Email)
		acting := d.actAs(ana)
		operation := func() error {
			_, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.StopImpersonating(rw, r, acting)
			})
			return err
		}
		return operation, func(t *testing.T) {
			if s, err := d.session(); err == nil && s.ID != acting.ID {
				t.Errorf("some other session: %+v", s)
			}
		}
	})
}
