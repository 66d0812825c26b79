package cloakroom

import (
	"sync/atomic"
	"time"
)

// lagBounds are up to where lags are counted together.
var lagBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second, time.Minute,
}

// lags counts how long after it was written an entry of the feed was heard here. The time of writing is computed from the
// entry's end, and by the clock of its writer: where clocks differ, so does the lag. What cannot be is not counted.
type lags struct {
	since  func(Revocation) time.Duration
	counts [len(lagBounds)]atomic.Uint64
	sum    atomic.Int64
}

func (l *lags) measure(entries []Revocation) {
	if l == nil {
		return
	}
	for _, e := range entries {
		lag := l.since(e)
		for i, bound := range lagBounds {
			if lag >= 0 && lag <= bound {
				l.counts[i].Add(1)
				l.sum.Add(int64(lag))
				break
			}
		}
	}
}

// CacheStats tells how the session cache and the follower of the feed are doing.
type CacheStats struct {
	Hits    uint64 // answered from memory
	Misses  uint64 // asked of the store
	Unheard uint64 // asked of the store because the feed had not been heard within Config.Staleness
	Entries int
	Bytes   int64

	// Silence is how long ago the feed was last heard to its end. It grows while nobody asks; then it says nothing.
	Silence time.Duration
	// Lags counts how long entries of the feed took from their writing to this node, by the clocks of both, in
	// ascending order of UpTo; LagSum is the sum of all.
	Lags   []LagCount
	LagSum time.Duration
}

// LagCount is how many lags were at most UpTo, and more than the UpTo before.
type LagCount struct {
	UpTo time.Duration
	N    uint64
}

// CacheStats returns the figures of this process since New.
func (a *Auth) CacheStats() CacheStats {
	s := CacheStats{Silence: a.feed.silence(), LagSum: time.Duration(a.feed.lags.sum.Load())}
	for i, bound := range lagBounds {
		s.Lags = append(s.Lags, LagCount{bound, a.feed.lags.counts[i].Load()})
	}
	if c := a.cache; c != nil {
		s.Hits, s.Misses, s.Unheard = c.hits.Load(), c.misses.Load(), c.unheard.Load()
		s.Entries, s.Bytes = c.kept.Len(), c.kept.Bytes()
	}
	return s
}
