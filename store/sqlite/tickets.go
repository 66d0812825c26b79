package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Put implements cloakroom.Ledger.
func (s *Store) Put(ctx context.Context, t cloakroom.Ticket) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		n, err := exec(c, `INSERT INTO tickets (key, tail, kind, payload, expires_at, revision, used)
			VALUES (?1, ?2, ?3, ?4, ?5, 1, 0) ON CONFLICT (key, tail, kind) DO NOTHING`,
			key(t.ID), tail(&t.ID), t.Kind, t.Payload, t.ExpiresAt)
		if err == nil && n == 0 {
			err = cloakroom.ErrConflict
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("put %s ticket: %w", t.Kind, err)
	}
	return nil
}

// Ticket implements cloakroom.Ledger.
func (s *Store) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (t cloakroom.Ticket, err error) {
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		t, err = unused(c, kind, id, now)
		return err
	})
	if err != nil {
		return cloakroom.Ticket{}, fmt.Errorf("%s ticket: %w", kind, err)
	}
	return t, nil
}

// Take implements cloakroom.Ledger. What is left of a used ticket is that it was used: its payload is deleted.
func (s *Store) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (t cloakroom.Ticket, err error) {
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		if t, err = unused(c, kind, id, now); err != nil {
			return err
		}
		_, err = exec(c, `UPDATE tickets SET used = 1, payload = ?4 WHERE key = ?1 AND tail = ?2 AND kind = ?3`,
			key(id), tail(&id), kind, []byte(nil))
		return err
	})
	if err != nil {
		return cloakroom.Ticket{}, fmt.Errorf("take %s ticket: %w", kind, err)
	}
	return t, nil
}

// Swap implements cloakroom.Ledger.
func (s *Store) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		stored, err := unused(c, t.Kind, t.ID, now)
		if err != nil {
			return err
		}
		if stored.Revision != t.Revision {
			return cloakroom.ErrConflict
		}
		_, err = exec(c, `UPDATE tickets SET payload = ?4, revision = revision + 1 WHERE key = ?1 AND tail = ?2 AND kind = ?3`,
			key(t.ID), tail(&t.ID), t.Kind, t.Payload)
		return err
	})
	if err != nil {
		return fmt.Errorf("swap %s ticket: %w", t.Kind, err)
	}
	return nil
}

// unused finds the ticket that Ticket, Take and Swap agree on.
func unused(c *sqlite.Conn, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	t := cloakroom.Ticket{Kind: kind, ID: id}
	var used bool
	found, err := one(c, `SELECT payload, expires_at, revision, used FROM tickets
		WHERE key = ?1 AND tail = ?2 AND kind = ?3 AND expires_at > ?4`,
		func(s *sqlite.Stmt) {
			t.Payload, t.ExpiresAt, t.Revision, used = blob(s, 0), moment(s, 1), s.ColumnInt64(2), s.ColumnBool(3)
		}, key(id), tail(&id), kind, now)
	switch {
	case err != nil:
		return cloakroom.Ticket{}, err
	case !found:
		return cloakroom.Ticket{}, cloakroom.ErrNotFound
	case used:
		return cloakroom.Ticket{}, cloakroom.ErrUsed
	}
	return t, nil
}
