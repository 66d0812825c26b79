package postgres

import (
	"strings"
	"testing"
	"time"
)

func TestConfigReportsAllMistakesAtOnce(t *testing.T) {
	_, err := Config{Schema: "pg_mine", MaxConns: -1, StatementTimeout: -1, LockTimeout: time.Microsecond}.Open(t.Context())
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{"DSN is empty; ", "Schema begins with pg_", "MaxConns is negative; ", "StatementTimeout is negative; ", "LockTimeout is less than a millisecond; "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	for field, c := range map[string]Config{
		"Schema is longer": {DSN: "x", Schema: strings.Repeat("x", 64)},
		"Schema is not":    {DSN: "x", Schema: "a\x00b"},
		"LockTimeout is l": {DSN: "x", StatementTimeout: time.Second, LockTimeout: 2 * time.Second},
	} {
		if err := c.mistakes(); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%v, want an error that begins with %q", err, field)
		}
	}
	for _, c := range []Config{{DSN: "x"}, {DSN: "x", StatementTimeout: time.Second}, {DSN: "x", LockTimeout: 3 * time.Second}} {
		if err := c.mistakes(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestNoErrorShowsThePassword: whatever is wrong with the DSN or behind it.
func TestNoErrorShowsThePassword(t *testing.T) {
	for _, dsn := range []string{
		"postgres://ana:hunter2@127.0.0.1:1/app?sslmode=disable",
		"postgres://ana:hunter2@127.0.0.1:1/app?sslmode=nonsense",
		"postgres://ana:hunter2@127.0.0.1:1/app?sslrootcert=/not/there&sslmode=verify-full",
		"postgres://ana:hunter2@127.0.0.1:1/app?connect_timeout=x",
		"postgres://ana:hunter2@127.0.0.1:1/app?pool_max_conns=x",
		"postgres://ana:hun/hunter2@127.0.0.1:1/app",
		"postgres://ana:hunter2%@127.0.0.1:1/app",
		"postgres://ana:hunter2@@[127.0.0.1:1/app",
		"postgres://ana:x`: hunter2@127.0.0.1:port/app",
		"postgres:/ana:hunter2@127.0.0.1",
		"host=127.0.0.1 port=1 user=ana password=hunter2",
		"host=127.0.0.1 port=1 user=ana password='hunter2",
		"host=127.0.0.1 port=1 user=ana password=x hunter2",
		"hunter2",
	} {
		_, err := Open(t.Context(), dsn)
		if err == nil {
			t.Fatalf("%q was opened", dsn)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in: %v", err)
		}
	}
}

func TestDSNMistakesAreNamed(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://ana@127.0.0.1/app?sslmode=nonsense": "sslmode",
		"postgres://ana@127.0.0.1:port/app":             "port",
		"nonsense":                                      "postgres://user:password@host",
		"postgres://ana@127.0.0.1:1/app":                "127.0.0.1",
	} {
		if _, err := Open(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", dsn, err, want)
		}
	}
}

func TestTooOld(t *testing.T) {
	for _, old := range []struct {
		distributed bool
		number      int
		name        string
	}{{false, 12_00_22, "12.22"}, {true, 10_00_23, "10.23"}} {
		k := link{Config: Config{Distributed: old.distributed}}
		err := k.oldEnough(old.number, old.name)
		if err == nil || !strings.Contains(err.Error(), old.name) || !strings.Contains(err.Error(), "upgrade") {
			t.Errorf("PostgreSQL %s: %v, want an error with the version and the mend", old.name, err)
		}
	}
	for _, k := range []link{{}, {Config: Config{Distributed: true}}} {
		if err := k.oldEnough(13_00_00, "13.0"); err != nil {
			t.Error(err)
		}
	}
}

// TestSettings: the connections have the timeouts and the schema, and the name by which an operator finds them.
func TestSettings(t *testing.T) {
	dsn := sharedDSN(t)
	s := openStore(t, Config{DSN: dsn, Schema: `odd "name', 1`, StatementTimeout: 3 * time.Second, LockTimeout: 1500 * time.Millisecond})
	wantSettings(t, s, `"odd ""name', 1"`)
	opened(t, s)
}

func wantSettings(t testing.TB, s *Store, path string) {
	t.Helper()
	for name, want := range map[string]string{
		"search_path": path, "statement_timeout": "3s", "lock_timeout": "1500ms",
		"idle_in_transaction_session_timeout": "3s", "application_name": "cloakroom",
	} {
		for range 3 {
			got, _, err := one(t.Context(), s, scalar[string], `SELECT current_setting($1)`, name)
			if err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", name, got, err, want)
			}
		}
		var inside string
		if err := s.write(t.Context(), func(tx *tx) error {
			return s.inside(tx, name, &inside)
		}); err != nil || inside != want {
			t.Errorf("in a transaction %s is %q, %v; want %q", name, inside, err, want)
		}
	}
}
