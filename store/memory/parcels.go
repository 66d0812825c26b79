package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/cloakroom-auth/cloakroom"
)

// post adds to what is to be sent.
func (s *Store) post(parcels ...cloakroom.Parcel) {
	for _, p := range parcels {
		p.DueAt, p.Tries, p.Data = micro(p.DueAt), 0, bytes.Clone(p.Data)
		p.ID = s.parcelIDs.New("prc_", p.DueAt)
		s.parcels[p.ID] = &p
	}
}

// ClaimParcels implements cloakroom.Directory. A lease is a later DueAt.
func (s *Store) ClaimParcels(ctx context.Context, q cloakroom.ParcelQuery) ([]cloakroom.Parcel, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var due []*cloakroom.Parcel
	for _, p := range s.parcels {
		if p.Realm == q.Realm && p.Kind == q.Kind && passed(p.DueAt, q.Now) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *cloakroom.Parcel) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	claimed := make([]cloakroom.Parcel, min(len(due), max(q.Max, 0)))
	for i := range claimed {
		p := due[i]
		p.Tries++
		claimed[i] = *p
		claimed[i].Data = bytes.Clone(p.Data)
		p.DueAt = micro(q.LeasedUntil)
	}
	return claimed, nil
}

// SettleParcels implements cloakroom.Directory.
func (s *Store) SettleParcels(ctx context.Context, parcels []cloakroom.Parcel, events ...cloakroom.EventRecord) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, p := range parcels {
		stored := s.parcels[p.ID]
		switch {
		case stored == nil:
		case p.DueAt.IsZero():
			delete(s.parcels, p.ID)
		default:
			stored.DueAt = micro(p.DueAt)
		}
	}
	s.record(events...)
	return nil
}
