package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
	"github.com/cloakroom-auth/cloakroom/store/postgres"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

// stores are what an engine keeps everything in.
type stores struct {
	store    cloakroom.Store  // the database
	ledger   cloakroom.Ledger // nil: the database keeps sessions, too
	shutdown []func() error   // one for each
}

// openPatience is how long opening may take: much longer than a server may take to answer, for which the stores have their own
// patience of some seconds, because the schema may have to be changed first. Once open, the absence of a server is an
// outage like any: requests get 503 until it is back.
const openPatience = 2 * time.Minute

// openStores opens what the configuration names. Its errors name the key, and show no password.
func openStores(cfg config.Config) (stores, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	var s stores
	err := errors.Join(s.openDatabase(ctx, cfg), s.openLedger(ctx, cfg))
	if err != nil {
		return stores{}, errors.Join(err, s.Shutdown())
	}
	return s, nil
}

func (s *stores) openDatabase(ctx context.Context, cfg config.Config) error {
	if cfg.Database().Local() {
		opened, err := sqlite.Open(DatabasePath(cfg))
		if err != nil {
			return err
		}
		s.store, s.shutdown = opened, append(s.shutdown, opened.Shutdown)
		return nil
	}
	opened, err := postgresOf(cfg).Open(ctx)
	if err != nil {
		return fmt.Errorf("store.url: %w", err)
	}
	s.store, s.shutdown = opened, append(s.shutdown, opened.Shutdown)
	return nil
}

func postgresOf(cfg config.Config) postgres.Config {
	return postgres.Config{DSN: string(cfg.Database()), PollOnly: cfg.Store.PollOnly, Distributed: cfg.Store.Distributed}
}

func (s *stores) openLedger(ctx context.Context, cfg config.Config) error {
	url := cfg.Cluster()
	if url == "" {
		return nil
	}
	opened, err := valkey.Open(ctx, string(url))
	if err != nil {
		return fmt.Errorf("store.sessions: %w", err)
	}
	s.ledger, s.shutdown = opened, append(s.shutdown, opened.Shutdown)
	return nil
}

// Shutdown closes what was opened; each finishes its writes first.
func (s stores) Shutdown() error {
	var errs []error
	for _, shutdown := range s.shutdown {
		errs = append(errs, shutdown())
	}
	return errors.Join(errs...)
}
