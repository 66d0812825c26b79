// Package memory keeps users, sessions, keys, events, parcels, tickets and counters in the memory of the process, and forgets them
// with it.
//
// It is for tests, for development and for programs whose sessions may end with a restart:
//
//	auth, err := cloakroom.New(cloakroom.Config{Store: memory.New(), Methods: …})
//
// It keeps the whole contract of cloakroom.Store, races included, as package storetest proves; only its durability is
// that of the process. One lock guards everything: reads share it, and no method holds it while it waits for
// anything. Looking up a session and its user takes a fraction of a microsecond however many there are; Users, a role
// that must be kept, lists of API keys, the user who is deleted, events, parcels, Sweep and Prune look at everything there is.
//
// Not here: a bound on memory (see Config for the limits of sessions and their data, and let the sweeper run), a
// snapshot on disk, more than one process. For those use package sqlite.
package memory

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

var errShutdown = errors.New("memory store is shut down")

// Store implements cloakroom.Store and cloakroom.SecretKeeper. Make one with New. It is safe for concurrent use.
//
// Slices are cloned on their way in and on their way out, so neither side sees what the other does with its own.
type Store struct {
	mu     sync.RWMutex
	shut   bool
	secret cloakroom.Secret

	users     map[string]*account         // by id
	logins    map[identifier]string       // to the id of the user
	keys      map[string]cloakroom.KeySet // by realm
	apiKeys   apiKeys
	feed      feed
	events    []*event // in ascending order of id
	eventIDs  id.Series
	parcels   map[string]*cloakroom.Parcel // by id
	parcelIDs id.Series

	tokens   map[cloakroom.TokenID]*session
	sessions map[cloakroom.SessionRef]*session
	owned    map[owner]map[string]*session   // the sessions of a user, or the guests of a bucket, by id
	moved    map[cloakroom.TokenID]time.Time // until when an exchanged token is remembered

	tickets  map[ticketKey]*ticket
	counters map[[32]byte]cloakroom.Tally
}

var (
	_ cloakroom.Store        = (*Store)(nil)
	_ cloakroom.SecretKeeper = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{
		users:    map[string]*account{},
		logins:   map[identifier]string{},
		keys:     map[string]cloakroom.KeySet{},
		apiKeys:  newAPIKeys(),
		feed:     newFeed(),
		parcels:  map[string]*cloakroom.Parcel{},
		tokens:   map[cloakroom.TokenID]*session{},
		sessions: map[cloakroom.SessionRef]*session{},
		owned:    map[owner]map[string]*session{},
		moved:    map[cloakroom.TokenID]time.Time{},
		tickets:  map[ticketKey]*ticket{},
		counters: map[[32]byte]cloakroom.Tally{},
	}
}

// Secrets implements cloakroom.SecretKeeper: one secret of 32 random bytes, made on the first call. It lives as long as
// the store, so all its tokens end with the process.
func (s *Store) Secrets(ctx context.Context) ([]cloakroom.Secret, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if s.secret == nil {
		s.secret = make(cloakroom.Secret, 32)
		_, _ = rand.Read(s.secret) // never fails: crypto/rand ends the process instead
	}
	return []cloakroom.Secret{append(cloakroom.Secret(nil), s.secret...)}, nil
}

// Shutdown forgets everything. From then on every method returns an error that says so and is none of cloakroom's: the
// engine answers 503. Shutting down twice is no error. (Close is taken: it ends one session.)
func (s *Store) Shutdown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	s.secret = nil
	s.users, s.logins, s.keys, s.apiKeys = nil, nil, nil, apiKeys{}
	s.feed, s.events, s.parcels = feed{}, nil, nil
	s.tokens, s.sessions, s.owned, s.moved = nil, nil, nil, nil
	s.tickets, s.counters = nil, nil
	return nil
}

// lock lets the caller write, unless it returns an error.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.shut {
		s.mu.Unlock()
		return errShutdown
	}
	return nil
}

// rlock lets the caller read, unless it returns an error.
func (s *Store) rlock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	if s.shut {
		s.mu.RUnlock()
		return errShutdown
	}
	return nil
}

// micro is a time as the contract wants it kept: in UTC, to the microsecond, without a monotonic reading.
func micro(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// passed reports whether end is at or before now: the moment itself is already too late.
func passed(end, now time.Time) bool { return !end.After(now) }
