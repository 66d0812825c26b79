package cloakroom

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// writeEvery is how often uses are written down: at most one write for a session in this time.
	writeEvery = time.Minute
	// sweepLag is how much later than its end a session is deleted: another node may hold uses not yet written.
	sweepLag = 5 * time.Minute
	// guestLife is how long a guest session without data is kept without use.
	guestLife = 7 * 24 * time.Hour
	// sweepBatch bounds one pass of the sweeper, so that writers wait some milliseconds at most.
	sweepBatch = 500
)

// uses remembers when sessions were used and writes it down together, so that the hot path writes nothing. What a
// crash loses is up to a minute of LastSeenAt.
type uses struct{ shards [16]useShard }

type useShard struct {
	mu      sync.Mutex
	pending map[TokenID]use
}

// use is a Touch in few bytes, because every request looks for one: microseconds since 1970, 0 for none.
type use struct{ seen, expires, issued int64 }

func useOf(t *Touch) use {
	u := use{seen: t.SeenAt.UnixMicro(), expires: t.ExpiresAt.UnixMicro()}
	if !t.IssuedAt.IsZero() {
		u.issued = t.IssuedAt.UnixMicro()
	}
	return u
}

func (u use) touch(id TokenID) Touch {
	t := Touch{Token: id, SeenAt: micro(u.seen), ExpiresAt: micro(u.expires)}
	if u.issued != 0 {
		t.IssuedAt = micro(u.issued)
	}
	return t
}

func newUses() *uses {
	u := &uses{}
	for i := range u.shards {
		u.shards[i].pending = map[TokenID]use{}
	}
	return u
}

func (u *uses) shard(id *TokenID) *useShard { return &u.shards[id.Hash[0]%uint8(len(u.shards))] }

// note remembers a use. A zero IssuedAt keeps what was noted before.
func (u *uses) note(t Touch) {
	s := u.shard(&t.Token)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := useOf(&t)
	if now.issued == 0 {
		now.issued = s.pending[t.Token].issued
	}
	s.pending[t.Token] = now
}

// noted is what was noted of a token and not yet taken.
func (u *uses) noted(id *TokenID) use {
	s := u.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending[*id]
}

// latest is later for a time in microseconds, 0 for none.
func latest(t time.Time, or int64) time.Time {
	if or != 0 && or > t.UnixMicro() {
		return micro(or)
	}
	return t
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unwritten lists everything noted. It stays noted until it is written: a request that comes meanwhile must know of it.
func (u *uses) unwritten() []Touch {
	var all []Touch
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		for id, n := range s.pending {
			all = append(all, n.touch(id))
		}
		s.mu.Unlock()
	}
	return all
}

// written drops what the store knows by now, where nothing newer was noted.
func (u *uses) written(touches []Touch) {
	for _, t := range touches {
		s := u.shard(&t.Token)
		s.mu.Lock()
		if s.pending[t.Token] == useOf(&t) {
			delete(s.pending, t.Token)
		}
		s.mu.Unlock()
	}
}

// use notes that a session was used now, and moves its idle limit.
func (a *Auth) use(s *Session, now time.Time) {
	if now.Sub(s.LastSeenAt) < time.Second {
		return // what is already known to the second
	}
	s.LastSeenAt = now
	s.ExpiresAt = s.endIfSeen(now)
	a.uses.note(Touch{Token: s.token, SeenAt: now, ExpiresAt: s.ExpiresAt})
}

// touchBatch bounds one call of Ledger.Touch.
const touchBatch = 500

// Flush writes down the uses of sessions and API keys that are only in memory. It runs by itself every minute and in Close.
func (a *Auth) Flush(ctx context.Context) error {
	for batch := range slices.Chunk(a.uses.unwritten(), touchBatch) {
		if err := a.ledger.Touch(ctx, batch); err != nil {
			return unavailable(err)
		}
		a.uses.written(batch)
		for i := range batch {
			if !batch[i].IssuedAt.IsZero() {
				a.cache.drop(&batch[i].Token) // or the cookie would be sent anew as often as it is used
			}
		}
	}
	return a.flushKeys(ctx)
}

// Sweep deletes what has expired, in bounded batches, until nothing is left, and returns how much it was; accounts whose owners
// have deleted them, too. It runs by itself every minute.
func (a *Auth) Sweep(ctx context.Context) (int, error) {
	now := a.now()
	total := 0
	for {
		n, err := a.ledger.Sweep(ctx, Sweep{
			Now: now, SessionsBefore: now.Add(-sweepLag), GuestsBefore: now.Add(-guestLife), Max: sweepBatch,
		})
		total += n
		if err != nil {
			return total, unavailable(err)
		}
		if n == 0 {
			break
		}
	}
	n, err := a.prune(ctx)
	if err != nil {
		return total + n, unavailable(err)
	}
	left, err := a.sweepLeavers(ctx)
	return total + n + left, err
}

// handOn hands on events until ctx ends: beside housekeep, for however long the app's hook takes, uses must be written.
func (a *Auth) handOn(ctx context.Context) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.deliverEvents(ctx); err != nil && ctx.Err() == nil {
			a.emit(ctx, Event{Type: RequestFailed, Reason: "deliver", Err: err})
		}
	}
}

// housekeep flushes and sweeps until ctx ends. What fails is tried again a minute later.
func (a *Auth) housekeep(ctx context.Context) {
	tick := time.NewTicker(min(writeEvery, a.lifetime.Idle/4)) // other nodes must know of a use long before the idle time is over
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		what, err := "flush", a.Flush(ctx)
		if err == nil { // a store that does not know the latest uses would sweep sessions that live
			what = "sweep"
			_, err = a.Sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.emit(ctx, Event{Type: RequestFailed, Reason: what, Err: err})
		}
	}
}
