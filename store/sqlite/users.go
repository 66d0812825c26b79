package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

const userColumns = `u.id, u.realm, u.email, u.email_verified, u.name, u.roles, u.created_at, u.updated_at, u.banned_at, u.epoch, u.revision,
	u.locale, u.picture, u.phone, u.mfa, u.reset_required, u.leaves_at, u.external_id`

func scanUser(s *sqlite.Stmt) cloakroom.User {
	return cloakroom.User{
		ID: s.ColumnText(0), Realm: s.ColumnText(1), Email: s.ColumnText(2), EmailVerified: s.ColumnBool(3),
		Name: s.ColumnText(4), Roles: split(s.ColumnText(5)),
		CreatedAt: moment(s, 6), UpdatedAt: moment(s, 7), BannedAt: moment(s, 8),
		Epoch: s.ColumnInt64(9), Revision: s.ColumnInt64(10),
		Locale: s.ColumnText(11), Picture: s.ColumnText(12), Phone: s.ColumnText(13), MFA: s.ColumnBool(14), ResetRequired: s.ColumnBool(15),
		LeavesAt: momentIfAny(s, 16), ExternalID: s.ColumnText(17),
	}
}

// CreateUser implements cloakroom.Directory.
func (s *Store) CreateUser(ctx context.Context, change cloakroom.UserChange) error {
	u := change.User
	u.Revision = 1
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		if err := insertUser(c, u); err != nil {
			return err
		}
		if err := addLogins(c, u.ID, loginsOf(u)...); err != nil {
			return err
		}
		if err := addHolder(c, u); err != nil {
			return err
		}
		if err := enrol(c, u.ID, change.Credentials); err != nil {
			return err
		}
		return addEvents(c, change.Events...)
	})
	if err != nil {
		return fmt.Errorf("create user %s: %w", u.ID, err)
	}
	return nil
}

func insertUser(c *sqlite.Conn, u cloakroom.User) error {
	_, err := exec(c, `INSERT INTO users
		(id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch, revision,
			locale, picture, phone, mfa, reset_required, leaves_at, external_id)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)`,
		u.ID, u.Realm, u.Email, u.EmailVerified, u.Name, join(u.Roles), u.CreatedAt, u.UpdatedAt, u.BannedAt, u.Epoch, u.Revision,
		u.Locale, u.Picture, u.Phone, u.MFA, u.ResetRequired, unlessZero(u.LeavesAt), u.ExternalID)
	return err
}

