package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

const apiKeyColumns = `bucket, token, id, realm, user_id, name, scopes, created_by, created_at, expires_at, last_used_at, revision`

func scanAPIKey(row pgx.CollectableRow) (k cloakroom.APIKeyRecord, err error) {
	err = row.Scan(&k.Token.Bucket, (*hash)(&k.Token.Hash), &k.ID, &k.Realm, &k.UserID, &k.Name, &k.Scopes, &k.CreatedBy,
		(*instant)(&k.CreatedAt), (*instant)(&k.ExpiresAt), (*instant)(&k.LastUsedAt), &k.Revision)
	return k, err
}

const insertAPIKey = `INSERT INTO api_keys (` + apiKeyColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// apiKeyArgs are the values of apiKeyColumns.
func apiKeyArgs(k cloakroom.APIKeyRecord) []any {
	return []any{
		k.Token.Bucket, k.Token.Hash[:], k.ID, k.Realm, k.UserID, k.Name, texts(k.Scopes), k.CreatedBy,
		k.CreatedAt.UnixMicro(), k.ExpiresAt.UnixMicro(), k.LastUsedAt.UnixMicro(), k.Revision,
	}
}

// SwapAPIKeys implements cloakroom.Directory. A key keeps its bucket: one that shall have another is not found.
func (s *Store) SwapAPIKeys(ctx context.Context, keys []cloakroom.APIKeyRecord, events ...cloakroom.EventRecord) error {
	err := s.write(ctx, func(t *tx) error { return t.swapAPIKeys(keys, events) })
	if err != nil {
		return fmt.Errorf("swap API keys: %w", err)
	}
	return nil
}

func (t *tx) swapAPIKeys(keys []cloakroom.APIKeyRecord, events []cloakroom.EventRecord) error {
	swapped, elsewhere := make([]bool, len(keys)), make([]bool, len(keys))
	for i, k := range keys {
		t.swapAPIKey(k, &swapped[i], &elsewhere[i])
	}
	if err := t.send(); err != nil {
		return err
	}
	if slices.Contains(swapped, false) || slices.Contains(elsewhere, true) {
		return cloakroom.ErrConflict
	}
	t.record(events...)
	return nil
}

// swapAPIKey adds or replaces a key. That an id is new is sure within its bucket; in the others, which may be on other
// machines, it is looked for: ids are random, so nobody makes the same at the same time.
func (t *tx) swapAPIKey(k cloakroom.APIKeyRecord, swapped, elsewhere *bool) {
	if k.Revision == 0 {
		k.Revision = 1
		t.find(elsewhere, `SELECT 1 FROM api_keys WHERE realm = $1 AND id = $2`, k.Realm, k.ID)
		t.find(swapped, insertAPIKey+` ON CONFLICT (bucket, id) DO NOTHING RETURNING 1`, apiKeyArgs(k)...)
		return
	}
	t.find(swapped, `UPDATE api_keys SET token = $2, user_id = $5, name = $6, scopes = $7, created_by = $8,
		created_at = $9, expires_at = $10, last_used_at = $11, revision = revision + 1
		WHERE bucket = $1 AND id = $3 AND realm = $4 AND revision = $12 RETURNING 1`, apiKeyArgs(k)...)
}

// APIKey implements cloakroom.Directory.
func (s *Store) APIKey(ctx context.Context, t cloakroom.TokenID) (cloakroom.APIKeyRecord, error) {
	k, found, err := one(ctx, s, scanAPIKey, `SELECT `+apiKeyColumns+` FROM api_keys WHERE bucket = $1 AND token = $2`, t.Bucket, t.Hash[:])
	if err == nil && !found {
		err = cloakroom.ErrNotFound
	}
	if err != nil {
		return cloakroom.APIKeyRecord{}, fmt.Errorf("API key: %w", err)
	}
	return k, nil
}

// APIKeys implements cloakroom.Directory.
func (s *Store) APIKeys(ctx context.Context, q cloakroom.APIKeyQuery) ([]cloakroom.APIKeyRecord, error) {
	sql := `SELECT ` + apiKeyColumns + ` FROM api_keys WHERE realm = $1 AND id > $2`
	args := []any{text(q.Realm), text(q.After), max(q.Max, 0)}
	if q.UserID != "" {
		sql += ` AND user_id = $4`
		args = append(args, text(q.UserID))
	}
	found, err := list(ctx, s, scanAPIKey, sql+` ORDER BY id LIMIT $3`, args...)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return found, nil
}

// DeleteAPIKey implements cloakroom.Directory.
func (s *Store) DeleteAPIKey(ctx context.Context, realm, id string, events ...cloakroom.EventRecord) (there bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		t.find(&there, `DELETE FROM api_keys WHERE realm = $1 AND id = $2 RETURNING 1`, text(realm), text(id))
		err := t.send()
		if err == nil && there {
			t.record(events...)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("delete API key %s: %w", id, err)
	}
	return there, nil
}
