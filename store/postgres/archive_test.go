package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestArchiveComesBack exports what was imported, with all that an account can have and with none of it.
func TestArchiveComesBack(t *testing.T) {
	s := openAny(t, Config{})
	leaves, ends, never := epoch.UnixMicro(), epoch.Add(time.Minute).UnixMicro(), time.Time{}.UnixMicro()
	token := archive.Token{Bucket: 0xfff, Hash: archive.Hash{1}}
	want := []archive.Item{
		archive.User{ID: "usr_1", Realm: "default", Roles: []string{}, BannedAt: never},
		archive.User{
			ID: "usr_2", Realm: "default", Email: "ana@example.com", FullName: "Ana ÖZ", Roles: []string{"admin"}, BannedAt: never, Locale: "de-AT",
			Picture: "https://example.com/a.png", Phone: "+4366012345678", MFA: true, ResetRequired: true, LeavesAt: &leaves, ExternalID: "legacy|7",
			Credentials: []archive.Credential{{Method: "passkey", ID: "k", Name: "blue", Data: []byte{1}, Revision: 2}},
		},
		archive.APIKey{ID: "key_1", Realm: "default", Token: token, UserID: "usr_2", Label: "ci", Scopes: []string{"users:read"}, ExpiresAt: never, Revision: 3},
		archive.Session{ID: "ses_1", Token: token, Methods: []string{}, Scopes: []string{}, Agent: []byte{}},
		archive.Session{
			ID: "ses_2", Token: archive.Token{Bucket: 0xfff, Hash: archive.Hash{2}}, UserID: "usr_2", Methods: []string{"password"}, Scopes: []string{},
			Agent: []byte{}, EndsAt: &ends, Actor: &archive.Actor{UserID: "usr_1", SessionID: "ses_1", Token: token},
		},
		archive.Parcel{ID: "prc_1", Realm: "default", Of: "mail", DueAt: never, Tries: 2, Data: []byte{0xff, 0}},
	}
	for range 2 { // an import that was cut begins again
		if err := s.Import(t.Context(), want); err != nil {
			t.Fatal(err)
		}
	}
	var got []archive.Item
	if err := s.Export(t.Context(), sink(func(i archive.Item) error { got = append(got, i); return nil })); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	u, err := s.UserByExternalID(t.Context(), "default", "legacy|7")
	if err != nil || u.ID != "usr_2" {
		t.Errorf("by its external id %+v, %v is found", u, err)
	}
	found, err := s.Users(t.Context(), cloakroom.UserQuery{Realm: "default", Search: "ana öz", LeavingBefore: epoch, Max: 10})
	if err != nil || len(found) != 1 || found[0].ID != "usr_2" {
		t.Errorf("a search finds %+v, %v", found, err)
	}
	thief := archive.User{ID: "usr_3", Realm: "default", ExternalID: "legacy|7"}
	if err := s.Import(t.Context(), []archive.Item{thief}); !errors.Is(err, cloakroom.ErrTaken) {
		t.Errorf("an external id that is somebody else's: %v, want ErrTaken", err)
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
