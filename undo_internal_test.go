package cloakroom

import (
	"strconv"
	"testing"
)

// value is the nth value of a key.
func value(key string, n int64) Datum {
	if n == 0 {
		return Datum{Key: key}
	}
	return Datum{Key: key, Value: []byte(strconv.FormatInt(n, 10)), Revision: n}
}

func TestOrigin(t *testing.T) {
	ref := SessionRef{ID: "ses_1"}
	note := func(w *writes, from, to int64) {
		next := value("k", to)
		next.Revision = from
		w.note(ref, value("k", from), next, nil)
	}
	t.Run("edits that goroutines tell of in any order", func(t *testing.T) {
		for _, order := range [][]int64{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			w := &writes{}
			for _, n := range order {
				note(w, n, n+1)
			}
			if got := origin(w.log.Load().all(), ref, value("k", 3)); !same(got, value("k", 0)) {
				t.Errorf("in order %v it comes from %+v", order, got)
			}
		}
	})
	t.Run("somebody else's value is its own origin", func(t *testing.T) {
		w := &writes{}
		note(w, 0, 1)
		note(w, 2, 3)
		for have, want := range map[int64]int64{1: 0, 2: 2, 3: 2, 4: 4} {
			if got := origin(w.log.Load().all(), ref, value("k", have)); !same(got, value("k", want)) {
				t.Errorf("%d comes from %+v", have, got)
			}
		}
		other := value("k", 1)
		other.Value = []byte("other")
		if got := origin(w.log.Load().all(), ref, other); !same(got, other) {
			t.Errorf("the same revision of another value comes from %+v", got)
		}
		if got := origin(w.log.Load().all(), SessionRef{ID: "ses_2"}, value("k", 1)); got.Revision != 1 {
			t.Errorf("another session's value comes from %+v", got)
		}
		if got := origin(w.log.Load().all(), ref, value("l", 1)); got.Revision != 1 {
			t.Errorf("another key's value comes from %+v", got)
		}
	})
	t.Run("a handler that runs for a day is remembered in bounded memory", func(t *testing.T) {
		w := &writes{}
		for n := range int64(1000) {
			note(w, n, n+1)
		}
		if n := len(w.log.Load().all()); n != 1 {
			t.Errorf("%d edits of one value, one after the other", n)
		}
		for n := int64(2000); n < 3000; n += 2 { // somebody else writes each time between
			note(w, n, n+1)
		}
		if n := len(w.log.Load().all()); n != maxEdits {
			t.Errorf("%d edits of one value", n)
		}
		if got := origin(w.log.Load().all(), ref, value("k", 2999)); got.Revision != 2998 {
			t.Errorf("the latest comes from %+v", got)
		}
	})
	t.Run("a session that nobody watches remembers nothing", func(t *testing.T) {
		var w *writes
		note(w, 0, 1)
	})
}
