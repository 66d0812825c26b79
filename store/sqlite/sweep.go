package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// sweepRows is how many rows go in one transaction, so that nobody waits long behind it.
const sweepRows = 64

// sweeper deletes up to n expired things of one kind and returns how many.
type sweeper func(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error)

// Sweep implements cloakroom.Ledger. The kinds take turns, a few rows each, so that none waits behind the flood of
// another; other writes come in between. After an error it returns what was deleted before it, as a success.
func (s *Store) Sweep(ctx context.Context, w cloakroom.Sweep) (total int, err error) {
	kinds := []sweeper{sweepSessions, sweepGuests, sweepMoved, sweepTickets, sweepCounters, sweepRevocations}
	turn := max(1, min(sweepRows, w.Max/len(kinds)))
	for total < w.Max && len(kinds) > 0 {
		next := kinds[0]
		kinds = kinds[1:]
		room, n := min(turn, w.Max-total), 0
		err := s.writer.write(ctx, func(c *sqlite.Conn) (err error) {
			n, err = next(c, w, room)
			return err
		})
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
	return total, nil
}

func sweepSessions(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error) {
	ids, err := remove(c, `SELECT key, id, data_bytes FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2`,
		w.SessionsBefore, n)
	return len(ids), err
}

func sweepGuests(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error) {
	ids, err := remove(c, `SELECT key, id, data_bytes FROM sessions
		WHERE user_id = '' AND data_bytes = 0 AND last_seen_at <= ?1 ORDER BY last_seen_at LIMIT ?2`, w.GuestsBefore, n)
	return len(ids), err
}

func sweepMoved(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error) {
	return exec(c, `DELETE FROM moved WHERE key IN
		(SELECT key FROM moved WHERE until <= ?1 ORDER BY until LIMIT ?2)`, w.Now, n)
}

func sweepTickets(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error) {
	return exec(c, `DELETE FROM tickets WHERE (key, tail, kind) IN
		(SELECT key, tail, kind FROM tickets WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)`, w.Now, n)
}

func sweepCounters(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error) {
	return exec(c, `DELETE FROM counters WHERE key IN
		(SELECT key FROM counters WHERE reset_at <= ?1 ORDER BY reset_at LIMIT ?2)`, w.Now, n)
}

func sweepRevocations(c *sqlite.Conn, w cloakroom.Sweep, n int) (int, error) {
	return exec(c, `DELETE FROM revocations WHERE seq IN
		(SELECT seq FROM revocations WHERE until <= ?1 ORDER BY until LIMIT ?2)`, w.Now, n)
}
