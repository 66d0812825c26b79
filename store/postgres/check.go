package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Check asks the server whether it can keep what this package promises, and reports everything that speaks against it, each
// with the mend. It changes nothing and may run beside servers.
func (c Config) Check(ctx context.Context) error {
	return c.with(ctx, "check", func(k *link) error {
		if c.Distributed {
			return nil // what is asked here is PostgreSQL's own
		}
		return errors.Join(append(k.checkServer(ctx), k.checkIndexes(ctx)...)...)
	})
}

func (k *link) checkServer(ctx context.Context) (errs []error) {
	var fsync, pages, commit string
	var standby bool
	var most int
	err := k.conn.QueryRow(ctx, `SELECT current_setting('fsync'), current_setting('full_page_writes'),
		current_setting('synchronous_commit'), pg_is_in_recovery(), current_setting('max_connections')::bigint`).
		Scan(&fsync, &pages, &commit, &standby, &most)
	if err != nil {
		return []error{err}
	}
	for _, s := range []setting{{"fsync", fsync}, {"full_page_writes", pages}, {"synchronous_commit", commit}} {
		if s.value == "off" {
			errs = append(errs, fmt.Errorf("%s is off: a crash of the server loses writes that were answered; switch it on", s.name))
		}
	}
	if standby {
		errs = append(errs, errors.New("the server is a standby and takes no writes; name the primary, or both hosts, in the DSN"))
	}
	if k.MaxConns > most {
		errs = append(errs, fmt.Errorf("MaxConns is %d, but the server takes %d connections in all; lower the one or raise the other", k.MaxConns, most))
	}
	return errs
}

// checkIndexes finds what CREATE INDEX CONCURRENTLY or REINDEX left unfinished.
func (k *link) checkIndexes(ctx context.Context) (errs []error) {
	rows, err := k.conn.Query(ctx, `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND NOT i.indisvalid ORDER BY 1`, k.schema)
	if err != nil {
		return []error{err}
	}
	broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return []error{err}
	}
	for _, name := range broken {
		errs = append(errs, fmt.Errorf("index %s.%s is not valid; run: REINDEX INDEX %s", k.schema, name, pgx.Identifier{k.schema, name}.Sanitize()))
	}
	return errs
}
