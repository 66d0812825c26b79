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

func parcels(run runner) {
	run("an event's parcels are stored byte for byte, and no part of the event that is read", parcelsStored)
	run("ClaimParcels returns up to Max of those that are due, those due first first", parcelsDue)
	run("ClaimParcels is of one realm and kind", parcelsApart)
	run("a parcel without a DueAt is due at once, and first", parcelsAtOnce)
	run("what was claimed is nobody else's until LeasedUntil, by the clock of Now, and each claim counts", parcelsLeased)
	run("SettleParcels deletes those with a zero DueAt, and the others wait until then", parcelsSettled)
	run("SettleParcels passes over ids that it does not know", parcelsUnknown)
	run("SettleParcels counts, though the lease was over", parcelsLate)
	run("parcels outlive the user, the events and every sweep", parcelsStay)
}

const mail = "mail" // a kind of parcels

// parcel makes a parcel with every field set that the caller sets. It is not stored yet. Later ones are due later.
func (w *world) parcel() cloakroom.Parcel {
	n := w.next()
	return cloakroom.Parcel{
		Realm: realm, Kind: mail, DueAt: w.now.Add(time.Duration(n)*time.Millisecond + tick), Data: fmt.Appendf(nil, `{"n":%d,"to":"\"ünï\""}`, n),
	}
}

// carrying is event with these parcels.
func (w *world) carrying(parcels ...cloakroom.Parcel) cloakroom.EventRecord {
	e := w.event("usr_ana")
	e.Parcels = parcels
	return e
}

// post stores parcels and returns them.
func (w *world) post(parcels ...cloakroom.Parcel) []cloakroom.Parcel {
	w.Helper()
	w.record(w.carrying(parcels...))
	return parcels
}

var parcelID = regexp.MustCompile(`^prc_([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}$`)

// takes claims parcels of a kind and holds them to the order of the contract.
func (w *world) takes(q cloakroom.ParcelQuery) []cloakroom.Parcel {
	w.Helper()
	q.Realm = cmp.Or(q.Realm, realm)
	q.Kind = cmp.Or(q.Kind, mail)
	claimed, err := w.store.ClaimParcels(w.Context(), q)
	w.ok(err, "ClaimParcels")
	if len(claimed) > q.Max {
		w.Fatalf("ClaimParcels returns up to q.Max parcels: %d, not %d", q.Max, len(claimed))
	}
	if !slices.IsSortedFunc(claimed, func(a, b cloakroom.Parcel) int { return a.DueAt.Compare(b.DueAt) }) {
		w.Fatal("ClaimParcels returns those due first first, each with the DueAt by which it was due")
	}
	return claimed
}

// afterAll is later than all that is due in a test.
func (w *world) afterAll() time.Time { return w.now.Add(100 * 365 * day) }

// posted returns all parcels of a kind, leased ones too, and leaves them as they were. Tries are those of others.
func (w *world) posted(kind string) []cloakroom.Parcel {
	w.Helper()
	all := w.takes(cloakroom.ParcelQuery{Kind: kind, Now: w.afterAll(), LeasedUntil: w.afterAll(), Max: 1000})
	w.ok(w.store.SettleParcels(w.Context(), all), "SettleParcels") // each has its former DueAt
	for i, p := range all {
		w.peeks[p.ID]++
		all[i].Tries -= w.peeks[p.ID]
	}
	return all
}

// waits asserts that these are the parcels that wait, whatever for.
func (w *world) waits(want []cloakroom.Parcel, law string) {
	w.Helper()
	order := func(a, b cloakroom.Parcel) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), bytes.Compare(a.Data, b.Data))
	}
	got := unnamed(w.posted(mail))
	slices.SortFunc(got, order)
	same(w, got, slices.SortedFunc(slices.Values(want), order), law)
}

// unnamed is parcels without the ids that the store made.
func unnamed(parcels []cloakroom.Parcel) []cloakroom.Parcel {
	parcels = slices.Clone(parcels)
	for i := range parcels {
		parcels[i].ID = ""
	}
	return parcels
}

// tried is parcels that were claimed so often.
func tried(tries int, parcels ...cloakroom.Parcel) []cloakroom.Parcel {
	parcels = slices.Clone(parcels)
	for i := range parcels {
		parcels[i].Tries = tries
	}
	return parcels
}

