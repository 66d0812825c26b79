package cloakroom_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// elsewhere is the device as another node over the same store sees it: it knows only what is written down.
func (d *device) elsewhere() *device {
	d.t.Helper()
	clock := d.Clock
	other := *d
	other.world = newWorld(d.t, cloakroom.Config{Store: d.Store(), Now: clock.Now, Session: lifetime})
	other.Clock = clock
	return &other
}

var lifetime = cloakroom.Lifetime{Idle: 10 * time.Minute}

func TestUses(t *testing.T) {
	onEachStore(t, func(t *testing.T, inner cloakroom.Store) {
		store := wrap(inner)
		w := newWorld(t, cloakroom.Config{Store: store, Session: lifetime})
		w.User("ana@example.com")

		t.Run("a thousand requests write nothing, and what they add up to is one write", func(t *testing.T) {
			d := w.browser()
			d.signIn("ana@example.com")
			before, touched := store.count(writes...), store.count("Touch")
			for range 1000 {
				w.Clock.Advance(50 * time.Millisecond)
				d.answers(http.StatusOK, "in use")
			}
			seen := w.Clock.Now()
			if n := store.count(writes...); n != before {
				t.Errorf("%d writes on the way of requests", n-before)
			}
			done(t, w.Flush(t.Context()))
			done(t, w.Flush(t.Context()))
			if n := store.count("Touch") - touched; n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
			if s := d.elsewhere().live(); seen.Sub(s.CreatedAt) != 50*time.Second || seen.Sub(d.live().LastSeenAt) >= time.Second {
				t.Errorf("created %v, seen %v, now %v", s.CreatedAt, s.LastSeenAt, seen)
			}
		})
		t.Run("V60 S42 a flush writes the uses down, so that another node goes by them", func(t *testing.T) {
			d := w.browser()
			d.signIn("ana@example.com")
			w.Clock.Advance(9 * time.Minute)
			d.answers(http.StatusOK, "in use")
			done(t, w.Flush(t.Context()))
			w.Clock.Advance(9 * time.Minute)
			far := d.elsewhere()
			far.answers(http.StatusOK, "on another node, 9 minutes later")
			w.Clock.Advance(10 * time.Minute)
			far.answers(http.StatusUnauthorized, "on another node, 10 minutes after that")
		})
		t.Run("what cannot be written is kept, goes on counting, and is written later", func(t *testing.T) {
			d := w.browser()
			d.signIn("ana@example.com")
			w.Clock.Advance(9 * time.Minute)
			d.answers(http.StatusOK, "in use")
			store.down("Touch")
			unknowable(t, w.Flush(t.Context()), "a flush without the store")
			w.Clock.Advance(9 * time.Minute)
			d.answers(http.StatusOK, "after the failed flush")
			seen := w.Clock.Now()
			unknowable(t, w.Flush(t.Context()), "another one")
			store.down()
			done(t, w.Flush(t.Context()))
			w.Clock.Advance(9 * time.Minute)
			if s := d.elsewhere().live(); s.CreatedAt.Add(18*time.Minute) != seen {
				t.Errorf("created %v, seen %v", s.CreatedAt, seen)
			}
		})
		t.Run("a request during the flush knows of the uses that are being written", func(t *testing.T) {
			d := w.browser()
			d.signIn("ana@example.com")
			w.Clock.Advance(9 * time.Minute)
			d.answers(http.StatusOK, "in use")
			w.Clock.Advance(9 * time.Minute)
			asked := false
			store.hook(func(verb string) error {
				if verb == "Touch" {
					asked = true
					d.answers(http.StatusOK, "during the flush")
				}
				return nil
			})
			defer store.down()
			done(t, w.Flush(t.Context()))
			if !asked {
				t.Fatal("nothing was flushed")
			}
			w.Clock.Advance(9 * time.Minute)
			d.answers(http.StatusOK, "9 minutes after the request during the flush")
		})
		t.Run("V13 a guest is taken over though the store does not know of its latest use", func(t *testing.T) {
			d := w.browser()
			d.begin()
			d.put("tea")
			w.Clock.Advance(9 * time.Minute)
			d.live()
			w.Clock.Advance(2 * time.Minute) // over by what is written down
			old := d.holding(d.token)
			d.signIn("ana@example.com")
			d.hasCart("tea", "after sign-in")
			_, err := old.session()
			fails(t, err, cloakroom.ErrInvalidToken, "the guest's token")
		})
		t.Run("a session that ended stays ended, whatever was still to be written", func(t *testing.T) {
			d := w.browser()
			d.signIn("ana@example.com")
			w.Clock.Advance(time.Minute)
			old := d.holding(d.token)
			d.answers(http.StatusOK, "in use")
			done(t, d.signOut(""))
			done(t, w.Flush(t.Context()))
			old.answers(http.StatusUnauthorized, "signed out")
		})
	})
}

