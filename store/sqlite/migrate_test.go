package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// wantApplied asserts that every migration was applied once.
func wantApplied(t *testing.T, path string) {
	t.Helper()
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	status, err := Status(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(status) != len(known) {
		t.Fatalf("status %v, want %d migrations", status, len(known))
	}
	for i, m := range status {
		if m.Version != i+1 || m.Name != known[i].Name || time.Since(m.AppliedAt).Abs() > time.Hour {
			t.Errorf("migration %+v, want number %d, %s, of now", m, i+1, known[i].Name)
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Run("S248 run twice", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		if _, err := Status(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Status of a missing file: %v, want fs.ErrNotExist", err)
		}
		for range 2 {
			if err := Migrate(path); err != nil {
				t.Fatal(err)
			}
			wantApplied(t, path)
		}
	})
	t.Run("S248 many at once", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				s, err := Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
					t.Error(err)
				}
				if err := s.Shutdown(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantApplied(t, path)
	})
	t.Run("the open store tells the same", func(t *testing.T) {
		s := openStore(t, Config{})
		applied, err := s.Migrations(t.Context())
		if err != nil || len(applied) != 5 {
			t.Errorf("Migrations: %v, %v", applied, err)
		}
	})
}

// migrated applies these files to the database at path.
func migrated(t *testing.T, path string, files fstest.MapFS) error {
	t.Helper()
	known, err := steps(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := makeFile(path); err != nil {
		t.Fatal(err)
	}
	conn, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	return errors.Join(migrate(conn, known), conn.Close())
}

func sql(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestMigrateGoesOnWhereItStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	files := fstest.MapFS{
		"migrations/0001_one.sql": sql("-- compatible: 1\nCREATE TABLE one (x INTEGER) STRICT;"),
		"migrations/0002_two.sql": sql("-- compatible: 1\nCREATE TABLE two (x INTEGER) STRICT; CREATE NONSENSE;"),
	}
	err := migrated(t, path, files)
	if err == nil || !strings.Contains(err.Error(), "0002_two") {
		t.Fatalf("a broken step: %v, want an error that names it", err)
	}
	// Had the first half of the second step stayed, its table would be there already.
	files["migrations/0002_two.sql"] = sql("-- compatible: 1\nCREATE TABLE two (x INTEGER) STRICT;")
	if err := migrated(t, path, files); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateBesideANewerProgram(t *testing.T) {
	ours := fstest.MapFS{"migrations/0001_one.sql": sql("-- compatible: 1\nCREATE TABLE one (x INTEGER) STRICT;")}
	for compatible, want := range map[string]string{"1": "", "2": "use a newer Cloakroom"} {
		path := filepath.Join(t.TempDir(), "test.db")
		newer := fstest.MapFS{
			"migrations/0001_one.sql": ours["migrations/0001_one.sql"],
			"migrations/0002_two.sql": sql("-- compatible: " + compatible + "\nCREATE TABLE two (x INTEGER) STRICT;"),
		}
		if err := migrated(t, path, newer); err != nil {
			t.Fatal(err)
		}
		err := migrated(t, path, ours)
		if want == "" && err != nil {
			t.Errorf("the program before a compatible step: %v", err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("the program before an incompatible step: %v, want an error with %q", err, want)
		}
	}
}

func TestStatusShowsWhatIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, err := Status(path)
	if err != nil || len(status) != 5 || !status[0].AppliedAt.IsZero() {
		t.Errorf("Status of an empty file: %v, %v; want five that are not applied", status, err)
	}
}

func TestStepsAreWellFormed(t *testing.T) {
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range known {
		if s.Version != i+1 || s.Name == "" || s.compatible < 1 || s.compatible > s.Version {
			t.Errorf("step %d is %d_%s, compatible with %d", i+1, s.Version, s.Name, s.compatible)
		}
		for _, banned := range []string{"TRIGGER", "AUTOINCREMENT", "REFERENCES"} {
			if strings.Contains(strings.ToUpper(s.text), banned) {
				t.Errorf("%s uses %s, which is not portable", s.Name, banned)
			}
		}
	}
	for name, text := range map[string]string{"0001_a.sql": "CREATE TABLE a (x)", "a.sql": "-- compatible: 1\n", "0001_b.sql": "-- compatible: x\n"} {
		if _, err := parseStep(name, text); err == nil {
			t.Errorf("%s with %q was taken", name, text)
		}
	}
}
