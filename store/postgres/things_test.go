package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// epoch is the present of these tests.
var epoch = time.Date(2031, 5, 17, 10, 20, 30, 0, time.UTC)

const patience = 20 * time.Second // until something happens that should

// record makes a session of a user of its own, which lives for an hour.
func record() cloakroom.SessionRecord {
	r := cloakroom.SessionRecord{
		ID: id.New("ses_", epoch), UserID: id.New("usr_", epoch), Realm: "default",
		CreatedAt: epoch, AuthenticatedAt: epoch, LastSeenAt: epoch, IssuedAt: epoch, ExpiresAt: epoch.Add(time.Hour),
		Methods: []string{"password"},
	}
	r.Token.Bucket = 0xabc
	_, _ = rand.Read(r.Token.Hash[:])
	return r
}

func newUser() cloakroom.User {
	return cloakroom.User{ID: id.New("usr_", epoch), Realm: "default", CreatedAt: epoch, UpdatedAt: epoch, Revision: 1}
}

func opened(t testing.TB, s *Store) cloakroom.SessionRecord {
	t.Helper()
	r := record()
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	return r
}

// entries makes n entries of the feed that expire in an hour.
func entries(n int) (all []cloakroom.Revocation) {
	for range n {
		all = append(all, cloakroom.Revocation{Subject: record().Token.Hash, Until: epoch.Add(time.Hour)})
	}
	return all
}

// revokeSome appends n entries that expire at until and returns them.
func revokeSome(t testing.TB, s *Store, n int, until time.Time) []cloakroom.Revocation {
	t.Helper()
	all := entries(n)
	for i := range all {
		all[i].Until = until
	}
	if err := s.Append(t.Context(), all, nil); err != nil {
		t.Fatal(err)
	}
	return all
}

func hear(t testing.TB, s *Store, after string) cloakroom.Revocations {
	t.Helper()
	page, err := s.Revocations(t.Context(), after, 1000, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// sentinel returns the error of the contract that err is, nil for nil, and err itself if it is none of them.
func sentinel(err error) error {
	for _, s := range []error{
		cloakroom.ErrMoved, cloakroom.ErrNotFound, cloakroom.ErrConflict, cloakroom.ErrTaken,
		cloakroom.ErrLastHolder, cloakroom.ErrUsed, cloakroom.ErrTooLarge,
	} {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}

// wantUnknown asserts that an error says nothing about sessions: the engine answers 503 for it.
func wantUnknown(t testing.TB, err error, what string) {
	t.Helper()
	if err == nil || sentinel(err) != err {
		t.Errorf("%s: %v, want an error that is none of the contract's", what, err)
	}
}

// shared is the server of the tests that break nothing. Its worlds are used again.
var shared struct {
	worlds
	once sync.Once
	dsn  string
}

func sharedDSN(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		own, err := pgx.ParseConfig(testbed.PostgresDSN(t)) // a database that goes with this test
		if err != nil {
			t.Fatal(err)
		}
		shared.dsn = fmt.Sprintf("postgres://postgres@%s:%d/postgres?sslmode=disable", own.Host, own.Port)
	})
	return shared.dsn
}

// openAny opens a store on an empty schema of the shared server.
func openAny(t testing.TB, c Config) *Store {
	t.Helper()
	c.DSN = cmp.Or(c.DSN, sharedDSN(t))
	return shared.open(t, c, nil)
}

// hold begins a transaction that holds what the statement locks, until end is called with COMMIT or ROLLBACK.
func hold(t testing.TB, s *Store, sql string, args ...any) (end func(how string)) {
	t.Helper()
	conn, err := s.pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	raw := conn.Hijack()
	if _, err := raw.Exec(context.Background(), "SET idle_in_transaction_session_timeout = 0; BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close(context.Background()) })
	return func(how string) {
		t.Helper()
		if _, err := raw.Exec(context.Background(), how); err != nil {
			t.Fatal(err)
		}
	}
}

// waiting counts the connections that wait for a lock.
func waiting(t testing.TB, s *Store) (n int) {
	t.Helper()
	err := s.pool.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
		WHERE wait_event_type = 'Lock' AND datname = current_database()`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// count counts rows.
func count(t testing.TB, s *Store, rows string) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(context.Background(), fmt.Sprintf("SELECT count(*) FROM %s", rows)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