// User implements cloakroom.Directory.
func (s *Store) User(ctx context.Context, id string) (cloakroom.User, error) {
	u, err := s.findUser(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = ?1`, id)
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user %s: %w", id, err)
	}
	return u, nil
}

// UserByEmail implements cloakroom.Directory.
func (s *Store) UserByEmail(ctx context.Context, realm, email string) (cloakroom.User, error) {
	l := byEmail(realm, email)
	u, err := s.findUser(ctx, userByLogin, l[:])
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user by e-mail: %w", err)
	}
	return u, nil
}

// UserByExternalID implements cloakroom.Directory.
func (s *Store) UserByExternalID(ctx context.Context, realm, externalID string) (cloakroom.User, error) {
	l := byExternalID(realm, externalID)
	u, err := s.findUser(ctx, userByLogin, l[:])
	if err != nil {
		return cloakroom.User{}, fmt.Errorf("user by external id: %w", err)
	}
	return u, nil
}

const userByLogin = `SELECT ` + userColumns + ` FROM logins l JOIN users u ON u.id = l.user_id WHERE l.login = ?1`

func (s *Store) findUser(ctx context.Context, sql string, by any) (u cloakroom.User, err error) {
	conn, err := s.readers.get(ctx)
	if err != nil {
		return u, err
	}
	defer s.readers.put(conn)
	return oneUser(conn, sql, by)
}

func oneUser(c *sqlite.Conn, sql string, by any) (u cloakroom.User, err error) {
	found, err := one(c, sql, func(s *sqlite.Stmt) { u = scanUser(s) }, by)
	if err == nil && !found {
		err = cloakroom.ErrNotFound
	}
	return u, err
}

// UpdateUser implements cloakroom.Directory.
func (s *Store) UpdateUser(ctx context.Context, change cloakroom.UserChange) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error { return updateUser(c, change) })
	if err != nil {
		return fmt.Errorf("update user %s: %w", change.User.ID, err)
	}
	return nil
}

func updateUser(c *sqlite.Conn, change cloakroom.UserChange) error {
	next := change.User
	old, err := oneUser(c, `SELECT `+userColumns+` FROM users u WHERE u.id = ?1`, next.ID)
	if err != nil {
		return err
	}
	if old.Revision != next.Revision {
		return cloakroom.ErrConflict
	}
	if err := moveLogins(c, old, next); err != nil {
		return err
	}
	if !holds(next, old.Realm, change.Keeps) {
		if err := mayGiveUp(c, old, change.Keeps); err != nil {
			return err
		}
	}
	if err := moveHolder(c, old, next); err != nil {
		return err
	}
	if _, err := exec(c, `UPDATE users SET realm = ?2, email = ?3, email_verified = ?4, name = ?5, roles = ?6,
		created_at = ?7, updated_at = ?8, banned_at = ?9, epoch = ?10, revision = revision + 1, locale = ?11, picture = ?12,
		phone = ?13, mfa = ?14, reset_required = ?15, leaves_at = ?16, external_id = ?17 WHERE id = ?1`,
		next.ID, next.Realm, next.Email, next.EmailVerified, next.Name, join(next.Roles),
		next.CreatedAt, next.UpdatedAt, next.BannedAt, next.Epoch, next.Locale, next.Picture, next.Phone,
		next.MFA, next.ResetRequired, unlessZero(next.LeavesAt), next.ExternalID); err != nil {
		return err
	}
	if err := forget(c, change); err != nil {
		return err
	}
	if err := enrol(c, next.ID, change.Credentials); err != nil {
		return err
	}
	return tellChanged(c, old, change)
}

// tellChanged tells the feed and the events that this transaction has changed a user.
func tellChanged(c *sqlite.Conn, old cloakroom.User, change cloakroom.UserChange) error {
	epoch := int64(cloakroom.UserChanged)
	if change.User.Epoch > old.Epoch {
		epoch = change.User.Epoch
	}
	if err := revoke(c, old.ID, epoch, change.RevokedUntil); err != nil {
		return err
	}
	return addEvents(c, change.Events...)
}

// DeleteUser implements cloakroom.Directory.
func (s *Store) DeleteUser(ctx context.Context, id, keeps string, end cloakroom.Ending) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		if err := deleteUser(c, id, keeps); err != nil {
			return err
		}
		if err := revoke(c, id, cloakroom.EveryEpoch, end.RevokedUntil); err != nil || end.Event == nil {
			return err
		}
		return addEvents(c, *end.Event)
	})
	if err != nil {
		return fmt.Errorf("delete user %s: %w", id, err)
	}
	return nil
}

func deleteUser(c *sqlite.Conn, id, keeps string) error {
	old, err := oneUser(c, `SELECT `+userColumns+` FROM users u WHERE u.id = ?1`, id)
	if err != nil {
		return err
	}
	if err := mayGiveUp(c, old, keeps); err != nil {
		return err
	}
	if err := dropLogins(c, loginsOf(old)...); err != nil {
		return err
	}
	if err := dropHolder(c, old); err != nil {
		return err
	}
	if _, err := exec(c, `DELETE FROM credentials WHERE user_id = ?1`, id); err != nil {
		return err
	}
	if _, err := exec(c, `DELETE FROM api_keys WHERE user_id = ?1`, id); err != nil {
		return err
	}
	_, err = exec(c, `DELETE FROM users WHERE id = ?1`, id)
	return err
}
