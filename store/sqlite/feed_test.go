package sqlite

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/cloakroom-auth/cloakroom"
)

// revokeSome appends n entries that expire at until and returns them.
func revokeSome(t *testing.T, s *Store, n int, until time.Time) []cloakroom.Revocation {
	t.Helper()
	var entries []cloakroom.Revocation
	for range n {
		entries = append(entries, cloakroom.Revocation{Subject: record(epoch).Token.Hash, Until: until})
	}
	if err := s.Append(t.Context(), entries, nil); err != nil {
		t.Fatal(err)
	}
	return entries
}

func hear(t *testing.T, s *Store, after string) cloakroom.Revocations {
	t.Helper()
	page, err := s.Revocations(t.Context(), after, 1000, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestRestoredFeed: whoever followed the feed beyond a backup misses nothing after the backup was restored, however
// far the feed has grown by then.
func TestRestoredFeed(t *testing.T) {
	until := epoch.Add(time.Hour)
	for law, grown := range map[string]int{"less far": 10, "as far": 20, "farther": 30} {
		folder := t.TempDir()
		s := openStore(t, Config{Path: filepath.Join(folder, "test.db")})
		revokeSome(t, s, 100, until)
		backup := filepath.Join(folder, "backup.db")
		s.writer.pause(func(c *sqlite.Conn) {
			if err := sqlitex.ExecuteTransient(c, "VACUUM INTO '"+backup+"'", nil); err != nil {
				t.Error(err)
			}
		})
		atBackup := hear(t, s, "").Cursor
		revokeSome(t, s, 20, until)
		beyond := hear(t, s, "").Cursor
		if err := s.Shutdown(); err != nil {
			t.Fatal(err)
		}

		restored := openStore(t, Config{Path: backup})
		if page := hear(t, restored, beyond); len(page.Entries) != 100 {
			t.Errorf("%s: a cursor that was lost with the newer state hears %d entries, want all 100", law, len(page.Entries))
		}
		news := revokeSome(t, restored, grown, until)
		if page := hear(t, restored, beyond); len(page.Entries) != 100+grown || !slices.Equal(page.Entries[100:], news) {
			t.Errorf("%s: the lost cursor hears %d entries, want %d", law, len(page.Entries), 100+grown)
		}
		if page := hear(t, restored, atBackup); !slices.Equal(page.Entries, news) {
			t.Errorf("%s: a cursor from before the backup hears %d entries, want the %d new ones", law, len(page.Entries), grown)
		}
	}
}

// TestNumbersThatComeAgain: when the newest entries were swept their numbers are given again, and no cursor is fooled.
func TestNumbersThatComeAgain(t *testing.T) {
	s := openStore(t, Config{})
	kept := revokeSome(t, s, 2, epoch.Add(time.Hour))
	revokeSome(t, s, 3, epoch)
	if _, err := s.Prune(t.Context(), cloakroom.Prune{Now: epoch.Add(-1), Max: 10}); err != nil {
		t.Fatal(err)
	}
	end := hear(t, s, "").Cursor
	if n, err := s.Prune(t.Context(), cloakroom.Prune{Now: epoch, Max: 10}); err != nil || n != 3 {
		t.Fatalf("Prune: %d, %v; want 3", n, err)
	}
	news := revokeSome(t, s, 5, epoch.Add(time.Hour))
	if page := hear(t, s, end); !slices.Equal(page.Entries, append(kept, news...)) {
		t.Errorf("behind a pruned entry whose number came again: %d entries, want all 7", len(page.Entries))
	}
}

func FuzzCursors(f *testing.F) {
	for _, seed := range []string{"", ".", "1.1", "120.00000000000000ff", "-5.ffffffffffffffff", "1.g", "1.1.1", "+1.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		m := parseMark(cursor)
		if again := parseMark(m.cursor()); again != m {
			t.Errorf("%q is %v, whose cursor %q is %v", cursor, m, m.cursor(), again)
		}
		if n := len(m.cursor()); n == 0 || n > 64 {
			t.Errorf("the cursor of %v has %d characters", m, n)
		}
	})
}

// TestCopiedFeed: a cursor holds for a copy of the file in which nothing was lost.
func TestCopiedFeed(t *testing.T) {
	s := openStore(t, Config{})
	revokeSome(t, s, 3, epoch.Add(time.Hour))
	cursor := hear(t, s, "").Cursor
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	moved := openStore(t, Config{Path: path})
	if page := hear(t, moved, cursor); len(page.Entries) != 0 {
		t.Errorf("a cursor after the file was moved hears %d entries again", len(page.Entries))
	}
}
