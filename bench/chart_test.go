package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// madeUp is a run that nobody took.
func madeUp() report {
	return report{
		Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Go: "go1.26", Repeats: 5,
		Machine: machine{System: "linux/amd64", Processor: "A <fast> & cheap one", Cores: 2},
		Rows: []line{
			{
				Row: "T2", What: "library & more", OverTrivial: true, Ours: figureOf("", []float64{0.7, 0.8, 0.9}), Target: atLeast(0.75),
				Peers: []peer{{Name: "scs", Figure: figureOf("", []float64{0.4})}, {Name: "express-session", Missing: "node <is> not there"}},
			},
			{Row: "T4", What: "on PostgreSQL", OverTrivial: true, Missing: "it ended", Target: atLeast(0.28)},
			{
				Row: "T8", What: "a sign-in", Ours: figureOf("ms", []float64{2, 3, 20}), Target: atMost(1),
				Peers: []peer{{Name: "one writer", Figure: figureOf("/s", []float64{4000})}, {Name: "another", Figure: figureOf("ms", []float64{50})}},
			},
			{Row: "T7", What: "lost", Ours: figureOf("%", []float64{-6, -20, 19}), Target: atMost(3)},
			{Row: "T10", What: "durable", Ours: figureOf("", []float64{0.6}), Target: atLeast(0.85)},
		},
	}
}

func TestChart(t *testing.T) {
	svg := chartOf(madeUp())
	texts := textsOf(t, svg)
	for _, want := range []string{
		"T2  library & more", "T4  on PostgreSQL", "T8  a sign-in", "T7  lost", "T10  durable", // every row
		"scs", "express-session", "another", "not measured: node <is> not there", "not measured: it ended",
		"0.80 (0.70–0.90)", "target ≥ 0.75", "-6.00 % (-20.0–19.0)",
	} {
		if !slices.Contains(texts["text"], want) {
			t.Errorf("no %q in %q", want, texts["text"])
		}
	}
	if slices.Contains(texts["text"], "one writer") {
		t.Error("a peer of another unit is drawn on the same scale")
	}
	desc := strings.Join(texts["desc"], "")
	for _, l := range madeUp().Rows {
		if !strings.Contains(desc, l.Row+", "+l.What+": ") {
			t.Errorf("%s is not told in words: %s", l.Row, desc)
		}
	}
	if len(texts["title"]) != 1 || texts["script"] != nil || !strings.Contains(svg, "prefers-color-scheme:dark") || !strings.Contains(svg, `role="img"`) {
		t.Errorf("%s", svg)
	}
	if chartOf(madeUp()) != svg {
		t.Error("the same run is drawn in two ways")
	}
}

// textsOf reads SVG strictly and returns what its elements say.
func textsOf(t *testing.T, svg string) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
	in := xml.NewDecoder(strings.NewReader(svg))
	var name string
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			texts[name] = append(texts[name], string(token))
		case xml.EndElement:
			name = ""
		}
	}
}

// A bar is where its figure is, whichever way is better.
func TestScale(t *testing.T) {
	rows := madeUp().Rows
	ratios := scaleOfRatios(rows[:2])
	_, to, least, most := ratios.place(rows[0], rows[0].Ours)
	if middle := barsBegin + 0.8*(barsEnd-barsBegin); to != middle || !(least < to && to < most) {
		t.Errorf("0.8 lies at %v of %v, %v to %v", to, middle, least, most)
	}
	if at, ok := ratios.target(rows[0]); !ok || at >= to {
		t.Errorf("the target lies at %v, what is over it at %v", at, to)
	}
	targets := scaleOfTargets(rows[2:])
	on, _ := targets.target(rows[2])
	for _, c := range []struct {
		line  line
		value float64
		right bool
	}{
		{rows[2], 3, true}, {rows[2], 0.5, false}, {rows[3], -6, false}, {rows[4], 0.6, true}, {rows[4], 0.9, false},
	} {
		_, to, _, _ := targets.place(c.line, figureOf("", []float64{c.value}))
		if to > on != c.right || to < barsBegin || to > barsEnd {
			t.Errorf("%v of %s lies at %v, its target at %v", c.value, c.line.Row, to, on)
		}
	}
}
