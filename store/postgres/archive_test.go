package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// sink is an archive.Sink that is a function.
type sink func(archive.Item) error

func (sink) Begin(archive.Counts) error    { return nil }
func (f sink) Add(item archive.Item) error { return f(item) }

func filled(t testing.TB, s *Store, users int) {
	t.Helper()
	var items []archive.Item
	for range users {
		items = append(items, archive.User{ID: newUser().ID})
	}
	if err := s.Import(t.Context(), items); err != nil {
		t.Fatal(err)
	}
}

// TestExportTakesItsTime has a sink that is slower than any statement or idle transaction may be, directly and through PgBouncer.
func TestExportTakesItsTime(t *testing.T) {
	server := startPostgres(t, fast...)
	bouncer := startBouncer(t, server)
	for name, dsn := range map[string]string{"directly": server.DSN(""), "PgBouncer": bouncer.DSN("")} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, Config{DSN: dsn, Schema: newSchema(), StatementTimeout: 100 * time.Millisecond})
			filled(t, s, 2*exportPage+1)
			n := 0
			err := s.Export(t.Context(), sink(func(archive.Item) error {
				if n++; n == 1 || n == exportPage+1 {
					time.Sleep(300 * time.Millisecond) // three times what may be
				}
				return nil
			}))
			if err != nil || n != 2*exportPage+1 {
				t.Errorf("exported %d of %d: %v", n, 2*exportPage+1, err)
			}
		})
	}
}

// TestExportLetsGo ends exports in all ways: none may keep its connection, of which there is one.
func TestExportLetsGo(t *testing.T) {
	s := openAny(t, Config{MaxConns: 1})
	filled(t, s, exportPage+1)
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
			t.Errorf("%s, and the only connection is gone: %v", name, err)
		}
	}
}

func TestImportRefusesWhatIsNoText(t *testing.T) {
	s := openAny(t, Config{})
	if err := s.Import(t.Context(), []archive.Item{archive.User{ID: "usr_1"}, archive.User{ID: "usr_2", FullName: "a\x00b"}}); err == nil {
		t.Error("a zero byte is taken")
	}
	if n := count(t, s, "users"); n != 0 {
		t.Errorf("half of a refused step is there: %d users", n)
	}
}

func TestArchiveAfterShutdown(t *testing.T) {
	s := openAny(t, Config{})
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
