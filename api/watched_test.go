package api_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// backend is a store that is all in one.
type backend interface {
	cloakroom.Store
	cloakroom.SecretKeeper
	cloakroom.Finder
}

// watched is a store that counts and can be out of reach.
type watched struct {
	backend
	lookups, counts, polls atomic.Int64
	down                   atomic.Bool
}

var errDown = errors.New("dial tcp 10.0.0.7:5432: SELECT secret FROM vault: connection refused")

func (s *watched) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	s.lookups.Add(1)
	if s.down.Load() {
		return cloakroom.SessionRecord{}, errDown
	}
	return s.backend.Session(ctx, t, now)
}

func (s *watched) Find(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, cloakroom.User, error) {
	s.lookups.Add(1)
	if s.down.Load() {
		return cloakroom.SessionRecord{}, cloakroom.User{}, errDown
	}
	return s.backend.Find(ctx, t, now)
}

func (s *watched) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (cloakroom.Tally, error) {
	s.counts.Add(1)
	if s.down.Load() {
		return cloakroom.Tally{}, errDown
	}
	return s.backend.Count(ctx, key, n, window, now)
}

func (s *watched) APIKey(ctx context.Context, t cloakroom.TokenID) (cloakroom.APIKeyRecord, error) {
	if s.down.Load() {
		return cloakroom.APIKeyRecord{}, errDown
	}
	return s.backend.APIKey(ctx, t)
}

func (s *watched) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	if s.down.Load() {
		return cloakroom.Ticket{}, errDown
	}
	return s.backend.Ticket(ctx, kind, id, now)
}

func (s *watched) KeySet(ctx context.Context, realm string) (cloakroom.KeySet, error) {
	if s.down.Load() {
		return cloakroom.KeySet{}, errDown
	}
	return s.backend.KeySet(ctx, realm)
}

func (s *watched) Revocations(ctx context.Context, after string, limit int, now time.Time) (cloakroom.Revocations, error) {
	s.polls.Add(1)
	if s.down.Load() {
		return cloakroom.Revocations{}, errDown
	}
	return s.backend.Revocations(ctx, after, limit, now)
}
