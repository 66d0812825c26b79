package storetest

import (
	"errors"

	"github.com/cloakroom-auth/cloakroom"
)

// happened is what joins the events with the other verbs, in one step with what it tells: see cancelled, too.
func happened(run runner) {
	run("CreateUser tells its events, and none when it is refused", happenedCreateUser)
	run("UpdateUser tells its events, and none when it is refused", happenedUpdateUser)
	run("DeleteUser tells its event once, and none when it is refused; events of the user stay", happenedDeleteUser)
	run("SwapKeySet tells its events, and none when it is refused", happenedKeys)
	run("SwapAPIKeys and DeleteAPIKey tell their events, and none when nothing was written", happenedAPIKeys)
	run("Open tells its events, once more for the session that it replaced and for each that it evicted", happenedOpen)
	run("Renew tells its events, in place too, and none when it is refused", happenedRenew)
	run("Close tells its event with the session's id, and none when nothing was ended", happenedClose)
	run("CloseUser tells its event for each session that it ended, with its id", happenedCloseUser)
	run("the feed and the events are told apart from each other", happenedApart)
	run("what has its events waits to be handed on if they say so", happenedQueued)
}

// of is an event as it is told of a session.
func of(e cloakroom.EventRecord, sessionID string) cloakroom.EventRecord {
	e.SessionID = sessionID
	return e
}

// telling is ending with an event.
func (w *world) telling(e cloakroom.EventRecord) cloakroom.Ending {
	return cloakroom.Ending{RevokedUntil: w.told(), Event: &e}
}

func happenedCreateUser(w *world) {
	u, rival := w.user(), w.user()
	want := []cloakroom.EventRecord{w.event(u.ID), w.event(u.ID)}
	w.ok(w.store.CreateUser(w.Context(), cloakroom.UserChange{User: u, Events: want}), "CreateUser")
	w.happened(want, "CreateUser tells its events")
	rival.Email = u.Email
	err := w.store.CreateUser(w.Context(), cloakroom.UserChange{User: rival, Events: []cloakroom.EventRecord{w.event(rival.ID)}})
	w.is(err, cloakroom.ErrTaken, "CreateUser")
	w.happened(want, "ErrTaken: nothing was written, no event neither")
	w.tells("", nil, "CreateUser tells the feed nothing")
}

func happenedUpdateUser(w *world) {
	u, other := w.stored(w.holder("admin")), w.stored(w.user())
	update := func(change func(*cloakroom.User)) ([]cloakroom.EventRecord, error) {
		next, events := u, []cloakroom.EventRecord{w.event(u.ID), w.event(u.ID)}
		change(&next)
		return events, w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: next, Keeps: "admin", Events: events})
	}
	for want, refused := range map[error]func(*cloakroom.User){
		cloakroom.ErrConflict:   func(next *cloakroom.User) { next.Revision = 7 },
		cloakroom.ErrTaken:      func(next *cloakroom.User) { next.Email = other.Email },
		cloakroom.ErrLastHolder: func(next *cloakroom.User) { next.Roles = nil },
		cloakroom.ErrNotFound:   func(next *cloakroom.User) { next.ID = "usr_nobody" },
	} {
		_, err := update(refused)
		w.is(err, want, "UpdateUser")
		w.happened(nil, "nothing was written, no event neither: "+want.Error())
	}
	events, err := update(func(next *cloakroom.User) { next.Name = "Renamed" })
	w.ok(err, "UpdateUser")
	w.happened(events, "UpdateUser tells its events")
}

func happenedDeleteUser(w *world) {
	u, admin := w.stored(w.user()), w.stored(w.holder("admin"))
	before := w.record(w.event(u.ID), w.event(u.ID))
	w.is(w.store.DeleteUser(w.Context(), admin.ID, "admin", w.telling(w.event(admin.ID))), cloakroom.ErrLastHolder, "DeleteUser")
	w.is(w.store.DeleteUser(w.Context(), "usr_nobody", "", w.telling(w.event("usr_nobody"))), cloakroom.ErrNotFound, "DeleteUser")
	w.happened(before, "nothing was written, no event neither")
	deleted := of(w.event(u.ID), "")
	w.begin(w.session(u.ID))
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", w.telling(deleted)), "DeleteUser")
	w.happened(append(before, deleted), "DeleteUser tells its event once, and the events of the user stay")
}

