package storetest

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// told is what the feed tells of the other verbs, and in one step with them: see cancelled, too.
func told(run runner) {
	run("Close tells of the session that it ended", feedClose)
	run("CloseUser tells of each session that it ended", feedCloseUser)
	run("Open tells of the sessions that it replaced and evicted", feedOpen)
	run("UpdateUser tells of a new epoch, and of any other change that nothing has ended", feedUpdateUser)
	run("DeleteUser tells that no epoch is left", feedDeleteUser)
	run("Renew tells of the token that it replaced, and in place of nothing", feedRenew)
	run("a zero RevokedUntil tells nothing", feedSilent)
	run("a session that lives on is not told of", feedOthers)
	run("the sweeper tells nothing", feedSweeper)
}

func feedClose(w *world) {
	s, guest, other := w.begin(w.session("usr_ana")), w.begin(w.session("")), w.begin(w.session("usr_ana"))
	_, end := w.follow("")
	for _, s := range []cloakroom.SessionRecord{s, guest} {
		for _, want := range [][]cloakroom.Revocation{w.over(s.ID), nil} {
			_, err := w.store.Close(w.Context(), s.Ref(), w.ending())
			w.ok(err, "Close")
			end = w.tells(end, want, "Close tells of the session that it ended, once")
		}
	}
	ref := other.Ref()
	ref.UserID = "usr_eve"
	_, err := w.store.Close(w.Context(), ref, w.ending())
	w.ok(err, "Close")
	w.tells(end, nil, "nothing was ended")
}

func feedCloseUser(w *world) {
	a, kept, b := w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana")), w.begin(w.session("usr_ana"))
	w.begin(w.session("usr_bob"))
	_, end := w.follow("")
	for _, want := range [][]cloakroom.Revocation{w.over(a.ID, b.ID), nil} {
		_, err := w.store.CloseUser(w.Context(), kept.Token.Bucket, kept.UserID, kept.ID, w.ending())
		w.ok(err, "CloseUser")
		end = w.tells(end, want, "CloseUser tells of each session that it ended, and not of the kept one")
	}
}

func feedOpen(w *world) {
	var have []cloakroom.SessionRecord
	for range 4 {
		have = append(have, w.begin(w.session("usr_ana")))
	}
	guest := w.begin(w.session(""))
	o := cloakroom.Opening{
		Session: w.session("usr_ana"), Replace: &guest.Token, Inherit: true, MovedUntil: w.now.Add(grace), Limit: 3,
		Now: w.now, Replaced: w.ending(), Evicted: w.ending(),
	}
	end := w.tells("", nil, "opening alone tells nothing")
	w.opens(o)
	end = w.tells(end, w.over(guest.ID, have[0].ID, have[1].ID), "Open tells of the sessions that it replaced and evicted")
	o.Session, o.Limit = w.session("usr_ana"), 0
	w.opens(o)
	w.tells(end, nil, "what was replaced is not replaced again")
}

func feedUpdateUser(w *world) {
	u, other := w.stored(w.holder("admin")), w.stored(w.user())
	update := func(change func(*cloakroom.User), keeps string) error {
		next := u
		change(&next)
		return w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: next, Keeps: keeps, RevokedUntil: w.told()})
	}
	for law, refused := range map[error]func(*cloakroom.User){
		cloakroom.ErrConflict:   func(next *cloakroom.User) { next.Epoch, next.Revision = 9, 7 },
		cloakroom.ErrTaken:      func(next *cloakroom.User) { next.Epoch, next.Email = 9, other.Email },
		cloakroom.ErrLastHolder: func(next *cloakroom.User) { next.Epoch, next.Roles = 9, nil },
		cloakroom.ErrNotFound:   func(next *cloakroom.User) { next.Epoch, next.ID = 9, "usr_nobody" },
	} {
		w.is(update(refused, "admin"), law, "UpdateUser")
		w.tells("", nil, "nothing was written, in the feed neither: "+law.Error())
	}
	end := ""
	for _, step := range []struct{ epoch, told int64 }{
		{u.Epoch, cloakroom.UserChanged}, {u.Epoch + 1, u.Epoch + 1}, {u.Epoch + 1, cloakroom.UserChanged},
		{1 << 40, 1 << 40}, {2, cloakroom.UserChanged},
	} {
		w.ok(update(func(next *cloakroom.User) { next.Epoch = step.epoch }, ""), "UpdateUser")
		u.Epoch, u.Revision = step.epoch, u.Revision+1
		want := []cloakroom.Revocation{{Subject: sha256.Sum256([]byte(u.ID)), Epoch: step.told, Until: w.told()}}
		end = w.tells(end, want, "UpdateUser tells of an epoch that grows, otherwise that the user has changed")
	}
	u.Epoch = 1 << 41
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser")
	u.Revision++
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser")
	w.tells(end, nil, "a zero RevokedUntil tells nothing, of a new epoch or of another change")
}

