package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// full is a ledger with many sessions in it, some of which have expired.
type full struct {
	ledger cloakroom.Ledger
	tokens []cloakroom.TokenID    // of sessions that have not expired
	owners []cloakroom.SessionRef // one session each of users whose sessions have not
	bytes  int64                  // on the disk
	close  func() error

	took [verbs][]float64 // nanoseconds, for each turn
}

const (
	perUser = 10        // sessions of a user in a full ledger
	sampled = 1_000_000 // sessions of it that are asked for, at most
)

// fill opens n sessions in an empty ledger, of which the first ones have expired.
func (b *bench) fill(ctx context.Context, ledger cloakroom.Ledger, n, expired int) (*full, error) {
	stride := (n + sampled - 1) / sampled
	f := &full{
		ledger: ledger,
		tokens: make([]cloakroom.TokenID, (n+stride-1)/stride),
		owners: make([]cloakroom.SessionRef, (n+perUser-1)/perUser),
	}
	progress := newBar(b.progress, fmt.Sprintf("opening %d sessions", n), n)
	var next atomic.Int64
	_, _, err := inParallel(64, func() (bool, error) {
		user := int(next.Add(1) - 1)
		if user >= len(f.owners) {
			return false, nil
		}
		first := user * perUser
		count := min(perUser, n-first)
		for i, s := range sessionsOfOne(count, func(i int) bool { return first+i < expired }) {
			if _, err := ledger.Open(ctx, cloakroom.Opening{Session: s, Now: s.CreatedAt}); err != nil {
				return false, err
			}
			if (first+i)%stride == 0 {
				f.tokens[(first+i)/stride] = s.Token
			}
			f.owners[user] = s.Ref()
		}
		progress.add(count)
		return true, nil
	}, math.MaxInt64)
	f.tokens, f.owners = f.tokens[(expired+stride-1)/stride:], f.owners[(expired+perUser-1)/perUser:]
	return f, err
}

// sessionsOfOne makes n sessions of one user, of which those have expired that it is told.
func sessionsOfOne(n int, expired func(i int) bool) []cloakroom.SessionRecord {
	now := time.Now()
	all := make([]cloakroom.SessionRecord, n)
	for i := range all {
		all[i] = session(now)
		all[i].UserID, all[i].Token.Bucket = all[0].UserID, all[0].Token.Bucket
		if expired(i) {
			all[i].ExpiresAt = now.Add(-time.Hour)
		}
	}
	return all
}

// verb is something that is asked of a full ledger.
type verb int

const (
	lookUp verb = iota
	listing
	sweeping
	verbs
)

func (v verb) String() string {
	return [...]string{"look-up", "list of a user's sessions", "sweep, for each session"}[v]
}

// turn measures all verbs. It sweeps so many rows.
func (f *full) turn(ctx context.Context, d time.Duration, rows int) error {
	now := time.Now()
	for v, do := range [verbs]func() (int, error){
		lookUp: func() (int, error) {
			_, err := f.ledger.Session(ctx, f.tokens[rand.IntN(len(f.tokens))], now)
			return 1, err
		},
		listing: func() (int, error) {
			u := f.owners[rand.IntN(len(f.owners))]
			all, err := f.ledger.SessionsOf(ctx, u.Bucket, u.UserID, "", 2*perUser)
			if err == nil && len(all) == 0 {
				err = fmt.Errorf("%s has no sessions", u.UserID)
			}
			return 1, err
		},
		sweeping: func() (int, error) {
			n, err := f.ledger.Sweep(ctx, cloakroom.Sweep{Now: now, SessionsBefore: now, Max: min(rows, sweepBatch)})
			rows -= n
			if err == nil && n == 0 {
				err = fmt.Errorf("%d expired sessions are not swept", rows)
			}
			return n, err
		},
	} {
		begin, n := time.Now(), 0
		for n == 0 || time.Since(begin) < d && (verb(v) != sweeping || rows > 0) {
			done, err := do()
			if err != nil {
				return fmt.Errorf("%v: %w", verb(v), err)
			}
			n += done
		}
		f.took[v] = append(f.took[v], float64(time.Since(begin).Nanoseconds())/float64(n))
	}
	return nil
}

// sweepBatch is how much the engine sweeps at once.
const sweepBatch = 500

// room says whether a folder has room for so many sessions, in two copies and with what a database writes beside them.
func room(dir string, sessions int) error {
	const each = 1500 // bytes
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return err
	}
	free, need := float64(disk.Bavail)*float64(disk.Bsize)/1e9, float64(sessions)*each/1e9
	if free < need {
		return fmt.Errorf("%d sessions need about %s GB on the disk, %s are free", sessions, short(need), short(free))
	}
	return nil
}
