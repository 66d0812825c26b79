package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Count implements cloakroom.Ledger. Looking (n is 0) writes nothing.
func (s *Store) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (t cloakroom.Tally, err error) {
	run := s.writer.note
	if n == 0 {
		run = s.readers.read
	}
	err = run(ctx, func(c *sqlite.Conn) error {
		t, err = count(c, key[:], n, now.Add(window), now)
		return err
	})
	if err != nil {
		return cloakroom.Tally{}, fmt.Errorf("count: %w", err)
	}
	return t, nil
}

func count(c *sqlite.Conn, key []byte, n int, end, now time.Time) (t cloakroom.Tally, err error) {
	scan := func(s *sqlite.Stmt) { t = cloakroom.Tally{N: s.ColumnInt(0), ResetAt: moment(s, 1)} }
	switch {
	case n == 0:
		_, err = one(c, `SELECT n, reset_at FROM counters WHERE key = ?1 AND reset_at > ?2`, scan, key, now)
	case n > 0:
		_, err = one(c, `INSERT INTO counters (key, n, reset_at) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET
			n = CASE WHEN counters.reset_at > ?4 THEN counters.n ELSE 0 END + excluded.n,
			reset_at = CASE WHEN counters.reset_at > ?4 THEN counters.reset_at ELSE excluded.reset_at END
			RETURNING n, reset_at`, scan, key, n, end, now)
	default:
		return giveBack(c, key, n, end, now)
	}
	return t, err
}

// giveBack subtracts from a window that was open at now. One that opened later, so ends after end, stays as it is.
func giveBack(c *sqlite.Conn, key []byte, n int, end, now time.Time) (t cloakroom.Tally, err error) {
	if t, err = count(c, key, 0, end, now); err != nil || t.ResetAt.IsZero() || t.ResetAt.After(end) {
		return t, err
	}
	if t.N += n; t.N <= 0 {
		_, err = exec(c, `DELETE FROM counters WHERE key = ?1`, key)
		return cloakroom.Tally{}, err
	}
	_, err = exec(c, `UPDATE counters SET n = ?2 WHERE key = ?1`, key, t.N)
	return t, err
}
