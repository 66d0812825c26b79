package main

import (
	"slices"
	"sync"
	"time"
)

// meter keeps how each request went.
type meter struct {
	mu      sync.Mutex
	samples []sample
	failed  int // what no node did, however often it was asked
}

// sample is one request.
type sample struct {
	node            string
	asked, answered time.Time
	outcome         outcome
	writes          bool // it changes something
	easy            bool // it is served by a node that is half dead, too: nobody was there
}

type outcome int

const (
	served     outcome = iota
	refused            // 503
	unanswered         // no answer, or no connection
)

func (m *meter) add(s sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = append(m.samples, s)
}

func (m *meter) fail() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed++
}

// figures are what a fault did to those who asked.
type figures struct {
	requests, refused, unanswered, failed int

	oneOut time.Duration // the longest that one node served no reads, or no writes
	allOut time.Duration // the longest that none did
	back   time.Duration // from the fault to the last request that was not served
}

// measure counts what was asked since begin; the fault was at hit.
func (m *meter) measure(begin, hit time.Time) figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := figures{failed: m.failed}
	kinds := map[kind][]sample{}
	for _, s := range m.samples {
		if s.asked.Before(begin) {
			continue
		}
		f.count(s, hit)
		if s.easy {
			continue
		}
		for _, node := range []string{s.node, everyNode} {
			k := kind{node, s.writes}
			kinds[k] = append(kinds[k], s)
		}
	}
	for k, samples := range kinds {
		if k.node == everyNode {
			f.allOut = max(f.allOut, outage(samples))
		} else {
			f.oneOut = max(f.oneOut, outage(samples))
		}
	}
	return f
}

// kind is what an outage is of.
type kind struct {
	node   string
	writes bool
}

const everyNode = ""

func (f *figures) count(s sample, hit time.Time) {
	f.requests++
	switch s.outcome {
	case refused:
		f.refused++
	case unanswered:
		f.unanswered++
	}
	if s.outcome != served {
		f.back = max(f.back, s.answered.Sub(hit))
	}
}

// outage is the longest that nothing was served while somebody wanted it: from an answer, or from when a request was sent
// after it, to the next answer; what was asked again and again was wanted all the time.
func outage(samples []sample) (longest time.Duration) {
	slices.SortFunc(samples, func(a, b sample) int { return a.answered.Compare(b.answered) })
	var from time.Time // since when something is wanted, and the answer before it
	missed := false
	for _, s := range samples {
		if !missed && s.asked.After(from) {
			from = s.asked
		}
		if s.outcome != served {
			missed = true
			continue
		}
		longest = max(longest, s.answered.Sub(from))
		from, missed = s.answered, false
	}
	return longest
}
