package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func events(run runner) {
	run("Append keeps every field of an event, byte for byte", eventsStored)
	run("ids are evt_ and a UUIDv7 of At: they ascend with time, and those of one call in its order", eventsIDs)
	run("Events pages through the events, newest first", eventsPages)
	run("Events are those of a realm, and of a user if one is named", eventsOf)
	run("Append adds to the feed and to the events", eventsAndFeed)
}

// event makes an event with every field set that the caller sets. It is not stored yet. Later ones are of later times.
func (w *world) event(userID string) cloakroom.EventRecord {
	n := w.next()
	return cloakroom.EventRecord{
		Type: "signed_in", At: w.now.Add(time.Duration(n)*time.Millisecond + tick), Realm: realm, UserID: userID,
		SessionID: fmt.Sprintf("ses_%06d", n), Data: fmt.Appendf(nil, `{"n":%d,"user_agent":"\"quoted\" ünï"}`, n),
	}
}

// queued is event of one that waits to be handed on.
func (w *world) queued(userID string) cloakroom.EventRecord {
	e := w.event(userID)
	e.Queued = true
	return e
}

// record appends events and returns them.
func (w *world) record(events ...cloakroom.EventRecord) []cloakroom.EventRecord {
	w.Helper()
	w.ok(w.store.Append(w.Context(), nil, events), "Append")
	return events
}

var eventID = regexp.MustCompile(`^evt_([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}$`)

// events reads one page of events, and holds their ids to what the contract says of them.
func (w *world) events(q cloakroom.EventQuery) []cloakroom.EventRecord {
	w.Helper()
	page, err := w.store.Events(w.Context(), q)
	w.ok(err, "Events")
	if len(page) > q.Max {
		w.Fatalf("Events returns up to q.Max events: %d, not %d", q.Max, len(page))
	}
	before := q.Before
	for _, e := range page {
		form := eventID.FindStringSubmatch(e.ID)
		if form == nil || form[1] != fmt.Sprintf("%012x", e.At.UnixMilli()) {
			w.Fatalf("an id is evt_ and a UUIDv7 of At: %s of %v", e.ID, e.At)
		}
		if before != "" && e.ID >= before {
			w.Fatalf("Events are in descending order of id, below q.Before: %s after %s", e.ID, before)
		}
		before = e.ID
	}
	return page
}

// history returns all events of the realm, oldest first.
func (w *world) history() []cloakroom.EventRecord {
	w.Helper()
	var all []cloakroom.EventRecord
	q := cloakroom.EventQuery{Realm: realm, Max: 100}
	for range 1000 {
		page := w.events(q)
		all = append(all, page...)
		if len(page) < q.Max {
			slices.Reverse(all)
			return all
		}
		q.Before = page[len(page)-1].ID
	}
	w.Fatal("the events have no end")
	return nil
}

// happened asserts that the events of the realm are these, in whatever order.
func (w *world) happened(want []cloakroom.EventRecord, law string) {
	w.Helper()
	order := func(a, b cloakroom.EventRecord) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.SessionID, b.SessionID), bytes.Compare(a.Data, b.Data))
	}
	got := nameless(w.history())
	slices.SortFunc(got, order)
	same(w, got, slices.SortedFunc(slices.Values(want), order), law)
}

// nameless is events without the ids that the store made.
func nameless(events []cloakroom.EventRecord) []cloakroom.EventRecord {
	events = slices.Clone(events)
	for i := range events {
		events[i].ID = ""
	}
	return events
}

func eventsStored(w *world) {
	bare := cloakroom.EventRecord{Type: "signing_key_created", At: w.now, Realm: realm}
	full := w.event("usr_ana")
	full.Data = bytes.Repeat([]byte{0, 0xff, '"', '\\', '\n', 'x', 0xc3, 0x28}, 4096/8)
	queued := w.queued("usr_ana")
	queued.ID = "evt_mine"
	foreign := w.event("usr_0198c2f1a7e37d5e8b2a4c6d8e0f1a2b")
	foreign.SessionID = "ses_0198c2f1a7e37d5e8b2a4c6d8e0f1a2B"
	w.record(bare, full, queued, foreign)
	got := w.history()
	same(w, nameless(got), nameless([]cloakroom.EventRecord{bare, full, queued, foreign}), "an event is what it was, but for its id")

	odd := w.event("usr_ana")
	odd.At = w.odd(time.Hour)
	w.record(odd)
	w.kept(w.history()[4].At, odd.At, "EventRecord.At")
}

