package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	eventPrefix  = "evt_"
	eventColumns = `id, type, at, realm, user_id, session_id, data, queued`
)

func scanEvent(row pgx.CollectableRow) (e cloakroom.EventRecord, err error) {
	err = row.Scan(&e.ID, &e.Type, (*instant)(&e.At), &e.Realm, &e.UserID, &e.SessionID, &e.Data, &e.Queued)
	return e, err
}

// record adds to the events, and their parcels to what waits to be sent. The ids of events are in the order in which they are given.
func (t *tx) record(events ...cloakroom.EventRecord) {
	for _, e := range events {
		t.queue(`INSERT INTO events (`+eventColumns+`, leased_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			t.eventIDs.New(eventPrefix, e.At), string(e.Type), e.At.UnixMicro(), e.Realm, e.UserID, e.SessionID, blob(e.Data), e.Queued,
			time.Time{}.UnixMicro())
		t.await(e.Parcels...)
	}
}

// ended tells how these sessions ended: by the feed, and by an event for each.
func (t *tx) ended(end cloakroom.Ending, sessions ...gone) {
	for _, s := range sessions {
		t.revoke(s.id, cloakroom.SessionEnded, end.RevokedUntil)
		t.record(end.Each(s.id)...)
	}
}

// Events implements cloakroom.Directory.
func (s *Store) Events(ctx context.Context, q cloakroom.EventQuery) ([]cloakroom.EventRecord, error) {
	sql := `SELECT ` + eventColumns + ` FROM events WHERE realm = $1`
	args := []any{text(q.Realm), max(q.Max, 0)}
	if q.UserID != "" {
		args = append(args, text(q.UserID))
		sql += fmt.Sprintf(" AND user_id = $%d", len(args))
	}
	if q.Before != "" {
		args = append(args, text(q.Before))
		sql += fmt.Sprintf(" AND id < $%d", len(args))
	}
	found, err := list(ctx, s, scanEvent, sql+` ORDER BY id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return found, nil
}

// ClaimEvents implements cloakroom.Directory.
func (s *Store) ClaimEvents(ctx context.Context, realm string, now, leasedUntil time.Time, limit int) ([]cloakroom.EventRecord, error) {
	claimed, err := list(ctx, s, scanEvent, `WITH next AS (SELECT id FROM events
			WHERE queued AND leased_until <= $1 AND realm = $4 ORDER BY id LIMIT $3`+s.locked+`)
		UPDATE events SET leased_until = $2 WHERE id IN (SELECT id FROM next) AND queued AND leased_until <= $1
		RETURNING `+eventColumns, now.UnixMicro(), leasedUntil.UnixMicro(), max(limit, 0), text(realm))
	if err != nil {
		return nil, fmt.Errorf("claim events: %w", err)
	}
	slices.SortFunc(claimed, func(a, b cloakroom.EventRecord) int { return strings.Compare(a.ID, b.ID) })
	return claimed, nil
}

// EventsDelivered implements cloakroom.Directory.
func (s *Store) EventsDelivered(ctx context.Context, ids []string) error {
	known := make([]string, len(ids))
	for i, delivered := range ids {
		known[i] = text(delivered)
	}
	if _, err := s.exec(ctx, `UPDATE events SET queued = false WHERE id = ANY ($1::text[]) AND queued`, known); err != nil {
		return fmt.Errorf("events delivered: %w", err)
	}
	return nil
}

// Prune implements cloakroom.Directory.
func (s *Store) Prune(ctx context.Context, p cloakroom.Prune) (int, error) {
	total, err := s.exec(ctx, s.deletion("feed", "seq", `until <= $1`, `until`), p.Now.UnixMicro(), max(p.Max, 0))
	if err != nil {
		return 0, fmt.Errorf("prune the feed: %w", err)
	}
	if total >= p.Max {
		return total, nil
	}
	n, err := s.pruneEvents(ctx, p.EventsBefore, p.Max-total)
	if err != nil && total == 0 {
		return 0, fmt.Errorf("prune events: %w", err)
	}
	return total + n, nil
}

// pruneEvents finds old events by their ids, which begin with the millisecond they are of.
func (s *Store) pruneEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	if before.Unix() < 0 {
		return 0, s.check(ctx) // no id is of such a time
	}
	end := fmt.Sprintf("%s%012x", eventPrefix, before.UnixMilli()+1)
	return s.exec(ctx, s.deletion("events", "id", `id < $3 AND at < $1 AND NOT queued`, `id`), before.UnixMicro(), limit, end)
}
