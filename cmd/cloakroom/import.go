package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/cmd/cloakroom/internal/roster"
	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type userImport struct {
	File   string `arg:"positional,required" help:"The list; - reads standard input."`
	Format string `arg:"--format" help:"How a list of our own fields is written: ndjson or csv; else the name of the file tells." placeholder:"FORMAT"`
	From   string `arg:"--from" help:"The list is an export of this system: firebase or keycloak." placeholder:"SYSTEM"`
	DryRun bool   `arg:"--dry-run" help:"Say what would be done, and change nothing."`
	Errors string `arg:"--errors" help:"Write each account that is refused, and why, to the end of this file." placeholder:"FILE"`

	FirebaseSignerKeyFile string `arg:"--firebase-signer-key-file" help:"File with the base64_signer_key of the project." placeholder:"FILE"`
	FirebaseSaltSeparator string `arg:"--firebase-salt-separator" default:"Bw==" help:"Its base64_salt_separator."`
	FirebaseRounds        int    `arg:"--firebase-rounds" default:"8" help:"Its rounds."`
	FirebaseMemCost       int    `arg:"--firebase-mem-cost" default:"14" help:"Its mem_cost."`
}

// importedJSON is what an import has done, or would do.
type importedJSON struct {
	File    string `json:"file"`
	DryRun  bool   `json:"dry_run"`
	Created int    `json:"created"`
	Present int    `json:"present"` // were there already
	Refused int    `json:"refused"`
	Trimmed int    `json:"trimmed,omitempty"`  // of the created: those that lack something
	ByEmail int    `json:"by_email,omitempty"` // of the present: those found by the e-mail alone
}

func (i userImport) Run(ctx context.Context, c *console) error {
	list, err := i.list()
	if err != nil {
		return err
	}
	var left leftOver
	list.Ignored = left.add
	file, size, err := i.open(c)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := i.report(c, file)
	if err != nil {
		return err
	}
	err = c.withAccounts(ctx, i.DryRun, func(add importer) error {
		counted := &countedReader{Reader: file}
		in := &intake{add: add, refusals: report, progress: c.progress(), read: &counted.n, size: size, stage: "importing", foreign: i.From != ""}
		if i.DryRun {
			in.stage = "checking"
		}
		err := in.run(ctx, list.Read(counted))
		in.progress.end()
		left.tell(c)
		return i.tell(ctx, c, in, err)
	})
	return errors.Join(err, report.close())
}

// list says how the file is to be read.
func (i userImport) list() (roster.List, error) {
	switch {
	case i.From != "" && i.Format != "":
		return roster.List{}, usage(errors.New("--from and --format are two answers to one question: give one"))
	case i.From == string(roster.Keycloak):
		return roster.List{Format: roster.Keycloak}, nil
	case i.From == string(roster.Firebase):
		return i.firebase()
	case i.From != "":
		return roster.List{}, usage(errors.New("--from is firebase or keycloak; what other systems have is written as ndjson or csv"))
	}
	f := roster.Format(i.Format)
	if f == "" {
		f = guessed(i.File)
	}
	if f != roster.NDJSON && f != roster.CSV {
		return roster.List{}, usage(fmt.Errorf("of what format is %s? say --format ndjson or csv, or --from firebase or keycloak", printable(i.File)))
	}
	return roster.List{Format: f}, nil
}

// guessed is the format that the name of a file tells, or none.
func guessed(name string) roster.Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".ndjson", ".jsonl":
		return roster.NDJSON
	case ".csv", ".tsv":
		return roster.CSV
	}
	return ""
}

func (i userImport) firebase() (roster.List, error) {
	if i.FirebaseSignerKeyFile == "" {
		return roster.List{}, usage(errors.New("--from firebase needs --firebase-signer-key-file: a file with the base64_signer_key of the project's password hash parameters"))
	}
	key, err := os.ReadFile(i.FirebaseSignerKeyFile)
	return roster.List{Format: roster.Firebase, Firebase: legacyhash.Firebase{
		SignerKey: strings.TrimSpace(string(key)), SaltSeparator: i.FirebaseSaltSeparator, Rounds: i.FirebaseRounds, MemCost: i.FirebaseMemCost,
	}}, err
}

