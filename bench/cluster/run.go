package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// options are what a run does.
type options struct {
	lasts time.Duration // how long a fault lasts
	seed  uint64
	plan  []chapter
}

// chapter is faults on one world, by name; those that cannot happen there are left out.
type chapter struct {
	stores string
	faults []string
}

// staleness is the server's default of revocation.staleness, and slack what this program allows for its own clock.
const (
	staleness = time.Second
	slack     = 100 * time.Millisecond
)

// run returns an error if anything was wrong.
func (o options) run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "cloakroom-cluster-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "seed %d\n", o.seed)
	header(out)
	violations := 0
	for _, c := range o.plan {
		n, err := o.tell(ctx, out, dir, binary, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.stores, err)
		}
		violations += n
	}
	if violations > 0 {
		return fmt.Errorf("%d violations", violations)
	}
	fmt.Fprintln(out, "nothing acknowledged was lost, nobody was signed out by mistake, nothing revoked was accepted beyond the bound")
	return ctx.Err()
}

// tell goes through one chapter and returns how many violations there were.
func (o options) tell(ctx context.Context, out io.Writer, dir, binary string, c chapter) (violations int, err error) {
	var chosen []fault
	for _, f := range faults() {
		if slices.Contains(c.faults, f.name) && slices.Contains(f.on, c.stores) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 || ctx.Err() != nil {
		return 0, ctx.Err()
	}
	w, err := openWorld(ctx, dir, binary, c.stores)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	s := newStage(w, o)
	for _, f := range chosen {
		if ctx.Err() != nil {
			return violations, ctx.Err()
		}
		r, err := s.play(f, o.lasts)
		if err != nil {
			return violations, fmt.Errorf("%s: %w", f.name, err)
		}
		r.print(out)
		violations += len(r.violations)
	}
	n := len(s.journal.complaints(0))
	s.auditor.audit(true)
	last := s.journal.complaints(n)
	complain(out, last)
	fmt.Fprintf(out, "%s: %v\n", c.stores, s.journal.total())
	return violations + len(last), nil
}

// stage is where faults are played: one world with one journal.
type stage struct {
	world   *world
	journal *journal
	auditor *auditor
	names   atomic.Int64
	seed    uint64
}

func newStage(w *world, o options) *stage {
	j := &journal{allowance: staleness + slack}
	return &stage{
		world: w, journal: j, seed: o.seed,
		auditor: &auditor{peers: w.peers(), desks: w.deskPeers(), journal: j, patience: recovery, rng: rand.New(rand.NewPCG(o.seed, 0))},
	}
}

const (
	before = 500 * time.Millisecond // clients work so long before a fault
	after  = 500 * time.Millisecond // and when it is over
)

// play lets clients work while a fault happens and is mended, and audits.
func (s *stage) play(f fault, lasts time.Duration) (row, error) {
	known, lost := len(s.journal.complaints(0)), s.journal.total().lost
	l := &load{
		peers: s.world.peers(), desks: s.world.deskPeers(), journal: s.journal, meter: &meter{},
		seed: s.seed, names: &s.names, pace: 5 * time.Millisecond,
	}
	s.seed++
	begin := time.Now()
	hit := begin
	l.begin()
	time.Sleep(before)
	err := f.inject(s.world, s.journal, lasts, func() { hit = time.Now() })
	if err == nil {
		s.world.await(s.journal)
		time.Sleep(after)
	}
	l.end()
	if err != nil {
		return row{}, err
	}
	r := row{fault: f.name, stores: s.world.stores, figures: l.meter.measure(begin, hit)}
	if f.seamless && r.failed > 0 {
		s.journal.complain(fmt.Sprintf("%d requests were served by no node", r.failed))
	}
	if f.hurts && r.refused+r.unanswered == 0 {
		s.journal.complain("nobody noticed the fault: nothing was shown")
	}
	s.auditor.audit(false)
	r.lost, r.violations = s.journal.total().lost-lost, s.journal.complaints(known)
	return r, nil
}
