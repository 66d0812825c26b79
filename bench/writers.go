package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

const sessionLife = 336 * time.Hour

// session makes a session as the engine does: of a user of its own, with a token that nobody has.
func session(now time.Time) cloakroom.SessionRecord {
	s := cloakroom.SessionRecord{
		ID: id.New("ses_", now), UserID: id.New("usr_", now),
		CreatedAt: now, AuthenticatedAt: now, LastSeenAt: now, IssuedAt: now, ExpiresAt: now.Add(sessionLife),
		Methods: []string{"password"}, Level: 1, IP: "203.0.113.77", Agent: agent,
	}
	_, _ = rand.Read(s.Token.Hash[:])
	s.Token.Bucket = uint16(s.Token.Hash[0])<<4 | uint16(s.Token.Hash[1])>>4
	return s
}

// opener opens sessions in a store until it is told to stop.
type opener struct {
	name    string
	writers int
	open    func(dir string) (write func(context.Context) error, close func() error, err error)

	rate []float64 // sessions in a second, for each turn
}

func sqliteOpener(noSync bool) func(string) (func(context.Context) error, func() error, error) {
	return func(dir string) (func(context.Context) error, func() error, error) {
		store, err := sqlite.Config{Path: filepath.Join(dir, "cloakroom.db"), InsecureNoSync: noSync}.Open()
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context) error {
			s := session(time.Now())
			_, err := store.Open(ctx, cloakroom.Opening{Session: s, Now: s.CreatedAt})
			return err
		}, store.Shutdown, nil
	}
}

func scsOpener(dir string) (func(context.Context) error, func() error, error) {
	store, err := openSCSStore(filepath.Join(dir, "scs.db"))
	if err != nil {
		return nil, nil, err
	}
	data := make([]byte, 150) // what scs keeps of a session with an id and a name
	return func(context.Context) error { return store.Commit(rand.Text(), data, time.Now().Add(sessionLife)) }, store.close, nil
}

// writers is T10: what it costs that an open session is on the disk before anybody hears of it.
func (b *bench) writers(ctx context.Context) ([]line, error) {
	durable := &opener{name: "durable", writers: 64, open: sqliteOpener(false)}
	careless := &opener{name: "not durable", writers: 64, open: sqliteOpener(true)}
	single := &opener{name: "one writer", writers: 1, open: sqliteOpener(false)}
	scs := &opener{name: "scs", writers: 64, open: scsOpener}
	err := b.turns(ctx, "T10", func() error {
		for _, o := range []*opener{durable, careless, single, scs} {
			if err := o.turn(ctx, b); err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
		}
		return nil
	})
	return []line{{
		Row: "T10", What: "sessions opened durably over not durably, 64 writers on SQLite", Target: atLeast(0.85),
		Ours: figureOf("", pairwise(durable.rate, careless.rate, quotient)),
		Note: fmt.Sprintf("%s of %s a second", short(median(durable.rate)), short(median(careless.rate))),
		Peers: []peer{
			{Name: "one writer, so one commit each,", Figure: figureOf("/s", single.rate)},
			{Name: "scs-sql, 64 writers, durable,", Figure: figureOf("/s", scs.rate)},
		},
	}}, err
}

// turn opens sessions in a new file for one measurement.
func (o *opener) turn(ctx context.Context, b *bench) error {
	dir, err := b.scratch("writers")
	if err != nil {
		return err
	}
	write, end, err := o.open(dir)
	if err != nil {
		return err
	}
	n, took, err := inParallel(o.writers, func() (bool, error) { return true, write(ctx) }, b.each)
	o.rate = append(o.rate, float64(n)/took.Seconds())
	return errors.Join(err, end())
}

// pauses is T11: what one write waits for at most, while expired sessions are swept without rest. The sweep fills the
// log, so there are checkpoints, too. The same without it stands beside: what the disk does by itself.
func (b *bench) pauses(ctx context.Context) ([]line, error) {
	store, err := b.expired(ctx)
	if err != nil {
		return nil, err
	}
	var quiet, beside waits
	sweep := &sweeper{store: store, now: time.Now().Add(sessionLife)}
	err = b.turns(ctx, "T11", func() error {
		if err := quiet.turn(ctx, store, b.each, nil); err != nil {
			return err
		}
		return sweep.during(ctx, b.sessions/b.repeats, func(done <-chan struct{}) error {
			return beside.turn(ctx, store, b.each, done)
		})
	})
	return []line{{
		Row: "T11", What: fmt.Sprintf("longest wait of one write, of %d sessions being swept", b.sessions), Target: atMost(10),
		Ours: figureOf("ms", beside.longest), Note: fmt.Sprintf("%s, %d rows swept", &beside, sweep.rows),
		Peers: []peer{{Name: "nothing swept", Figure: figureOf("ms", quiet.longest), Note: quiet.String()}},
	}}, errors.Join(err, store.Shutdown())
}

// expired is a store whose sessions all expire sooner than those that are opened from now on.
func (b *bench) expired(ctx context.Context) (*sqlite.Store, error) {
	dir, err := b.scratch("expired")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "cloakroom.db")
	store, err := sqlite.Config{Path: path, InsecureNoSync: true}.Open()
	if err != nil {
		return nil, err
	}
	_, err = b.fill(ctx, store, b.sessions, 0)
	if err := errors.Join(err, store.Shutdown()); err != nil {
		return nil, err
	}
	return sqlite.Open(path)
}

// sweeper sweeps what has expired at now.
type sweeper struct {
	store *sqlite.Store
	now   time.Time
	rows  int // swept so far
}

// during sweeps at most so many rows while f runs. It tells f when it has nothing left to do.
func (s *sweeper) during(ctx context.Context, rows int, f func(done <-chan struct{}) error) error {
	var err error
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for end := s.rows + rows; s.rows < end && err == nil; {
			select {
			case <-stop:
				return
			default:
			}
			var n int
			n, err = s.store.Sweep(ctx, cloakroom.Sweep{Now: s.now, SessionsBefore: s.now, Max: 1000})
			if n == 0 {
				return
			}
			s.rows += n
		}
	}()
	failed := f(done)
	close(stop)
	<-done
	return errors.Join(failed, err)
}

// waits is how long writes took.
type waits struct {
	longest []float64 // milliseconds, for each turn
	all     histogram
}

// turn opens one session after the other, until it is told that it is done.
func (w *waits) turn(ctx context.Context, store *sqlite.Store, d time.Duration, done <-chan struct{}) error {
	var longest time.Duration
	for begin := time.Now(); time.Since(begin) < d; {
		s := session(time.Now())
		start := time.Now()
		if _, err := store.Open(ctx, cloakroom.Opening{Session: s, Now: s.CreatedAt}); err != nil {
			return err
		}
		took := time.Since(start)
		longest = max(longest, took)
		w.all.add(took)
		select {
		case <-done:
			d = 0
		default:
		}
	}
	w.longest = append(w.longest, milliseconds(longest))
	return nil
}

func (w *waits) String() string {
	return fmt.Sprintf("median %s, p99 %s", short(milliseconds(w.all.quantile(0.5))), short(milliseconds(w.all.quantile(0.99))))
}

// inParallel calls f from so many goroutines until the time is over, f says that there is no more to do, or one fails.
func inParallel(workers int, f func() (more bool, err error), d time.Duration) (n int64, took time.Duration, err error) {
	begin := time.Now()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for time.Since(begin) < d && failed.Load() == nil {
				more, err := f()
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
				if !more || err != nil {
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		err = *e
	}
	return done.Load(), time.Since(begin), err
}
