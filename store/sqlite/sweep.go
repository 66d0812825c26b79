package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// sweepRows is how many rows go in one transaction, so that nobody waits long behind it.
const sweepRows = 64

// sweeper deletes up to n things of one kind that are over, and returns how many. What is over says W.
type sweeper[W any] func(c *sqlite.Conn, over W, n int) (int, error)

// Sweep implements cloakroom.Ledger.
func (s *Store) Sweep(ctx context.Context, w cloakroom.Sweep) (int, error) {
	n, err := sweep(ctx, s.writer, w, w.Max, sweepSessions, sweepGuests, sweepMoved, sweepTickets, sweepCounters)
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	return n, nil
}

// Prune implements cloakroom.Directory.
func (s *Store) Prune(ctx context.Context, p cloakroom.Prune) (int, error) {
	n, err := sweep(ctx, s.writer, p, p.Max, pruneRevocations, pruneEvents)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	return n, nil
}

// sweep lets the kinds take turns, a few rows each, so that none waits behind the flood of another; other writes come in
// between. After an error it returns what was deleted before it, as a success.
func sweep[W any](ctx context.Context, w *writer, over W, limit int, kinds ...sweeper[W]) (total int, err error) {
	turn := max(1, min(sweepRows, limit/len(kinds)))
	for total < limit && len(kinds) > 0 {
		next := kinds[0]
		kinds = kinds[1:]
		room, n := min(turn, limit-total), 0
		err := w.write(ctx, func(c *sqlite.Conn) (err error) {
			n, err = next(c, over, room)
			return err
		})
		if err != nil && total == 0 {
			return 0, err
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

func pruneRevocations(c *sqlite.Conn, p cloakroom.Prune, n int) (int, error) {
	return exec(c, `DELETE FROM revocations WHERE seq IN
		(SELECT seq FROM revocations WHERE until <= ?1 ORDER BY until LIMIT ?2)`, p.Now, n)
}

// pruneEvents looks no further than ids go that may be old.
func pruneEvents(c *sqlite.Conn, p cloakroom.Prune, n int) (int, error) {
	end := id.New(eventPrefix, p.EventsBefore.Add(time.Millisecond))
	return exec(c, `DELETE FROM events WHERE id IN
		(SELECT id FROM events WHERE id < ?1 AND at < ?2 AND leased_until IS NULL ORDER BY id LIMIT ?3)`,
		pack(eventPrefix, end), p.EventsBefore, n)
}
