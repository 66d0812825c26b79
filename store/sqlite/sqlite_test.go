package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloakroom-auth/cloakroom"
)

// sentinel returns the error of the contract that err is, nil for nil, and err itself if it is none of them.
func sentinel(err error) error {
	for _, s := range []error{
		cloakroom.ErrMoved, cloakroom.ErrNotFound, cloakroom.ErrConflict, cloakroom.ErrTaken,
		cloakroom.ErrLastHolder, cloakroom.ErrUsed, cloakroom.ErrTooLarge,
	} {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}

// methods calls every method of the contract.
func methods(ctx context.Context, s *Store) map[string]error {
	r, u := record(epoch), newUser()
	errs := map[string]error{
		"CreateUser":      s.CreateUser(ctx, cloakroom.UserChange{User: u}),
		"UpdateUser":      s.UpdateUser(ctx, cloakroom.UserChange{User: u}),
		"SwapCredential":  s.SwapCredential(ctx, cloakroom.Credential{UserID: u.ID}),
		"DeleteUser":      s.DeleteUser(ctx, u.ID, "", cloakroom.Ending{RevokedUntil: epoch}),
		"Touch":           s.Touch(ctx, []cloakroom.Touch{{Token: r.Token}}),
		"Renew":           s.Renew(ctx, cloakroom.Renewal{Old: r.Token, Session: r, MovedUntil: epoch}),
		"SetDatum":        s.SetDatum(ctx, r.Ref(), cloakroom.Datum{Key: "k", Value: []byte("v")}, 100),
		"Put":             s.Put(ctx, cloakroom.Ticket{}),
		"Swap":            s.Swap(ctx, cloakroom.Ticket{}, epoch),
		"Rotate":          s.Rotate(ctx, [32]byte{}, cloakroom.RefreshChain{}, cloakroom.Touch{Token: r.Token}),
		"SwapKeySet":      s.SwapKeySet(ctx, cloakroom.KeySet{Realm: "default"}),
		"Append":          s.Append(ctx, []cloakroom.Revocation{{Until: epoch}}, nil),
		"EventsDelivered": s.EventsDelivered(ctx, []string{"evt_any"}),
		"SwapAPIKeys":     s.SwapAPIKeys(ctx, []cloakroom.APIKeyRecord{{ID: "key_any"}}),
		"SettleParcels":   s.SettleParcels(ctx, []cloakroom.Parcel{{ID: "prc_any"}}),
	}
	_, errs["User"] = s.User(ctx, u.ID)
	_, errs["UserByEmail"] = s.UserByEmail(ctx, "default", "ana@example.com")
	_, errs["UserByExternalID"] = s.UserByExternalID(ctx, "default", "legacy")
	_, errs["APIKey"] = s.APIKey(ctx, r.Token)
	_, errs["APIKeys"] = s.APIKeys(ctx, cloakroom.APIKeyQuery{Realm: "default", Max: 1})
	_, errs["DeleteAPIKey"] = s.DeleteAPIKey(ctx, "default", "key_any")
	_, errs["ClaimParcels"] = s.ClaimParcels(ctx, cloakroom.ParcelQuery{Realm: "default", Now: epoch, LeasedUntil: epoch, Max: 1})
	_, errs["Users"] = s.Users(ctx, cloakroom.UserQuery{Realm: "default", Max: 1})
	_, errs["Credentials"] = s.Credentials(ctx, u.ID)
	_, errs["KeySet"] = s.KeySet(ctx, "default")
	_, errs["Revocations"] = s.Revocations(ctx, "", 1, epoch)
	_, errs["Events"] = s.Events(ctx, cloakroom.EventQuery{Realm: "default", Max: 1})
	_, errs["ClaimEvents"] = s.ClaimEvents(ctx, "main", epoch, epoch, 1)
	_, errs["Prune"] = s.Prune(ctx, cloakroom.Prune{Now: epoch, Max: 10})
	_, errs["Open"] = s.Open(ctx, cloakroom.Opening{Session: r, Now: epoch})
	_, errs["Session"] = s.Session(ctx, r.Token, epoch)
	_, errs["SessionsOf"] = s.SessionsOf(ctx, r.Token.Bucket, r.UserID, "", 1)
	_, errs["Datum"] = s.Datum(ctx, r.Ref(), "k")
	_, errs["Close"] = s.Close(ctx, r.Ref(), cloakroom.Ending{RevokedUntil: epoch})
	_, errs["CloseUser"] = s.CloseUser(ctx, r.Token.Bucket, r.UserID, "", cloakroom.Ending{RevokedUntil: epoch})
	_, errs["Count"] = s.Count(ctx, [32]byte{}, 1, time.Hour, epoch)
	_, errs["Count 0"] = s.Count(ctx, [32]byte{}, 0, time.Hour, epoch)
	_, errs["Ticket"] = s.Ticket(ctx, "", cloakroom.TokenID{}, epoch)
	_, errs["Take"] = s.Take(ctx, "", cloakroom.TokenID{}, epoch)
	_, errs["Sweep"] = s.Sweep(ctx, cloakroom.Sweep{Now: epoch, Max: 10})
	_, errs["Secrets"] = s.Secrets(ctx)
	_, errs["Migrations"] = s.Migrations(ctx)
	return errs
}

func TestShutdown(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Shutdown(); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	for name, err := range methods(t.Context(), s) {
		if !errors.Is(err, errShutdown) || sentinel(err) != err {
			t.Errorf("%s after Shutdown: %v, want that the store is shut down", name, err)
		}
	}
}

func TestShutdownFinishesWhatWaits(t *testing.T) {
	s := openStore(t, Config{})
	r := record(epoch)
	release := hold(t, s.writer)
	result := make(chan error)
	go func() {
		_, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch})
		result <- err
	}()
	queued(t, s.writer, 1)
	closed := make(chan error)
	go func() { closed <- s.Shutdown() }()
	release()
	if err := errors.Join(<-result, <-closed); err != nil {
		t.Fatal(err)
	}
	again := openStore(t, Config{Path: s.path})
	if _, err := again.Session(t.Context(), r.Token, epoch); err != nil {
		t.Errorf("a write that waited at Shutdown: %v", err)
	}
}

