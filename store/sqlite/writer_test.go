package sqlite

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/cloakroom-auth/cloakroom"
)

// hold keeps the writer from beginning anything until release is called.
func hold(t testing.TB, w *writer) (release func()) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	go w.pause(func(*sqlite.Conn) { close(held); <-free })
	<-held
	return sync.OnceFunc(func() { close(free) })
}

// lock lets another process write, as far as s can tell, until free is called.
func lock(t testing.TB, s *Store) (free func()) {
	t.Helper()
	other, err := connect(s.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	if _, err := exec(other, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := exec(other, "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
}

// queued waits until n writes wait.
func queued(t testing.TB, w *writer, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		w.mu.Lock()
		have := len(w.waiting)
		w.mu.Unlock()
		if have >= n {
			return
		}
		runtime.Gosched()
	}
}

func pragma(text string) func(*sqlite.Conn) {
	return func(c *sqlite.Conn) { _ = sqlitex.ExecuteTransient(c, "PRAGMA "+text, nil) }
}

// script changes a database behind the back of its stores.
func script(t testing.TB, path, text string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(conn, text, nil), conn.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestWritesShareACommit(t *testing.T) {
	const writes = 100
	s := openStore(t, Config{})
	before := s.writer.commits.Load()
	release := hold(t, s.writer)
	var all sync.WaitGroup
	for range writes {
		all.Go(func() {
			if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
				t.Error(err)
			}
		})
	}
	queued(t, s.writer, writes)
	release()
	all.Wait()
	// One, were it not for batchTime on a slow machine.
	if commits := s.writer.commits.Load() - before; commits > writes/2 {
		t.Errorf("%d writes took %d commits", writes, commits)
	}
}

func TestAWriteThatComesWhileAnotherRunsJoinsIt(t *testing.T) {
	s := openStore(t, Config{})
	nothing := func(*sqlite.Conn) error { return nil }
	joined := func() bool {
		before := s.writer.commits.Load()
		second := make(chan error)
		first := s.writer.write(t.Context(), func(*sqlite.Conn) error {
			go func() { second <- s.writer.write(t.Context(), nothing) }()
			queued(t, s.writer, 1)
			return nil
		})
		if err := errors.Join(first, <-second); err != nil {
			t.Fatal(err)
		}
		return s.writer.commits.Load() == before+1
	}
	for range 100 { // once is enough: batchTime may be over on a slow machine
		if joined() {
			return
		}
	}
	t.Error("it never did")
}

func TestWhoIsFirstIsAnsweredThoughOthersKeepComing(t *testing.T) {
	s := openStore(t, Config{})
	var over atomic.Bool
	var all sync.WaitGroup
	var another func(*sqlite.Conn) error
	another = func(*sqlite.Conn) error { // there is one more by the time this has run
		if !over.Load() {
			all.Go(func() {
				if err := s.writer.write(t.Context(), another); err != nil {
					t.Error(err)
				}
			})
			queued(t, s.writer, 1)
		}
		return nil
	}
	if err := s.writer.write(t.Context(), another); err != nil { // or it would never return
		t.Error(err)
	}
	over.Store(true)
	all.Wait()
}

func TestOnlyACrowdIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name       string
		ran, crowd int
		slack      time.Duration
		want       bool
	}{
		{"one who writes alone", 1, 1, time.Hour, false},
		{"everybody is there", 64, 64, time.Hour, false},
		{"no time is left", 1, 2, 0, false},
		{"somebody is missing", 1, 2, time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &writer{crowd: c.crowd, slack: c.slack}
			if c.want {
				go w.enqueue(&job{})
			}
			if got := w.more(c.ran); got != c.want {
				t.Errorf("more: %t", got)
			}
		})
	}
}

