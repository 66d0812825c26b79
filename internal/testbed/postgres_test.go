package testbed

import (
	"errors"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func startPostgres(t *testing.T, settings ...string) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.TempDir(), settings...)
	must(t, err)
	t.Cleanup(func() { must(t, p.Stop()) })
	return p
}

func sql(t *testing.T, p *Postgres, statements, want string) {
	t.Helper()
	got, err := p.Exec("", statements)
	must(t, err)
	if got != want {
		t.Fatalf("%s: got %q, want %q", statements, got, want)
	}
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, "max_connections=17", "fsync=on")
	port := p.Port()
	sql(t, p, "SHOW max_connections; SHOW fsync; SELECT 1, NULL, 'ä'", "17\non\n1||ä")
	if _, err := p.Exec("", "SELECT 1; SELECT nothing; SELECT 2"); err == nil || !strings.Contains(err.Error(), `column "nothing" does not exist`) {
		t.Errorf("a statement that fails gives %v", err)
	}
	if err := p.Start(); err == nil {
		t.Error("a running server starts once more")
	}
	for _, ending := range []string{"Kill", "Stop"} {
		sql(t, p, "CREATE TABLE IF NOT EXISTS kept (how text); INSERT INTO kept VALUES ('"+ending+"')", "")
		pids := family(p.Pid())
		if len(pids) < 5 && runtime.GOOS == "linux" {
			t.Fatalf("only %d processes: the test looks at the wrong one", len(pids))
		}
		end := map[string]func() error{"Kill": p.Kill, "Stop": p.Stop}[ending]
		must(t, end())
		noneAlive(t, pids)
		if _, err := p.Exec("", "SELECT 1"); err == nil {
			t.Errorf("answers after %s", ending)
		}
		must(t, end()) // a second time is no error
		must(t, p.Start())
		crashed := strings.Contains(p.process.tail(), "was not properly shut down")
		if crashed != (ending == "Kill") {
			t.Errorf("recovery after %s: %v", ending, crashed)
		}
	}
	sql(t, p, "SELECT how FROM kept ORDER BY how", "Kill\nStop")
	if p.Port() != port {
		t.Errorf("port %d, then %d", port, p.Port())
	}
}

func TestStandby(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, "max_connections=18")
	sql(t, p, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)", "")
	s, err := p.Standby(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop()) })
	sql(t, s, "SHOW max_connections; SELECT pg_is_in_recovery(), n FROM kept", "18\nt|1")
	sql(t, p, "INSERT INTO kept VALUES (2)", "")
	await(t, "the standby follows", func() bool {
		n, err := s.Exec("", "SELECT max(n) FROM kept")
		return err == nil && n == "2"
	})
	if _, err := s.Exec("", "INSERT INTO kept VALUES (0)"); err == nil {
		t.Error("a standby takes a write")
	}
	must(t, s.Stop())
	s.port, p.port = p.port, s.port
	if err := s.Start(); !errors.Is(err, errPortTaken) {
		t.Errorf("a server on the port of another: %v", err)
	}
	s.port, p.port = p.port, s.port
	must(t, s.Start())
	must(t, p.Kill())
	must(t, s.Promote())
	sql(t, s, "INSERT INTO kept VALUES (3); SELECT sum(n) FROM kept", "6")
	must(t, s.Kill())
	must(t, s.Start())
	sql(t, s, "SELECT pg_is_in_recovery(), sum(n) FROM kept", "f|6")
}

func TestBouncer(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, "fsync=off")
	sql(t, p, "CREATE DATABASE other", "")
	b, err := p.Bouncer(t.TempDir(), "default_pool_size = 7")
	must(t, err)
	t.Cleanup(func() { must(t, b.Stop()) })
	through := func(database string) (string, error) {
		return p.run("SELECT current_database()", filepath.Join(p.bin, "psql"), "-AtX", "-d", b.DSN(database), "-f", "-")
	}
	config, err := p.run("SHOW CONFIG", filepath.Join(p.bin, "psql"), "-AtX", "-d", b.DSN("pgbouncer"), "-f", "-")
	for _, line := range []string{"\npool_mode|transaction|", "\ndefault_pool_size|7|"} {
		if !strings.Contains(config, line) {
			t.Errorf("no %q in its configuration: %s, %v", line, config, err)
		}
	}
	for _, database := range []string{"postgres", "other"} {
		if got, err := through(database); got != database {
			t.Errorf("%s: %q, %v", database, got, err)
		}
	}
	pids := family(b.Pid())
	must(t, b.Kill())
	noneAlive(t, pids)
	if _, err := through("other"); err == nil {
		t.Error("answers after Kill")
	}
	must(t, b.Start())
	if got, err := through("other"); got != "other" {
		t.Errorf("after Start: %q, %v", got, err)
	}

	// A server that stands where another one listens: the other's answers do not count as its own.
	must(t, b.Stop())
	rightful := b.port
	b.port = p.port
	if err := b.Start(); !errors.Is(err, errPortTaken) {
		t.Errorf("a bouncer on the port of a server: %v", err)
	}
	b.port = rightful
	must(t, p.Stop())
	must(t, b.Start()) // in front of nothing
	rightful, p.port = p.port, b.port
	if err := p.Start(); !errors.Is(err, errPortTaken) {
		t.Errorf("a server on the port of a bouncer: %v", err)
	}
	p.port = rightful
}

func TestPostgresThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := StartPostgres(t.TempDir(), "shared_bufers=1")
	if err == nil || !strings.Contains(err.Error(), `unrecognized configuration parameter "shared_bufers"`) {
		t.Errorf("the error has not the end of the log: %v", err)
	}
}

func TestPostgresDSN(t *testing.T) {
	t.Parallel()
	var server *url.URL
	for range 2 {
		t.Run("", func(t *testing.T) {
			dsn, err := url.Parse(PostgresDSN(t))
			must(t, err)
			if server != nil && dsn.Host != server.Host {
				t.Errorf("servers %s and %s", server.Host, dsn.Host)
			}
			server = dsn
			p := shared.postgres
			tables, err := p.Exec(dsn.Path[1:], "CREATE TABLE mine (n int); SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
			if err != nil || tables != "1" {
				t.Errorf("%s tables, %v: the database was not empty", tables, err)
			}
		})
	}
	sql(t, shared.postgres, "SELECT count(*) FROM pg_database WHERE datname LIKE 'test_%'; SHOW fsync", "0\noff")
}
