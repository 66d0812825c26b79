package sqlite

import (
	"context"
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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

// TestCopyIsWhole: what accounts need is copied, item for item, and works in the copy.
func TestCopyIsWhole(t *testing.T) {
	from, to := openStore(t, Config{}), openStore(t, Config{})
	u, r, ctx := newUser(), record(epoch), t.Context()
	u.Email, u.Locale, u.Picture, u.Phone, u.ExternalID = "ana@example.com", "de-AT", "https://example.com/a.png", "+4366012345678", "legacy|1"
	u.MFA, u.ResetRequired, u.LeavesAt = true, true, epoch
	r.UserID, r.EndsAt, r.Actor = u.ID, epoch, &cloakroom.Actor{UserID: "usr_admin", SessionID: "ses_admin", Token: record(epoch).Token}
	k := cloakroom.APIKeyRecord{ID: "key_1", Realm: u.Realm, Token: record(epoch).Token, UserID: u.ID, Name: "ci", Scopes: []string{"users:read"}, CreatedAt: epoch}
	mail := cloakroom.Parcel{Realm: u.Realm, Kind: "mail", DueAt: epoch, Data: []byte("{}")}
	passkey := cloakroom.Credential{UserID: u.ID, Method: "passkey", ID: "a", Name: "blue", Data: []byte{1}, Revision: 1, CreatedAt: epoch, UpdatedAt: epoch}
	event := cloakroom.EventRecord{Type: "happened", At: epoch, Realm: u.Realm, UserID: u.ID, Parcels: []cloakroom.Parcel{mail}}
	_, openErr := from.Open(ctx, cloakroom.Opening{Session: r, Now: epoch})
	if err := errors.Join(openErr, from.SwapAPIKeys(ctx, []cloakroom.APIKeyRecord{k}, event),
		from.CreateUser(ctx, cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{passkey}})); err != nil {
		t.Fatal(err)
	}
	for _, added := range []int64{5, 0} { // the second time everything is there
		if done, err := archive.Copy(ctx, from, to, archive.Plan{}); err != nil || done.Added != added {
			t.Fatalf("copied: %+v, %v, want %d added", done, err, added)
		}
	}
	k.Revision, mail.Tries = 1, 1
	byID, err := to.UserByExternalID(ctx, u.Realm, u.ExternalID)
	same(t, "the user", byID, u, err)
	creds, err := to.Credentials(ctx, u.ID)
	same(t, "its credentials", creds, []cloakroom.Credential{passkey}, err)
	session, err := to.Session(ctx, r.Token, epoch)
	same(t, "its session", session, r, err)
	key, err := to.APIKey(ctx, k.Token)
	same(t, "its API key", key, k, err)
	claimed, err := to.ClaimParcels(ctx, cloakroom.ParcelQuery{Realm: u.Realm, Kind: "mail", Now: epoch, LeasedUntil: epoch, Max: 9})
	same(t, "what waits to be sent", len(claimed), 1, err)
	claimed[0].ID = ""
	same(t, "what waits to be sent", claimed[0], mail, nil)
}

func same[T any](t *testing.T, what string, got, want T, err error) {
	t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Fatalf("%s: %v (-want +got):\n%s", what, err, diff)
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
