package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom/server/config"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// Migration is one step of the schema of the database, whatever kind of database it is.
type Migration struct {
	Version   int
	Name      string
	AppliedAt time.Time // zero: not yet
	Newer     bool      // applied by a later version of this program, which does not know it
}

// Migrations returns the steps of the schema in order, those that this program would apply and those that a newer one has
// applied included. It changes nothing. Where there is no database yet it is an error that is fs.ErrNotExist for a file, and
// on a server all steps are not applied.
func Migrations(ctx context.Context, cfg config.Config) (steps []Migration, err error) {
	if cfg.Database().Local() {
		all, err := sqlite.Status(DatabasePath(cfg))
		for _, m := range all {
			steps = append(steps, Migration(m))
		}
		return steps, err
	}
	all, err := postgresOf(cfg).Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("store.url: %w", err)
	}
	for _, m := range all {
		steps = append(steps, Migration(m))
	}
	return steps, nil
}

// CheckDatabase looks whether the database can keep what it is given: it reads a file from end to end, and asks a server
// how it is set up. Everything that speaks against it is joined.
func CheckDatabase(ctx context.Context, cfg config.Config) error {
	if cfg.Database().Local() {
		return sqlite.Check(ctx, DatabasePath(cfg))
	}
	return postgresOf(cfg).Check(ctx)
}

// CheckSessions looks whether the servers that sessions are kept on (config.Config.Cluster) answer and are fit for it.
func CheckSessions(ctx context.Context, cfg config.Config) error {
	var s stores
	return errors.Join(s.openLedger(ctx, cfg), s.Shutdown())
}

// MigrateServer applies the steps that are missing on a database server, as Open does, but waits for as long as ctx allows and
// needs no other server. A database that is a file (config.DSN.Local) is for Open.
func MigrateServer(ctx context.Context, cfg config.Config) error {
	if err := postgresOf(cfg).Migrate(ctx); err != nil {
		return fmt.Errorf("store.url: %w", err)
	}
	return nil
}
