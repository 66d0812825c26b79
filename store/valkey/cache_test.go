package valkey_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

func TestSessionIsOneGet(t *testing.T) {
	v, l := started(t)
	s := begin(t, l, session(1, "usr_ana"))
	const looks = 100
	before, all := calls(t, v, "get"), do(t, v, "INFO stats")
	for range looks {
		if _, err := l.Session(t.Context(), s.Token, now); err != nil {
			t.Fatal(err)
		}
	}
	if n := calls(t, v, "get") - before; n != looks {
		t.Errorf("%d looks took %d GET", looks, n)
	}
	if n := field(t, do(t, v, "INFO stats"), "total_commands_processed") - field(t, all, "total_commands_processed"); n > looks+20 {
		t.Errorf("%d looks took %d commands in all", looks, n) // some are of the test, and pings
	}
}

func TestSessionIsCached(t *testing.T) {
	v, writer := started(t)
	s := begin(t, writer, session(1, "usr_ana"))
	l := opened(t, valkey.Config{Addresses: []string{v.Addr()}})
	cached := func() bool { // a thousand looks last less than the cache may answer for
		before := calls(t, v, "get")
		for range 1000 {
			if got, err := l.Session(t.Context(), s.Token, now); err != nil || got.ID != s.ID {
				t.Fatal(got, err)
			}
		}
		return calls(t, v, "get")-before < 100
	}
	eventually(t, "most looks are answered without a GET", cached)

	renewed := s
	renewed.Level, renewed.Token = 2, token(4097)
	if err := writer.Renew(t.Context(), cloakroom.Renewal{Old: s.Token, Session: renewed, MovedUntil: now.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what another process has changed is seen", func() bool {
		_, err := l.Session(t.Context(), s.Token, now)
		return errors.Is(err, cloakroom.ErrMoved)
	})
}

// Read your own writes: while others fill the client's cache as fast as they can, whoever changed a session through this
// Ledger sees the change in the next line.
func TestOwnWritesAreReadAtOnce(t *testing.T) {
	for name, addresses := range map[string][]string{"server": {testbed.ValkeyAddr(t)}, "cluster": testbed.ValkeyClusterAddrs(t)} {
		t.Run(name, func(t *testing.T) {
			l := opened(t, valkey.Config{Addresses: addresses, Timeout: 200 * time.Millisecond})
			var all sync.WaitGroup
			for n := range 16 {
				all.Go(func() { live(t, l, session(n, "usr_ana")) })
			}
			all.Wait()
		})
	}
}

// live opens, touches, renews and closes a session, each time that the cache answers for it.
func live(t *testing.T, l *valkey.Ledger, s cloakroom.SessionRecord) {
	begin(t, l, s)
	defer watch(l, s.Token)()
	sees := func(what string, want error, changed func(cloakroom.SessionRecord) bool) {
		got, err := l.Session(t.Context(), s.Token, now)
		if !errors.Is(err, want) || err == nil && !changed(got) {
			t.Errorf("after %s: %+v, %v", what, got, err)
		}
	}
	settle(l, s.Token)
	use := cloakroom.Touch{Token: s.Token, SeenAt: now.Add(time.Minute)}
	must(t, l.Touch(t.Context(), []cloakroom.Touch{use}))
	sees("Touch", nil, func(r cloakroom.SessionRecord) bool { return r.LastSeenAt.Equal(use.SeenAt) })
	settle(l, s.Token)
	s.Level++
	must(t, l.Renew(t.Context(), cloakroom.Renewal{Old: s.Token, Session: s}))
	sees("Renew", nil, func(r cloakroom.SessionRecord) bool { return r.Level == s.Level })
	settle(l, s.Token)
	_, err := l.Close(t.Context(), s.Ref(), cloakroom.Ending{})
	must(t, err)
	sees("Close", cloakroom.ErrNotFound, nil)
}

// watch looks at a session without a pause, so that it is in the cache, until it is stopped.
func watch(l *valkey.Ledger, t cloakroom.TokenID) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			_, _ = l.Session(ctx, t, now)
		}
	})
	return func() { cancel(); all.Wait() }
}

// settle waits until the cache answers for this token again, so that there is something to be wrong about.
func settle(l *valkey.Ledger, t cloakroom.TokenID) {
	for !l.Settled(t.Bucket) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Millisecond)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// A connection on which nothing arrives any more, which neither side notices, must not keep a session alive.
func TestCacheOfACutConnection(t *testing.T) {
	v, writer := started(t)
	s := begin(t, writer, session(1, "usr_ana"))
	cut := &cutting{to: v.Addr()}
	l := opened(t, valkey.Config{Addresses: []string{cut.listen(t)}, Timeout: 500 * time.Millisecond})
	if _, err := l.Session(t.Context(), s.Token, now); err != nil {
		t.Fatal(err)
	}
	cut.silent.Store(true)
	if _, err := writer.Close(t.Context(), s.Ref(), cloakroom.Ending{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cache has ceased to answer", func() bool {
		_, err := l.Session(t.Context(), s.Token, now)
		if err != nil {
			unknown(t, err, "with the connection cut")
		}
		return err != nil
	})
	cut.silent.Store(false)
	eventually(t, "connected again, the session is seen to be closed", func() bool {
		_, err := l.Session(t.Context(), s.Token, now)
		return errors.Is(err, cloakroom.ErrNotFound)
	})
}

// cutting is a proxy that can swallow what the server says.
type cutting struct {
	to     string
	silent atomic.Bool
}

func (c *cutting) listen(t *testing.T) string {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	go func() {
		for {
			client, err := in.Accept()
			if err != nil {
				return
			}
			go c.serve(client)
		}
	}()
	return in.Addr().String()
}

func (c *cutting) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, client) }()
	_, _ = io.Copy(client, c.heard(server))
}

// heard is what the server says, without what is swallowed.
func (c *cutting) heard(server io.Reader) io.Reader {
	out, in := io.Pipe()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := server.Read(b)
			if err != nil {
				_ = in.CloseWithError(err)
				return
			}
			if !c.silent.Load() {
				_, _ = in.Write(b[:n])
			}
		}
	}()
	return out
}
