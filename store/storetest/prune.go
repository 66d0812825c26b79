package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func prune(run runner) {
	run("V70 Prune deletes up to Max old things and returns how many, 0 when none is left", pruneBatches)
	run("events go when they are of before EventsBefore", pruneEvents)
	run("an event that waits to be handed on stays, however old it is", pruneWaiting)
	run("Sweep leaves feed and events alone, and Prune all else", pruneAlone)
}

// prune prunes until nothing is left, in batches, and returns how many things went.
func (w *world) prune(p cloakroom.Prune) int {
	w.Helper()
	total := 0
	for range 1000 {
		n, err := w.store.Prune(w.Context(), p)
		w.ok(err, "Prune")
		if n < 0 || n > p.Max {
			w.Fatalf("Prune deletes up to p.Max things: %d, not %d", p.Max, n)
		}
		if n == 0 {
			return total
		}
		total += n
	}
	w.Fatalf("Prune returns zero when there is nothing left to do: after 1000 passes it found %d things", total)
	return 0
}

func pruneBatches(w *world) {
	const each = 11
	for range each {
		w.revoked(1)
		w.record(w.event("usr_ana"))
	}
	young := w.event("usr_ana")
	young.At = w.now.Add(2 * day)
	w.record(young)
	living := cloakroom.Revocation{Subject: w.hash(), Until: w.now.Add(3 * day)}
	w.ok(w.store.Append(w.Context(), []cloakroom.Revocation{living}, nil), "Append")

	same(w, w.prune(cloakroom.Prune{Now: w.now, EventsBefore: w.now, Max: 4}), 0, "nothing is old yet")
	later := w.now.Add(2 * day)
	same(w, w.prune(cloakroom.Prune{Now: later, EventsBefore: later, Max: 4}), 2*each,
		"all of both kinds went; no pass deletes more than Max of them together")
	w.happened([]cloakroom.EventRecord{young}, "what is not old stays")
	w.tells("", []cloakroom.Revocation{living}, "what has not expired stays")
}

func pruneEvents(w *world) {
	before := w.now.Add(-90 * day)
	var want []cloakroom.EventRecord
	for _, at := range []time.Duration{-day, -time.Millisecond, -tick, 0, tick, time.Millisecond} {
		e := w.event("usr_ana")
		e.At = before.Add(at)
		want = append(want, e)
	}
	other := want[0]
	other.Realm = "other"
	w.record(append(want, other)...)
	same(w, w.prune(cloakroom.Prune{Now: w.now, Max: 10}), 0, "a zero EventsBefore prunes no event")
	same(w, w.prune(cloakroom.Prune{Now: w.now, EventsBefore: before, Max: 10}), 4, "events of before EventsBefore go, those of every realm")
	w.happened(want[3:], "an event of EventsBefore, or later, stays")
	same(w, w.events(cloakroom.EventQuery{Realm: "other", Max: 1}), nil, "events of every realm go")
}

func pruneWaiting(w *world) {
	never, waits, claimed, delivered := w.event("usr_ana"), w.queued("usr_ana"), w.queued("usr_ana"), w.queued("usr_ana")
	w.record(claimed, delivered)
	ids := idsOf(w.claim(w.now, w.now.Add(365*day), 2))
	w.record(never, waits)
	w.ok(w.store.EventsDelivered(w.Context(), ids[1:]), "EventsDelivered")
	p := cloakroom.Prune{Now: w.now.Add(100 * day), EventsBefore: w.now.Add(100 * day), Max: 10}
	same(w, w.prune(p), 2, "those that need not be handed on go")
	w.happened([]cloakroom.EventRecord{claimed, waits}, "what waits, claimed or not, stays however old it is")
	w.ok(w.store.EventsDelivered(w.Context(), idsOf(w.history())), "EventsDelivered")
	same(w, w.prune(p), 2, "once it was handed on it goes")
}

func pruneAlone(w *world) {
	s, key := w.begin(w.session("usr_ana")), w.hash()
	w.put("reset", "x")
	w.count(key, 1, time.Hour, 1, w.now.Add(time.Hour), "Count")
	u := w.stored(w.user())
	entries, happened := w.revoked(2), w.record(w.event("usr_ana"))
	later := w.now.Add(365 * day)
	same(w, w.prune(cloakroom.Prune{Now: w.now.Add(time.Minute), EventsBefore: w.now, Max: 10}), 0, "nothing is old yet")
	same(w, w.clean(cloakroom.Sweep{Now: later, SessionsBefore: w.now, GuestsBefore: w.now, Max: 10}), 2, "Sweep deletes ticket and counter")
	w.tells("", entries, "Sweep leaves the feed alone")
	w.happened(happened, "Sweep leaves events alone")

	ticket := w.put("reset", "y")
	w.count(key, 1, time.Hour, 1, w.now.Add(time.Hour), "Count")
	same(w, w.prune(cloakroom.Prune{Now: later, EventsBefore: later, Max: 10}), 3, "Prune deletes the entries and the event")
	w.lives(s, "Prune leaves sessions alone")
	w.valid(ticket, "Prune leaves tickets alone")
	w.count(key, 0, time.Hour, 1, w.now.Add(time.Hour), "Prune leaves counters alone")
	w.unchanged(u, "Prune leaves users alone")
}

func racePrune(w *world) {
	const things = 2 * callers
	w.revoked(things)
	for range things {
		w.record(w.event("usr_ana"))
	}
	p, pruned := cloakroom.Prune{Now: w.now.Add(day), EventsBefore: w.now.Add(day), Max: 3}, make([]int, callers)
	w.allWin(race(func(i int) (err error) {
		pruned[i], err = w.store.Prune(w.Context(), p)
		return err
	}), "Prune")
	total := w.prune(cloakroom.Prune{Now: p.Now, EventsBefore: p.EventsBefore, Max: 100})
	for _, n := range pruned {
		total += n
	}
	same(w, total, 2*things, "each thing is deleted once and counted once")
}
