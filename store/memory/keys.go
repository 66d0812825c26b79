package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// KeySet implements cloakroom.Directory.
func (s *Store) KeySet(ctx context.Context, realm string) (cloakroom.KeySet, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.KeySet{}, err
	}
	defer s.mu.RUnlock()
	set, found := s.keys[realm]
	if !found {
		return cloakroom.KeySet{Realm: realm}, nil
	}
	set.Keys = cloneKeys(set.Keys)
	return set, nil
}

// SwapKeySet implements cloakroom.Directory.
func (s *Store) SwapKeySet(ctx context.Context, set cloakroom.KeySet, events ...cloakroom.EventRecord) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.keys[set.Realm].Revision != set.Revision {
		return fmt.Errorf("swap signing keys of realm %s: %w", set.Realm, cloakroom.ErrConflict)
	}
	set.Keys = cloneKeys(set.Keys)
	for i := range set.Keys {
		k := &set.Keys[i]
		k.CreatedAt, k.ActiveAt = micro(k.CreatedAt), micro(k.ActiveAt)
		k.RetiredAt, k.WithdrawnAt = micro(k.RetiredAt), micro(k.WithdrawnAt)
	}
	set.Revision++
	s.keys[set.Realm] = set
	s.record(events...)
	return nil
}

func cloneKeys(keys []cloakroom.SigningKey) []cloakroom.SigningKey {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].Public, keys[i].Sealed = bytes.Clone(keys[i].Public), bytes.Clone(keys[i].Sealed)
	}
	return keys
}
