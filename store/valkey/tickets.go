package valkey

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-auth/cloakroom"
)

// A ticket begins with one byte that says whether it was used.
const (
	ticketOpen = 1
	ticketUsed = 2
)

// Put implements cloakroom.Ledger.
func (l *Ledger) Put(ctx context.Context, t cloakroom.Ticket) error {
	w := writer{ticketOpen}
	w.time(t.ExpiresAt)
	w.number(1)
	name := ticketName(t.Kind, t.ID)
	answer, err := l.keep(ctx, call{
		putScript, t.ID.Bucket, []string{l.at(t.ID.Bucket) + name},
		[]string{name, string(append(w, t.Payload...)), decimal(micros(t.ExpiresAt))},
	})
	var put bool
	if err == nil {
		put, err = answer.AsBool()
	}
	if err == nil && !put {
		err = cloakroom.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("put %s ticket: %w", t.Kind, err)
	}
	return nil
}

// Ticket implements cloakroom.Ledger.
func (l *Ledger) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	stored, err := l.get(ctx, l.at(id.Bucket)+ticketName(kind, id))
	var t cloakroom.Ticket
	if err == nil {
		t, err = unused(stored, kind, id, now)
	}
	if err != nil {
		return cloakroom.Ticket{}, fmt.Errorf("%s ticket: %w", kind, err)
	}
	return t, nil
}

// Take implements cloakroom.Ledger. What is left of a used ticket is that it was used: its payload is deleted.
func (l *Ledger) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	t, err := l.change(ctx, kind, id, now)
	if err != nil {
		return cloakroom.Ticket{}, fmt.Errorf("take %s ticket: %w", kind, err)
	}
	return t, nil
}

// Swap implements cloakroom.Ledger.
func (l *Ledger) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) error {
	stored, err := l.change(ctx, t.Kind, t.ID, now, decimal(t.Revision), string(t.Payload))
	if err == nil && stored.Revision != t.Revision {
		err = cloakroom.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("swap %s ticket: %w", t.Kind, err)
	}
	return nil
}

// change runs ticket.lua and gives the ticket as it was.
func (l *Ledger) change(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time, swap ...string) (t cloakroom.Ticket, err error) {
	name := ticketName(kind, id)
	answer, err := l.keep(ctx, call{
		ticketScript, id.Bucket, []string{l.at(id.Bucket) + name}, append([]string{name, decimal(micros(now))}, swap...),
	})
	if err != nil {
		return t, err
	}
	_, stored, err := pair(answer)
	if err != nil {
		return t, err
	}
	if stored == "" {
		return t, cloakroom.ErrNotFound
	}
	return unused(stored, kind, id, now)
}

// unused is the ticket that Ticket, Take and Swap agree on.
func unused(stored, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	r := reader{rest: stored}
	state := r.byte()
	t := cloakroom.Ticket{Kind: kind, ID: id, ExpiresAt: r.time(), Revision: r.number(), Payload: []byte(r.rest)}
	switch {
	case r.broken || state != ticketOpen && state != ticketUsed:
		return cloakroom.Ticket{}, errForm
	case !t.ExpiresAt.After(now):
		return cloakroom.Ticket{}, cloakroom.ErrNotFound
	case state == ticketUsed:
		return cloakroom.Ticket{}, cloakroom.ErrUsed
	}
	return t, nil
}

// pair is the answer of a script that gives a number and a text.
func pair(answer rueidis.RedisMessage) (n int64, text string, err error) {
	both, err := answer.ToArray()
	if err != nil {
		return 0, "", err
	}
	if len(both) != 2 {
		return 0, "", errForm
	}
	if n, err = both[0].AsInt64(); err != nil {
		return 0, "", err
	}
	text, err = both[1].ToString()
	return n, text, err
}
