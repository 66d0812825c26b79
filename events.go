package cloakroom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// What changes an account or a session leaves a record in the store, written in the step that makes it true: the record of
// an account, and an outbox for whoever must hear of every change. Config.OnEvent is the quick way, which a crash cuts off;
// this one is as durable as what it tells.

const (
	eventsClaimed = 100              // events that are handed on together
	eventsLease   = 45 * time.Second // and how long nobody else may hand them on
	eventsFor     = 90 * 24 * time.Hour
	eventsRefused = 10   // batches that may be refused before the rest waits, too
	eventsAside   = 1024 // failures that wait to be recorded
)

// Events reads what happened. Get it from Auth.Events.
type Events struct{ auth *Auth }

// Events returns the events of the Auth's realm that were kept: what changed an account, a session or a key, and sign-ins
// that failed for an account that exists. They are kept for Config.KeepEvents.
func (a *Auth) Events() Events { return Events{a} }

// Of iterates over the events of a user, newest first.
func (l Events) Of(ctx context.Context, userID string) iter.Seq2[Event, error] {
	return l.Before(ctx, userID, "")
}

// Before is Of for events older than the one with this id: the next page of a list. An empty userID means all users.
func (l Events) Before(ctx context.Context, userID, eventID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		q := EventQuery{Realm: l.auth.config.Realm, UserID: userID, Before: eventID, Max: pageSize}
		for {
			page, err := l.auth.directory.Events(ctx, q)
			if err != nil {
				yield(Event{}, unavailable(err))
				return
			}
			for _, r := range page {
				if !yield(r.event(), nil) {
					return
				}
			}
			if len(page) < q.Max {
				return
			}
			q.Before = page[len(page)-1].ID
		}
	}
}

// eventData is what an EventRecord has no field for.
type eventData struct {
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
}

// records are events as a Directory keeps them.
func (a *Auth) records(events ...Event) []EventRecord {
	list := make([]EventRecord, len(events))
	for i, e := range events {
		rest := eventData{e.IP, e.UserAgent, e.RequestID, e.Reason, e.Details}
		data, _ := json.Marshal(rest) // strings always marshal
		list[i] = EventRecord{
			Type: e.Type, At: e.Time, Realm: e.Realm, UserID: e.UserID, SessionID: e.SessionID, Data: data,
			Queued: a.config.Deliver != nil, Parcels: a.webhookParcels(e, rest),
		}
	}
	return list
}

// event is the event of a record. What cannot be read of it is left out.
func (r EventRecord) event() Event {
	var d eventData
	_ = json.Unmarshal(r.Data, &d)
	return Event{
		ID: r.ID, Type: r.Type, Time: r.At, Realm: r.Realm, UserID: r.UserID, SessionID: r.SessionID,
		IP: d.IP, UserAgent: d.UserAgent, RequestID: d.RequestID, Reason: d.Reason, Details: d.Details,
	}
}

// ending is how an end is told: by the feed, and by an event. Guests come and go without a record.
func (a *Auth) ending(e Event) Ending {
	end := Ending{RevokedUntil: a.revokedUntil()}
	if e.UserID != "" {
		end.Event = &a.records(e)[0]
	}
	return end
}

// keepAside tells an event that changes nothing else, and has it recorded aside if it is of an account: were that done
// before the answer, how long a failed sign-in takes would tell whether the account exists.
func (a *Auth) keepAside(r *http.Request, e Event) {
	e = a.requested(r, e)
	if e.UserID != "" {
		a.putAside(r, a.records(e)[0])
	}
	a.emit(r.Context(), e)
}

// keepAsideOf is keepAside for what the user may be told by mail.
func (a *Auth) keepAsideOf(r *http.Request, user *User, e Event) {
	e = a.requested(r, e)
	a.putAside(r, a.noticed(user, e))
	a.emit(r.Context(), e)
}

func (a *Auth) putAside(r *http.Request, rec EventRecord) {
	select {
	case a.aside <- rec:
	default:
		a.emitRequest(r, Event{Type: RequestFailed, UserID: rec.UserID, Reason: "events", Err: errAside})
	}
}

var errAside = errors.New("too many failures at once to record them all")

// recordAside records what keepAside has put aside, until ctx ends and nothing is left.
func (a *Auth) recordAside(ctx context.Context) {
	for {
		select {
		case e := <-a.aside:
			a.recordAll(ctx, e)
		case <-ctx.Done():
			select {
			case e := <-a.aside:
				a.recordAll(ctx, e)
			default:
				return
			}
		}
	}
}

// recordAll records an event with those that wait behind it.
func (a *Auth) recordAll(ctx context.Context, events ...EventRecord) {
	for len(a.aside) > 0 && len(events) < eventsClaimed {
		events = append(events, <-a.aside)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := a.directory.Append(ctx, nil, events); err != nil {
		a.emit(ctx, Event{Type: RequestFailed, Reason: "events", Err: err})
		return
	}
	for _, e := range events {
		a.hurryHooks(e.Type)
	}
}

// deliverEvents hands on what waits in the outbox until nothing does. What fails is tried again when its lease is over.
func (a *Auth) deliverEvents(ctx context.Context) (refused error) {
	for batches := 0; batches < eventsRefused; {
		now := a.now()
		claimed, err := a.directory.ClaimEvents(ctx, a.config.Realm, now, now.Add(eventsLease), eventsClaimed)
		if err != nil || len(claimed) == 0 {
			return errors.Join(refused, err)
		}
		events, ids := make([]Event, len(claimed)), make([]string, len(claimed))
		for i, r := range claimed {
			events[i], ids[i] = r.event(), r.ID
		}
		if err := a.deliverAll(ctx, events); err != nil { // what comes after it need not wait for it
			refused, batches = errors.Join(refused, err), batches+1
			continue
		}
		noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime) // they were taken, whoever stops now
		err = a.directory.EventsDelivered(noting, ids)
		cancel()
		if err != nil {
			return errors.Join(refused, err)
		}
	}
	return refused
}

// deliverAll calls the app's hook, for no longer than it has the events alone. A panic in it is only an error.
func (a *Auth) deliverAll(ctx context.Context, events []Event) (err error) {
	ctx, cancel := context.WithTimeout(ctx, eventsLease)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("deliver panicked: %v", p)
		}
	}()
	return a.config.Deliver(ctx, events)
}

// prune deletes what the Directory has kept long enough.
func (a *Auth) prune(ctx context.Context) (total int, err error) {
	now := a.now()
	for {
		n, err := a.directory.Prune(ctx, Prune{Now: now, EventsBefore: now.Add(-a.config.KeepEvents), Max: sweepBatch})
		if total += n; err != nil || n == 0 {
			return total, err
		}
	}
}
