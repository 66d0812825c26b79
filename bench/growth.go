package main

import (
	"context"
	"errors"
	"fmt"
)

// growth is T12 and half of T13: what many sessions cost over few, in time and on the disk.
func (b *bench) growth(ctx context.Context) (all []line, err error) {
	if err := room(b.dir, b.most); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		engine string
		shelf  func() (shelf, error)
		disk   float64 // bytes for a session, at most
	}{{"SQLite", b.fileShelf, 400}, {"PostgreSQL", b.databaseShelf, 1000}} {
		lines, err := b.growthOn(ctx, s.engine, s.shelf, s.disk)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			why := b.gaps.note("T12, T13 on "+s.engine, err)
			lines = []line{{Row: "T12", What: "all on " + s.engine, Missing: why}, {Row: "T13", What: "disk on " + s.engine, Missing: why}}
		}
		all = append(all, lines...)
	}
	if b.wants("T13") {
		all = append(all, b.cachedSessions(ctx))
	}
	return all, nil
}

func (b *bench) growthOn(ctx context.Context, engine string, make func() (shelf, error), disk float64) (_ []line, err error) {
	var few, many *full
	for _, s := range []struct {
		full     **full
		sessions int
	}{{&few, b.fewest}, {&many, b.most}} {
		shelf, err := make()
		if err != nil {
			return nil, err
		}
		if *s.full, err = b.stock(ctx, shelf, s.sessions); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, (*s.full).close()) }()
	}
	rows := b.expiredOf() / b.repeats
	err = b.turns(ctx, "T12 on "+engine, func() error {
		return errors.Join(few.turn(ctx, b.each/2, rows), many.turn(ctx, b.each/2, rows))
	})
	if err != nil {
		return nil, err
	}
	var lines []line
	for v := range verbs {
		lines = append(lines, line{
			Row: "T12", What: fmt.Sprintf("%v among %d sessions over %d, on %s", v, b.most, b.fewest, engine), Target: atMost(2),
			Ours: figureOf("×", pairwise(many.took[v], few.took[v], quotient)),
			Note: fmt.Sprintf("%s µs over %s µs", short(median(many.took[v])/1000), short(median(few.took[v])/1000)),
		})
	}
	return append(lines, line{
		Row: "T13", What: fmt.Sprintf("bytes on the disk for a session, of %d on %s", b.most, engine), Target: atMost(disk),
		Ours: figureOf("B", []float64{float64(many.bytes) / float64(b.most)}),
	}), nil
}

// expiredOf is how many sessions of each full store have expired, to be swept in the course of all turns.
func (b *bench) expiredOf() int { return b.fewest / 2 }