func TestEveryMethodHeedsItsContext(t *testing.T) {
	s := openStore(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range methods(ctx, s) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a context that has ended: %v", name, err)
		}
	}
}

func TestFiles(t *testing.T) {
	s := openStore(t, Config{})
	if _, err := s.Secrets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(s.path + "*")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(file), info.Mode().Perm())
		}
		names = append(names, filepath.Base(file))
	}
	if want := []string{"test.db", "test.db-secrets", "test.db-shm", "test.db-wal"}; !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func TestSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "elsewhere")
	s := openStore(t, Config{SecretsPath: path})
	first, err := s.Secrets(t.Context())
	if err != nil || len(first) != 1 || len(first[0]) != 32 {
		t.Fatalf("Secrets: %d, %v; want one of 32 bytes", len(first), err)
	}
	again, err := s.Secrets(t.Context())
	if err != nil || !bytes.Equal(first[0], again[0]) {
		t.Errorf("the secret changed, %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Secrets(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("secrets that others may read: %v", err)
	}
}

func TestNoSecretInTheDatabase(t *testing.T) {
	s := openStore(t, Config{})
	secrets, err := s.Secrets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, secrets[0]) {
		t.Error("the secret is in the database, a copy of which would sign anybody in")
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	noDatabase := filepath.Join(folder, "text")
	if err := os.WriteFile(noDatabase, bytes.Repeat([]byte("not a database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(folder, "foreign.db")
	script(t, foreign, "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')")
	for path, want := range map[string]string{
		"":                                     "path is empty",
		filepath.Join(folder, "no", "such.db"): "no such file",
		noDatabase:                             "not a database of Cloakroom",
		foreign:                                "not of Cloakroom",
	} {
		before, _ := os.ReadFile(path)
		s, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): %v, want an error with %q", path, err, want)
		}
		if err == nil {
			_ = s.Shutdown()
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("Open(%q) refused the file and changed it", path)
		}
	}
	if _, err := Open(filepath.Join(folder, "no", "such.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v, want fs.ErrNotExist", err)
	}
}

func TestOddPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{":memory:", "file:x?mode=memory", "with space.db", "100%41#.db"} {
		s := openStore(t, Config{Path: path})
		if err := s.CreateUser(t.Context(), cloakroom.UserChange{User: newUser()}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the file is not where it was asked for: %v", err)
		}
	}
}

func TestDiskFull(t *testing.T) {
	s := openStore(t, Config{})
	kept := record(epoch)
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: kept, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	s.writer.pause(pragma("max_page_count = 60"))
	full := 0
	var all sync.WaitGroup
	var mu sync.Mutex
	for range 16 {
		all.Go(func() {
			for range 100 {
				if _, err := s.Open(t.Context(), cloakroom.Opening{Session: record(epoch), Now: epoch}); err != nil {
					mu.Lock()
					full++
					mu.Unlock()
					if sentinel(err) != err || !strings.Contains(err.Error(), "full") {
						t.Errorf("a full disk: %v", err)
					}
				}
			}
		})
	}
	all.Wait()
	if full == 0 {
		t.Fatal("the disk was never full: the test tests nothing")
	}
	if _, err := s.Session(t.Context(), kept.Token, epoch); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	s.writer.pause(pragma("max_page_count = 100000"))
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: record(epoch), Now: epoch}); err != nil {
		t.Errorf("writing when there is room again: %v", err)
	}
}

func TestLostTableIsNotAbsence(t *testing.T) {
	s := openStore(t, Config{})
	r := record(epoch)
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	script(t, s.path, "DROP TABLE sessions")
	_, err := s.Session(t.Context(), r.Token, epoch)
	if err == nil || sentinel(err) != err {
		t.Errorf("Session of a damaged database: %v, want an error that is none of the contract", err)
	}
}
