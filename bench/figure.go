package main

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// figure is a number that was measured in several turns.
type figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Unit   string  `json:"unit,omitempty"`
}

// figureOf sums up what the turns gave. Without turns it is zero.
func figureOf(unit string, turns []float64) figure {
	if len(turns) == 0 {
		return figure{Unit: unit}
	}
	return figure{Median: median(turns), Min: slices.Min(turns), Max: slices.Max(turns), Unit: unit}
}

// median is the middle one, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// pairwise combines what two contestants did in the same turn.
func pairwise(a, b []float64, f func(a, b float64) float64) []float64 {
	all := make([]float64, min(len(a), len(b)))
	for i := range all {
		all[i] = f(a[i], b[i])
	}
	return all
}

func quotient(a, b float64) float64   { return a / b }
func difference(a, b float64) float64 { return a - b }

func (f figure) String() string {
	text := short(f.Median) + f.unit()
	if f.Min != f.Max {
		text += fmt.Sprintf(" (%s–%s)", short(f.Min), short(f.Max))
	}
	return text
}

func (f figure) unit() string {
	switch f.Unit {
	case "", "×":
		return f.Unit
	}
	return " " + f.Unit
}

// short is v to about three digits.
func short(v float64) string {
	switch size := max(v, -v); {
	case size >= 100:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	case size > 0 && size < 0.1:
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// limit is what a figure should hold. The zero limit asks for nothing.
type limit struct {
	AtLeast *float64 `json:"at_least,omitempty"`
	AtMost  *float64 `json:"at_most,omitempty"`
}

func atLeast(v float64) limit { return limit{AtLeast: &v} }
func atMost(v float64) limit  { return limit{AtMost: &v} }

// met compares the median: "yes", "no", or "–" where nothing is asked for.
func (l limit) met(f figure) string {
	switch {
	case l.AtLeast == nil && l.AtMost == nil:
		return "–"
	case l.AtLeast != nil && !(f.Median >= *l.AtLeast), l.AtMost != nil && !(f.Median <= *l.AtMost):
		return "no"
	}
	return "yes"
}

func (l limit) text(unit string) string {
	switch {
	case l.AtLeast != nil:
		return "≥ " + figure{Median: *l.AtLeast, Unit: unit}.plain()
	case l.AtMost != nil:
		return "≤ " + figure{Median: *l.AtMost, Unit: unit}.plain()
	}
	return "–"
}

func (f figure) plain() string { return fmt.Sprintf("%v%s", f.Median, f.unit()) }

// histogram counts latencies in steps of at most 1/32, from a nanosecond to hours.
type histogram struct{ counts [64 << 5]uint32 }

func (h *histogram) add(d time.Duration) { h.counts[slot(d)]++ }

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

// quantile is the latency that a share q of all did not exceed, rounded up to a step.
func (h *histogram) quantile(q float64) time.Duration {
	var all, seen uint64
	for _, n := range h.counts {
		all += uint64(n)
	}
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && float64(seen) >= q*float64(all) {
			return slotEnd(i)
		}
	}
	return 0
}

// slot numbers durations by their highest bit and the five bits that follow it.
func slot(d time.Duration) int {
	ns := uint64(max(d, 1))
	high := bits.Len64(ns) - 1
	if high <= 5 {
		return int(ns)
	}
	return (high-5)<<5 + int(ns>>(high-5))
}

func slotEnd(i int) time.Duration {
	if i < 64 {
		return time.Duration(i)
	}
	shift := i>>5 - 1
	return time.Duration((uint64(i&31+32)+1)<<shift - 1)
}
