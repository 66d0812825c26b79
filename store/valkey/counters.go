package valkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// Count implements cloakroom.Ledger. Looking (n is 0) writes nothing.
func (l *Ledger) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (t cloakroom.Tally, err error) {
	if n == 0 {
		t, err = l.counted(ctx, key, now)
	} else {
		t, err = l.count(ctx, key, n, now.Add(window), now)
	}
	if err != nil {
		return cloakroom.Tally{}, fmt.Errorf("count: %w", err)
	}
	return t, nil
}

func (l *Ledger) counted(ctx context.Context, key [32]byte, now time.Time) (t cloakroom.Tally, err error) {
	bucket, name := counterName(key)
	stored, err := l.get(ctx, l.at(bucket)+name)
	if errors.Is(err, cloakroom.ErrNotFound) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	var reset int64
	if _, err := fmt.Sscanf(stored, "%d %d", &t.N, &reset); err != nil {
		return cloakroom.Tally{}, errForm
	}
	if t.ResetAt = moment(reset); !t.ResetAt.After(now) {
		return cloakroom.Tally{}, nil
	}
	return t, nil
}

func (l *Ledger) count(ctx context.Context, key [32]byte, n int, end, now time.Time) (t cloakroom.Tally, err error) {
	bucket, name := counterName(key)
	answer, err := l.run(ctx, call{
		countScript, bucket, []string{l.at(bucket) + name},
		[]string{name, decimal(int64(n)), decimal(micros(end)), decimal(micros(now))},
	})
	if err != nil {
		return t, err
	}
	held, err := answer.AsIntSlice()
	if err != nil {
		return t, err
	}
	if len(held) != 2 {
		return t, errForm
	}
	if held[0] > 0 {
		t = cloakroom.Tally{N: int(held[0]), ResetAt: moment(held[1])}
	}
	return t, nil
}
