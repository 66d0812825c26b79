package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

const userColumns = `u.id, u.realm, u.email, u.email_verified, u.name, u.roles, u.created_at, u.updated_at, u.banned_at, u.epoch, u.revision`

// userFields are where the columns of a user go.
func userFields(u *cloakroom.User) []any {
	return []any{
		&u.ID, &u.Realm, &u.Email, &u.EmailVerified, &u.Name, &u.Roles,
		(*instant)(&u.CreatedAt), (*instant)(&u.UpdatedAt), (*instant)(&u.BannedAt), &u.Epoch, &u.Revision,
	}
}

func scanUser(row pgx.CollectableRow) (u cloakroom.User, err error) {
	err = row.Scan(userFields(&u)...)
	return u, err
}

const userByID = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`

// CreateUser implements cloakroom.Directory.
func (s *Store) CreateUser(ctx context.Context, change cloakroom.UserChange) error {
	u := change.User
	u.Revision = 1
	err := s.write(ctx, func(t *tx) error {
		if err := t.addLogin(u); err != nil {
			return err
		}
		t.queue(`INSERT INTO users
			(id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch, revision)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			u.ID, u.Realm, u.Email, u.EmailVerified, u.Name, texts(u.Roles),
			u.CreatedAt.UnixMicro(), u.UpdatedAt.UnixMicro(), u.BannedAt.UnixMicro(), u.Epoch, u.Revision)
		t.addHolder(u)
		t.enrol(u.ID, change.Credentials)
		t.record(change.Events...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("create user %s: %w", u.ID, err)
	}
	return nil
}

// User implements cloakroom.Directory.
func (s *Store) User(ctx context.Context, id string) (cloakroom.User, error) {
	u, err := s.findUser(ctx, userByID, text(id))
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user %s: %w", id, err)
	}
	return u, nil
}

// UserByEmail implements cloakroom.Directory.
func (s *Store) UserByEmail(ctx context.Context, realm, email string) (cloakroom.User, error) {
	u, err := s.findUser(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = (SELECT user_id FROM logins WHERE login = $1)`,
		login(realm, email))
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user by e-mail: %w", err)
	}
	return u, nil
}

func (s *Store) findUser(ctx context.Context, sql string, by any) (cloakroom.User, error) {
	u, found, err := one(ctx, s, scanUser, sql, by)
	if err == nil && !found {
		err = cloakroom.ErrNotFound
	}
	return u, err
}

// Users implements cloakroom.Directory.
func (s *Store) Users(ctx context.Context, q cloakroom.UserQuery) ([]cloakroom.User, error) {
	sql := `SELECT ` + userColumns + ` FROM users u WHERE u.realm = $1 AND u.id > $2 ORDER BY u.id LIMIT $3`
	args := []any{text(q.Realm), text(q.After), max(q.Max, 0)}
	if q.Role != "" {
		sql = `SELECT ` + userColumns + ` FROM holders h JOIN users u ON u.id = h.user_id
			WHERE h.realm = $1 AND h.user_id > $2 AND h.role = $4 ORDER BY h.user_id LIMIT $3`
		args = append(args, text(q.Role))
	}
	found, err := list(ctx, s, scanUser, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return found, nil
}

// UpdateUser implements cloakroom.Directory.
func (s *Store) UpdateUser(ctx context.Context, change cloakroom.UserChange) error {
	err := s.write(ctx, func(t *tx) error { return t.updateUser(change) })
	if err != nil {
		return fmt.Errorf("update user %s: %w", change.User.ID, err)
	}
	return nil
}

func (t *tx) updateUser(change cloakroom.UserChange) error {
	next := change.User
	old, err := t.lockUser(next.ID)
	if err != nil {
		return err
	}
	if old.Revision != next.Revision {
		return cloakroom.ErrConflict
	}
	if err := t.moveLogin(old, next); err != nil {
		return err
	}
	if !holds(next, old.Realm, change.Keeps) {
		if err := t.mayGiveUp(old, change.Keeps); err != nil {
			return err
		}
	}
	t.moveHolder(old, next)
	t.queue(`UPDATE users SET realm = $2, email = $3, email_verified = $4, name = $5, roles = $6,
		created_at = $7, updated_at = $8, banned_at = $9, epoch = $10, revision = revision + 1 WHERE id = $1`,
		next.ID, next.Realm, next.Email, next.EmailVerified, next.Name, texts(next.Roles),
		next.CreatedAt.UnixMicro(), next.UpdatedAt.UnixMicro(), next.BannedAt.UnixMicro(), next.Epoch)
	t.enrol(next.ID, change.Credentials)
	epoch := int64(cloakroom.UserChanged)
	if next.Epoch > old.Epoch {
		epoch = next.Epoch
	}
	t.revoke(next.ID, epoch, change.RevokedUntil)
	t.record(change.Events...)
	return nil
}

// lockUser reads a user whom nobody else changes until the transaction ends.
func (t *tx) lockUser(id string) (u cloakroom.User, err error) {
	found := false
	t.ask(func(row pgx.CollectableRow) (err error) {
		found = true
		u, err = scanUser(row)
		return err
	}, userByID+` FOR UPDATE`, text(id))
	if err = t.send(); err == nil && !found {
		err = cloakroom.ErrNotFound
	}
	return u, err
}

// DeleteUser implements cloakroom.Directory.
func (s *Store) DeleteUser(ctx context.Context, id, keeps string, end cloakroom.Ending) error {
	err := s.write(ctx, func(t *tx) error { return t.deleteUser(id, keeps, end) })
	if err != nil {
		return fmt.Errorf("delete user %s: %w", id, err)
	}
	return nil
}

func (t *tx) deleteUser(id, keeps string, end cloakroom.Ending) error {
	old, err := t.lockUser(id)
	if err != nil {
		return err
	}
	if err := t.mayGiveUp(old, keeps); err != nil {
		return err
	}
	t.dropLogin(old)
	t.dropHolder(old)
	t.queue(`DELETE FROM credentials WHERE user_id = $1`, id)
	t.queue(`DELETE FROM users WHERE id = $1`, id)
	t.revoke(id, cloakroom.EveryEpoch, end.RevokedUntil)
	if end.Event != nil {
		t.record(*end.Event)
	}
	return nil
}
