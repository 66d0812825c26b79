package testbed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// Bouncer is a PgBouncer in transaction mode: what a connection sets, prepares or listens to is not there in its next
// transaction.
type Bouncer struct {
	server
	watcher string // a user that no other bouncer knows, who asks it whether it is ready
}

// Bouncer starts a PgBouncer in front of all databases of p, with its files in the folder dir. Settings are lines of the
// section [pgbouncer], such as "default_pool_size=1", with which two clients cannot but share a connection. It is an
// error if the program is not installed. The bouncer answers for itself: it starts while p does not run, too.
func (p *Postgres) Bouncer(dir string, settings ...string) (*Bouncer, error) {
	program, err := bouncerProgram()
	if err != nil {
		return nil, err
	}
	at, err := newPlace(dir)
	if err != nil {
		return nil, err
	}
	b := &Bouncer{server: server{place: at, program: program}, watcher: fmt.Sprintf("watcher%x", rand.Uint64())}
	b.args = func(port int) ([]string, error) {
		return []string{b.path("pgbouncer.ini")}, b.configure(port, p.port, settings)
	}
	b.ask = func(port, _ int) error { return greet(port, b.watcher, "pgbouncer") }
	if err := b.open(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bouncer) configure(port, behind int, settings []string) error {
	if err := b.write("users", fmt.Sprintf("\"postgres\" \"\"\n\"%s\" \"\"\n", b.watcher)); err != nil {
		return err
	}
	lines := append([]string{
		"[databases]",
		fmt.Sprintf("* = host=127.0.0.1 port=%d", behind),
		"[pgbouncer]",
		"listen_addr = 127.0.0.1",
		fmt.Sprintf("listen_port = %d", port),
		"unix_socket_dir =",
		"auth_type = trust",
		"auth_file = " + b.path("users"),
		"stats_users = postgres, " + b.watcher, // who may enter the database pgbouncer
		"pool_mode = transaction",
		"max_client_conn = 500",
	}, settings...)
	return b.write("pgbouncer.ini", strings.Join(lines, "\n")+"\n")
}

// DSN is the address of a database behind the bouncer. Without a name it is the database postgres.
func (b *Bouncer) DSN(database string) string { return dsn(b.port, database) }

// Port is the TCP port on 127.0.0.1, the same for the bouncer's whole life.
func (b *Bouncer) Port() int { return b.port }

// Pid is the process id of the bouncer, the last one if it does not run.
func (b *Bouncer) Pid() int { return b.pid() }

// Kill ends the bouncer as a crash would. It is no error if it does not run.
func (b *Bouncer) Kill() error { return b.end(os.Kill) }

// Stop is Kill: what other signals mean to a PgBouncer depends on its version, and it has nothing to lose.
func (b *Bouncer) Stop() error { return b.Kill() }

// Start starts the bouncer again on the same port.
func (b *Bouncer) Start() error { return b.start() }
