package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// Put implements cloakroom.Ledger.
func (s *Store) Put(ctx context.Context, t cloakroom.Ticket) error {
	n, err := s.exec(ctx, `INSERT INTO tickets (bucket, token, kind, payload, expires_at, revision, used)
		VALUES ($1, $2, $3, $4, $5, 1, false) ON CONFLICT (bucket, token, kind) DO NOTHING`,
		t.ID.Bucket, t.ID.Hash[:], t.Kind, blob(t.Payload), t.ExpiresAt.UnixMicro())
	if err == nil && n == 0 {
		err = cloakroom.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("put %s ticket: %w", t.Kind, err)
	}
	return nil
}

// Ticket implements cloakroom.Ledger.
func (s *Store) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	t, err := s.unused(ctx, kind, id, now)
	if err != nil {
		return cloakroom.Ticket{}, fmt.Errorf("%s ticket: %w", kind, err)
	}
	return t, nil
}

// Take implements cloakroom.Ledger. What is left of a used ticket is that it was used: its payload is deleted. The row is
// locked before it is read, so whoever comes second finds it used.
func (s *Store) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	t, found, err := one(ctx, s, scanTicket(kind, id), `WITH had AS (SELECT payload, expires_at, revision FROM tickets
			WHERE bucket = $1 AND token = $2 AND kind = $3 AND expires_at > $4 AND NOT used FOR UPDATE)
		UPDATE tickets SET used = true, payload = '' FROM had
		WHERE tickets.bucket = $1 AND tickets.token = $2 AND tickets.kind = $3 AND NOT tickets.used
		RETURNING had.payload, had.expires_at, had.revision, tickets.used`, id.Bucket, id.Hash[:], kind, now.UnixMicro())
	if err == nil && !found {
		err = s.refused(ctx, kind, id, now, cloakroom.ErrNotFound)
	}
	if err != nil {
		return cloakroom.Ticket{}, fmt.Errorf("take %s ticket: %w", kind, err)
	}
	return t.Ticket, nil
}

// Swap implements cloakroom.Ledger.
func (s *Store) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) error {
	n, err := s.exec(ctx, `UPDATE tickets SET payload = $6, revision = revision + 1
		WHERE bucket = $1 AND token = $2 AND kind = $3 AND expires_at > $4 AND NOT used AND revision = $5`,
		t.ID.Bucket, t.ID.Hash[:], t.Kind, now.UnixMicro(), t.Revision, blob(t.Payload))
	if err == nil && n == 0 {
		err = s.refused(ctx, t.Kind, t.ID, now, cloakroom.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("swap %s ticket: %w", t.Kind, err)
	}
	return nil
}

// refused says why a ticket was not there to be changed. One that is there now was not, or was another, a moment ago.
func (s *Store) refused(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time, otherwise error) error {
	if _, err := s.unused(ctx, kind, id, now); err != nil {
		return err
	}
	return otherwise
}

// unused finds the ticket that Ticket, Take and Swap agree on.
func (s *Store) unused(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	t, found, err := one(ctx, s, scanTicket(kind, id), `SELECT payload, expires_at, revision, used FROM tickets
		WHERE bucket = $1 AND token = $2 AND kind = $3 AND expires_at > $4`, id.Bucket, id.Hash[:], kind, now.UnixMicro())
	switch {
	case err != nil:
		return cloakroom.Ticket{}, err
	case !found:
		return cloakroom.Ticket{}, cloakroom.ErrNotFound
	case t.used:
		return cloakroom.Ticket{}, cloakroom.ErrUsed
	}
	return t.Ticket, nil
}

// ticket is a row of the tickets.
type ticket struct {
	cloakroom.Ticket
	used bool
}

func scanTicket(kind string, id cloakroom.TokenID) func(pgx.CollectableRow) (ticket, error) {
	return func(row pgx.CollectableRow) (ticket, error) {
		t := ticket{Ticket: cloakroom.Ticket{Kind: kind, ID: id}}
		err := row.Scan(&t.Payload, (*instant)(&t.ExpiresAt), &t.Revision, &t.used)
		return t, err
	}
}
