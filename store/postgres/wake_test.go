package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// listening starts Wake and waits until it has rung for the first time.
func listening(t testing.TB, ctx context.Context, s *Store) (rings *atomic.Int64, over chan error) {
	t.Helper()
	rings, over = new(atomic.Int64), make(chan error, 1)
	go func() { over <- s.Wake(ctx, func() { rings.Add(1) }) }()
	eventually(t, "it rings when it begins to listen", func() bool { return rings.Load() > 0 })
	return rings, over
}

func TestWake(t *testing.T) {
	s := openAny(t, Config{})
	other := openStore(t, Config{DSN: s.pool.Config().ConnString(), Schema: s.schema})
	elsewhere := openStore(t, Config{DSN: s.pool.Config().ConnString(), Schema: newSchema()})
	ctx, cancel := context.WithCancel(t.Context())
	rings, over := listening(t, ctx, s)

	revokeSome(t, elsewhere, 1, epoch)
	before := rings.Load()
	r := opened(t, other)
	if _, err := other.Close(t.Context(), r.Ref(), cloakroom.Ending{RevokedUntil: epoch.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it rings when another node appends", func() bool { return rings.Load() > before })
	if n := rings.Load(); n != 2 {
		t.Errorf("it rang %d times, want 2: to begin and for the append, not for another schema's", n)
	}
	if page := hear(t, s, ""); len(page.Entries) != 1 {
		t.Errorf("when it rings the entry is there: %d", len(page.Entries))
	}
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Wake when its context ends: %v", err)
	}
}

func TestWakeEndsWithTheStore(t *testing.T) {
	s := openAny(t, Config{})
	_, over := listening(t, t.Context(), s)
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := <-over; !errors.Is(err, errShutdown) {
		t.Errorf("Wake when the store is shut down: %v", err)
	}
	if err := s.Wake(t.Context(), func() {}); !errors.Is(err, errShutdown) {
		t.Errorf("Wake after Shutdown: %v", err)
	}
}

// TestWakeEndsWithItsConnection: then whoever follows knows that he has to look by himself, and may call again.
func TestWakeEndsWithItsConnection(t *testing.T) {
	s := openAny(t, Config{})
	_, over := listening(t, t.Context(), s)
	if _, err := s.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query LIKE 'LISTEN %' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, <-over, "Wake when its connection is lost")
	listening(t, t.Context(), s)
}

func TestWakePollOnly(t *testing.T) {
	for _, c := range []Config{{PollOnly: true}, {Distributed: true}} {
		s := openAny(t, c)
		if err := s.Wake(t.Context(), func() { t.Error("it rang") }); !errors.Is(err, errPollOnly) {
			t.Errorf("Wake where nobody listens: %v", err)
		}
	}
	if channelOf("a") == channelOf("b") || len(channelOf("a")) > maxIdentifier {
		t.Error("each schema has a channel of its own, with a name that fits")
	}
}
