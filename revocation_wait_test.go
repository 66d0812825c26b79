package cloakroom_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// heard is what somebody was told who waited for the feed.
type heard struct {
	at   time.Time
	page feedPage
	err  error
}

// waiting is somebody who waits for the feed.
type waiting chan heard

// waits asks the feed for what comes, for so long, and returns when it does wait. It is for a bubble of synctest.
func (w *world) waits(ctx context.Context, d time.Duration) waiting {
	w.t.Helper()
	cursor := w.told(cloakroom.FeedQuery{}).Cursor
	r := make(waiting, 1)
	go func() {
		text, err := w.Feed(ctx, cloakroom.FeedQuery{After: cursor, Wait: d})
		h := heard{at: time.Now(), err: err}
		if err == nil {
			h.page = w.opened(text)
		}
		r <- h
	}()
	if _, ok := r.heard(); ok {
		w.t.Error("it does not wait")
	}
	return r
}

// heard is what it was told by now, if anything.
func (r waiting) heard() (h heard, ok bool) {
	synctest.Wait()
	select {
	case h = <-r:
		return h, true
	default:
		return h, false
	}
}

// ended holds when the answer has come by now, with so many entries.
func (r waiting) ended(t *testing.T, entries int, when string) heard {
	t.Helper()
	h, ok := r.heard()
	if !ok || h.err != nil || len(h.page.Entries) != entries {
		t.Errorf("%s: answered %v, %v, %d entries; want %d", when, ok, h.err, len(h.page.Entries), entries)
	}
	return h
}

func TestFeedWaits(t *testing.T) {
	// inside runs a test where time passes only when all wait, by two processes on one store.
	inside := func(name string, test func(t *testing.T, w, other *world, session func(*world) cloakroom.SessionRef)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := signing(memory.New())
				c.Methods, c.Now = []cloakroom.Method{fake{name: "fake"}}, time.Now
				w := newWorld(t, c)
				other := newWorld(t, c)
				user, err := w.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", Secret: "fake"})
				done(t, err)
				test(t, w, other, func(at *world) cloakroom.SessionRef {
					g, err := at.Admit(httptest.NewRecorder(), at.app().request("/"), user.ID, cloakroom.Admission{Method: "fake", Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer}})
					done(t, err)
					return cloakroom.SessionRef{ID: g.Session.ID, UserID: user.ID}
				})
			})
		})
	}
	inside("what this process ends is told at once", func(t *testing.T, w, _ *world, session func(*world) cloakroom.SessionRef) {
		ref := session(w)
		start := time.Now()
		readers := []waiting{w.waits(t.Context(), 30*time.Second), w.waits(t.Context(), time.Second)}
		done(t, w.Sessions().Revoke(t.Context(), ref.UserID, ref.ID))
		for _, r := range readers {
			r.ended(t, 1, "after a revocation")
		}
		for _, end := range []func() error{
			func() error { return w.Sessions().RevokeAll(t.Context(), ref.UserID) },
			func() error { return w.Users().Ban(t.Context(), ref.UserID) },
			func() error { return w.Users().Delete(t.Context(), ref.UserID) },
		} {
			r := w.waits(t.Context(), 30*time.Second)
			done(t, end())
			r.ended(t, 1, "after a new epoch")
		}
		if !time.Now().Equal(start) {
			t.Error("time has passed: something else woke it")
		}
	})
	inside("what another process ends is told with the next look", func(t *testing.T, w, other *world, session func(*world) cloakroom.SessionRef) {
		ref := session(other)
		r := w.waits(t.Context(), 30*time.Second)
		start := time.Now()
		done(t, other.Sessions().Revoke(t.Context(), ref.UserID, ref.ID))
		if _, ok := r.heard(); ok {
			t.Fatal("something else woke it: the test proves nothing")
		}
		time.Sleep(100 * time.Millisecond)
		if h := r.ended(t, 1, "a tenth of a second later"); h.at.Sub(start) > 100*time.Millisecond {
			t.Errorf("it took %v", h.at.Sub(start))
		}
	})
	inside("when nothing comes the answer is empty, after the whole wait", func(t *testing.T, w, _ *world, _ func(*world) cloakroom.SessionRef) {
		start := time.Now()
		r := w.waits(t.Context(), 30*time.Second)
		time.Sleep(30 * time.Second)
		if h := r.ended(t, 0, "at the end of the wait"); !h.at.Equal(start.Add(30 * time.Second)) {
			t.Errorf("it waited %v", h.at.Sub(start))
		}
	})
	inside("Drain ends every wait, and none waits from then on", func(t *testing.T, w, _ *world, _ func(*world) cloakroom.SessionRef) {
		start := time.Now()
		readers := []waiting{w.waits(t.Context(), 30*time.Second), w.waits(t.Context(), 20*time.Second)}
		w.Drain()
		w.Drain()
		for _, r := range readers {
			r.ended(t, 0, "after Drain")
		}
		w.told(cloakroom.FeedQuery{After: w.told(cloakroom.FeedQuery{}).Cursor, Wait: 30 * time.Second})
		if !time.Now().Equal(start) {
			t.Error("time has passed")
		}
	})
	inside("a reader that goes away is let go", func(t *testing.T, w, _ *world, _ func(*world) cloakroom.SessionRef) {
		ctx, leave := context.WithCancel(t.Context())
		r := w.waits(ctx, 30*time.Second)
		leave()
		if h, ok := r.heard(); !ok || h.err == nil {
			t.Errorf("answered %v, %v", ok, h.err)
		}
	})
}

// On a disk, and by a process of its own, as far as each can tell.
func TestFeedOfTwoNodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	node := func() *world {
		store, err := sqlite.Open(path)
		done(t, err)
		t.Cleanup(func() { done(t, store.Shutdown()) })
		return newWorld(t, signing(store))
	}
	one, two := node(), node()
	h := one.app()
	h.signIn(one.User("ana@example.com").Email)
	cursor := two.told(cloakroom.FeedQuery{}).Cursor
	answer := make(chan string)
	go func() {
		text, _ := two.Feed(t.Context(), cloakroom.FeedQuery{After: cursor, Wait: 30 * time.Second})
		answer <- text
	}()
	done(t, h.leaves(""))
	if p := two.opened(<-answer); len(p.Entries) != 1 {
		t.Errorf("%d entries", len(p.Entries))
	}
}
