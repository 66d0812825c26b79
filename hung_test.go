package cloakroom_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// hung lets a verb hang until its caller gives up.
type hung struct {
	*wrapped
	verb atomic.Value
	most time.Duration // the store's own patience
}

func (h *hung) wait(ctx context.Context, verb string) error {
	if h.verb.Load() != verb {
		return nil
	}
	if h.most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.most)
		defer cancel()
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hung) Append(ctx context.Context, r []cloakroom.Revocation, e []cloakroom.EventRecord) error {
	if err := h.wait(ctx, "Append"); err != nil {
		return err
	}
	return h.wrapped.Append(ctx, r, e)
}

func (h *hung) Revocations(ctx context.Context, after string, max int, now time.Time) (cloakroom.Revocations, error) {
	if err := h.wait(ctx, "Revocations"); err != nil {
		return cloakroom.Revocations{}, err
	}
	return h.wrapped.Revocations(ctx, after, max, now)
}

// A store that hangs does not hold up Close beyond its time.
func TestCloseOfAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hung{wrapped: wrap(memory.New())}
		store.verb.Store("")
		w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Limits: cloakroom.Limits{InsecureNoLogin: true}})
		w.User("ana@example.com")
		synctest.Wait()
		store.verb.Store("Append")
		for range 300 {
			_, _ = w.browser().trySignIn("ana@example.com", "wrong")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_ = w.Close(ctx)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("Close with 5 s took %v", took)
		}
	})
}

// While the feed hangs, requests are told so side by side, not one behind the other.
func TestRequestsDoNotQueueForAFeedThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hung{wrapped: wrap(memory.New()), most: 10 * time.Second} // PostgreSQL's patience
		store.verb.Store("")
		w := newWorld(t, cloakroom.Config{Store: store, Ledger: memory.New(), Now: time.Now})
		w.User("ana@example.com")
		d := w.browser()
		d.signIn("ana@example.com")
		store.verb.Store("Revocations")
		time.Sleep(5 * time.Second)
		start := time.Now()
		var longest atomic.Int64
		atOnce(50, func(int) error {
			_, err := d.session()
			unknowable(t, err, "feed hung")
			longest.Store(max(longest.Load(), int64(time.Since(start))))
			return err
		})
		if l := time.Duration(longest.Load()); l > 15*time.Second {
			t.Errorf("the last of 50 requests got its 503 after %v", l)
		}
	})
}

// Requests that come at once after a quiet time read the feed once for all.
func TestOneReadingServesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: inner, Ledger: memory.New(), Now: time.Now})
		w.User("ana@example.com")
		d := w.browser()
		d.signIn("ana@example.com")
		time.Sleep(5 * time.Minute)
		inner.hook(func(verb string) error {
			if verb == "Revocations" {
				time.Sleep(20 * time.Millisecond)
			}
			return nil
		})
		start := time.Now()
		atOnce(200, func(int) error { _, err := d.session(); return err })
		if time.Since(start) > time.Second {
			t.Error("one reading of 20 ms would do for all")
		}
	})
}

// A node that answers 503 to everybody is not ready.
func TestReadyNeedsTheFeedWhereTheLedgerIsApart(t *testing.T) {
	a := newApart(t)
	a.User("ana@example.com")
	d := a.browser()
	d.signIn("ana@example.com")
	a.directory.down("Revocations")
	other := a.restarted(t)
	there := *d
	there.world = other
	_, err := there.session()
	unknowable(t, err, "while the feed is silent")
	if err := other.Ready(t.Context()); err == nil {
		t.Error("ready, and every session gets 503")
	}
}
