package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTells(t *testing.T) {
	for what, c := range map[string]struct {
		reply       reply
		known, void bool
	}{
		"acknowledged":            {reply{sight: sight{node: "a", answered: at(10)}, acknowledged: true}, true, false},
		"acknowledged at last":    {reply{sight: sight{node: "a", answered: at(10)}, acknowledged: true, doubtful: true}, true, false},
		"nobody knows":            {reply{doubtful: true}, false, false},
		"never sent, or refused":  {reply{}, false, true},
		"refused after no answer": {reply{sight: sight{status: 401}, doubtful: true}, false, false},
	} {
		var j journal
		a := j.asks(func(*act) {})
		j.tells(a, c.reply, &j.counts.bans)
		if a.known() != c.known || a.void != c.void || j.counts.bans == 1 != c.known {
			t.Errorf("%s: %+v, %d counted", what, a, j.counts.bans)
		}
	}
}

// TestAskedBeforeSent: what is about to happen is in the journal before anybody can see it.
func TestAskedBeforeSent(t *testing.T) {
	var j journal
	a := &account{email: "ana@example.com"}
	s := j.opens(done("a", 50, 100), "crs_1", "ses_1", a)
	before := time.Now()
	j.asksEnd(s)
	j.asksEndOfAll(a, nil)
	if len(s.endings) != 1 || len(a.endings) != 1 || s.endings[0].asked.Before(before) || s.endings[0].known() {
		t.Errorf("%+v, %+v", s.endings, a.endings)
	}
}

func TestSome(t *testing.T) {
	var j journal
	rng := rand.New(rand.NewPCG(1, 2))
	if j.someSession(rng) != nil || j.someGuest(rng) != nil {
		t.Error("found a session in an empty journal")
	}
	user := j.opens(done("a", 0, 1), "", "ses_user", &account{})
	ended := j.opens(done("a", 0, 1), "", "ses_ended", nil)
	guest := j.opens(done("a", 0, 1), "", "ses_guest", nil)
	j.asksEnd(ended)
	j.over(ended)
	seen := map[*session]bool{}
	for range 200 {
		seen[j.someSession(rng)] = true
		if s := j.someGuest(rng); s != nil && s != guest {
			t.Fatalf("%s is no guest who is there", s.id)
		}
	}
	if !seen[user] || !seen[ended] || !seen[guest] {
		t.Errorf("of three sessions only %d were looked at", len(seen))
	}
}

func TestComplaints(t *testing.T) {
	var j journal
	for _, text := range []string{"one", "", "two"} {
		j.complain(text)
	}
	if got := j.complaints(0); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%q", got)
	}
	if got := j.complaints(1); !slices.Equal(got, []string{"two"}) {
		t.Errorf("%q", got)
	}
}

func TestSomeOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	old, list := 0, []int{1, 2, 3}
	got := someOf(rng, list, &old)
	slices.Sort(got)
	if !slices.Equal(got, list) || old != 3 {
		t.Errorf("all is new: %v, %d", got, old)
	}
	list = append(list, 4, 5)
	got = someOf(rng, list, &old)
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Contains(got, 4) || !slices.Contains(got, 5) || len(got) < 3 || old != 5 {
		t.Errorf("two are new, and some of the rest: %v, %d", got, old)
	}
}
