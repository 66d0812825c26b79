package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// event is what happened, as the store keeps it.
type event struct {
	cloakroom.EventRecord
	leasedUntil time.Time // who claimed it has it alone until then
}

// Append implements cloakroom.Directory.
func (s *Store) Append(ctx context.Context, entries []cloakroom.Revocation, events []cloakroom.EventRecord) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, r := range entries {
		s.feed.append(r)
	}
	s.record(events...)
	return nil
}

// record adds to the events, which stay in order of their ids, and to what is to be sent because of them.
func (s *Store) record(happened ...cloakroom.EventRecord) {
	for _, r := range happened {
		r.At, r.Data = micro(r.At), bytes.Clone(r.Data)
		s.post(r.Parcels...)
		r.Parcels = nil
		r.ID = s.eventIDs.New("evt_", r.At)
		i, _ := s.position(r.ID)
		s.events = slices.Insert(s.events, i, &event{EventRecord: r})
	}
}

// position is where the event with this id is, or belongs.
func (s *Store) position(id string) (int, bool) {
	return slices.BinarySearchFunc(s.events, id, func(e *event, id string) int { return cmp.Compare(e.ID, id) })
}

// Events implements cloakroom.Directory.
func (s *Store) Events(ctx context.Context, q cloakroom.EventQuery) (page []cloakroom.EventRecord, err error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	end := len(s.events)
	if q.Before != "" {
		end, _ = s.position(q.Before)
	}
	for _, e := range slices.Backward(s.events[:end]) {
		if len(page) >= q.Max {
			break
		}
		if e.Realm == q.Realm && (q.UserID == "" || e.UserID == q.UserID) {
			page = append(page, e.copy())
		}
	}
	return page, nil
}

// ClaimEvents implements cloakroom.Directory.
func (s *Store) ClaimEvents(ctx context.Context, realm string, now, leasedUntil time.Time, limit int) (claimed []cloakroom.EventRecord, err error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	for _, e := range s.events {
		if len(claimed) >= limit {
			break
		}
		if e.Queued && e.Realm == realm && passed(e.leasedUntil, now) {
			e.leasedUntil = micro(leasedUntil)
			claimed = append(claimed, e.copy())
		}
	}
	return claimed, nil
}

// EventsDelivered implements cloakroom.Directory.
func (s *Store) EventsDelivered(ctx context.Context, ids []string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, id := range ids {
		if i, found := s.position(id); found {
			s.events[i].Queued = false
		}
	}
	return nil
}

// Prune implements cloakroom.Directory. It deletes up to p.Max things, but it looks at all there are.
func (s *Store) Prune(ctx context.Context, p cloakroom.Prune) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := deleteUpTo(p.Max, &s.feed.entries, func(e told) bool { return passed(e.Until, p.Now) })
	return n + deleteUpTo(p.Max-n, &s.events, func(e *event) bool { return !e.Queued && e.At.Before(p.EventsBefore) }), nil
}

// deleteUpTo deletes what is over from a list, up to room elements, and returns how many.
func deleteUpTo[T any](room int, list *[]T, over func(T) bool) int {
	n := 0
	*list = slices.DeleteFunc(*list, func(e T) bool {
		if n >= room || !over(e) {
			return false
		}
		n++
		return true
	})
	return n
}

func (e *event) copy() cloakroom.EventRecord {
	r := e.EventRecord
	r.Data = bytes.Clone(r.Data)
	return r
}
