package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// The test binary runs itself as another process: childTask says what to do with the database at childPath.
const (
	childTask = "SQLITE_TEST_TASK"
	childPath = "SQLITE_TEST_PATH"
)

func TestMain(m *testing.M) {
	tasks := map[string]func(*Store) error{"open": func(*Store) error { return nil }, "count": countMuch, "journal": journal}
	task := tasks[os.Getenv(childTask)]
	if task == nil {
		os.Exit(m.Run())
	}
	store, err := Open(os.Getenv(childPath))
	if err == nil {
		err = task(store)
	}
	if err == nil {
		err = store.Shutdown()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(task, path string) *osexec.Cmd {
	cmd := osexec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childTask+"="+task, childPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

const counts = 300

// countMuch adds to one counter, one by one.
func countMuch(s *Store) error {
	for range counts {
		if _, err := s.Count(context.Background(), [32]byte{1}, 1, time.Hour, epoch); err != nil {
			return err
		}
	}
	return nil
}

// epoch is the present of tests that need none of their own.
var epoch = time.Date(2031, 5, 17, 10, 20, 30, 0, time.UTC)

// journal opens sessions and closes every other one, for ever, and writes down what was acknowledged.
func journal(s *Store) error {
	var out sync.Mutex
	say := func(verb string, r cloakroom.SessionRecord) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf("%s %x %s %d\n", verb, r.Token.Hash, r.ID, r.Token.Bucket)
	}
	failed := make(chan error)
	for range 8 {
		go func() {
			for n := 0; ; n++ {
				r := record(epoch)
				if _, err := s.Open(context.Background(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
					failed <- err
				}
				say("opened", r)
				if n%2 == 0 {
					continue
				}
				if _, err := s.Close(context.Background(), r.Ref(), cloakroom.Ending{RevokedUntil: epoch}); err != nil {
					failed <- err
				}
				say("closed", r)
			}
		}()
	}
	return <-failed
}

func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	path := t.TempDir() + "/test.db"
	alive, dead := map[cloakroom.TokenID]string{}, map[cloakroom.TokenID]string{}
	for round := range 5 {
		cmd := child("journal", path)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		for n := 0; lines.Scan(); n++ {
			if n == 200*(round+1) {
				_ = cmd.Process.Kill() // SIGKILL; what it had said before is read to the end
			}
			var verb, sessionID string
			var hash []byte
			var tok cloakroom.TokenID
			if _, err := fmt.Sscanf(lines.Text(), "%s %x %s %d", &verb, &hash, &sessionID, &tok.Bucket); err != nil {
				continue // the line it was killed in
			}
			copy(tok.Hash[:], hash)
			switch verb {
			case "opened":
				alive[tok] = sessionID
			case "closed":
				delete(alive, tok)
				dead[tok] = sessionID
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child was not killed")
		}
		s := openStore(t, Config{Path: path})
		lost := 0
		for tok, sessionID := range alive {
			r, err := s.Session(t.Context(), tok, epoch)
			if err == nil && r.ID == sessionID {
				continue
			}
			// A close that was not acknowledged may have happened or not. Its session is the only one that may be missing.
			lost++
			delete(alive, tok)
		}
		if lost > 8 {
			t.Errorf("round %d: %d sessions were lost, at most 8 closings were under way", round, lost)
		}
		for tok, sessionID := range dead {
			if _, err := s.Session(t.Context(), tok, epoch); sentinel(err) != cloakroom.ErrNotFound {
				t.Errorf("round %d: session %s was closed and came back: %v", round, sessionID, err)
			}
		}
		if len(alive) == 0 || len(dead) == 0 {
			t.Fatal("nothing was acknowledged: the test tests nothing")
		}
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	}
}

func TestTwoProcessesWriteOneFile(t *testing.T) {
	s := openStore(t, Config{})
	cmd := child("count", s.path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := countMuch(s); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	tally, err := s.Count(t.Context(), [32]byte{1}, 0, time.Hour, epoch)
	if err != nil || tally.N != 2*counts {
		t.Errorf("counted to %d, %v; want %d", tally.N, err, 2*counts)
	}
}

func TestTwoStoresOfOneProcessShareOneFile(t *testing.T) {
	a := openStore(t, Config{})
	b := openStore(t, Config{Path: a.path})
	var both sync.WaitGroup
	for _, s := range []*Store{a, b} {
		both.Go(func() {
			if err := countMuch(s); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	tally, err := a.Count(t.Context(), [32]byte{1}, 1, time.Hour, epoch)
	if err != nil || tally.N != 2*counts+1 {
		t.Errorf("counted to %d, %v; want %d", tally.N, err, 2*counts+1)
	}
}

func TestManyProcessesOpenANewFile(t *testing.T) {
	t.Run("S248 many processes migrate a new file at once, each step once", func(t *testing.T) {
		path := t.TempDir() + "/test.db"
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := child("open", path).Run(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantApplied(t, path)
	})
}

func newUser() cloakroom.User {
	return cloakroom.User{ID: id.New(userPrefix, epoch), Realm: "default", CreatedAt: epoch, UpdatedAt: epoch, Revision: 1}
}
