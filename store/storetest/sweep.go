package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func sweep(run runner) {
	run("V70 Sweep deletes up to Max expired things and returns how many, 0 when none is left", sweepBatches)
	run("tickets go when they expire at or before Now", sweepTickets)
	run("counters go when their window ends at or before Now", sweepCounters)
	run("exchanged tokens go when their grace ends at or before Now", sweepMoved)
	run("sessions go with their data when they expire at or before SessionsBefore", sweepSessions)
	run("V70 guests without data go when last seen at or before GuestsBefore", sweepGuests)
}

// clean sweeps until nothing is left, in batches, and returns how many things went.
func (w *world) clean(s cloakroom.Sweep) int {
	w.Helper()
	total := 0
	for range 1000 {
		n, err := w.store.Sweep(w.Context(), s)
		w.ok(err, "Sweep")
		if n < 0 || n > s.Max {
			w.Fatalf("Sweep deletes up to s.Max things: %d, not %d", s.Max, n)
		}
		if n == 0 {
			return total
		}
		total += n
	}
	w.Fatalf("Sweep returns zero when there is nothing left to do: after 1000 passes it found %d things", total)
	return 0
}

// countAt asserts what a look finds at this time, before anything has expired.
func (w *world) countAt(key [32]byte, now time.Time, want int, law string) {
	w.Helper()
	got, err := w.store.Count(w.Context(), key, 0, time.Minute, now)
	w.ok(err, law)
	same(w, got.N, want, law)
}

func sweepBatches(w *world) {
	user := w.session("usr_ana")
	for range 3 {
		w.put("reset", "x")
		w.count(w.hash(), 1, time.Hour, 1, w.now.Add(time.Hour), "Count")
		guest, next := w.begin(w.session("")), w.session("usr_bob")
		next.ExpiresAt = w.now.Add(365 * day)
		w.opens(cloakroom.Opening{Session: next, Replace: &guest.Token, MovedUntil: w.now.Add(grace), Now: w.now})
		w.begin(w.session("usr_ana")) // expires after a day
		idle := w.session("")
		idle.ExpiresAt = w.now.Add(365 * day)
		w.begin(idle)
	}
	user.ExpiresAt = w.now.Add(365 * day)
	w.begin(user)
	used := w.put("reset", "y")
	_, err := w.store.Take(w.Context(), used.Kind, used.ID, w.now)
	w.ok(err, "Take")

	same(w, w.clean(cloakroom.Sweep{Now: w.now, SessionsBefore: w.now, Max: 4}), 0, "nothing has expired yet")
	later := w.now.Add(2 * day)
	s := cloakroom.Sweep{Now: later, SessionsBefore: later, GuestsBefore: later, Max: 4}
	same(w, w.clean(s), 16, "three of each kind and a used ticket expired; no pass deletes more than Max of all kinds together")
	w.lives(user, "what has not expired stays")
}

func sweepTickets(w *world) {
	due, usedDue, kept, usedKept := w.put("reset", "a"), w.put("reset", "b"), w.put("reset", "c"), w.put("reset", "d")
	for _, t := range []cloakroom.Ticket{usedDue, usedKept} {
		_, err := w.store.Take(w.Context(), t.Kind, t.ID, w.now)
		w.ok(err, "Take")
	}
	same(w, w.clean(cloakroom.Sweep{Now: due.ExpiresAt.Add(-tick), Max: 10}), 0, "a ticket stays until it expires")
	w.valid(kept, "a ticket stays until it expires")
	_, err := w.store.Take(w.Context(), usedKept.Kind, usedKept.ID, w.now)
	w.is(err, cloakroom.ErrUsed, "a used ticket is remembered until it expires")

	late := w.put("reset", "e")
	late.ID, late.ExpiresAt = w.token(1), due.ExpiresAt.Add(tick)
	w.ok(w.store.Put(w.Context(), late), "Put")
	same(w, w.clean(cloakroom.Sweep{Now: due.ExpiresAt, Max: 10}), 5, "tickets that expire at Now go, used or not")
	for _, t := range []cloakroom.Ticket{due, usedDue, kept, usedKept} {
		_, err := w.store.Ticket(w.Context(), t.Kind, t.ID, w.now)
		w.is(err, cloakroom.ErrNotFound, "a swept ticket is absent, whatever now is")
	}
	w.valid(late, "a ticket that expires after Now stays")
}

