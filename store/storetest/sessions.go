package storetest

import (
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func sessions(run runner) {
	run("S53 Session and SessionsOf return an expired session until it is swept", sessionExpired)
	run("Touch lets times grow and never shrink", touchGrows)
	run("Touch passes over sessions that are gone", touchGone)
	run("Renew gives a new token and writes what a proof changes, and nothing else", renewWrites)
	run("the renewed token is ErrMoved until movedUntil, then ErrNotFound", renewMoves)
	run("Renew with the session's own token keeps it and the chains, writes the rest and moves nothing", renewInPlace)
	run("Renew keeps the data", renewKeepsData)
	run("Renew with another token than the session's is ErrNotFound and changes nothing", renewStale)
	run("Close ends one session, drops its data and says whether there was one", closeOne)
	run("Close by another owner is false and ends nothing", closeOthers)
	run("CloseUser ends all sessions of the user but the kept one", closeUser)
	run("SessionsOf pages through the user's sessions, newest first", sessionPages)
	run("SessionsOf nobody lists the guests of the bucket", sessionsOfGuests)
}

func sessionExpired(w *world) {
	s := w.session("usr_ana")
	s.ExpiresAt = w.now.Add(-day)
	w.begin(s)
	w.lives(s, "the engine decides what lives")
	records, err := w.store.SessionsOf(w.Context(), s.Token.Bucket, "usr_ana", "", 10)
	w.ok(err, "SessionsOf")
	same(w, records, []cloakroom.SessionRecord{s}, "SessionsOf returns expired sessions too")

	w.clean(cloakroom.Sweep{Now: w.now, SessionsBefore: w.now, Max: 10})
	w.dead(s.Token, "the sweeper has passed")
	records, err = w.store.SessionsOf(w.Context(), s.Token.Bucket, "usr_ana", "", 10)
	w.ok(err, "SessionsOf")
	same(w, records, nil, "the sweeper has passed")
}

func touchGrows(w *world) {
	a, b, c := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana")), w.begin(w.session(""))
	w.ok(w.store.Touch(w.Context(), nil), "Touch of nothing")
	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{
		{Token: a.Token, SeenAt: w.now, ExpiresAt: w.now.Add(2 * day), IssuedAt: w.now.Add(-tick)},
		{Token: c.Token, SeenAt: w.now, ExpiresAt: c.ExpiresAt.Add(-tick)},
	}), "Touch")
	a.LastSeenAt, a.ExpiresAt, a.IssuedAt = w.now, w.now.Add(2*day), w.now.Add(-tick)
	c.LastSeenAt = w.now
	w.lives(a, "Touch writes SeenAt, ExpiresAt and IssuedAt")
	w.lives(b, "Touch leaves sessions alone that it does not name")
	w.lives(c, "each time grows by itself; a zero IssuedAt leaves the stored one")

	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{
		{Token: a.Token, SeenAt: w.now.Add(-tick), ExpiresAt: w.now.Add(day), IssuedAt: w.now.Add(-day)},
		{Token: b.Token},
	}), "Touch")
	w.lives(a, "times only grow: a late Touch takes nothing back")
	w.lives(b, "zero times change nothing")
}

func touchGone(w *world) {
	closed, moved, lives := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	_, err := w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")
	renewed := moved
	renewed.Token = w.token(moved.Token.Bucket)
	w.ok(w.renew(moved.Token, renewed, w.now.Add(grace)), "Renew")

	later := w.now.Add(day)
	var touches []cloakroom.Touch
	for _, t := range []cloakroom.TokenID{closed.Token, w.token(1), moved.Token, lives.Token} {
		touches = append(touches, cloakroom.Touch{Token: t, SeenAt: later, ExpiresAt: later.Add(day), IssuedAt: later})
	}
	w.ok(w.store.Touch(w.Context(), touches), "a session that is gone stays gone, silently")
	w.dead(closed.Token, "a touched session that is gone stays gone")
	w.lives(renewed, "an exchanged token touches nothing")
	lives.LastSeenAt, lives.ExpiresAt, lives.IssuedAt = later, later.Add(day), later
	w.lives(lives, "the others are touched")
}

