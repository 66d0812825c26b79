package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// TestOwnIDs holds the form in which the engine's own ids are stored to the rules that the suite proves for others.
func TestOwnIDs(t *testing.T) {
	s := openStore(t, Config{})
	first := record(epoch)
	first.Methods, first.Scopes = []string{"password", "totp"}, []string{"read\nwrite", "[x"}
	records := []cloakroom.SessionRecord{first}
	for range 4 {
		next := first
		next.ID = id.New(sessionPrefix, epoch.Add(time.Duration(len(records))*time.Second))
		next.Token.Hash[31]++
		next.Token.Hash[0] += byte(len(records))
		records = append(records, next)
	}
	for _, r := range records {
		if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Session(t.Context(), r.Token, epoch)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(r) {
			t.Fatalf("Session: %v, %v; want %v", got, err, r)
		}
	}
	page, err := s.SessionsOf(t.Context(), first.Token.Bucket, first.UserID, records[4].ID, 2)
	if err != nil || len(page) != 2 || page[0].ID != records[3].ID || page[1].ID != records[2].ID {
		t.Errorf("SessionsOf: %v, %v", page, err)
	}
	d := cloakroom.Datum{Key: "k", Value: []byte("v")}
	if err := s.SetDatum(t.Context(), records[2].Ref(), d, 2); err != nil {
		t.Error(err)
	}
	if got, err := s.Datum(t.Context(), records[2].Ref(), "k"); err != nil || string(got.Value) != "v" {
		t.Errorf("Datum: %v, %v", got, err)
	}
	if was, err := s.Close(t.Context(), records[2].Ref(), cloakroom.Ending{RevokedUntil: epoch}); err != nil || !was {
		t.Errorf("Close: %t, %v", was, err)
	}
	ended, err := s.CloseUser(t.Context(), first.Token.Bucket, first.UserID, records[4].ID, cloakroom.Ending{RevokedUntil: epoch})
	slices.Sort(ended)
	if want := []string{records[0].ID, records[1].ID, records[3].ID}; err != nil || !slices.Equal(ended, want) {
		t.Errorf("CloseUser: %v, %v; want %v", ended, err, want)
	}
	wantRows(t, s, "session_data", 0)
	wantRows(t, s, "sessions", 1)
}

// wantRows asserts that nothing is left behind that nobody can reach.
func wantRows(t *testing.T, s *Store, table string, want int) {
	t.Helper()
	var n int
	err := s.readers.read(t.Context(), func(c *sqlite.Conn) error {
		_, err := one(c, "SELECT count(*) FROM "+table, func(s *sqlite.Stmt) { n = s.ColumnInt(0) })
		return err
	})
	if err != nil || n != want {
		t.Errorf("%s has %d rows, %v; want %d", table, n, err, want)
	}
}

func TestDeletedUserLeavesNothing(t *testing.T) {
	s := openStore(t, Config{})
	u := newUser()
	u.Email, u.ExternalID, u.Roles = "ana@example.com", "legacy|1", []string{"admin", "author", "admin"}
	password := []cloakroom.Credential{{Method: "password", Data: []byte("x")}}
	if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u, Credentials: password}); err != nil {
		t.Fatal(err)
	}
	if err := s.SwapAPIKeys(t.Context(), []cloakroom.APIKeyRecord{{ID: "key_1", UserID: u.ID}}); err != nil {
		t.Fatal(err)
	}
	u.Email, u.ExternalID, u.Roles = "ana@example.org", "legacy|2", []string{"author", "editor"}
	if err := s.UpdateUser(t.Context(), cloakroom.UserChange{User: u}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteUser(t.Context(), u.ID, "", cloakroom.Ending{}); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"users", "logins", "holders", "credentials", "api_keys"} {
		wantRows(t, s, table, 0)
	}
}

