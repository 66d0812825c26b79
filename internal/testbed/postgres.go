package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Postgres is one PostgreSQL server.
type Postgres struct {
	server
	bin string // the folder of its programs
}

// postgresDefaults keep a server small. What is not named here is PostgreSQL's own default: every commit waits for the
// disk.
var postgresDefaults = []string{
	"shared_buffers=16MB",
	"dynamic_shared_memory_type=mmap", // in the data folder, so that nothing outlives it
	"log_line_prefix='%m [%p] '",
}

// StartPostgres makes a database cluster in the folder dir and starts a server on it. Settings are lines of
// postgresql.conf, such as "max_connections=50". The log is dir/log, the data dir/data; a folder serves one server.
// Commits wait for the disk unless a setting says otherwise.
func StartPostgres(dir string, settings ...string) (*Postgres, error) {
	p, err := newPostgres(dir)
	if err != nil {
		return nil, err
	}
	if _, err := p.run("", filepath.Join(p.bin, "initdb"), "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
		"--locale=C", "--wal-segsize=1", "--no-sync", "--no-instructions"); err != nil {
		return nil, err
	}
	lines := slices.Concat(postgresDefaults, settings)
	if err := p.write("data/postgresql.conf", strings.Join(lines, "\n")+"\n"); err != nil {
		return nil, err
	}
	if err := p.open(); err != nil {
		return nil, err
	}
	return p, nil
}

// newPostgres is a server with neither data nor process.
func newPostgres(dir string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	at, err := newPlace(dir)
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, server: server{place: at, program: filepath.Join(bin, "postgres")}}
	p.args = func(port int) ([]string, error) {
		return []string{"-D", p.path("data"), "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="}, nil
	}
	p.ask = func(port, pid int) error {
		if err := p.holds(pid); err != nil {
			return err
		}
		return greet(port, "postgres", "postgres")
	}
	return p, nil
}

// holds says whether the process has the data folder and is ready. Without it, another server on the same port could
// be taken for this one in the moment before this one finds the port taken and ends.
func (p *Postgres) holds(pid int) error {
	lock, err := os.ReadFile(p.path("data/postmaster.pid"))
	if err != nil {
		return err
	}
	holder, rest, _ := strings.Cut(strings.TrimSpace(string(lock)), "\n")
	if holder != strconv.Itoa(pid) || !strings.HasSuffix(rest, "\nready") {
		return fmt.Errorf("the data folder is held by process %q, which is not ready", holder)
	}
	return nil
}

// DSN is the address of a database of this server, as its superuser. Without a name it is the database postgres.
func (p *Postgres) DSN(database string) string { return dsn(p.port, database) }

func dsn(port int, database string) string {
	if database == "" {
		database = "postgres"
	}
	return "postgres://postgres@" + loopback(port) + "/" + database + "?sslmode=disable"
}

// Port is the TCP port on 127.0.0.1, the same for the server's whole life.
func (p *Postgres) Port() int { return p.port }

// Pid is the process id of the server's first process, the last one if it does not run.
func (p *Postgres) Pid() int { return p.pid() }

// Exec runs SQL statements in psql, each in a transaction of its own, and gives what they answer: rows as lines, columns
// separated by "|", nothing else. It stops at the first error, which it returns. It may take tens of milliseconds.
func (p *Postgres) Exec(database, sql string) (string, error) {
	return p.run(sql, filepath.Join(p.bin, "psql"), "-AtXq", "-v", "ON_ERROR_STOP=1", "-d", p.DSN(database)+"&connect_timeout=10", "-f", "-")
}

// Kill ends the server as a crash would: connections are cut and nothing is written any more. It is no error if the
// server does not run.
func (p *Postgres) Kill() error { return p.end(syscall.SIGQUIT) }

// Stop ends the server orderly: transactions are rolled back, connections closed, the data written. It is no error if
// the server does not run.
func (p *Postgres) Stop() error { return p.end(os.Interrupt) }

// Start starts the server again on the same port and data, after whatever recovery it needs.
func (p *Postgres) Start() error { return p.start() }
