package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// listed are the ids of a user's sessions, as listed.
func (w *world) listed(userID string) (ids []string) {
	w.t.Helper()
	for s, err := range w.Sessions().Of(w.t.Context(), userID) {
		done(w.t, err)
		ids = append(ids, s.ID)
	}
	return ids
}

func TestSessions(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})

		t.Run("S57 V72 a list has each sign-in once, newest first, with what its owner must know", func(t *testing.T) {
			ana := w.User("s57@example.com")
			var want []string
			devices := []*device{w.browser(), w.program(), w.browser()}
			for _, d := range devices {
				want = append([]string{d.signIn(ana.Email).ID}, want...)
				w.Clock.Advance(time.Second)
			}
			w.browser().begin() // nobody's
			if got := w.listed(ana.ID); !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
			here := devices[2].live()
			for s, err := range w.Sessions().Of(t.Context(), ana.ID) {
				done(t, err)
				if s.ID == here.ID && (!s.LastSeenAt.Equal(here.LastSeenAt) || !s.ExpiresAt.Equal(here.ExpiresAt) || !s.CreatedAt.Equal(here.CreatedAt)) {
					t.Errorf("listed %+v, but the request sees %+v", s, here)
				}
				if s.IP != "192.0.2.1" || s.Device() != "Firefox on Linux" || !slices.Equal(s.Methods, []string{"password"}) || s.Level != 1 || s.User.ID != ana.ID {
					t.Errorf("listed with ip %q, device %q, methods %v, level %d", s.IP, s.Device(), s.Methods, s.Level)
				}
			}
			var page []string
			for s, err := range w.Sessions().Before(t.Context(), ana.ID, want[0]) {
				done(t, err)
				page = append(page, s.ID)
			}
			if !slices.Equal(page, want[1:]) {
				t.Errorf("before the newest: %v, want %v", page, want[1:])
			}
		})
		t.Run("S59 V72 a revoked session is out on its very next request, the others are not", func(t *testing.T) {
			ana := w.User("s59@example.com")
			here, there := w.browser(), w.program()
			here.signIn(ana.Email)
			ended := there.signIn(ana.Email)
			w.Forget()
			done(t, w.Sessions().Revoke(t.Context(), ana.ID, ended.ID))
			there.answers(http.StatusUnauthorized, "revoked")
			here.answers(http.StatusOK, "not revoked")
			w.happened(cloakroom.SessionRevoked)
			if slices.Contains(w.listed(ana.ID), ended.ID) {
				t.Error("a revoked session is listed")
			}
		})
		t.Run("S60 the session of another user is not found, and lives", func(t *testing.T) {
			ana, bob := w.User("s60a@example.com"), w.User("s60b@example.com")
			d := w.browser()
			hers := d.signIn(ana.Email)
			w.Forget()
			fails(t, w.Sessions().Revoke(t.Context(), bob.ID, hers.ID), cloakroom.ErrNotFound, "revoking somebody else's session")
			d.answers(http.StatusOK, "after somebody else tried")
			w.happened()
		})
		t.Run("S62 an unknown or revoked id is not found, without an event", func(t *testing.T) {
			ana := w.User("s62@example.com")
			d := w.browser()
			id := d.signIn(ana.Email).ID
			done(t, w.Sessions().Revoke(t.Context(), ana.ID, id))
			w.Forget()
			for _, unknown := range []string{id, "", "ses_", "usr_x", "ses_" + string(make([]byte, 100))} {
				fails(t, w.Sessions().Revoke(t.Context(), ana.ID, unknown), cloakroom.ErrNotFound, "revoking "+unknown)
			}
			fails(t, w.Sessions().Revoke(t.Context(), "usr_nobody", id), cloakroom.ErrNotFound, "revoking nobody's session")
			w.happened()
		})
		t.Run("S61 all but the current session end", func(t *testing.T) {
			ana, bob := w.User("s61@example.com"), w.User("s61b@example.com")
			here, there, far, his := w.browser(), w.browser(), w.program(), w.browser()
			for _, d := range []*device{here, there, far} {
				d.signIn(ana.Email)
			}
			his.signIn(bob.Email)
			w.Forget()
			done(t, w.Sessions().RevokeOthers(t.Context(), here.live()))
			here.answers(http.StatusOK, "the current one")
			there.answers(http.StatusUnauthorized, "another browser")
			far.answers(http.StatusUnauthorized, "another program")
			his.answers(http.StatusOK, "another user")
			w.happened(cloakroom.SessionRevoked, cloakroom.SessionRevoked)
		})
		t.Run("all sessions end", func(t *testing.T) {
			ana := w.User("all@example.com")
			here, there := w.browser(), w.program()
			here.signIn(ana.Email)
			there.signIn(ana.Email)
			done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
			here.answers(http.StatusUnauthorized, "one")
			there.answers(http.StatusUnauthorized, "the other")
			here.signIn(ana.Email)
			here.answers(http.StatusOK, "a new sign-in")
		})
	})
}

