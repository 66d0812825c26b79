package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func apiKeys(run runner) {
	run("SwapAPIKeys stores every field, and its token finds the key, expired or not", apiKeyStored)
	run("SwapAPIKeys replaces every field, the token too, and Revision grows by one", apiKeyReplaced)
	run("SwapAPIKeys with another Revision is ErrConflict and writes nothing of all that it was given", apiKeyConflict)
	run("two API keys do not have one token", apiKeyOneToken)
	run("APIKeys are those of a realm, and of a user if one is named, in ascending order of id", apiKeyPages)
	run("DeleteAPIKey removes a key of the realm and reports whether there was one", apiKeyDeleted)
	run("DeleteUser deletes the API keys of the user and nobody else's", apiKeysOfDeleted)
	run("times of API keys are kept to the microsecond, in UTC, and zero stays zero", apiKeyTimes)
}

// apiKey makes an API key of a user with every field set, as it is read once it was stored. Later ones have greater ids.
func (w *world) apiKey(userID string) cloakroom.APIKeyRecord {
	return cloakroom.APIKeyRecord{
		ID: fmt.Sprintf("key_%06d", w.next()), Realm: realm, Token: w.token(bucketOf(userID)), UserID: userID,
		Name: "Ünser \"server\"", Scopes: []string{"users:read", "events:read"}, CreatedBy: "usr_admin",
		CreatedAt: w.now.Add(-day), ExpiresAt: w.now.Add(day), LastUsedAt: w.now.Add(-time.Minute), Revision: 1,
	}
}

// swapKeys puts API keys in the place of those of the revision before.
func (w *world) swapKeys(keys ...cloakroom.APIKeyRecord) error {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].Revision--
	}
	return w.store.SwapAPIKeys(w.Context(), keys)
}

// issued stores API keys, and returns the first.
func (w *world) issued(keys ...cloakroom.APIKeyRecord) cloakroom.APIKeyRecord {
	w.Helper()
	w.ok(w.swapKeys(keys...), "SwapAPIKeys")
	return keys[0]
}

// admits asserts that the token of the key finds exactly this key.
func (w *world) admits(k cloakroom.APIKeyRecord, law string) {
	w.Helper()
	got, err := w.store.APIKey(w.Context(), k.Token)
	w.ok(err, law)
	same(w, got, k, law)
}

func (w *world) refusesKey(t cloakroom.TokenID, law string) {
	w.Helper()
	_, err := w.store.APIKey(w.Context(), t)
	w.is(err, cloakroom.ErrNotFound, law)
}

func (w *world) listsKeys(q cloakroom.APIKeyQuery, want []cloakroom.APIKeyRecord, law string) {
	w.Helper()
	got, err := w.store.APIKeys(w.Context(), q)
	w.ok(err, law)
	same(w, got, want, law)
}

func apiKeyStored(w *world) {
	w.refusesKey(w.token(1), "an unknown token finds no key")
	k := w.issued(w.apiKey("usr_ana"))
	w.admits(k, "APIKey returns what SwapAPIKeys stored")
	w.dead(k.Token, "a key is no session")
	elsewhere := k.Token
	elsewhere.Bucket++
	w.refusesKey(elsewhere, "the bucket is part of the token")
	s := w.begin(w.session("usr_ana"))
	w.refusesKey(s.Token, "a session is no key")

	expired := w.apiKey("usr_ana")
	expired.ExpiresAt = w.now.Add(-365 * day)
	bare := cloakroom.APIKeyRecord{ID: "key_bare", Realm: "other", Token: w.token(0), Revision: 1}
	own := w.apiKey("usr_0198c2f1a7e37d5e8b2a4c6d8e0f1a2b")
	own.ID = "key_0198c2f1a7e37d5e8b2a4c6d8e0f1a2b"
	own.CreatedBy, own.Scopes = own.UserID, []string{"a\nb", "", "[c"}
	w.issued(expired, bare, own)
	w.admits(expired, "an expired key is found")
	w.admits(bare, "zero fields are as they were stored")
	w.admits(own, "fields of any form are as they were stored")
}

