package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// race measures contestants in turn, beside a trivial handler that all ratios are to. Whoever cannot start or answers
// wrongly is out, and the others go on.
type race struct {
	b     *bench
	order []*contestant
	field map[string]*contestant
}

// trivialName is the contestant without which there is no ratio.
const trivialName = "trivial"

// race starts the contestants that have something to do in this run.
func (b *bench) race(ctx context.Context, all []*contestant) (*race, error) {
	r := &race{b: b, field: map[string]*contestant{}}
	for _, c := range all {
		if !b.wants(c.rows...) {
			continue
		}
		r.order, r.field[c.name] = append(r.order, c), c
		if err := r.out(ctx, c, b.ready(ctx, c)); err != nil {
			r.stop()
			return nil, err
		}
	}
	return r, nil
}

// out takes a contestant that failed out of the race. It returns an error when the race is over with that.
func (r *race) out(ctx context.Context, c *contestant, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case c.name == trivialName:
		return fmt.Errorf("%s: %w", c.name, err)
	}
	c.missing = r.b.gaps.note(c.name, err)
	return nil
}

func (r *race) stop() {
	for _, c := range r.order {
		if c.process != nil {
			c.process.stop()
		}
	}
}

// run takes all turns. Each contestant's is taken by turn.
func (r *race) run(ctx context.Context, what string, turn func(c *contestant) error) error {
	return r.b.turns(ctx, what, func() error {
		for _, c := range r.order {
			if c.missing != "" {
				continue
			}
			if err := r.out(ctx, c, turn(c)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ratio is the rate of a contestant over that of the trivial handler.
func (r *race) ratio(name string) figure {
	if r.field[name].missing != "" {
		return figure{}
	}
	return figureOf("", pairwise(r.field[name].rate, r.field[trivialName].rate, quotient))
}

// note tells the rest of a contestant's figures.
func (r *race) note(name string) string {
	if r.field[name].missing != "" {
		return ""
	}
	cpu := r.field[name].cpu
	ratio := figureOf("", pairwise(r.field[trivialName].cpu, cpu, quotient))
	return fmt.Sprintf("CPU %s, %s µs", short(ratio.Median), short(median(cpu)))
}

// line completes a line with what a contestant of ours did, and peers beside it.
func (r *race) line(l line, ours string, peers ...string) line {
	l.OverTrivial, l.Ours, l.Missing = true, r.ratio(ours), r.field[ours].missing
	l.Note = strings.TrimPrefix(r.note(ours)+l.Note, "; ")
	for _, name := range peers {
		l.Peers = append(l.Peers, peer{name, r.ratio(name), r.note(name), r.field[name].missing})
	}
	return l
}

// lost is how much longer, in percent, a request of a contestant takes the processor than one of another, with how many
// requests fewer it answers in a note.
func (r *race) lost(name, without string) (f figure, note, missing string) {
	a, b := r.field[name], r.field[without]
	if missing := errors.Join(a.gap(), b.gap()); missing != nil {
		return f, "", missing.Error()
	}
	f = figureOf("%", pairwise(a.cpu, b.cpu, func(a, b float64) float64 { return 100 * (1 - b/a) }))
	rate := figureOf("%", pairwise(a.rate, b.rate, func(a, b float64) float64 { return 100 * (1 - a/b) }))
	return f, "requests/s " + rate.String(), ""
}

// scale says what all ratios are to.
func (r *race) scale() string {
	trivial := r.field[trivialName]
	return fmt.Sprintf("; trivial handler %s requests/s, CPU %s µs", short(median(trivial.rate)), short(median(trivial.cpu)))
}