func TestSignOut(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store, ClearSiteData: []string{"cookies", "storage"}})

		t.Run("S40 V53 V54 S113 signing out ends this session at once, and no other", func(t *testing.T) {
			ana := w.User("s40@example.com")
			here, there := w.browser(), w.browser()
			here.signIn(ana.Email)
			other := there.signIn(ana.Email)
			stolen := here.holding(here.token)
			w.Forget()
			done(t, here.signOut(cloakroom.ThisSession))
			if here.token != "" {
				t.Error("the browser keeps its cookie")
			}
			stolen.answers(http.StatusUnauthorized, "the old cookie")
			there.answers(http.StatusOK, "another device")
			if got := w.listed(ana.ID); !slices.Equal(got, []string{other.ID}) {
				t.Errorf("rows left: %v", got)
			}
			w.happened(cloakroom.SignedOut)
		})
		t.Run("V54 others, and all", func(t *testing.T) {
			ana := w.User("v54@example.com")
			here, there, far := w.browser(), w.browser(), w.program()
			for _, d := range []*device{here, there, far} {
				d.signIn(ana.Email)
			}
			done(t, here.signOut(cloakroom.OtherSessions))
			here.answers(http.StatusOK, "the one that stays")
			there.answers(http.StatusUnauthorized, "another")
			far.answers(http.StatusUnauthorized, "another program")
			there.signIn(ana.Email)
			stolen := here.holding(here.token)
			done(t, here.signOut(cloakroom.AllSessions))
			stolen.answers(http.StatusUnauthorized, "this one")
			there.answers(http.StatusUnauthorized, "the other one")
			if here.token != "" {
				t.Error("the browser keeps its cookie")
			}
		})
		t.Run("S115 V55 without a live session nothing happens", func(t *testing.T) {
			dead := w.browser()
			dead.begin()
			gone := dead.holding(dead.token)
			done(t, dead.signOut(""))
			w.Forget()
			for name, d := range map[string]*device{
				"nothing": w.browser(), "a dead cookie": gone, "junk": w.browser().holding("junk"), "a bad bearer": w.program().holding("junk"),
			} {
				answer := httptest.NewRecorder()
				if err := d.SignOut(answer, d.request(), cloakroom.ThisSession); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				for _, c := range answer.Result().Cookies() {
					if c.MaxAge >= 0 {
						t.Errorf("%s: it sets %v", name, c)
					}
				}
			}
			w.happened()
		})
		t.Run("with a token that was exchanged a moment ago nothing ends: it is as dead as any other", func(t *testing.T) {
			for name, kind := range map[string]func() *device{"cookie": w.browser, "bearer": w.program} {
				for _, extent := range []cloakroom.Extent{cloakroom.ThisSession, cloakroom.OtherSessions, cloakroom.AllSessions} {
					ana := w.User("moved." + name + "." + string(extent) + "@example.com")
					here, there := kind(), w.browser()
					here.signIn(ana.Email)
					there.signIn(ana.Email)
					late := here.holding(here.token)
					here.renew()
					w.Forget()
					done(t, late.signOut(extent))
					if late.by == cloakroom.DeliverCookie && late.token != "" {
						t.Errorf("%s: the browser keeps its cookie", extent)
					}
					here.answers(http.StatusOK, "the session")
					there.answers(http.StatusOK, "another one")
					w.happened()
				}
			}
		})
		t.Run("of two good cookies both sessions end: whoever holds both may end both", func(t *testing.T) {
			for i, extent := range []cloakroom.Extent{cloakroom.ThisSession, cloakroom.AllSessions} {
				ana, bob := w.User("two.ana."+string(extent)+"@example.com"), w.User("two.bob."+string(extent)+"@example.com")
				hers, his, far := w.browser(), w.browser(), w.browser()
				hers.signIn(ana.Email)
				his.signIn(bob.Email)
				far.signIn(bob.Email)
				r := hers.request()
				r.AddCookie(&http.Cookie{Name: "session", Value: his.token})
				answer := httptest.NewRecorder()
				done(t, w.SignOut(answer, r, extent))
				hers.answers(http.StatusUnauthorized, "the first")
				his.answers(http.StatusUnauthorized, "the second")
				far.answers([]int{http.StatusOK, http.StatusUnauthorized}[i], "another device of the second, "+string(extent))
				if hers.keep(answer, nil); hers.token != "" {
					t.Error("the browser keeps its cookie")
				}
			}
		})
		t.Run("of two good cookies, one of them exchanged a moment ago, the other's session ends", func(t *testing.T) {
			ana, bob := w.User("half.ana@example.com"), w.User("half.bob@example.com")
			hers, his := w.browser(), w.browser()
			hers.signIn(ana.Email)
			his.signIn(bob.Email)
			late := hers.holding(hers.token)
			hers.renew()
			r := late.request()
			r.AddCookie(&http.Cookie{Name: "session", Value: his.token})
			answer := httptest.NewRecorder()
			done(t, w.SignOut(answer, r, cloakroom.ThisSession))
			hers.answers(http.StatusOK, "the one that was exchanged")
			his.answers(http.StatusUnauthorized, "the other")
			if hers.keep(answer, nil); hers.token != "" {
				t.Error("the browser keeps its cookie")
			}
		})
		t.Run("V56 a guest's session and data are out of reach", func(t *testing.T) {
			d := w.browser()
			guest := d.begin()
			key := cloakroom.NewKey[string]("cart")
			done(t, key.Set(t.Context(), guest, "tea"))
			stolen := d.holding(d.token)
			done(t, d.signOut(""))
			_, err := stolen.session()
			fails(t, err, cloakroom.ErrInvalidToken, "the old token")
			if v, ok, err := key.Get(t.Context(), guest); ok || err != nil {
				t.Errorf("the data is still there: %q, %v", v, err)
			}
			fails(t, key.Set(t.Context(), guest, "more"), cloakroom.ErrInvalidToken, "writing to it")
		})
		t.Run("S117 Clear-Site-Data as configured", func(t *testing.T) {
			w.User("s117@example.com")
			d := w.browser()
			d.signIn("s117@example.com")
			answer := httptest.NewRecorder()
			done(t, d.SignOut(answer, d.request(), ""))
			if got := answer.Header().Get("Clear-Site-Data"); got != `"cookies", "storage"` {
				t.Errorf("Clear-Site-Data: %s", got)
			}
		})
		t.Run("an unknown extent ends nothing", func(t *testing.T) {
			w.User("extent@example.com")
			d := w.browser()
			d.signIn("extent@example.com")
			if _, ok := d.signOut("everything").(cloakroom.FieldErrors); !ok {
				t.Error("it was accepted")
			}
			d.answers(http.StatusOK, "afterwards")
		})
	})
}

