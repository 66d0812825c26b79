package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func reopened(run runner) {
	run("everything acknowledged is there, everything ended stays ended", reopenedWhole)
	run("revisions, used tickets, exchanged tokens and counters go on where they were", reopenedGoesOn)
	run("the feed goes on where a cursor was, and is at its end there", reopenedFeed)
	run("events are there, leases go on, and what was delivered stays delivered", reopenedEvents)
	run("API keys are there, parcels are, and leases and tries go on", reopenedAPIKeysAndParcels)
	run("what 64 callers wrote at once is there", reopenedRace)
	run("secrets are the same ever after", reopenedSecrets)
}

func reopenedWhole(w *world) {
	h := w.furnish()
	before := w.look(h)
	for range 2 {
		w.reopen()
		same(w, w.look(h), before, "when a verb returns nil the change is durable")
	}
}

func reopenedGoesOn(w *world) {
	u := w.user()
	w.stored(u, w.credential(u, "password", "", "hash"))
	s := w.begin(w.session(u.ID))
	w.remember(s, "n", "1")
	renewed := s
	renewed.Token = w.token(s.Token.Bucket)
	w.ok(w.renew(s.Token, renewed, w.now.Add(grace)), "Renew")
	used, open := w.put("reset", "used"), w.put("reset", "open")
	_, err := w.store.Take(w.Context(), used.Kind, used.ID, w.now)
	w.ok(err, "Take")
	key := w.hash()
	w.count(key, 3, time.Hour, 3, w.now.Add(time.Hour), "Count")
	w.reopen()

	rival := w.user()
	rival.Email = u.Email
	w.is(w.store.CreateUser(w.Context(), cloakroom.UserChange{User: rival}), cloakroom.ErrTaken, "the e-mail is taken still")
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "the revision of a user is as it was")
	w.ok(w.store.SwapCredential(w.Context(), w.credential(u, "password", "", "next")), "the revision of a credential is as it was")
	w.ok(w.set(s, "n", "2", 1, 100), "the revision of a value is as it was")
	w.movedUntil(s.Token, w.now.Add(grace))
	w.lives(renewed, "the renewed token opens the session")
	_, err = w.store.Take(w.Context(), used.Kind, used.ID, w.now)
	w.is(err, cloakroom.ErrUsed, "a used ticket is remembered")
	w.ok(w.store.Swap(w.Context(), open, w.now), "the revision of a ticket is as it was")
	w.count(key, 1, time.Minute, 4, w.now.Add(time.Hour), "a counter goes on in its window")
	done := w.opens(cloakroom.Opening{Session: w.session(u.ID), Limit: 1, Now: w.now})
	same(w, done.Evicted, []string{s.ID}, "the sessions of a user are counted still")
}

func reopenedFeed(w *world) {
	first := w.revoked(3)
	middle := w.page("", 2)
	_, end := w.follow("")
	w.reopen()
	w.tells(middle.Cursor, first[2:], "a cursor outlives the store that gave it out")
	w.tells(end, nil, "a cursor at the end is at the end still")
	w.tells(end, w.revoked(2), "what came after the store was opened again")
}

func reopenedEvents(w *world) {
	w.record(w.event("usr_ana"), w.queued("usr_ana"), w.queued("usr_ana"), w.queued("usr_ana"))
	before := w.history()
	delivered := w.claim(w.now, w.now.Add(grace), 1)
	w.ok(w.store.EventsDelivered(w.Context(), idsOf(delivered)), "EventsDelivered")
	claimed := w.claim(w.now, w.now.Add(grace), 1)
	w.reopen()
	before[1].Queued = false
	same(w, w.history(), before, "events are there, ids included")
	same(w, idsOf(w.waiting()), []string{before[3].ID}, "a lease outlives the store that gave it")
	w.now = w.now.Add(grace)
	same(w, idsOf(w.waiting()), append(idsOf(claimed), before[3].ID), "and ends when it ends")
}

