package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

func scanCredential(row pgx.CollectableRow) (c cloakroom.Credential, err error) {
	err = row.Scan(&c.UserID, &c.Method, &c.ID, &c.Name, &c.Data, &c.Revision, (*instant)(&c.CreatedAt), (*instant)(&c.UpdatedAt))
	return c, err
}

// Credentials implements cloakroom.Directory.
func (s *Store) Credentials(ctx context.Context, userID string) ([]cloakroom.Credential, error) {
	creds, err := list(ctx, s, scanCredential, `SELECT user_id, method, id, name, data, revision, created_at, updated_at
		FROM credentials WHERE user_id = $1 ORDER BY method, id`, text(userID))
	if err != nil {
		return nil, fmt.Errorf("credentials of user %s: %w", userID, err)
	}
	return creds, nil
}

// SwapCredential implements cloakroom.Directory. It writes Data and UpdatedAt.
func (s *Store) SwapCredential(ctx context.Context, c cloakroom.Credential) error {
	n, err := s.exec(ctx, `UPDATE credentials SET data = $5, updated_at = $6, revision = revision + 1
		WHERE user_id = $1 AND method = $2 AND id = $3 AND revision = $4`,
		c.UserID, c.Method, c.ID, c.Revision, blob(c.Data), c.UpdatedAt.UnixMicro())
	if err == nil && n == 0 {
		err = cloakroom.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("swap %s credential of user %s: %w", c.Method, c.UserID, err)
	}
	return nil
}

// forget deletes credentials of the user, but none of those that are to stay.
func (t *tx) forget(userID string, keys []cloakroom.CredentialKey, stay []cloakroom.Credential) {
	for _, k := range keys {
		if !slices.ContainsFunc(stay, func(c cloakroom.Credential) bool { return c.Method == k.Method && c.ID == k.ID }) {
			t.queue(`DELETE FROM credentials WHERE user_id = $1 AND method = $2 AND id = $3`, userID, text(k.Method), text(k.ID))
		}
	}
}

// enrol inserts or replaces each credential of the user. When it was made stays.
func (t *tx) enrol(userID string, creds []cloakroom.Credential) {
	for _, c := range creds {
		t.queue(`INSERT INTO credentials (user_id, method, id, name, data, revision, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, 1, $6, $7)
			ON CONFLICT (user_id, method, id) DO UPDATE SET name = excluded.name, data = excluded.data,
				revision = credentials.revision + 1, updated_at = excluded.updated_at`,
			userID, c.Method, c.ID, c.Name, blob(c.Data), c.CreatedAt.UnixMicro(), c.UpdatedAt.UnixMicro())
	}
}
