package main

import (
	"context"
	"errors"
	"time"
)

// sliding is T7: what it costs that every use is noted and moves the idle limit. That is less than one second differs from
// the next on a machine that others use, too. So each turn goes to and fro between two who differ in nothing else.
func (b *bench) sliding(ctx context.Context) ([]line, error) {
	pairs := [][2]*contestant{
		{{name: "cloakroom-slide"}, {name: "cloakroom-still"}},
		{{name: "scs-sql-slide"}, {name: "scs-sql"}},
	}
	var all []*contestant
	for _, p := range pairs {
		for _, c := range p {
			c.rows = []string{"T7"}
			all = append(all, c)
		}
	}
	r, err := b.race(ctx, all)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	err = b.turns(ctx, "T7", func() error {
		for _, p := range pairs {
			if p[0].missing != "" || p[1].missing != "" {
				continue
			}
			if err := r.out(ctx, p[0], toAndFro(ctx, p[0], p[1], b.each)); err != nil {
				return err
			}
		}
		return nil
	})
	l := line{Row: "T7", What: "lost to sliding and last-seen, CPU for a request, on SQLite", Target: atMost(3)}
	l.Ours, l.Note, l.Missing = r.lost("cloakroom-slide", "cloakroom-still")
	scs := peer{Name: "scs-sql"}
	scs.Figure, scs.Note, scs.Missing = r.lost("scs-sql-slide", "scs-sql")
	l.Peers = []peer{scs}
	return []line{l}, err
}

// rounds is how often each of the two has its slices in a turn.
const rounds = 4

// toAndFro takes one turn of two contestants: each has 2 × rounds slices, in the order A B B A, so that neither is always first. The time on
// the processors is all that a process has spent from the beginning to the end, also while the other was asked: what it does
// beside its requests counts.
func toAndFro(ctx context.Context, a, b *contestant, d time.Duration) error {
	both := [2]*contestant{a, b}
	var sums [2]sample
	var before [2]time.Duration
	for i, c := range both {
		if _, err := c.load.run(ctx, c.warmUp(d)); err != nil {
			return err
		}
		var err error
		if before[i], err = c.process.cpu(); err != nil {
			return err
		}
	}
	for range rounds {
		for _, i := range [...]int{0, 1, 1, 0} {
			s, err := both[i].load.run(ctx, d/rounds)
			if err != nil {
				return err
			}
			sums[i].answers += s.answers
			sums[i].took += s.took
		}
	}
	var failed error
	for i, c := range both {
		after, err := c.process.cpu()
		failed = errors.Join(failed, err)
		c.took(&sums[i], after-before[i])
	}
	return failed
}
