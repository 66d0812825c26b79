package memory

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

type ticket struct {
	cloakroom.Ticket
	used bool
}

// ticketKey makes the kind a part of what a ticket is found by.
type ticketKey struct {
	kind string
	id   cloakroom.TokenID
}

// Put implements cloakroom.Ledger.
func (s *Store) Put(ctx context.Context, t cloakroom.Ticket) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	key := ticketKey{t.Kind, t.ID}
	if s.tickets[key] != nil {
		return fmt.Errorf("put %s ticket: %w", t.Kind, cloakroom.ErrConflict)
	}
	t.Payload, t.ExpiresAt, t.Revision = bytes.Clone(t.Payload), micro(t.ExpiresAt), 1
	s.tickets[key] = &ticket{Ticket: t}
	return nil
}

// Ticket implements cloakroom.Ledger.
func (s *Store) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.Ticket{}, err
	}
	defer s.mu.RUnlock()
	t, err := s.unused(kind, id, now)
	if err != nil {
		return cloakroom.Ticket{}, err
	}
	return t.copy(), nil
}

// Take implements cloakroom.Ledger.
func (s *Store) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	if err := s.lock(ctx); err != nil {
		return cloakroom.Ticket{}, err
	}
	defer s.mu.Unlock()
	t, err := s.unused(kind, id, now)
	if err != nil {
		return cloakroom.Ticket{}, err
	}
	t.used = true
	return t.copy(), nil
}

// Swap implements cloakroom.Ledger.
func (s *Store) Swap(ctx context.Context, next cloakroom.Ticket, now time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	t, err := s.unused(next.Kind, next.ID, now)
	if err != nil {
		return err
	}
	if t.Revision != next.Revision {
		return fmt.Errorf("swap %s ticket: %w", next.Kind, cloakroom.ErrConflict)
	}
	t.Payload = bytes.Clone(next.Payload)
	t.Revision++
	return nil
}

// unused finds the ticket that Ticket, Take and Swap agree on.
func (s *Store) unused(kind string, id cloakroom.TokenID, now time.Time) (*ticket, error) {
	t := s.tickets[ticketKey{kind, id}]
	switch {
	case t == nil || passed(t.ExpiresAt, now):
		return nil, fmt.Errorf("%s ticket: %w", kind, cloakroom.ErrNotFound)
	case t.used:
		return nil, fmt.Errorf("%s ticket: %w", kind, cloakroom.ErrUsed)
	}
	return t, nil
}

func (t *ticket) copy() cloakroom.Ticket {
	c := t.Ticket
	c.Payload = bytes.Clone(c.Payload)
	return c
}
