package memory

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// Sweep implements cloakroom.Ledger. It deletes up to w.Max things, but it may look at all there are.
func (s *Store) Sweep(ctx context.Context, w cloakroom.Sweep) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := sweep(s.tickets, w.Max, func(t *ticket) bool { return passed(t.ExpiresAt, w.Now) })
	n += sweep(s.counters, w.Max-n, func(t cloakroom.Tally) bool { return passed(t.ResetAt, w.Now) })
	n += sweep(s.moved, w.Max-n, func(until time.Time) bool { return passed(until, w.Now) })
	return n + s.sweepSessions(w, w.Max-n), nil
}

func (s *Store) sweepSessions(w cloakroom.Sweep, room int) int {
	n := 0
	for _, old := range s.tokens {
		if n >= room {
			break
		}
		r := &old.record
		idleGuest := r.UserID == "" && len(old.data) == 0 && passed(r.LastSeenAt, w.GuestsBefore)
		if idleGuest || passed(r.ExpiresAt, w.SessionsBefore) {
			s.drop(old)
			n++
		}
	}
	return n
}

// sweep deletes what is over from m, up to room entries, and returns how many.
func sweep[K comparable, V any](m map[K]V, room int, over func(V) bool) int {
	n := 0
	for key, value := range m {
		if n >= room {
			break
		}
		if over(value) {
			delete(m, key)
			n++
		}
	}
	return n
}
