package server

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// meteredLedger is a metered Ledger.
type meteredLedger struct {
	ledger  cloakroom.Ledger
	metrics *metrics
}

func (m meteredLedger) Open(ctx context.Context, o cloakroom.Opening) (_ cloakroom.Opened, err error) {
	defer m.metrics.done("open", time.Now(), &err)
	return m.ledger.Open(ctx, o)
}

func (m meteredLedger) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (_ cloakroom.SessionRecord, err error) {
	defer m.metrics.done("session", time.Now(), &err)
	rec, err := m.ledger.Session(ctx, t, now)
	m.metrics.lookup(err)
	return rec, err
}

func (m meteredLedger) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) (err error) {
	defer m.metrics.done("rotate", time.Now(), &err)
	return m.ledger.Rotate(ctx, current, next, use)
}

func (m meteredLedger) Touch(ctx context.Context, touches []cloakroom.Touch) (err error) {
	defer m.metrics.done("touch", time.Now(), &err)
	return m.ledger.Touch(ctx, touches)
}

func (m meteredLedger) Renew(ctx context.Context, r cloakroom.Renewal) (err error) {
	defer m.metrics.done("renew", time.Now(), &err)
	return m.ledger.Renew(ctx, r)
}

func (m meteredLedger) Close(ctx context.Context, ref cloakroom.SessionRef, end cloakroom.Ending) (_ bool, err error) {
	defer m.metrics.done("close", time.Now(), &err)
	return m.ledger.Close(ctx, ref, end)
}

func (m meteredLedger) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end cloakroom.Ending) (_ []string, err error) {
	defer m.metrics.done("close_user", time.Now(), &err)
	return m.ledger.CloseUser(ctx, bucket, userID, keep, end)
}

func (m meteredLedger) SessionsOf(ctx context.Context, bucket uint16, userID, before string, max int) (_ []cloakroom.SessionRecord, err error) {
	defer m.metrics.done("sessions_of", time.Now(), &err)
	return m.ledger.SessionsOf(ctx, bucket, userID, before, max)
}

func (m meteredLedger) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (_ cloakroom.Datum, err error) {
	defer m.metrics.done("datum", time.Now(), &err)
	return m.ledger.Datum(ctx, ref, key)
}

func (m meteredLedger) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) (err error) {
	defer m.metrics.done("set_datum", time.Now(), &err)
	return m.ledger.SetDatum(ctx, ref, d, maxBytes)
}

func (m meteredLedger) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (_ cloakroom.Tally, err error) {
	defer m.metrics.done("count", time.Now(), &err)
	return m.ledger.Count(ctx, key, n, window, now)
}

func (m meteredLedger) Put(ctx context.Context, t cloakroom.Ticket) (err error) {
	defer m.metrics.done("put", time.Now(), &err)
	return m.ledger.Put(ctx, t)
}

func (m meteredLedger) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (_ cloakroom.Ticket, err error) {
	defer m.metrics.done("ticket", time.Now(), &err)
	return m.ledger.Ticket(ctx, kind, id, now)
}

func (m meteredLedger) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (_ cloakroom.Ticket, err error) {
	defer m.metrics.done("take", time.Now(), &err)
	return m.ledger.Take(ctx, kind, id, now)
}

func (m meteredLedger) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) (err error) {
	defer m.metrics.done("swap", time.Now(), &err)
	return m.ledger.Swap(ctx, t, now)
}

func (m meteredLedger) Sweep(ctx context.Context, s cloakroom.Sweep) (_ int, err error) {
	defer m.metrics.done("sweep", time.Now(), &err)
	return m.ledger.Sweep(ctx, s)
}
