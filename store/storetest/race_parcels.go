package storetest

import (
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// raceParcels lets callers claim until nothing is left, and settle: some parcels for good, some for later.
func raceParcels(w *world) {
	const each = 4
	for range callers {
		e := w.carrying()
		for range each {
			e.Parcels = append(e.Parcels, w.parcel())
		}
		w.record(e)
	}
	var want []string
	for _, p := range w.posted(mail) {
		want = append(want, p.ID)
	}
	same(w, len(want), callers*each, "all are there")

	start, later := w.now.Add(time.Minute), w.now.Add(time.Hour)
	claimed := make([][]string, callers)
	w.allWin(race(func(i int) error {
		for {
			q := cloakroom.ParcelQuery{Realm: realm, Kind: mail, Now: start, LeasedUntil: later, Max: 3}
			mine, err := w.store.ClaimParcels(w.Context(), q)
			if err != nil || len(mine) == 0 {
				return err
			}
			for k, p := range mine {
				claimed[i] = append(claimed[i], p.ID)
				mine[k].DueAt = later
				if k%2 == 0 {
					mine[k].DueAt = time.Time{}
				}
			}
			if err := w.store.SettleParcels(w.Context(), mine); err != nil {
				return err
			}
		}
	}), "ClaimParcels and SettleParcels")
	var got []string
	for _, ids := range claimed {
		got = append(got, ids...)
	}
	for _, p := range w.takes(cloakroom.ParcelQuery{Now: start, LeasedUntil: later, Max: 1000}) {
		got = append(got, p.ID) // a store may give a racing caller less than there was
	}
	sameSet(w, got, want, "of many racing callers each gets parcels of its own, and all are handed out")
	for _, p := range w.posted(mail) {
		same(w, p.Tries, 1, "each was claimed once")
		same(w, p.DueAt, later, "what was not deleted waits until it is due again")
	}
}

func raceExternalID(w *world) {
	var contenders []cloakroom.User
	for i := range callers {
		u := w.user()
		if i%2 == 0 {
			w.stored(u)
		}
		contenders = append(contenders, u)
	}
	won := w.winner(race(func(i int) error {
		u := contenders[i]
		u.ExternalID = "wanted"
		if i%2 == 0 {
			return w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u})
		}
		return w.store.CreateUser(w.Context(), cloakroom.UserChange{User: u})
	}), cloakroom.ErrTaken, "CreateUser and UpdateUser")
	u := contenders[won]
	u.ExternalID, u.Revision = "wanted", int64(1+(won+1)%2)
	w.unchanged(u, "the external id finds the user whose call succeeded")
	for i, u := range contenders {
		err := w.byExternalID(realm, u.ExternalID)
		same(w, err == nil, i != won && i%2 == 0, fmt.Sprintf("of who lost all is as before: %d", i))
	}
}