func parcelsStored(w *world) {
	full, empty, odd := w.parcel(), w.parcel(), w.parcel()
	full.Data = bytes.Repeat([]byte{0, 0xff, '"', '\\', '\n', 'x', 0xc3, 0x28}, 8192/8)
	empty.Data = nil
	odd.DueAt = w.odd(time.Hour)
	e := w.queued("usr_ana")
	e.Parcels = []cloakroom.Parcel{full, empty, odd}
	e.Parcels[0].ID, e.Parcels[0].Tries = "prc_mine", 7
	w.record(e)
	got := w.posted(mail)
	w.kept(got[2].DueAt, odd.DueAt, "Parcel.DueAt")
	odd.DueAt = odd.DueAt.UTC().Truncate(tick)
	same(w, unnamed(got), []cloakroom.Parcel{full, empty, odd}, "a parcel is what it was, but for its id, and was never claimed")
	for _, p := range got {
		if form := parcelID.FindStringSubmatch(p.ID); form == nil || form[1] != fmt.Sprintf("%012x", p.DueAt.UnixMilli()) {
			w.Fatalf("an id is prc_ and a UUIDv7 of DueAt: %s of %v", p.ID, p.DueAt)
		}
	}
	e.Parcels = nil
	w.happened([]cloakroom.EventRecord{e}, "parcels are no part of the event that is read again")
	same(w, nameless(w.waiting()), []cloakroom.EventRecord{e}, "nor of the one that is claimed")
}

func parcelsDue(w *world) {
	var want []cloakroom.Parcel
	for range 7 {
		want = append(want, w.parcel())
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		w.post(want[i])
	}
	q := cloakroom.ParcelQuery{Now: want[5].DueAt, LeasedUntil: w.now.Add(grace), Max: 4}
	var got []cloakroom.Parcel
	for _, size := range []int{4, 2, 0} {
		claimed := w.takes(q)
		same(w, len(claimed), size, "ClaimParcels returns up to Max parcels, as long as some are due")
		got = append(got, claimed...)
	}
	same(w, unnamed(got), tried(1, want[:6]...), "those due at Now or before, those due first first, and each once")
	q.Now = want[6].DueAt.Add(-tick)
	same(w, w.takes(q), nil, "what is due later is not due yet")
	q.Now = want[6].DueAt.In(time.FixedZone("west", -11*3600))
	same(w, unnamed(w.takes(q)), tried(1, want[6]), "it is when it is due")
}

func parcelsApart(w *world) {
	here, hook, there := w.parcel(), w.parcel(), w.parcel()
	hook.Kind, there.Realm = "webhook", "other"
	w.post(here, hook, there) // the event is of one realm
	q := cloakroom.ParcelQuery{Now: w.afterAll(), LeasedUntil: w.afterAll().Add(grace), Max: 10}
	for _, kind := range []string{"mai", "Mail", "mail ", "none"} {
		q.Kind = kind
		same(w, w.takes(q), nil, "nothing is of this kind: "+kind)
	}
	q.Kind = ""
	same(w, unnamed(w.takes(q)), tried(1, here), "those of the realm and kind alone")
	q.Kind = "webhook"
	same(w, unnamed(w.takes(q)), tried(1, hook), "those of another kind")
	q.Kind, q.Realm = "", "other"
	same(w, unnamed(w.takes(q)), tried(1, there), "those of another realm")
}

func parcelsAtOnce(w *world) {
	at, later := w.parcel(), w.parcel()
	at.DueAt = time.Time{}
	w.post(later, at)
	q := cloakroom.ParcelQuery{Now: w.now, LeasedUntil: w.now.Add(grace), Max: 10}
	same(w, unnamed(w.takes(q)), tried(1, at), "it is due whatever the time is")
	q.Now = w.now.Add(grace)
	at.DueAt, at.Tries, later.Tries = w.now.Add(grace), 2, 1
	same(w, unnamed(w.takes(q)), []cloakroom.Parcel{later, at}, "once it was claimed it is due as any other")
}

func parcelsLeased(w *world) {
	first, second := w.parcel(), w.parcel()
	w.post(first)
	start, until := w.now.Add(time.Minute), w.now.Add(time.Hour)
	claim := func(now, leasedUntil time.Time) []cloakroom.Parcel {
		return unnamed(w.takes(cloakroom.ParcelQuery{Now: now, LeasedUntil: leasedUntil, Max: 10}))
	}
	same(w, claim(start, until), tried(1, first), "ClaimParcels")
	w.post(second)
	same(w, claim(until.Add(-tick), until.Add(time.Hour)), tried(1, second), "what was claimed is nobody else's until LeasedUntil")
	west := time.FixedZone("west", -11*3600)
	again := claim(until.In(west), until.Add(day).In(west))
	first.DueAt = until
	same(w, again, tried(2, first), "a lease that ends at Now is over: the parcel comes again, due since then")
	same(w, claim(until.Add(time.Hour-tick), until.Add(2*day)), nil, "each lease is as long as it was made")
	second.DueAt = until.Add(time.Hour)
	same(w, claim(until.Add(time.Hour), until.Add(2*day)), tried(2, second), "and no longer")
	first.DueAt = until.Add(day)
	same(w, claim(until.Add(day), until.Add(2*day)), tried(3, first), "each claim adds one to Tries")
}