func apiKeyReplaced(w *world) {
	k, bystander := w.apiKey("usr_ana"), w.apiKey("usr_ana")
	w.issued(k, bystander)
	old := k.Token
	k.Token, k.Name, k.Scopes, k.CreatedBy = w.token(old.Bucket), "renamed", nil, ""
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt, k.Revision = w.now, time.Time{}, w.now, 2
	w.issued(k)
	w.admits(k, "SwapAPIKeys replaces every field")
	w.refusesKey(old, "a token that was replaced finds nothing")
	w.listsKeys(cloakroom.APIKeyQuery{Realm: realm, Max: 10}, []cloakroom.APIKeyRecord{k, bystander}, "there is one of it, and others are left alone")

	k.LastUsedAt, k.Revision = w.now.Add(time.Minute), 3
	next := w.apiKey("usr_ana")
	w.issued(k, next)
	w.admits(k, "the token that stays finds the key")
	w.admits(next, "one key may be made in the step in which another changes")
}

func apiKeyConflict(w *world) {
	k, other := w.apiKey("usr_ana"), w.apiKey("usr_ana")
	w.issued(k)
	for law, change := range map[string]func(*cloakroom.APIKeyRecord){
		"it is there already":         func(*cloakroom.APIKeyRecord) {},
		"a greater revision":          func(k *cloakroom.APIKeyRecord) { k.Revision = 3 },
		"a negative revision":         func(k *cloakroom.APIKeyRecord) { k.Revision = 0 },
		"it is not there":             func(k *cloakroom.APIKeyRecord) { k.ID, k.Revision = "key_none", 2 },
		"it is of another realm":      func(k *cloakroom.APIKeyRecord) { k.Realm, k.Revision = "other", 2 },
		"it is of a longer name":      func(k *cloakroom.APIKeyRecord) { k.ID, k.Revision = k.ID+"0", 2 },
		"it is another, of its token": func(k *cloakroom.APIKeyRecord) { k.ID, k.Revision = "key_000000", 2 },
	} {
		stale := k
		stale.Name = "stale"
		change(&stale)
		for _, call := range [][]cloakroom.APIKeyRecord{{stale}, {other, stale}, {stale, other}} {
			w.is(w.swapKeys(call...), cloakroom.ErrConflict, law)
			w.listsKeys(cloakroom.APIKeyQuery{Realm: realm, Max: 10}, []cloakroom.APIKeyRecord{k}, "ErrConflict: nothing is written: "+law)
		}
		w.admits(k, "the key is as before: "+law)
		w.refusesKey(other.Token, "nothing is written: "+law)
	}
}

func apiKeyOneToken(w *world) {
	k, other := w.issued(w.apiKey("usr_ana")), w.apiKey("usr_ana")
	thief, mine := w.apiKey("usr_ana"), w.issued(other)
	thief.Token, mine.Token, mine.Revision = k.Token, k.Token, 2
	for _, greedy := range []cloakroom.APIKeyRecord{thief, mine} {
		if err := w.swapKeys(greedy); err == nil || sentinel(err) != err {
			w.Fatalf("a token that is another key's: got %v, want an error that is none of the contract", err)
		}
		w.listsKeys(cloakroom.APIKeyQuery{Realm: realm, Max: 10}, []cloakroom.APIKeyRecord{k, other}, "nothing is written")
	}
	w.admits(k, "the token finds whose it is")
	w.admits(other, "the other key is as before")
}

func apiKeyPages(w *world) {
	var anas, all []cloakroom.APIKeyRecord
	for i := range 9 {
		k := w.apiKey([]string{"usr_ana", "usr_bob", "usr_ana"}[i%3])
		if all = append(all, k); k.UserID == "usr_ana" {
			anas = append(anas, k)
		}
	}
	for _, i := range []int{3, 0, 6, 2, 5, 8, 1, 7, 4} {
		w.issued(all[i])
	}
	stranger := w.apiKey("usr_ana")
	stranger.Realm = "other"
	w.issued(stranger)
	page := func(userID, after string) cloakroom.APIKeyQuery {
		return cloakroom.APIKeyQuery{Realm: realm, UserID: userID, After: after, Max: 4}
	}
	w.listsKeys(page("", ""), all[:4], "up to Max of the realm, in order of id")
	w.listsKeys(page("", all[3].ID), all[4:8], "the next page")
	w.listsKeys(page("", all[7].ID), all[8:], "the last page")
	w.listsKeys(page("", all[8].ID), nil, "nothing follows")
	w.listsKeys(page("usr_ana", ""), anas[:4], "those of a user alone")
	w.listsKeys(page("usr_ana", anas[3].ID), anas[4:], "the next page of a user")
	w.listsKeys(page("usr_eve", ""), nil, "who has none has none")
	w.listsKeys(cloakroom.APIKeyQuery{Realm: "other", UserID: "usr_ana", Max: 9}, []cloakroom.APIKeyRecord{stranger}, "of another realm")
	w.listsKeys(cloakroom.APIKeyQuery{Realm: "Main", Max: 9}, nil, "of a realm without any")
}

