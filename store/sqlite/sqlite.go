// Package sqlite keeps everything in one file, with nothing else installed. It is pure Go.
//
//	store, err := sqlite.Open("app.db")
//	if err != nil { … }
//	defer store.Shutdown()
//	auth, err := cloakroom.New(cloakroom.Config{Store: store, Methods: …})
//
// Open makes the file on first use (mode 0600, the folder must exist), brings its schema up to date and refuses a file
// that is not Cloakroom's. The secrets that sign tokens lie in a file of their own beside it, app.db-secrets, so a
// copy of the database alone signs nobody in.
//
// What it promises: an answered write has been synced to the disk and survives a crash of the process or of the
// machine. Several processes may use one file at once, say a server and its command line, if they are on one machine
// and the file is not on a network file system. Who removes or replaces the file under an open store makes every write
// fail, rather than have it acknowledged and lost.
//
// How it is fast all the same: one writes at a time, and for all. Whoever's turn it is takes all writes that wait, runs
// each in a savepoint, and commits them together with one sync, so many writers share the price of one. Reads go to
// connections of their own and never wait for a write. A third kind of connection moves the write-ahead log into the
// database while the writer goes on.
//
// Not here: more than one machine, encryption of the file, backups (cloakroom backup, by Export, makes one while the
// server runs).
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
)

var errShutdown = errors.New("sqlite store is shut down")

// Config says what Open opens. Only Path is needed.
type Config struct {
	// Path of the database file. Its folder must exist.
	Path string
	// SecretsPath is the file of the secrets that sign tokens. Empty: Path with "-secrets" behind it.
	SecretsPath string
	// Readers is how many reads run at once; others wait. Zero: as many as there are processors, at least 4.
	Readers int
	// InsecureNoSync answers a write before it is on the disk: a crash of the machine loses what was acknowledged.
	// It is for measuring what durability costs.
	InsecureNoSync bool
}

// Store implements cloakroom.Store and cloakroom.SecretKeeper. Make one with Open, end it with Shutdown. It is safe for
// concurrent use.
type Store struct {
	path         string
	secrets      string
	readers      *readers
	writer       *writer
	checkpointer *checkpointer
	shutdown     func() error
}

var (
	_ cloakroom.Store        = (*Store)(nil)
	_ cloakroom.SecretKeeper = (*Store)(nil)
)

// Open opens or makes the database at path, see Config.
func Open(path string) (*Store, error) { return Config{Path: path}.Open() }

// Open opens or makes the database. It fails if the folder does not exist, if the file is not Cloakroom's, or if a newer
// version of Cloakroom has changed it in a way that this one does not understand.
func (c Config) Open() (*Store, error) {
	s, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Path, err)
	}
	return s, nil
}

func (c Config) open() (_ *Store, err error) {
	path, err := prepare(c.Path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, secrets: c.SecretsPath}
	if s.secrets == "" {
		s.secrets = path + "-secrets"
	}
	s.shutdown = sync.OnceValue(s.stop)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Shutdown())
		}
	}()
	if s.readers, err = openReaders(path, c.readers()); err != nil {
		return nil, err
	}
	if s.writer, err = openWriter(path, c.InsecureNoSync); err != nil {
		return nil, err
	}
	if s.checkpointer, err = openCheckpointer(path, s.writer, c.InsecureNoSync); err != nil {
		return nil, err
	}
	return s, nil
}

func (c Config) readers() int {
	if c.Readers > 0 {
		return c.Readers
	}
	return max(4, runtime.GOMAXPROCS(0))
}

// Secrets implements cloakroom.SecretKeeper with the file beside the database. It reads the file each time, so a
// rotation shows.
func (s *Store) Secrets(ctx context.Context) ([]cloakroom.Secret, error) {
	if err := s.readers.check(ctx); err != nil {
		return nil, err
	}
	raw, err := secretfile.Load(s.secrets)
	if err != nil {
		return nil, fmt.Errorf("token secrets: %w", err)
	}
	secrets := make([]cloakroom.Secret, len(raw))
	for i := range raw {
		secrets[i] = raw[i]
	}
	return secrets, nil
}

// Shutdown finishes the writes that wait, moves the write-ahead log into the database and closes the file. From then on
// every method returns an error that is none of cloakroom's: the engine answers 503. Shutting down twice is no error.
// (Close is taken: it ends one session.)
func (s *Store) Shutdown() error { return s.shutdown() }

func (s *Store) stop() error {
	var errs []error
	if s.checkpointer != nil {
		errs = append(errs, s.checkpointer.close())
	}
	if s.readers != nil {
		errs = append(errs, s.readers.close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	return errors.Join(errs...)
}

// absolute gives SQLite a name without meanings of its own, such as ":memory:".
func absolute(path string) (string, error) {
	if path == "" {
		return "", errors.New("the path is empty")
	}
	return filepath.Abs(path)
}
