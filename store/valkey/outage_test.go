package valkey_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

// verbs is a call of every verb but Sweep, on session and ticket n.
func verbs(l *valkey.Ledger, n int) map[string]func(context.Context) error {
	s, tk := session(n, "usr_ana"), ticket(n)
	return map[string]func(context.Context) error{
		"Open": func(ctx context.Context) error {
			_, err := l.Open(ctx, cloakroom.Opening{Session: session(n+10_000, "usr_ana"), Replace: &s.Token, Limit: 1, Now: now})
			return err
		},
		"Session": func(ctx context.Context) error {
			_, err := l.Session(ctx, s.Token, now)
			return err
		},
		"SessionsOf": func(ctx context.Context) error {
			_, err := l.SessionsOf(ctx, s.Token.Bucket, s.UserID, "", 10)
			return err
		},
		"Rotate": func(ctx context.Context) error {
			return l.Rotate(ctx, [32]byte{}, cloakroom.RefreshChain{}, cloakroom.Touch{Token: s.Token})
		},
		"Touch": func(ctx context.Context) error { return l.Touch(ctx, []cloakroom.Touch{{Token: s.Token}}) },
		"Renew": func(ctx context.Context) error {
			return l.Renew(ctx, cloakroom.Renewal{Old: s.Token, Session: s})
		},
		"Close": func(ctx context.Context) error {
			_, err := l.Close(ctx, s.Ref(), cloakroom.Ending{})
			return err
		},
		"CloseUser": func(ctx context.Context) error {
			_, err := l.CloseUser(ctx, s.Token.Bucket, s.UserID, "", cloakroom.Ending{})
			return err
		},
		"Datum": func(ctx context.Context) error {
			_, err := l.Datum(ctx, s.Ref(), "cart")
			return err
		},
		"SetDatum": func(ctx context.Context) error {
			return l.SetDatum(ctx, s.Ref(), cloakroom.Datum{Key: "cart", Value: []byte("x")}, 100)
		},
		"Count": func(ctx context.Context) error {
			_, err := l.Count(ctx, s.Token.Hash, 1, time.Minute, now)
			return err
		},
		"Count 0": func(ctx context.Context) error {
			_, err := l.Count(ctx, s.Token.Hash, 0, time.Minute, now)
			return err
		},
		"Put": func(ctx context.Context) error { return l.Put(ctx, tk) },
		"Ticket": func(ctx context.Context) error {
			_, err := l.Ticket(ctx, tk.Kind, tk.ID, now)
			return err
		},
		"Take": func(ctx context.Context) error {
			_, err := l.Take(ctx, tk.Kind, tk.ID, now)
			return err
		},
		"Swap": func(ctx context.Context) error { return l.Swap(ctx, tk, now) },
	}
}

// fail asserts that every verb fails without saying what is there. They are called at once: each may take the timeout.
func fail(t *testing.T, l *valkey.Ledger, when string) {
	t.Helper()
	all := verbs(l, 1)
	all["Sweep"] = func(ctx context.Context) error {
		_, err := l.Sweep(ctx, cloakroom.Sweep{Now: now, Max: 10})
		return err
	}
	var done sync.WaitGroup
	for verb, do := range all {
		done.Go(func() { unknown(t, do(t.Context()), verb+" "+when) })
	}
	done.Wait()
}

func TestServerThatHangs(t *testing.T) {
	v, l := started(t)
	cached := opened(t, valkey.Config{Addresses: []string{v.Addr()}, Timeout: time.Second})
	s := begin(t, l, session(1, "usr_ana"))
	signal(t, v, syscall.SIGSTOP)
	fail(t, l, "while the server hangs")
	if _, err := l.Session(t.Context(), s.Token, now); err == nil || !strings.Contains(err.Error(), "within 1s") {
		t.Errorf("got %v, want an error that says how long was waited", err)
	}
	fail(t, cached, "while the server hangs, with a cache")
	signal(t, v, syscall.SIGCONT)
	eventually(t, "the session is there again", func() bool {
		got, err := l.Session(t.Context(), s.Token, now)
		return err == nil && got.ID == s.ID
	})
}

func signal(t *testing.T, v *testbed.Valkey, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(v.Pid(), s); err != nil {
		t.Fatal(err)
	}
}

