package main

import (
	"context"
	"errors"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/postgres"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

// secret is that of all nodes of a run. It protects nothing but sessions that nobody has.
const secret = "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0"

// sharedSecrets are what nodes have in common.
func sharedSecrets() []cloakroom.Secret { return []cloakroom.Secret{cloakroom.Secret(secret)} }

// oursOnPostgres is the library with everything in PostgreSQL.
func oursOnPostgres(dsn string, n int, c cloakroom.Config) (*world, error) {
	store, err := postgres.Open(context.Background(), dsn)
	if err != nil {
		return nil, err
	}
	c.Secrets = sharedSecrets()
	w, err := ours(store, n, c)
	if err != nil {
		return nil, errors.Join(err, store.Shutdown())
	}
	return w.with(store.Shutdown), nil
}

// oursOnValkey is the library with sessions in Valkey and the rest in PostgreSQL.
func oursOnValkey(at servers, n int, c cloakroom.Config) (*world, error) {
	ledger, err := openValkey(at.valkey)
	if err != nil {
		return nil, err
	}
	c.Ledger = ledger
	w, err := oursOnPostgres(at.postgres, n, c)
	if err != nil {
		return nil, errors.Join(err, ledger.Shutdown())
	}
	return w.with(ledger.Shutdown), nil
}

// oursOnValkeyAlone has users in memory, to tell what Valkey costs and what the other question.
func oursOnValkeyAlone(addr string, n int, c cloakroom.Config) (*world, error) {
	ledger, err := openValkey(addr)
	if err != nil {
		return nil, err
	}
	c.Ledger = ledger
	w, err := ours(memory.New(), n, c)
	if err != nil {
		return nil, errors.Join(err, ledger.Shutdown())
	}
	return w.with(ledger.Shutdown), nil
}

// openValkey opens a ledger without a cache in the client: Valkey is asked each time.
func openValkey(addr string) (*valkey.Ledger, error) {
	return valkey.Config{Addresses: []string{addr}, ClientCache: -1}.Open(context.Background())
}

// openPostgres opens a store that is filled and measured without an engine.
func openPostgres(dsn string) (cloakroom.Ledger, func() error, error) {
	store, err := postgres.Open(context.Background(), dsn)
	if err != nil {
		return nil, nil, err
	}
	return store, store.Shutdown, nil
}
