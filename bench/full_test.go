package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestFull(t *testing.T) {
	var out bytes.Buffer
	b := bench{progress: &out}
	const n, expired = 205, 50
	f, err := b.fill(t.Context(), memory.New(), n, expired)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.tokens) != n-expired || len(f.owners) != 16 || !strings.HasSuffix(out.String(), "100 %\n") {
		t.Errorf("%d tokens, %d owners, %q", len(f.tokens), len(f.owners), out.String())
	}
	for range 2 {
		if err := f.turn(t.Context(), time.Second/100, expired/2); err != nil {
			t.Fatal(err)
		}
	}
	for v := range verbs {
		if len(f.took[v]) != 2 || f.took[v][0] <= 0 {
			t.Errorf("%v took %v", v, f.took[v])
		}
	}
	if err := f.turn(t.Context(), time.Second/100, 1); err == nil {
		t.Error("more was swept than had expired")
	}
	for _, u := range f.owners {
		all, err := f.ledger.SessionsOf(t.Context(), u.Bucket, u.UserID, "", 100)
		if err != nil || len(all) != perUser && len(all) != n%perUser {
			t.Errorf("%d sessions, %v", len(all), err)
		}
	}
}

func TestFullNoticesWhatIsLost(t *testing.T) {
	b := bench{progress: io.Discard}
	f, err := b.fill(t.Context(), memory.New(), 20, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.ledger = memory.New()
	if err := f.turn(t.Context(), time.Millisecond, 0); err == nil {
		t.Error("a look-up of nothing passes for a fast one")
	}
}

func TestRoom(t *testing.T) {
	if err := room(t.TempDir(), 1); err != nil {
		t.Error(err)
	}
	if err := room(t.TempDir(), 1e15); err == nil || !strings.Contains(err.Error(), "GB") {
		t.Errorf("%v", err)
	}
}