func TestServerThatIsGone(t *testing.T) {
	v, l := started(t)
	s := begin(t, l, session(1, "usr_ana"))
	if err := v.Kill(); err != nil {
		t.Fatal(err)
	}
	fail(t, l, "while there is no server")
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a server that kept nothing knows of no session", func() bool {
		_, err := l.Session(t.Context(), s.Token, now)
		return errors.Is(err, cloakroom.ErrNotFound)
	})
	begin(t, l, s) // its scripts are gone too
}

func TestServerThatKeepsEverything(t *testing.T) {
	v, l := started(t, "appendonly yes", "appendfsync always")
	open, closed := begin(t, l, session(1, "usr_ana")), begin(t, l, session(2, "usr_ana"))
	if _, err := l.Close(t.Context(), closed.Ref(), cloakroom.Ending{}); err != nil {
		t.Fatal(err)
	}
	must(t, l.Put(t.Context(), ticket(1)))
	if _, err := l.Take(t.Context(), "reset", ticket(1).ID, now); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Kill(), v.Start()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session is there again", func() bool {
		got, err := l.Session(t.Context(), open.Token, now)
		return err == nil && got.ID == open.ID
	})
	if _, err := l.Session(t.Context(), closed.Token, now); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("what was closed: got %v", err)
	}
	eventually(t, "a ticket that was taken is so still", func() bool {
		_, err := l.Take(t.Context(), "reset", ticket(1).ID, now)
		if err == nil {
			t.Fatal("a ticket was taken twice")
		}
		return errors.Is(err, cloakroom.ErrUsed)
	})
}

func TestFlush(t *testing.T) {
	v, l := started(t)
	for _, command := range []string{"FLUSHALL", "SCRIPT FLUSH"} {
		s := begin(t, l, session(1, "usr_ana"))
		do(t, v, command)
		_, err := l.Session(t.Context(), s.Token, now)
		if there := err == nil; there != (command == "SCRIPT FLUSH") {
			t.Errorf("after %s: got %v", command, err)
		}
		do(t, v, "FLUSHALL")
	}
	for verb := range verbs(l, 1) {
		begin(t, l, session(1, "usr_ana"))
		do(t, v, "SCRIPT FLUSH")
		if err := verbs(l, 1)[verb](t.Context()); err != nil && !errors.Is(err, cloakroom.ErrNotFound) && !errors.Is(err, cloakroom.ErrConflict) {
			t.Errorf("%s, of which the server does not know the script: got %v", verb, err)
		}
		do(t, v, "FLUSHALL")
	}
	begin(t, l, session(1, "usr_ana"))
	do(t, v, "SCRIPT FLUSH")
	if n, err := l.Sweep(t.Context(), cloakroom.Sweep{SessionsBefore: now.Add(time.Hour), Max: 10}); n != 1 || err != nil {
		t.Errorf("Sweep, of which the server does not know the scripts: got %d, %v", n, err)
	}
}

func TestServerThatRefusesWrites(t *testing.T) {
	v, l := started(t)
	master, _ := started(t)
	reads := []string{"Session", "Datum", "Ticket", "Count 0"}
	for name, c := range map[string]struct {
		begin, end string
		possible   []string
	}{
		"full":      {"CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", append(reads, "SessionsOf", "Close", "CloseUser")},
		"a replica": {"REPLICAOF " + strings.Replace(master.Addr(), ":", " ", 1), "REPLICAOF NO ONE", reads},
	} {
		do(t, v, c.begin)
		for verb, do := range verbs(l, 2) {
			if !slices.Contains(c.possible, verb) {
				unknown(t, do(t.Context()), verb+" of a server that is "+name)
			} else if err := do(t.Context()); err != nil && !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("%s of a server that is %s: got %v", verb, name, err)
			}
		}
		do(t, v, c.end)
	}
	if err := verbs(l, 3)["Put"](t.Context()); err != nil {
		t.Errorf("in order again: got %v", err)
	}
}

