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

// Revocations implements cloakroom.Directory.
func (s *Store) Revocations(ctx context.Context, after string, limit int, now time.Time) (cloakroom.Revocations, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.Revocations{}, err
	}
	defer s.mu.RUnlock()
	return s.feed.page(after, limit, now), nil
}

// ended tells the feed and the events of sessions that were ended.
func (s *Store) ended(end cloakroom.Ending, ids ...string) {
	for _, id := range ids {
		s.revoke(id, cloakroom.SessionEnded, end.RevokedUntil)
		s.record(end.Each(id)...)
	}
}

// revoke tells of a session or a user, unless until is zero.
func (s *Store) revoke(id string, epoch int64, until time.Time) {
	s.tell(cloakroom.Revocation{Subject: sha256.Sum256([]byte(id)), Epoch: epoch, Until: until})
}

// tell adds to the feed, unless the entry is for no time at all.
func (s *Store) tell(r cloakroom.Revocation) {
	if !r.Until.IsZero() {
		s.feed.append(r)
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
