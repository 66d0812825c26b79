package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Versions of the server, as server_version_num counts them.
const (
	oldestServer   = 13_00_00
	oldestRelative = 11_00_00 // YugabyteDB calls itself 11.2, CockroachDB 13.0
)

// link is one connection with which a store is set up: it finds out what is at the other end.
type link struct {
	Config // with its defaults
	schema string
	config *pgxpool.Config
	conn   *pgx.Conn
	pooled bool // somebody stands between us and the server
	citus  bool
}

// connect opens the link. It uses nothing that a pooler would refuse.
func (c Config) connect(ctx context.Context) (*link, error) {
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	k := &link{Config: c.withDefaults()}
	k.schema = k.Schema
	var err error
	if k.config, err = c.parse(); err != nil {
		return nil, err
	}
	plain := k.config.ConnConfig.Copy()
	plain.DefaultQueryExecMode = pgx.QueryExecModeExec
	ctx, cancel := context.WithTimeout(ctx, 2*defaultConnectTimeout)
	defer cancel()
	if k.conn, err = pgx.ConnectConfig(ctx, plain); err != nil {
		return nil, err
	}
	if err := k.look(ctx); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *link) close() { _ = k.conn.Close(context.Background()) }

// look finds out who answers. A pooler gives each client a process id of its own making, which is not that of the server
// that a query reaches.
func (k *link) look(ctx context.Context) error {
	var number, pid int
	var name string
	err := k.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
		pg_backend_pid()::bigint, EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')`).Scan(&number, &name, &pid, &k.citus)
	if err != nil {
		return fmt.Errorf("ask the server who it is: %w", err)
	}
	k.pooled = k.PollOnly || !k.Distributed && uint32(pid) != k.conn.PgConn().PID()
	k.citus = k.citus && k.Distributed
	return k.oldEnough(number, name)
}

func (k *link) oldEnough(number int, name string) error {
	oldest := oldestServer
	if k.Distributed {
		oldest = oldestRelative
	}
	if number < oldest {
		return fmt.Errorf("PostgreSQL %s is too old; Cloakroom needs %d or newer: upgrade the server", name, oldest/10000)
	}
	return nil
}

// setting is a parameter of the server's that every statement needs.
type setting struct{ name, value string }

func (k *link) settings() []setting {
	ms := func(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
	all := []setting{{"search_path", pgx.Identifier{k.schema}.Sanitize()}, {"statement_timeout", ms(k.StatementTimeout)}}
	if !k.Distributed {
		all = append(all, setting{"lock_timeout", ms(k.LockTimeout)})
	}
	return append(all, setting{"idle_in_transaction_session_timeout", ms(k.StatementTimeout)})
}

// perTransaction is a query that makes the settings until the transaction ends.
func (k *link) perTransaction() string {
	var calls []string
	for _, s := range k.settings() {
		calls = append(calls, fmt.Sprintf("set_config('%s', '%s', true)", s.name, strings.ReplaceAll(s.value, "'", "''")))
	}
	return "SELECT " + strings.Join(calls, ", ")
}

// newPool makes the pool that the store works with. It has one connection from the start, so that what is wrong with the
// settings is known at once.
func (k *link) newPool(ctx context.Context) (*pgxpool.Pool, error) {
	config := k.config.Copy()
	config.MaxConns = int32(k.MaxConns)
	config.MaxConnLifetimeJitter = max(config.MaxConnLifetimeJitter, config.MaxConnLifetime/4) // they must not all be renewed at once
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	if k.pooled {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	} else {
		for _, s := range k.settings() {
			config.ConnConfig.RuntimeParams[s.name] = s.value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// code is the SQLSTATE of an error, empty if the server did not send it.
func code(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
