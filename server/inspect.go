package server

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// InspectKeys returns the signing keys, oldest first, and an error when the one that signs cannot be used with the secrets
// of the configuration. It changes nothing, but only where secrets and database are there and the schema is whole; otherwise it
// makes them, as Open does.
func InspectKeys(ctx context.Context, cfg config.Config) (keys []cloakroom.SigningKey, err error) {
	cfg.Store.Sessions = "" // which say nothing of keys
	e, err := open(cfg, parts{store: func(s cloakroom.Store) cloakroom.Store { return still{s} }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close(context.WithoutCancel(ctx))) }()
	keys, err = e.Auth.Keys().List(ctx)
	if err != nil || len(keys) == 0 {
		return keys, err
	}
	_, err = e.Auth.Feed(ctx, cloakroom.FeedQuery{Client: "inspection"})
	if u, ok := errors.AsType[*cloakroom.UnavailableError](err); ok {
		err = u.Cause
	}
	return keys, err
}

// still is a store that lies still: what an engine writes unasked is not written.
type still struct{ cloakroom.Store }

func (still) Touch(context.Context, []cloakroom.Touch) error      { return nil }
func (still) Sweep(context.Context, cloakroom.Sweep) (int, error) { return 0, nil }
func (still) Prune(context.Context, cloakroom.Prune) (int, error) { return 0, nil }

func (still) SwapKeySet(context.Context, cloakroom.KeySet, ...cloakroom.EventRecord) error {
	return nil
}

func (still) ClaimEvents(context.Context, string, time.Time, time.Time, int) ([]cloakroom.EventRecord, error) {
	return nil, nil
}

func (still) ClaimParcels(context.Context, cloakroom.ParcelQuery) ([]cloakroom.Parcel, error) {
	return nil, nil
}

// NextRotation is when the key after this one takes over, for a key that signs.
func NextRotation(k cloakroom.SigningKey, cfg config.Config) time.Time {
	if !k.RetiredAt.IsZero() {
		return k.RetiredAt
	}
	return k.ActiveAt.Add(cfg.Token.KeyAge)
}
