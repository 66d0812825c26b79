package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// post adds to what waits to be sent.
func post(c *sqlite.Conn, ids *id.Series, parcels ...cloakroom.Parcel) error {
	for _, p := range parcels {
		if _, err := exec(c, `INSERT INTO parcels (id, realm, kind, due_at, tries, data) VALUES (?1, ?2, ?3, ?4, 0, ?5)`,
			ids.New(parcelPrefix, p.DueAt), p.Realm, p.Kind, p.DueAt, p.Data); err != nil {
			return err
		}
	}
	return nil
}

// ClaimParcels implements cloakroom.Directory. A lease is a later due_at.
func (s *Store) ClaimParcels(ctx context.Context, q cloakroom.ParcelQuery) (claimed []cloakroom.Parcel, err error) {
	err = s.writer.write(ctx, func(c *sqlite.Conn) error {
		claimed, err = claimParcels(c, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim parcels: %w", err)
	}
	return claimed, nil
}

func claimParcels(c *sqlite.Conn, q cloakroom.ParcelQuery) (claimed []cloakroom.Parcel, err error) {
	err = each(c, `SELECT id, due_at, tries + 1, data FROM parcels WHERE realm = ?1 AND kind = ?2 AND due_at <= ?3
		ORDER BY due_at, id LIMIT ?4`, func(s *sqlite.Stmt) {
		claimed = append(claimed, cloakroom.Parcel{
			ID: s.ColumnText(0), Realm: q.Realm, Kind: q.Kind, DueAt: moment(s, 1), Tries: s.ColumnInt(2), Data: blob(s, 3),
		})
	}, q.Realm, q.Kind, q.Now, max(q.Max, 0))
	if err != nil {
		return nil, err
	}
	for _, p := range claimed {
		if _, err := exec(c, `UPDATE parcels SET due_at = ?2, tries = ?3 WHERE id = ?1`, p.ID, q.LeasedUntil, p.Tries); err != nil {
			return nil, err
		}
	}
	return claimed, nil
}

// SettleParcels implements cloakroom.Directory.
func (s *Store) SettleParcels(ctx context.Context, parcels []cloakroom.Parcel, events ...cloakroom.EventRecord) error {
	err := s.writer.write(ctx, func(c *sqlite.Conn) error {
		for _, p := range parcels {
			if err := settleParcel(c, p); err != nil {
				return err
			}
		}
		return addEvents(c, events...)
	})
	if err != nil {
		return fmt.Errorf("settle parcels: %w", err)
	}
	return nil
}

func settleParcel(c *sqlite.Conn, p cloakroom.Parcel) (err error) {
	if p.DueAt.IsZero() {
		_, err = exec(c, `DELETE FROM parcels WHERE id = ?1`, p.ID)
	} else {
		_, err = exec(c, `UPDATE parcels SET due_at = ?2 WHERE id = ?1`, p.ID, p.DueAt)
	}
	return err
}