func reopenedAPIKeysAndParcels(w *world) {
	k, deleted := w.apiKey("usr_ana"), w.apiKey("usr_ana")
	w.issued(k, deleted)
	w.deletesKey(realm, deleted.ID, true, "DeleteAPIKey")
	want := w.post(w.parcel(), w.parcel(), w.parcel())
	claimed := w.takes(cloakroom.ParcelQuery{Now: want[1].DueAt, LeasedUntil: w.now.Add(grace), Max: 2})
	claimed[0].DueAt = time.Time{}
	w.ok(w.store.SettleParcels(w.Context(), claimed[:1]), "SettleParcels")
	w.reopen()
	w.admits(k, "an API key is there")
	w.refusesKey(deleted.Token, "a deleted one stays deleted")
	k.Revision++
	w.admits(w.issued(k), "the revision of an API key is as it was")
	want[1].DueAt, want[1].Tries = w.now.Add(grace), 1
	w.waits(want[1:], "what was settled stays settled, what was claimed stays leased")
	got := w.takes(cloakroom.ParcelQuery{Now: w.now.Add(grace), LeasedUntil: w.now.Add(time.Hour), Max: 9})
	same(w, len(got), 2, "and leases end when they end")
}

func reopenedRace(w *world) {
	next := w.sessions("usr_ana")
	w.allWin(race(func(i int) error {
		if _, err := w.store.Open(w.Context(), cloakroom.Opening{Session: next[i], Now: w.now}); err != nil {
			return err
		}
		if i%2 == 0 {
			return w.set(next[i], "n", fmt.Sprint(i), 0, 100)
		}
		_, err := w.store.Close(w.Context(), next[i].Ref(), w.ending())
		return err
	}), "Open, then SetDatum or Close")
	w.reopen()
	for i, s := range next {
		if i%2 == 0 {
			w.lives(s, "an acknowledged session is there")
			w.holds(s, cloakroom.Datum{Key: "n", Value: fmt.Append(nil, i), Revision: 1}, "acknowledged data is there")
		} else {
			w.dead(s.Token, "an acknowledged Close ended the session for good")
		}
	}
}

// reopenedSecrets holds stores that keep secrets to cloakroom.SecretKeeper; others have nothing to hold.
func reopenedSecrets(w *world) {
	keeper, keeps := w.store.(cloakroom.SecretKeeper)
	if !keeps {
		return
	}
	made := make([][]cloakroom.Secret, callers)
	w.allWin(race(func(i int) (err error) {
		made[i], err = keeper.Secrets(w.Context())
		return err
	}), "Secrets")
	first := plain(made[0])
	for _, secrets := range made {
		w.secrets(secrets, first)
	}
	spoil(nil, made[0][0])
	w.reopen()
	again, err := w.store.(cloakroom.SecretKeeper).Secrets(w.Context())
	w.ok(err, "Secrets")
	w.secrets(again, first)

	other, err := newWorld(w.T, w.open).store.(cloakroom.SecretKeeper).Secrets(w.Context())
	w.ok(err, "Secrets of another store")
	if slices.Equal(plain(other), first) {
		w.Fatal("secrets are made, not fixed: two stores have the same")
	}
}

// secrets asserts that there is one of 32 bytes at least, and that all are these.
func (w *world) secrets(got []cloakroom.Secret, want []string) {
	w.Helper()
	if len(got) == 0 || len(got[0]) < 32 {
		w.Fatal("Secrets returns at least one secret, of 32 bytes or more")
	}
	if !slices.Equal(plain(got), want) {
		w.Fatal("Secrets returns the same ever after, whoever asks first") // and never shows them
	}
}

// plain is a copy of the bytes of secrets, which print as nothing.
func plain(secrets []cloakroom.Secret) []string {
	var all []string
	for _, s := range secrets {
		all = append(all, string([]byte(s)))
	}
	return all
}
