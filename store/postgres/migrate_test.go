package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// emptySchema is a place where nothing is yet.
func emptySchema(t testing.TB) Config { return Config{DSN: sharedDSN(t), Schema: newSchema()} }

// wantApplied asserts that every migration was applied once.
func wantApplied(t *testing.T, c Config) {
	t.Helper()
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(status) != len(known) {
		t.Fatalf("status %v, want %d migrations", status, len(known))
	}
	for i, m := range status {
		if m.Version != i+1 || m.Name != known[i].Name || time.Since(m.AppliedAt).Abs() > time.Hour {
			t.Errorf("migration %+v, want number %d, %s, of now", m, i+1, known[i].Name)
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Run("S248 run twice", func(t *testing.T) {
		c := emptySchema(t)
		status, err := c.Status(t.Context())
		if err != nil || len(status) == 0 || !status[0].AppliedAt.IsZero() {
			t.Errorf("Status of a schema that is missing: %v, %v; want steps that are not applied", status, err)
		}
		for range 2 {
			if err := c.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantApplied(t, c)
		}
	})
	t.Run("S248 many at once", func(t *testing.T) {
		c := emptySchema(t)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				s, err := c.Open(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
					t.Error(err)
				}
				if err := s.Shutdown(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantApplied(t, c)
	})
	t.Run("the open store tells the same", func(t *testing.T) {
		s := openAny(t, Config{})
		known, err := steps(migrations)
		if err != nil {
			t.Fatal(err)
		}
		applied, err := s.Migrations(t.Context())
		if err != nil || len(applied) != len(known) {
			t.Errorf("Migrations: %v, %v", applied, err)
		}
	})
}

// migrated applies these files.
func migrated(t *testing.T, c Config, files fstest.MapFS) error {
	t.Helper()
	known, err := steps(files)
	if err != nil {
		t.Fatal(err)
	}
	return c.with(t.Context(), "migrate", func(k *link) error { return k.migrateTo(t.Context(), known) })
}

func sql(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestMigrateGoesOnWhereItStopped(t *testing.T) {
	c := emptySchema(t)
	files := fstest.MapFS{
		"migrations/0001_one.sql": sql("-- compatible: 1\nCREATE TABLE one (x integer);"),
		"migrations/0002_two.sql": sql("-- compatible: 1\nCREATE TABLE two (x integer); CREATE NONSENSE;"),
	}
	err := migrated(t, c, files)
	if err == nil || !strings.Contains(err.Error(), "0002_two") {
		t.Fatalf("a broken step: %v, want an error that names it", err)
	}
	// Had the first half of the second step stayed, its table would be there already.
	files["migrations/0002_two.sql"] = sql("-- compatible: 1\nCREATE TABLE two (x integer);")
	if err := migrated(t, c, files); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateAfterACrash: the process that migrates is killed in the middle of a step; the next one makes the step.
func TestMigrateAfterACrash(t *testing.T) {
	c := emptySchema(t)
	slow := fstest.MapFS{"migrations/0001_one.sql": sql("-- compatible: 1\nCREATE TABLE one (x integer); SELECT pg_sleep(60);")}
	done := make(chan error)
	go func() { done <- migrated(t, c, slow) }()
	admin := connect(t, c.DSN)
	eventually(t, "the step runs and is ended", func() bool {
		var ended int
		err := admin.QueryRow(context.Background(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE wait_event = 'PgSleep'`).Scan(&ended)
		return err == nil && ended > 0
	})
	if err := <-done; err == nil {
		t.Fatal("a migration whose connection broke: no error")
	}
	if err := migrated(t, c, fstest.MapFS{"migrations/0001_one.sql": sql("-- compatible: 1\nCREATE TABLE one (x integer);")}); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateBesideANewerProgram(t *testing.T) {
	ours := fstest.MapFS{"migrations/0001_one.sql": sql("-- compatible: 1\nCREATE TABLE one (x integer);")}
	for compatible, want := range map[string]string{"1": "", "2": "use a newer Cloakroom"} {
		c := emptySchema(t)
		newer := fstest.MapFS{
			"migrations/0001_one.sql": ours["migrations/0001_one.sql"],
			"migrations/0002_two.sql": sql("-- compatible: " + compatible + "\nCREATE TABLE two (x integer);"),
		}
		if err := migrated(t, c, newer); err != nil {
			t.Fatal(err)
		}
		err := migrated(t, c, ours)
		if want == "" && err != nil {
			t.Errorf("the program before a compatible step: %v", err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the program before an incompatible step: %v, want an error with %q", err, want)
		}
	}
}

// TestMigrateUnderLoad: a newer program changes the schema while this one works on it, with statements prepared: not one
// call fails.
func TestMigrateUnderLoad(t *testing.T) {
	c := emptySchema(t)
	s := openStore(t, c)
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	next := known[len(known)-1]
	next.Version, next.Name = next.Version+1, "next"
	next.text = `ALTER TABLE sessions ADD COLUMN colour text; ALTER TABLE users ADD COLUMN colour text NOT NULL DEFAULT 'red';
		CREATE INDEX sessions_by_colour ON sessions (colour); CREATE TABLE colours (colour text PRIMARY KEY);`
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, u := record(), newUser()
				r.UserID = u.ID
				err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u})
				_, openErr := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch, Limit: 2})
				_, found, findErr := s.Find(t.Context(), r.Token, epoch)
				if err := errors.Join(err, openErr, findErr); err != nil || found.ID != u.ID {
					t.Errorf("beside a migration: %v", err)
					return
				}
			}
		})
	}
	err = c.with(t.Context(), "migrate", func(k *link) error { return k.migrateTo(t.Context(), append(known, next)) })
	if err != nil {
		t.Error(err)
	}
	for range 50 {
		opened(t, s)
	}
	close(stop)
	all.Wait()
	again := openStore(t, c) // and the older program starts again beside the newer schema
	if applied, err := again.Migrations(t.Context()); err != nil || len(applied) != len(known)+1 {
		t.Errorf("Migrations: %v, %v", applied, err)
	}
	if status, err := c.Status(t.Context()); err != nil || len(status) != len(known)+1 {
		t.Errorf("Status: %v, %v", status, err)
	}
}

func TestStrangeSchemas(t *testing.T) {
	admin := connect(t, sharedDSN(t))
	for _, table := range []string{"sessions (id text)", "migrations (id text)"} {
		c := emptySchema(t)
		name := pgx.Identifier{c.Schema}.Sanitize()
		if _, err := admin.Exec(t.Context(), "CREATE SCHEMA "+name+"; CREATE TABLE "+name+"."+table); err != nil {
			t.Fatal(err)
		}
		_, err := c.Open(t.Context())
		if err == nil || !strings.Contains(err.Error(), "not Cloakroom's; give it another Schema") {
			t.Errorf("a schema with a table %s: %v", table, err)
		}
		if got := tables(t, admin, c.Schema); len(got) != 1 {
			t.Errorf("a schema that is not ours was changed: %v", got)
		}
	}
}

// TestRights: a user who may not make a schema is told what to ask for, and one who may only use the tables may.
func TestRights(t *testing.T) {
	c := emptySchema(t)
	admin := connect(t, c.DSN)
	role := "role" + strings.TrimPrefix(c.Schema, "world ")
	exec := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), strings.NewReplacer("ROLE", role, "SCHEMA_", pgx.Identifier{c.Schema}.Sanitize()).Replace(sql)); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE USER ROLE`)
	humble := c
	humble.DSN = strings.Replace(c.DSN, "postgres@", role+"@", 1)
	_, err := humble.Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "CREATE SCHEMA "+pgx.Identifier{c.Schema}.Sanitize()+" AUTHORIZATION \""+role) {
		t.Errorf("a user without rights: %v, want what to ask for", err)
	}
	if err := c.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(`GRANT USAGE ON SCHEMA SCHEMA_ TO ROLE; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA SCHEMA_ TO ROLE`)
	s := openStore(t, humble)
	opened(t, s)
	revokeSome(t, s, 1, epoch)
}

func TestStepsAreWellFormed(t *testing.T) {
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range known {
		if s.Version != i+1 || s.Name == "" || s.compatible < 1 || s.compatible > s.Version {
			t.Errorf("step %d is %d_%s, compatible with %d", i+1, s.Version, s.Name, s.compatible)
		}
		for _, banned := range []string{"TRIGGER ", "SERIAL", "SEQUENCE ", "REFERENCES", "FUNCTION", "PROCEDURE ", "UNIQUE ("} {
			if strings.Contains(strings.ToUpper(s.text), banned) {
				t.Errorf("%s uses %s, which is not portable", s.Name, banned)
			}
		}
	}
	for name, text := range map[string]string{"0001_a.sql": "CREATE TABLE a (x)", "a.sql": "-- compatible: 1\n", "0001_b.sql": "-- compatible: x\n"} {
		if _, err := parseStep(name, text); err == nil {
			t.Errorf("%s with %q was taken", name, text)
		}
	}
}

// TestShards: every key that must be unique begins with, or has, what its table is spread by, so that no machine has to ask
// another; and a relative gets no word that it may not know.
func TestShards(t *testing.T) {
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	var spread string
	for _, s := range known {
		spread += s.citus
		k := link{Config: Config{Distributed: true}, citus: true}
		if text := k.textOf(s); strings.Contains(text, "COLLATE") || !strings.Contains(text, s.citus) {
			t.Errorf("%s for a relative: %s", s.Name, text)
		}
	}
	s := openAny(t, Config{})
	keys, err := list(t.Context(), s, func(row pgx.CollectableRow) (k struct {
		Table   string
		Columns []string
	}, err error) {
		return k, row.Scan(&k.Table, &k.Columns)
	}, `SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE i.indisunique AND n.nspname = current_schema() GROUP BY i.indexrelid, c.relname`)
	if err != nil || len(keys) < 17 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, k := range keys {
		_, by, spreads := strings.Cut(spread, "create_distributed_table('"+k.Table+"', '")
		by, _, _ = strings.Cut(by, "'")
		if spreads && !slices.Contains(k.Columns, by) {
			t.Errorf("a key of %s is %v, without %s", k.Table, k.Columns, by)
		}
		if slices.Contains([]string{"sessions", "session_data", "moved", "tickets", "owners", "api_keys"}, k.Table) && (k.Columns[0] != "bucket" || by != "bucket") {
			t.Errorf("a key of %s is %v, spread by %q; want that the bucket leads", k.Table, k.Columns, by)
		}
	}
}
