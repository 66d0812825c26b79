package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// fast is for servers of tests in which no machine crashes.
var fast = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"}

// startPostgres starts a server of the test's own.
func startPostgres(t testing.TB, settings ...string) *testbed.Postgres {
	t.Helper()
	p, err := testbed.StartPostgres(t.TempDir(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func startBouncer(t testing.TB, p *testbed.Postgres, settings ...string) *testbed.Bouncer {
	t.Helper()
	b, err := p.Bouncer(t.TempDir(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
	})
	return b
}

var schemas atomic.Int64

// newSchema names a schema that no other test uses.
func newSchema() string { return fmt.Sprintf("world %d", schemas.Add(1)) }

// worlds gives out empty schemas, again and again: to delete what a test left behind is much quicker than to make a schema.
type worlds struct {
	mu    sync.Mutex
	free  []string
	admin *pgx.Conn // it ends with its server
}

// open opens a store on an empty schema, or on the one that previous had; the schema is free again when the test has ended.
func (w *worlds) open(t testing.TB, c Config, previous *Store) *Store {
	t.Helper()
	if previous == nil {
		c.Schema = w.take()
		t.Cleanup(func() { w.give(t, c) }) // after the store is shut down: clean-ups run last first
	} else {
		c.Schema = previous.schema
		if err := previous.Shutdown(); err != nil {
			t.Fatal(err)
		}
	}
	return openStore(t, c)
}

func (w *worlds) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) == 0 {
		return newSchema()
	}
	last := len(w.free) - 1
	name := w.free[last]
	w.free = w.free[:last]
	return name
}

// give empties a schema that nobody uses any more.
func (w *worlds) give(t testing.TB, c Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.admin == nil {
		w.admin = dial(t, c.DSN)
	}
	wipe(t, w.admin, c.Schema)
	w.free = append(w.free, c.Schema)
}

func wipe(t testing.TB, admin *pgx.Conn, schema string) {
	t.Helper()
	var all strings.Builder
	for _, table := range tables(t, admin, schema) {
		if table != "migrations" && table != "feed_head" {
			fmt.Fprintf(&all, "DELETE FROM %s;", pgx.Identifier{schema, table}.Sanitize())
		}
	}
	fmt.Fprintf(&all, "UPDATE %s SET seq = 0", pgx.Identifier{schema, "feed_head"}.Sanitize())
	if _, err := admin.Exec(context.Background(), all.String()); err != nil {
		t.Fatal(err)
	}
}

// kind gives out empty stores of one configuration, again and again: to connect costs more than most tests do.
type kind struct {
	Config
	worlds *worlds
	stores map[string]*Store // by schema; the one that was opened last
	idle   []*Store
}

// open returns an empty store, or opens again what previous had; it is idle again when the test has ended.
func (k *kind) open(t testing.TB, previous *Store) *Store {
	t.Helper()
	if last := len(k.idle) - 1; previous == nil && last >= 0 {
		s := k.idle[last]
		k.idle = k.idle[:last]
		t.Cleanup(func() { k.rest(t, s.schema) })
		return s
	}
	c := k.Config
	if previous != nil {
		c.Schema = previous.schema
		if err := previous.Shutdown(); err != nil {
			t.Fatal(err)
		}
	} else {
		c.Schema = k.worlds.take()
		t.Cleanup(func() { k.rest(t, c.Schema) })
	}
	s, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k.stores[c.Schema] = s
	return s
}

func (k *kind) rest(t testing.TB, schema string) {
	s := k.stores[schema]
	conn, err := s.pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	wipe(t, conn.Conn(), schema)
	k.idle = append(k.idle, s)
}

// end shuts all stores down; others may have their schemas.
func (k *kind) end(t testing.TB) {
	for schema, s := range k.stores {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		k.worlds.give(t, Config{DSN: k.DSN, Schema: schema})
	}
}

func tables(t testing.TB, conn *pgx.Conn, schema string) []string {
	t.Helper()
	rows, err := conn.Query(context.Background(), `SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY 1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// dial makes a connection. It works through PgBouncer, too.
func dial(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// connect makes a connection that ends with the test.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn := dial(t, dsn)
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// openStore opens a store that ends with the test.
func openStore(t testing.TB, c Config) *Store {
	t.Helper()
	store, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return store
}
