package sqlite

import (
	"context"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Credentials implements cloakroom.Directory.
func (s *Store) Credentials(ctx context.Context, userID string) (creds []cloakroom.Credential, err error) {
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		return each(c, `SELECT method, id, name, data, revision, created_at, updated_at
			FROM credentials WHERE user_id = ?1 ORDER BY method, id`,
			func(s *sqlite.Stmt) {
				creds = append(creds, cloakroom.Credential{
					UserID: userID, Method: s.ColumnText(0), ID: s.ColumnText(1), Name: s.ColumnText(2), Data: blob(s, 3),
					Revision: s.ColumnInt64(4), CreatedAt: moment(s, 5), UpdatedAt: moment(s, 6),
				})
			}, userID)
	})
	if err != nil {
		return nil, fmt.Errorf("credentials of user %s: %w", userID, err)
	}
	return creds, nil
}

// SwapCredential implements cloakroom.Directory. It writes Data and UpdatedAt.
func (s *Store) SwapCredential(ctx context.Context, cred cloakroom.Credential) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		n, err := exec(c, `UPDATE credentials SET data = ?5, updated_at = ?6, revision = revision + 1
			WHERE user_id = ?1 AND method = ?2 AND id = ?3 AND revision = ?4`,
			cred.UserID, cred.Method, cred.ID, cred.Revision, cred.Data, cred.UpdatedAt)
		if err == nil && n == 0 {
			err = cloakroom.ErrConflict
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("swap %s credential of user %s: %w", cred.Method, cred.UserID, err)
	}
	return nil
}

// enrol inserts or replaces each credential of the user.
func enrol(c *sqlite.Conn, userID string, creds []cloakroom.Credential) error {
	for _, cred := range creds {
		if _, err := exec(c, `INSERT INTO credentials (user_id, method, id, name, data, revision, created_at, updated_at)
			VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)
			ON CONFLICT (user_id, method, id) DO UPDATE SET name = excluded.name, data = excluded.data,
				revision = credentials.revision + 1, updated_at = excluded.updated_at`,
			userID, cred.Method, cred.ID, cred.Name, cred.Data, cred.CreatedAt, cred.UpdatedAt); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes the credentials that the change names, but for those that it replaces.
func forget(c *sqlite.Conn, change cloakroom.UserChange) error {
	for _, f := range change.Forget {
		if slices.ContainsFunc(change.Credentials, func(next cloakroom.Credential) bool { return next.Method == f.Method && next.ID == f.ID }) {
			continue
		}
		if _, err := exec(c, `DELETE FROM credentials WHERE user_id = ?1 AND method = ?2 AND id = ?3`, change.User.ID, f.Method, f.ID); err != nil {
			return err
		}
	}
	return nil
}
