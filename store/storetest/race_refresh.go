package storetest

import (
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func raceRotate(w *world) {
	s := w.begin(w.session("usr_ana"))
	next := make([]cloakroom.RefreshChain, callers)
	for i := range next {
		next[i] = w.successor(s.Refresh[0])
	}
	won := w.winner(race(func(i int) error {
		return w.store.Rotate(w.Context(), s.Refresh[0].Current, next[i], cloakroom.Touch{
			Token: s.Token, SeenAt: w.now.Add(time.Duration(i) * tick),
		})
	}), cloakroom.ErrConflict, "Rotate")
	s.Refresh[0], s.LastSeenAt = next[won], w.now.Add(time.Duration(won)*tick)
	w.lives(s, "chain and use are the winner's")
}

func raceRotateBoth(w *world) {
	s := w.begin(w.session("usr_ana"))
	next := make([]cloakroom.RefreshChain, callers)
	for i := range next {
		next[i] = w.successor(s.Refresh[i%2])
	}
	won := w.winners(race(func(i int) error { return w.rotate(s, s.Refresh[i%2].Current, next[i]) }), cloakroom.ErrConflict, "Rotate")
	if len(won) != 2 || won[0]%2 == won[1]%2 {
		w.Fatalf("of the callers for each chain exactly one succeeds, not %d", won)
	}
	for _, i := range won {
		s.Refresh[i%2] = next[i]
	}
	w.lives(s, "no rotation undoes that of the other chain")
}

// raceRotateAgainst ends or renews sessions while their tokens are exchanged.
func raceRotateAgainst(w *world) {
	all := w.sessions("usr_ana")
	renewed := slices.Clone(all)
	for i := range all {
		w.begin(all[i])
		renewed[i].Token = w.token(all[i].Token.Bucket)
		renewed[i].Refresh = []cloakroom.RefreshChain{w.chain(0)}
	}
	next := w.chain(3)
	w.allWin(race(func(i int) error {
		s := all[i/2*2]
		if i%2 == 0 {
			return ignore(w.rotate(s, s.Refresh[0].Current, next), cloakroom.ErrNotFound)
		}
		if i%4 == 1 {
			_, err := w.store.Close(w.Context(), s.Ref(), w.ending())
			return err
		}
		return w.renew(s.Token, renewed[i/2*2], w.now)
	}), "racing with Rotate")
	for i := 0; i < callers; i += 4 {
		w.dead(all[i].Token, "a closed session stays closed, whoever rotates")
		w.lives(renewed[i+2], "a Rotate by the token that was replaced changes nothing")
	}
}

// raceRotateInPlace renews sessions in place, from records that were read before, while their tokens are exchanged.
func raceRotateInPlace(w *world) {
	all := w.sessions("usr_ana")[:callers/2]
	next := make([]cloakroom.RefreshChain, len(all))
	for i := range all {
		w.begin(all[i])
		next[i] = w.successor(all[i].Refresh[0])
	}
	w.allWin(race(func(i int) error {
		s := all[i/2]
		if i%2 == 0 {
			return w.rotate(s, s.Refresh[0].Current, next[i/2])
		}
		s.Level++
		return w.renew(s.Token, s, w.now)
	}), "Rotate and Renew in place")
	for i, s := range all {
		s.Level++
		s.Refresh = []cloakroom.RefreshChain{next[i], s.Refresh[1]}
		w.lives(s, "the chain is that of Rotate, the rest that of Renew")
	}
}
