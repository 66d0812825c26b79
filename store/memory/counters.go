package memory

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// Count implements cloakroom.Ledger.
func (s *Store) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (cloakroom.Tally, error) {
	if err := s.lock(ctx); err != nil {
		return cloakroom.Tally{}, err
	}
	defer s.mu.Unlock()
	tally := s.counters[key]
	if passed(tally.ResetAt, now) {
		tally = cloakroom.Tally{ResetAt: micro(now.Add(window))}
	}
	if n < 0 && tally.ResetAt.After(micro(now.Add(window))) {
		return tally, nil // a window that was opened after now
	}
	tally.N += n
	if tally.N <= 0 {
		delete(s.counters, key)
		return cloakroom.Tally{}, nil
	}
	s.counters[key] = tally
	return tally, nil
}
