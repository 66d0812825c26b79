package storetest

import (
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

func raceFirstAPIKey(w *world) {
	k := w.apiKey("usr_ana")
	contenders := make([]cloakroom.APIKeyRecord, callers)
	for i := range contenders {
		contenders[i] = k
		contenders[i].Token, contenders[i].Name = w.token(k.Token.Bucket), fmt.Sprint("key ", i)
	}
	won := w.winner(race(func(i int) error { return w.swapKeys(contenders[i]) }), cloakroom.ErrConflict, "SwapAPIKeys of a new key")
	for i, k := range contenders {
		if i == won {
			w.admits(k, "the key of the winner is stored")
		} else {
			w.refusesKey(k.Token, "of who lost nothing is stored")
		}
	}
}

func raceSwapAPIKeys(w *world) {
	k := w.issued(w.apiKey("usr_ana"))
	next := make([]cloakroom.APIKeyRecord, callers)
	for i := range next {
		next[i] = w.apiKey("usr_ana")
	}
	won := w.winner(race(func(i int) error {
		changed := k
		changed.Name, changed.Revision = fmt.Sprint("name ", i), 2
		return w.swapKeys(next[i], changed)
	}), cloakroom.ErrConflict, "SwapAPIKeys of one revision")
	k.Name, k.Revision = fmt.Sprint("name ", won), 2
	w.listsKeys(cloakroom.APIKeyQuery{Realm: realm, Max: 1000}, []cloakroom.APIKeyRecord{k, next[won]},
		"both keys of the winner are stored, and neither of anybody else")
}

func raceDeleteAPIKey(w *world) {
	k := w.issued(w.apiKey("usr_ana"))
	events, was := make([]cloakroom.EventRecord, callers), make([]bool, callers)
	for i := range events {
		events[i] = w.event("usr_ana")
	}
	errs := race(func(i int) (err error) {
		if i%2 == 0 {
			was[i], err = w.store.DeleteAPIKey(w.Context(), realm, k.ID, events[i])
			return err
		}
		used := k
		used.LastUsedAt, used.Revision = w.now, 2
		return w.swapKeys(used)
	})
	w.winners(errs, cloakroom.ErrConflict, "DeleteAPIKey and SwapAPIKeys")
	var want []cloakroom.EventRecord
	for i := range was {
		if was[i] {
			want = append(want, events[i])
		}
	}
	same(w, len(want), 1, "of many that delete one does")
	w.happened(want, "and its event alone is stored")
	w.refusesKey(k.Token, "what is deleted stays deleted, whatever races with it")
}