func renewWrites(w *world) {
	s := w.begin(w.session("usr_ana"))
	proof := cloakroom.SessionRecord{
		ID: s.ID, Realm: s.Realm, UserID: s.UserID, Token: w.token(s.Token.Bucket),
		Epoch: 9, Methods: []string{"passkey"}, Level: 1,
		AuthenticatedAt: w.now, IssuedAt: w.now.Add(tick), LastSeenAt: w.now.Add(2 * tick), ExpiresAt: w.now.Add(time.Hour),
		Refresh: []cloakroom.RefreshChain{w.chain(1)}, CreatedAt: w.now.Add(day), Scopes: []string{"everything"}, IP: "192.0.2.1", Agent: "curl",
	}
	w.ok(w.renew(s.Token, proof, w.now.Add(grace)), "Renew")

	want := s
	want.Token, want.Epoch, want.Methods, want.Level = proof.Token, proof.Epoch, proof.Methods, proof.Level
	want.AuthenticatedAt, want.IssuedAt = proof.AuthenticatedAt, proof.IssuedAt
	want.LastSeenAt, want.ExpiresAt, want.Refresh = proof.LastSeenAt, proof.ExpiresAt, proof.Refresh
	w.lives(want, "Renew writes token, Epoch, times of the proof, Methods, Level and Refresh")
	records, err := w.store.SessionsOf(w.Context(), s.Token.Bucket, s.UserID, "", 10)
	w.ok(err, "SessionsOf")
	same(w, records, []cloakroom.SessionRecord{want}, "it is the same session still")
}

func renewMoves(w *world) {
	s := w.begin(w.session("usr_ana"))
	first, second := s, s
	first.Token, second.Token = w.token(s.Token.Bucket), w.token(s.Token.Bucket)
	w.ok(w.renew(s.Token, first, w.now.Add(grace)), "Renew")
	w.ok(w.renew(first.Token, second, w.now.Add(2*grace)), "Renew again")
	w.movedUntil(s.Token, w.now.Add(grace))
	w.movedUntil(first.Token, w.now.Add(2*grace))
	w.lives(second, "the newest token opens the session")
}

func renewInPlace(w *world) {
	s, closed := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	w.remember(s, "cart", "one cloak")
	want := s
	want.Epoch, want.Methods, want.Level = 9, []string{"passkey"}, 1
	want.AuthenticatedAt, want.IssuedAt, want.LastSeenAt, want.ExpiresAt = w.now, w.now.Add(tick), w.now.Add(2*tick), w.now.Add(time.Hour)
	given := want
	given.Refresh = []cloakroom.RefreshChain{w.chain(1)}
	w.ok(w.renew(s.Token, given, w.now.Add(grace)), "Renew in place")
	w.lives(want, "the token and its chains stay and the rest is written")
	w.holds(want, cloakroom.Datum{Key: "cart", Value: []byte("one cloak"), Revision: 1}, "the data stays")
	records, err := w.store.SessionsOf(w.Context(), s.Token.Bucket, s.UserID, closed.ID, 10)
	w.ok(err, "SessionsOf")
	same(w, records, []cloakroom.SessionRecord{want}, "it is the same session still")

	again := want
	again.Token = w.token(s.Token.Bucket)
	w.ok(w.renew(want.Token, again, w.now.Add(grace)), "Renew of a session that was renewed in place")
	w.lives(again, "it can be given a new token")
	w.movedUntil(want.Token, w.now.Add(grace))
	w.is(w.renew(want.Token, want, w.now.Add(day)), cloakroom.ErrNotFound, "Renew in place of a token that was exchanged")
	_, err = w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")
	w.is(w.renew(closed.Token, closed, w.now.Add(day)), cloakroom.ErrNotFound, "Renew in place of a closed session")
	w.dead(closed.Token, "a closed session stays closed")
}

