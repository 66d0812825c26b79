package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// One peer that does not start and one that answers wrongly later lose their own figures and nobody else's.
func TestRaceGoesOn(t *testing.T) {
	b := bench{self: testBinary(t), dir: t.TempDir(), rows: []string{"T2"}, repeats: 3, progress: io.Discard}
	rows := []string{"T2"}
	r, err := b.race(t.Context(), []*contestant{
		{name: trivialName, rows: rows}, {name: "cloakroom-memory", rows: rows}, {name: "scs", rows: rows}, {name: "express", rows: rows},
		{name: "gorilla", rows: []string{"T3"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	turns := 0
	err = r.run(t.Context(), "T2", func(c *contestant) error {
		turns++
		if c.name == "scs" && len(c.rate) == 1 {
			return errors.New("a wrong answer | of two\nlines")
		}
		return c.measure(t.Context(), 10*time.Millisecond)
	})
	if err != nil || turns != 3+3+2 {
		t.Errorf("%d turns, %v", turns, err)
	}
	l := r.line(line{Row: "T2"}, "cloakroom-memory", "scs", "express")
	if l.Missing != "" || l.Ours.Median <= 0 || !l.OverTrivial {
		t.Errorf("%+v", l)
	}
	if p := l.Peers[0]; p.Missing != "a wrong answer / of two lines" || p.Figure != (figure{}) {
		t.Errorf("%+v", p)
	}
	if p := l.Peers[1]; !strings.Contains(p.Missing, `no kind "express"`) {
		t.Errorf("%+v", p)
	}
	if r.field["gorilla"] != nil {
		t.Error("somebody runs who has no row")
	}
	if err := b.gaps.err(); err == nil || !strings.Contains(err.Error(), "2 could not be measured") {
		t.Errorf("%v", err)
	}
	if _, _, missing := r.lost("scs", "cloakroom-memory"); missing == "" {
		t.Error("what is lost to somebody who is out has a figure")
	}
}

// Without the trivial handler there is no ratio, and nothing goes on when the run is cut short.
func TestRaceIsOver(t *testing.T) {
	b := bench{gaps: gaps{}, progress: io.Discard}
	r := &race{b: &b}
	if err := r.out(t.Context(), &contestant{name: trivialName}, io.EOF); err == nil {
		t.Error("the race goes on without the trivial handler")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.out(ctx, &contestant{name: "scs"}, io.EOF); !errors.Is(err, context.Canceled) {
		t.Errorf("cut short: %v", err)
	}
	if b.gaps.err() != nil {
		t.Errorf("%v", b.gaps.err())
	}
}