// open opens the list. The size of what is no file is not known: 0.
func (i userImport) open(c *console) (file io.ReadCloser, size int64, err error) {
	if i.File == stream {
		return io.NopCloser(c.in), 0, nil
	}
	f, err := os.Open(i.File)
	if err != nil {
		return nil, 0, err
	}
	if about, err := f.Stat(); err == nil && about.Mode().IsRegular() {
		size = about.Size()
	}
	return f, size, nil
}

// report opens the file for what is refused. It must not be the list itself.
func (i userImport) report(c *console, list io.Reader) (*refusals, error) {
	if f, ok := list.(*os.File); ok && i.Errors != "" {
		a, errA := f.Stat()
		b, errB := os.Stat(i.Errors)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return nil, usage(errors.New("--errors is the list itself"))
		}
	}
	return c.refusals(i.Errors)
}

// tell says what came of an import that ended so.
func (i userImport) tell(ctx context.Context, c *console, in *intake, err error) error {
	if err != nil {
		if in.created+in.present+in.refusals.accounts > 0 {
			c.say("up to there: %d created, %d there already, %d refused", in.created, in.present, in.refusals.accounts)
		}
		return interrupted(ctx, err)
	}
	if in.admins > 0 {
		c.say("warning: %d of those who are new have the role %s", in.admins, cloakroom.RoleAdmin)
	}
	if in.trimmed > 0 {
		c.say("warning: %d of those who are new lack something that cannot be taken over", in.trimmed)
	}
	if in.byEmail > 0 {
		c.say("warning: %d of those there already were found by their e-mail alone: unless an earlier import of this list made them, they are other accounts, "+
			"and what it says of them, passwords too, was left out", in.byEmail)
	}
	in.refusals.tell()
	done := importedJSON{i.File, i.DryRun, in.created, in.present, in.refusals.accounts, in.trimmed, in.byEmail}
	if i.DryRun {
		c.say("nothing was changed: this is what would be done")
	}
	err = c.show(done, [2]string{"created", fmt.Sprint(done.Created)}, [2]string{"there already", fmt.Sprint(done.Present)}, [2]string{"refused", fmt.Sprint(done.Refused)})
	if err == nil && done.Refused > 0 {
		return exitCode(notDone)
	}
	return err
}

// importer makes an account, or finds it.
type importer func(context.Context, cloakroom.ImportedUser) (user *cloakroom.User, created bool, err error)

// withAccounts opens the data for f: to make accounts, or only to try.
func (c *console) withAccounts(ctx context.Context, dryRun bool, f func(importer) error) error {
	if !dryRun {
		return c.withEngine(ctx, existing, func(e *server.Engine) error { return f(e.Auth.Users().Import) })
	}
	cfg, err := config.Check(c.source(nil), config.Production)
	if err != nil {
		return err
	}
	return c.withDatabase(ctx, cfg, existing, func(db *server.Database) error {
		auth, err := rehearsing(db.Target.(cloakroom.Store)) // each database is one
		if err != nil {
			return err
		}
		return errors.Join(f(auth.Users().Import), auth.Close(context.WithoutCancel(ctx)))
	})
}

// leftOver are the names of what a list has and nobody reads. They are told when nothing else is said.
type leftOver struct {
	mu    sync.Mutex
	names []string
}

func (l *leftOver) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names = append(l.names, name)
}

func (l *leftOver) tell(c *console) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range l.names {
		c.say("warning: nothing is made of %s", printable(name))
	}
}

// countedReader knows how far it is.
type countedReader struct {
	io.Reader
	n atomic.Int64
}

func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}
