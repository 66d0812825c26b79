package storetest

import (
	"context"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// sent is what is to be sent because of an event: with every verb that stores one, and in the same step.
func sent(run runner) {
	run("every verb that stores events stores their parcels, and none when it is refused", sentByAll)
	run("an ending's parcels are stored once for each event that is stored", sentByEndings)
	run("an ending that ended nothing sends nothing", sentByNothing)
}

// A sending is a verb with an event, done and refused.
type sending struct {
	verb    string
	done    func(cloakroom.EventRecord) error
	refused func(cloakroom.EventRecord) error
}

func (w *world) sendings() []sending {
	s := w.store
	return append(w.endings(), []sending{
		{
			verb:    "CreateUser",
			done:    func(e cloakroom.EventRecord) error { return s.CreateUser(w.Context(), because(e, w.user())) },
			refused: w.refusing(func(u, other cloakroom.User) cloakroom.User { u.ID, u.Email = "usr_new", other.Email; return u }, s.CreateUser),
		}, {
			verb: "UpdateUser",
			done: func(e cloakroom.EventRecord) error {
				return s.UpdateUser(w.Context(), because(e, w.stored(w.user())))
			},
			refused: w.refusing(func(u, other cloakroom.User) cloakroom.User { u.Email = other.Email; return u }, s.UpdateUser),
		}, {
			verb: "UpdateUser of an old revision",
			done: func(e cloakroom.EventRecord) error {
				return s.UpdateUser(w.Context(), because(e, w.stored(w.user())))
			},
			refused: w.refusing(func(u, _ cloakroom.User) cloakroom.User { u.Revision = 7; return u }, s.UpdateUser),
		}, {
			verb: "SwapKeySet",
			done: func(e cloakroom.EventRecord) error {
				return s.SwapKeySet(w.Context(), cloakroom.KeySet{Realm: realm}, e)
			},
			refused: func(e cloakroom.EventRecord) error {
				return s.SwapKeySet(w.Context(), cloakroom.KeySet{Realm: realm, Revision: 7}, e)
			},
		}, {
			verb: "SwapAPIKeys",
			done: func(e cloakroom.EventRecord) error {
				k := w.apiKey("usr_ana")
				k.Revision = 0
				return s.SwapAPIKeys(w.Context(), []cloakroom.APIKeyRecord{k}, e)
			},
			refused: func(e cloakroom.EventRecord) error {
				return s.SwapAPIKeys(w.Context(), []cloakroom.APIKeyRecord{w.apiKey("usr_ana")}, e)
			},
		}, {
			verb: "Open",
			done: func(e cloakroom.EventRecord) error {
				_, err := s.Open(w.Context(), cloakroom.Opening{Session: w.session("usr_ana"), Now: w.now, Events: []cloakroom.EventRecord{e}})
				return err
			},
			refused: func(e cloakroom.EventRecord) error {
				_, err := s.Open(w.Context(), cloakroom.Opening{Session: w.begin(w.session("usr_ana")), Now: w.now, Events: []cloakroom.EventRecord{e}})
				return err
			},
		}, {
			verb: "Renew",
			done: func(e cloakroom.EventRecord) error {
				r := w.begin(w.session("usr_ana"))
				return s.Renew(w.Context(), cloakroom.Renewal{Old: r.Token, Session: r, Events: []cloakroom.EventRecord{e}})
			},
			refused: func(e cloakroom.EventRecord) error {
				r := w.session("usr_ana")
				return s.Renew(w.Context(), cloakroom.Renewal{Old: r.Token, Session: r, Events: []cloakroom.EventRecord{e}})
			},
		},
	}...)
}

// endings are the verbs that have nothing to refuse but the absence of what they end.
func (w *world) endings() []sending {
	s := w.store
	closing := func(r cloakroom.SessionRecord, e cloakroom.EventRecord) (cloakroom.SessionRef, cloakroom.Ending) {
		return r.Ref(), w.telling(e)
	}
	return []sending{
		{
			verb: "DeleteUser",
			done: func(e cloakroom.EventRecord) error {
				return s.DeleteUser(w.Context(), w.stored(w.user()).ID, "", w.telling(e))
			},
			refused: func(e cloakroom.EventRecord) error {
				return s.DeleteUser(w.Context(), w.user().ID, "", w.telling(e))
			},
		}, {
			verb: "DeleteAPIKey",
			done: func(e cloakroom.EventRecord) error {
				_, err := s.DeleteAPIKey(w.Context(), realm, w.issued(w.apiKey("usr_ana")).ID, e)
				return err
			},
			refused: func(e cloakroom.EventRecord) error {
				_, err := s.DeleteAPIKey(w.Context(), "other", w.issued(w.apiKey("usr_ana")).ID, e)
				return err
			},
		}, {
			verb: "Close",
			done: func(e cloakroom.EventRecord) error {
				ref, end := closing(w.begin(w.session("usr_ana")), e)
				_, err := s.Close(w.Context(), ref, end)
				return err
			},
			refused: func(e cloakroom.EventRecord) error {
				ref, end := closing(w.session("usr_ana"), e)
				_, err := s.Close(w.Context(), ref, end)
				return err
			},
		},
	}
}

// because is the change of a user with an event.
func because(e cloakroom.EventRecord, u cloakroom.User) cloakroom.UserChange {
	return cloakroom.UserChange{User: u, Events: []cloakroom.EventRecord{e}}
}

// refusing changes a stored user in a way that the verb refuses.
func (w *world) refusing(change func(u, other cloakroom.User) cloakroom.User, verb func(context.Context, cloakroom.UserChange) error) func(cloakroom.EventRecord) error {
	return func(e cloakroom.EventRecord) error {
		return verb(w.Context(), because(e, change(w.stored(w.user()), w.stored(w.user()))))
	}
}

func sentByAll(w *world) {
	var want []cloakroom.Parcel
	for _, s := range w.sendings() {
		_ = s.refused(w.carrying(w.parcel(), w.parcel())) // in whatever way
		w.waits(want, s.verb+" that is refused leaves no parcel")
		e := w.carrying(w.parcel(), w.parcel())
		w.ok(s.done(e), s.verb)
		want = append(want, e.Parcels...)
		w.waits(want, s.verb+" stores the parcels of its event")
	}
}

func sentByEndings(w *world) {
	var have []cloakroom.SessionRecord
	for range 3 {
		have = append(have, w.begin(w.session("usr_ana")))
	}
	guest := w.begin(w.session(""))
	replaced, evicted := w.carrying(w.parcel()), w.carrying(w.parcel())
	w.opens(cloakroom.Opening{
		Session: w.session("usr_ana"), Replace: &guest.Token, MovedUntil: w.now.Add(grace), Limit: 2, Now: w.now,
		Replaced: w.telling(replaced), Evicted: w.telling(evicted),
	})
	want := slices.Concat(replaced.Parcels, evicted.Parcels, evicted.Parcels)
	w.waits(want, "Open, for the session that it replaced and for each that it evicted")
	closed := w.carrying(w.parcel(), w.parcel())
	_, err := w.store.CloseUser(w.Context(), have[0].Token.Bucket, "usr_ana", "", w.telling(closed))
	w.ok(err, "CloseUser")
	want = slices.Concat(want, closed.Parcels, closed.Parcels)
	w.waits(want, "CloseUser, for each session that it ended")
	ids := map[string]bool{}
	for _, p := range w.posted(mail) {
		ids[p.ID] = true
	}
	same(w, len(ids), len(want), "each parcel has an id of its own")
}

func sentByNothing(w *world) {
	kept, end := w.begin(w.session("usr_ana")), w.telling(w.carrying(w.parcel()))
	_, err := w.store.CloseUser(w.Context(), kept.Token.Bucket, "usr_ana", kept.ID, end)
	w.ok(err, "CloseUser")
	unknown := w.token(7)
	w.opens(cloakroom.Opening{
		Session: w.session("usr_ana"), Replace: &unknown, MovedUntil: w.now.Add(grace), Limit: 9, Now: w.now, Replaced: end, Evicted: end,
	})
	w.waits(nil, "nothing was ended, so nothing is sent")
}
