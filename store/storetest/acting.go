package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func acting(run runner) {
	run("EndsAt and Actor are stored by Open, apart from each other", actingStored)
	run("Renew leaves EndsAt and Actor as they are, in place too", actingRenewed)
	run("Touch, Rotate and Limit say nothing of EndsAt", actingUsed)
	run("a session that replaces another has its own EndsAt and Actor", actingReplaces)
}

func actingStored(w *world) {
	for _, change := range []func(*cloakroom.SessionRecord){
		func(*cloakroom.SessionRecord) {},
		func(s *cloakroom.SessionRecord) { s.EndsAt = time.Time{} },
		func(s *cloakroom.SessionRecord) { s.EndsAt = w.now.Add(-100 * 365 * day) },
		func(s *cloakroom.SessionRecord) { s.Actor = nil },
		func(s *cloakroom.SessionRecord) { s.Actor = &cloakroom.Actor{} },
		func(s *cloakroom.SessionRecord) { s.Actor.Token.Bucket = 0xfff },
		func(s *cloakroom.SessionRecord) {
			s.Actor.UserID, s.Actor.SessionID = "usr_0198c2f1a7e37d5e8b2a4c6d8e0f1a2b", "ses_\"ünï\"\n"
		},
	} {
		s := w.session("usr_ana")
		change(&s)
		w.begin(s)
		w.lives(s, "Session returns EndsAt and Actor as they were stored")
		page, err := w.store.SessionsOf(w.Context(), s.Token.Bucket, s.UserID, "", 1)
		w.ok(err, "SessionsOf")
		same(w, page, []cloakroom.SessionRecord{s}, "SessionsOf returns them, too")
	}
}

func actingRenewed(w *world) {
	plain := w.session("usr_bob")
	plain.EndsAt, plain.Actor = time.Time{}, nil
	for _, s := range []cloakroom.SessionRecord{w.session("usr_ana"), plain} {
		w.begin(s)
		for _, token := range []cloakroom.TokenID{s.Token, w.token(s.Token.Bucket)} {
			next := s
			next.Token, next.Level = token, s.Level+1
			next.EndsAt, next.Actor = w.now.Add(99*day), &cloakroom.Actor{UserID: "usr_eve", SessionID: "ses_eve", Token: w.token(1)}
			w.ok(w.renew(s.Token, next, w.now.Add(grace)), "Renew")
			s.Token, s.Level = next.Token, next.Level
			w.lives(s, "Renew writes neither EndsAt nor Actor")
		}
	}
}

func actingUsed(w *world) {
	s := w.session("usr_ana")
	s.EndsAt = w.now.Add(-time.Hour) // the engine decides what lives
	w.begin(s)
	s.LastSeenAt, s.ExpiresAt = w.now, w.now.Add(9*day)
	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{{Token: s.Token, SeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt}}), "Touch")
	w.lives(s, "Touch")
	next := w.successor(s.Refresh[0])
	w.ok(w.rotate(s, s.Refresh[0].Current, next), "Rotate")
	got, err := w.found(s.Token, w.now)
	w.ok(err, "Session")
	same(w, got.EndsAt, s.EndsAt, "Rotate leaves EndsAt")
	same(w, got.Actor, s.Actor, "Rotate leaves Actor")
	done := w.opens(cloakroom.Opening{Session: w.session("usr_ana"), Limit: 1, Now: w.now})
	same(w, done.Evicted, []string{s.ID}, "one that has ended by its EndsAt counts for the Limit as any other")
}

func actingReplaces(w *world) {
	s, next := w.begin(w.session("usr_ana")), w.session("usr_ana")
	next.EndsAt, next.Actor = time.Time{}, nil
	w.opens(cloakroom.Opening{Session: next, Replace: &s.Token, Inherit: true, MovedUntil: w.now.Add(grace), Now: w.now})
	w.lives(next, "nothing of it is inherited")
}
