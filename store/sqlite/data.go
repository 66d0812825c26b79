package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Datum implements cloakroom.Ledger.
func (s *Store) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (cloakroom.Datum, error) {
	d := cloakroom.Datum{Key: key}
	err := s.readers.read(ctx, func(c *sqlite.Conn) error {
		found, err := one(c, `SELECT d.value, d.revision FROM sessions s
			JOIN session_data d ON d.bucket = ?1 AND d.session_id = ?3 AND d.key = ?4
			WHERE (s.key >> 48) = ?1 AND s.user_id = ?2 AND s.id = ?3`,
			func(s *sqlite.Stmt) { d.Value, d.Revision = blob(s, 0), s.ColumnInt64(1) },
			shard(ref.Bucket), pack(userPrefix, ref.UserID), pack(sessionPrefix, ref.ID), key)
		if err == nil && !found {
			err = cloakroom.ErrNotFound
		}
		return err
	})
	if err != nil {
		return cloakroom.Datum{}, fmt.Errorf("%q of session %s: %w", key, ref.ID, err)
	}
	return d, nil
}

// SetDatum implements cloakroom.Ledger. Removing a value is never too large, whatever else the session holds.
func (s *Store) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error { return setDatum(c, ref, d, int64(maxBytes)) })
	if err != nil {
		return fmt.Errorf("set %q of session %s: %w", d.Key, ref.ID, err)
	}
	return nil
}

func setDatum(c *sqlite.Conn, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int64) error {
	var session, total int64
	found, err := one(c, `SELECT key, data_bytes FROM sessions WHERE (key >> 48) = ?1 AND user_id = ?2 AND id = ?3`,
		func(s *sqlite.Stmt) { session, total = s.ColumnInt64(0), s.ColumnInt64(1) },
		shard(ref.Bucket), pack(userPrefix, ref.UserID), pack(sessionPrefix, ref.ID))
	if err != nil {
		return err
	}
	if !found {
		return cloakroom.ErrNotFound
	}
	var revision, size int64 // 0 if absent
	if _, err := one(c, `SELECT revision, length(value) FROM session_data WHERE bucket = ?1 AND session_id = ?2 AND key = ?3`,
		func(s *sqlite.Stmt) { revision, size = s.ColumnInt64(0), s.ColumnInt64(1)+int64(len(d.Key)) },
		shard(ref.Bucket), pack(sessionPrefix, ref.ID), d.Key); err != nil {
		return err
	}
	if revision != d.Revision {
		return cloakroom.ErrConflict
	}
	total -= size
	if d.Value != nil {
		total += int64(len(d.Key) + len(d.Value))
		if total > maxBytes {
			return cloakroom.ErrTooLarge
		}
	}
	if err := putDatum(c, ref, d); err != nil {
		return err
	}
	_, err = exec(c, `UPDATE sessions SET data_bytes = ?2 WHERE key = ?1`, session, total)
	return err
}

func putDatum(c *sqlite.Conn, ref cloakroom.SessionRef, d cloakroom.Datum) (err error) {
	if d.Value == nil {
		_, err = exec(c, `DELETE FROM session_data WHERE bucket = ?1 AND session_id = ?2 AND key = ?3`,
			shard(ref.Bucket), pack(sessionPrefix, ref.ID), d.Key)
		return err
	}
	_, err = exec(c, `INSERT INTO session_data (bucket, session_id, key, value, revision) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (bucket, session_id, key) DO UPDATE SET value = excluded.value, revision = excluded.revision`,
		shard(ref.Bucket), pack(sessionPrefix, ref.ID), d.Key, d.Value, d.Revision+1)
	return err
}

// moveData makes the data of a session that is gone the data of another.
func moveData(c *sqlite.Conn, bucket int64, id string, to cloakroom.SessionRecord) error {
	_, err := exec(c, `UPDATE session_data SET bucket = ?3, session_id = ?4 WHERE bucket = ?1 AND session_id = ?2`,
		bucket, pack(sessionPrefix, id), shard(to.Token.Bucket), pack(sessionPrefix, to.ID))
	return err
}

func dropData(c *sqlite.Conn, bucket int64, id string) error {
	_, err := exec(c, `DELETE FROM session_data WHERE bucket = ?1 AND session_id = ?2`, bucket, pack(sessionPrefix, id))
	return err
}