func happenedKeys(w *world) {
	set, want := w.keySet(realm), []cloakroom.EventRecord{w.event(""), w.event("")}
	w.ok(w.store.SwapKeySet(w.Context(), set, want...), "SwapKeySet")
	w.happened(want, "SwapKeySet tells its events")
	for _, revision := range []int64{0, 2} {
		set.Revision = revision
		w.is(w.store.SwapKeySet(w.Context(), set, w.event("")), cloakroom.ErrConflict, "SwapKeySet")
		w.happened(want, "ErrConflict: nothing was written, no event neither")
	}
	set.Revision = 1
	next := w.event("")
	w.ok(w.store.SwapKeySet(w.Context(), set, next), "SwapKeySet")
	w.happened(append(want, next), "SwapKeySet tells its events")
}

func happenedAPIKeys(w *world) {
	k, want := w.apiKey("usr_ana"), []cloakroom.EventRecord{w.event("usr_ana"), w.event("usr_ana")}
	k.Revision = 0
	swap := func(events ...cloakroom.EventRecord) error {
		return w.store.SwapAPIKeys(w.Context(), []cloakroom.APIKeyRecord{k}, events...)
	}
	w.ok(swap(want...), "SwapAPIKeys")
	w.happened(want, "SwapAPIKeys tells its events, once for all keys")
	w.is(swap(w.event("usr_ana")), cloakroom.ErrConflict, "SwapAPIKeys")
	w.happened(want, "ErrConflict: nothing was written, no event neither")
	deleted := w.event("usr_ana")
	for range 2 {
		_, err := w.store.DeleteAPIKey(w.Context(), realm, k.ID, deleted)
		w.ok(err, "DeleteAPIKey")
		w.happened(append(want, deleted), "DeleteAPIKey tells its events, once")
	}
	w.tells("", nil, "API keys tell the feed nothing")
}

func happenedOpen(w *world) {
	var have []cloakroom.SessionRecord
	for range 4 {
		have = append(have, w.begin(w.session("usr_ana")))
	}
	w.happened(nil, "without events nothing is told")
	guest := w.begin(w.session(""))
	opened, again := []cloakroom.EventRecord{w.event("usr_ana"), w.event("usr_ana")}, w.event("usr_ana")
	replaced, evicted := w.event("usr_guest"), w.event("usr_ana")
	o := cloakroom.Opening{
		Session: w.session("usr_ana"), Replace: &guest.Token, Inherit: true, MovedUntil: w.now.Add(grace), Limit: 3,
		Now: w.now, Events: opened, Replaced: w.telling(replaced), Evicted: w.telling(evicted),
	}
	w.opens(o)
	want := append(opened, of(replaced, guest.ID), of(evicted, have[0].ID), of(evicted, have[1].ID))
	w.happened(want, "Open tells its events, and of each session that it replaced or evicted")

	o.Session, o.Limit, o.Events = w.session("usr_ana"), 0, []cloakroom.EventRecord{again}
	w.opens(o)
	want = append(want, again)
	w.happened(want, "of what another call took, or nobody, only that call tells")
	unknown := w.token(7)
	o.Session, o.Replace, o.Limit, o.Events = w.session("usr_ana"), &unknown, 9, nil
	w.opens(o)
	w.happened(want, "nothing was replaced or evicted")
}

