package cloakroom_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// A hook that takes its time holds up nothing but itself: uses are written, and nobody is signed out.
func TestSlowDeliverSignsNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		slowly := func(ctx context.Context, e []cloakroom.Event) error { time.Sleep(40 * time.Second); return nil }
		life := cloakroom.Lifetime{Idle: 15 * time.Minute}
		one := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Session: life, Deliver: slowly})
		newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Session: life})
		one.User("ana@example.com")
		d := one.browser()
		d.signIn("ana@example.com")
		var backlog []cloakroom.EventRecord
		for range 5000 {
			backlog = append(backlog, cloakroom.EventRecord{Type: "x", At: time.Now(), Queued: true, Data: []byte("{}")})
		}
		done(t, store.Append(t.Context(), nil, backlog))
		start := time.Now()
		for range 120 {
			time.Sleep(30 * time.Second)
			if _, err := d.session(); err != nil {
				t.Errorf("used every 30 s, idle limit 15 min; after %v: %v", time.Since(start), err)
				break
			}
		}
	})
}

// What was taken while a Close began is not delivered again.
func TestDeliverDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		cancelled := &ctxful{wrap(store)}
		n := map[string]int{}
		var w *world
		closing := make(chan struct{})
		hook := func(ctx context.Context, e []cloakroom.Event) error {
			for _, one := range e {
				n[one.ID]++
			}
			select {
			case <-closing:
			default:
				close(closing)
				<-ctx.Done() // a Close begins now; the hook finishes its work all the same
			}
			return nil
		}
		w = newWorld(t, cloakroom.Config{Store: cancelled, Now: time.Now, Deliver: hook})
		w.User("ana@example.com")
		go func() { <-closing; time.Sleep(time.Second); _ = w.Close(context.Background()) }()
		time.Sleep(2 * time.Minute)
		newWorld(t, cloakroom.Config{Store: cancelled, Now: time.Now, Deliver: hook})
		time.Sleep(3 * time.Minute)
		for id, times := range n {
			if times > 1 {
				t.Errorf("%s was delivered %d times though it was taken", id, times)
			}
		}
	})
}

// ctxful refuses what comes with a context that has ended, as every real store does.
type ctxful struct{ *wrapped }

func (c *ctxful) EventsDelivered(ctx context.Context, ids []string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.wrapped.EventsDelivered(ctx, ids)
}

// An event that the hook refuses does not hold up those behind it.
func TestARefusedEventHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		got := map[string]bool{}
		hook := func(_ context.Context, list []cloakroom.Event) error {
			for _, e := range list {
				if e.Type == "poison" {
					return errors.New("cannot be encoded")
				}
			}
			for _, e := range list {
				got[e.ID] = true
			}
			return nil
		}
		newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Deliver: hook})
		list := []cloakroom.EventRecord{{Type: "poison", At: time.Now(), Queued: true, Data: []byte("{}")}}
		for range 500 {
			list = append(list, cloakroom.EventRecord{Type: "x", At: time.Now(), Queued: true, Data: []byte("{}")})
		}
		done(t, store.Append(t.Context(), nil, list))
		time.Sleep(24 * time.Hour)
		if len(got) < 401 { // all but its own hundred
			t.Errorf("a day later %d of 500 events were handed on", len(got))
		}
	})
}
