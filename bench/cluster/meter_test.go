package main

import (
	"testing"
	"time"
)

var start = time.Now()

// at is a moment of these tests, in milliseconds.
func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

func write1(node string, asked, answered int, o outcome) sample {
	return sample{node: node, asked: at(asked), answered: at(answered), outcome: o, writes: true}
}

func TestMeasure(t *testing.T) {
	m := meter{samples: []sample{
		write1("a", -50, -40, unanswered), // before the beginning
		write1("a", 0, 10, served),
		write1("b", 5, 15, served),
		write1("a", 100, 110, unanswered),
		write1("b", 300, 310, refused),
		write1("b", 400, 420, served),
		write1("a", 700, 710, refused),
		write1("b", 600, 720, served),
		write1("a", 800, 830, served),
		{node: "a", asked: at(200), answered: at(201)}, // a cache answers a read: that mends nothing for writes
		{node: "a", asked: at(0), answered: at(1)},
		{node: "a", asked: at(900), answered: at(901), outcome: refused},
		{node: "a", asked: at(910), answered: at(911), easy: true},
		{node: "a", asked: at(2000), answered: at(2005)},
	}, failed: 1}
	got := m.measure(at(-10), at(90))
	want := figures{requests: 13, refused: 3, unanswered: 1, failed: 1,
		oneOut: 1105 * time.Millisecond, allOut: 1105 * time.Millisecond, back: 811 * time.Millisecond}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOutage(t *testing.T) {
	for what, c := range map[string]struct {
		samples []sample
		want    int
	}{
		"nothing is asked for a while": {[]sample{write1("a", 0, 10, served), write1("a", 500, 510, served)}, 10},
		"somebody waits all the time":  {[]sample{write1("a", 0, 10, served), write1("a", 5, 510, served)}, 500},
		"somebody waits for long":      {[]sample{write1("a", 0, 10, served), write1("a", 100, 510, served)}, 410},
		"refused between":              {[]sample{write1("a", 0, 10, served), write1("a", 20, 30, refused), write1("a", 40, 50, served)}, 30},
		"refused again and again":      {[]sample{write1("a", 0, 10, served), write1("a", 20, 30, refused), write1("a", 40, 50, unanswered), write1("a", 90, 95, served)}, 75},
		"never served":                 {[]sample{write1("a", 0, 10, refused), write1("a", 20, 30, refused)}, 0},
		"out of order":                 {[]sample{write1("a", 40, 50, served), write1("a", 20, 30, refused), write1("a", 0, 10, served)}, 30},
	} {
		if got := outage(c.samples); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("%s: %v, want %d ms", what, got, c.want)
		}
	}
}
