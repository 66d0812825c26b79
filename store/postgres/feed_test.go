package postgres

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// begun is a transaction of the store's own that is held open.
type begun struct {
	*tx
	t testing.TB
}

func beginIn(t testing.TB, s *Store) begun {
	t.Helper()
	conn, err := s.pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	raw := conn.Hijack()
	t.Cleanup(func() { _ = raw.Close(context.Background()) })
	b := begun{&tx{store: s, ctx: context.Background(), conn: raw, batch: &pgx.Batch{}}, t}
	b.queue(begin)
	b.queue("SET LOCAL idle_in_transaction_session_timeout = 0")
	b.sent()
	return b
}

func (b begun) sent() {
	b.t.Helper()
	if err := b.send(); err != nil {
		b.t.Fatal(err)
	}
}

// append takes numbers of the feed and does not commit.
func (b begun) append(entries []cloakroom.Revocation) {
	b.t.Helper()
	b.feed = entries
	b.appendFeed()
	b.feed = nil
	b.sent()
}

func (b begun) end(how string) {
	b.t.Helper()
	b.queue(how)
	b.sent()
}

// follower reads the feed page by page.
type follower struct {
	t      testing.TB
	s      *Store
	cursor string
	heard  []cloakroom.Revocation
}

func (f *follower) read() {
	f.t.Helper()
	page, err := f.s.Revocations(f.t.Context(), f.cursor, 7, epoch)
	if err != nil {
		f.t.Fatal(err)
	}
	f.heard, f.cursor = append(f.heard, page.Entries...), page.Cursor
}

func (f *follower) want(what string, want ...[]cloakroom.Revocation) {
	f.t.Helper()
	for range 10 {
		f.read()
	}
	if !slices.Equal(f.heard, slices.Concat(want...)) {
		f.t.Fatalf("%s: heard %d entries, want %d", what, len(f.heard), len(slices.Concat(want...)))
	}
}

// TestFeedSkipsNothingThatIsHeldOpen: one transaction has its numbers and does not commit, a second waits for it; whoever
// reads in between is told neither, and later what was committed, in order.
func TestFeedSkipsNothingThatIsHeldOpen(t *testing.T) {
	for _, how := range []string{"COMMIT", "ROLLBACK"} {
		t.Run(how, func(t *testing.T) {
			s := openAny(t, Config{LockTimeout: 5 * time.Second})
			f := follower{t: t, s: s}
			old := revokeSome(t, s, 3, epoch.Add(time.Hour))
			f.want("before", old)

			first, second := entries(5), entries(4)
			holder := beginIn(t, s)
			holder.append(first)
			done := make(chan error)
			go func() { done <- s.Append(context.Background(), second, nil) }()
			eventually(t, "the second appender waits for the first", func() bool { return waiting(t, s) == 1 })
			f.want("while both are open", old)

			holder.end(how)
			f.read() // it may or may not hear the second already
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if how == "ROLLBACK" {
				first = nil
			}
			f.want("after", old, first, second)
		})
	}
}

// TestFeedNumbersComeLast: a transaction that began long ago and appends now comes after what was committed meanwhile.
func TestFeedNumbersComeLast(t *testing.T) {
	s := openAny(t, Config{})
	f := follower{t: t, s: s}
	long := beginIn(t, s)
	long.queue(`UPDATE sessions SET level = 1`)
	long.sent()
	quick := revokeSome(t, s, 2, epoch.Add(time.Hour))
	f.want("what was committed first", quick)
	late := entries(2)
	long.append(late)
	f.want("while the long one is open", quick)
	long.end("COMMIT")
	f.want("after", quick, late)
}

