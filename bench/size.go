package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// full is a store with many sessions in it.
type full struct {
	path   string
	store  *sqlite.Store
	tokens []cloakroom.TokenID

	took []float64 // nanoseconds for a look-up, for each turn
}

// fill makes a file with n sessions. They need not survive a crash.
func (b *bench) fill(ctx context.Context, n int) (*full, error) {
	fmt.Fprintf(b.progress, "opening %d sessions\n", n)
	dir, err := b.scratch("full")
	if err != nil {
		return nil, err
	}
	f := &full{path: filepath.Join(dir, "cloakroom.db"), tokens: make([]cloakroom.TokenID, n)}
	if f.store, err = (sqlite.Config{Path: f.path, InsecureNoSync: true}).Open(); err != nil {
		return nil, err
	}
	var next atomic.Int64
	_, _, err = inParallel(64, func() (bool, error) {
		i := next.Add(1) - 1
		if i >= int64(n) {
			return false, nil
		}
		s := session(time.Now())
		f.tokens[i] = s.Token
		_, err := f.store.Open(ctx, cloakroom.Opening{Session: s, Now: s.CreatedAt})
		return true, err
	}, math.MaxInt64)
	if err != nil {
		return nil, errors.Join(err, f.store.Shutdown())
	}
	return f, nil
}

// measure looks sessions up, one after the other, anywhere.
func (f *full) measure(ctx context.Context, d time.Duration) error {
	now, begin, n := time.Now(), time.Now(), 0
	for ; time.Since(begin) < d; n++ {
		if _, err := f.store.Session(ctx, f.tokens[rand.IntN(len(f.tokens))], now); err != nil {
			return err
		}
	}
	f.took = append(f.took, float64(time.Since(begin).Nanoseconds())/float64(n))
	return nil
}

// size is T12 and T13 in a small form: what many sessions cost, in time and on the disk.
func (b *bench) size(ctx context.Context) ([]line, error) {
	fewer, more := b.sessions/10, b.sessions
	small, err := b.fill(ctx, fewer)
	if err != nil {
		return nil, err
	}
	large, err := b.fill(ctx, more)
	if err != nil {
		return nil, errors.Join(err, small.store.Shutdown())
	}
	err = b.turns(ctx, "T12", func() error { return errors.Join(small.measure(ctx, b.each), large.measure(ctx, b.each)) })
	if err := errors.Join(err, small.store.Shutdown(), large.store.Shutdown()); err != nil {
		return nil, err
	}
	file, err := os.Stat(large.path)
	if err != nil {
		return nil, err
	}
	return []line{
		{
			Row: "T12", What: fmt.Sprintf("look-up among %d sessions over %d, on SQLite", more, fewer), Target: atMost(2),
			Ours: figureOf("×", pairwise(large.took, small.took, quotient)),
			Note: fmt.Sprintf("%s µs over %s µs", short(median(large.took)/1000), short(median(small.took)/1000)),
		},
		{
			Row: "T13", What: fmt.Sprintf("bytes on the disk for a session, of %d", more), Target: atMost(400),
			Ours: figureOf("B", []float64{float64(file.Size()) / float64(more)}),
		},
	}, nil
}
