package storetest

import (
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

func data(run runner) {
	run("an absent value or session is ErrNotFound", datumAbsent)
	run("SetDatum writes and the revision grows by one", datumWritten)
	run("SetDatum with another revision is ErrConflict and changes nothing", datumConflict)
	run("a nil value removes, an empty one does not", datumRemoved)
	run("keys and values over maxBytes are ErrTooLarge and change nothing", datumTooLarge)
	run("data belongs to the session of exactly this ref", datumOwner)
}

// holds asserts that the session has this value.
func (w *world) holds(s cloakroom.SessionRecord, want cloakroom.Datum, law string) {
	w.Helper()
	got, err := w.store.Datum(w.Context(), s.Ref(), want.Key)
	w.ok(err, law)
	same(w, got, want, law)
}

// lacks asserts that the session, be it there or not, has no value of this key.
func (w *world) lacks(s cloakroom.SessionRecord, key, law string) {
	w.Helper()
	_, err := w.store.Datum(w.Context(), s.Ref(), key)
	w.is(err, cloakroom.ErrNotFound, law)
}

func (w *world) set(s cloakroom.SessionRecord, key, value string, revision int64, maxBytes int) error {
	return w.store.SetDatum(w.Context(), s.Ref(), cloakroom.Datum{Key: key, Value: []byte(value), Revision: revision}, maxBytes)
}

func datumAbsent(w *world) {
	s := w.begin(w.session("usr_ana"))
	w.lacks(s, "cart", "Datum of an absent value")
	ghost := w.session("usr_ana")
	w.lacks(ghost, "cart", "Datum of an absent session")
	w.is(w.set(ghost, "cart", "x", 0, 100), cloakroom.ErrNotFound, "SetDatum: the session is gone")
	w.begin(ghost)
	w.lacks(ghost, "cart", "SetDatum on an absent session wrote nothing")
}

func datumWritten(w *world) {
	s := w.begin(w.session("usr_ana"))
	w.remember(s, "other", "untouched")
	for revision, value := range []string{"one", "\x00two\xff", strings.Repeat("three", 1000)} {
		w.ok(w.set(s, "cart", value, int64(revision), 1<<20), "SetDatum with the stored revision")
		w.holds(s, cloakroom.Datum{Key: "cart", Value: []byte(value), Revision: int64(revision) + 1}, "the revision grows by one")
	}
	w.remember(s, "cärt/Ж", "another key")
	w.lacks(s, "CART", "keys are told apart byte for byte")
	w.holds(s, cloakroom.Datum{Key: "cärt/Ж", Value: []byte("another key"), Revision: 1}, "each key has its own value")
	w.holds(s, cloakroom.Datum{Key: "other", Value: []byte("untouched"), Revision: 1}, "each key has its own revision")
}

func datumConflict(w *world) {
	s := w.begin(w.session("usr_ana"))
	w.is(w.set(s, "cart", "x", 1, 100), cloakroom.ErrConflict, "an absent value has no revision 1")
	w.lacks(s, "cart", "ErrConflict: nothing was written")

	w.remember(s, "cart", "one")
	w.ok(w.set(s, "cart", "two", 1, 100), "SetDatum")
	want := cloakroom.Datum{Key: "cart", Value: []byte("two"), Revision: 2}
	for _, revision := range []int64{0, 1, 3} {
		w.is(w.set(s, "cart", "late", revision, 100), cloakroom.ErrConflict, "SetDatum with another revision")
		err := w.store.SetDatum(w.Context(), s.Ref(), cloakroom.Datum{Key: "cart", Revision: revision}, 100)
		w.is(err, cloakroom.ErrConflict, "removing with another revision")
		w.holds(s, want, "ErrConflict: nothing was written")
	}
}

func datumRemoved(w *world) {
	s := w.begin(w.session("usr_ana"))
	w.remember(s, "cart", "one")
	w.remember(s, "other", "untouched")
	w.ok(w.store.SetDatum(w.Context(), s.Ref(), cloakroom.Datum{Key: "cart", Revision: 1}, 100), "SetDatum of nil")
	w.lacks(s, "cart", "a nil value removes")
	w.holds(s, cloakroom.Datum{Key: "other", Value: []byte("untouched"), Revision: 1}, "other values stay")

	w.ok(w.set(s, "cart", "", 0, 100), "a removed value is absent: its revision is 0")
	w.holds(s, cloakroom.Datum{Key: "cart", Value: []byte{}, Revision: 1}, "an empty value is there")
}

func datumTooLarge(w *world) {
	s, other := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	w.remember(other, "much", strings.Repeat("x", 100))
	const most = 20
	w.is(w.set(s, "key", strings.Repeat("x", 18), 0, most), cloakroom.ErrTooLarge, "a key counts for the cap")
	w.lacks(s, "key", "ErrTooLarge: nothing was written")
	w.ok(w.set(s, "key", strings.Repeat("x", 17), 0, most), "exactly maxBytes fit, whatever other sessions hold")
	w.ok(w.set(s, "key", strings.Repeat("y", 17), 1, most), "the value that is replaced does not count")
	w.is(w.set(s, "key", strings.Repeat("z", 18), 2, most), cloakroom.ErrTooLarge, "one byte more")
	w.is(w.set(s, "k", "", 0, most), cloakroom.ErrTooLarge, "all keys count together")
	w.holds(s, cloakroom.Datum{Key: "key", Value: []byte(strings.Repeat("y", 17)), Revision: 2}, "ErrTooLarge: nothing was written")

	w.ok(w.set(s, "key", strings.Repeat("ü", 4), 2, most), "bytes are counted, not characters")
	w.ok(w.set(s, "k", strings.Repeat("v", 8), 0, most), "what became smaller left room")
	w.is(w.set(s, "j", "", 0, most), cloakroom.ErrTooLarge, "the room is used up")
	w.ok(w.store.SetDatum(w.Context(), s.Ref(), cloakroom.Datum{Key: "key", Revision: 3}, most), "SetDatum of nil")
	w.ok(w.set(s, "j", strings.Repeat("w", 10), 0, most), "what was removed left room")
}

func datumOwner(w *world) {
	s := w.begin(w.session("usr_ana"))
	w.remember(s, "cart", "one")
	for law, change := range map[string]func(*cloakroom.SessionRecord){
		"another user":   func(s *cloakroom.SessionRecord) { s.UserID = "usr_eve" },
		"a guest":        func(s *cloakroom.SessionRecord) { s.UserID = "" },
		"another bucket": func(s *cloakroom.SessionRecord) { s.Token.Bucket++ },
		"another id":     func(s *cloakroom.SessionRecord) { s.ID = "ses_other" },
	} {
		other := s
		change(&other)
		w.lacks(other, "cart", "all three of a ref must match: "+law)
		w.is(w.set(other, "cart", "stolen", 1, 100), cloakroom.ErrNotFound, "all three of a ref must match: "+law)
		w.is(w.set(other, "new", "planted", 0, 100), cloakroom.ErrNotFound, "all three of a ref must match: "+law)
	}
	w.holds(s, cloakroom.Datum{Key: "cart", Value: []byte("one"), Revision: 1}, "strangers change nothing")
	w.lacks(s, "new", "strangers change nothing")
}