// TestSweepIsFair: the flood of one kind does not keep the others from being swept.
func TestSweepIsFair(t *testing.T) {
	t.Run("V70 expired rows go in bounded batches", func(t *testing.T) {
		s := openStore(t, Config{InsecureNoSync: true})
		for range 30 {
			r := record(epoch)
			r.ExpiresAt = epoch
			if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
				t.Fatal(err)
			}
		}
		ticket := cloakroom.Ticket{Kind: "k", ExpiresAt: epoch}
		if err := s.Put(t.Context(), ticket); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Count(t.Context(), [32]byte{}, 1, time.Second, epoch.Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		w := cloakroom.Sweep{Now: epoch, SessionsBefore: epoch, Max: 10}
		if n, err := s.Sweep(t.Context(), w); err != nil || n != 10 {
			t.Fatalf("Sweep: %d, %v; want 10", n, err)
		}
		wantRows(t, s, "tickets", 0)
		wantRows(t, s, "counters", 0)
		wantRows(t, s, "sessions", 22)
		for range 3 {
			if _, err := s.Sweep(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		wantRows(t, s, "sessions", 0)
		if n, err := s.Sweep(t.Context(), w); err != nil || n != 0 {
			t.Errorf("Sweep with nothing left: %d, %v", n, err)
		}
	})
}

// TestPlans: no query of the hot path or of the sweeper looks at more than it needs.
func TestPlans(t *testing.T) {
	s := openStore(t, Config{})
	for query, index := range map[string]string{
		`SELECT tail FROM api_keys WHERE key = ?1 AND tail = ?2`:                                                      "INTEGER PRIMARY KEY",
		`SELECT key FROM api_keys WHERE realm = ?1 AND id > ?2 ORDER BY id`:                                           "api_keys_of_realm",
		`SELECT key FROM api_keys WHERE realm = ?1 AND id > ?2 AND user_id = ?4 ORDER BY id`:                          "api_keys_of_user",
		`DELETE FROM api_keys WHERE user_id = ?1`:                                                                     "api_keys_of_user",
		`SELECT data FROM parcels WHERE realm = ?1 AND kind = ?2 AND due_at <= ?3 ORDER BY due_at, id`:                "parcels_due",
		`SELECT tail FROM sessions WHERE key = ?1 AND tail = ?2`:                                                      "INTEGER PRIMARY KEY",
		`SELECT key FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND id < ?3 ORDER BY id DESC`:               "sessions_of_user",
		`SELECT key FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at`:                                         "sessions_by_end",
		`SELECT key FROM sessions WHERE user_id = '' AND data_bytes = 0 AND last_seen_at <= ?1 ORDER BY last_seen_at`: "sessions_idle",
		`SELECT key FROM moved WHERE until <= ?1 ORDER BY until`:                                                      "moved_by_end",
		`SELECT key FROM tickets WHERE expires_at <= ?1 ORDER BY expires_at`:                                          "tickets_by_end",
		`SELECT key FROM counters WHERE reset_at <= ?1 ORDER BY reset_at`:                                             "counters_by_end",
		`SELECT u.id FROM users u WHERE u.realm = ?1 AND u.id > ?2 ORDER BY u.id`:                                     "users_of_realm",
		`SELECT h.user_id FROM holders h WHERE h.realm = ?1 AND h.user_id > ?2 AND h.role = ?3 ORDER BY h.user_id`:    "PRIMARY KEY",
		`SELECT seq FROM revocations WHERE until <= ?1 ORDER BY until`:                                                "revocations_by_end",
		`SELECT seq FROM revocations WHERE seq > ?1 AND until > ?2 ORDER BY seq`:                                      "INTEGER PRIMARY KEY",
		`SELECT id FROM events WHERE id < ?1 AND at < ?2 AND leased_until IS NULL ORDER BY id`:                        "PRIMARY KEY",
		`SELECT at FROM events WHERE realm = ?1 AND user_id = ?2 AND id < ?3 ORDER BY id DESC`:                        "events_of_user",
		`SELECT u.id FROM logins l JOIN users u ON u.id = l.user_id WHERE l.login = ?1`:                               "PRIMARY KEY",
	} {
		for _, plan := range plansOf(t, s, query) {
			if !searches(plan, index) {
				t.Errorf("%s\n\tis answered by %s, want a search by %s", query, plan, index)
			}
		}
	}
}

// plansOf is how SQLite answers a query, step by step.
func plansOf(t *testing.T, s *Store, query string) (plans []string) {
	t.Helper()
	err := s.readers.read(t.Context(), func(c *sqlite.Conn) error {
		stmt, _, err := c.PrepareTransient("EXPLAIN QUERY PLAN " + query)
		if err != nil {
			return err
		}
		defer stmt.Finalize()
		for {
			more, err := stmt.Step()
			if err != nil || !more {
				return err
			}
			plans = append(plans, stmt.ColumnText(3))
		}
	})
	if err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return plans
}

func searches(plan, index string) bool {
	return strings.HasPrefix(plan, "SEARCH") && (strings.Contains(plan, index) || strings.Contains(plan, "PRIMARY KEY"))
}
