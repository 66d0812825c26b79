package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func opening(run runner) {
	run("Open stores every field of the session", openStores)
	run("a token that was never opened is ErrNotFound", openUnknown)
	run("Replace closes the session that has the token", openReplaces)
	run("a replaced token is ErrMoved until MovedUntil, then ErrNotFound", openMoves)
	run("Inherit makes the replaced session's data the new one's", openInherits)
	run("without Inherit the replaced session's data is dropped", openDrops)
	run("Replace of what is not there opens without it", openReplacesNothing)
	run("Replace of a session past its ExpiresAt takes it all the same", openReplacesExpired)
	run("over the Limit the oldest sessions are closed", openEvicts)
	run("of sessions equally old those with the smaller ids are closed", openEvictsByID)
	run("a session that has expired at Now does not count for the Limit", openEvictsLiving)
	run("the Limit of a user closes nobody else's sessions", openEvictsOwn)
	run("the replaced session does not count for the Limit", openReplacesWithinLimit)
}

func openStores(w *world) {
	for _, s := range []cloakroom.SessionRecord{w.session("usr_ana"), w.session("")} {
		done := w.opens(cloakroom.Opening{Session: s, Now: w.now})
		same(w, done, cloakroom.Opened{}, "Open replaced and evicted nothing")
		w.lives(s, "Session returns what Open stored")
	}
	bare := cloakroom.SessionRecord{
		ID: "ses_bare", Realm: "other", Token: w.token(0), ExpiresAt: w.now.Add(time.Second),
	}
	w.lives(w.begin(bare), "Session returns zero fields as they were stored")
}

func openUnknown(w *world) {
	w.dead(w.token(1), "Session of an unknown token")
	s := w.begin(w.session("usr_ana"))
	elsewhere := s.Token
	elsewhere.Bucket++
	w.dead(elsewhere, "the bucket is part of the token")
}

func openReplaces(w *world) {
	guest, bystander := w.begin(w.session("")), w.begin(w.session(""))
	user := w.session("usr_ana")
	done := w.opens(cloakroom.Opening{Session: user, Replace: &guest.Token, MovedUntil: w.now.Add(grace), Now: w.now})
	same(w, done, cloakroom.Opened{Replaced: true}, "Opened says that this call took the session, which is no eviction")
	w.lives(user, "the new session is open")
	w.lives(bystander, "another guest's session is left alone")
	there, err := w.store.Close(w.Context(), guest.Ref(), w.ending())
	w.ok(err, "Close")
	same(w, there, false, "the replaced session is closed already")

	second := w.session("usr_ana")
	w.opens(cloakroom.Opening{Session: second, Replace: &user.Token, MovedUntil: w.now.Add(grace), Now: w.now})
	records, err := w.store.SessionsOf(w.Context(), user.Token.Bucket, "usr_ana", "", 10)
	w.ok(err, "SessionsOf")
	same(w, records, []cloakroom.SessionRecord{second}, "the replaced session is no longer listed")
}

func openMoves(w *world) {
	old, immediate := w.begin(w.session("")), w.begin(w.session(""))
	until := w.now.Add(grace)
	w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Replace: &old.Token, MovedUntil: until, Now: w.now})
	w.movedUntil(old.Token, until)

	w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Replace: &immediate.Token, Now: w.now})
	w.dead(immediate.Token, "a zero MovedUntil is no grace at all")
}

// movedUntil asserts what an exchanged token answers, and that the clock is the caller's.
func (w *world) movedUntil(t cloakroom.TokenID, until time.Time) {
	w.Helper()
	for _, moment := range []struct {
		now  time.Time
		want error
		law  string
	}{
		{w.now, cloakroom.ErrMoved, "an exchanged token is ErrMoved at once"},
		{until.Add(-tick), cloakroom.ErrMoved, "an exchanged token is ErrMoved just before its grace ends"},
		{until, cloakroom.ErrNotFound, "what ends at now is absent: the grace is over"},
		{until.Add(day), cloakroom.ErrNotFound, "after the grace the token is ErrNotFound"},
	} {
		_, err := w.found(t, moment.now)
		w.is(err, moment.want, moment.law)
	}
}

func openInherits(w *world) {
	guest, user := w.begin(w.session("")), w.session("usr_ana")
	w.remember(guest, "cart", "one cloak")
	w.ok(w.store.SetDatum(w.Context(), guest.Ref(), cloakroom.Datum{Key: "cart", Value: []byte("two cloaks"), Revision: 1}, 100), "SetDatum")
	w.remember(guest, "locale", "de")
	w.opens(cloakroom.Opening{Session: user, Replace: &guest.Token, Inherit: true, MovedUntil: w.now.Add(grace), Now: w.now})

	w.holds(user, cloakroom.Datum{Key: "cart", Value: []byte("two cloaks"), Revision: 2}, "data travels with its revision")
	w.holds(user, cloakroom.Datum{Key: "locale", Value: []byte("de"), Revision: 1}, "all data travels")
	w.lacks(guest, "cart", "the data is the new session's alone")

	limit := len("cart"+"two cloaks"+"locale"+"de") + len("k"+"v")
	w.ok(w.store.SetDatum(w.Context(), user.Ref(), cloakroom.Datum{Key: "k", Value: []byte("v")}, limit), "SetDatum up to the cap")
	err := w.store.SetDatum(w.Context(), user.Ref(), cloakroom.Datum{Key: "l", Value: []byte("")}, limit)
	w.is(err, cloakroom.ErrTooLarge, "inherited data counts for the cap")
}

func openDrops(w *world) {
	guest, user := w.begin(w.session("")), w.session("usr_ana")
	w.remember(guest, "cart", "one cloak")
	w.opens(cloakroom.Opening{Session: user, Replace: &guest.Token, MovedUntil: w.now.Add(grace), Now: w.now})
	w.lacks(user, "cart", "data travels only with Inherit")
	w.lacks(guest, "cart", "the data went with the session")
	w.remember(user, "cart", "fits")
}