func renewKeepsData(w *world) {
	s := w.begin(w.session(""))
	w.remember(s, "cart", "one cloak")
	renewed := s
	renewed.Token = w.token(s.Token.Bucket)
	w.ok(w.renew(s.Token, renewed, w.now.Add(grace)), "Renew")
	w.holds(renewed, cloakroom.Datum{Key: "cart", Value: []byte("one cloak"), Revision: 1}, "data belongs to the session, not to its token")
	there, err := w.store.Close(w.Context(), s.Ref(), w.ending())
	w.ok(err, "Close")
	same(w, there, true, "a ref from before the renewal names the session still")
	w.dead(renewed.Token, "the renewed session is closed")
}

func renewStale(w *world) {
	s, other, closed := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	renewed := s
	renewed.Token, renewed.Level = w.token(s.Token.Bucket), 1
	w.ok(w.renew(s.Token, renewed, w.now.Add(grace)), "Renew")
	_, err := w.store.Close(w.Context(), closed.Ref(), w.ending())
	w.ok(err, "Close")

	late := s
	late.Token, late.Level = w.token(s.Token.Bucket), 7
	w.is(w.renew(s.Token, late, w.now.Add(day)), cloakroom.ErrNotFound, "Renew of a token that was exchanged")
	w.is(w.renew(other.Token, late, w.now.Add(day)), cloakroom.ErrNotFound, "Renew with another session's token")
	w.is(w.renew(w.token(s.Token.Bucket), late, w.now.Add(day)), cloakroom.ErrNotFound, "Renew of an unknown token")
	late.ID = closed.ID
	w.is(w.renew(closed.Token, late, w.now.Add(day)), cloakroom.ErrNotFound, "Renew of a closed session")

	w.dead(late.Token, "a failed Renew stores no token")
	w.dead(closed.Token, "a closed session's token stays dead")
	w.lives(renewed, "a failed Renew changes nothing")
	w.lives(other, "a failed Renew changes nothing")
	w.movedUntil(s.Token, w.now.Add(grace))
}

func closeOne(w *world) {
	for _, s := range []cloakroom.SessionRecord{w.begin(w.session("usr_ana")), w.begin(w.session(""))} {
		w.remember(s, "cart", "one cloak")
		for _, want := range []bool{true, false} {
			there, err := w.store.Close(w.Context(), s.Ref(), w.ending())
			w.ok(err, "closing twice is no error")
			same(w, there, want, "Close reports whether there was a session")
		}
		w.dead(s.Token, "the token of a closed session is ErrNotFound, not ErrMoved")
		w.lacks(s, "cart", "Close drops the data")
		again := s
		again.Token = w.token(s.Token.Bucket)
		w.lacks(w.begin(again), "cart", "dropped data never comes back, were there another session of this id")
	}
}

func closeOthers(w *world) {
	mine, guest := w.begin(w.session("usr_ana")), w.begin(w.session(""))
	for _, s := range []cloakroom.SessionRecord{mine, guest} {
		for law, change := range map[string]func(*cloakroom.SessionRef){
			"another user":   func(r *cloakroom.SessionRef) { r.UserID = "usr_eve" },
			"another bucket": func(r *cloakroom.SessionRef) { r.Bucket++ },
			"another id":     func(r *cloakroom.SessionRef) { r.ID = "ses_other" },
		} {
			ref := s.Ref()
			change(&ref)
			there, err := w.store.Close(w.Context(), ref, w.ending())
			w.ok(err, "Close")
			same(w, there, false, "all three of a ref must match: "+law)
			w.lives(s, "all three of a ref must match: "+law)
		}
	}
	ref := mine.Ref()
	ref.UserID = ""
	there, err := w.store.Close(w.Context(), ref, w.ending())
	w.ok(err, "Close")
	same(w, there, false, "a guest's ref does not close the session of a user")
	w.lives(mine, "a guest's ref does not close the session of a user")
}

