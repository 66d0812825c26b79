package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// KeySet implements cloakroom.Directory.
func (s *Store) KeySet(ctx context.Context, realm string) (cloakroom.KeySet, error) {
	set := cloakroom.KeySet{Realm: realm}
	err := s.readers.read(ctx, func(c *sqlite.Conn) error {
		var broken error
		_, err := one(c, `SELECT revision, keys FROM signing_keys WHERE realm = ?1`, func(s *sqlite.Stmt) {
			set.Revision = s.ColumnInt64(0)
			set.Keys, broken = unpackKeys(s.ColumnText(1))
		}, realm)
		return errors.Join(err, broken)
	})
	if err != nil {
		return cloakroom.KeySet{}, fmt.Errorf("signing keys of realm %s: %w", realm, err)
	}
	return set, nil
}

// SwapKeySet implements cloakroom.Directory.
func (s *Store) SwapKeySet(ctx context.Context, set cloakroom.KeySet, events ...cloakroom.EventRecord) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		if err := swapKeySet(c, set); err != nil {
			return err
		}
		return addEvents(c, events...)
	})
	if err != nil {
		return fmt.Errorf("swap signing keys of realm %s: %w", set.Realm, err)
	}
	return nil
}

func swapKeySet(c *sqlite.Conn, set cloakroom.KeySet) error {
	keys, err := packKeys(set.Keys)
	if err != nil {
		return err
	}
	query := `UPDATE signing_keys SET revision = revision + 1, keys = ?3 WHERE realm = ?1 AND revision = ?2`
	if set.Revision == 0 {
		query = `INSERT INTO signing_keys (realm, revision, keys) VALUES (?1, ?2 + 1, ?3) ON CONFLICT (realm) DO NOTHING`
	}
	n, err := exec(c, query, set.Realm, set.Revision, keys)
	if err == nil && n == 0 {
		err = cloakroom.ErrConflict
	}
	return err
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
		return nil, err
	}
	keys := make([]cloakroom.SigningKey, len(stored))
	for i, k := range stored {
		keys[i] = cloakroom.SigningKey{
			ID: k.ID, Algorithm: k.Algorithm, Public: k.Public, Sealed: k.Sealed,
			CreatedAt: utc(k.CreatedAt), ActiveAt: utc(k.ActiveAt), RetiredAt: utc(k.RetiredAt), WithdrawnAt: utc(k.WithdrawnAt),
		}
	}
	return keys, nil
}

func utc(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
