package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func raceReplace(w *world) {
	guest := w.begin(w.session(""))
	w.remember(guest, "cart", "one cloak")
	next := w.sessions("usr_ana")
	done := make([]cloakroom.Opened, callers)
	w.allWin(race(func(i int) (err error) {
		done[i], err = w.store.Open(w.Context(), cloakroom.Opening{
			Session: next[i], Replace: &guest.Token, Inherit: true, MovedUntil: w.now.Add(grace), Now: w.now,
		})
		return err
	}), "Open")
	heirs := 0
	for i, s := range next {
		w.lives(s, "every session was opened")
		_, err := w.store.Datum(w.Context(), s.Ref(), "cart")
		same(w, err == nil, done[i].Replaced, "the data is with the session that replaced")
		if done[i].Replaced {
			heirs++
		}
	}
	same(w, heirs, 1, "of many racing calls exactly one replaced")
}

// sessions makes a session for each caller of a race. They are not open yet.
func (w *world) sessions(userID string) []cloakroom.SessionRecord {
	var all []cloakroom.SessionRecord
	for range callers {
		all = append(all, w.session(userID))
	}
	return all
}

func raceLimit(w *world) {
	const limit = 5
	next := w.sessions("usr_ana")
	done := make([]cloakroom.Opened, callers)
	w.allWin(race(func(i int) (err error) {
		done[i], err = w.store.Open(w.Context(), cloakroom.Opening{Session: next[i], Limit: limit, Now: w.now})
		return err
	}), "Open")
	left, err := w.store.SessionsOf(w.Context(), next[0].Token.Bucket, "usr_ana", "", 1000)
	w.ok(err, "SessionsOf")
	same(w, len(left), limit, "at most Limit sessions remain, however many callers race")
	accounted := ids(left)
	for _, d := range done {
		accounted = append(accounted, d.Evicted...)
	}
	sameSet(w, accounted, ids(next), "each session was closed by one call or lives")
}

func raceRenew(w *world) {
	s := w.begin(w.session("usr_ana"))
	next := slices.Repeat([]cloakroom.SessionRecord{s}, callers)
	for i := range next {
		next[i].Token = w.token(s.Token.Bucket)
	}
	won := w.winner(race(func(i int) error {
		err := w.renew(s.Token, next[i], w.now.Add(grace))
		if errors.Is(err, cloakroom.ErrNotFound) {
			return cloakroom.ErrNotFound // it may say that the token was moved: both are the contract's ErrNotFound
		}
		return err
	}), cloakroom.ErrNotFound, "Renew")
	for i, n := range next {
		if i == won {
			w.lives(n, "the token of the winner opens the session")
		} else {
			w.dead(n.Token, "the token of who lost opens nothing")
		}
	}
}

func raceClose(w *world) {
	s := w.begin(w.session("usr_ana"))
	closed := make([]bool, callers)
	w.allWin(race(func(i int) (err error) {
		closed[i], err = w.store.Close(w.Context(), s.Ref(), w.ending())
		return err
	}), "Close")
	closed = slices.DeleteFunc(closed, func(there bool) bool { return !there })
	same(w, len(closed), 1, "of many racing calls exactly one closed the session")
	w.dead(s.Token, "the session is closed")
}

// raceCloseAgainst closes sessions while everything that could revive one is tried on them.
func raceCloseAgainst(w *world) {
	all := w.sessions("usr_ana")[:callers/4]
	renewed := slices.Clone(all)
	for i, s := range all {
		w.begin(s)
		renewed[i].Token = w.token(s.Token.Bucket)
	}
	w.allWin(race(func(i int) error {
		s, next := all[i/4], renewed[i/4]
		switch i % 4 {
		case 0:
			_, err := w.store.Close(w.Context(), s.Ref(), w.ending())
			return err
		case 1:
			return w.store.Touch(w.Context(), []cloakroom.Touch{{Token: s.Token, SeenAt: w.now, ExpiresAt: w.now.Add(2 * day)}})
		case 2:
			return ignore(w.renew(s.Token, next, w.now), cloakroom.ErrNotFound)
		default:
			return ignore(w.set(s, "cart", "one cloak", 0, 100), cloakroom.ErrNotFound)
		}
	}), "racing with Close")
	for i, s := range all {
		w.dead(s.Token, "a closed session stays closed")
		w.dead(renewed[i].Token, "a closed session stays closed, by its new token too")
		w.lacks(s, "cart", "a closed session has no data")
	}
	left, err := w.store.SessionsOf(w.Context(), all[0].Token.Bucket, "usr_ana", "", 1000)
	w.ok(err, "SessionsOf")
	same(w, left, nil, "a closed session is not listed")
}

// ignore returns err unless it is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func raceTouch(w *world) {
	s := w.begin(w.session("usr_ana"))
	w.allWin(race(func(i int) error {
		i = (i * 37) % callers
		return w.store.Touch(w.Context(), []cloakroom.Touch{{
			Token: s.Token, SeenAt: w.now.Add(time.Duration(i) * tick), ExpiresAt: w.now.Add(2*day - time.Duration(i)*tick),
		}})
	}), "Touch")
	s.LastSeenAt, s.ExpiresAt = w.now.Add((callers-1)*tick), w.now.Add(2*day)
	w.lives(s, "times only grow, whoever comes last")
}
