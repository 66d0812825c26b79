package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// shelf is a place for a store that is filled first and measured then.
type shelf struct {
	// open opens the store, with its commits durable or not, and returns what closes it, too.
	open func(durable bool) (cloakroom.Ledger, func() error, error)
	// settle does what an engine does by itself when it has time, and returns how many bytes it takes on the disk.
	settle func() (int64, error)
}

// stock fills a shelf, and opens it again as it is in life.
func (b *bench) stock(ctx context.Context, s shelf, sessions int) (*full, error) {
	ledger, end, err := s.open(false)
	if err != nil {
		return nil, err
	}
	f, err := b.fill(ctx, ledger, sessions, b.expiredOf())
	if err := errors.Join(err, end()); err != nil {
		return nil, err
	}
	if f.bytes, err = s.settle(); err != nil {
		return nil, err
	}
	f.ledger, f.close, err = s.open(true)
	return f, err
}

// fileShelf is a new file of SQLite.
func (b *bench) fileShelf() (shelf, error) {
	dir, err := b.scratch("full")
	if err != nil {
		return shelf{}, err
	}
	path := filepath.Join(dir, "cloakroom.db")
	return shelf{
		open: func(durable bool) (cloakroom.Ledger, func() error, error) {
			store, err := sqlite.Config{Path: path, InsecureNoSync: !durable}.Open()
			if err != nil {
				return nil, nil, err
			}
			return store, store.Shutdown, nil
		},
		settle: func() (int64, error) {
			info, err := os.Stat(path)
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		},
	}, nil
}

// databaseShelf is a new database on PostgreSQL. It forgets that it is filled carelessly: the rest of the run is not.
func (b *bench) databaseShelf() (shelf, error) {
	dsn, err := b.database()
	if err != nil {
		return shelf{}, err
	}
	name := nameOf(dsn)
	return shelf{
		open: func(durable bool) (cloakroom.Ledger, func() error, error) {
			if !durable {
				return openPostgres(dsn + "&options=-c%20synchronous_commit%3Doff")
			}
			return openPostgres(dsn)
		},
		settle: func() (int64, error) {
			text, err := b.started.postgres.Exec(name, "VACUUM ANALYZE; CHECKPOINT; SELECT pg_database_size(current_database())")
			if err != nil {
				return 0, err
			}
			return strconv.ParseInt(text, 10, 64)
		},
	}, nil
}
