package server

import (
	"context"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// meteredDirectory is a metered Directory.
type meteredDirectory struct {
	directory cloakroom.Directory
	metrics   *metrics
}

func (m meteredDirectory) CreateUser(ctx context.Context, c cloakroom.UserChange) (err error) {
	defer m.metrics.done("create_user", time.Now(), &err)
	return m.directory.CreateUser(ctx, c)
}

func (m meteredDirectory) User(ctx context.Context, id string) (_ cloakroom.User, err error) {
	defer m.metrics.done("user", time.Now(), &err)
	return m.directory.User(ctx, id)
}

func (m meteredDirectory) UserByEmail(ctx context.Context, realm, email string) (_ cloakroom.User, err error) {
	defer m.metrics.done("user_by_email", time.Now(), &err)
	return m.directory.UserByEmail(ctx, realm, email)
}

func (m meteredDirectory) UserByExternalID(ctx context.Context, realm, externalID string) (_ cloakroom.User, err error) {
	defer m.metrics.done("user_by_external_id", time.Now(), &err)
	return m.directory.UserByExternalID(ctx, realm, externalID)
}

func (m meteredDirectory) Users(ctx context.Context, q cloakroom.UserQuery) (_ []cloakroom.User, err error) {
	defer m.metrics.done("users", time.Now(), &err)
	return m.directory.Users(ctx, q)
}

func (m meteredDirectory) UpdateUser(ctx context.Context, c cloakroom.UserChange) (err error) {
	defer m.metrics.done("update_user", time.Now(), &err)
	return m.directory.UpdateUser(ctx, c)
}

func (m meteredDirectory) DeleteUser(ctx context.Context, id, keeps string, end cloakroom.Ending) (err error) {
	defer m.metrics.done("delete_user", time.Now(), &err)
	return m.directory.DeleteUser(ctx, id, keeps, end)
}

func (m meteredDirectory) Credentials(ctx context.Context, userID string) (_ []cloakroom.Credential, err error) {
	defer m.metrics.done("credentials", time.Now(), &err)
	return m.directory.Credentials(ctx, userID)
}

func (m meteredDirectory) SwapCredential(ctx context.Context, c cloakroom.Credential) (err error) {
	defer m.metrics.done("swap_credential", time.Now(), &err)
	return m.directory.SwapCredential(ctx, c)
}

func (m meteredDirectory) SwapAPIKeys(ctx context.Context, keys []cloakroom.APIKeyRecord, events ...cloakroom.EventRecord) (err error) {
	defer m.metrics.done("swap_api_keys", time.Now(), &err)
	return m.directory.SwapAPIKeys(ctx, keys, events...)
}

func (m meteredDirectory) APIKey(ctx context.Context, t cloakroom.TokenID) (_ cloakroom.APIKeyRecord, err error) {
	defer m.metrics.done("api_key", time.Now(), &err)
	return m.directory.APIKey(ctx, t)
}

func (m meteredDirectory) APIKeys(ctx context.Context, q cloakroom.APIKeyQuery) (_ []cloakroom.APIKeyRecord, err error) {
	defer m.metrics.done("api_keys", time.Now(), &err)
	return m.directory.APIKeys(ctx, q)
}

func (m meteredDirectory) DeleteAPIKey(ctx context.Context, realm, id string, events ...cloakroom.EventRecord) (_ bool, err error) {
	defer m.metrics.done("delete_api_key", time.Now(), &err)
	return m.directory.DeleteAPIKey(ctx, realm, id, events...)
}

func (m meteredDirectory) KeySet(ctx context.Context, realm string) (_ cloakroom.KeySet, err error) {
	defer m.metrics.done("key_set", time.Now(), &err)
	return m.directory.KeySet(ctx, realm)
}

func (m meteredDirectory) SwapKeySet(ctx context.Context, set cloakroom.KeySet, events ...cloakroom.EventRecord) (err error) {
	defer m.metrics.done("swap_key_set", time.Now(), &err)
	return m.directory.SwapKeySet(ctx, set, events...)
}

func (m meteredDirectory) Append(ctx context.Context, entries []cloakroom.Revocation, events []cloakroom.EventRecord) (err error) {
	defer m.metrics.done("append", time.Now(), &err)
	return m.directory.Append(ctx, entries, events)
}

func (m meteredDirectory) Revocations(ctx context.Context, after string, max int, now time.Time) (_ cloakroom.Revocations, err error) {
	defer m.metrics.done("revocations", time.Now(), &err)
	page, err := m.directory.Revocations(ctx, after, max, now)
	courseOf(ctx).told(page.Entries)
	return page, err
}

func (m meteredDirectory) Events(ctx context.Context, q cloakroom.EventQuery) (_ []cloakroom.EventRecord, err error) {
	defer m.metrics.done("events", time.Now(), &err)
	return m.directory.Events(ctx, q)
}

func (m meteredDirectory) ClaimEvents(ctx context.Context, realm string, now, leasedUntil time.Time, max int) (_ []cloakroom.EventRecord, err error) {
	defer m.metrics.done("claim_events", time.Now(), &err)
	return m.directory.ClaimEvents(ctx, realm, now, leasedUntil, max)
}

func (m meteredDirectory) EventsDelivered(ctx context.Context, ids []string) (err error) {
	defer m.metrics.done("events_delivered", time.Now(), &err)
	return m.directory.EventsDelivered(ctx, ids)
}

func (m meteredDirectory) ClaimParcels(ctx context.Context, q cloakroom.ParcelQuery) (_ []cloakroom.Parcel, err error) {
	defer m.metrics.done("claim_parcels", time.Now(), &err)
	return m.directory.ClaimParcels(ctx, q)
}

func (m meteredDirectory) SettleParcels(ctx context.Context, parcels []cloakroom.Parcel, events ...cloakroom.EventRecord) (err error) {
	defer m.metrics.done("settle_parcels", time.Now(), &err)
	return m.directory.SettleParcels(ctx, parcels, events...)
}

func (m meteredDirectory) Prune(ctx context.Context, p cloakroom.Prune) (_ int, err error) {
	defer m.metrics.done("prune", time.Now(), &err)
	return m.directory.Prune(ctx, p)
}
