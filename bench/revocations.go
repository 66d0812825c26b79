package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// revocations is T17: what a verifier holds in memory of a feed that it has read to its end.
func (b *bench) revocations(ctx context.Context) (_ []line, err error) {
	store := memory.New()
	i, err := newIssuer(store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	if err := revoke(ctx, store, b.sessions); err != nil {
		return nil, err
	}
	grants, err := bearers(i.auth, 1)
	if err != nil {
		return nil, err
	}
	var held, took []float64
	err = b.turns(ctx, "T17", func() error {
		megabytes, ready, err := i.holding(ctx, grants[0].Tokens.Access.Reveal(), b.sessions)
		held, took = append(held, megabytes), append(took, milliseconds(ready))
		return err
	})
	return []line{{
		Row: "T17", What: fmt.Sprintf("memory of a verifier that knows %d revocations", b.sessions), Ours: figureOf("MB", held),
		Target: atMost(8 * float64(b.sessions) / 100_000), Note: "first answer after " + short(median(took)) + " ms",
	}}, err
}

// revoke puts so many sessions into the feed.
func revoke(ctx context.Context, store cloakroom.Store, n int) error {
	until := time.Now().Add(time.Hour)
	entries := make([]cloakroom.Revocation, n)
	for i := range entries {
		_, _ = rand.Read(entries[i].Subject[:])
		entries[i].Until = until
	}
	return store.Append(ctx, entries, nil)
}

// holding is what a second verifier holds: with the first one, everybody else in this process has read the revocations,
// too, and pools are full.
func (i *issuer) holding(ctx context.Context, token string, revocations int) (megabytes float64, ready time.Duration, err error) {
	for range 2 {
		if megabytes, ready, err = i.held(ctx, token, revocations); err != nil {
			break
		}
	}
	return megabytes, ready, err
}

// held is by how much, in MB of a million bytes, the heap grows when a verifier has read so many revocations, and how
// long it takes until it judges a token.
func (i *issuer) held(ctx context.Context, token string, revocations int) (megabytes float64, ready time.Duration, err error) {
	before := heap()
	begin := time.Now()
	v := i.verifier()
	defer func() { err = errors.Join(err, v.Close()) }()
	if _, err := v.Verify(ctx, token); err != nil {
		return 0, 0, err
	}
	ready = time.Since(begin)
	if n := v.Stats().Revocations; n != revocations {
		return 0, 0, fmt.Errorf("the verifier knows %d revocations, not %d", n, revocations)
	}
	return (heap() - before) / 1e6, ready, nil
}

// heap is how many bytes of it are in use. What pools and finalizers keep goes with a later collection.
func heap() float64 {
	const settled = 16 << 10
	var m runtime.MemStats
	for last := math.Inf(1); ; last = float64(m.HeapAlloc) {
		runtime.GC()
		runtime.GC()
		if runtime.ReadMemStats(&m); float64(m.HeapAlloc) > last-settled {
			return float64(m.HeapAlloc)
		}
	}
}