func TestCloseWritesUsesDown(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store, Session: lifetime})
	w.User("ana@example.com")
	d := w.browser()
	d.signIn("ana@example.com")
	w.Clock.Advance(9 * time.Minute)
	d.answers(http.StatusOK, "in use")
	done(t, w.Close(t.Context()))
	done(t, w.Close(t.Context())) // twice is no error
	if store.count("Touch") != 1 {
		t.Errorf("written %d times", store.count("Touch"))
	}
	w.Clock.Advance(9 * time.Minute)
	d.elsewhere().answers(http.StatusOK, "on another node, after Close")
}

// TestHousekeeping runs in a bubble whose clock jumps ahead when everybody waits, so the goroutine of New is on its own.
func TestHousekeeping(t *testing.T) {
	arrange := func(t *testing.T) (*world, *wrapped, *device) {
		store := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{
			Store: store, Now: time.Now, Session: lifetime, Methods: []cloakroom.Method{fake{name: "pin"}},
		})
		user, err := w.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com"})
		done(t, err)
		d := w.browser()
		answer := httptest.NewRecorder()
		g, err := w.Admit(answer, d.request(), user.ID, cloakroom.Admission{Method: "test"})
		done(t, err)
		d.keep(answer, g)
		return w, store, d
	}
	t.Run("uses are written once a minute, and only if there are any", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, store, d := arrange(t)
			for range 5 {
				time.Sleep(10 * time.Second)
				d.answers(http.StatusOK, "in use")
			}
			if n := store.count("Touch"); n != 0 {
				t.Errorf("%d writes within the first minute", n)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n := store.count("Touch"); n != 1 {
				t.Errorf("%d writes after a minute", n)
			}
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			if n := store.count("Touch"); n != 1 {
				t.Errorf("%d writes after five minutes without use", n)
			}
			time.Sleep(4*time.Minute + 30*time.Second)
			d.answers(http.StatusOK, "within ten minutes of the last use")
		})
	})
	t.Run("V70 V71 S249 expired sessions are swept without anybody asking, those in use are not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, store, used := arrange(t)
			ana, err := w.Users().ByEmail(t.Context(), "ana@example.com")
			done(t, err)
			for range 1200 { // more than one batch
				_, err := w.Admit(httptest.NewRecorder(), w.browser().request(), ana.ID, cloakroom.Admission{Method: "test"})
				done(t, err)
			}
			for range 17 {
				time.Sleep(time.Minute)
				used.answers(http.StatusOK, "in use")
			}
			synctest.Wait()
			if n := store.swept.Load(); n != 1200 {
				t.Errorf("%d were swept, want 1200", n)
			}
			if n, most := store.count("Sweep"), int(store.largest.Load()); n < 17 || most > 500 {
				t.Errorf("%d passes, the largest of %d", n, most)
			}
			used.answers(http.StatusOK, "in use")
		})
	})
	t.Run("V70 an idle guest without data is swept after seven days, one with data is not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := wrap(memory.New())
			w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Limits: cloakroom.Limits{InsecureNoGuest: true}}) // no counters
			empty, full := w.browser(), w.browser()
			empty.begin()
			full.begin()
			full.put("tea")
			time.Sleep(7*24*time.Hour - time.Minute)
			synctest.Wait()
			if n := store.swept.Load(); n != 0 {
				t.Errorf("%d were swept too early", n)
			}
			time.Sleep(3 * time.Minute)
			synctest.Wait()
			if n := store.swept.Load(); n != 1 {
				t.Errorf("%d were swept, want the empty one", n)
			}
			full.hasCart("tea", "after a week")
			if _, err := empty.session(); err == nil {
				t.Error("the empty one is still there")
			}
		})
	})
	t.Run("what fails is told and tried again, and nothing is swept while uses cannot be written", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, store, d := arrange(t)
			store.down("Touch")
			w.Forget()
			time.Sleep(30 * time.Second)
			for range 30 {
				d.answers(http.StatusOK, "while uses cannot be written")
				time.Sleep(time.Minute)
			}
			synctest.Wait()
			if told := w.Events(cloakroom.RequestFailed); len(told) != 30 || told[0].Reason != "flush" || told[0].Err == nil {
				t.Errorf("told %d times: %+v", len(told), told)
			}
			if n := store.count("Sweep"); n != 0 {
				t.Errorf("%d sweeps", n)
			}
			store.down("Sweep")
			w.Forget()
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if told := w.Events(); len(told) == 0 || slices.ContainsFunc(told, func(e cloakroom.Event) bool { return e.Reason != "sweep" }) {
				t.Errorf("told %+v", told)
			}
			store.down()
			d.answers(http.StatusOK, "at the end")
		})
	})
	t.Run("Close ends the goroutine", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { // a goroutine left in the bubble fails the test
			auth, err := cloakroom.New(cloakroom.Config{Store: memory.New()})
			done(t, err)
			time.Sleep(time.Hour)
			done(t, auth.Close(context.Background()))
		})
	})
}
