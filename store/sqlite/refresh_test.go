package sqlite

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// chain makes a refresh chain with so many past tokens.
func chain(past int) cloakroom.RefreshChain {
	c := cloakroom.RefreshChain{Current: [32]byte{1, 2, 3}}
	for i := range past {
		c.Past = append(c.Past, cloakroom.Rotated{
			Token: [32]byte{byte(i)}, Sealed: bytes.Repeat([]byte{byte(i)}, 8*i), At: epoch.Add(time.Duration(i) * time.Second),
		})
	}
	return c
}

// TestOpaqueSessionsHaveNoRefresh: the opaque form pays for the other with the one byte that says NULL, and whoever acts as
// nobody for those who do with two.
func TestOpaqueSessionsHaveNoRefresh(t *testing.T) {
	s := openStore(t, Config{})
	signed, opaque := record(epoch), record(epoch)
	signed.Refresh = []cloakroom.RefreshChain{chain(0)}
	for _, r := range []cloakroom.SessionRecord{signed, opaque} {
		if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
			t.Fatal(err)
		}
	}
	wantRows(t, s, "sessions WHERE refresh IS NULL", 1)
	old := signed.Token
	signed.Token.Hash[0]++
	signed.Refresh = nil
	if err := s.Renew(t.Context(), cloakroom.Renewal{Old: old, Session: signed, MovedUntil: epoch}); err != nil {
		t.Fatal(err)
	}
	wantRows(t, s, "sessions WHERE refresh IS NULL", 2)
	wantRows(t, s, "sessions WHERE ends_at IS NULL AND actor IS NULL", 2)
}

func TestRefreshHasBounds(t *testing.T) {
	s := openStore(t, Config{})
	sealed := chain(1)
	sealed.Past[0].Sealed = make([]byte, maxSealed+1)
	for law, chains := range map[string][]cloakroom.RefreshChain{
		"2 refresh chains": {chain(0), chain(0), chain(0)}, "32 past tokens": {chain(33)}, "256 bytes": {sealed},
	} {
		r, old := record(epoch), record(epoch)
		r.Refresh = chains
		if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err == nil || !strings.Contains(err.Error(), law) {
			t.Errorf("Open beyond %s: %v", law, err)
		}
		if _, err := s.Session(t.Context(), r.Token, epoch); sentinel(err) != cloakroom.ErrNotFound {
			t.Errorf("Open beyond %s stored a session: %v", law, err)
		}
		old.Refresh = []cloakroom.RefreshChain{chain(0)}
		if _, err := s.Open(t.Context(), cloakroom.Opening{Session: old, Now: epoch}); err != nil {
			t.Fatal(err)
		}
		r.ID = old.ID
		if err := s.Renew(t.Context(), cloakroom.Renewal{Old: old.Token, Session: r, MovedUntil: epoch}); err == nil {
			t.Errorf("Renew beyond %s succeeded", law)
		}
		if len(chains) == 1 {
			if err := s.Rotate(t.Context(), old.Refresh[0].Current, chains[0], cloakroom.Touch{Token: old.Token}); err == nil {
				t.Errorf("Rotate beyond %s succeeded", law)
			}
		}
		got, err := s.Session(t.Context(), old.Token, epoch)
		if err != nil || len(got.Refresh) != 1 || len(got.Refresh[0].Past) != 0 {
			t.Errorf("what was refused beyond %s left %v, %v", law, got.Refresh, err)
		}
	}
}

// TestUnknownRefreshIsNotAbsence: what a newer program may have written ends no session.
func TestUnknownRefreshIsNotAbsence(t *testing.T) {
	s := openStore(t, Config{})
	r := record(epoch)
	r.Refresh = []cloakroom.RefreshChain{chain(2)}
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	script(t, s.path, "UPDATE sessions SET refresh = CAST(x'02' || substr(refresh, 2) AS BLOB)")
	_, sessionErr := s.Session(t.Context(), r.Token, epoch)
	_, _, findErr := s.Find(t.Context(), r.Token, epoch)
	_, listErr := s.SessionsOf(t.Context(), r.Token.Bucket, r.UserID, "", 1)
	rotateErr := s.Rotate(t.Context(), r.Refresh[0].Current, chain(0), cloakroom.Touch{Token: r.Token})
	for verb, err := range map[string]error{"Session": sessionErr, "Find": findErr, "SessionsOf": listErr, "Rotate": rotateErr} {
		if err == nil || sentinel(err) != err {
			t.Errorf("%s: %v, want an error that is none of the contract", verb, err)
		}
	}
}

// FuzzChains: what is read is written again byte for byte, so there is one form of everything; all else is refused.
func FuzzChains(f *testing.F) {
	for _, chains := range [][]cloakroom.RefreshChain{{chain(0)}, {chain(32), chain(1)}, {chain(3), chain(0)}} {
		packed, err := packChains(chains)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
		f.Add(packed[:len(packed)-1])
		f.Add(append(packed, 0))
	}
	for _, odd := range [][]byte{nil, {0}, {1}, {1, 0}, {1, 3}, {2, 1}, append([]byte{1, 1}, make([]byte, 32)...)} {
		f.Add(odd)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		chains, err := unpackChains(b)
		if err != nil {
			if chains != nil {
				t.Errorf("refused %x and returned %v", b, chains)
			}
			return
		}
		again, err := packChains(chains)
		if err != nil || !bytes.Equal(again, given) {
			t.Errorf("%x was read and is written as %x, %v", given, again, err)
		}
		for _, c := range chains {
			for i := range c.Past {
				_ = append(c.Past[i].Sealed, 'x') // must not reach what lies behind it
			}
		}
		if !bytes.Equal(b, given) {
			t.Error("appending to what was read changes its neighbour")
		}
	})
}

func TestChainsOfEachLength(t *testing.T) {
	c := memoryConn(t)
	for past := range maxPast + 1 {
		want := []cloakroom.RefreshChain{chain(past), chain(maxPast - past)}
		packed, err := packChains(want)
		if err != nil {
			t.Fatal(err)
		}
		got := echo(t, c, packed, func(s *sqlite.Stmt) []cloakroom.RefreshChain {
			chains, err := chainsOf(s, 0)
			if err != nil {
				t.Error(err)
			}
			return chains
		})
		if !slices.EqualFunc(got, want, sameChain) {
			t.Errorf("%d past tokens: got %v, want %v", past, got, want)
		}
	}
}

func sameChain(a, b cloakroom.RefreshChain) bool {
	return a.Current == b.Current && slices.EqualFunc(a.Past, b.Past, func(a, b cloakroom.Rotated) bool {
		return a.Token == b.Token && a.At.Equal(b.At) && bytes.Equal(a.Sealed, b.Sealed)
	})
}

// TestHotPathAllocations: a session of the opaque form allocates for its strings and its methods, and for nothing else.
func TestHotPathAllocations(t *testing.T) {
	s := openStore(t, Config{})
	opaque, signed := record(epoch), record(epoch)
	signed.Refresh = []cloakroom.RefreshChain{chain(2)}
	allocs := func(r cloakroom.SessionRecord) float64 {
		if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(200, func() { _, _ = s.Session(t.Context(), r.Token, epoch) })
	}
	if o, g := allocs(opaque), allocs(signed); o > 7 || g > 10 {
		t.Errorf("Session allocates %v times, with refresh chains %v: want 7, and 3 more for bytes, chains and past tokens", o, g)
	}
}
