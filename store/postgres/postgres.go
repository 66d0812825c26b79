// Package postgres keeps everything in PostgreSQL, for as many nodes as there are.
//
//	store, err := postgres.Open(ctx, "postgres://cloakroom@db.internal/app?sslmode=verify-full")
//	if err != nil { … }
//	defer store.Shutdown()
//	auth, err := cloakroom.New(cloakroom.Config{Store: store, Secrets: …, Methods: …})
//
// Open connects, brings the schema up to date and refuses a server that is too old, a schema that is not Cloakroom's and
// one that a newer Cloakroom has changed in a way that this one does not understand. The tables lie in a schema of their
// own, "cloakroom" by default, so they share a database with those of an application. Token secrets are not kept here: a
// copy of the database signs nobody in.
//
// What it promises: an answered write was committed, and lasts as long as the server's own promises do (see
// Config.Check). A write that the server gave up because of another one (SQLSTATE 40001, 40P01) is repeated, all of it; one
// whose end is not known, because the connection broke while it was committed, never is: it is an error, "cannot know".
// Each verb ends, at the latest, after twice Config.StatementTimeout; Touch and Sweep, which work in pieces, count for each.
//
// The feed is in order: what is committed later has a greater number, because whoever appends holds the row of the last
// number until the commit. The price is that appends commit one after the other. The row is locked as late as can be, in
// the message that also commits, so a slow client holds up nobody.
//
// Sessions are found together: look-ups that come while others are under way wait for them, and go as one statement. That
// costs a look-up among many a third of what it costs alone.
//
// Behind PgBouncer in transaction mode (Open notices) nothing relies on the state of a connection: no statement stays
// prepared, timeouts come with each transaction, and the feed is polled instead of listened to.
//
// The SQL keeps to what PostgreSQL and its distributed relatives have in common, see Config.Distributed.
//
// Not here: backups (pg_dump, or a standby), a pool across nodes (PgBouncer), secrets.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cloakroom-auth/cloakroom"
)

var errShutdown = errors.New("postgres store is shut down")

// Store implements cloakroom.Store, cloakroom.Finder and cloakroom.Waker. Make one with Open, end it with Shutdown. It is
// safe for concurrent use.
type Store struct {
	pool        *pgxpool.Pool
	schema      string
	channel     string // of the feed's notifications; empty: the server has none
	settings    string // a query that makes them for one transaction, behind a pooler; empty: connections have them
	listens     bool
	distributed bool
	locked      string // what makes a query pass over rows that others are about to change
	patience    time.Duration
	flights     flights

	closed   atomic.Bool
	done     chan struct{} // closed with the store
	shutdown func()
}

var (
	_ cloakroom.Store  = (*Store)(nil)
	_ cloakroom.Finder = (*Store)(nil)
	_ cloakroom.Waker  = (*Store)(nil)
)

// Open opens the database at dsn, see Config.
func Open(ctx context.Context, dsn string) (*Store, error) { return Config{DSN: dsn}.Open(ctx) }

// Open connects and makes or completes the schema. It reports every mistake in the Config at once.
func (c Config) Open(ctx context.Context) (*Store, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	return s, nil
}

func (c Config) open(ctx context.Context) (*Store, error) {
	k, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer k.close()
	if err := k.migrate(ctx); err != nil {
		return nil, err
	}
	s := &Store{
		schema: k.schema, listens: !k.pooled && !c.Distributed, distributed: c.Distributed,
		patience: 2 * k.StatementTimeout, done: make(chan struct{}),
	}
	if !c.Distributed {
		s.channel, s.locked = channelOf(k.schema), " FOR UPDATE SKIP LOCKED"
	}
	if k.pooled {
		s.settings = k.perTransaction()
	}
	if s.pool, err = k.newPool(ctx); err != nil {
		return nil, err
	}
	s.flights.ask = s.findAll
	s.shutdown = sync.OnceFunc(s.stop)
	return s, nil
}

// Shutdown waits for the verbs that run, each of which ends by its timeout, and closes all connections. From then on every
// method returns an error that is none of cloakroom's: the engine answers 503. Shutting down twice is no error. (Close is
// taken: it ends one session.)
func (s *Store) Shutdown() error {
	s.shutdown()
	return nil
}

func (s *Store) stop() {
	s.closed.Store(true)
	close(s.done)
	s.pool.Close()
}

// check is for verbs that need not ask the server.
func (s *Store) check(ctx context.Context) error {
	if s.closed.Load() {
		return errShutdown
	}
	return ctx.Err()
}
