package memory

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// Datum implements cloakroom.Ledger.
func (s *Store) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (cloakroom.Datum, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.Datum{}, err
	}
	defer s.mu.RUnlock()
	if owner := s.sessions[ref]; owner != nil {
		if d, found := owner.data[key]; found {
			d.Value = bytes.Clone(d.Value)
			return d, nil
		}
	}
	return cloakroom.Datum{}, fmt.Errorf("%q of session %s: %w", key, ref.ID, cloakroom.ErrNotFound)
}

// SetDatum implements cloakroom.Ledger. Removing a value is never too large, whatever else the session holds.
func (s *Store) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	owner := s.sessions[ref]
	if owner == nil {
		return fmt.Errorf("set %q of session %s: %w", d.Key, ref.ID, cloakroom.ErrNotFound)
	}
	if err := owner.set(d, maxBytes); err != nil {
		return fmt.Errorf("set %q of session %s: %w", d.Key, ref.ID, err)
	}
	return nil
}

func (s *session) set(d cloakroom.Datum, maxBytes int) error {
	have, found := s.data[d.Key] // an absent value has revision 0
	if have.Revision != d.Revision {
		return cloakroom.ErrConflict
	}
	size := s.size
	if found {
		size -= len(have.Key) + len(have.Value)
	}
	if d.Value == nil {
		delete(s.data, d.Key)
		s.size = size
		return nil
	}
	if size += len(d.Key) + len(d.Value); size > maxBytes {
		return cloakroom.ErrTooLarge
	}
	if s.data == nil {
		s.data = map[string]cloakroom.Datum{}
	}
	s.data[d.Key] = cloakroom.Datum{Key: d.Key, Value: bytes.Clone(d.Value), Revision: d.Revision + 1}
	s.size = size
	return nil
}
