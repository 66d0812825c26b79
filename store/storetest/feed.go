package storetest

import (
	"crypto/sha256"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func feed(run runner) {
	run("Append adds entries in their order, with every field", feedStored)
	run("an entry may be there already", feedTwice)
	run("pages hold up to max entries and say whether there are more", feedPages)
	run("a cursor at the end hears what comes after it, and nothing else", feedGoesOn)
	run("a cursor that this feed has not given out is the beginning", feedForeign)
	run("entries go when they expire at or before Now, and pages go on", feedPruned)
}

// told is how long the feed tells of what a test ends.
func (w *world) told() time.Time { return w.now.Add(70 * time.Minute) }

// ending is an end that the feed tells of, and the events do not.
func (w *world) ending() cloakroom.Ending { return cloakroom.Ending{RevokedUntil: w.told()} }

// over is the entry that tells that sessions are over.
func (w *world) over(ids ...string) []cloakroom.Revocation {
	var all []cloakroom.Revocation
	for _, id := range ids {
		all = append(all, cloakroom.Revocation{Subject: sha256.Sum256([]byte(id)), Until: w.told()})
	}
	return all
}

var cursorForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// page reads one page of the feed.
func (w *world) page(after string, limit int) cloakroom.Revocations {
	w.Helper()
	p, err := w.store.Revocations(w.Context(), after, limit, w.now)
	w.ok(err, "Revocations")
	if len(p.Entries) > limit {
		w.Fatalf("Revocations returns up to max entries: %d, not %d", limit, len(p.Entries))
	}
	if !cursorForm.MatchString(p.Cursor) {
		w.Fatalf("the cursor is never empty, at most 64 characters of A-Z a-z 0-9 . _ -: %q", p.Cursor)
	}
	return p
}

// follow reads the feed behind a cursor to its end, and returns the cursor there.
func (w *world) follow(after string) (heard []cloakroom.Revocation, end string) {
	w.Helper()
	for range 10_000 {
		p := w.page(after, 100)
		heard, after = append(heard, p.Entries...), p.Cursor
		if !p.More {
			return heard, after
		}
	}
	w.Fatal("the feed has no end")
	return nil, ""
}

// tells asserts what the feed tells behind a cursor, in any order, and returns the cursor behind that. An entry may be there
// twice: a store whose sessions live apart from the feed cannot always know that it told already.
func (w *world) tells(after string, want []cloakroom.Revocation, law string) (end string) {
	w.Helper()
	got, end := w.follow(after)
	sameSet(w, slices.Compact(slices.Sorted(slices.Values(subjects(got)))), subjects(want), law)
	for _, r := range want {
		if !slices.Contains(got, r) {
			w.Fatalf("%s: got %v, want %v among it", law, got, r)
		}
	}
	return end
}

func subjects(entries []cloakroom.Revocation) []string {
	var all []string
	for _, r := range entries {
		all = append(all, string(r.Subject[:]))
	}
	return all
}

// revoked appends n entries that name nothing.
func (w *world) revoked(n int) []cloakroom.Revocation {
	w.Helper()
	var entries []cloakroom.Revocation
	for i := range n {
		entries = append(entries, cloakroom.Revocation{Subject: w.hash(), Epoch: int64(i), Until: w.told()})
	}
	w.ok(w.store.Append(w.Context(), entries, nil), "Append")
	return entries
}

func feedStored(w *world) {
	w.ok(w.store.Append(w.Context(), nil, nil), "Append of nothing")
	want := append(w.revoked(3), w.revoked(2)...)
	want = append(want, cloakroom.Revocation{Subject: w.hash(), Epoch: cloakroom.EveryEpoch, Until: w.told().Add(tick)})
	w.ok(w.store.Append(w.Context(), want[5:], nil), "Append")
	got, _ := w.follow("")
	same(w, got, want, "the feed is in order")

	odd := cloakroom.Revocation{Subject: w.hash(), Until: w.odd(time.Hour)}
	w.ok(w.store.Append(w.Context(), []cloakroom.Revocation{odd}, nil), "Append")
	got, _ = w.follow("")
	w.kept(got[6].Until, odd.Until, "Revocation.Until")
}

func feedTwice(w *world) {
	entries := w.revoked(3)
	end := w.tells("", entries, "Append")
	w.ok(w.store.Append(w.Context(), entries[1:2], nil), "Append of an entry that is there")
	got, _ := w.follow("")
	for _, r := range got {
		same(w, slices.Contains(entries, r), true, "the entry stays what it was")
	}
	w.ok(w.store.Append(w.Context(), w.over("ses_new"), nil), "Append")
	got, _ = w.follow(end)
	same(w, slices.Contains(got, w.over("ses_new")[0]), true, "the feed goes on")
}

func feedPages(w *world) {
	want := w.revoked(7)
	var got []cloakroom.Revocation
	cursor := ""
	for i, size := range []int{3, 3, 1, 0} {
		p := w.page(cursor, 3)
		same(w, len(p.Entries), size, "Revocations returns up to max entries, as long as there are some")
		same(w, p.More, i < 2, "More says that there is more already")
		got, cursor = append(got, p.Entries...), p.Cursor
	}
	same(w, got, want, "pages are the whole feed in its order")
	p := w.page("", 7)
	same(w, p.Entries, want, "one page may be all")
	same(w, p.More, false, "a full page may be the last")
	first := w.page("", 2)
	for range 2 {
		same(w, w.page(first.Cursor, 3).Entries, want[2:5], "a cursor may be used again")
	}
}

func feedGoesOn(w *world) {
	empty := w.page("", 10)
	same(w, empty.Entries, nil, "nothing was told yet")
	same(w, empty.More, false, "nothing was told yet")
	first := w.revoked(2)
	cursor := w.tells(empty.Cursor, first, "the cursor of an empty feed hears all")
	for n := range 4 {
		for range 2 {
			cursor = w.tells(cursor, nil, "nothing came after")
		}
		cursor = w.tells(cursor, w.revoked(n), "what came after")
	}
}

func feedForeign(w *world) {
	want := w.revoked(5)
	other := newWorld(w.T, w.open)
	cursors := []string{other.page("", 1).Cursor}
	for _, more := range []int{1, 4, 3} { // fewer entries than ours, as many, more
		other.revoked(more)
		_, end := other.follow("")
		cursors = append(cursors, end)
	}
	cursors = append(cursors, ".", "0", "5", "x.y", "-1.0", "+5.0", "99999999999999999999.0", "ü", "'",
		strings.Repeat("a", 64), strings.Repeat("1", 64), strings.Repeat("9.", 5000))
	for _, cursor := range cursors {
		got, end := w.follow(cursor)
		same(w, got, want, "a cursor that this feed has not given out is the beginning: "+cursor)
		w.tells(end, nil, "and from there it goes on: "+cursor)
	}
}

func feedPruned(w *world) {
	due := w.now.Add(time.Hour)
	var living []cloakroom.Revocation
	var cursors []string
	for i := range 12 {
		r := cloakroom.Revocation{Subject: w.hash(), Until: due.Add(tick)}
		if i%4 != 1 {
			r.Until = due.Add(-time.Duration(i%3) * tick)
		} else {
			living = append(living, r)
		}
		w.ok(w.store.Append(w.Context(), []cloakroom.Revocation{r}, nil), "Append")
		_, end := w.follow("")
		cursors = append(cursors, end)
	}
	same(w, w.prune(cloakroom.Prune{Now: due.Add(-3 * tick), Max: 4}), 0, "entries stay until they expire")
	w.now = due
	w.livingAfter(cursors, living, "expired entries may be left out, others are not")
	same(w, w.prune(cloakroom.Prune{Now: due, Max: 4}), 9, "entries go when they expire at Now")
	got, _ := w.follow("")
	same(w, got, living, "what has not expired stays")
	w.livingAfter(cursors, living, "a cursor behind a pruned entry misses nothing")

	w.now = due.Add(day)
	w.prune(cloakroom.Prune{Now: w.now, Max: 100})
	got, end := w.follow(cursors[5])
	same(w, got, nil, "nothing is left")
	next := w.revoked(3)
	for _, cursor := range append(cursors, end) {
		w.tells(cursor, next, "a feed that was pruned to its end goes on")
	}
}

// livingAfter asserts that whoever follows from any of the cursors, one after each entry, hears every living entry
// that came after it. It may hear earlier ones again: a store need not know where a pruned entry was.
func (w *world) livingAfter(cursors []string, living []cloakroom.Revocation, law string) {
	w.Helper()
	for i, cursor := range cursors {
		var got []cloakroom.Revocation
		for more := true; more; {
			p := w.page(cursor, 2)
			got, cursor, more = append(got, p.Entries...), p.Cursor, p.More
		}
		for _, r := range living[(i+3)/4:] {
			if !slices.Contains(got, r) {
				w.Fatalf("%s: behind entry %d got %d entries, and misses one that came after it", law, i, len(got))
			}
		}
		w.tells(cursor, nil, "and is at the end then")
	}
}
