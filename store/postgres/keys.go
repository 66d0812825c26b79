package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// KeySet implements cloakroom.Directory.
func (s *Store) KeySet(ctx context.Context, realm string) (cloakroom.KeySet, error) {
	set, _, err := one(ctx, s, scanKeySet, `SELECT revision, keys FROM signing_keys WHERE realm = $1`, text(realm))
	if err != nil {
		return cloakroom.KeySet{}, fmt.Errorf("signing keys of realm %s: %w", realm, err)
	}
	set.Realm = realm
	return set, nil
}

func scanKeySet(row pgx.CollectableRow) (set cloakroom.KeySet, err error) {
	var keys string
	if err := row.Scan(&set.Revision, &keys); err != nil {
		return set, err
	}
	set.Keys, err = unpackKeys(keys)
	return set, err
}

// SwapKeySet implements cloakroom.Directory.
func (s *Store) SwapKeySet(ctx context.Context, set cloakroom.KeySet, events ...cloakroom.EventRecord) error {
	err := s.write(ctx, func(t *tx) error { return t.swapKeySet(set, events) })
	if err != nil {
		return fmt.Errorf("swap signing keys of realm %s: %w", set.Realm, err)
	}
	return nil
}

func (t *tx) swapKeySet(set cloakroom.KeySet, events []cloakroom.EventRecord) error {
	keys, err := packKeys(set.Keys)
	if err != nil {
		return err
	}
	sql := `UPDATE signing_keys SET revision = revision + 1, keys = $3 WHERE realm = $1 AND revision = $2 RETURNING revision`
	if set.Revision == 0 {
		sql = `INSERT INTO signing_keys (realm, revision, keys) VALUES ($1, $2::bigint + 1, $3) ON CONFLICT (realm) DO NOTHING
			RETURNING revision`
	}
	var swapped bool
	t.find(&swapped, sql, set.Realm, set.Revision, keys)
	if err := t.send(); err != nil {
		return err
	}
	if !swapped {
		return cloakroom.ErrConflict
	}
	t.record(events...)
	return nil
}

// storedKey is a cloakroom.SigningKey with the names and units of the database: times are microseconds as everywhere.
type storedKey struct {
	ID          string `json:"id"`
	Algorithm   string `json:"alg"`
	Public      []byte `json:"public"`
	Sealed      []byte `json:"sealed"`
	CreatedAt   int64  `json:"created_at"`
	ActiveAt    int64  `json:"active_at"`
	RetiredAt   int64  `json:"retired_at"`
	WithdrawnAt int64  `json:"withdrawn_at"`
}

func packKeys(keys []cloakroom.SigningKey) (string, error) {
	stored := make([]storedKey, len(keys))
	for i, k := range keys {
		stored[i] = storedKey{
			k.ID, k.Algorithm, k.Public, k.Sealed,
			k.CreatedAt.UnixMicro(), k.ActiveAt.UnixMicro(), k.RetiredAt.UnixMicro(), k.WithdrawnAt.UnixMicro(),
		}
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func unpackKeys(text string) ([]cloakroom.SigningKey, error) {
	var stored []storedKey
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("stored signing keys: %w", err)
	}
	keys := make([]cloakroom.SigningKey, len(stored))
	for i, k := range stored {
		keys[i] = cloakroom.SigningKey{
			ID: k.ID, Algorithm: k.Algorithm, Public: k.Public, Sealed: k.Sealed,
			CreatedAt: at(k.CreatedAt), ActiveAt: at(k.ActiveAt), RetiredAt: at(k.RetiredAt), WithdrawnAt: at(k.WithdrawnAt),
		}
	}
	return keys, nil
}

// at is the time that so many microseconds were made of.
func at(micro int64) time.Time { return time.UnixMicro(micro).UTC() }