// Of two sign-outs at once one ended the session, and one event tells of it.
func TestSignOutAtOnce(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	w.User("ana@example.com")
	d := w.browser()
	d.signIn("ana@example.com")
	w.Forget()
	overtaken := false
	store.hook(func(verb string) error {
		if verb == "Close" && !overtaken {
			overtaken = true
			return d.holding(d.token).signOut("")
		}
		return nil
	})
	done(t, d.signOut(""))
	w.happened(cloakroom.SignedOut)
}

func TestSessionLimit(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store, Session: cloakroom.Lifetime{Limit: 3}})
		t.Run("over the limit the oldest session ends", func(t *testing.T) {
			ana := w.User("ana@example.com")
			var devices []*device
			for range 5 {
				d := w.browser()
				d.signIn(ana.Email)
				devices = append(devices, d)
				w.Clock.Advance(time.Second)
			}
			for i, d := range devices {
				want := http.StatusOK
				if i < 2 {
					want = http.StatusUnauthorized
				}
				d.answers(want, "device "+string(rune('1'+i)))
			}
			if got := w.Events(cloakroom.SessionRevoked); len(got) != 2 || got[0].Reason != "limit" {
				t.Errorf("events of revocation: %v", got)
			}
		})
		t.Run("64 sign-ins at once leave as many as the limit", func(t *testing.T) {
			bob := w.User("bob@example.com")
			devices := make([]*device, 64)
			atOnce(len(devices), func(i int) error {
				devices[i] = w.browser()
				answer := httptest.NewRecorder()
				g, err := w.Admit(answer, devices[i].request(), bob.ID, cloakroom.Admission{Method: "test"})
				devices[i].keep(answer, g)
				return err
			})
			live := 0
			for _, d := range devices {
				if d.token == "" {
					t.Error("a sign-in got no cookie")
				}
				if _, err := d.session(); err == nil {
					live++
				}
			}
			if n := len(w.listed(bob.ID)); live != 3 || n != 3 {
				t.Errorf("%d live, %d listed, want 3", live, n)
			}
		})
	})
}

