package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// Append implements cloakroom.Directory.
func (s *Store) Append(ctx context.Context, entries []cloakroom.Revocation, events []cloakroom.EventRecord) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		for _, r := range entries {
			if err := appendRevocation(c, r); err != nil {
				return err
			}
		}
		return addEvents(c, events...)
	})
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// addEvents adds to the events, and to what is to be sent because of them. Their ids are in the order in which they are given.
func addEvents(c *sqlite.Conn, events ...cloakroom.EventRecord) error {
	var ids, parcelIDs id.Series
	for _, e := range events {
		if _, err := exec(c, `INSERT INTO events (id, type, at, realm, user_id, session_id, data, leased_until)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?8, ?9, NULL))`,
			pack(eventPrefix, ids.New(eventPrefix, e.At)), string(e.Type), e.At, e.Realm,
			pack(userPrefix, e.UserID), pack(sessionPrefix, e.SessionID), e.Data, e.Queued, time.Time{}); err != nil {
			return err
		}
		if err := post(c, &parcelIDs, e.Parcels...); err != nil {
			return err
		}
	}
	return nil
}

const eventColumns = `id, type, at, realm, user_id, session_id, data, leased_until IS NOT NULL`

func scanEvent(s *sqlite.Stmt) cloakroom.EventRecord {
	return cloakroom.EventRecord{
		ID: unpack(s, 0, eventPrefix), Type: cloakroom.EventType(s.ColumnText(1)), At: moment(s, 2), Realm: s.ColumnText(3),
		UserID: unpack(s, 4, userPrefix), SessionID: unpack(s, 5, sessionPrefix), Data: blob(s, 6), Queued: s.ColumnBool(7),
	}
}

// Events implements cloakroom.Directory. Those of a user are found by it. Those of all users are read from the newest on,
// and those of other realms passed over: a file that many realms share, one of which is all but silent, makes that long.
func (s *Store) Events(ctx context.Context, q cloakroom.EventQuery) (page []cloakroom.EventRecord, err error) {
	sql, args := `SELECT `+eventColumns+` FROM events WHERE realm = ?1`, []any{q.Realm, max(q.Max, 0)}
	if q.UserID != "" {
		args = append(args, pack(userPrefix, q.UserID))
		sql += fmt.Sprintf(` AND user_id = ?%d`, len(args))
	}
	if q.Before != "" {
		args = append(args, pack(eventPrefix, q.Before))
		sql += fmt.Sprintf(` AND id < ?%d`, len(args))
	}
	err = s.readers.read(ctx, func(c *sqlite.Conn) error {
		return each(c, sql+` ORDER BY id DESC LIMIT ?2`, func(s *sqlite.Stmt) { page = append(page, scanEvent(s)) }, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return page, nil
}

// ClaimEvents implements cloakroom.Directory.
func (s *Store) ClaimEvents(ctx context.Context, realm string, now, leasedUntil time.Time, limit int) (claimed []cloakroom.EventRecord, err error) {
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		claimed = nil
		return each(c, `UPDATE events SET leased_until = ?2 WHERE id IN (SELECT id FROM events INDEXED BY events_queued
			WHERE leased_until <= ?1 AND realm = ?4 ORDER BY id LIMIT ?3) RETURNING `+eventColumns,
			func(s *sqlite.Stmt) { claimed = append(claimed, scanEvent(s)) }, now, leasedUntil, max(limit, 0), realm)
	})
	if err != nil {
		return nil, fmt.Errorf("claim events: %w", err)
	}
	slices.SortFunc(claimed, func(a, b cloakroom.EventRecord) int { return cmp.Compare(a.ID, b.ID) }) // RETURNING has no order
	return claimed, nil
}

// EventsDelivered implements cloakroom.Directory.
func (s *Store) EventsDelivered(ctx context.Context, ids []string) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		for _, delivered := range ids {
			if _, err := exec(c, `UPDATE events SET leased_until = NULL WHERE id = ?1 AND leased_until IS NOT NULL`,
				pack(eventPrefix, delivered)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("events delivered: %w", err)
	}
	return nil
}
