package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func raceIncrement(w *world) {
	const each = 3
	s := w.begin(w.session("usr_ana"))
	increment := func() error {
		d, err := w.store.Datum(w.Context(), s.Ref(), "n")
		if err := ignore(err, cloakroom.ErrNotFound); err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(d.Value)) // absent: 0
		return w.set(s, "n", strconv.Itoa(n+1), d.Revision, 100)
	}
	w.allWin(race(func(int) error {
		for done := 0; done < each; {
			switch err := increment(); {
			case err == nil:
				done++
			case !errors.Is(err, cloakroom.ErrConflict):
				return err
			}
		}
		return nil
	}), "SetDatum")
	w.holds(s, cloakroom.Datum{Key: "n", Value: []byte(strconv.Itoa(callers * each)), Revision: callers * each},
		"every acknowledged increment is there")
}

func raceKeys(w *world) {
	s := w.begin(w.session("usr_ana"))
	const size, fit = 10, 40 // bytes of one key and value; how many have room
	key := func(i int) string { return fmt.Sprintf("key%02d", i) }
	won := w.winners(race(func(i int) error {
		return w.set(s, key(i), "value", 0, size*fit)
	}), cloakroom.ErrTooLarge, "SetDatum of different keys")
	same(w, len(won), fit, "so many values are written as have room")
	for i := range callers {
		_, err := w.store.Datum(w.Context(), s.Ref(), key(i))
		same(w, err == nil, slices.Contains(won, i), "what was acknowledged is there, and nothing else")
	}
}

func raceCount(w *world) {
	key := w.hash()
	seen := make([]int, callers)
	w.allWin(race(func(i int) error {
		tally, err := w.store.Count(w.Context(), key, 1, time.Hour, w.now)
		seen[i] = tally.N
		return err
	}), "Count")
	slices.Sort(seen)
	for i, n := range seen {
		same(w, n, i+1, "each of the racing additions is counted once, and told its own place")
	}
	w.count(key, 0, time.Hour, callers, w.now.Add(time.Hour), "the total is exact")

	w.allWin(race(func(i int) error {
		_, err := w.store.Count(w.Context(), key, 1-2*(i%2), time.Hour, w.now)
		return err
	}), "Count")
	w.count(key, 0, time.Hour, callers, w.now.Add(time.Hour), "what is given back while others add is exact")
}

func racePut(w *world) {
	t := cloakroom.Ticket{Kind: "reset", ID: w.token(1), ExpiresAt: w.now.Add(time.Hour), Revision: 1}
	won := w.winner(race(func(i int) error {
		mine := t
		mine.Payload = []byte(strconv.Itoa(i))
		return w.store.Put(w.Context(), mine)
	}), cloakroom.ErrConflict, "Put")
	t.Payload = []byte(strconv.Itoa(won))
	w.valid(t, "the ticket of the winner is stored")
}

func raceTake(w *world) {
	t := w.put("reset", "x")
	got := make([]cloakroom.Ticket, callers)
	won := w.winner(race(func(i int) (err error) {
		got[i], err = w.store.Take(w.Context(), t.Kind, t.ID, w.now)
		return err
	}), cloakroom.ErrUsed, "Take")
	same(w, got[won], t, "who takes the ticket gets it")
}

func raceSwap(w *world) {
	t := w.put("attempt", "first")
	won := w.winner(race(func(i int) error {
		mine := t
		mine.Payload = []byte(strconv.Itoa(i))
		return w.store.Swap(w.Context(), mine, w.now)
	}), cloakroom.ErrConflict, "Swap")
	t.Payload, t.Revision = []byte(strconv.Itoa(won)), 2
	w.valid(t, "the payload of the winner is stored, once")
}

func raceSweep(w *world) {
	const things = 3 * callers
	for range things {
		w.put("reset", "x")
	}
	swept := make([]int, callers)
	w.allWin(race(func(i int) (err error) {
		swept[i], err = w.store.Sweep(w.Context(), cloakroom.Sweep{Now: w.now.Add(day), Max: 2})
		return err
	}), "Sweep")
	total := w.clean(cloakroom.Sweep{Now: w.now.Add(day), Max: 100})
	for _, n := range swept {
		total += n
	}
	same(w, total, things, "each thing is deleted once and counted once")
}
