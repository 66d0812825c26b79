package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// apiKeys are found by their tokens and by their ids. They belong to the store alone.
type apiKeys struct {
	tokens map[cloakroom.TokenID]*cloakroom.APIKeyRecord
	ids    map[apiKeyID]*cloakroom.APIKeyRecord
}

type apiKeyID struct{ realm, id string }

func newAPIKeys() apiKeys {
	return apiKeys{map[cloakroom.TokenID]*cloakroom.APIKeyRecord{}, map[apiKeyID]*cloakroom.APIKeyRecord{}}
}

// SwapAPIKeys implements cloakroom.Directory.
func (s *Store) SwapAPIKeys(ctx context.Context, keys []cloakroom.APIKeyRecord, events ...cloakroom.EventRecord) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, k := range keys {
		if err := s.apiKeys.maySwap(k); err != nil {
			return fmt.Errorf("swap API key %s: %w", k.ID, err)
		}
	}
	for _, k := range keys {
		s.apiKeys.swap(k)
	}
	s.record(events...)
	return nil
}

func (a apiKeys) maySwap(k cloakroom.APIKeyRecord) error {
	var revision int64 // of one that is not there
	stored := a.ids[apiKeyID{k.Realm, k.ID}]
	if stored != nil {
		revision = stored.Revision
	}
	if revision != k.Revision {
		return cloakroom.ErrConflict
	}
	if other := a.tokens[k.Token]; other != nil && other != stored {
		return fmt.Errorf("its token is that of %s", other.ID)
	}
	return nil
}

func (a apiKeys) swap(k cloakroom.APIKeyRecord) {
	if old := a.ids[apiKeyID{k.Realm, k.ID}]; old != nil {
		a.drop(old)
	}
	k.Scopes = slices.Clone(k.Scopes)
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = micro(k.CreatedAt), micro(k.ExpiresAt), micro(k.LastUsedAt)
	k.Revision++
	a.ids[apiKeyID{k.Realm, k.ID}] = &k
	a.tokens[k.Token] = &k
}

func (a apiKeys) drop(k *cloakroom.APIKeyRecord) {
	delete(a.ids, apiKeyID{k.Realm, k.ID})
	delete(a.tokens, k.Token)
}

// dropOf drops the keys of a user.
func (a apiKeys) dropOf(userID string) {
	for _, k := range a.ids {
		if k.UserID == userID {
			a.drop(k)
		}
	}
}

// APIKey implements cloakroom.Directory.
func (s *Store) APIKey(ctx context.Context, t cloakroom.TokenID) (cloakroom.APIKeyRecord, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.APIKeyRecord{}, err
	}
	defer s.mu.RUnlock()
	k := s.apiKeys.tokens[t]
	if k == nil {
		return cloakroom.APIKeyRecord{}, fmt.Errorf("API key: %w", cloakroom.ErrNotFound)
	}
	return copyAPIKey(k), nil
}

// APIKeys implements cloakroom.Directory.
func (s *Store) APIKeys(ctx context.Context, q cloakroom.APIKeyQuery) ([]cloakroom.APIKeyRecord, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	var found []*cloakroom.APIKeyRecord
	for _, k := range s.apiKeys.ids {
		if k.Realm == q.Realm && k.ID > q.After && (q.UserID == "" || k.UserID == q.UserID) {
			found = append(found, k)
		}
	}
	slices.SortFunc(found, func(a, b *cloakroom.APIKeyRecord) int { return cmp.Compare(a.ID, b.ID) })
	page := make([]cloakroom.APIKeyRecord, min(len(found), max(q.Max, 0)))
	for i := range page {
		page[i] = copyAPIKey(found[i])
	}
	return page, nil
}

// DeleteAPIKey implements cloakroom.Directory.
func (s *Store) DeleteAPIKey(ctx context.Context, realm, id string, events ...cloakroom.EventRecord) (bool, error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	k := s.apiKeys.ids[apiKeyID{realm, id}]
	if k == nil {
		return false, nil
	}
	s.apiKeys.drop(k)
	s.record(events...)
	return true, nil
}

func copyAPIKey(k *cloakroom.APIKeyRecord) cloakroom.APIKeyRecord {
	found := *k
	found.Scopes = slices.Clone(k.Scopes)
	return found
}
