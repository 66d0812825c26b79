package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// A counter of 0 is as good as absent, until it is swept with the others.
const (
	look = `SELECT n, reset_at FROM counters WHERE key = $1 AND reset_at > $2 AND n > 0`
	add  = `INSERT INTO counters (key, n, reset_at) VALUES ($1, $3, $4) ON CONFLICT (key) DO UPDATE SET
		n = CASE WHEN counters.reset_at > $2 THEN counters.n ELSE 0 END + excluded.n,
		reset_at = CASE WHEN counters.reset_at > $2 AND counters.n > 0 THEN counters.reset_at ELSE excluded.reset_at END
		RETURNING n, reset_at`
	// A window that opened later ends after $4 and stays as it is.
	giveBack = `UPDATE counters SET n = CASE WHEN reset_at > $4 THEN n ELSE greatest(n + $3, 0) END
		WHERE key = $1 AND reset_at > $2 AND n > 0 RETURNING n, reset_at`
)

// Count implements cloakroom.Ledger. Looking (n is 0) writes nothing.
func (s *Store) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (cloakroom.Tally, error) {
	sql, args := look, []any{key[:], now.UnixMicro()}
	if n != 0 {
		sql, args = add, append(args, int64(n), now.Add(window).UnixMicro())
	}
	if n < 0 {
		sql = giveBack
	}
	tally, _, err := one(ctx, s, scanTally, sql, args...)
	if err != nil {
		return cloakroom.Tally{}, fmt.Errorf("count: %w", err)
	}
	if tally.N == 0 {
		return cloakroom.Tally{}, nil
	}
	return tally, nil
}

func scanTally(row pgx.CollectableRow) (t cloakroom.Tally, err error) {
	err = row.Scan(&t.N, (*instant)(&t.ResetAt))
	return t, err
}