func openReplacesNothing(w *world) {
	closed, moved := w.begin(w.session("")), w.begin(w.session(""))
	_, err := w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")
	w.opens(cloakroom.Opening{Session: w.session(""), Replace: &moved.Token, MovedUntil: w.now.Add(grace), Now: w.now})

	for law, token := range map[string]cloakroom.TokenID{
		"an unknown token":                   w.token(3),
		"a closed session's token":           closed.Token,
		"a token that was exchanged already": moved.Token,
	} {
		s := w.session("usr_ana")
		done := w.opens(cloakroom.Opening{Session: s, Replace: &token, Inherit: true, MovedUntil: w.now.Add(day), Now: w.now})
		same(w, done, cloakroom.Opened{}, "nothing was replaced: "+law)
		w.lives(s, "the new session is open: "+law)
		w.lacks(s, "cart", "there was nothing to inherit: "+law)
	}
	w.movedUntil(moved.Token, w.now.Add(grace))
	w.dead(closed.Token, "a closed session's token stays dead")
}

func openReplacesExpired(w *world) {
	guest := w.session("")
	guest.ExpiresAt = w.now.Add(-time.Hour)
	w.begin(guest)
	w.remember(guest, "cart", "one cloak")
	user := w.session("usr_ana")
	done := w.opens(cloakroom.Opening{Session: user, Replace: &guest.Token, Inherit: true, MovedUntil: w.now.Add(grace), Now: w.now})
	same(w, done, cloakroom.Opened{Replaced: true}, "the engine decides what lives, so a session past its ExpiresAt is replaced")
	w.holds(user, cloakroom.Datum{Key: "cart", Value: []byte("one cloak"), Revision: 1}, "its data was inherited")
}

func openEvicts(w *world) {
	ages := []time.Duration{2, 6, 3, 5, 1} // hours
	var have []cloakroom.SessionRecord
	for _, age := range ages {
		s := w.session("usr_ana")
		s.CreatedAt = w.now.Add(-age * time.Hour)
		have = append(have, w.begin(s))
	}
	w.remember(have[1], "cart", "one cloak")
	next := func(limit int) cloakroom.Opened {
		s := w.session("usr_ana")
		s.CreatedAt = w.now
		return w.opens(cloakroom.Opening{Session: s, Limit: limit, Now: w.now})
	}
	same(w, next(0).Evicted, nil, "Limit 0 is none")
	same(w, next(7).Evicted, nil, "at the Limit nobody is closed, the new one included")
	sameSet(w, next(7).Evicted, []string{have[1].ID}, "over the Limit the oldest is closed")
	w.dead(have[1].Token, "the token of a closed session is ErrNotFound, not ErrMoved")
	w.lacks(have[1], "cart", "the data of a closed session is dropped")
	w.lives(have[3], "the second oldest lives")
	sameSet(w, next(4).Evicted, []string{have[3].ID, have[2].ID, have[0].ID, have[4].ID},
		"a smaller Limit closes the oldest until it holds")
	records, err := w.store.SessionsOf(w.Context(), have[0].Token.Bucket, "usr_ana", "", 10)
	w.ok(err, "SessionsOf")
	same(w, len(records), 4, "at most Limit remain")
}

func openEvictsByID(w *world) {
	var have []cloakroom.SessionRecord
	for range 12 {
		have = append(have, w.session("usr_ana"))
	}
	for i := range have {
		w.begin(have[(i*5)%len(have)]) // neither in the order of ids nor against it
	}
	done := w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Limit: 7, Now: w.now})
	sameSet(w, done.Evicted, ids(have[:6]), "of equal CreatedAt the smaller ids are the oldest")
}

func openEvictsLiving(w *world) {
	expired, edge, living := w.session("usr_ana"), w.session("usr_ana"), w.session("usr_ana")
	expired.ExpiresAt, edge.ExpiresAt, living.ExpiresAt = w.now.Add(-day), w.now, w.now.Add(tick)
	for _, s := range []cloakroom.SessionRecord{expired, edge, living} {
		w.begin(s)
	}
	done := w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Limit: 2, Now: w.now})
	same(w, done.Evicted, nil, "two live, the new one included: the expired ones do not count")
	done = w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Limit: 2, Now: w.now})
	same(w, done.Evicted, []string{living.ID}, "the oldest of those that live is closed")
}

func openEvictsOwn(w *world) {
	other := w.session("usr_bob")
	other.Token.Bucket = bucketOf("usr_ana")
	guest := w.session("")
	guest.Token.Bucket = bucketOf("usr_ana")
	w.begin(other)
	w.begin(guest)
	first := w.begin(w.session("usr_ana"))
	done := w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Limit: 1, Now: w.now})
	same(w, done.Evicted, []string{first.ID}, "only sessions of the user are closed")

	second := w.session("")
	second.Token.Bucket = guest.Token.Bucket
	done = w.opens(cloakroom.Opening{Session: second, Limit: 1, Now: w.now})
	same(w, done.Evicted, nil, "guests are not one user")
	for _, s := range []cloakroom.SessionRecord{other, guest, second} {
		w.lives(s, "sessions of others in the same bucket live on")
	}
}

func openReplacesWithinLimit(w *world) {
	first, second := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	done := w.opens(cloakroom.Opening{
		Session: w.session("usr_ana"), Replace: &second.Token, MovedUntil: w.now.Add(grace), Limit: 2, Now: w.now,
	})
	same(w, done, cloakroom.Opened{Replaced: true}, "the replaced session made room already")
	w.lives(first, "the other session lives")
}
