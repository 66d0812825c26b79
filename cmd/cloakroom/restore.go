package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type restoreCommand struct {
	File         string `arg:"positional,required" help:"The backup."`
	KeepSessions bool   `arg:"--keep-sessions" help:"Let the sessions and signing keys of the backup live, also those that were revoked since."`
}

// restoredJSON is what a restore has done.
type restoredJSON struct {
	File   string         `json:"file"`
	Engine string         `json:"engine"`
	Added  int64          `json:"added"` // items that were not there before
	Totals archive.Totals `json:"totals"`
}

func (r restoreCommand) Run(ctx context.Context, c *console) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	return c.withBackup(r.File, func(backup *archive.Reader) error {
		if _, err := c.verify(ctx, backup); err != nil { // before anything is written
			return interrupted(ctx, err)
		}
		return c.withDatabase(ctx, cfg, !existing, func(db *server.Database) error {
			return r.restore(ctx, c, cfg, backup, db)
		})
	})
}

func (r restoreCommand) restore(ctx context.Context, c *console, cfg config.Config, backup *archive.Reader, db *server.Database) error {
	p := c.progress()
	copied, err := db.Restore(ctx, backup, r.KeepSessions, p.watch)
	p.end()
	if errors.Is(err, archive.ErrNotEmpty) {
		return hinted(fmt.Errorf("the database has something already: %w", err),
			"restore into a new folder (--data) or an empty schema, before a server uses it; then let the server use that")
	}
	if err != nil {
		return interrupted(ctx, err)
	}
	if err := c.restoreSecrets(cfg, backup.Header().Secrets); err != nil {
		return err
	}
	r.advise(c, cfg)
	if c.grammar.JSON {
		return c.show(restoredJSON{r.File, db.Engine, copied.Added, copied.Totals})
	}
	c.say("restored %d items; %d were there already", copied.Added, copied.Totals.Counts().All()-copied.Added)
	return c.showTotals(copied.Totals)
}

// restoreSecrets puts the secrets of a backup where a server looks for them, unless there are some.
func (c *console) restoreSecrets(cfg config.Config, secrets []archive.Secret) error {
	path := server.SecretsPath(cfg)
	if len(secrets) == 0 {
		if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
			c.say("the backup has no secrets: put yours at %s before a server starts, or it makes new ones", path)
		}
		return nil
	}
	if path == "" {
		c.say("the secrets of the backup were left out: the configuration gives others, or the same")
		return nil
	}
	err := server.RestoreSecrets(cfg, secrets)
	if errors.Is(err, fs.ErrExist) {
		c.say("the secrets of the backup were left out: there are some at %s", path)
		return nil
	}
	if err == nil {
		c.say("the secrets of the backup are at %s", path)
	}
	return err
}

// advise says what a restore means.
func (r restoreCommand) advise(c *console, cfg config.Config) {
	if r.KeepSessions {
		c.say("warning: whatever was revoked since the backup lives again: sessions, tickets that were used, signing keys that were withdrawn")
	} else {
		c.say("everybody is signed out: sessions, tickets and signing keys of the backup were left out")
		c.say("programs are, too: its API keys were left out; make new ones: cloakroom apikey add")
		c.say("mails and webhooks that waited to be sent were left out")
	}
	c.say("users are as they were at the backup: bans, roles and passwords that have changed since are to be made again")
	c.sayElsewhere(cfg)
}

// interrupted makes of the end of ctx a word to the operator.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return hinted(errors.New("interrupted"), "run the same command again: it goes on where it was")
	}
	return err
}
