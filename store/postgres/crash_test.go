package postgres

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// journal is what a store has acknowledged.
type journal struct {
	mu           sync.Mutex
	open, closed []cloakroom.SessionRecord
	wrong        []error // that said something about a session, though nobody could know
}

// write opens sessions and closes every other one, until stop is closed.
func (j *journal) write(t testing.TB, s *Store, stop chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		r := record()
		_, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch})
		closes := err == nil && n%2 == 0
		if closes {
			_, err = s.Close(t.Context(), r.Ref(), cloakroom.Ending{RevokedUntil: epoch.Add(time.Hour)})
		}
		j.note(r, closes, err)
		if err != nil {
			time.Sleep(time.Millisecond) // the server is gone: nobody else should have to wait for us
		}
	}
}

func (j *journal) note(r cloakroom.SessionRecord, closes bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err != nil && sentinel(err) != err:
		j.wrong = append(j.wrong, err)
	case err == nil && closes:
		j.closed = append(j.closed, r)
	case err == nil:
		j.open = append(j.open, r)
	}
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.open) + len(j.closed)
}

// holds asserts that the store has all that was acknowledged, and told the feed what ended.
func (j *journal) holds(t testing.TB, s *Store) {
	t.Helper()
	for _, err := range j.wrong {
		t.Errorf("an error while the server was gone: %v", err)
	}
	for _, r := range j.open {
		if _, err := s.Session(t.Context(), r.Token, epoch); err != nil {
			t.Fatalf("an acknowledged session: %v", err)
		}
	}
	told := map[cloakroom.Revocation]bool{}
	for cursor, more := "", true; more; {
		page := hear(t, s, cursor)
		for _, e := range page.Entries {
			told[e] = true
		}
		cursor, more = page.Cursor, page.More
	}
	for _, r := range j.closed {
		if _, err := s.Session(t.Context(), r.Token, epoch); sentinel(err) != cloakroom.ErrNotFound {
			t.Fatalf("an ended session: %v, want ErrNotFound", err)
		}
		if !told[ended(r.ID, epoch.Add(time.Hour))] {
			t.Fatal("the end of a session was acknowledged, but the feed does not tell of it")
		}
	}
}

// working runs a journal until fault has returned and the store works again.
func working(t *testing.T, s *Store, fault func()) *journal {
	t.Helper()
	var j journal
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { j.write(t, s, stop) })
	}
	eventually(t, "the journal grows", func() bool { return j.len() > 200 })
	fault()
	before := j.len()
	eventually(t, "the store works again", func() bool { return j.len() > before+200 })
	close(stop)
	all.Wait()
	return &j
}

// TestServerCrash: the server is killed and started again, twice, while eight write.
func TestServerCrash(t *testing.T) {
	p := startPostgres(t)
	s := openStore(t, Config{DSN: p.DSN(""), StatementTimeout: time.Second, LockTimeout: time.Second})
	for range 2 {
		j := working(t, s, func() {
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			_, err := s.Session(t.Context(), record().Token, epoch)
			wantUnknown(t, err, "Session of a server that is gone")
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
		})
		j.holds(t, s)
	}
}

// TestPromotion: the primary is killed and its standby, which has heard of every commit, takes over; a store that names
// both goes on, and so does a follower of the feed, with its cursor.
func TestPromotion(t *testing.T) {
	p := startPostgres(t, fast...)
	standby, err := p.Standby(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Kill(); err != nil {
			t.Error(err)
		}
	})
	settings := "ALTER SYSTEM SET synchronous_standby_names = '*';\nALTER SYSTEM SET synchronous_commit = 'remote_apply';\nSELECT pg_reload_conf();"
	if _, err := p.Exec("", settings); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, Config{DSN: both(standby, p), StatementTimeout: time.Second, LockTimeout: time.Second})
	f := follower{t: t, s: s}
	old := revokeSome(t, s, 3, epoch.Add(time.Hour))
	f.want("before", old)
	var ring atomic.Int64
	go func() {
		for t.Context().Err() == nil {
			_ = s.Wake(t.Context(), func() { ring.Add(1) })
			time.Sleep(10 * time.Millisecond)
		}
	}()
	j := working(t, s, func() {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		// The new primary must not wait for a standby of its own.
		if _, err := standby.Exec("", "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		if err := standby.Promote(); err != nil {
			t.Fatal(err)
		}
		if _, err := standby.Exec("", "ALTER SYSTEM RESET ALL;\nSELECT pg_reload_conf();"); err != nil {
			t.Fatal(err)
		}
	})
	j.holds(t, s)
	heard := len(f.heard)
	for before := ""; before != f.cursor; f.read() {
		before = f.cursor
	}
	if n := len(f.heard) - heard; n < len(j.closed) || f.heard[0] != old[0] {
		t.Errorf("a follower who goes on with his cursor heard %d entries, want the %d of the journal", n, len(j.closed))
	}
	rang := ring.Load()
	revokeSome(t, s, 1, epoch)
	eventually(t, "it rings on the new primary", func() bool { return ring.Load() > rang })
}

// both names two servers. The first is the one that takes no writes yet.
func both(first, second *testbed.Postgres) string {
	one, two := first.DSN(""), second.DSN("")
	host := func(dsn string) string {
		_, rest, _ := strings.Cut(dsn, "@")
		at, _, _ := strings.Cut(rest, "/")
		return at
	}
	return strings.Replace(one, host(one), host(one)+","+host(two), 1)
}