func TestAFailedWriteUndoesItselfOnly(t *testing.T) {
	s := openStore(t, Config{})
	good, bad := newUser(), newUser()
	wrong := errors.New("wrong")
	for name, fail := range map[string]func(*sqlite.Conn) error{
		"error": func(*sqlite.Conn) error { return wrong },
		"panic": func(*sqlite.Conn) error { panic("at the disco") },
		"panic inside a query": func(c *sqlite.Conn) error {
			return each(c, "SELECT 1 UNION SELECT 2", func(*sqlite.Stmt) { panic("at the disco") })
		},
		"broken statement": func(c *sqlite.Conn) error {
			_, err := exec(c, "INSERT INTO users (id) VALUES (?1)", "x")
			return err
		},
		"wrong arguments": func(c *sqlite.Conn) error {
			_, err := exec(c, "SELECT ?1, ?2", "x")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			good.ID, bad.ID = newUser().ID, newUser().ID
			release := hold(t, s.writer)
			var all sync.WaitGroup
			all.Go(func() {
				err := s.writer.write(t.Context(), func(c *sqlite.Conn) error {
					if err := insertUser(c, bad); err != nil {
						return err
					}
					return fail(c)
				})
				if err == nil {
					t.Error("the failed write says that it was written")
				}
			})
			queued(t, s.writer, 1)
			all.Go(func() {
				if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: good}); err != nil {
					t.Errorf("the other write: %v", err)
				}
			})
			queued(t, s.writer, 2)
			release()
			all.Wait()
			if _, err := s.User(t.Context(), bad.ID); sentinel(err) != cloakroom.ErrNotFound {
				t.Errorf("the failed write was not undone: %v", err)
			}
			if _, err := s.User(t.Context(), good.ID); err != nil {
				t.Errorf("the other write was undone: %v", err)
			}
		})
	}
}

func TestAFailedCommitFailsAllOfItsWrites(t *testing.T) {
	s := openStore(t, Config{})
	if err := s.writer.write(t.Context(), func(c *sqlite.Conn) error {
		return sqlitex.ExecuteScript(c, `CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT;
			CREATE TABLE kid (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED) STRICT`, nil)
	}); err != nil {
		t.Fatal(err)
	}
	s.writer.pause(pragma("foreign_keys = on"))
	release := hold(t, s.writer)
	u := newUser()
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u}); err == nil || sentinel(err) != err {
			t.Errorf("a write whose commit failed: %v", err)
		}
	})
	queued(t, s.writer, 1)
	all.Go(func() {
		err := s.writer.write(t.Context(), func(c *sqlite.Conn) error {
			_, err := exec(c, "INSERT INTO kid (id) VALUES (1)") // the constraint is checked at the end
			return err
		})
		if err == nil {
			t.Error("the write that cannot be committed says that it was written")
		}
	})
	queued(t, s.writer, 2)
	release()
	all.Wait()
	if _, err := s.User(t.Context(), u.ID); sentinel(err) != cloakroom.ErrNotFound {
		t.Errorf("the user of the failed commit: %v", err)
	}
	if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u}); err != nil {
		t.Errorf("the writer did not recover: %v", err)
	}
}

// Who has the turn while another process writes can give up, and whoever waits behind goes on.
func TestWhoHasTheTurnCanGiveUp(t *testing.T) {
	s := openStore(t, Config{})
	free := lock(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	first, behind := make(chan error), make(chan error)
	create := func(ctx context.Context, u cloakroom.User, result chan error) {
		result <- s.CreateUser(ctx, cloakroom.UserChange{User: u})
	}
	lost, kept := newUser(), newUser()
	go create(ctx, lost, first)
	for len(s.writer.turn) == 0 {
		runtime.Gosched()
	}
	go create(t.Context(), kept, behind)
	queued(t, s.writer, 1)
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("given up by who had the turn: %v", err)
	}
	free()
	if err := <-behind; err != nil {
		t.Errorf("behind it: %v", err)
	}
	for u, want := range map[string]error{lost.ID: cloakroom.ErrNotFound, kept.ID: nil} {
		if _, err := s.User(t.Context(), u); sentinel(err) != want {
			t.Errorf("afterwards: %v, want %v", err, want)
		}
	}
}

func TestAWriteThatWasGivenUpNeverRuns(t *testing.T) {
	s := openStore(t, Config{})
	release := hold(t, s.writer)
	ctx, cancel := context.WithCancel(t.Context())
	u := newUser()
	result := make(chan error)
	go func() { result <- s.CreateUser(ctx, cloakroom.UserChange{User: u}) }()
	queued(t, s.writer, 1)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) { // while the writer is held: it does not wait for it
		t.Errorf("a write whose context ended: %v", err)
	}
	release()
	if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: u}); err != nil {
		t.Errorf("the write that was given up ran all the same: %v", err)
	}
}

