package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestCheck(t *testing.T) {
	p := startPostgres(t)
	c := Config{DSN: p.DSN("")}
	s := openStore(t, c)
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("a server with PostgreSQL's own settings: %v", err)
	}
	if _, err := p.Exec("", "ALTER SYSTEM SET fsync = off;\nALTER SYSTEM SET synchronous_commit = off;\nSELECT pg_reload_conf();"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(t.Context(), `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sessions_by_end'::regclass`); err != nil {
		t.Fatal(err)
	}
	c.MaxConns = 1000
	eventually(t, "all that is wrong is reported", func() bool {
		err := c.Check(t.Context())
		for _, want := range []string{"fsync is off", "synchronous_commit is off", "MaxConns is 1000", "REINDEX INDEX " + pgx.Identifier{"cloakroom", "sessions_by_end"}.Sanitize()} {
			if err == nil || !strings.Contains(err.Error(), want) {
				return false
			}
		}
		return !strings.Contains(err.Error(), "full_page_writes")
	})
	if err := (Config{DSN: p.DSN("not_there")}).Check(t.Context()); err == nil {
		t.Error("a database that is not there passed")
	}
}
