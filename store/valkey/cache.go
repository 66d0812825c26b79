package valkey

import (
	"context"
	"sync/atomic"
	"time"
)

// cacheFor is how long the client's cache may answer without asking. It is told of changes at once (RESP3 invalidation); this
// bounds what happens when the telling is lost, as on a connection that is cut without either side noticing.
const cacheFor = time.Second

// look reads a key that sessions are looked up by, from the client's cache if that may answer.
func (l *Ledger) look(ctx context.Context, bucket uint16, key string) (string, error) {
	if !l.cached || !l.written.settled(bucket) {
		return l.get(ctx, key)
	}
	if err := l.check(ctx); err != nil {
		return "", err
	}
	get := l.client.B().Get().Key(key).Cache().ToStaticTTL() // how long the key lives says nothing here, so it is not asked
	result := l.client.DoCache(ctx, get, cacheFor)
	if result.IsCacheHit() && result.CachePTTL() > cacheFor.Milliseconds() { // the clock was set back: its age is unknown
		return l.get(ctx, key)
	}
	return found(ctx, result)
}

// written remembers in which buckets this Ledger has written lately. There the cache is not asked, for longer than
// anything that it can have read before the write may live in it; so a Ledger reads what it wrote, whatever becomes of the
// invalidation, which travels on a connection of its own.
type written struct {
	began time.Time
	quiet time.Duration         // how long after a write
	until [buckets]atomic.Int64 // since began, which does not change with the clock
}

// newWritten: the cache's entries count from when they were asked for, and asking ends with the timeout.
func newWritten(timeout time.Duration) *written {
	return &written{began: time.Now(), quiet: cacheFor + timeout}
}

func (w *written) note(bucket uint16) {
	until, next := &w.until[bucket%buckets], int64(time.Since(w.began)+w.quiet)
	for have := until.Load(); have < next && !until.CompareAndSwap(have, next); {
		have = until.Load()
	}
}

func (w *written) settled(bucket uint16) bool {
	return int64(time.Since(w.began)) > w.until[bucket%buckets].Load()
}
