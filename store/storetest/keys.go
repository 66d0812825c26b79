package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func keys(run runner) {
	run("a realm without keys has the zero KeySet of its name", keysNone)
	run("SwapKeySet stores every field of every key in their order, and Revision grows by one", keysStored)
	run("SwapKeySet with another Revision is ErrConflict and writes nothing", keysConflict)
	run("the keys of realms are apart", keysRealms)
}

// keySet makes the first keys of a realm, one in each state. They are not stored yet.
func (w *world) keySet(realm string) cloakroom.KeySet {
	key := func(created time.Duration) cloakroom.SigningKey {
		return cloakroom.SigningKey{
			ID: fmt.Sprint("key-", w.next()), Algorithm: "ES256", CreatedAt: w.now.Add(created),
			Public: []byte(`{"kty":"EC","crv":"P-256"}`), Sealed: []byte{0, 0xff, '"', byte(w.next())},
		}
	}
	withdrawn, retired, active, next := key(-9*day), key(-6*day), key(-3*day), key(0)
	withdrawn.ActiveAt, withdrawn.RetiredAt, withdrawn.WithdrawnAt = w.now.Add(-8*day), w.now.Add(-7*day), w.now.Add(-7*day+tick)
	retired.ActiveAt, retired.RetiredAt = w.now.Add(-5*day), w.now.Add(-2*day)
	active.ActiveAt = w.now.Add(-2 * day)
	return cloakroom.KeySet{Realm: realm, Keys: []cloakroom.SigningKey{withdrawn, retired, active, next}}
}

// keeps asserts what the store has as the keys of the set's realm.
func (w *world) keeps(want cloakroom.KeySet, law string) {
	w.Helper()
	got, err := w.store.KeySet(w.Context(), want.Realm)
	w.ok(err, law)
	same(w, got, want, law)
}

func keysNone(w *world) {
	w.keeps(cloakroom.KeySet{Realm: realm}, "there are none yet")
}

func keysStored(w *world) {
	set := w.keySet(realm)
	w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet of the first keys")
	set.Revision = 1
	w.keeps(set, "KeySet returns what SwapKeySet stored")
	for range 3 {
		set.Keys = append(set.Keys[1:], w.keySet(realm).Keys[3])
		w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet with the stored revision")
		set.Revision++
		w.keeps(set, "SwapKeySet replaces all keys")
	}
	set.Keys[0].CreatedAt, set.Keys[0].ActiveAt = w.odd(1), w.odd(time.Second)
	set.Keys[0].RetiredAt, set.Keys[0].WithdrawnAt = w.odd(time.Minute), w.odd(time.Hour)
	w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet")
	got, err := w.store.KeySet(w.Context(), realm)
	w.ok(err, "KeySet")
	w.kept(got.Keys[0].CreatedAt, set.Keys[0].CreatedAt, "SigningKey.CreatedAt")
	w.kept(got.Keys[0].ActiveAt, set.Keys[0].ActiveAt, "SigningKey.ActiveAt")
	w.kept(got.Keys[0].RetiredAt, set.Keys[0].RetiredAt, "SigningKey.RetiredAt")
	w.kept(got.Keys[0].WithdrawnAt, set.Keys[0].WithdrawnAt, "SigningKey.WithdrawnAt")

	set.Revision, set.Keys = set.Revision+1, nil
	w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet of no keys")
	set.Revision++
	w.keeps(set, "a set without keys has a revision like any other")
}

func keysConflict(w *world) {
	set := w.keySet(realm)
	for _, revision := range []int64{1, -1, 7} {
		set.Revision = revision
		w.is(w.store.SwapKeySet(w.Context(), set), cloakroom.ErrConflict, "there is no set with this revision")
		w.keeps(cloakroom.KeySet{Realm: realm}, "ErrConflict: nothing was written")
	}
	set.Revision = 0
	w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet")
	stored := set
	stored.Revision = 1
	set.Keys = set.Keys[1:]
	for _, revision := range []int64{0, 2, -1} {
		set.Revision = revision
		w.is(w.store.SwapKeySet(w.Context(), set), cloakroom.ErrConflict, "the stored set must have set.Revision")
		w.keeps(stored, "ErrConflict: nothing was written")
	}
}

func keysRealms(w *world) {
	for i, realm := range []string{"main", "other", "Main", ""} {
		w.keeps(cloakroom.KeySet{Realm: realm}, "another realm has keys of its own")
		set := w.keySet(realm)
		w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet")
		for range i {
			set.Revision++
			w.ok(w.store.SwapKeySet(w.Context(), set), "SwapKeySet")
		}
		set.Revision++
		w.keeps(set, "each realm counts its own revisions")
	}
}

func copiesOfKeys(w *world) {
	want := w.keySet(realm)
	given := want
	given.Keys = slices.Clone(want.Keys)
	for i := range given.Keys {
		given.Keys[i].Public, given.Keys[i].Sealed = bytes.Clone(want.Keys[i].Public), bytes.Clone(want.Keys[i].Sealed)
	}
	spoilt := func(keys []cloakroom.SigningKey) {
		for i := range keys {
			spoil(nil, keys[i].Public)
			spoil(nil, keys[i].Sealed)
			keys[i].ID = "spoilt"
		}
	}
	w.ok(w.store.SwapKeySet(w.Context(), given), "SwapKeySet")
	spoilt(given.Keys)
	want.Revision = 1
	w.keeps(want, "SwapKeySet keeps a copy")
	got, err := w.store.KeySet(w.Context(), realm)
	w.ok(err, "KeySet")
	spoilt(got.Keys)
	w.keeps(want, "KeySet hands out a copy")
}

func raceFirstKey(w *world) {
	sets := make([]cloakroom.KeySet, callers)
	for i := range sets {
		sets[i] = w.keySet(realm)
	}
	won := w.winner(race(func(i int) error { return w.store.SwapKeySet(w.Context(), sets[i]) }), cloakroom.ErrConflict, "SwapKeySet")
	sets[won].Revision = 1
	w.keeps(sets[won], "of many processes that start at once one makes the first key")

	won = w.winner(race(func(i int) error {
		next := sets[i]
		next.Revision = 1
		return w.store.SwapKeySet(w.Context(), next)
	}), cloakroom.ErrConflict, "SwapKeySet")
	sets[won].Revision = 2
	w.keeps(sets[won], "of many that rotate at once one does")
}
