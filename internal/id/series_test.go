package id

import (
	"slices"
	"testing"
	"time"
)

func TestSeries(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var s Series
	var made []string
	for i := range 10_000 {
		made = append(made, s.New("evt_", now.Add(time.Duration(i/2_500)*time.Microsecond)))
	}
	if !slices.IsSorted(made) || len(slices.Compact(slices.Clone(made))) != len(made) {
		t.Error("ids of a series must ascend, those of one moment too")
	}
	for _, id := range made {
		if len(id) != 36 || id[4+12] != '7' || id[4+16] < '8' || id[4+16] > 'b' {
			t.Fatalf("id %q: want the prefix, version 7 and the RFC variant", id)
		}
	}
	if earlier := s.New("evt_", now.Add(-time.Microsecond)); earlier >= made[0] {
		t.Errorf("%q of an earlier moment must sort before %q", earlier, made[0])
	}
}

func TestFollowing(t *testing.T) {
	for digits, want := range map[string]string{"00": "01", "09": "0a", "0f": "10", "a9ff": "aa00", "7fffff": "800000"} {
		if got := following(digits); got != want {
			t.Errorf("after %s comes %s, not %s", digits, want, got)
		}
	}
}
