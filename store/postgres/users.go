package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

const userColumns = `u.id, u.realm, u.email, u.email_verified, u.name, u.roles, u.created_at, u.updated_at, u.banned_at, u.epoch,
	u.locale, u.picture, u.phone, u.mfa, u.reset_required, u.leaves_at, u.external_id, u.revision`

// userFields are where the columns of a user go.
func userFields(u *cloakroom.User) []any {
	return []any{
		&u.ID, &u.Realm, &u.Email, &u.EmailVerified, &u.Name, &u.Roles,
		(*instant)(&u.CreatedAt), (*instant)(&u.UpdatedAt), (*instant)(&u.BannedAt), &u.Epoch,
		&u.Locale, &u.Picture, &u.Phone, &u.MFA, &u.ResetRequired, (*instant)(&u.LeavesAt), &u.ExternalID, &u.Revision,
	}
}

func scanUser(row pgx.CollectableRow) (u cloakroom.User, err error) {
	err = row.Scan(userFields(&u)...)
	return u, err
}

const (
	insertUser = `INSERT INTO users (id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch,
		locale, picture, phone, mfa, reset_required, leaves_at, external_id, search, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`
	updateUser = `UPDATE users SET realm = $2, email = $3, email_verified = $4, name = $5, roles = $6,
		created_at = $7, updated_at = $8, banned_at = $9, epoch = $10, locale = $11, picture = $12, phone = $13, mfa = $14,
		reset_required = $15, leaves_at = $16, external_id = $17, search = $18, revision = revision + 1 WHERE id = $1`
)

// userArgs are the values of a user for insertUser, which wants its revision too, and updateUser.
func userArgs(u cloakroom.User) []any {
	return []any{
		u.ID, u.Realm, u.Email, u.EmailVerified, u.Name, texts(u.Roles),
		u.CreatedAt.UnixMicro(), u.UpdatedAt.UnixMicro(), u.BannedAt.UnixMicro(), u.Epoch,
		u.Locale, u.Picture, u.Phone, u.MFA, u.ResetRequired, u.LeavesAt.UnixMicro(), u.ExternalID,
		strings.ToLower(u.Email + "\n" + u.Name), // of which the server's idea may depend on its locale
	}
}

const (
	userByID    = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`
	userByLogin = `SELECT ` + userColumns + ` FROM users u WHERE u.id = (SELECT user_id FROM logins WHERE login = $1)`
)

// CreateUser implements cloakroom.Directory.
func (s *Store) CreateUser(ctx context.Context, change cloakroom.UserChange) error {
	u := change.User
	u.Revision = 1
	err := s.write(ctx, func(t *tx) error {
		if err := t.addLogins(u.ID, logins(u)); err != nil {
			return err
		}
		t.queue(insertUser, append(userArgs(u), u.Revision)...)
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
	u, err := s.findUser(ctx, userByLogin, login(realm, email))
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user by e-mail: %w", err)
	}
	return u, nil
}

// UserByExternalID implements cloakroom.Directory.
func (s *Store) UserByExternalID(ctx context.Context, realm, externalID string) (cloakroom.User, error) {
	u, err := s.findUser(ctx, userByLogin, login(realm, external+externalID))
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user by external id: %w", err)
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

const (
	// searched is what a program that did not know the column search would have put there, as well as the server can tell.
	searched = `coalesce(u.search, lower(u.email || chr(10) || u.name))`
	leaving  = `u.leaves_at > -62135596800000000` // as the index says it
)

// Users implements cloakroom.Directory.
func (s *Store) Users(ctx context.Context, q cloakroom.UserQuery) ([]cloakroom.User, error) {
	sql, args := selectUsers(q)
	found, err := list(ctx, s, scanUser, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return found, nil
}

func selectUsers(q cloakroom.UserQuery) (sql string, args []any) {
	sql, by := `SELECT `+userColumns+` FROM users u WHERE u.realm = $1 AND u.id > $2`, `u.id`
	args = []any{text(q.Realm), text(q.After), max(q.Max, 0)}
	if q.Role != "" {
		sql, by = `SELECT `+userColumns+` FROM holders h JOIN users u ON u.id = h.user_id
			WHERE h.realm = $1 AND h.user_id > $2 AND h.role = $4`, `h.user_id`
		args = append(args, text(q.Role))
	}
	if q.Search != "" {
		args = append(args, text(q.Search))
		sql += fmt.Sprintf(` AND strpos(`+searched+`, $%d) > 0`, len(args))
	}
	if !q.LeavingBefore.IsZero() {
		args = append(args, q.LeavingBefore.UnixMicro())
		sql += fmt.Sprintf(` AND `+leaving+` AND u.leaves_at <= $%d`, len(args))
	}
	return sql + ` ORDER BY ` + by + ` LIMIT $3`, args
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
	if err := t.moveLogins(old, next); err != nil {
		return err
	}
	if !holds(next, old.Realm, change.Keeps) {
		if err := t.mayGiveUp(old, change.Keeps); err != nil {
			return err
		}
	}
	t.moveHolder(old, next)
	t.queue(updateUser, userArgs(next)...)
	t.forget(next.ID, change.Forget, change.Credentials)
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
	t.dropLogins(logins(old))
	t.dropHolder(old)
	t.queue(`DELETE FROM credentials WHERE user_id = $1`, id)
	t.queue(`DELETE FROM api_keys WHERE user_id = $1`, id)
	t.queue(`DELETE FROM users WHERE id = $1`, id)
	t.revoke(id, cloakroom.EveryEpoch, end.RevokedUntil)
	if end.Event != nil {
		t.record(*end.Event)
	}
	return nil
}
