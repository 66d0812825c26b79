package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// Datum implements cloakroom.Ledger.
func (s *Store) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (cloakroom.Datum, error) {
	d, found, err := one(ctx, s, scanDatum, `SELECT d.key, d.value, d.revision FROM sessions s
		JOIN session_data d ON d.bucket = s.bucket AND d.session_id = s.id
		WHERE s.bucket = $1 AND s.user_id = $2 AND s.id = $3 AND d.key = $4`,
		ref.Bucket, text(ref.UserID), text(ref.ID), text(key))
	if err == nil && !found {
		err = cloakroom.ErrNotFound
	}
	if err != nil {
		return cloakroom.Datum{}, fmt.Errorf("%q of session %s: %w", key, ref.ID, err)
	}
	return d, nil
}

func scanDatum(row pgx.CollectableRow) (d cloakroom.Datum, err error) {
	err = row.Scan(&d.Key, &d.Value, &d.Revision)
	return d, err
}

// SetDatum implements cloakroom.Ledger. Removing a value is never too large, whatever else the session holds.
func (s *Store) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) error {
	err := s.write(ctx, func(t *tx) error { return t.setDatum(ref, d, int64(maxBytes)) })
	if err != nil {
		return fmt.Errorf("set %q of session %s: %w", d.Key, ref.ID, err)
	}
	return nil
}

func (t *tx) setDatum(ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int64) error {
	ref.UserID, ref.ID = text(ref.UserID), text(ref.ID)
	total, revision, size, err := t.lockData(ref, d.Key)
	if err != nil {
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
	t.putDatum(ref, d)
	t.queue(`UPDATE sessions SET data_bytes = $4 WHERE bucket = $1 AND user_id = $2 AND id = $3`,
		ref.Bucket, ref.UserID, ref.ID, total)
	return nil
}

// lockData locks a session and reads how large its data is, and the revision and size of one value, 0 if absent.
func (t *tx) lockData(ref cloakroom.SessionRef, key string) (total, revision, size int64, err error) {
	found := false
	t.ask(func(row pgx.CollectableRow) error {
		found = true
		return row.Scan(&total)
	}, `SELECT data_bytes FROM sessions WHERE bucket = $1 AND user_id = $2 AND id = $3 FOR UPDATE`, ref.Bucket, ref.UserID, ref.ID)
	t.ask(func(row pgx.CollectableRow) error {
		return row.Scan(&revision, &size)
	}, `SELECT revision, octet_length(key) + octet_length(value) FROM session_data
		WHERE bucket = $1 AND session_id = $2 AND key = $3`, ref.Bucket, ref.ID, key)
	if err = t.send(); err == nil && !found {
		err = cloakroom.ErrNotFound
	}
	return total, revision, size, err
}

func (t *tx) putDatum(ref cloakroom.SessionRef, d cloakroom.Datum) {
	if d.Value == nil {
		t.queue(`DELETE FROM session_data WHERE bucket = $1 AND session_id = $2 AND key = $3`, ref.Bucket, ref.ID, d.Key)
		return
	}
	t.queue(`INSERT INTO session_data (bucket, session_id, key, value, revision) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (bucket, session_id, key) DO UPDATE SET value = excluded.value, revision = excluded.revision`,
		ref.Bucket, ref.ID, d.Key, d.Value, d.Revision+1)
}

// moveData makes the data of a session that is gone the data of another. A row cannot change its bucket everywhere, so it
// is copied.
func (t *tx) moveData(old gone, to cloakroom.SessionRecord) {
	if old.dataBytes == 0 {
		return
	}
	t.queue(`INSERT INTO session_data (bucket, session_id, key, value, revision)
		SELECT $3::integer, $4::text, key, value, revision FROM session_data WHERE bucket = $1 AND session_id = $2`,
		old.bucket, old.id, to.Token.Bucket, to.ID)
	t.dropData(old)
}
