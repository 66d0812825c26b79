package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// sweepRows is how many rows go in one transaction, so that nobody waits long behind it.
const sweepRows = 200

// sweeper deletes up to n expired things of one kind and returns how many.
type sweeper func(ctx context.Context, w cloakroom.Sweep, n int) (int, error)

// Sweep implements cloakroom.Ledger. The kinds take turns, a few rows each, so that none waits behind the flood of
// another. Several nodes may sweep at once: each passes over the rows that another has in hand. After an error it returns
// what was deleted before it, as a success.
func (s *Store) Sweep(ctx context.Context, w cloakroom.Sweep) (total int, err error) {
	kinds := []sweeper{s.sweepSessions, s.sweepGuests, s.sweepMoved, s.sweepTickets, s.sweepCounters}
	turn := max(1, min(sweepRows, w.Max/len(kinds)))
	for total < w.Max && len(kinds) > 0 {
		next := kinds[0]
		kinds = kinds[1:]
		room := min(turn, w.Max-total)
		n, err := next(ctx, w, room)
		if err != nil && total == 0 {
			return 0, fmt.Errorf("sweep: %w", err)
		}
		if err != nil {
			return total, nil
		}
		total += n
		if n == room {
			kinds = append(kinds, next)
		}
	}
	_, _ = s.sweepOwners(ctx, w, w.Max) // they are nothing that anybody could see; the next pass comes to them
	return total, nil
}

func (s *Store) sweepSessions(ctx context.Context, w cloakroom.Sweep, n int) (int, error) {
	return s.drop(ctx, `expires_at <= $1`, `expires_at`, w.SessionsBefore, n)
}

func (s *Store) sweepGuests(ctx context.Context, w cloakroom.Sweep, n int) (int, error) {
	return s.drop(ctx, `user_id = '' AND data_bytes = 0 AND last_seen_at <= $1`, `last_seen_at`, w.GuestsBefore, n)
}

// drop deletes up to n sessions, oldest first, with their data.
func (s *Store) drop(ctx context.Context, due, by string, before time.Time, n int) (int, error) {
	var dropped []gone
	err := s.write(ctx, func(t *tx) error {
		t.remove(&dropped, s.deletion("sessions", "bucket, token", due, by), before.UnixMicro(), n)
		if err := t.send(); err != nil {
			return err
		}
		t.dropData(dropped...)
		return nil
	})
	return len(dropped), err
}

func (s *Store) sweepMoved(ctx context.Context, w cloakroom.Sweep, n int) (int, error) {
	return s.exec(ctx, s.deletion("moved", "bucket, token", `until <= $1`, `until`), w.Now.UnixMicro(), n)
}

func (s *Store) sweepTickets(ctx context.Context, w cloakroom.Sweep, n int) (int, error) {
	return s.exec(ctx, s.deletion("tickets", "bucket, token, kind", `expires_at <= $1`, `expires_at`), w.Now.UnixMicro(), n)
}

func (s *Store) sweepCounters(ctx context.Context, w cloakroom.Sweep, n int) (int, error) {
	return s.exec(ctx, s.deletion("counters", "key", `reset_at <= $1`, `reset_at`), w.Now.UnixMicro(), n)
}

// sweepOwners deletes rows that are there only to be locked, when nobody has locked them for as long as a session lasts.
func (s *Store) sweepOwners(ctx context.Context, w cloakroom.Sweep, n int) (int, error) {
	return s.exec(ctx, s.deletion("owners", "bucket, user_id", `until <= $1`, `until`), w.SessionsBefore.UnixMicro(), n)
}

// deletion is a statement that deletes up to $2 rows that are due, in order of the column by. Rows that another node is
// about to delete are passed over. The rows are chosen apart, because a subquery with a limit may be asked several times.
func (s *Store) deletion(table, key, due, by string) string {
	return `WITH chosen AS (SELECT ` + key + ` FROM ` + table + ` WHERE ` + due + ` ORDER BY ` + by + ` LIMIT $2` + s.locked + `)
		DELETE FROM ` + table + ` WHERE (` + key + `) IN (SELECT ` + key + ` FROM chosen) AND ` + due
}
