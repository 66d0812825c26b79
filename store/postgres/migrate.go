package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	creations   = 20              // attempts to make the schema beside others who make it
	schemaWaits = 5               // and to get the lock of a table that is in use
	schemaWait  = 5 * time.Second // how long others queue behind such an attempt
)

// Migration is one step of the schema.
type Migration struct {
	Version   int
	Name      string
	AppliedAt time.Time // zero: not yet
	Newer     bool      // applied by a later version of this program, which does not know it
}

// Status returns the migrations of the database in order, those that this program would apply and those that a newer one
// has applied included. It changes nothing.
func (c Config) Status(ctx context.Context) (all []Migration, err error) {
	err = c.with(ctx, "status", func(k *link) error {
		known, err := steps(migrations)
		if err != nil {
			return err
		}
		applied, err := k.applied(ctx)
		all = merge(applied, known)
		return err
	})
	return all, err
}

// Migrate makes the schema if it is missing and applies every migration that is not applied yet. Open does the same; Migrate
// is for doing it before the servers start, or by a user of the database who may do more than they.
func (c Config) Migrate(ctx context.Context) error {
	return c.with(ctx, "migrate", func(k *link) error { return k.migrate(ctx) })
}

// with does something with a connection of its own.
func (c Config) with(ctx context.Context, what string, do func(*link) error) error {
	k, err := c.connect(ctx)
	if err == nil {
		defer k.close()
		err = do(k)
	}
	if err != nil {
		return fmt.Errorf("%s postgres: %w", what, err)
	}
	return nil
}

// Migrations returns what was applied to the open database, in order.
func (s *Store) Migrations(ctx context.Context) ([]Migration, error) {
	all, err := list(ctx, s, scanMigration, selectMigrations)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return all, nil
}

// The row of version 0 is no migration: it is what a migration locks.
const selectMigrations = `SELECT version, name, applied_at FROM migrations WHERE version > 0 ORDER BY version`

func scanMigration(row pgx.CollectableRow) (m Migration, err error) {
	err = row.Scan(&m.Version, &m.Name, (*instant)(&m.AppliedAt))
	return m, err
}

func (k *link) migrate(ctx context.Context) error {
	known, err := steps(migrations)
	if err != nil {
		return err
	}
	return k.migrateTo(ctx, known)
}

// migrateTo applies the steps that are not applied yet, each in a transaction of its own: whatever ends it in between, the
// next one goes on there. Many may do it at once; each step is applied by one of them. Where nothing is to be done, nothing
// is written: whoever only uses the tables needs no right to change them.
func (k *link) migrateTo(ctx context.Context, known []step) error {
	applied, err := k.applied(ctx)
	if err != nil {
		return err
	}
	if err := k.understood(ctx, applied, known); err != nil {
		return err
	}
	if len(applied) == 0 {
		if err := k.create(ctx); err != nil {
			return err
		}
	}
	for _, s := range known {
		if has(applied, s.Version) {
			continue
		}
		if err := k.patient(ctx, func() error { return k.apply(ctx, s) }); err != nil {
			return fmt.Errorf("migration %04d_%s: %w", s.Version, s.Name, err)
		}
	}
	return nil
}

// applied returns what was applied, nothing for a schema that is missing or empty, and an error for one that is not ours.
func (k *link) applied(ctx context.Context) ([]Migration, error) {
	rows, err := k.conn.Query(ctx, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`, k.schema)
	if err != nil {
		return nil, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	if !slices.Contains(tables, "migrations") {
		return nil, k.strange()
	}
	var applied []Migration
	err = k.transaction(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectMigrations)
		if err != nil {
			return err
		}
		applied, err = pgx.CollectRows(rows, scanMigration)
		return err
	})
	if code(err) == "42703" { // undefined_column
		return nil, k.strange()
	}
	return applied, err
}

func (k *link) strange() error {
	return fmt.Errorf("schema %s has tables that are not Cloakroom's; give it another Schema", k.schema)
}

// understood refuses a database that a newer program has changed beyond what this one knows.
func (k *link) understood(ctx context.Context, applied []Migration, known []step) error {
	ours := known[len(known)-1].Version
	if len(applied) == 0 || applied[len(applied)-1].Version <= ours {
		return nil
	}
	var needs int
	err := k.transaction(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT max(compatible) FROM migrations`).Scan(&needs)
	})
	if err == nil && needs > ours {
		err = fmt.Errorf("its schema needs a program that knows migration %d, this one ends at %d; use a newer Cloakroom", needs, ours)
	}
	return err
}

// create makes the schema and the table of migrations. IF NOT EXISTS does not help two who do it at once: the second
// fails, and finds it done when it looks again.
func (k *link) create(ctx context.Context) (err error) {
	for range creations {
		if err = k.createOnce(ctx); err == nil {
			return nil
		}
		switch code(err) {
		case "23505", "42P06", "42P07", "42710", "40001": // there is one already, by now
			continue
		case "42501":
			return fmt.Errorf("make schema %s: %w; let somebody who may run: CREATE SCHEMA %s AUTHORIZATION %s", k.schema, err,
				pgx.Identifier{k.schema}.Sanitize(), pgx.Identifier{k.conn.Config().User}.Sanitize())
		}
		break
	}
	return fmt.Errorf("make schema %s: %w", k.schema, err)
}

func (k *link) createOnce(ctx context.Context) error {
	var there bool
	err := k.conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)`, k.schema).Scan(&there)
	if err != nil {
		return err
	}
	name := pgx.Identifier{k.schema}.Sanitize()
	if !there {
		if _, err := k.conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+name); err != nil {
			return err
		}
	}
	_, err = k.conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS `+name+`.migrations (
		version    integer NOT NULL PRIMARY KEY,
		name       text    NOT NULL,
		compatible integer NOT NULL,
		applied_at bigint  NOT NULL
	)`)
	return err
}

// apply makes one step unless somebody has made it meanwhile.
func (k *link) apply(ctx context.Context, s step) error {
	return k.transaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO migrations (version, name, compatible, applied_at) VALUES (0, 'lock', 0, 0)
			ON CONFLICT (version) DO UPDATE SET name = excluded.name`); err != nil {
			return err
		}
		var done bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM migrations WHERE version = $1)`, s.Version).Scan(&done)
		if err != nil || done {
			return err
		}
		if err := k.locksWithin(ctx, tx, schemaWait); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, k.textOf(s)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO migrations (version, name, compatible, applied_at) VALUES ($1, $2, $3, $4)`,
			s.Version, s.Name, s.compatible, time.Now().UnixMicro())
		return err
	})
}

// locksWithin bounds the wait for tables that are in use: whoever wants to use one queues behind us meanwhile.
func (k *link) locksWithin(ctx context.Context, tx pgx.Tx, d time.Duration) error {
	if k.Distributed {
		return nil
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", d.Milliseconds()))
	return err
}

// patient repeats what failed because somebody else was using a table, or was changing the same rows.
func (k *link) patient(ctx context.Context, do func() error) (err error) {
	for range schemaWaits {
		err = do()
		if c := code(err); c != "55P03" && c != "40001" && c != "40P01" || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// transaction runs do in the schema, without the timeouts that the server may have by default: a step takes the time it
// takes.
func (k *link) transaction(ctx context.Context, do func(pgx.Tx) error) error {
	begin := begin + `; SET LOCAL search_path = ` + pgx.Identifier{k.schema}.Sanitize() +
		`; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`
	if !k.Distributed {
		begin += `; SET LOCAL lock_timeout = 0`
	}
	return pgx.BeginTxFunc(ctx, k.conn, pgx.TxOptions{BeginQuery: begin}, do)
}