func (w *world) deletesKey(realm, id string, want bool, law string) {
	w.Helper()
	was, err := w.store.DeleteAPIKey(w.Context(), realm, id)
	w.ok(err, law)
	same(w, was, want, law)
}

func apiKeyDeleted(w *world) {
	k, other := w.apiKey("usr_ana"), w.apiKey("usr_ana")
	w.issued(k, other)
	for law, ref := range map[string][2]string{
		"of another realm": {"other", k.ID}, "unknown": {realm, "key_none"}, "without a name": {realm, ""}, "of a shorter name": {realm, k.ID[:9]},
	} {
		w.deletesKey(ref[0], ref[1], false, "there is no such key: "+law)
		w.admits(k, "the key is as before: "+law)
	}
	w.deletesKey(realm, k.ID, true, "there was one")
	w.deletesKey(realm, k.ID, false, "and there is none any more")
	w.refusesKey(k.Token, "a deleted key is not found")
	w.listsKeys(cloakroom.APIKeyQuery{Realm: realm, Max: 9}, []cloakroom.APIKeyRecord{other}, "a deleted key is not listed, the other is")
	k.Revision = 2
	w.is(w.swapKeys(k), cloakroom.ErrConflict, "a deleted key does not come back")
	k.Revision = 1
	w.admits(w.issued(k), "one of the same id is another key")
}

func apiKeysOfDeleted(w *world) {
	ana, bob := w.stored(w.user()), w.stored(w.user())
	first, second, theirs := w.apiKey(ana.ID), w.apiKey(ana.ID), w.apiKey(bob.ID)
	theirs.CreatedBy = ana.ID
	w.issued(first, second, theirs)
	w.is(w.store.DeleteUser(w.Context(), "usr_nobody", "", w.ending()), cloakroom.ErrNotFound, "DeleteUser")
	w.admits(first, "who is not deleted keeps its keys")
	w.ok(w.store.DeleteUser(w.Context(), ana.ID, "", w.ending()), "DeleteUser")
	w.refusesKey(first.Token, "the keys of a deleted user are deleted")
	w.refusesKey(second.Token, "all of them")
	w.admits(theirs, "those that it has made for somebody else stay")
	w.listsKeys(cloakroom.APIKeyQuery{Realm: realm, Max: 9}, []cloakroom.APIKeyRecord{theirs}, "they are not listed")
}

func apiKeyTimes(w *world) {
	k := w.apiKey("usr_ana")
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = w.odd(1), w.odd(2*time.Second), w.odd(time.Hour)
	w.issued(k)
	got, err := w.store.APIKey(w.Context(), k.Token)
	w.ok(err, "APIKey")
	w.kept(got.CreatedAt, k.CreatedAt, "APIKeyRecord.CreatedAt")
	w.kept(got.ExpiresAt, k.ExpiresAt, "APIKeyRecord.ExpiresAt")
	w.kept(got.LastUsedAt, k.LastUsedAt, "APIKeyRecord.LastUsedAt")
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt, k.Revision = time.Time{}, time.Time{}, time.Time{}, 2
	w.issued(k)
	got, err = w.store.APIKey(w.Context(), k.Token)
	w.ok(err, "APIKey")
	if !got.CreatedAt.IsZero() || !got.ExpiresAt.IsZero() || !got.LastUsedAt.IsZero() {
		w.Fatalf("the zero time stays the zero time: %+v", got)
	}
}

func copiesOfAPIKeys(w *world) {
	want := w.apiKey("usr_ana")
	given := want
	given.Scopes = slices.Clone(want.Scopes)
	w.issued(given)
	spoil(given.Scopes, nil)
	w.admits(want, "SwapAPIKeys keeps a copy")
	byToken, err := w.store.APIKey(w.Context(), want.Token)
	w.ok(err, "APIKey")
	page, err := w.store.APIKeys(w.Context(), cloakroom.APIKeyQuery{Realm: realm, Max: 1})
	w.ok(err, "APIKeys")
	for _, k := range []cloakroom.APIKeyRecord{byToken, page[0]} {
		spoil(k.Scopes, nil)
		w.admits(want, "the store hands out copies")
	}
}
