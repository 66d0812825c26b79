package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func tickets(run runner) {
	run("Put stores a ticket with Revision 1", ticketPut)
	run("Put of a kind and token that are there is ErrConflict", ticketPutTwice)
	run("an absent ticket is ErrNotFound", ticketAbsent)
	run("a ticket of one kind does not exist for another", ticketKinds)
	run("a ticket that expires at now is ErrNotFound", ticketExpired)
	run("Take gives a ticket once and remembers it as used until it expires", ticketTaken)
	run("Swap replaces the payload and Revision grows by one", ticketSwapped)
	run("Swap with another Revision is ErrConflict and changes nothing", ticketConflict)
}

// A consumption is a way to use or read a ticket.
type consumption struct {
	name string
	do   func(w *world, t cloakroom.Ticket) error
}

func consumptions() []consumption {
	return []consumption{
		{"Ticket", func(w *world, t cloakroom.Ticket) error {
			_, err := w.store.Ticket(w.Context(), t.Kind, t.ID, w.now)
			return err
		}},
		{"Swap", func(w *world, t cloakroom.Ticket) error { return w.store.Swap(w.Context(), t, w.now) }},
		{"Take", func(w *world, t cloakroom.Ticket) error {
			_, err := w.store.Take(w.Context(), t.Kind, t.ID, w.now)
			return err
		}},
	}
}

// valid asserts that the ticket can be read, and is as given.
func (w *world) valid(want cloakroom.Ticket, law string) {
	w.Helper()
	got, err := w.store.Ticket(w.Context(), want.Kind, want.ID, w.now)
	w.ok(err, law)
	same(w, got, want, law)
}

func ticketPut(w *world) {
	t := cloakroom.Ticket{
		Kind: "attempt", ID: w.token(0xfff), Payload: []byte("\x00state\xff"), ExpiresAt: w.now.Add(grace), Revision: 9,
	}
	w.ok(w.store.Put(w.Context(), t), "Put")
	t.Revision = 1
	w.valid(t, "Ticket returns what Put stored, with Revision 1")
	w.valid(t, "Ticket does not use the ticket")
	bare := cloakroom.Ticket{Kind: "attempt", ID: w.token(0), ExpiresAt: w.now.Add(tick)}
	w.ok(w.store.Put(w.Context(), bare), "Put without payload")
	bare.Revision = 1
	w.valid(bare, "a ticket may have no payload")
}

func ticketPutTwice(w *world) {
	t := w.put("reset", "first")
	second := t
	second.Payload, second.ExpiresAt = []byte("second"), w.now.Add(day)
	w.is(w.store.Put(w.Context(), second), cloakroom.ErrConflict, "the same kind and token is there already")
	w.valid(t, "ErrConflict: nothing was written")

	_, err := w.store.Take(w.Context(), t.Kind, t.ID, w.now)
	w.ok(err, "Take")
	w.is(w.store.Put(w.Context(), second), cloakroom.ErrConflict, "a used ticket is there still: nobody gets it again")
	_, err = w.store.Take(w.Context(), t.Kind, t.ID, w.now)
	w.is(err, cloakroom.ErrUsed, "a used ticket is there still: nobody gets it again")
}

func ticketAbsent(w *world) {
	t := w.put("reset", "x")
	stranger, elsewhere := t, t
	stranger.ID = w.token(t.ID.Bucket)
	elsewhere.ID.Bucket++
	for _, c := range consumptions() {
		w.is(c.do(w, stranger), cloakroom.ErrNotFound, c.name+" of an unknown token")
		w.is(c.do(w, elsewhere), cloakroom.ErrNotFound, c.name+" with the token's hash in another bucket")
	}
}

// ticketKinds presents a ticket of each kind as one of each other kind.
func ticketKinds(w *world) {
	kinds := []string{"attempt", "reset", "verify", "code", "Reset", "rese", ""}
	for _, kind := range kinds {
		t := w.put(kind, "payload of "+kind)
		for _, c := range consumptions() {
			for _, other := range kinds {
				if presented := t; other != kind {
					presented.Kind = other
					w.is(c.do(w, presented), cloakroom.ErrNotFound, c.name+" of a ticket of kind "+kind+" as "+other)
				}
			}
			w.ok(c.do(w, t), c.name+" of a ticket as what it is, whatever it was presented as before")
		}
	}
	first := w.put("reset", "first")
	second := first
	second.Kind, second.Payload = "verify", []byte("second")
	w.ok(w.store.Put(w.Context(), second), "the kind is part of the key: one token may be two tickets")
	_, err := w.store.Take(w.Context(), first.Kind, first.ID, w.now)
	w.ok(err, "Take")
	w.valid(second, "using one of them leaves the other")
}

func ticketExpired(w *world) {
	open, used := w.put("reset", "x"), w.put("reset", "y")
	_, err := w.store.Take(w.Context(), used.Kind, used.ID, w.now)
	w.ok(err, "Take")
	begin := w.now

	w.now = open.ExpiresAt.Add(-tick)
	w.valid(open, "just before it expires a ticket is there")
	_, err = w.store.Ticket(w.Context(), used.Kind, used.ID, w.now)
	w.is(err, cloakroom.ErrUsed, "a used ticket is remembered until it expires")
	for _, now := range []time.Time{open.ExpiresAt, open.ExpiresAt.Add(day)} {
		w.now = now
		for _, c := range consumptions() {
			w.is(c.do(w, open), cloakroom.ErrNotFound, c.name+" when the ticket has expired")
			w.is(c.do(w, used), cloakroom.ErrNotFound, c.name+" when the used ticket has expired")
		}
	}
	w.now = begin
	w.valid(open, "the clock is the caller's: what failed changed nothing")
}

func ticketTaken(w *world) {
	t := w.put("reset", "x")
	got, err := w.store.Take(w.Context(), t.Kind, t.ID, w.now)
	w.ok(err, "Take")
	same(w, got, t, "Take returns the ticket")
	for _, c := range consumptions() {
		w.is(c.do(w, t), cloakroom.ErrUsed, c.name+" of a used ticket")
	}
}

func ticketSwapped(w *world) {
	t, other := w.put("attempt", "zero"), w.put("attempt", "other")
	expires := t.ExpiresAt
	for _, payload := range []string{"one", "\x00two\xff", ""} {
		t.Payload, t.ExpiresAt = []byte(payload), w.now.Add(365*day)
		w.ok(w.store.Swap(w.Context(), t, w.now), "Swap with the stored revision")
		t.Revision++
		t.ExpiresAt = expires
		w.valid(t, "Swap replaces the payload, its revision grows by one and its expiry stays")
	}
	w.valid(other, "Swap changes one ticket")
	got, err := w.store.Take(w.Context(), t.Kind, t.ID, w.now)
	w.ok(err, "Take")
	same(w, got, t, "Take returns the last payload")
}

func ticketConflict(w *world) {
	t := w.put("attempt", "zero")
	w.ok(w.store.Swap(w.Context(), t, w.now), "Swap")
	t.Revision = 2
	for _, revision := range []int64{0, 1, 3} {
		late := t
		late.Payload, late.Revision = []byte("late"), revision
		w.is(w.store.Swap(w.Context(), late, w.now), cloakroom.ErrConflict, "Swap with another revision")
	}
	w.valid(t, "ErrConflict: nothing was written")
}
