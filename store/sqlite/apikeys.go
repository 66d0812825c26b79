package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

const apiKeyColumns = `key, tail, id, realm, user_id, name, scopes, created_by, created_at, expires_at, last_used_at, revision`

func scanAPIKey(s *sqlite.Stmt) cloakroom.APIKeyRecord {
	return cloakroom.APIKeyRecord{
		Token: token(s, 0, 1), ID: s.ColumnText(2), Realm: s.ColumnText(3), UserID: s.ColumnText(4), Name: s.ColumnText(5),
		Scopes: split(s.ColumnText(6)), CreatedBy: s.ColumnText(7),
		CreatedAt: moment(s, 8), ExpiresAt: moment(s, 9), LastUsedAt: moment(s, 10), Revision: s.ColumnInt64(11),
	}
}

// SwapAPIKeys implements cloakroom.Directory.
func (s *Store) SwapAPIKeys(ctx context.Context, keys []cloakroom.APIKeyRecord, events ...cloakroom.EventRecord) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		for _, k := range keys {
			if err := swapAPIKey(c, k); err != nil {
				return fmt.Errorf("%s: %w", k.ID, err)
			}
		}
		return addEvents(c, events...)
	})
	if err != nil {
		return fmt.Errorf("swap API keys: %w", err)
	}
	return nil
}

func swapAPIKey(c *sqlite.Conn, k cloakroom.APIKeyRecord) error {
	query := `UPDATE api_keys SET key = ?1, tail = ?2, user_id = ?5, name = ?6, scopes = ?7, created_by = ?8, created_at = ?9,
		expires_at = ?10, last_used_at = ?11, revision = revision + 1 WHERE id = ?3 AND realm = ?4 AND revision = ?12`
	if k.Revision == 0 {
		query = `INSERT INTO api_keys (` + apiKeyColumns + `)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 + 1) ON CONFLICT (realm, id) DO NOTHING`
	}
	n, err := exec(c, query, key(k.Token), tail(&k.Token), k.ID, k.Realm, k.UserID, k.Name, join(k.Scopes), k.CreatedBy,
		k.CreatedAt, k.ExpiresAt, k.LastUsedAt, k.Revision)
	if err == nil && n == 0 {
		err = cloakroom.ErrConflict
	}
	return err
}

// APIKey implements cloakroom.Directory.
func (s *Store) APIKey(ctx context.Context, t cloakroom.TokenID) (k cloakroom.APIKeyRecord, err error) {
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		found, err := one(c, `SELECT `+apiKeyColumns+` FROM api_keys WHERE key = ?1 AND tail = ?2`,
			func(s *sqlite.Stmt) { k = scanAPIKey(s) }, key(t), tail(&t))
		if err == nil && !found {
			err = cloakroom.ErrNotFound
		}
		return err
	})
	if err != nil {
		return cloakroom.APIKeyRecord{}, fmt.Errorf("API key: %w", err)
	}
	return k, nil
}

// APIKeys implements cloakroom.Directory.
func (s *Store) APIKeys(ctx context.Context, q cloakroom.APIKeyQuery) (page []cloakroom.APIKeyRecord, err error) {
	sql, args := `SELECT `+apiKeyColumns+` FROM api_keys WHERE realm = ?1 AND id > ?2`, []any{q.Realm, q.After, max(q.Max, 0)}
	if q.UserID != "" {
		sql, args = sql+` AND user_id = ?4`, append(args, q.UserID)
	}
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		return each(c, sql+` ORDER BY id LIMIT ?3`, func(s *sqlite.Stmt) { page = append(page, scanAPIKey(s)) }, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("API keys: %w", err)
	}
	return page, nil
}

// DeleteAPIKey implements cloakroom.Directory.
func (s *Store) DeleteAPIKey(ctx context.Context, realm, id string, events ...cloakroom.EventRecord) (was bool, err error) {
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		n, err := exec(c, `DELETE FROM api_keys WHERE realm = ?1 AND id = ?2`, realm, id)
		if was = n > 0; err != nil || !was {
			return err
		}
		return addEvents(c, events...)
	})
	if err != nil {
		return false, fmt.Errorf("delete API key %s: %w", id, err)
	}
	return was, nil
}