func feedDeleteUser(w *world) {
	u, admin := w.stored(w.user()), w.stored(w.holder("admin"))
	w.is(w.store.DeleteUser(w.Context(), admin.ID, "admin", w.ending()), cloakroom.ErrLastHolder, "DeleteUser")
	w.is(w.store.DeleteUser(w.Context(), "usr_nobody", "", w.ending()), cloakroom.ErrNotFound, "DeleteUser")
	end := w.tells("", nil, "nothing was written, in the feed neither")
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", w.ending()), "DeleteUser")
	w.tells(end, []cloakroom.Revocation{{Subject: sha256.Sum256([]byte(u.ID)), Epoch: cloakroom.EveryEpoch, Until: w.told()}},
		"DeleteUser tells that every epoch of the user is over")
}

func feedRenew(w *world) {
	s := w.begin(w.session("usr_ana"))
	next := s
	next.Token = w.token(s.Token.Bucket)
	r := cloakroom.Renewal{Old: s.Token, Session: next, MovedUntil: w.now.Add(grace), RevokedUntil: w.told()}
	w.ok(w.store.Renew(w.Context(), r), "Renew")
	end := w.tells("", []cloakroom.Revocation{{Subject: s.Token.Hash, Epoch: cloakroom.TokenReplaced, Until: w.told()}},
		"Renew tells of the token that it replaced")
	same(w, errors.Is(w.store.Renew(w.Context(), r), cloakroom.ErrNotFound), true, "Renew of a token that was replaced")
	w.tells(end, nil, "nothing was written, in the feed neither")
	r.Old = next.Token
	w.ok(w.store.Renew(w.Context(), r), "Renew in place")
	w.tells(end, nil, "Renew in place tells nothing")
	r.Session.Token, r.RevokedUntil = w.token(s.Token.Bucket), time.Time{}
	w.ok(w.store.Renew(w.Context(), r), "Renew")
	w.tells(end, nil, "a zero RevokedUntil tells nothing")
}

func feedSilent(w *world) {
	u := w.stored(w.user())
	closed, evicted, guest := w.begin(w.session("usr_bob")), w.begin(w.session("usr_ana")), w.begin(w.session(""))
	done := w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Replace: &guest.Token, Limit: 1, Now: w.now})
	same(w, done, cloakroom.Opened{Replaced: true, Evicted: []string{evicted.ID}}, "Open")
	_, err := w.store.Close(w.Context(), closed.Ref(), cloakroom.Ending{})
	w.ok(err, "Close")
	_, err = w.store.CloseUser(w.Context(), evicted.Token.Bucket, evicted.UserID, "", cloakroom.Ending{})
	w.ok(err, "CloseUser")
	w.ok(w.store.DeleteUser(w.Context(), u.ID, "", cloakroom.Ending{}), "DeleteUser")
	w.tells("", nil, "a zero RevokedUntil tells nothing")
}

func feedOthers(w *world) {
	s := w.begin(w.session("usr_ana"))
	renewed := s
	renewed.Token = w.token(s.Token.Bucket)
	w.ok(w.renew(s.Token, renewed, w.now.Add(grace)), "Renew")
	w.ok(w.rotate(renewed, s.Refresh[0].Current, w.successor(s.Refresh[0])), "Rotate")
	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{{Token: renewed.Token, SeenAt: w.now}}), "Touch")
	w.remember(renewed, "cart", "one cloak")
	w.tells("", nil, "the session lives on")
}

func feedSweeper(w *world) {
	s := w.begin(w.session("usr_ana"))
	same(w, w.clean(cloakroom.Sweep{Now: w.now, SessionsBefore: s.ExpiresAt, Max: 10}), 1, "Sweep")
	w.tells("", nil, "what the sweeper deletes was over before")
}
