package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type storeCommands struct {
	Copy *storeCopy `arg:"subcommand:copy" help:"Copy everything from one database to another, SQLite or PostgreSQL; end its servers first."`
}

// storeCopy takes each side from a URL, or from a configuration file; a side that is not given is the ordinary configuration's.
type storeCopy struct {
	From       string `arg:"--from" help:"Copy from this database, without a password here." placeholder:"URL"`
	FromConfig string `arg:"--from-config" help:"Copy from the database of this configuration file." placeholder:"FILE"`
	To         string `arg:"--to" help:"Copy to this database: sqlite:PATH or postgres://USER@HOST/NAME." placeholder:"URL"`
	ToConfig   string `arg:"--to-config" help:"Copy to the database of this configuration file." placeholder:"FILE"`
}

// copiedJSON is what a copy has done.
type copiedJSON struct {
	From   string         `json:"from"`
	To     string         `json:"to"`
	Added  int64          `json:"added"` // items that were not there before
	Totals archive.Totals `json:"totals"`
}

func (s storeCopy) Run(ctx context.Context, c *console) error {
	from, err := c.side("--from", s.From, s.FromConfig)
	if err != nil {
		return err
	}
	to, err := c.side("--to", s.To, s.ToConfig)
	if err != nil {
		return err
	}
	if from.Database() == to.Database() {
		return usage(errors.New("both sides are the same database: give --from or --to, or both"))
	}
	c.sayElsewhere(from)
	return c.withDatabase(ctx, from, existing, func(source *server.Database) error {
		return c.withDatabase(ctx, to, !existing, func(target *server.Database) error {
			return c.copyStore(ctx, source, target)
		})
	})
}

// side is a configuration of which only the database counts. A file speaks for itself: were the environment asked, too, it
// could make both sides one.
func (c *console) side(flag, dsn, file string) (config.Config, error) {
	switch {
	case dsn != "" && file != "":
		return config.Config{}, usage(fmt.Errorf("%s and %s-config are two answers to one question: give one", flag, flag))
	case hasPassword(dsn):
		return config.Config{}, &failure{
			fmt.Errorf("%s has a password, which everybody sees in the list of processes", flag),
			"write the URL into a file as store.url, and give " + flag + "-config FILE; or keep the password in ~/.pgpass", misused,
		}
	case dsn != "":
		return config.Load(config.Source{Flags: map[string]string{"store.url": dsn}})
	case file != "":
		return config.Load(config.Source{Path: file})
	}
	return config.Load(c.source(nil))
}

// hasPassword errs on the safe side.
func hasPassword(dsn string) bool {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return true
		}
	}
	user, _, found := strings.Cut(dsn, "@")
	_, user, _ = strings.Cut(user, "://")
	return found && strings.Contains(user, ":") || strings.Contains(dsn, "password=")
}

func (c *console) copyStore(ctx context.Context, source, target *server.Database) error {
	p := c.progress()
	copied, err := archive.Copy(ctx, source, target, archive.Plan{Watch: p.watch})
	p.end()
	if errors.Is(err, archive.ErrNotEmpty) {
		return hinted(fmt.Errorf("the target has something already: %w", err),
			"copy to a database that no server has used; if a copy was interrupted, the source has changed since: end its servers, and begin with an empty target")
	}
	if _, different := errors.AsType[*archive.DifferentError](err); different {
		return hinted(err, "somebody else writes to the target: end its servers, and begin with an empty one")
	}
	if err != nil {
		return interrupted(ctx, err)
	}
	if c.grammar.JSON {
		return c.show(copiedJSON{source.Engine, target.Engine, copied.Added, copied.Totals})
	}
	c.say("copied %d items from %s to %s; %d were there already; counts and checksums are the same",
		copied.Added, source.Engine, target.Engine, copied.Totals.Counts().All()-copied.Added)
	c.say("the secrets were not copied: give the servers of the target the same, or everybody is signed out")
	return c.showTotals(copied.Totals)
}