// TestFeedHoldsUpNobody: a transaction that has something to tell, and waits for its client, lets others append.
func TestFeedHoldsUpNobody(t *testing.T) {
	s := openAny(t, Config{LockTimeout: 50 * time.Millisecond})
	var quick []cloakroom.Revocation
	slow := entries(1)
	err := s.write(t.Context(), func(tx *tx) error {
		tx.feed = slow
		tx.queue(`UPDATE sessions SET level = 1`)
		if err := tx.send(); err != nil {
			return err
		}
		quick = revokeSome(t, s, 1, epoch.Add(time.Hour))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f := follower{t: t, s: s}
	f.want("the quick one was first", quick, slow)
}

// TestFeedOfManyAppenders: 64 append at once, by all the ways there are, some in vain; who follows hears everything once,
// in the order in which the next follower hears it.
func TestFeedOfManyAppenders(t *testing.T) {
	s := openAny(t, Config{MaxConns: 24, LockTimeout: 5 * time.Second})
	const appenders, rounds = 64, 5
	var all sync.WaitGroup
	var mu sync.Mutex
	var want []cloakroom.Revocation
	told := func(entries ...cloakroom.Revocation) {
		mu.Lock()
		defer mu.Unlock()
		want = append(want, entries...)
	}
	for i := range appenders {
		all.Go(func() {
			for range rounds {
				switch i % 3 {
				case 0:
					batch := entries(1 + i%4)
					if err := s.Append(t.Context(), batch, nil); err != nil {
						t.Error(err)
					}
					told(batch...)
				case 1:
					r := opened(t, s)
					end := cloakroom.Ending{RevokedUntil: epoch.Add(time.Hour)}
					if was, err := s.Close(t.Context(), r.Ref(), end); err != nil || !was {
						t.Errorf("Close: %v, %v", was, err)
					}
					told(ended(r.ID, end.RevokedUntil))
				case 2:
					b := beginIn(t, s)
					b.append(entries(2))
					b.end("ROLLBACK")
				}
			}
		})
	}
	over := make(chan struct{})
	go func() {
		all.Wait()
		close(over)
	}()
	f := follower{t: t, s: s}
	for reading := true; reading; f.read() {
		select {
		case <-over:
			reading = false
		default:
		}
	}
	for before := ""; before != f.cursor; f.read() {
		before = f.cursor
	}
	if len(f.heard) != len(want) {
		t.Fatalf("heard %d entries, want %d", len(f.heard), len(want))
	}
	heard := map[cloakroom.Revocation]int{}
	for _, e := range f.heard {
		heard[e]++
	}
	for _, e := range want {
		if heard[e] != 1 {
			t.Fatalf("an entry was heard %d times, want once", heard[e])
		}
	}
	if again := hear(t, s, "").Entries; !slices.Equal(again, f.heard) {
		t.Error("who begins anew hears another order")
	}
}

func ended(sessionID string, until time.Time) cloakroom.Revocation {
	t := tx{}
	t.revoke(sessionID, cloakroom.SessionEnded, until)
	return t.feed[0]
}

// restore brings the feed back to where it was after seq.
func restore(t testing.TB, s *Store, seq int64) {
	t.Helper()
	for _, sql := range []string{`DELETE FROM feed WHERE seq > $1`, `UPDATE feed_head SET seq = $1`} {
		if _, err := s.pool.Exec(t.Context(), sql, seq); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRestoredFeed: whoever followed the feed beyond the state that came back, of a backup or of a standby that lagged,
// misses nothing, however far the feed has grown by then.
func TestRestoredFeed(t *testing.T) {
	until := epoch.Add(time.Hour)
	for law, grown := range map[string]int{"less far": 10, "as far": 20, "farther": 30} {
		s := openAny(t, Config{})
		kept := revokeSome(t, s, 100, until)
		atBackup := hear(t, s, "").Cursor
		revokeSome(t, s, 20, until)
		beyond := hear(t, s, "").Cursor
		restore(t, s, 100)
		if page := hear(t, s, beyond); !slices.Equal(page.Entries, kept) {
			t.Errorf("a cursor from beyond the backup hears %d entries, want all 100", len(page.Entries))
		}
		news := revokeSome(t, s, grown, until)
		if page := hear(t, s, beyond); !slices.Equal(page.Entries, append(kept, news...)) {
			t.Errorf("when the feed has grown %s: %d entries, want all %d", law, len(page.Entries), 100+grown)
		}
		if page := hear(t, s, atBackup); !slices.Equal(page.Entries, news) {
			t.Errorf("a cursor from before the backup: %d entries, want the %d new ones", len(page.Entries), grown)
		}
	}
}

// TestSweptMark: a cursor whose entry was pruned is the beginning, and misses nothing.
func TestSweptMark(t *testing.T) {
	s := openAny(t, Config{})
	revokeSome(t, s, 3, epoch)
	end := hear(t, s, "").Cursor
	news := revokeSome(t, s, 2, epoch.Add(time.Hour))
	if n, err := s.Prune(t.Context(), cloakroom.Prune{Now: epoch, Max: 10}); err != nil || n != 3 {
		t.Fatalf("Prune: %d, %v; want 3", n, err)
	}
	page := hear(t, s, end)
	if !slices.Equal(page.Entries, news) {
		t.Errorf("behind a pruned entry: %d entries, want both", len(page.Entries))
	}
	if page = hear(t, s, page.Cursor); len(page.Entries) != 0 {
		t.Errorf("at the end: %d entries", len(page.Entries))
	}
}

// TestFeedWithoutHead: an append without the row that numbers it fails whole.
func TestFeedWithoutHead(t *testing.T) {
	s := openStore(t, Config{DSN: sharedDSN(t), Schema: newSchema()})
	r := opened(t, s)
	if _, err := s.pool.Exec(t.Context(), `DELETE FROM feed_head`); err != nil {
		t.Fatal(err)
	}
	_, err := s.Close(t.Context(), r.Ref(), cloakroom.Ending{RevokedUntil: epoch})
	wantUnknown(t, err, "Close")
	if _, err := s.Session(t.Context(), r.Token, epoch); err != nil {
		t.Errorf("a session whose end could not be told: %v, want that it lives", err)
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
