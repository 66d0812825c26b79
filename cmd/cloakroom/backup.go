package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type backupCommands struct {
	Create *backupCreate `arg:"subcommand:create" help:"Write all that the database has to a file, while the server runs."`
	Verify *backupVerify `arg:"subcommand:verify" help:"Read a backup, and say whether it is whole and what it has."`
}

// backupJSON is a backup as commands tell of it.
type backupJSON struct {
	File      string         `json:"file"`
	CreatedAt time.Time      `json:"created_at"`
	Engine    string         `json:"engine"`
	Schema    int            `json:"schema"`
	Program   string         `json:"program"`
	Secrets   bool           `json:"secrets"` // it has them
	Totals    archive.Totals `json:"totals"`
}

func backupOf(file string, h archive.Header, totals archive.Totals) backupJSON {
	return backupJSON{file, h.CreatedAt, h.Engine, h.Schema, h.Program, len(h.Secrets) > 0, totals}
}

// stream is the FILE that stands for standard input or output.
const stream = "-"

type backupCreate struct {
	File        string `arg:"positional,required" help:"The file to make; - writes to standard output."`
	WithSecrets bool   `arg:"--with-secrets" help:"Put the secrets into it, too: then whoever has it can make tokens."`
}

func (b backupCreate) Run(ctx context.Context, c *console) error {
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	if b.File == stream && isTerminal(c.out) {
		return usage(errors.New("a backup is not for a terminal: give a FILE, or a pipe"))
	}
	h := archive.Header{CreatedAt: time.Now().UTC(), Program: server.ReadBuild().Version}
	if b.WithSecrets {
		if h.Secrets, err = server.Secrets(cfg); err != nil {
			return err
		}
	}
	c.sayElsewhere(cfg)
	return c.withDatabase(ctx, cfg, existing, func(db *server.Database) error {
		h.Engine, h.Schema = db.Engine, db.Schema
		totals, err := b.write(ctx, c, db, h)
		if err != nil && ctx.Err() != nil {
			return errors.New("interrupted: there is no backup")
		}
		if err != nil {
			return err
		}
		b.advise(c, cfg)
		if b.File == stream {
			c.say("%d items were written", totals.Counts().All())
			return nil
		}
		return c.showBackup(backupOf(b.File, h, totals))
	})
}

// write exports the database to the file.
func (b backupCreate) write(ctx context.Context, c *console, db *server.Database, h archive.Header) (totals archive.Totals, err error) {
	export := func(to io.Writer) error {
		w := archive.NewWriter(to, h)
		p := c.progress()
		defer p.end()
		if err := db.Export(ctx, &watched{Sink: w, stage: archive.Copying, watch: p.watch}); err != nil {
			return err
		}
		totals = w.Totals()
		return w.Close()
	}
	if b.File == stream {
		return totals, export(c.out)
	}
	err = archive.Create(b.File, export)
	if errors.Is(err, fs.ErrExist) {
		err = hinted(fmt.Errorf("there is something at %s already", b.File), "give another name; a backup never replaces one")
	}
	return totals, err
}

// advise says what to know of the file that was made.
func (b backupCreate) advise(c *console, cfg config.Config) {
	c.say("it has personal data, hashes of passwords and tokens, and sealed keys: keep it as you keep the database")
	switch path := server.SecretsPath(cfg); {
	case b.WithSecrets:
		c.say("warning: the secrets are in it: whoever reads it can make tokens of everybody")
	case path != "":
		c.say("the secrets are not in it: keep a copy of %s apart from it; without them sessions and sealed keys are lost", path)
	default:
		c.say("the secrets are not in it: they stand in the configuration; without them sessions and sealed keys are lost")
	}
}

// sayElsewhere says what is not in the database.
func (c *console) sayElsewhere(cfg config.Config) {
	if cfg.Cluster() != "" {
		c.say("sessions, tickets and counters in store.sessions are not in the database: they stay where they are")
	}
}

type backupVerify struct {
	File string `arg:"positional,required" help:"The backup."`
}

func (b backupVerify) Run(ctx context.Context, c *console) error {
	return c.withBackup(b.File, func(r *archive.Reader) error {
		totals, err := c.verify(ctx, r)
		if err != nil {
			return interrupted(ctx, err)
		}
		return c.showBackup(backupOf(b.File, r.Header(), totals))
	})
}

// withBackup opens a backup for f.
func (c *console) withBackup(path string, f func(*archive.Reader) error) error {
	if path == stream {
		return usage(errors.New("a backup is read more than once: give a FILE, not a pipe"))
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := archive.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return f(r)
}

// verify reads a backup from its beginning to its end.
func (c *console) verify(ctx context.Context, r *archive.Reader) (archive.Totals, error) {
	p := c.progress()
	defer p.end()
	totals, err := archive.Sum(ctx, watchedSource{r, p})
	if _, damaged := errors.AsType[*archive.Damage](err); damaged {
		err = hinted(err, "nothing behind that place can be trusted; take another backup")
	}
	return totals, err
}

// watchedSource is a Source that is watched while it is read.
type watchedSource struct {
	archive.Source
	p *progress
}

func (w watchedSource) Export(ctx context.Context, to archive.Sink) error {
	return w.Source.Export(ctx, &watched{Sink: to, stage: "reading the backup", watch: w.p.watch})
}

// withDatabase opens the database of a configuration for f, and closes it afterwards.
func (c *console) withDatabase(ctx context.Context, cfg config.Config, mustExist bool, f func(*server.Database) error) error {
	if mustExist {
		if err := databaseExists(ctx, cfg); err != nil {
			return err
		}
	}
	db, err := server.OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}

func (c *console) showBackup(b backupJSON) error {
	if c.grammar.JSON {
		return c.show(b)
	}
	c.say("backup of %s: made %s by Cloakroom %s, from %s with schema %d", b.File, moment(b.CreatedAt), b.Program, b.Engine, b.Schema)
	return c.showTotals(b.Totals)
}

// showTotals prints how many there are of each kind, and their checksums.
func (c *console) showTotals(totals archive.Totals) error {
	t := c.table("KIND", "ITEMS", "CHECKSUM")
	for _, k := range archive.Kinds() {
		if err := t.row(nil, k.String(), strconv.FormatInt(totals[k].Items, 10), totals[k].Sum.String()); err != nil {
			return err
		}
	}
	return t.end()
}
