package main

import "math"

// scale says where figures lie between the left and the right end of the bars.
type scale struct {
	most    float64 // of ratios: what lies at the right end
	decades float64 // of targets: how many powers of ten there are on either side of the target; 0: a scale of ratios
}

// scaleOfRatios begins at 0 and has room for the largest, and for 1 at least.
func scaleOfRatios(all []line) scale {
	s := scale{most: 1}
	for _, l := range all {
		s.most = max(s.most, l.Ours.Max)
		for _, p := range l.Peers {
			s.most = max(s.most, p.Figure.Max)
		}
	}
	return s
}

// scaleOfTargets is logarithmic with the targets in the middle, and has room for what is farthest from its own.
func scaleOfTargets(all []line) scale {
	s := scale{decades: 1}
	for _, l := range all {
		for _, p := range append([]peer{{Figure: l.Ours}}, l.Peers...) {
			if p.Figure.Unit == l.Ours.Unit && p.Figure.Median > 0 {
				s.decades = max(s.decades, math.Ceil(math.Abs(math.Log10(l.beyond(p.Figure.Median)))))
			}
		}
	}
	return s
}

// place is where the bar of a figure begins and ends, and its least and its most.
func (s scale) place(l line, f figure) (from, to, least, most float64) {
	if s.decades == 0 {
		return s.at(0), s.at(f.Median), s.at(f.Min), s.at(f.Max)
	}
	least, most = s.at(l.beyond(f.Min)), s.at(l.beyond(f.Max))
	return s.at(1), s.at(l.beyond(f.Median)), min(least, most), max(least, most)
}

// target is where the target of a line lies, if it has one.
func (s scale) target(l line) (x float64, ok bool) {
	switch {
	case s.decades > 0:
		return s.at(1), true
	case l.Target.AtLeast != nil:
		return s.at(*l.Target.AtLeast), true
	}
	return 0, false
}

func (s scale) at(v float64) float64 {
	share := v / s.most
	if s.decades > 0 {
		share = (math.Log10(max(v, math.SmallestNonzeroFloat64))/s.decades + 1) / 2
	}
	return barsBegin + (barsEnd-barsBegin)*min(max(share, 0), 1)
}

// beyond is how many times its target a value is, the wrong way: 1 is on it, less is better. What is below zero is as good
// as can be.
func (l line) beyond(v float64) float64 {
	switch {
	case v <= 0 && l.Target.AtMost != nil:
		return 0
	case l.Target.AtMost != nil:
		return v / *l.Target.AtMost
	case l.Target.AtLeast != nil && v > 0:
		return *l.Target.AtLeast / v
	}
	return 1
}
