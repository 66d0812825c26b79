package main

import (
	"context"
	"strconv"
	"time"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type migrateCommand struct {
	Status *migrateStatus `arg:"subcommand:status" help:"List the steps of the schema and when each was made."`
	Up     *migrateUp     `arg:"subcommand:up" help:"Make the steps that are missing, and the data folder if need be; the server does the same when it starts."`
}

// migrationJSON is one step of the schema.
type migrationJSON struct {
	Version   int       `json:"version"`
	Name      string    `json:"name"`
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

type migrateStatus struct{}

func (migrateStatus) Run(ctx context.Context, c *console) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	if cfg.Database().Local() { // on a server there is at least the list of what is missing
		if err := databaseExists(ctx, cfg); err != nil {
			return err
		}
	}
	return c.showMigrations(ctx, cfg)
}

func (c *console) showMigrations(ctx context.Context, cfg config.Config) error {
	steps, err := server.Migrations(ctx, cfg)
	if err != nil {
		return err
	}
	t := c.table("VERSION", "NAME", "APPLIED")
	for _, m := range steps {
		if err := t.row(migrationJSON{m.Version, m.Name, m.AppliedAt}, strconv.Itoa(m.Version), m.Name, moment(m.AppliedAt)); err != nil {
			return err
		}
	}
	return t.end()
}

type migrateUp struct{}

func (migrateUp) Run(ctx context.Context, c *console) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	if cfg.Database().Local() {
		// As a start would do it: with the secrets made too, which that start would otherwise take for lost.
		err = c.withEngine(ctx, !existing, func(*server.Engine) error { return nil })
	} else {
		err = server.MigrateServer(ctx, cfg)
	}
	if err != nil {
		return err
	}
	return c.showMigrations(ctx, cfg)
}
