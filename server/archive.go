package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// Database is the database of a configuration, opened to be read and filled as a whole. No engine stands on it, so nothing is
// written that was not asked for; sessions that are kept elsewhere (store.sessions) are not in it.
type Database struct {
	archive.Target
	Engine string // sqlite or postgres
	Schema int    // the last step of its schema

	stores stores
}

// OpenDatabase opens the database of a configuration, of which it needs only where that is. The data folder and the database are
// made when they are not there, the schema too.
func OpenDatabase(ctx context.Context, cfg config.Config) (*Database, error) {
	d := &Database{Engine: "postgres"}
	if cfg.Database().Local() {
		d.Engine = "sqlite"
		if cfg.Store.URL == "" {
			if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
				return nil, fmt.Errorf("data folder: %w", err)
			}
		}
	}
	if err := d.stores.openDatabase(ctx, cfg); err != nil {
		return nil, err
	}
	d.Target = d.stores.store.(archive.Target) // both engines are
	steps, err := Migrations(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for _, s := range steps {
		if s.Newer {
			err := fmt.Errorf("%w: step %d, %s", ErrNewerSchema, s.Version, s.Name)
			return nil, errors.Join(err, d.Close())
		}
		d.Schema = max(d.Schema, s.Version)
	}
	return d, nil
}

// ErrNewerSchema: a later version of the program has changed the schema. A copy by this one would leave out what it does not know.
var ErrNewerSchema = errors.New("the schema is of a newer version of Cloakroom")

// Close closes the database, which finishes its writes first.
func (d *Database) Close() error { return d.stores.Shutdown() }

// Secrets returns the secrets of a configuration for a backup: its own, or those of the file, which must be there.
func Secrets(cfg config.Config) ([]archive.Secret, error) {
	if path := SecretsPath(cfg); path != "" && !exists(path) {
		return nil, fmt.Errorf("there is no secrets file at %s", path)
	}
	kept, err := secretsOf(cfg)
	secrets := make([]archive.Secret, len(kept))
	for i, s := range kept {
		secrets[i] = archive.Secret(s)
	}
	return secrets, err
}

// RestoreSecrets makes the secrets file of a configuration with those of a backup. One that is there stays: fs.ErrExist.
func RestoreSecrets(cfg config.Config, secrets []archive.Secret) error {
	raw := make([][]byte, len(secrets))
	for i, s := range secrets {
		raw[i] = s
	}
	return secretfile.Make(SecretsPath(cfg), raw)
}

// epochLeap is how far the epoch of a user is ahead after a restore: further than anybody's sessions have all been ended since
// the backup, so that no session of before is of an epoch that counts, wherever a copy or a signed token of it survives.
const epochLeap = 1 << 20

// signedOut is how a backup is restored so that nothing of it that has been revoked since comes back: sessions, tickets,
// exchanged tokens and API keys are left out, and every user begins a new epoch. Signing keys are left out, too, one of which may
// have been withdrawn since: a server makes new ones. So is what waits to be sent, which was sent since, or has links to tickets
// that are no more. The feed is left to telling.
var signedOut = archive.Plan{
	Apart: []archive.Kind{archive.KindRevocation},
	Change: func(i archive.Item) (archive.Item, bool) {
		switch i := i.(type) {
		case archive.APIKey, archive.KeySet, archive.Session, archive.Ticket, archive.Moved, archive.Parcel:
			return nil, false
		case archive.User:
			i.Epoch += epochLeap
			return i, true
		}
		return i, true
	},
}

// Restore copies a backup to a database that is empty, or has the first part of it from a restore that did not end. Unless
// keepSessions, nothing of it lives that could have been revoked since: sessions, tickets, API keys and signing keys are left out, users
// begin a new epoch, and the feed tells services that check signed tokens. It reads the backup twice.
func (d *Database) Restore(ctx context.Context, backup archive.Source, keepSessions bool, watch func(archive.Stage, int64, int64)) (archive.Copied, error) {
	plan := archive.Plan{}
	if !keepSessions {
		plan = signedOut
	}
	plan.Watch = watch
	if r, ok := backup.(*archive.Reader); ok && r.Header().Engine == d.Engine && r.Header().Schema > d.Schema {
		return archive.Copied{}, fmt.Errorf("%w: the backup has %d, this program %d", ErrNewerSchema, r.Header().Schema, d.Schema)
	}
	done, err := archive.Copy(ctx, backup, d, plan)
	if err != nil || keepSessions {
		return done, err
	}
	t := &telling{ctx: ctx, to: d.stores.store, now: time.Now()}
	if err := backup.Export(ctx, t); err != nil {
		return done, err
	}
	return done, t.flush()
}

// telling is a Sink that tells the feed what a restore has ended, and what the feed of the backup still has to tell.
type telling struct {
	ctx     context.Context
	to      cloakroom.Directory
	now     time.Time
	entries []cloakroom.Revocation
}

func (t *telling) Begin(archive.Counts) error { return nil }

func (t *telling) Add(i archive.Item) error {
	entry := cloakroom.Revocation{Until: t.now.Add(cloakroom.RevokedFor)}
	switch i := i.(type) {
	case archive.User:
		entry.Subject, entry.Epoch = sha256.Sum256([]byte(i.ID)), i.Epoch+epochLeap
	case archive.Session:
		if i.UserID != "" { // its user's epoch has ended it
			return nil
		}
		entry.Subject, entry.Epoch = sha256.Sum256([]byte(i.ID)), cloakroom.SessionEnded
	case archive.Revocation:
		entry = cloakroom.Revocation{Subject: i.Subject, Epoch: i.Epoch, Until: time.UnixMicro(i.Until).UTC()}
	default:
		return nil
	}
	if !entry.Until.After(t.now) {
		return nil
	}
	if t.entries = append(t.entries, entry); len(t.entries) < 256 {
		return nil
	}
	return t.flush()
}

func (t *telling) flush() error {
	if len(t.entries) == 0 {
		return nil
	}
	err := t.to.Append(t.ctx, t.entries, nil)
	t.entries = nil
	return err
}
