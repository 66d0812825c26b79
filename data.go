package cloakroom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Limits of a session's data. They keep a session what it is, a small thing read often.
const (
	maxKey   = 64        // bytes of a key's name
	maxValue = 32 << 10  // bytes of one value in JSON
	maxData  = 128 << 10 // bytes of all keys and values of a session
)

// Key names one value of a session's data, and its type. Make it once with NewKey and share it: it is safe for
// concurrent use. Values are kept as JSON, at most 32 KiB each and 128 KiB for a session.
//
// Every method takes any live session, of a guest or a user. Errors: ErrTooLarge, ErrInvalidToken when the session has
// ended, *UnavailableError.
type Key[T any] struct{ name string }

// NewKey makes a key. The name has 1 to 64 bytes of ASCII letters, digits, dots, dashes and underscores; with another
// one every method of the key fails. Two keys of one name and different types share, and spoil, one value.
func NewKey[T any](name string) Key[T] { return Key[T]{name} }

// Get returns the value, and whether there is one. Without one it is the zero T.
func (k Key[T]) Get(ctx context.Context, s *Session) (value T, ok bool, err error) {
	value, revision, err := k.read(ctx, s)
	return value, revision > 0, err
}

// Set stores a value whatever was there before. To change a value by what it was, use Update.
func (k Key[T]) Set(ctx context.Context, s *Session, value T) error {
	_, err := k.Update(ctx, s, func(T) (T, error) { return value, nil })
	return err
}

// Update changes the value by what it is: a compare-and-swap, so that requests side by side never lose each other's
// writes. change gets the zero T when there is no value, and is called again when somebody else was faster: it must
// have no effect but its result. When it fails nothing is written and its error is returned.
func (k Key[T]) Update(ctx context.Context, s *Session, change func(T) (T, error)) (T, error) {
	for {
		value, revision, err := k.read(ctx, s)
		if err != nil {
			return value, err
		}
		next, err := change(value)
		if err != nil {
			return value, err
		}
		err = k.write(ctx, s, next, revision)
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return value, err
		}
		return next, nil
	}
}

// Delete removes the value. Removing what is not there is no error.
func (k Key[T]) Delete(ctx context.Context, s *Session) error {
	for {
		_, revision, err := k.read(ctx, s)
		if err != nil || revision == 0 {
			return err
		}
		err = dataError(s.auth.ledger.SetDatum(ctx, s.record.Ref(), Datum{Key: k.name, Revision: revision}, maxData))
		if !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
}

func (k Key[T]) read(ctx context.Context, s *Session) (value T, revision int64, err error) {
	if err := k.check(s); err != nil {
		return value, 0, err
	}
	d, err := s.auth.ledger.Datum(ctx, s.record.Ref(), k.name)
	if errors.Is(err, ErrNotFound) {
		return value, 0, nil
	}
	if err != nil {
		return value, 0, unavailable(err)
	}
	if err := json.Unmarshal(d.Value, &value); err != nil {
		return value, 0, fmt.Errorf("session data %q is of another type: %w", k.name, err)
	}
	return value, d.Revision, nil
}

func (k Key[T]) write(ctx context.Context, s *Session, value T, revision int64) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("session data %q: %w", k.name, err)
	}
	if len(data) > maxValue {
		return fmt.Errorf("session data %q has %d bytes, at most %d fit: %w", k.name, len(data), maxValue, ErrTooLarge)
	}
	return dataError(s.auth.ledger.SetDatum(ctx, s.record.Ref(), Datum{Key: k.name, Value: data, Revision: revision}, maxData))
}

func (k Key[T]) check(s *Session) error {
	if s == nil || s.auth == nil {
		return ErrUnauthenticated
	}
	if !validRole(k.name) || len(k.name) > maxKey {
		return fmt.Errorf("session data key %q: use 1 to %d letters, digits, dots, dashes or underscores", k.name, maxKey)
	}
	return nil
}

func dataError(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrConflict) || errors.Is(err, ErrTooLarge):
		return err
	case errors.Is(err, ErrNotFound):
		return ErrInvalidToken
	}
	return unavailable(err)
}