// The pages of the list join without a gap.
func TestManySessions(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Store: memory.New()})
	ana := w.User("ana@example.com")
	for range 450 {
		_, err := w.Admit(httptest.NewRecorder(), w.browser().request(), ana.ID, cloakroom.Admission{Method: "test"})
		done(t, err)
	}
	ids := w.listed(ana.ID)
	if len(ids) != 450 || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) || len(slices.Compact(ids)) != 450 {
		t.Errorf("%d sessions listed, want 450, each once, newest first", len(ids))
	}
	n := 0
	for range w.Sessions().Of(t.Context(), ana.ID) {
		if n++; n == 7 {
			break
		}
	}
	if n != 7 {
		t.Errorf("stopped after %d", n)
	}
}

// The sessions of a user of another realm are not there.
func TestSessionsOfAnotherRealm(t *testing.T) {
	store := memory.New()
	shop, staff := newWorld(t, cloakroom.Config{Store: store}), newWorld(t, cloakroom.Config{Store: store, Realm: "staff"})
	ana := shop.User("ana@example.com")
	d := shop.browser()
	s := d.signIn(ana.Email)
	fails(t, staff.Sessions().Revoke(t.Context(), ana.ID, s.ID), cloakroom.ErrNotFound, "Revoke")
	fails(t, staff.Sessions().RevokeAll(t.Context(), ana.ID), cloakroom.ErrNotFound, "RevokeAll")
	for _, err := range staff.Sessions().Of(t.Context(), ana.ID) {
		fails(t, err, cloakroom.ErrNotFound, "Of")
	}
	d.answers(http.StatusOK, "after another realm tried")
}
