package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func counters(run runner) {
	run("the first addition opens a window, the next ones fill it", countAdds)
	run("when the window has passed, the next addition opens a new one", countWindow)
	run("adding 0 looks and opens nothing", countLooks)
	run("a negative addition gives back; at 0 the counter is absent", countGivesBack)
	run("what is given back late changes only a window that was open when it was counted", countGivesBackLate)
	run("each key has its own counter", countKeys)
}

// count adds and asserts the answer; a zero reset is that of an absent counter.
func (w *world) count(key [32]byte, n int, window time.Duration, want int, reset time.Time, law string) {
	w.Helper()
	got, err := w.store.Count(w.Context(), key, n, window, w.now)
	w.ok(err, law)
	same(w, got, cloakroom.Tally{N: want, ResetAt: reset}, law)
}

func countAdds(w *world) {
	key, reset := w.hash(), w.now.Add(time.Minute)
	w.count(key, 1, time.Minute, 1, reset, "the first addition opens a window of this length")
	w.count(key, 1, time.Minute, 2, reset, "Count returns what the counter holds now")
	w.now = w.now.Add(30 * time.Second)
	w.count(key, 40, time.Hour, 42, reset, "a later addition does not move the end of the window")
}

func countWindow(w *world) {
	key, reset := w.hash(), w.now.Add(time.Minute)
	w.count(key, 5, time.Minute, 5, reset, "Count")
	w.now = reset.Add(-tick)
	w.count(key, 1, time.Minute, 6, reset, "just before the window ends it counts")
	w.now = reset
	w.count(key, 0, time.Minute, 0, time.Time{}, "a window that ends at now has passed: the counter is absent")
	w.count(key, -1, time.Minute, 0, time.Time{}, "there is nothing to give back to a window that has passed")
	w.count(key, 2, time.Hour, 2, reset.Add(time.Hour), "the next addition opens a new window of its own length")
	w.now = reset.Add(day)
	w.count(key, 3, time.Minute, 3, w.now.Add(time.Minute), "long after, the next addition opens a new window")
}

func countLooks(w *world) {
	key := w.hash()
	w.count(key, 0, time.Minute, 0, time.Time{}, "an absent counter is zero with a zero ResetAt")
	w.now = w.now.Add(time.Second)
	reset := w.now.Add(time.Minute)
	w.count(key, 1, time.Minute, 1, reset, "looking opened no window")
	w.now = w.now.Add(time.Second)
	w.count(key, 0, time.Hour, 1, reset, "looking changes nothing")
	w.count(key, 0, time.Hour, 1, reset, "looking changes nothing")
}

func countGivesBack(w *world) {
	key, reset := w.hash(), w.now.Add(time.Minute)
	w.count(key, -3, time.Minute, 0, time.Time{}, "there is nothing to give back to an absent counter")
	w.count(key, 5, time.Minute, 5, reset, "what was not there was not given back")
	w.count(key, -2, time.Hour, 3, reset, "a negative addition gives back within the window")
	for _, n := range []int{-3, -100} {
		w.count(key, n, time.Minute, 0, time.Time{}, "the counter stops at 0 and is then absent")
		w.now = w.now.Add(time.Second)
		w.count(key, 3, time.Minute, 3, w.now.Add(time.Minute), "after 0 the next addition opens a new window and owes nothing")
	}
}

func countGivesBackLate(w *world) {
	key, counted := w.hash(), w.now
	w.count(key, 3, time.Minute, 3, counted.Add(time.Minute), "Count")
	w.now = w.now.Add(time.Minute)
	opened, reset := w.now, w.now.Add(time.Minute)
	w.count(key, 2, time.Minute, 2, reset, "the next window")
	w.now = w.now.Add(30 * time.Second)
	for _, at := range []time.Time{counted, opened.Add(-tick)} {
		for _, n := range []int{-1, -100} {
			got, err := w.store.Count(w.Context(), key, n, time.Minute, at)
			w.ok(err, "giving back to a window that has passed")
			same(w, got, cloakroom.Tally{N: 2, ResetAt: reset}, "Count returns what the counter holds now")
			w.count(key, 0, time.Minute, 2, reset, "a window that opened after the counting stays as it is")
		}
	}
	_, err := w.store.Count(w.Context(), key, -1, time.Minute, opened)
	w.ok(err, "giving back what opened the window")
	w.count(key, 0, time.Minute, 1, reset, "a window that was open at the counting gets it back")
}

func countKeys(w *world) {
	a, b := w.hash(), w.hash()
	c := a
	c[31] ^= 1
	reset := w.now.Add(time.Minute)
	w.count(a, 1, time.Minute, 1, reset, "Count")
	w.count(b, 0, time.Minute, 0, time.Time{}, "another key has another counter")
	w.count(c, 7, time.Minute, 7, reset, "all bytes of the key count")
	w.count(a, 0, time.Minute, 1, reset, "another key has another counter")
}
