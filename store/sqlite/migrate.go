package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// applicationID stands in the header of our files (PRAGMA application_id): "Clkr".
const applicationID = 0x436c6b72

//go:embed migrations/*.sql
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version   int
	Name      string
	AppliedAt time.Time // zero: not yet
	Newer     bool      // applied by a later version of this program, which does not know it
}

// step is a migration that we know. Its text begins with "-- compatible: N": programs whose last step is N or more
// keep working beside a database that has this step.
type step struct {
	Migration
	compatible int
	text       string
}

// Status returns the migrations of the database at path in order, those that this program would apply and those that a
// newer one has applied included. It changes nothing. A missing file is an error that is fs.ErrNotExist.
func Status(path string) ([]Migration, error) {
	path, err := absolute(path)
	if err != nil {
		return nil, err
	}
	conn, err := connectExisting(path)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	known, err := steps(migrations)
	if err != nil {
		return nil, err
	}
	applied, err := appliedTo(conn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return merge(applied, known), nil
}

// Migrate makes the database at path if it is missing and applies every migration that is not applied yet. Open does the
// same; Migrate is for doing it before the server starts.
func Migrate(path string) error {
	if _, err := prepare(path); err != nil {
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	return nil
}

// Migrations returns what was applied to the open database, in order.
func (s *Store) Migrations(ctx context.Context) (all []Migration, err error) {
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		all, err = appliedTo(c)
		return err
	})
	return all, err
}

// prepare makes the file if it is missing and applies what is not applied. It returns the absolute path.
func prepare(path string) (string, error) {
	path, err := absolute(path)
	if err != nil {
		return "", err
	}
	if err := makeFile(path); err != nil {
		return "", err
	}
	known, err := steps(migrations)
	if err != nil {
		return "", err
	}
	conn, err := connect(path)
	if err != nil {
		return "", err
	}
	err = migrate(conn, known)
	return path, errors.Join(explain(path, err), conn.Close())
}

// migrate applies the steps that are not applied yet, each in a transaction of its own: whatever ends it in between,
// the next one goes on there. Many may do it at once; each step is applied by one of them.
func migrate(conn *sqlite.Conn, known []step) error {
	applied, err := appliedTo(conn) // before anything is written: the file may be somebody else's
	if err != nil {
		return err
	}
	if err := understood(conn, applied, known); err != nil {
		return err
	}
	if err := useLog(conn); err != nil {
		return err
	}
	for _, s := range known {
		if has(applied, s.Version) {
			continue
		}
		if err := retry(func() error { return s.apply(conn) }); err != nil {
			return fmt.Errorf("migration %04d_%s: %w", s.Version, s.Name, err)
		}
	}
	return nil
}

// useLog turns write-ahead logging on, which the file then remembers.
func useLog(conn *sqlite.Conn) error {
	var mode string
	err := retry(func() error {
		_, err := one(conn, "PRAGMA journal_mode = wal", func(s *sqlite.Stmt) { mode = s.ColumnText(0) })
		return err
	})
	if err == nil && mode != "wal" {
		err = fmt.Errorf("journal mode stays %q, want wal", mode)
	}
	return err
}

// apply makes one step unless somebody has made it meanwhile.
func (s step) apply(conn *sqlite.Conn) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	applied, err := appliedTo(conn)
	if err != nil || has(applied, s.Version) {
		return err
	}
	if len(applied) == 0 {
		if err := sqlitex.ExecuteScript(conn, firstScript, nil); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteScript(conn, s.text, nil); err != nil {
		return err
	}
	_, err = exec(conn, `INSERT INTO migrations (version, name, compatible, applied_at) VALUES (?1, ?2, ?3, ?4)`,
		s.Version, s.Name, s.compatible, time.Now())
	return err
}

// firstScript makes an empty file ours.
var firstScript = fmt.Sprintf(`PRAGMA application_id = %d;
CREATE TABLE migrations (
	version    INTEGER NOT NULL PRIMARY KEY,
	name       TEXT    NOT NULL,
	compatible INTEGER NOT NULL,
	applied_at INTEGER NOT NULL
) STRICT;`, applicationID)

// appliedTo returns what was applied, nothing for an empty file, and an error for a file that is not ours.
func appliedTo(conn *sqlite.Conn) (applied []Migration, err error) {
	var app, tables int64
	err = retry(func() error {
		_, err := one(conn, `SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`,
			func(s *sqlite.Stmt) { app, tables = s.ColumnInt64(0), s.ColumnInt64(1) })
		return err
	})
	switch {
	case sqlite.ErrCode(err).ToPrimary() == sqlite.ResultNotADB:
		return nil, fmt.Errorf("this is not a database of Cloakroom: %w", err)
	case err != nil:
		return nil, err
	case app == 0 && tables == 0:
		return nil, nil
	case app != applicationID:
		return nil, errors.New("this is a database, but not of Cloakroom; give it another path")
	}
	err = each(conn, `SELECT version, name, applied_at FROM migrations ORDER BY version`, func(s *sqlite.Stmt) {
		applied = append(applied, Migration{Version: s.ColumnInt(0), Name: s.ColumnText(1), AppliedAt: moment(s, 2)})
	})
	return applied, err
}

// understood refuses a database that a newer program has changed beyond what this one knows.
func understood(conn *sqlite.Conn, applied []Migration, known []step) error {
	ours := known[len(known)-1].Version
	if len(applied) == 0 || applied[len(applied)-1].Version <= ours {
		return nil
	}
	var needs int
	_, err := one(conn, `SELECT max(compatible) FROM migrations`, func(s *sqlite.Stmt) { needs = s.ColumnInt(0) })
	if err == nil && needs > ours {
		err = fmt.Errorf("its schema needs a program that knows migration %d, this one ends at %d; use a newer Cloakroom", needs, ours)
	}
	return err
}

// merge adds the steps that are not applied yet.
func merge(applied []Migration, known []step) []Migration {
	all := slices.Clone(applied)
	for i, m := range all {
		all[i].Newer = !slices.ContainsFunc(known, func(s step) bool { return s.Version == m.Version })
	}
	for _, s := range known {
		if !has(applied, s.Version) {
			all = append(all, s.Migration)
		}
	}
	slices.SortFunc(all, func(a, b Migration) int { return a.Version - b.Version })
	return all
}

func has(applied []Migration, version int) bool {
	return slices.ContainsFunc(applied, func(m Migration) bool { return m.Version == version })
}

// steps reads the embedded files, NNNN_name.sql, in order of their numbers.
func steps(files fs.FS) ([]step, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]step, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if all[i], err = parseStep(path.Base(name), string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

func parseStep(file, text string) (s step, err error) {
	number, name, _ := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
	first, _, _ := strings.Cut(text, "\n")
	compatible, found := strings.CutPrefix(first, "-- compatible: ")
	s.Name, s.text = name, text
	if s.Version, err = strconv.Atoi(number); err != nil {
		return s, err
	}
	if s.compatible, err = strconv.Atoi(compatible); !found || err != nil {
		return s, errors.New("the first line must say: -- compatible: N")
	}
	return s, nil
}
