package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// vetoed asks the app whether something may become true. What it answers beyond FieldErrors is its own affair: the client is
// told ErrForbidden, the cause goes to the event RequestFailed.
func (a *Auth) vetoed(r *http.Request, e Event) error {
	if a.config.Veto == nil {
		return nil
	}
	if e.Time.IsZero() {
		e = a.requested(r, e)
	}
	err := a.askVeto(r.Context(), e)
	if err == nil {
		return nil
	}
	if fields, ok := errors.AsType[FieldErrors](err); ok {
		return fields
	}
	a.emitRequest(r, Event{Type: RequestFailed, UserID: e.UserID, Reason: "veto", Err: err})
	return fmt.Errorf("%w: %v", ErrForbidden, err) // no more than forbidden, whatever the cause is in our words
}

// askVeto calls the app's hook. A panic in it refuses.
func (a *Auth) askVeto(ctx context.Context, e Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("veto panicked: %v", p)
		}
	}()
	return a.config.Veto(ctx, e)
}
