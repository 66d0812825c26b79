package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
)

// place remembers which files lie under the names of the database. Whoever removes or replaces them under us leaves us
// files without names: writing there seems to work, and all of it is gone when we close them.
type place struct {
	names []string
	files []fs.FileInfo
}

var errGone = errors.New("the database file was removed or replaced")

// placeOf looks at the database and its log, which conn has open from its first read on.
func placeOf(path string, conn *sqlite.Conn) (*place, error) {
	p := &place{}
	if err := p.add(path); err != nil {
		return nil, err
	}
	if _, err := one(conn, "SELECT count(*) FROM sqlite_schema", func(*sqlite.Stmt) {}); err != nil {
		return nil, err
	}
	return p, p.add(path + "-wal")
}

func (p *place) add(name string) error {
	file, err := os.Stat(name)
	p.names, p.files = append(p.names, name), append(p.files, file)
	return err
}

// check is nil while the names are those of the files that were there. It costs about a microsecond for each.
func (p *place) check() error {
	for i, name := range p.names {
		file, err := os.Stat(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at the database file: %w", err)
		}
		if err != nil || !os.SameFile(file, p.files[i]) {
			return errGone
		}
	}
	return nil
}

// explain adds to an error of SQLite what that does not say: that nothing can be made beside the file at path, where the
// log belongs, because the disk is mounted read-only, say.
func explain(path string, err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCantOpen, sqlite.ResultReadOnly:
	default:
		return err
	}
	probe, cause := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if cause == nil {
		return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
	}
	var e *fs.PathError
	if errors.As(cause, &e) {
		cause = e.Err // without the name of the probe
	}
	return fmt.Errorf("its folder cannot be written to: %w: %w", cause, err)
}
