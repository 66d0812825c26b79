package sqlite

import (
	"bytes"
	"os"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

func logSize(t *testing.T, s *Store) int64 {
	t.Helper()
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// writeMuch writes about this many bytes to the log, from several goroutines that never pause.
func writeMuch(t *testing.T, s *Store, total int) {
	t.Helper()
	const writers, size = 8, 32 << 10
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			r := record(epoch)
			if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
				t.Error(err)
			}
			for n := range total / writers / size {
				// Each value differs from the one before: SQLite does not write what is there already.
				d := cloakroom.Datum{Key: "blob", Value: bytes.Repeat([]byte{byte(n)}, size), Revision: int64(n)}
				if err := s.SetDatum(t.Context(), r.Ref(), d, 1<<20); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestTheLogStaysBounded(t *testing.T) {
	s := openStore(t, Config{InsecureNoSync: true})
	writeMuch(t, s, 256<<20)
	if size := logSize(t, s); size > 2*logBytes {
		t.Errorf("the log has %d MiB after 256 MiB of writes", size>>20)
	}
}

func TestALogThatSomebodyReadsShrinksAfterwards(t *testing.T) {
	s := openStore(t, Config{InsecureNoSync: true})
	if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
		t.Fatal(err)
	}
	reader, err := connect(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, sql := range []string{"BEGIN", "SELECT count(*) FROM users"} {
		if _, err := exec(reader, sql); err != nil {
			t.Fatal(err)
		}
	}
	writeMuch(t, s, 2*logBytes)
	if size := logSize(t, s); size < logBytes {
		t.Fatalf("the log has %d MiB: nobody read it", size>>20)
	}
	if _, err := exec(reader, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	for range 1000 { // the checkpointer may be at it, too
		s.writer.pause(func(c *sqlite.Conn) { _, _, _ = checkpoint(c, "PASSIVE") })
		if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
			t.Fatal(err)
		}
		if logSize(t, s) <= logBytes {
			return
		}
	}
	t.Errorf("the log still has %d MiB", logSize(t, s)>>20)
}

func TestShutdownLeavesOneFile(t *testing.T) {
	s := openStore(t, Config{})
	if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path + "-wal"); err == nil {
		t.Error("the log is still there")
	}
}