func eventsIDs(w *world) {
	var want []cloakroom.EventRecord
	for _, at := range []time.Duration{0, 0, time.Hour} {
		var call []cloakroom.EventRecord
		for range 40 {
			e := w.event("usr_ana")
			e.At = w.now.Add(at + time.Duration(len(want))*day)
			call = append(call, e)
		}
		want = append(want, w.record(call...)...)
	}
	same(w, nameless(w.history()), want, "events of one microsecond and one call are in its order, all others in that of time")

	late, early := w.event("usr_ana"), w.event("usr_ana")
	early.At = w.now.Add(-day)
	w.record(late, early)
	got := w.history()
	same(w, nameless(got[:1]), []cloakroom.EventRecord{early}, "ids ascend with At, not with the time of writing")
	ids := map[string]bool{}
	for _, e := range got {
		ids[e.ID] = true
	}
	same(w, len(ids), len(got), "each event has an id of its own")
}

func eventsPages(w *world) {
	var want []cloakroom.EventRecord
	for range 7 {
		want = append(want, w.event("usr_ana"))
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		w.record(want[i])
	}
	slices.Reverse(want)
	q := cloakroom.EventQuery{Realm: realm, Max: 3}
	for _, userID := range []string{"", "usr_ana"} {
		q.UserID, q.Before = userID, ""
		var got []cloakroom.EventRecord
		for _, size := range []int{3, 3, 1, 0} {
			page := w.events(q)
			same(w, len(page), size, "Events returns up to Max events, as long as there are some")
			got = append(got, page...)
			q.Before = got[len(got)-1].ID
		}
		same(w, nameless(got), want, "pages of Events are all events, newest first")
	}
	q.Before = ""
	newer := w.record(w.event("usr_ana"))
	same(w, nameless(w.events(q)[:1]), newer, "what came since is the newest")
}

func eventsOf(w *world) {
	ana, bob, nobody, stranger := w.event("usr_ana"), w.event("usr_bob"), w.event(""), w.event("usr_ana")
	stranger.Realm = "other"
	w.record(ana, bob, nobody, stranger)
	for q, want := range map[cloakroom.EventQuery][]cloakroom.EventRecord{
		{Realm: realm}:                        {nobody, bob, ana},
		{Realm: realm, UserID: "usr_ana"}:     {ana},
		{Realm: realm, UserID: "usr_bob"}:     {bob},
		{Realm: "other"}:                      {stranger},
		{Realm: "other", UserID: "usr_ana"}:   {stranger},
		{Realm: "other", UserID: "usr_bob"}:   nil,
		{Realm: realm, UserID: "usr_"}:        nil,
		{Realm: "Main", UserID: "usr_ana"}:    nil,
		{Realm: "", UserID: ""}:               nil,
		{Realm: realm, UserID: "usr_unknown"}: nil,
	} {
		q.Max = 10
		same(w, nameless(w.events(q)), want, fmt.Sprintf("Events of realm %q and user %q", q.Realm, q.UserID))
	}
}

func eventsAndFeed(w *world) {
	w.ok(w.store.Append(w.Context(), nil, nil), "Append of nothing")
	w.happened(nil, "Append of nothing")
	happened, entries := []cloakroom.EventRecord{w.event("usr_ana")}, w.over("ses_a", "ses_b")
	w.ok(w.store.Append(w.Context(), entries, happened), "Append")
	w.happened(happened, "Append adds the events")
	w.tells("", entries, "Append adds the entries")
}

func copiesOfEvents(w *world) {
	want := w.queued("usr_ana")
	given := want
	given.Data = bytes.Clone(want.Data)
	list := w.record(given)
	spoil(nil, given.Data)
	list[0].UserID = "spoilt"
	w.happened([]cloakroom.EventRecord{want}, "Append keeps a copy")
	spoil(nil, w.events(cloakroom.EventQuery{Realm: realm, Max: 1})[0].Data)
	w.happened([]cloakroom.EventRecord{want}, "Events hands out copies")
	spoil(nil, w.claim(w.now, w.now, 1)[0].Data)
	w.happened([]cloakroom.EventRecord{want}, "ClaimEvents hands out copies")

	s, end := w.begin(w.session("usr_ana")), w.ending()
	closed := w.event("usr_ana")
	end.Event = &closed
	_, err := w.store.Close(w.Context(), s.Ref(), end)
	w.ok(err, "Close")
	want.Data, closed.SessionID = bytes.Clone(want.Data), s.ID
	kept := closed
	kept.Data = bytes.Clone(closed.Data)
	spoil(nil, closed.Data)
	w.happened([]cloakroom.EventRecord{want, kept}, "Close keeps a copy")
}
