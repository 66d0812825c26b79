package storetest

import (
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func outbox(run runner) {
	run("ClaimEvents returns up to max of those that wait, oldest first", claimOldest)
	run("what was claimed is nobody else's until leasedUntil, by the clock of now", claimLease)
	run("what was delivered is never claimed again, and an event like any other", claimDelivered)
	run("EventsDelivered passes over ids that it does not know", claimUnknown)
	run("what was delivered late is delivered", claimLate)
}

// claim claims events, and holds them to be what Events says of them.
func (w *world) claim(now, leasedUntil time.Time, limit int) []cloakroom.EventRecord {
	w.Helper()
	claimed, err := w.store.ClaimEvents(w.Context(), realm, now, leasedUntil, limit)
	w.ok(err, "ClaimEvents")
	if len(claimed) > limit {
		w.Fatalf("ClaimEvents returns up to max events: %d, not %d", limit, len(claimed))
	}
	if !slices.IsSortedFunc(claimed, func(a, b cloakroom.EventRecord) int { return a.At.Compare(b.At) }) {
		w.Fatal("ClaimEvents returns the oldest first")
	}
	all := w.history()
	for _, e := range claimed {
		same(w, e.Queued, true, "an event that is handed out waits still")
		i := slices.IndexFunc(all, func(have cloakroom.EventRecord) bool { return have.ID == e.ID })
		if i < 0 {
			w.Fatalf("ClaimEvents returned an event that Events does not: %s", e.ID)
		}
		same(w, e, all[i], "ClaimEvents returns what Events returns")
	}
	return claimed
}

// waiting is what anybody could claim now. It claims nothing: a lease that ends at once is none.
func (w *world) waiting() []cloakroom.EventRecord {
	w.Helper()
	return w.claim(w.now, w.now, 1000)
}

func idsOf(events []cloakroom.EventRecord) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

func claimOldest(w *world) {
	same(w, w.waiting(), nil, "nothing waits yet")
	var want []cloakroom.EventRecord
	for range 7 {
		want = append(want, w.queued("usr_ana"))
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		w.record(w.event("usr_ana"), want[i])
	}
	same(w, nameless(w.waiting()), want, "what was not queued does not wait")
	until := w.now.Add(grace)
	var got []cloakroom.EventRecord
	for _, size := range []int{3, 3, 1, 0} {
		claimed := w.claim(w.now, until, 3)
		same(w, len(claimed), size, "ClaimEvents returns up to max events, as long as some wait")
		got = append(got, claimed...)
	}
	same(w, nameless(got), want, "oldest first, and each once")
}

func claimLease(w *world) {
	first, second := w.queued("usr_ana"), w.queued("usr_ana")
	w.record(first)
	until := w.now.Add(grace)
	same(w, nameless(w.claim(w.now, until, 10)), []cloakroom.EventRecord{first}, "ClaimEvents")
	w.record(second)
	same(w, nameless(w.claim(until.Add(-tick), until.Add(time.Hour), 10)), []cloakroom.EventRecord{second},
		"what was claimed is nobody else's until leasedUntil")
	west := time.FixedZone("west", -11*3600)
	same(w, nameless(w.claim(until.In(west), until.Add(day).In(west), 10)), []cloakroom.EventRecord{first},
		"a lease that ends at now is over: the event comes again")
	same(w, w.claim(until.Add(time.Hour-tick), until.Add(2*day), 10), nil, "each lease is as long as it was made")
	same(w, nameless(w.claim(until.Add(time.Hour), until.Add(2*day), 10)), []cloakroom.EventRecord{second}, "and no longer")
	same(w, nameless(w.claim(until.Add(day), until.Add(2*day), 10)), []cloakroom.EventRecord{first}, "it comes again and again")
}

func claimDelivered(w *world) {
	want := w.record(w.queued("usr_ana"), w.queued("usr_bob"), w.queued("usr_ana"))
	claimed := w.claim(w.now, w.now.Add(grace), 2)
	w.ok(w.store.EventsDelivered(w.Context(), idsOf(claimed[:1])), "EventsDelivered")
	want[0].Queued = false
	w.happened(want, "what was delivered is an event like any other, and the store says so")
	w.now = w.now.Add(grace)
	same(w, nameless(w.waiting()), want[1:], "what was delivered does not come again, the others do")
	w.ok(w.store.EventsDelivered(w.Context(), idsOf(w.waiting())), "EventsDelivered")
	same(w, w.waiting(), nil, "nothing waits any more")
	w.now = w.now.Add(365 * day)
	same(w, w.waiting(), nil, "and never will")
}

func claimUnknown(w *world) {
	w.record(w.queued("usr_ana"), w.event("usr_ana"))
	w.ok(w.store.EventsDelivered(w.Context(), nil), "EventsDelivered of nothing")
	w.ok(w.store.EventsDelivered(w.Context(), []string{"", "evt_", "evt_ü", "ses_000001", "evt_ffffffffffffffffffffffffffffffff"}),
		"unknown ids are no error")
	same(w, len(w.waiting()), 1, "what was not named waits still")
	for range 2 {
		all := idsOf(w.history())
		w.ok(w.store.EventsDelivered(w.Context(), append([]string{"evt_00000000000070008000000000000000"}, all...)),
			"one that waits, one that never did, and unknown ones")
		same(w, w.waiting(), nil, "those that it knows are delivered")
	}
}

func claimLate(w *world) {
	w.record(w.queued("usr_ana"))
	slow := w.claim(w.now, w.now.Add(grace), 1)
	w.now = w.now.Add(grace)
	again := w.claim(w.now, w.now.Add(grace), 1)
	same(w, again, slow, "the lease is over")
	w.ok(w.store.EventsDelivered(w.Context(), idsOf(slow)), "who was slow delivers it")
	w.now = w.now.Add(grace)
	same(w, w.waiting(), nil, "it is delivered, whoever said so")
}

func raceClaim(w *world) {
	const each = 3
	var queued []cloakroom.EventRecord
	for range callers*each - 10 {
		queued = append(queued, w.queued("usr_ana"))
	}
	w.record(queued...)
	claimed, until := make([][]cloakroom.EventRecord, callers), w.now.Add(grace)
	w.allWin(race(func(i int) (err error) {
		claimed[i], err = w.store.ClaimEvents(w.Context(), realm, w.now, until, each)
		return err
	}), "ClaimEvents")
	got := slices.Concat(claimed...)
	got = append(got, w.claim(w.now, until, 1000)...) // a store may give a racing caller less than there was
	sameSet(w, idsOf(got), idsOf(w.history()), "of many racing callers each gets events of its own, and all are handed out")
	w.allWin(race(func(i int) error { return w.store.EventsDelivered(w.Context(), idsOf(claimed[i])) }), "EventsDelivered")
	w.now = until
	same(w, len(w.waiting()), len(got)-len(slices.Concat(claimed...)), "all that was delivered is, and nothing else")
}
