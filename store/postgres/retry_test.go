package postgres

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// inside reads a setting within a transaction.
func (s *Store) inside(t *tx, name string, value *string) error {
	t.ask(func(row pgx.CollectableRow) error { return row.Scan(value) }, `SELECT current_setting($1)`, name)
	return t.send()
}

func raise(code string) string {
	return `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '` + code + `'; END $$`
}

func TestRetryRepeatsTheWholeTransaction(t *testing.T) {
	s := openAny(t, Config{})
	for _, code := range []string{"40001", "40P01"} {
		for what, inCommit := range map[string]bool{"a statement": false, "the commit": true} {
			news, runs := entries(1), 0
			before := len(hear(t, s, "").Entries)
			err := s.write(t.Context(), func(t *tx) error {
				runs++
				t.feed = news
				if runs > 3 {
					return nil
				}
				t.queue(raise(code))
				if inCommit {
					return nil
				}
				return t.send()
			})
			if err != nil || runs != 4 {
				t.Errorf("%s in %s: %v after %d runs, want success after 4", code, what, err, runs)
			}
			if n := len(hear(t, s, "").Entries) - before; n != 1 {
				t.Errorf("%s in %s: it was done %d times", code, what, n)
			}
		}
	}
}

func TestRetryEnds(t *testing.T) {
	s := openAny(t, Config{})
	runs := 0
	err := s.write(t.Context(), func(t *tx) error {
		runs++
		t.queue(raise("40001"))
		return t.send()
	})
	wantUnknown(t, err, "what always fails")
	if code(err) != "40001" || runs != attempts {
		t.Errorf("%v after %d runs, want 40001 after %d", err, runs, attempts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = s.write(ctx, func(t *tx) error {
		if runs++; runs == 2 {
			cancel()
		}
		t.queue(raise("40001"))
		return t.send()
	})
	if err == nil || runs != 2 {
		t.Errorf("%v after %d runs, want an error when the context ends", err, runs)
	}
}

// TestDeadlock: of two transactions that wait for each other the server ends one, which is repeated.
func TestDeadlock(t *testing.T) {
	s := openAny(t, Config{DSN: sharedDSN(t) + "&deadlock_timeout=20ms", LockTimeout: 5 * time.Second})
	a, b := opened(t, s), opened(t, s)
	var both, all sync.WaitGroup
	both.Add(2)
	run := func(first, second cloakroom.SessionRecord) {
		runs := 0
		lock := `UPDATE sessions SET level = level + 1 WHERE bucket = $1 AND token = $2`
		err := s.write(t.Context(), func(tx *tx) error {
			tx.queue(lock, first.Token.Bucket, first.Token.Hash[:])
			if err := tx.send(); err != nil {
				return err
			}
			if runs++; runs == 1 {
				both.Done()
				both.Wait()
			}
			tx.queue(lock, second.Token.Bucket, second.Token.Hash[:])
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	all.Go(func() { run(a, b) })
	all.Go(func() { run(b, a) })
	all.Wait()
	for _, r := range []cloakroom.SessionRecord{a, b} {
		if got, err := s.Session(t.Context(), r.Token, epoch); err != nil || got.Level != r.Level+2 {
			t.Errorf("level %d, %v; want that both transactions changed it once", got.Level, err)
		}
	}
}

// through opens a store whose connections go through a proxy, each statement in clear.
func through(t testing.TB, c Config) (*Store, *proxy) {
	t.Helper()
	direct := openAny(t, c)
	conn := direct.pool.Config().ConnConfig
	p := startProxy(t, net.JoinHostPort(conn.Host, strconv.Itoa(int(conn.Port))))
	c.DSN = "postgres://postgres@" + p.Addr().String() + "/" + conn.Database + "?sslmode=disable"
	c.Schema, c.PollOnly = direct.schema, true
	return openStore(t, c), p
}

// TestUnknownCommit: a connection that breaks while the transaction is committed says nothing about whether it was. It
// was, in this test; were it done again, it would be done twice.
func TestUnknownCommit(t *testing.T) {
	s, p := through(t, Config{})
	for what, unsaid := range map[string]bool{"after the commit": false, "before the commit": true} {
		runs, before, news := 0, len(hear(t, s, "").Entries), entries(1)
		p.cutAt("COMMIT", unsaid)
		err := s.write(t.Context(), func(t *tx) error {
			runs++
			t.feed = news
			return nil
		})
		wantUnknown(t, err, what)
		if runs != 1 {
			t.Errorf("%s: it was run %d times", what, runs)
		}
		want := 1
		if unsaid {
			want = 0
		}
		if n := len(hear(t, s, "").Entries) - before; n != want {
			t.Errorf("%s: it was done %d times, want %d", what, n, want)
		}
	}
}

// TestSilentServer: a server that says nothing any more holds nobody longer than the timeouts say.
func TestSilentServer(t *testing.T) {
	s, p := through(t, Config{StatementTimeout: 200 * time.Millisecond, LockTimeout: 100 * time.Millisecond})
	r := opened(t, s)
	p.hush()
	defer p.drop()
	_, err := s.Session(t.Context(), r.Token, epoch)
	wantUnknown(t, err, "Session")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Session: %v, want that the time is over", err)
	}
	wantUnknown(t, s.Append(t.Context(), entries(1), nil), "Append")
}
