package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// A metered store has a watch in its hand: it times every operation and counts those that fail, and adds nothing else.
// What a store is promised to say, such as that something is not there, is no failure.

// store is s, metered. What only some stores can do it can do if s can.
func (m *metrics) store(s cloakroom.Store) cloakroom.Store {
	type metered struct {
		meteredDirectory
		meteredLedger
	}
	plain := metered{meteredDirectory{s, m}, meteredLedger{s, m}}
	finder, finds := s.(cloakroom.Finder)
	waker, wakes := s.(cloakroom.Waker)
	switch {
	case finds && wakes:
		return struct {
			metered
			meteredFinder
			cloakroom.Waker
		}{plain, meteredFinder{finder, m}, waker}
	case finds:
		return struct {
			metered
			meteredFinder
		}{plain, meteredFinder{finder, m}}
	case wakes:
		return struct {
			metered
			cloakroom.Waker
		}{plain, waker}
	}
	return plain
}

// ledger is l, metered.
func (m *metrics) ledger(l cloakroom.Ledger) cloakroom.Ledger { return meteredLedger{l, m} }

// storeOps are the names of the operations, one for each method.
var storeOps = []string{
	"create_user", "user", "user_by_email", "user_by_external_id", "users", "update_user", "delete_user", "credentials",
	"swap_credential", "swap_api_keys", "api_key", "api_keys", "delete_api_key", "key_set", "swap_key_set", "append", "revocations",
	"events", "claim_events", "events_delivered", "claim_parcels", "settle_parcels", "prune",
	"open", "session", "rotate", "touch", "renew", "close", "close_user", "sessions_of", "datum", "set_datum",
	"count", "put", "ticket", "take", "swap", "sweep",
}

// promised are the errors with which a store answers the question.
var promised = []error{
	cloakroom.ErrNotFound, cloakroom.ErrMoved, cloakroom.ErrConflict, cloakroom.ErrTaken,
	cloakroom.ErrLastHolder, cloakroom.ErrUsed, cloakroom.ErrTooLarge,
}

// failed reports whether err is one of the store's own. A caller that gave up is none.
func failed(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) &&
		!slices.ContainsFunc(promised, func(p error) bool { return errors.Is(err, p) })
}

// done is deferred by every operation.
func (m *metrics) done(op string, start time.Time, err *error) {
	o := m.ops[op]
	o.seconds.Observe(time.Since(start).Seconds())
	if failed(*err) {
		o.errors.Inc()
	}
}

// meteredFinder counts as a look-up of a session.
type meteredFinder struct {
	finder  cloakroom.Finder
	metrics *metrics
}

func (m meteredFinder) Find(ctx context.Context, t cloakroom.TokenID, now time.Time) (rec cloakroom.SessionRecord, user cloakroom.User, err error) {
	defer m.metrics.done("session", time.Now(), &err)
	rec, user, err = m.finder.Find(ctx, t, now)
	m.metrics.lookup(err)
	return rec, user, err
}
