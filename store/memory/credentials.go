package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// Credentials implements cloakroom.Directory.
func (s *Store) Credentials(ctx context.Context, userID string) ([]cloakroom.Credential, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	a := s.users[userID]
	if a == nil {
		return nil, nil
	}
	creds := slices.Clone(a.credentials)
	for i := range creds {
		creds[i].Data = bytes.Clone(creds[i].Data)
	}
	return creds, nil
}

// SwapCredential implements cloakroom.Directory. It writes Data and UpdatedAt.
func (s *Store) SwapCredential(ctx context.Context, c cloakroom.Credential) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if a := s.users[c.UserID]; a != nil {
		if i, found := a.find(c); found && a.credentials[i].Revision == c.Revision {
			stored := &a.credentials[i]
			stored.Data, stored.UpdatedAt = bytes.Clone(c.Data), micro(c.UpdatedAt)
			stored.Revision++
			return nil
		}
	}
	return fmt.Errorf("swap %s credential of user %s: %w", c.Method, c.UserID, cloakroom.ErrConflict)
}

// enrol inserts or replaces each credential, keeping their order.
func (a *account) enrol(creds []cloakroom.Credential) {
	for _, c := range creds {
		c.UserID = a.user.ID
		c.Data = bytes.Clone(c.Data)
		c.CreatedAt, c.UpdatedAt = micro(c.CreatedAt), micro(c.UpdatedAt)
		if i, found := a.find(c); found {
			c.Revision, c.CreatedAt = a.credentials[i].Revision+1, a.credentials[i].CreatedAt
			a.credentials[i] = c
		} else {
			c.Revision = 1
			a.credentials = slices.Insert(a.credentials, i, c)
		}
	}
}

// forget deletes what the change asks for, but for what it replaces.
func (a *account) forget(change cloakroom.UserChange) {
	a.credentials = slices.DeleteFunc(a.credentials, func(c cloakroom.Credential) bool {
		named := cloakroom.CredentialKey{Method: c.Method, ID: c.ID}
		return slices.Contains(change.Forget, named) && !slices.ContainsFunc(change.Credentials, func(next cloakroom.Credential) bool {
			return named == cloakroom.CredentialKey{Method: next.Method, ID: next.ID}
		})
	})
}

// find returns where c is, or belongs.
func (a *account) find(c cloakroom.Credential) (int, bool) {
	return slices.BinarySearchFunc(a.credentials, c, func(have, want cloakroom.Credential) int {
		return cmp.Or(cmp.Compare(have.Method, want.Method), cmp.Compare(have.ID, want.ID))
	})
}