func parcelsSettled(w *world) {
	want := w.post(w.parcel(), w.parcel(), w.parcel(), w.parcel())
	claimed := w.takes(cloakroom.ParcelQuery{Now: w.now.Add(time.Second), LeasedUntil: w.now.Add(grace), Max: 3})
	claimed[0].DueAt, claimed[1].DueAt = time.Time{}, w.now.Add(time.Hour).In(time.FixedZone("west", -11*3600))
	claimed[1].Kind, claimed[1].Realm, claimed[1].Data, claimed[1].Tries = "webhook", "other", []byte("other"), 99
	happened := w.carrying(w.parcel())
	w.ok(w.store.SettleParcels(w.Context(), claimed[:2], happened), "SettleParcels")
	want[1].DueAt, want[1].Tries = w.now.Add(time.Hour), 1
	want[2].DueAt, want[2].Tries = w.now.Add(grace), 1
	w.waits(append(want[1:], happened.Parcels...), "a zero DueAt deletes, any other is when it is due again, and nothing else changes")
	same(w, len(w.history()), 2, "the event is stored")

	early := w.posted(mail)
	for i := range early {
		early[i].DueAt = w.now.Add(-time.Duration(i) * time.Hour)
	}
	w.ok(w.store.SettleParcels(w.Context(), early), "SettleParcels")
	slices.Reverse(early)
	same(w, w.posted(mail), early, "it may be due earlier, too")
	for i := range early {
		early[i].DueAt = time.Time{}
	}
	w.ok(w.store.SettleParcels(w.Context(), early), "SettleParcels")
	w.waits(nil, "nothing waits any more")
	w.ok(w.store.SettleParcels(w.Context(), early), "and settling twice is no error")
}

func parcelsUnknown(w *world) {
	want := w.post(w.parcel())
	w.ok(w.store.SettleParcels(w.Context(), nil), "SettleParcels of nothing")
	var unknown []cloakroom.Parcel
	for _, id := range []string{"", "prc_", "prc_ü", "ses_000001", "prc_ffffffffffffffffffffffffffffffff"} {
		unknown = append(unknown, cloakroom.Parcel{ID: id, Realm: realm, Kind: mail}, cloakroom.Parcel{ID: id, Realm: realm, Kind: mail, DueAt: w.now})
	}
	happened := w.carrying()
	w.ok(w.store.SettleParcels(w.Context(), unknown, happened), "unknown ids are no error")
	w.waits(want, "what was not named waits still, and nothing was made of the others")
	same(w, nameless(w.history())[1:], []cloakroom.EventRecord{happened}, "the event is stored all the same")
	known := w.posted(mail)
	known[0].DueAt = time.Time{}
	w.ok(w.store.SettleParcels(w.Context(), append(unknown, known...)), "a known one among unknown ones")
	w.waits(nil, "the known one is settled")
}

func parcelsLate(w *world) {
	w.post(w.parcel())
	slow := w.takes(cloakroom.ParcelQuery{Now: w.now.Add(time.Second), LeasedUntil: w.now.Add(grace), Max: 1})
	again := w.takes(cloakroom.ParcelQuery{Now: w.now.Add(grace), LeasedUntil: w.now.Add(time.Hour), Max: 1})
	same(w, again[0].ID, slow[0].ID, "the lease is over")
	slow[0].DueAt = time.Time{}
	w.ok(w.store.SettleParcels(w.Context(), slow), "who was slow settles it")
	w.waits(nil, "it is settled, whoever did it")
	again[0].DueAt = w.now
	w.ok(w.store.SettleParcels(w.Context(), again), "who comes after that")
	w.waits(nil, "brings nothing back")
}

func parcelsStay(w *world) {
	u := w.stored(w.user())
	e := w.event(u.ID)
	want := []cloakroom.Parcel{w.parcel(), w.parcel()}
	e.Parcels = want
	w.record(e)
	w.takes(cloakroom.ParcelQuery{Now: want[0].DueAt, LeasedUntil: w.now.Add(grace), Max: 1})
	want[0].DueAt, want[0].Tries = w.now.Add(grace), 1
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", w.ending()), "DeleteUser")
	later := w.now.Add(50 * 365 * day)
	w.clean(cloakroom.Sweep{Now: later, SessionsBefore: later, GuestsBefore: later, Max: 10})
	same(w, w.prune(cloakroom.Prune{Now: later, EventsBefore: later, Max: 10}), 2, "Prune deletes the event and the entry")
	w.waits(want, "parcels stay until they are settled")
}

func copiesOfParcels(w *world) {
	want := w.parcel()
	given := want
	given.Data = bytes.Clone(want.Data)
	list := w.post(given)
	spoil(nil, given.Data)
	list[0].Kind = "spoilt"
	w.waits([]cloakroom.Parcel{want}, "an event's parcels are copied")
	spoil(nil, w.posted(mail)[0].Data)
	w.waits([]cloakroom.Parcel{want}, "ClaimParcels hands out copies")
}
