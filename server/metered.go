package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// metered is a store with a watch in its hand: it times every operation and counts those that fail, and adds nothing
// else. What a store is promised to say, such as that something is not there, is no failure.
type metered struct {
	store   store
	metrics *metrics
}

// store is what the server keeps everything in: one that finds a session and its user in one step.
type store interface {
	cloakroom.Store
	cloakroom.Finder
}

var _ store = metered{}

func (m *metrics) store(s store) cloakroom.Store { return metered{s, m} }

// storeOps are the names of the operations, one for each method.
var storeOps = []string{
	"create_user", "user", "user_by_email", "users", "update_user", "delete_user", "credentials",
	"swap_credential", "key_set", "swap_key_set", "revoke", "revocations", "open", "session", "rotate", "touch", "renew", "close", "close_user", "sessions_of", "datum",
	"set_datum", "count", "put", "ticket", "take", "swap", "sweep",
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
func (m metered) done(op string, start time.Time, err *error) {
	o := m.metrics.ops[op]
	o.seconds.Observe(time.Since(start).Seconds())
	if failed(*err) {
		o.errors.Inc()
	}
}

func (m metered) CreateUser(ctx context.Context, u cloakroom.User, creds ...cloakroom.Credential) (err error) {
	defer m.done("create_user", time.Now(), &err)
	return m.store.CreateUser(ctx, u, creds...)
}

func (m metered) User(ctx context.Context, id string) (_ cloakroom.User, err error) {
	defer m.done("user", time.Now(), &err)
	return m.store.User(ctx, id)
}

func (m metered) UserByEmail(ctx context.Context, realm, email string) (_ cloakroom.User, err error) {
	defer m.done("user_by_email", time.Now(), &err)
	return m.store.UserByEmail(ctx, realm, email)
}

func (m metered) Users(ctx context.Context, q cloakroom.UserQuery) (_ []cloakroom.User, err error) {
	defer m.done("users", time.Now(), &err)
	return m.store.Users(ctx, q)
}

func (m metered) UpdateUser(ctx context.Context, c cloakroom.UserChange) (err error) {
	defer m.done("update_user", time.Now(), &err)
	return m.store.UpdateUser(ctx, c)
}

func (m metered) DeleteUser(ctx context.Context, id, keeps string, revokedUntil time.Time) (err error) {
	defer m.done("delete_user", time.Now(), &err)
	return m.store.DeleteUser(ctx, id, keeps, revokedUntil)
}

func (m metered) Credentials(ctx context.Context, userID string) (_ []cloakroom.Credential, err error) {
	defer m.done("credentials", time.Now(), &err)
	return m.store.Credentials(ctx, userID)
}

func (m metered) SwapCredential(ctx context.Context, c cloakroom.Credential) (err error) {
	defer m.done("swap_credential", time.Now(), &err)
	return m.store.SwapCredential(ctx, c)
}

func (m metered) KeySet(ctx context.Context, realm string) (_ cloakroom.KeySet, err error) {
	defer m.done("key_set", time.Now(), &err)
	return m.store.KeySet(ctx, realm)
}

func (m metered) SwapKeySet(ctx context.Context, set cloakroom.KeySet) (err error) {
	defer m.done("swap_key_set", time.Now(), &err)
	return m.store.SwapKeySet(ctx, set)
}

func (m metered) Revoke(ctx context.Context, entries []cloakroom.Revocation) (err error) {
	defer m.done("revoke", time.Now(), &err)
	return m.store.Revoke(ctx, entries)
}

func (m metered) Revocations(ctx context.Context, after string, max int, now time.Time) (_ cloakroom.Revocations, err error) {
	defer m.done("revocations", time.Now(), &err)
	page, err := m.store.Revocations(ctx, after, max, now)
	courseOf(ctx).told(page.Entries)
	return page, err
}

func (m metered) Open(ctx context.Context, o cloakroom.Opening) (_ cloakroom.Opened, err error) {
	defer m.done("open", time.Now(), &err)
	return m.store.Open(ctx, o)
}

// Find implements cloakroom.Finder, which the server's stores are. It counts as a look-up of a session.
func (m metered) Find(ctx context.Context, t cloakroom.TokenID, now time.Time) (rec cloakroom.SessionRecord, user cloakroom.User, err error) {
	defer m.done("session", time.Now(), &err)
	rec, user, err = m.store.Find(ctx, t, now)
	m.metrics.lookup(err)
	return rec, user, err
}

func (m metered) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (_ cloakroom.SessionRecord, err error) {
	defer m.done("session", time.Now(), &err)
	rec, err := m.store.Session(ctx, t, now)
	m.metrics.lookup(err)
	return rec, err
}

func (m metered) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) (err error) {
	defer m.done("rotate", time.Now(), &err)
	return m.store.Rotate(ctx, current, next, use)
}

func (m metered) Touch(ctx context.Context, touches []cloakroom.Touch) (err error) {
	defer m.done("touch", time.Now(), &err)
	return m.store.Touch(ctx, touches)
}

func (m metered) Renew(ctx context.Context, old cloakroom.TokenID, s cloakroom.SessionRecord, movedUntil time.Time) (err error) {
	defer m.done("renew", time.Now(), &err)
	return m.store.Renew(ctx, old, s, movedUntil)
}

func (m metered) Close(ctx context.Context, ref cloakroom.SessionRef, revokedUntil time.Time) (_ bool, err error) {
	defer m.done("close", time.Now(), &err)
	return m.store.Close(ctx, ref, revokedUntil)
}

func (m metered) CloseUser(ctx context.Context, bucket uint16, userID, keep string, revokedUntil time.Time) (_ []string, err error) {
	defer m.done("close_user", time.Now(), &err)
	return m.store.CloseUser(ctx, bucket, userID, keep, revokedUntil)
}

func (m metered) SessionsOf(ctx context.Context, bucket uint16, userID, before string, max int) (_ []cloakroom.SessionRecord, err error) {
	defer m.done("sessions_of", time.Now(), &err)
	return m.store.SessionsOf(ctx, bucket, userID, before, max)
}

func (m metered) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (_ cloakroom.Datum, err error) {
	defer m.done("datum", time.Now(), &err)
	return m.store.Datum(ctx, ref, key)
}

func (m metered) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) (err error) {
	defer m.done("set_datum", time.Now(), &err)
	return m.store.SetDatum(ctx, ref, d, maxBytes)
}

func (m metered) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (_ cloakroom.Tally, err error) {
	defer m.done("count", time.Now(), &err)
	return m.store.Count(ctx, key, n, window, now)
}

func (m metered) Put(ctx context.Context, t cloakroom.Ticket) (err error) {
	defer m.done("put", time.Now(), &err)
	return m.store.Put(ctx, t)
}

func (m metered) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (_ cloakroom.Ticket, err error) {
	defer m.done("ticket", time.Now(), &err)
	return m.store.Ticket(ctx, kind, id, now)
}

func (m metered) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (_ cloakroom.Ticket, err error) {
	defer m.done("take", time.Now(), &err)
	return m.store.Take(ctx, kind, id, now)
}

func (m metered) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) (err error) {
	defer m.done("swap", time.Now(), &err)
	return m.store.Swap(ctx, t, now)
}

func (m metered) Sweep(ctx context.Context, s cloakroom.Sweep) (_ int, err error) {
	defer m.done("sweep", time.Now(), &err)
	return m.store.Sweep(ctx, s)
}
