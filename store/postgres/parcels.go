package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	parcelPrefix = "prc_"
	insertParcel = `INSERT INTO parcels (id, realm, kind, due_at, tries, data) VALUES ($1, $2, $3, $4, $5, $6)`
)

func scanParcel(row pgx.CollectableRow) (p cloakroom.Parcel, err error) {
	err = row.Scan(&p.ID, &p.Realm, &p.Kind, (*instant)(&p.DueAt), &p.Tries, &p.Data)
	return p, err
}

// await adds to what waits to be sent. Ids of the same moment are in the order in which parcels are given.
func (t *tx) await(parcels ...cloakroom.Parcel) {
	for _, p := range parcels {
		t.queue(insertParcel, t.parcelIDs.New(parcelPrefix, p.DueAt), p.Realm, p.Kind, p.DueAt.UnixMicro(), 0, blob(p.Data))
	}
}

// ClaimParcels implements cloakroom.Directory. A lease is a later DueAt.
func (s *Store) ClaimParcels(ctx context.Context, q cloakroom.ParcelQuery) ([]cloakroom.Parcel, error) {
	claimed, err := list(ctx, s, scanParcel, `WITH next AS (SELECT id, due_at FROM parcels
			WHERE realm = $1 AND kind = $2 AND due_at <= $3 ORDER BY due_at, id LIMIT $5`+s.locked+`)
		UPDATE parcels p SET due_at = $4, tries = p.tries + 1 FROM next WHERE p.id = next.id AND p.due_at <= $3
		RETURNING p.id, p.realm, p.kind, next.due_at, p.tries, p.data`, text(q.Realm), text(q.Kind), q.Now.UnixMicro(), q.LeasedUntil.UnixMicro(), max(q.Max, 0))
	if err != nil {
		return nil, fmt.Errorf("claim parcels: %w", err)
	}
	slices.SortFunc(claimed, func(a, b cloakroom.Parcel) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	return claimed, nil
}

// SettleParcels implements cloakroom.Directory.
func (s *Store) SettleParcels(ctx context.Context, parcels []cloakroom.Parcel, events ...cloakroom.EventRecord) error {
	err := s.write(ctx, func(t *tx) error {
		for _, p := range parcels {
			if p.DueAt.IsZero() {
				t.queue(`DELETE FROM parcels WHERE id = $1`, text(p.ID))
			} else {
				t.queue(`UPDATE parcels SET due_at = $2 WHERE id = $1`, text(p.ID), p.DueAt.UnixMicro())
			}
		}
		t.record(events...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle parcels: %w", err)
	}
	return nil
}
