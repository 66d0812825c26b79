package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(c.values)
		if got := median(c.values); got != c.want || !slices.Equal(c.values, before) {
			t.Errorf("median of %v is %v, want %v; left %v", before, got, c.want, c.values)
		}
	}
}

func TestFigure(t *testing.T) {
	f := figureOf("ms", []float64{30, 1.234, 200})
	if f.Median != 30 || f.Min != 1.234 || f.Max != 200 {
		t.Errorf("%+v", f)
	}
	for want, f := range map[string]figure{
		"30.0 ms (1.23–200)": f,
		"0.50":               figureOf("", []float64{0.5}),
		"0.015 (0.00–0.10)":  figureOf("", []float64{0.015, 0, 0.1}),
		"3.00×":              figureOf("×", []float64{3}),
		"-12.0 %":            figureOf("%", []float64{-12}),
	} {
		if f.String() != want {
			t.Errorf("%q, want %q", f, want)
		}
	}
}

func TestPairwise(t *testing.T) {
	// The machine was half as fast in the second turn: the ratio does not notice.
	got := pairwise([]float64{50, 25}, []float64{100, 50}, quotient)
	if !slices.Equal(got, []float64{0.5, 0.5}) {
		t.Errorf("ratios %v", got)
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		limit limit
		value float64
		met   string
	}{
		{atLeast(0.75), 0.75, "yes"}, {atLeast(0.75), 0.7499, "no"},
		{atMost(3), 3, "yes"}, {atMost(3), 3.01, "no"}, {atMost(3), -1, "yes"},
		{limit{}, 7, "–"},
	} {
		if got := c.limit.met(figureOf("", []float64{c.value})); got != c.met {
			t.Errorf("%v, %s: %s, want %s", c.value, c.limit.text(""), got, c.met)
		}
	}
	if text := atMost(1000).text("ns"); text != "≤ 1000 ns" {
		t.Error(text)
	}
}

func TestHistogram(t *testing.T) {
	var h, part histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(rand.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		if i%2 == 0 {
			h.add(d)
		} else {
			part.add(d)
		}
	}
	h.merge(&part)
	slices.Sort(all)
	for _, q := range []float64{0.5, 0.9, 0.99, 1} {
		exact, got := all[int(q*float64(len(all)))-1], h.quantile(q)
		if got < exact || got > exact+exact/32+1 {
			t.Errorf("quantile %v is %v, exactly %v", q, got, exact)
		}
	}
	if (&histogram{}).quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
}

func TestSlots(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 31, 32, 63, 64, 65, 127, 128, 1e3, 1e6, 1e9, 1<<62 + 1} {
		i := slot(d)
		if end := slotEnd(i); end < d || slot(end) != i || i > 0 && slotEnd(i-1) >= max(d, 1) {
			t.Errorf("%d lies in slot %d, which ends at %d; the one before at %d", d, i, end, slotEnd(i-1))
		}
	}
}
