package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
)

// account is a user and what it can prove itself by. Both belong to the store alone.
type account struct {
	user        cloakroom.User
	credentials []cloakroom.Credential // in order of method and id
}

// CreateUser implements cloakroom.Directory.
func (s *Store) CreateUser(ctx context.Context, c cloakroom.UserChange) error {
	u := c.User
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.users[u.ID] != nil {
		return fmt.Errorf("create user %s: there is one with this id", u.ID)
	}
	if s.taken(u) {
		return fmt.Errorf("create user %s: %w", u.ID, cloakroom.ErrTaken)
	}
	u.Revision = 1
	a := &account{}
	a.replace(u)
	a.enrol(c.Credentials)
	s.users[u.ID] = a
	s.identify(a.user)
	s.record(c.Events...)
	return nil
}

// User implements cloakroom.Directory.
func (s *Store) User(ctx context.Context, id string) (cloakroom.User, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.User{}, err
	}
	defer s.mu.RUnlock()
	a := s.users[id]
	if a == nil {
		return cloakroom.User{}, fmt.Errorf("user %s: %w", id, cloakroom.ErrNotFound)
	}
	return a.copy(), nil
}

// UserByEmail implements cloakroom.Directory.
func (s *Store) UserByEmail(ctx context.Context, realm, email string) (cloakroom.User, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.User{}, err
	}
	defer s.mu.RUnlock()
	return s.userBy(identifier{realm, false, email}, "e-mail")
}

// UserByExternalID implements cloakroom.Directory.
func (s *Store) UserByExternalID(ctx context.Context, realm, externalID string) (cloakroom.User, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.User{}, err
	}
	defer s.mu.RUnlock()
	return s.userBy(identifier{realm, true, externalID}, "external id")
}

func (s *Store) userBy(i identifier, name string) (cloakroom.User, error) {
	id, known := s.logins[i]
	if !known {
		return cloakroom.User{}, fmt.Errorf("user by %s: %w", name, cloakroom.ErrNotFound)
	}
	return s.users[id].copy(), nil
}

// Users implements cloakroom.Directory.
func (s *Store) Users(ctx context.Context, q cloakroom.UserQuery) ([]cloakroom.User, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	var found []*account
	for _, a := range s.users {
		if matches(&a.user, q) {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b *account) int { return cmp.Compare(a.user.ID, b.user.ID) })
	page := make([]cloakroom.User, min(len(found), max(q.Max, 0)))
	for i := range page {
		page[i] = found[i].copy()
	}
	return page, nil
}

func matches(u *cloakroom.User, q cloakroom.UserQuery) bool {
	return u.Realm == q.Realm && u.ID > q.After &&
		(q.Role == "" || slices.Contains(u.Roles, q.Role)) &&
		(q.LeavingBefore.IsZero() || u.Leaving() && passed(u.LeavesAt, q.LeavingBefore)) &&
		(q.Search == "" || contains(u.Email, q.Search) || contains(u.Name, q.Search))
}

func contains(text, lower string) bool { return strings.Contains(strings.ToLower(text), lower) }

// UpdateUser implements cloakroom.Directory.
func (s *Store) UpdateUser(ctx context.Context, c cloakroom.UserChange) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	a := s.users[c.User.ID]
	if err := s.mayUpdate(a, c); err != nil {
		return fmt.Errorf("update user %s: %w", c.User.ID, err)
	}
	s.unidentify(a.user)
	epoch := int64(cloakroom.UserChanged)
	if c.User.Epoch > a.user.Epoch {
		epoch = c.User.Epoch
	}
	s.revoke(c.User.ID, epoch, c.RevokedUntil)
	s.record(c.Events...)
	c.User.Revision++
	a.replace(c.User)
	a.forget(c)
	a.enrol(c.Credentials)
	s.identify(a.user)
	return nil
}

func (s *Store) mayUpdate(a *account, c cloakroom.UserChange) error {
	switch {
	case a == nil:
		return cloakroom.ErrNotFound
	case a.user.Revision != c.User.Revision:
		return cloakroom.ErrConflict
	case s.taken(c.User):
		return cloakroom.ErrTaken
	case !holds(c.User, a.user.Realm, c.Keeps) && s.lastHolder(a.user, c.Keeps):
		return cloakroom.ErrLastHolder
	}
	return nil
}

// DeleteUser implements cloakroom.Directory.
func (s *Store) DeleteUser(ctx context.Context, id, keeps string, end cloakroom.Ending) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	a := s.users[id]
	if a == nil {
		return fmt.Errorf("delete user %s: %w", id, cloakroom.ErrNotFound)
	}
	if s.lastHolder(a.user, keeps) {
		return fmt.Errorf("delete user %s: %w", id, cloakroom.ErrLastHolder)
	}
	s.unidentify(a.user)
	s.apiKeys.dropOf(id)
	delete(s.users, id)
	s.revoke(id, cloakroom.EveryEpoch, end.RevokedUntil)
	if end.Event != nil {
		s.record(*end.Event)
	}
	a.user = cloakroom.User{} // sessions remember it, see accountOf
	return nil
}

// lastHolder reports whether u holds the role and nobody else of its realm does.
func (s *Store) lastHolder(u cloakroom.User, role string) bool {
	if role == "" || !holds(u, u.Realm, role) {
		return false
	}
	for id, a := range s.users {
		if id != u.ID && holds(a.user, u.Realm, role) {
			return false
		}
	}
	return true
}

// holds reports whether u counts as a holder of the role in the realm: who is banned does not.
func holds(u cloakroom.User, realm, role string) bool {
	return u.Realm == realm && !u.Banned() && slices.Contains(u.Roles, role)
}

func (a *account) replace(u cloakroom.User) {
	u.Roles = slices.Clone(u.Roles)
	u.CreatedAt, u.UpdatedAt = micro(u.CreatedAt), micro(u.UpdatedAt)
	u.BannedAt, u.LeavesAt = micro(u.BannedAt), micro(u.LeavesAt)
	a.user = u
}

// copy is for the hot path: a user without roles costs no allocation.
func (a *account) copy() cloakroom.User {
	u := a.user
	u.Roles = slices.Clone(u.Roles)
	return u
}
