package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// settings are values of the configuration by their keys, from any number of flags.
type settings map[string]string

func (s *settings) UnmarshalText(text []byte) error {
	key, value, found := strings.Cut(string(text), "=")
	if !found {
		return errors.New("expected KEY=VALUE")
	}
	if *s == nil {
		*s = settings{}
	}
	(*s)[key] = value
	return nil
}

// source is where the configuration comes from; more are flags of one command by their keys, counted when not empty.
func (c *console) source(more map[string]string) config.Source {
	flags := map[string]string{}
	maps.Copy(flags, c.grammar.Set)
	if c.grammar.Data != "" {
		flags["data"] = c.grammar.Data
	}
	for key, value := range more {
		if value != "" {
			flags[key] = value
		}
	}
	return config.Source{Path: c.grammar.Config, Environ: c.env, Flags: flags}
}

// existing says that a command is for data that is there: in the wrong folder it must not make an empty one.
const existing = true

// withEngine opens the data for f and closes it afterwards.
func (c *console) withEngine(ctx context.Context, mustExist bool, f func(*server.Engine) error) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	if mustExist {
		if err := databaseExists(ctx, cfg); err != nil {
			return err
		}
	}
	engine, err := server.Open(cfg)
	if err != nil {
		return err
	}
	if engine.SecretsLost {
		c.say("warning: " + server.SecretsLost)
	}
	return errors.Join(f(engine), engine.Close(context.WithoutCancel(ctx)))
}

// whereDataIs is the hint when nothing is where we looked.
const whereDataIs = "give the server's --config or --data, or run it in the server's folder"

func databaseExists(ctx context.Context, cfg config.Config) error {
	if !cfg.Database().Local() {
		return schemaExists(ctx, cfg)
	}
	path := server.DatabasePath(cfg)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return hinted(fmt.Errorf("there is no database at %s", path), whereDataIs)
	}
	return nil
}

// schemaExists is databaseExists for a server.
func schemaExists(ctx context.Context, cfg config.Config) error {
	steps, err := server.Migrations(ctx, cfg)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(steps, func(m server.Migration) bool { return !m.AppliedAt.IsZero() }) {
		return hinted(errors.New("store.url: the database has nothing of ours"), "give the server's store.url, or make the schema with: cloakroom migrate up")
	}
	return nil
}
