package storetest

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func times(run runner) {
	run("times are kept to the microsecond, in UTC", timesKept)
	run("the zero time stays the zero time", timesZero)
	run("exchanges and counters end to the microsecond, whatever the zone", timesCompared)
}

// odd is a time in a zone of its own with digits beyond the microsecond.
func (w *world) odd(d time.Duration) time.Time {
	return w.now.Add(d + 321*time.Nanosecond).In(time.FixedZone("odd", 5*3600+1800))
}

// kept asserts that got is want as the contract keeps it.
func (w *world) kept(got, want time.Time, law string) {
	w.Helper()
	if !got.Equal(want.Truncate(time.Microsecond)) {
		w.Fatalf("%s is kept to the microsecond: got %v of %v", law, got, want)
	}
	if got.Location() != time.UTC {
		w.Fatalf("%s is kept in UTC: got %v", law, got.Location())
	}
}

func timesKept(w *world) {
	u := w.user()
	u.CreatedAt, u.UpdatedAt, u.BannedAt, u.LeavesAt = w.odd(1), w.odd(2*time.Second), w.odd(3*time.Second), w.odd(day)
	c := w.credential(u, "password", "", "hash")
	c.CreatedAt, c.UpdatedAt = w.odd(4*time.Second), w.odd(5*time.Second)
	w.stored(u, c)
	user, err := w.store.User(w.Context(), u.ID)
	w.ok(err, "User")
	w.kept(user.CreatedAt, u.CreatedAt, "User.CreatedAt")
	w.kept(user.UpdatedAt, u.UpdatedAt, "User.UpdatedAt")
	w.kept(user.BannedAt, u.BannedAt, "User.BannedAt")
	w.kept(user.LeavesAt, u.LeavesAt, "User.LeavesAt")
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	w.kept(creds[0].CreatedAt, c.CreatedAt, "Credential.CreatedAt")
	w.kept(creds[0].UpdatedAt, c.UpdatedAt, "Credential.UpdatedAt")

	s := w.session("usr_ana")
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt = w.odd(1), w.odd(2*time.Second), w.odd(3*time.Second)
	s.IssuedAt, s.ExpiresAt, s.EndsAt = w.odd(4*time.Second), w.odd(time.Hour), w.odd(2*time.Hour)
	w.begin(s)
	w.keptSession(s)
	s.LastSeenAt, s.IssuedAt, s.ExpiresAt = w.odd(time.Minute), w.odd(2*time.Minute), w.odd(2*time.Hour)
	w.ok(w.store.Touch(w.Context(), []cloakroom.Touch{
		{Token: s.Token, SeenAt: s.LastSeenAt, IssuedAt: s.IssuedAt, ExpiresAt: s.ExpiresAt},
	}), "Touch")
	w.keptSession(s)
	old := s.Token
	s.Token, s.AuthenticatedAt, s.LastSeenAt = w.token(old.Bucket), w.odd(3*time.Minute), w.odd(4*time.Minute)
	w.ok(w.renew(old, s, w.odd(grace)), "Renew")
	w.keptSession(s)

	t := cloakroom.Ticket{Kind: "reset", ID: w.token(1), ExpiresAt: w.odd(time.Hour)}
	w.ok(w.store.Put(w.Context(), t), "Put")
	ticket, err := w.store.Ticket(w.Context(), t.Kind, t.ID, w.now)
	w.ok(err, "Ticket")
	w.kept(ticket.ExpiresAt, t.ExpiresAt, "Ticket.ExpiresAt")
	key := w.hash()
	for range 2 {
		tally, err := w.store.Count(w.Context(), key, 1, time.Minute, w.odd(0))
		w.ok(err, "Count")
		w.kept(tally.ResetAt, w.odd(time.Minute), "Tally.ResetAt")
	}
}

func (w *world) keptSession(want cloakroom.SessionRecord) {
	w.Helper()
	got, err := w.found(want.Token, w.now)
	w.ok(err, "Session")
	w.kept(got.CreatedAt, want.CreatedAt, "SessionRecord.CreatedAt")
	w.kept(got.AuthenticatedAt, want.AuthenticatedAt, "SessionRecord.AuthenticatedAt")
	w.kept(got.LastSeenAt, want.LastSeenAt, "SessionRecord.LastSeenAt")
	w.kept(got.IssuedAt, want.IssuedAt, "SessionRecord.IssuedAt")
	w.kept(got.ExpiresAt, want.ExpiresAt, "SessionRecord.ExpiresAt")
	w.kept(got.EndsAt, want.EndsAt, "SessionRecord.EndsAt")
}

func timesZero(w *world) {
	u := w.user()
	u.CreatedAt, u.UpdatedAt, u.BannedAt, u.LeavesAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	c := w.credential(u, "password", "", "hash")
	c.CreatedAt, c.UpdatedAt = time.Time{}, time.Time{}
	w.stored(u, c)
	w.ok(w.store.UpdateUser(w.Context(), cloakroom.UserChange{User: u}), "UpdateUser")
	user, err := w.store.User(w.Context(), u.ID)
	w.ok(err, "User")
	creds, err := w.store.Credentials(w.Context(), u.ID)
	w.ok(err, "Credentials")
	s := w.session("")
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt, s.IssuedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	w.begin(s)
	session, err := w.found(s.Token, w.now)
	w.ok(err, "Session")
	for name, got := range map[string]time.Time{
		"User.CreatedAt": user.CreatedAt, "User.UpdatedAt": user.UpdatedAt, "User.BannedAt": user.BannedAt, "User.LeavesAt": user.LeavesAt,
		"Credential.CreatedAt": creds[0].CreatedAt, "Credential.UpdatedAt": creds[0].UpdatedAt,
		"SessionRecord.CreatedAt": session.CreatedAt, "SessionRecord.AuthenticatedAt": session.AuthenticatedAt,
		"SessionRecord.LastSeenAt": session.LastSeenAt, "SessionRecord.IssuedAt": session.IssuedAt, "SessionRecord.EndsAt": session.EndsAt,
	} {
		if !got.IsZero() {
			w.Fatalf("the zero time stays the zero time: %s became %v", name, got)
		}
	}
}

func timesCompared(w *world) {
	west := time.FixedZone("west", -11*3600)
	guest, until := w.begin(w.session("")), w.now.Add(grace)
	w.opens(cloakroom.Opening{
		Session: w.session("usr_ana"), Replace: &guest.Token, MovedUntil: until.In(west), Now: w.now.In(west),
	})
	w.movedUntil(guest.Token, until)
	t := cloakroom.Ticket{Kind: "reset", ID: w.token(1), ExpiresAt: until.In(west), Revision: 1}
	w.ok(w.store.Put(w.Context(), t), "Put")
	_, err := w.store.Ticket(w.Context(), t.Kind, t.ID, until.Add(-tick).In(west))
	w.ok(err, "Ticket just before it expires")
	_, err = w.store.Ticket(w.Context(), t.Kind, t.ID, until.In(west))
	w.is(err, cloakroom.ErrNotFound, "Ticket when it expires")
}
