package valkey

import (
	"context"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	buckets = 1 << 12
	// probes is how many buckets are asked in one go, so that no list of them holds up others for long.
	probes = 128
)

// Sweep implements cloakroom.Ledger. It goes around the buckets once, from where it stopped last, or until s.Max things
// are gone: it asks each how much there is to do and deletes where there is something. After an error it returns what was
// deleted before it, as a success. One Sweep of a Ledger waits for another.
func (l *Ledger) Sweep(ctx context.Context, s cloakroom.Sweep) (int, error) {
	select {
	case bucket := <-l.swept:
		n, err := l.sweepFrom(ctx, &bucket, s)
		l.swept <- bucket
		if err != nil {
			return 0, fmt.Errorf("sweep: %w", err)
		}
		return n, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (l *Ledger) sweepFrom(ctx context.Context, bucket *int, s cloakroom.Sweep) (total int, err error) {
	l.recount(ctx)
	for asked := 0; asked < buckets; {
		n := min(probes, buckets-asked, buckets-*bucket)
		swept, err := l.sweep(ctx, s, *bucket, n, s.Max-total)
		if total += swept; err != nil && total == 0 {
			return 0, err
		}
		if err != nil || total >= s.Max {
			break // and begin here next time
		}
		asked, *bucket = asked+n, (*bucket+n)%buckets
	}
	return total, nil
}

// sweep deletes up to room things in n buckets.
func (l *Ledger) sweep(ctx context.Context, s cloakroom.Sweep, first, n, room int) (total int, err error) {
	ends := times(s.Now, s.SessionsBefore, s.GuestsBefore)
	calls := make([]call, n)
	for i := range calls {
		calls[i] = call{dueScript, uint16(first + i), nil, ends}
	}
	results, err := l.many(ctx, dueScript, calls)
	for i := 0; i < len(results) && err == nil && total < room; i++ {
		var due, swept int64
		if due, err = results[i].AsInt64(); err != nil || due == 0 {
			continue
		}
		args := append(ends[:len(ends):len(ends)], decimal(int64(room-total)))
		answer, failed := l.run(ctx, call{sweepScript, calls[i].bucket, nil, args})
		if err = failed; err == nil {
			swept, err = answer.AsInt64()
		}
		total += int(swept)
	}
	if total > 0 {
		err = nil // what is left is for the next time
	}
	return total, err
}
