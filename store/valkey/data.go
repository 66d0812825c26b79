package valkey

import (
	"context"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// Datum implements cloakroom.Ledger. Data goes with its session, and its key has all three of the ref, so there is
// nothing else to look at.
func (l *Ledger) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (cloakroom.Datum, error) {
	d, err := l.datum(ctx, ref, key)
	if err != nil {
		return cloakroom.Datum{}, fmt.Errorf("%q of session %s: %w", key, ref.ID, err)
	}
	return d, nil
}

func (l *Ledger) datum(ctx context.Context, ref cloakroom.SessionRef, key string) (d cloakroom.Datum, err error) {
	ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return d, err
	}
	defer cancel()
	stored, err := found(ctx, l.client.Do(ctx, l.client.B().Hget().Key(l.dataKey(ref)).Field("="+key).Build()))
	if err != nil {
		return d, err
	}
	r := reader{rest: stored}
	d = cloakroom.Datum{Key: key, Revision: r.number(), Value: []byte(r.rest)}
	if r.broken {
		return cloakroom.Datum{}, errForm
	}
	return d, nil
}

// SetDatum implements cloakroom.Ledger. Removing a value is never too large, whatever else the session holds.
func (l *Ledger) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) error {
	args := []string{ref.UserID, ref.ID, d.Key, decimal(d.Revision), decimal(int64(maxBytes))}
	if d.Value != nil {
		args = append(args, string(d.Value))
	}
	answer, err := l.keep(ctx, call{setDatumScript, ref.Bucket, []string{l.ownerKey(ref.Bucket, ref.UserID), l.dataKey(ref)}, args})
	var done string
	if err == nil {
		done, err = answer.ToString()
	}
	if err == nil {
		err = refusals[done]
	}
	if err != nil {
		return fmt.Errorf("set %q of session %s: %w", d.Key, ref.ID, err)
	}
	return nil
}

// refusals are the answers of setdatum.lua.
var refusals = map[string]error{
	"done": nil, "gone": cloakroom.ErrNotFound, "conflict": cloakroom.ErrConflict, "large": cloakroom.ErrTooLarge,
}
