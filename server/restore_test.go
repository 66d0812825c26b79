package server

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

func unwatched(archive.Stage, int64, int64) {}

func TestRestoreSignsOut(t *testing.T) {
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			source, db := databaseAt(t, settings(t)), open(t)
			lived(t, source.stores.store)
			backup := saved(t, source)
			for range 2 { // the second finds it done
				if _, err := db.Restore(t.Context(), backup, false, unwatched); err != nil {
					t.Fatal(err)
				}
			}
			counts := backup.Header().Counts
			counts[archive.KindKeySet], counts[archive.KindSession], counts[archive.KindTicket], counts[archive.KindMoved], counts[archive.KindRevocation] = 0, 0, 0, 0, 0
			totals, err := archive.Sum(t.Context(), db)
			got := totals.Counts()
			got[archive.KindRevocation] = 0
			if err != nil || got != counts {
				t.Errorf("restored %v, %v; want %v", got, err, counts)
			}
			was, err := source.stores.store.UserByEmail(t.Context(), "", "ana@example.com")
			if err != nil {
				t.Fatal(err)
			}
			is, err := db.stores.store.UserByEmail(t.Context(), "", "ana@example.com")
			if was.Epoch >= is.Epoch {
				t.Errorf("her epoch was %d and is %d: her sessions could come back", was.Epoch, is.Epoch)
			}
			is.Epoch = was.Epoch
			if diff := cmp.Diff(was, is); err != nil || diff != "" {
				t.Errorf("the user is another: %v\n%s", err, diff)
			}
		})
	}
}

// TestRestoreTellsTheFeed asserts that a service which checks signed tokens hears what a restore ends, and what the feed of the
// backup had to tell still.
func TestRestoreTellsTheFeed(t *testing.T) {
	source, db := databaseAt(t, settings(t)), databaseAt(t, settings(t))
	now := time.Now()
	lived(t, source.stores.store) // its feed expires in the future, when its guest has long been forgotten
	expired := cloakroom.Revocation{Subject: [32]byte{66}, Until: now.Add(-time.Second)}
	if err := source.stores.store.Append(t.Context(), []cloakroom.Revocation{expired}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Restore(t.Context(), saved(t, source), false, unwatched); err != nil {
		t.Fatal(err)
	}
	page, err := db.stores.store.Revocations(t.Context(), "", 100, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	told := map[[32]byte]cloakroom.Revocation{}
	for _, e := range page.Entries {
		if old := told[e.Subject]; e.Epoch >= old.Epoch {
			told[e.Subject] = e
		}
	}
	ana, err := db.stores.store.UserByEmail(t.Context(), "", "ana@example.com")
	if err != nil {
		t.Fatal(err)
	}
	for id, epoch := range map[string]int64{ana.ID: ana.Epoch, "a user with an odd id": epochLeap, "usr_b": epochLeap, "usr_c": cloakroom.EveryEpoch, "ses_guest": 0, "ses_closed": 0} {
		e, found := told[sha256.Sum256([]byte(id))]
		if !found || e.Epoch != epoch || e.Until.Before(now.Add(cloakroom.RevokedFor-time.Minute)) {
			t.Errorf("of %s the feed tells %+v, %v; want epoch %d for as long as a signed token may live", id, e, found, epoch)
		}
	}
	if _, found := told[expired.Subject]; found {
		t.Error("what had expired is told again")
	}
}

func TestRestoreKeepsSessions(t *testing.T) {
	source, db := databaseAt(t, settings(t)), databaseAt(t, settings(t))
	lived(t, source.stores.store)
	if _, err := db.Restore(t.Context(), saved(t, source), true, unwatched); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(account(t, source.stores.store), account(t, db.stores.store), alike); diff != "" {
		t.Errorf("(-backup +restored):\n%s", diff)
	}
}

func TestRestoreWantsAnEmptyDatabase(t *testing.T) {
	source := databaseAt(t, settings(t))
	lived(t, source.stores.store)
	backup := saved(t, source)
	for _, keep := range []bool{false, true} {
		cfg := settings(t)
		h := running(t, cfg, quick)
		if got := h.do("POST", "/auth/signup", bear); got.status != 201 {
			t.Fatalf("sign-up: %d", got.status)
		}
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		db := databaseAt(t, cfg)
		before := lines(t, db)
		if _, err := db.Restore(t.Context(), backup, keep, unwatched); !errors.Is(err, archive.ErrNotEmpty) {
			t.Errorf("into what a server has used: %v", err)
		}
		if diff := cmp.Diff(before, lines(t, db)); diff != "" {
			t.Errorf("it was changed:\n%s", diff)
		}
	}
}