func sweepCounters(w *world) {
	due, late := w.hash(), w.hash()
	w.count(due, 3, time.Minute, 3, w.now.Add(time.Minute), "Count")
	w.count(late, 5, time.Minute+tick, 5, w.now.Add(time.Minute+tick), "Count")
	same(w, w.clean(cloakroom.Sweep{Now: w.now.Add(time.Minute - tick), Max: 10}), 0, "a counter stays while its window lasts")
	same(w, w.clean(cloakroom.Sweep{Now: w.now.Add(time.Minute), Max: 10}), 1, "a counter goes when its window ends at Now")
	w.countAt(due, w.now, 0, "a swept counter is absent, whatever now is")
	w.countAt(late, w.now, 5, "a counter whose window ends after Now stays")
}

func sweepMoved(w *world) {
	due, late := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	until := w.now.Add(grace)
	renewed := due
	renewed.Token = w.token(due.Token.Bucket)
	w.ok(w.renew(due.Token, renewed, until), "Renew")
	w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Replace: &late.Token, MovedUntil: until.Add(tick), Now: w.now})

	same(w, w.clean(cloakroom.Sweep{Now: until.Add(-tick), Max: 10}), 0, "an exchanged token stays for its grace")
	same(w, w.clean(cloakroom.Sweep{Now: until, Max: 10}), 1, "an exchanged token goes when its grace ends at Now")
	w.dead(due.Token, "a swept token is absent, whatever now is")
	_, err := w.found(late.Token, w.now)
	w.is(err, cloakroom.ErrMoved, "a token whose grace ends after Now stays")
	w.lives(renewed, "the session that was renewed lives")
}

func sweepSessions(w *world) {
	before := w.now.Add(-time.Minute)
	due, guest, late := w.session("usr_ana"), w.session(""), w.session("usr_ana")
	due.ExpiresAt, guest.ExpiresAt, late.ExpiresAt = before, before.Add(-day), before.Add(tick)
	for _, s := range []cloakroom.SessionRecord{due, guest, late} {
		w.begin(s)
		w.remember(s, "cart", "one cloak")
	}
	same(w, w.clean(cloakroom.Sweep{Now: w.now, Max: 10}), 0, "a zero SessionsBefore sweeps no session")
	w.clean(cloakroom.Sweep{Now: w.now, SessionsBefore: before, Max: 10})
	for _, s := range []cloakroom.SessionRecord{due, guest} {
		w.dead(s.Token, "a session that expired at SessionsBefore goes, a guest's with data too")
		w.lacks(s, "cart", "the data goes with the session")
		w.lacks(w.begin(s), "cart", "swept data never comes back, were there another session of this id")
	}
	w.lives(late, "a session that expired after SessionsBefore stays, though before Now: a use may not be written yet")
	w.holds(late, cloakroom.Datum{Key: "cart", Value: []byte("one cloak"), Revision: 1}, "and so does its data")
}

func sweepGuests(w *world) {
	before := w.now.Add(-7 * day)
	idle, active, shopper, emptied, user := w.session(""), w.session(""), w.session(""), w.session(""), w.session("usr_ana")
	for _, s := range []*cloakroom.SessionRecord{&idle, &shopper, &emptied, &user} {
		s.LastSeenAt = before
		w.begin(*s)
	}
	active.LastSeenAt = before.Add(tick)
	w.begin(active)
	w.remember(shopper, "cart", "one cloak")
	w.remember(emptied, "cart", "one cloak")
	w.ok(w.store.SetDatum(w.Context(), emptied.Ref(), cloakroom.Datum{Key: "cart", Revision: 1}, 100), "SetDatum of nil")

	same(w, w.clean(cloakroom.Sweep{Now: w.now, SessionsBefore: w.now, Max: 10}), 0, "a zero GuestsBefore sweeps no guest")
	same(w, w.clean(cloakroom.Sweep{Now: w.now, SessionsBefore: w.now, GuestsBefore: before, Max: 10}), 2, "idle guests without data go")
	w.dead(idle.Token, "a guest last seen at GuestsBefore goes")
	w.dead(emptied.Token, "a guest whose data was removed has none")
	w.lives(shopper, "a guest with data stays")
	w.lives(active, "a guest seen after GuestsBefore stays")
	w.lives(user, "a user is no guest")
}