func TestAWriteThatRunsGetsItsResult(t *testing.T) {
	s := openStore(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	u := newUser()
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		cancel()
		return insertUser(c, u)
	})
	if err != nil {
		t.Errorf("a write that ran: %v, want its result though its context has ended", err)
	}
	if _, err := s.User(t.Context(), u.ID); err != nil {
		t.Errorf("it said that it was written: %v", err)
	}
}

func TestAnotherProcessHoldsTheLock(t *testing.T) {
	s := openStore(t, Config{})
	free := lock(t, s)
	u := newUser()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- s.CreateUser(ctx, cloakroom.UserChange{User: u}) }()
	cancel() // sooner or later than the writer takes it up: it cannot run yet
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("a write given up while another process writes: %v", err)
	}
	go func() { result <- s.CreateUser(t.Context(), cloakroom.UserChange{User: u}) }()
	if _, err := s.User(t.Context(), u.ID); sentinel(err) != cloakroom.ErrNotFound {
		t.Errorf("reading while another process writes: %v", err)
	}
	free()
	if err := <-result; err != nil {
		t.Errorf("a write that waited for another process: %v", err)
	}
}

func TestDurabilityIsFull(t *testing.T) {
	for _, c := range []struct {
		noSync bool
		want   string
	}{{false, "2"}, {true, "0"}} {
		s := openStore(t, Config{InsecureNoSync: c.noSync})
		got := map[string]string{}
		s.writer.pause(func(conn *sqlite.Conn) {
			for _, p := range []string{"synchronous", "journal_mode", "wal_autocheckpoint"} {
				_, _ = one(conn, "PRAGMA "+p, func(s *sqlite.Stmt) { got[p] = s.ColumnText(0) })
			}
		})
		if got["synchronous"] != c.want || !strings.EqualFold(got["journal_mode"], "wal") || got["wal_autocheckpoint"] != "0" {
			t.Errorf("InsecureNoSync %t: the writer has %v", c.noSync, got)
		}
	}
}

func TestWhatIsNotedDoesNotWaitForTheDisk(t *testing.T) {
	const normal, full = "1", "2" // PRAGMA synchronous
	s := openStore(t, Config{})
	var mu sync.Mutex
	var ran []string
	job := func(name string) func(*sqlite.Conn) error {
		return func(c *sqlite.Conn) error {
			mu.Lock()
			defer mu.Unlock()
			_, err := one(c, "PRAGMA synchronous", func(row *sqlite.Stmt) { ran = append(ran, name+row.ColumnText(0)) })
			return err
		}
	}
	together := func(jobs ...func() error) {
		t.Helper()
		release := hold(t, s.writer)
		var all sync.WaitGroup
		for i, do := range jobs {
			all.Go(func() {
				if err := do(); err != nil {
					t.Error(err)
				}
			})
			queued(t, s.writer, i+1)
		}
		release()
		all.Wait()
	}
	write := func() error { return s.writer.write(t.Context(), job("write")) }
	note := func() error { return s.writer.note(t.Context(), job("note")) }
	for _, c := range []struct {
		jobs []func() error
		want []string
	}{
		{[]func() error{write}, []string{"write" + full}},
		{[]func() error{note, note}, []string{"note" + normal, "note" + normal}},
		{[]func() error{note, write, note}, []string{"note" + full, "write" + full, "note" + full}},
		{[]func() error{note}, []string{"note" + normal}},
	} {
		for try := 0; !slices.Equal(ran, c.want); try++ { // once is enough: batchTime may be over on a slow machine
			if try == 100 {
				t.Fatalf("ran %v, want %v", ran, c.want)
			}
			ran = nil
			together(c.jobs...)
		}
	}
	// A write that comes while a note runs is not drawn into its transaction.
	ran = nil
	wrote := make(chan error)
	err := s.writer.note(t.Context(), func(c *sqlite.Conn) error {
		go func() { wrote <- write() }()
		queued(t, s.writer, 1)
		return job("note")(c)
	})
	if err := errors.Join(err, <-wrote); err != nil {
		t.Fatal(err)
	}
	if want := []string{"note" + normal, "write" + full}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}