func happenedRenew(w *world) {
	s := w.begin(w.session("usr_ana"))
	renewed := s
	renewed.Token = w.token(s.Token.Bucket)
	renew := func(old cloakroom.TokenID, next cloakroom.SessionRecord) (cloakroom.EventRecord, error) {
		e := w.event("usr_ana")
		return e, w.store.Renew(w.Context(), cloakroom.Renewal{
			Old: old, Session: next, MovedUntil: w.now.Add(grace), RevokedUntil: w.told(), Events: []cloakroom.EventRecord{e},
		})
	}
	first, err := renew(s.Token, renewed)
	w.ok(err, "Renew")
	w.happened([]cloakroom.EventRecord{first}, "Renew tells its events")
	second, err := renew(renewed.Token, renewed)
	w.ok(err, "Renew in place")
	want := []cloakroom.EventRecord{first, second}
	w.happened(want, "Renew in place tells its events")

	closed := w.begin(w.session("usr_ana"))
	_, err = w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")
	for law, old := range map[string]cloakroom.TokenID{
		"the token was replaced": s.Token, "the session was closed": closed.Token, "the token is unknown": w.token(1),
	} {
		_, err := renew(old, closed)
		same(w, errors.Is(err, cloakroom.ErrNotFound), true, "Renew: "+law)
		w.happened(want, "nothing was written, no event neither: "+law)
	}
}

func happenedClose(w *world) {
	s, guest, other := w.begin(w.session("usr_ana")), w.begin(w.session("")), w.begin(w.session("usr_ana"))
	var want []cloakroom.EventRecord
	for _, s := range []cloakroom.SessionRecord{s, guest} {
		e := w.event(s.UserID)
		want = append(want, of(e, s.ID))
		for range 2 {
			_, err := w.store.Close(w.Context(), s.Ref(), w.telling(e))
			w.ok(err, "Close")
			w.happened(want, "Close tells of the session that it ended, once")
		}
	}
	ref := other.Ref()
	ref.UserID = "usr_eve"
	_, err := w.store.Close(w.Context(), ref, w.telling(w.event("usr_eve")))
	w.ok(err, "Close")
	w.happened(want, "nothing was ended")
}

func happenedCloseUser(w *world) {
	a, kept, b := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	w.begin(w.session("usr_bob"))
	e := w.event("usr_ana")
	for range 2 {
		_, err := w.store.CloseUser(w.Context(), kept.Token.Bucket, kept.UserID, kept.ID, w.telling(e))
		w.ok(err, "CloseUser")
		w.happened([]cloakroom.EventRecord{of(e, a.ID), of(e, b.ID)}, "CloseUser tells of each session that it ended, once")
	}
	last := w.event("usr_ana")
	_, err := w.store.CloseUser(w.Context(), kept.Token.Bucket, kept.UserID, "", w.telling(last))
	w.ok(err, "CloseUser")
	w.happened([]cloakroom.EventRecord{of(e, a.ID), of(e, b.ID), of(last, kept.ID)}, "and later of the kept one")
}

func happenedApart(w *world) {
	silent, quiet := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	e := w.event("usr_ana")
	_, err := w.store.Close(w.Context(), silent.Ref(), cloakroom.Ending{Event: &e})
	w.ok(err, "Close")
	_, err = w.store.Close(w.Context(), quiet.Ref(), w.ending())
	w.ok(err, "Close")
	w.happened([]cloakroom.EventRecord{of(e, silent.ID)}, "an end without an event is none of the events")
	w.tells("", w.over(quiet.ID), "an event without RevokedUntil is none of the feed")

	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{{Token: quiet.Token, SeenAt: w.now}}), "Touch")
	w.clean(cloakroom.Sweep{Now: w.now.Add(9 * day), SessionsBefore: w.now.Add(9 * day), GuestsBefore: w.now.Add(9 * day), Max: 10})
	w.happened([]cloakroom.EventRecord{of(e, silent.ID)}, "no other verb tells an event")
}

func happenedQueued(w *world) {
	s, end := w.session("usr_ana"), w.telling(w.queued("usr_ana"))
	opened := w.queued("usr_ana")
	w.opens(cloakroom.Opening{Session: s, Now: w.now, Events: []cloakroom.EventRecord{opened, w.event("usr_ana")}})
	_, err := w.store.Close(w.Context(), s.Ref(), end)
	w.ok(err, "Close")
	same(w, nameless(w.claim(w.now, w.now.Add(grace), 10)), []cloakroom.EventRecord{of(*end.Event, s.ID), opened},
		"the events that are queued wait to be handed on")
}
