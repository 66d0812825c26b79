package postgres

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	defaultSchema           = "cloakroom"
	defaultStatementTimeout = 5 * time.Second
	defaultLockTimeout      = 2 * time.Second
	defaultConnectTimeout   = 5 * time.Second
	maxIdentifier           = 63 // bytes of a name in PostgreSQL
)

// Config says what Open opens. Only DSN is needed.
type Config struct {
	// DSN says where the database is and who asks, as libpq takes it: a URL like
	// postgres://user:password@host:5432/database?sslmode=verify-full, or keywords like "host=… user=… dbname=…". What it
	// leaves out comes from libpq's files and environment. It may name several hosts: the one that takes writes is used.
	DSN string
	// Schema is where the tables lie; Open makes it if it is missing. Empty means "cloakroom".
	Schema string
	// MaxConns is how many connections there are at most; other verbs wait. Zero means two for each processor, at least
	// 8. All nodes together need fewer than the server's max_connections.
	MaxConns int
	// StatementTimeout is how long the server works on one statement. A verb as a whole, with waiting for a connection and
	// with repetitions, ends after twice that. Zero means 5 s.
	StatementTimeout time.Duration
	// LockTimeout is how long a statement waits for others that hold a row. Zero means 2 s. It must not be longer than
	// StatementTimeout.
	LockTimeout time.Duration
	// PollOnly says that a connection keeps nothing between transactions, as behind PgBouncer in transaction mode. Open
	// notices PgBouncer by itself; say it for other poolers.
	PollOnly bool
	// Distributed says that the server is a relative of PostgreSQL that spreads tables over machines (Citus, YugabyteDB,
	// CockroachDB): what not all of them know is left out, such as notifications, and on Citus the tables are distributed.
	// Say it the same on all nodes.
	Distributed bool
}

// mistakes returns everything that is wrong, each with the field and the mend.
func (c Config) mistakes() error {
	var errs []error
	wrong := func(is bool, text string) {
		if is {
			errs = append(errs, errors.New(text))
		}
	}
	wrong(strings.TrimSpace(c.DSN) == "", "DSN is empty; give it one like postgres://user:password@host:5432/database")
	wrong(len(c.Schema) > maxIdentifier, "Schema is longer than 63 bytes; take a shorter name")
	wrong(!utf8.ValidString(c.Schema) || strings.ContainsRune(c.Schema, 0), "Schema is not text; take a name of letters")
	wrong(strings.HasPrefix(c.Schema, "pg_"), "Schema begins with pg_, which belongs to the server; take another name")
	wrong(c.MaxConns < 0, "MaxConns is negative; leave it zero for the default")
	wrong(c.StatementTimeout < 0, "StatementTimeout is negative; leave it zero for the default")
	wrong(c.LockTimeout < 0, "LockTimeout is negative; leave it zero for the default")
	wrong(fraction(c.StatementTimeout), "StatementTimeout is less than a millisecond; the server counts in those")
	wrong(fraction(c.LockTimeout), "LockTimeout is less than a millisecond; the server counts in those")
	d := c.withDefaults()
	wrong(d.LockTimeout > d.StatementTimeout, "LockTimeout is longer than StatementTimeout; make it shorter")
	return errors.Join(errs...)
}

func fraction(d time.Duration) bool { return d > 0 && d < time.Millisecond }

func (c Config) withDefaults() Config {
	if c.Schema == "" {
		c.Schema = defaultSchema
	}
	if c.MaxConns == 0 {
		c.MaxConns = max(8, 2*runtime.GOMAXPROCS(0))
	}
	if c.StatementTimeout == 0 {
		c.StatementTimeout = defaultStatementTimeout
	}
	if c.LockTimeout == 0 {
		c.LockTimeout = min(defaultLockTimeout, c.StatementTimeout)
	}
	return c
}

// parse reads the DSN, and makes connections of it safe by default.
func (c Config) parse() (*pgxpool.Config, error) {
	pool, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, dsnMistake(err)
	}
	conn := pool.ConnConfig
	conn.ConnectTimeout = min(conn.ConnectTimeout, defaultConnectTimeout)
	if _, named := conn.RuntimeParams["application_name"]; !named {
		conn.RuntimeParams["application_name"] = "cloakroom"
	}
	if conn.ValidateConnect == nil && severalHosts(conn) {
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return pool, nil
}

func severalHosts(conn *pgx.ConnConfig) bool {
	for _, f := range conn.Fallbacks {
		if f.Host != conn.Host || f.Port != conn.Port {
			return true
		}
	}
	return false
}

// dsnMistake tells what is wrong with a DSN without quoting it: what cannot be read may have the password anywhere.
func dsnMistake(err error) error {
	reason := "it is neither a URL like postgres://user:password@host:5432/database nor keywords like host=… user=…; " +
		"in a URL, special characters of a password are written as %XX"
	const quoted = "`: " // ends the DSN in what pgconn says
	text := err.Error()
	if end := strings.LastIndex(text, quoted); end >= 0 && !strings.HasPrefix(text[end+len(quoted):], "failed to parse as") {
		reason = text[end+len(quoted):]
	}
	return fmt.Errorf("DSN cannot be used: %s", reason)
}
