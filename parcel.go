package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What is sent because something happened, a mail or a webhook, is stored in the step that makes it true, as a parcel of its
// event. A postman claims what is due, sends it, and tries what was refused again later and later, on whichever node is
// first: so a parcel is sent at least once, and a crash delays it by its lease.

const (
	parcelMail    = "mail"
	parcelWebhook = "webhook"

	parcelsClaimed = 32               // at a time
	parcelLease    = 2 * time.Minute  // and how long nobody else may send them
	parcelPause    = 5 * time.Second  // between two looks, for what other nodes have left or this one postponed
	parcelPatience = 30 * time.Second // for one
)

// parcelBackoff is how long to wait after each try. Together it is three days; then a parcel is given up.
var parcelBackoff = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// postman sends the parcels of one kind.
type postman struct {
	auth *Auth
	kind string
	// send sends a batch and says of each parcel what came of it: nil, an error to try again after, a postponed, or one that
	// wraps ErrRejected.
	send func(ctx context.Context, batch []Parcel) []error
	// gaveUp is the event that a parcel will never arrive.
	gaveUp func(p Parcel, why error) Event
	poke   chan struct{} // holds one: look now
	most   int           // so many are claimed at a time: what could not be sent within the lease is claimed for nothing
}

func (a *Auth) postman(kind string, send func(context.Context, []Parcel) []error, gaveUp func(Parcel, error) Event) *postman {
	return &postman{a, kind, send, gaveUp, make(chan struct{}, 1), parcelsClaimed}
}

// postponed asks for another try at a certain time, as if this one had not been.
type postponed struct{ at time.Time }

func (p postponed) Error() string { return "not before " + p.at.Format(time.RFC3339) }

// hurry lets the postman look now.
func (p *postman) hurry() {
	select {
	case p.poke <- struct{}{}:
	default: // it will
	}
}

// walk sends until ctx ends.
func (p *postman) walk(ctx context.Context) {
	pause := time.NewTicker(parcelPause)
	defer pause.Stop()
	for {
		for more := true; more; {
			var err error
			more, err = p.round(ctx)
			if err != nil && ctx.Err() == nil {
				p.auth.emit(ctx, Event{Type: RequestFailed, Reason: p.kind, Err: err})
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-p.poke:
		case <-pause.C:
		}
	}
}

// round sends what is due, at most one batch of it, and reports whether there may be more.
func (p *postman) round(ctx context.Context) (more bool, err error) {
	a := p.auth
	now := a.now()
	batch, err := a.directory.ClaimParcels(ctx, ParcelQuery{
		Realm: a.config.Realm, Kind: p.kind, Now: now, LeasedUntil: now.Add(parcelLease), Max: p.most,
	})
	if err != nil || len(batch) == 0 {
		return false, err
	}
	within, cancel := context.WithTimeout(ctx, parcelLease*3/4)
	defer cancel()
	outcome := p.sendAll(within, batch)
	more = len(batch) == p.most && ctx.Err() == nil
	p.most = min(2*p.most, parcelsClaimed)
	if within.Err() != nil {
		p.most = max(1, len(batch)/4)
	}
	err = p.settle(ctx, batch, outcome)
	return more && err == nil, err
}

// sendAll is send, where a panic is only an error.
func (p *postman) sendAll(ctx context.Context, batch []Parcel) (outcome []error) {
	defer func() {
		if r := recover(); r != nil {
			outcome = make([]error, len(batch))
			for i := range outcome {
				outcome[i] = fmt.Errorf("panicked: %v", r)
			}
		}
	}()
	return p.send(ctx, batch)
}

// settle writes down what came of a batch.
func (p *postman) settle(ctx context.Context, batch []Parcel, outcome []error) error {
	a := p.auth
	var lost []Event
	for i := range batch {
		wait, isLater := errors.AsType[postponed](outcome[i])
		switch {
		case outcome[i] == nil:
			batch[i].DueAt = time.Time{}
		case isLater:
			batch[i].DueAt = wait.at
		case errors.Is(outcome[i], ErrRejected) || batch[i].Tries > len(parcelBackoff):
			batch[i].DueAt = time.Time{}
			lost = append(lost, a.dated(ctx, p.gaveUp(batch[i], outcome[i])))
		default:
			batch[i].DueAt = a.now().Add(parcelBackoff[max(0, batch[i].Tries-1)])
			a.emit(ctx, Event{Type: RequestFailed, Reason: p.kind, Err: outcome[i]})
		}
	}
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime) // what was sent was sent, whoever stops now
	defer cancel()
	if err := a.directory.SettleParcels(writing, batch, a.records(lost...)...); err != nil {
		return err
	}
	for _, e := range lost {
		a.emit(ctx, e)
	}
	return nil
}