// A master of a cluster dies and its replica takes over: meanwhile nobody knows, and afterwards all that was answered is
// there, sessions as well as what ended and what was used.
func TestFailover(t *testing.T) {
	c, err := testbed.StartValkeyCluster(t.TempDir(), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	l := opened(t, valkey.Config{Addresses: c.Addrs()[:1], Timeout: time.Second})
	const things = 60
	for n := range things {
		lived(t, l, n)
	}
	if n := calls(t, c.Nodes()[0], "wait"); n == 0 {
		t.Error("nobody waited for the replica")
	}

	if err := c.Nodes()[0].Kill(); err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int64
	lookAt := func(n int) bool { // whether all is well with n
		got, err := l.Session(t.Context(), token(n), now)
		if err != nil {
			failed.Add(1)
			unknown(t, err, "Session during the failover")
		}
		_, closed := l.Session(t.Context(), token(n+20_000), now)
		_, used := l.Take(t.Context(), "reset", token(n), now)
		if closed == nil || used == nil {
			t.Fatalf("after the failover what ended is back: %v, %v", closed, used)
		}
		return err == nil && got.ID == session(n, "").ID && errors.Is(closed, cloakroom.ErrNotFound) && errors.Is(used, cloakroom.ErrUsed)
	}
	eventually(t, "everything is as it was", func() bool {
		for n := range things {
			if !lookAt(n) {
				return false
			}
		}
		return true
	})
	if failed.Load() == 0 {
		t.Error("no look failed: the master served none of them")
	}
	l = opened(t, valkey.Config{Addresses: c.Addrs()}) // of which one is dead
	for n := things; n < 2*things; n++ {
		lived(t, l, n)
	}
	if n, err := l.Sweep(t.Context(), cloakroom.Sweep{SessionsBefore: now.Add(day), Max: 1000}); n != 2*things || err != nil {
		t.Errorf("Sweep after the failover: got %d, %v", n, err)
	}
}

// lived opens session n and another that it closes, and uses ticket n.
func lived(t *testing.T, l *valkey.Ledger, n int) {
	t.Helper()
	begin(t, l, session(n, "usr_ana"))
	ended := begin(t, l, session(n+20_000, "usr_ana"))
	if there, err := l.Close(t.Context(), ended.Ref(), cloakroom.Ending{}); err != nil || !there {
		t.Fatal(there, err)
	}
	must(t, l.Put(t.Context(), ticket(n)))
	if _, err := l.Take(t.Context(), "reset", token(n), now); err != nil {
		t.Fatal(err)
	}
}

// replicated is a server with a replica, and a Ledger that waits for it.
func replicated(t *testing.T) (v, replica *testbed.Valkey, l *valkey.Ledger) {
	v, _ = started(t)
	replica, _ = started(t)
	do(t, replica, "REPLICAOF "+strings.Replace(v.Addr(), ":", " ", 1))
	eventually(t, "the replica is fed", func() bool { return strings.Contains(do(t, v, "INFO replication"), "state=online") })
	return v, replica, opened(t, valkey.Config{Addresses: []string{v.Addr()}})
}

// A server that dies before its replica has a write has not answered it.
func TestServerThatDiesBeforeItsReplicaKnows(t *testing.T) {
	v, replica, l := replicated(t)
	l.WaitFor(patience)
	begin(t, l, session(1, "usr_ana"))
	signal(t, replica, syscall.SIGSTOP)
	defer signal(t, replica, syscall.SIGCONT)
	answer := make(chan error, 1)
	go func() {
		_, err := l.Open(t.Context(), cloakroom.Opening{Session: session(2, "usr_ana"), Now: now})
		answer <- err
	}()
	eventually(t, "the opening waits", func() bool { return field(t, do(t, v, "INFO clients"), "blocked_clients") == 1 })
	if err := v.Kill(); err != nil {
		t.Fatal(err)
	}
	unknown(t, <-answer, "Open")
}

// A replica that hangs holds nothing up for long.
func TestReplicaThatHangs(t *testing.T) {
	v, replica, l := replicated(t)
	n := 0
	waits := func() bool {
		n++
		before := calls(t, v, "wait")
		begin(t, l, session(n, "usr_ana"))
		return calls(t, v, "wait") > before
	}
	eventually(t, "each opening waits for the replica", func() bool {
		first := waits()
		return waits() && first
	})
	waited := calls(t, v, "wait")
	signal(t, replica, syscall.SIGSTOP)
	defer signal(t, replica, syscall.SIGCONT)
	for range 200 {
		n++
		begin(t, l, session(n, "usr_ana"))
	}
	if n := calls(t, v, "wait") - waited; n == 0 || n > 150 {
		t.Errorf("of 200 openings %d waited for a replica that hangs, want a few", n)
	}
}
