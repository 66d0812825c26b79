package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// feed is the revocations in order of their numbers, which are never used again. A cursor is the feed's id, so that one
// from before a restart is known for what it is, and the number of the last entry that was seen.
type feed struct {
	id      string
	last    uint64
	entries []told
}

// told is an entry with its number.
type told struct {
	cloakroom.Revocation
	number uint64
}

func newFeed() feed { return feed{id: rand.Text()} }

// Revoke implements cloakroom.Directory.
func (s *Store) Revoke(ctx context.Context, entries []cloakroom.Revocation) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, r := range entries {
		s.feed.append(r)
	}
	return nil
}

// Revocations implements cloakroom.Directory.
func (s *Store) Revocations(ctx context.Context, after string, limit int, now time.Time) (cloakroom.Revocations, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.Revocations{}, err
	}
	defer s.mu.RUnlock()
	return s.feed.page(after, limit, now), nil
}

// revokeSessions tells of sessions that were ended, unless until is zero.
func (s *Store) revokeSessions(until time.Time, ids ...string) {
	for _, id := range ids {
		s.revoke(id, 0, until)
	}
}

// revoke tells of a session or a user, unless until is zero.
func (s *Store) revoke(id string, epoch int64, until time.Time) {
	if !until.IsZero() {
		s.feed.append(cloakroom.Revocation{Subject: sha256.Sum256([]byte(id)), Epoch: epoch, Until: until})
	}
}

func (f *feed) append(r cloakroom.Revocation) {
	f.last++
	r.Until = micro(r.Until)
	f.entries = append(f.entries, told{r, f.last})
}

func (f *feed) page(after string, limit int, now time.Time) (p cloakroom.Revocations) {
	seen := f.position(after)
	first, _ := slices.BinarySearchFunc(f.entries, seen+1, func(e told, n uint64) int { return cmp.Compare(e.number, n) })
	for _, e := range f.entries[first:] {
		if !passed(e.Until, now) {
			if len(p.Entries) >= limit {
				p.More = true
				break
			}
			p.Entries = append(p.Entries, e.Revocation)
		}
		seen = e.number
	}
	p.Cursor = fmt.Sprintf("%s.%d", f.id, seen)
	return p
}

// position is the number of the last entry that the holder of a cursor has seen. Of a cursor that this feed has not
// given out it is 0.
func (f *feed) position(cursor string) uint64 {
	id, digits, _ := strings.Cut(cursor, ".")
	n, err := strconv.ParseUint(digits, 10, 64)
	if id != f.id || err != nil || n > f.last {
		return 0
	}
	return n
}

// sweep deletes up to room expired entries and returns how many.
func (f *feed) sweep(room int, now time.Time) int {
	n := 0
	f.entries = slices.DeleteFunc(f.entries, func(e told) bool {
		if n >= room || !passed(e.Until, now) {
			return false
		}
		n++
		return true
	})
	return n
}