func closeUser(w *world) {
	var mine []cloakroom.SessionRecord
	for range 4 {
		mine = append(mine, w.begin(w.session("usr_ana")))
	}
	w.remember(mine[0], "cart", "one cloak")
	w.remember(mine[2], "cart", "kept")
	other := w.session("usr_bob")
	other.Token.Bucket = mine[0].Token.Bucket
	w.begin(other)
	bucket := mine[0].Token.Bucket

	ended, err := w.store.CloseUser(w.Context(), bucket, "usr_ana", mine[2].ID, w.ending())
	w.ok(err, "CloseUser")
	sameSet(w, ended, []string{mine[0].ID, mine[1].ID, mine[3].ID}, "CloseUser returns the ids of the ended sessions")
	for _, i := range []int{0, 1, 3} {
		w.dead(mine[i].Token, "the token of an ended session is ErrNotFound")
	}
	w.lacks(mine[0], "cart", "the data of an ended session is dropped")
	w.lives(mine[2], "the kept session lives")
	w.holds(mine[2], cloakroom.Datum{Key: "cart", Value: []byte("kept"), Revision: 1}, "the kept session keeps its data")

	ended, err = w.store.CloseUser(w.Context(), bucket, "usr_ana", "", w.ending())
	w.ok(err, "CloseUser")
	same(w, ended, []string{mine[2].ID}, "with an empty keep none is kept")
	ended, err = w.store.CloseUser(w.Context(), bucket, "usr_ana", "", w.ending())
	w.ok(err, "CloseUser of a user without sessions")
	same(w, ended, nil, "there was nothing left to end")
	w.lives(other, "another user of the bucket keeps its session")
}

func sessionPages(w *world) {
	var want []cloakroom.SessionRecord
	for range 7 {
		want = append(want, w.session("usr_ana"))
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		w.begin(want[i])
	}
	other := w.session("usr_bob")
	other.Token.Bucket = want[0].Token.Bucket
	w.begin(other)
	slices.Reverse(want)

	var got []cloakroom.SessionRecord
	before := ""
	for _, size := range []int{3, 3, 1, 0} {
		page, err := w.store.SessionsOf(w.Context(), want[0].Token.Bucket, "usr_ana", before, 3)
		w.ok(err, "SessionsOf")
		same(w, len(page), size, "SessionsOf returns up to max sessions, as long as there are some")
		got = append(got, page...)
		before = got[len(got)-1].ID
	}
	same(w, got, want, "pages of SessionsOf are all sessions of the user in descending order of id")
	none, err := w.store.SessionsOf(w.Context(), want[0].Token.Bucket+1, "usr_ana", "", 3)
	w.ok(err, "SessionsOf")
	same(w, none, nil, "a user's sessions live in one bucket")
}

func sessionsOfGuests(w *world) {
	var want []cloakroom.SessionRecord
	for range 4 {
		want = append(want, w.begin(w.session("")))
	}
	bucket := want[0].Token.Bucket
	other, user := w.session(""), w.session("usr_ana")
	other.Token.Bucket, user.Token.Bucket = bucket+1, bucket
	w.begin(other)
	w.begin(user)
	_, err := w.store.Close(w.Context(), want[1].Ref(), w.ending())
	w.ok(err, "Close")
	w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Replace: &want[2].Token, MovedUntil: w.now.Add(grace), Now: w.now})

	got, err := w.store.SessionsOf(w.Context(), bucket, "", "", 10)
	w.ok(err, "SessionsOf")
	same(w, got, []cloakroom.SessionRecord{want[3], want[0]}, "the guests of the bucket, newest first")
	got, err = w.store.SessionsOf(w.Context(), bucket, "", want[3].ID, 1)
	w.ok(err, "SessionsOf")
	same(w, got, []cloakroom.SessionRecord{want[0]}, "guests are paged as sessions of a user are")
}
