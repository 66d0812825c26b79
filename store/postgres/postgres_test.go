package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloakroom-auth/cloakroom"
)

// methods calls every method of the contract.
func methods(ctx context.Context, s *Store) map[string]error {
	r, u := record(), newUser()
	end := cloakroom.Ending{RevokedUntil: epoch}
	errs := map[string]error{
		"CreateUser":      s.CreateUser(ctx, cloakroom.UserChange{User: u}),
		"UpdateUser":      s.UpdateUser(ctx, cloakroom.UserChange{User: u}),
		"SwapCredential":  s.SwapCredential(ctx, cloakroom.Credential{UserID: u.ID}),
		"DeleteUser":      s.DeleteUser(ctx, u.ID, "", end),
		"Touch":           s.Touch(ctx, []cloakroom.Touch{{Token: r.Token}}),
		"Renew":           s.Renew(ctx, cloakroom.Renewal{Old: r.Token, Session: r, MovedUntil: epoch}),
		"SetDatum":        s.SetDatum(ctx, r.Ref(), cloakroom.Datum{Key: "k", Value: []byte("v")}, 100),
		"Put":             s.Put(ctx, cloakroom.Ticket{}),
		"Swap":            s.Swap(ctx, cloakroom.Ticket{}, epoch),
		"Rotate":          s.Rotate(ctx, [32]byte{}, cloakroom.RefreshChain{}, cloakroom.Touch{Token: r.Token}),
		"SwapAPIKeys":     s.SwapAPIKeys(ctx, []cloakroom.APIKeyRecord{{ID: "key_any", Token: r.Token}}),
		"SettleParcels":   s.SettleParcels(ctx, []cloakroom.Parcel{{ID: "prc_any"}}),
		"SwapKeySet":      s.SwapKeySet(ctx, cloakroom.KeySet{Realm: "default"}),
		"Append":          s.Append(ctx, entries(1), nil),
		"EventsDelivered": s.EventsDelivered(ctx, []string{"evt_any"}),
		"Wake":            s.Wake(ctx, func() {}),
	}
	_, errs["User"] = s.User(ctx, u.ID)
	_, errs["UserByEmail"] = s.UserByEmail(ctx, "default", "ana@example.com")
	_, errs["UserByExternalID"] = s.UserByExternalID(ctx, "default", "7")
	_, errs["APIKey"] = s.APIKey(ctx, r.Token)
	_, errs["APIKeys"] = s.APIKeys(ctx, cloakroom.APIKeyQuery{Realm: "default", Max: 1})
	_, errs["DeleteAPIKey"] = s.DeleteAPIKey(ctx, "default", "key_any")
	_, errs["ClaimParcels"] = s.ClaimParcels(ctx, cloakroom.ParcelQuery{Realm: "default", Kind: "mail", Now: epoch, LeasedUntil: epoch, Max: 1})
	_, errs["Users"] = s.Users(ctx, cloakroom.UserQuery{Realm: "default", Max: 1})
	_, errs["Credentials"] = s.Credentials(ctx, u.ID)
	_, errs["KeySet"] = s.KeySet(ctx, "default")
	_, errs["Revocations"] = s.Revocations(ctx, "", 1, epoch)
	_, errs["Events"] = s.Events(ctx, cloakroom.EventQuery{Realm: "default", Max: 1})
	_, errs["ClaimEvents"] = s.ClaimEvents(ctx, "main", epoch, epoch, 1)
	_, errs["Prune"] = s.Prune(ctx, cloakroom.Prune{Now: epoch, Max: 10})
	_, errs["Open"] = s.Open(ctx, cloakroom.Opening{Session: r, Now: epoch})
	_, errs["Session"] = s.Session(ctx, r.Token, epoch)
	_, _, errs["Find"] = s.Find(ctx, r.Token, epoch)
	_, errs["SessionsOf"] = s.SessionsOf(ctx, r.Token.Bucket, r.UserID, "", 1)
	_, errs["SessionsOf guests"] = s.SessionsOf(ctx, r.Token.Bucket, "", "", 1)
	_, errs["Datum"] = s.Datum(ctx, r.Ref(), "k")
	_, errs["Close"] = s.Close(ctx, r.Ref(), end)
	_, errs["CloseUser"] = s.CloseUser(ctx, r.Token.Bucket, r.UserID, "", end)
	_, errs["CloseUser of guests"] = s.CloseUser(ctx, r.Token.Bucket, "", "", end)
	_, errs["Count"] = s.Count(ctx, [32]byte{}, 1, time.Hour, epoch)
	_, errs["Count 0"] = s.Count(ctx, [32]byte{}, 0, time.Hour, epoch)
	_, errs["Ticket"] = s.Ticket(ctx, "", cloakroom.TokenID{}, epoch)
	_, errs["Take"] = s.Take(ctx, "", cloakroom.TokenID{}, epoch)
	_, errs["Sweep"] = s.Sweep(ctx, cloakroom.Sweep{Now: epoch, Max: 10})
	_, errs["Migrations"] = s.Migrations(ctx)
	return errs
}

