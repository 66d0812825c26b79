package sqlite

import (
	"context"
	"errors"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// sink is an archive.Sink that is a function.
type sink func(archive.Item) error

func (sink) Begin(archive.Counts) error    { return nil }
func (f sink) Add(item archive.Item) error { return f(item) }

// TestExportLetsGo ends exports in all ways: none may keep its connection, or its snapshot, which would hold the log.
func TestExportLetsGo(t *testing.T) {
	s := openStore(t, Config{Readers: 1})
	for range 3 {
		if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
			t.Fatal(err)
		}
	}
	refused := errors.New("refused")
	ctx, cancel := context.WithCancel(t.Context())
	for name, end := range map[string]struct {
		f    sink
		want error
	}{
		"the sink refuses": {func(archive.Item) error { return refused }, refused},
		"the context ends": {func(archive.Item) error { cancel(); return nil }, context.Canceled},
		"nothing happens":  {func(archive.Item) error { return nil }, nil},
	} {
		with := t.Context()
		if end.want == context.Canceled {
			with = ctx
		}
		if err := s.Export(with, end.f); !errors.Is(err, end.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s.Users(t.Context(), cloakroom.UserQuery{Max: 1}); err != nil {
			t.Errorf("%s, and the only reader is gone: %v", name, err)
		}
		var left int
		s.writer.pause(func(c *sqlite.Conn) { left, _, _ = checkpoint(c, "TRUNCATE") })
		if left > 0 {
			t.Errorf("%s, and %d pages of the log cannot be let go", name, left)
		}
	}
}

func TestArchiveAfterShutdown(t *testing.T) {
	s := openStore(t, Config{})
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := s.Export(t.Context(), sink(func(archive.Item) error { return nil })); !errors.Is(err, errShutdown) {
		t.Errorf("Export: %v", err)
	}
	if err := s.Import(t.Context(), []archive.Item{archive.User{}}); !errors.Is(err, errShutdown) {
		t.Errorf("Import: %v", err)
	}
}
