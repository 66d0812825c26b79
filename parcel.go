package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// What is sent because something happened, a mail or a webhook, is stored in the step that makes it true, as a parcel of its
// event. A postman claims what is due, sends it, and tries what was refused again later and later, on whichever node is
// first: so a parcel is sent at least once, and a crash delays it by its lease. What was sent is settled at once: a crash repeats
// what was under way, and no more.

const (
	parcelMail    = "mail"
	parcelWebhook = "webhook"

	parcelsClaimed = 32              // at a time
	parcelsAtOnce  = 8               // are sent side by side
	parcelLease    = 2 * time.Minute // and how long nobody else may send them
	parcelMargin   = 5 * time.Second // of a lease, to write down what came of the last
	parcelPause    = 5 * time.Second // between two looks, for what other nodes have left or this one postponed
)

// parcelBackoff is how long to wait after each try. Together it is three days; then a parcel is given up.
var parcelBackoff = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour,
	6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// postman sends the parcels of one kind.
type postman struct {
	auth     *Auth
	kind     string
	patience time.Duration // with one sending
	// sort makes of a batch what is sent: queues side by side, and what is in a queue one after another.
	sort func(batch []Parcel) (queues [][]sending)
	// failed is the event that a parcel will never arrive.
	failed func(p Parcel) Event
	poke   chan struct{} // holds one: look now
	most   int           // so many are claimed at a time: what could not be sent within the lease is claimed for nothing
}

// sending is what goes out in one: the parcels of a mail, or that of a delivery.
type sending struct {
	parcels []Parcel
	// send says what came of it: nil, an error to try again after, a postponed, or one that wraps ErrRejected.
	send func(ctx context.Context) error
}

func (a *Auth) postman(kind string, patience time.Duration, sort func([]Parcel) [][]sending, failed func(Parcel) Event) *postman {
	return &postman{a, kind, patience, sort, failed, make(chan struct{}, 1), parcelsClaimed}
}

// postponed asks for another try at a certain time, as if this one had not been.
type postponed struct{ at time.Time }

func (p postponed) Error() string { return "not before " + p.at.Format(time.RFC3339) }

// errNoTurn leaves a parcel due as it was: the others took the time there was, or we stop.
var errNoTurn = errors.New("not begun")

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
	begun, err := p.sendAll(ctx, p.sort(batch))
	more = len(batch) == p.most || begun < len(batch)
	p.most = min(2*p.most, parcelsClaimed)
	if begun < len(batch) {
		p.most = max(1, begun)
	}
	return more && err == nil && ctx.Err() == nil, err
}

// sendAll sends what it can be done with within the lease, settles each as soon as it was sent, and says how many parcels that were.
func (p *postman) sendAll(ctx context.Context, queues [][]sending) (begun int, err error) {
	within, cancel := context.WithTimeout(ctx, parcelLease-p.patience-parcelMargin)
	defer cancel()
	counts, errs := make([]int, len(queues)), make([]error, len(queues))
	room := make(chan struct{}, parcelsAtOnce)
	var wait sync.WaitGroup
	for i, queue := range queues {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			for _, s := range queue {
				outcome := errNoTurn
				if within.Err() == nil {
					outcome = p.send(ctx, s)
					counts[i] += len(s.parcels)
				}
				errs[i] = cmp.Or(errs[i], p.settle(ctx, s.parcels, outcome))
			}
		})
	}
	wait.Wait()
	for _, n := range counts {
		begun += n
	}
	return begun, cmp.Or(errs...)
}

// send sends one, where a panic is only an error.
func (p *postman) send(ctx context.Context, s sending) (err error) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panicked: %v", r)
		}
	}()
	return s.send(ctx)
}

// settle writes down what came of a sending.
func (p *postman) settle(ctx context.Context, parcels []Parcel, outcome error) error {
	a, lost := p.auth, p.judge(ctx, parcels, outcome)
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime) // what was sent was sent, whoever stops now
	defer cancel()
	if err := a.directory.SettleParcels(writing, parcels, a.records(lost...)...); err != nil {
		return err
	}
	for _, e := range lost {
		a.emit(ctx, e)
	}
	return nil
}

// judge sets when the parcels of a sending are due again, if ever, and returns the events of those that are given up.
func (p *postman) judge(ctx context.Context, parcels []Parcel, outcome error) (lost []Event) {
	again := p.auth.now().Add(backoff(parcels))
	wait, isLater := errors.AsType[postponed](outcome)
	for i := range parcels {
		one := &parcels[i]
		switch {
		case outcome == nil:
			one.DueAt = time.Time{}
		case errors.Is(outcome, errNoTurn): // as it came
		case isLater:
			one.DueAt = wait.at
		case errors.Is(outcome, ErrRejected) || one.Tries > len(parcelBackoff):
			one.DueAt = time.Time{}
			e := p.failed(*one)
			e.Err = outcome
			lost = append(lost, p.auth.dated(ctx, e))
		default:
			one.DueAt = again
			e := p.failed(*one)
			e.Type, e.Reason, e.Err = RequestFailed, p.kind, outcome
			p.auth.emit(ctx, e)
		}
	}
	return lost
}

// backoff is how long the parcels of a sending wait, all of them as the one that was tried least: apart they would be other mails.
func backoff(parcels []Parcel) time.Duration {
	tries := slices.MinFunc(parcels, func(x, y Parcel) int { return x.Tries - y.Tries }).Tries
	return parcelBackoff[min(max(0, tries-1), len(parcelBackoff)-1)]
}
