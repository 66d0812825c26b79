package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

func TestFilesThatGoAwayUnderTheStore(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"the database removed": os.Remove,
		"the log removed":      func(path string) error { return os.Remove(path + "-wal") },
		"all removed": func(path string) error {
			return errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm"))
		},
		"replaced": func(path string) error {
			other := path + ".restored"
			return errors.Join(os.WriteFile(other, []byte("another"), 0o600), os.Rename(other, path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Shutdown() }) // which may find no file to write to
			before := newUser()
			if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: before}); err != nil {
				t.Fatal(err)
			}
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				u := newUser()
				err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u})
				if !errors.Is(err, errGone) || sentinel(err) != err {
					t.Errorf("a write into nothing: %v", err)
				}
				if _, err := s.User(t.Context(), u.ID); err == nil {
					t.Error("the refused write was written")
				}
			}
		})
	}
	t.Run("put back", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		s := openStore(t, Config{Path: path})
		move := func(from, to string) {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
		move(path, path+".away")
		if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); !errors.Is(err, errGone) {
			t.Errorf("away: %v", err)
		}
		move(path+".away", path)
		if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
			t.Errorf("back: %v", err)
		}
	})
}

func TestExplain(t *testing.T) {
	closed := sqlite.ResultCantOpen.ToError()
	nowhere := filepath.Join(t.TempDir(), "nowhere", "test.db")
	if err := explain(nowhere, closed); !errors.Is(err, fs.ErrNotExist) || sqlite.ErrCode(err) != sqlite.ResultCantOpen ||
		!strings.Contains(err.Error(), "cannot be written to") {
		t.Errorf("a folder that takes no file: %v", err)
	}
	folder := t.TempDir()
	if err := explain(filepath.Join(folder, "test.db"), closed); strings.Contains(err.Error(), "cannot be written to") {
		t.Errorf("a folder that does: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, other := range []error{nil, errGone, sqlite.ResultCorrupt.ToError()} {
		if err := explain(nowhere, other); err != other {
			t.Errorf("%v became %v", other, err)
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	s := openStore(b, Config{})
	for b.Loop() {
		if err := s.writer.place.check(); err != nil {
			b.Fatal(err)
		}
	}
}
