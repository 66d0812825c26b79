package main

import (
	"context"
	"errors"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// scsPostgres is scs with its own store for PostgreSQL, and the table that this store asks for.
func scsPostgres(dsn string) (*world, error) {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, dsn+"&pool_max_conns=8") // as many as ours
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
		CREATE INDEX sessions_expiry ON sessions (expiry)`)
	if err != nil {
		pool.Close()
		return nil, err
	}
	store := pgxstore.New(pool)
	m := scs.New()
	m.Store = store
	return scsWorld(m, func() error {
		store.StopCleanup()
		pool.Close()
		return nil
	})
}

// scsRedis is scs with its own store for Redis over go-redis.
func scsRedis(addr string) (*world, error) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	if err := client.Ping(context.Background()).Err(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	m := scs.New()
	m.Store = goredisstore.New(client)
	return scsWorld(m, client.Close)
}