func TestShutdown(t *testing.T) {
	dsn := sharedDSN(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := Config{DSN: dsn, Schema: newSchema()}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened(t, s)
	for range 2 {
		if err := s.Shutdown(); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	for name, err := range methods(t.Context(), s) {
		if !errors.Is(err, errShutdown) || sentinel(err) != err {
			t.Errorf("%s after Shutdown: %v, want that the store is shut down", name, err)
		}
	}
}

// TestShutdownFinishesWhatRuns: a write that waits for a lock when Shutdown begins is done when it ends.
func TestShutdownFinishesWhatRuns(t *testing.T) {
	s := openAny(t, Config{LockTimeout: 5 * time.Second})
	other := openStore(t, Config{DSN: sharedDSN(t), Schema: s.schema})
	r := opened(t, s)
	end := hold(t, other, `UPDATE feed_head SET seq = seq`)
	result, over := make(chan error), make(chan error)
	go func() {
		_, err := s.Close(t.Context(), r.Ref(), cloakroom.Ending{RevokedUntil: epoch.Add(time.Hour)})
		result <- err
	}()
	eventually(t, "the write waits", func() bool { return waiting(t, other) == 1 })
	go func() { over <- s.Shutdown() }()
	eventually(t, "Shutdown has begun", func() bool { return s.check(t.Context()) != nil })
	end("COMMIT")
	if err := errors.Join(<-result, <-over); err != nil {
		t.Fatal(err)
	}
	if page := hear(t, other, ""); len(page.Entries) != 1 {
		t.Errorf("a write that waited at Shutdown: %d entries", len(page.Entries))
	}
}

func TestEveryMethodHeedsItsContext(t *testing.T) {
	s := openAny(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range methods(ctx, s) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that is done: %v", name, err)
		}
	}
}

// TestNobodyWaitsForEver: for a row that somebody else has locked, a call waits until its context ends, or as long as
// LockTimeout says; then nothing has changed.
func TestNobodyWaitsForEver(t *testing.T) {
	s := openAny(t, Config{LockTimeout: 50 * time.Millisecond})
	patient := openStore(t, Config{DSN: sharedDSN(t), Schema: s.schema, StatementTimeout: time.Minute, LockTimeout: time.Minute})
	r := opened(t, s)
	end := hold(t, patient, `UPDATE feed_head SET seq = seq`)
	ending := cloakroom.Ending{RevokedUntil: epoch.Add(time.Hour)}
	_, err := s.Close(t.Context(), r.Ref(), ending)
	wantUnknown(t, err, "Close")
	if code(err) != "55P03" { // lock_not_available
		t.Errorf("Close: %v, want that the lock was not to be had", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := patient.Close(ctx, r.Ref(), ending)
		result <- err
	}()
	eventually(t, "the second call waits", func() bool { return waiting(t, s) == 1 })
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Close whose context ends: %v", err)
	}
	eventually(t, "the server does not wait either", func() bool { return waiting(t, s) == 0 })
	end("ROLLBACK")
	if _, err := s.Session(t.Context(), r.Token, epoch); err != nil {
		t.Errorf("a session that could not be closed: %v, want that it lives", err)
	}
	for _, s := range []*Store{s, patient} {
		if was, err := s.Close(t.Context(), opened(t, s).Ref(), ending); err != nil || !was {
			t.Errorf("the store goes on: %v, %v", was, err)
		}
	}
}

func TestStatementTimeout(t *testing.T) {
	s := openAny(t, Config{StatementTimeout: 100 * time.Millisecond})
	_, err := s.exec(t.Context(), `SELECT pg_sleep(60)`)
	wantUnknown(t, err, "a slow statement")
	if code(err) != "57014" { // query_canceled
		t.Errorf("a slow statement: %v, want that the server gave it up", err)
	}
}

// TestBytesThatAreNoText: ids that come from outside may be anything, and find nothing; what a browser calls itself may be
// anything, and is kept.
func TestBytesThatAreNoText(t *testing.T) {
	s := openAny(t, Config{})
	ctx := t.Context()
	for _, bad := range []string{"\x00", "ses_\xff", strings.Repeat("é", 64)[:127]} {
		ref := cloakroom.SessionRef{ID: bad, UserID: bad}
		_, user := s.User(ctx, bad)
		_, byEmail := s.UserByEmail(ctx, bad, bad)
		_, datum := s.Datum(ctx, ref, bad)
		for name, err := range map[string]error{
			"User": user, "UserByEmail": byEmail, "Datum": datum,
			"DeleteUser": s.DeleteUser(ctx, bad, bad, cloakroom.Ending{}),
			"SetDatum":   s.SetDatum(ctx, ref, cloakroom.Datum{Key: "k", Value: []byte("v")}, 100),
		} {
			if sentinel(err) != cloakroom.ErrNotFound {
				t.Errorf("%s of %q: %v, want ErrNotFound", name, bad, err)
			}
		}
		was, closeErr := s.Close(ctx, ref, cloakroom.Ending{})
		all, closeUserErr := s.CloseUser(ctx, 1, bad, bad, cloakroom.Ending{})
		sessions, sessionsErr := s.SessionsOf(ctx, 1, bad, bad, 10)
		users, usersErr := s.Users(ctx, cloakroom.UserQuery{Realm: bad, After: bad, Role: bad, Max: 10})
		creds, credsErr := s.Credentials(ctx, bad)
		events, eventsErr := s.Events(ctx, cloakroom.EventQuery{Realm: bad, UserID: bad, Before: bad, Max: 10})
		keys, keysErr := s.KeySet(ctx, bad)
		err := errors.Join(closeErr, closeUserErr, sessionsErr, usersErr, credsErr, eventsErr, keysErr, s.EventsDelivered(ctx, []string{bad}))
		if n := len(all) + len(sessions) + len(users) + len(creds) + len(events) + len(keys.Keys); err != nil || was || n > 0 {
			t.Errorf("%q found %d things (%v), %v", bad, n, was, err)
		}
		r := record()
		r.Agent = bad
		if _, err := s.Open(ctx, cloakroom.Opening{Session: r, Now: epoch}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Session(ctx, r.Token, epoch); err != nil || got.Agent != bad {
			t.Errorf("agent %q came back as %q, %v", bad, got.Agent, err)
		}
	}
}

// TestTouchOfMany: more than go in one transaction, some of them twice and in any order.
func TestTouchOfMany(t *testing.T) {
	s := openAny(t, Config{})
	var touches []cloakroom.Touch
	for range touchJobs + 10 {
		r := opened(t, s)
		for _, later := range []time.Duration{2, 1} {
			touches = append(touches, cloakroom.Touch{Token: r.Token, SeenAt: epoch.Add(later * time.Minute)})
		}
	}
	backwards := slices.Clone(touches)
	slices.Reverse(backwards)
	results := make(chan error)
	for _, list := range [][]cloakroom.Touch{touches, backwards, touches, backwards} {
		go func() { results <- s.Touch(t.Context(), list) }()
	}
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := count(t, s, fmt.Sprint(`sessions WHERE last_seen_at = `, epoch.Add(2*time.Minute).UnixMicro())); n != len(touches)/2 {
		t.Errorf("%d sessions have the time of their last use, want %d", n, len(touches)/2)
	}
}

// TestOwnersAreSwept: the rows that are there only to be locked go when they were not locked for long.
func TestOwnersAreSwept(t *testing.T) {
	s := openAny(t, Config{})
	r := record()
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Limit: 1, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	sweep := func(before time.Time, want int) {
		t.Helper()
		if _, err := s.Sweep(t.Context(), cloakroom.Sweep{SessionsBefore: before, Max: 10}); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, "owners"); n != want {
			t.Errorf("%d rows in owners, want %d", n, want)
		}
	}
	sweep(r.ExpiresAt.Add(-time.Microsecond), 1)
	sweep(r.ExpiresAt, 0)
}
