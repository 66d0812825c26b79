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
// Every method takes any live session, of a guest or a user. Errors: ErrTooLarge, *UnavailableError, and from Set and
// Update ErrInvalidToken when the session has ended; its values ended with it, so Get finds none.
//
// A write is durable when its method returns. Behind Protect, Optional and Require it is taken back if the handler then
// panics, unless somebody else has changed the value meanwhile; what goroutines write after the panic stays. For a
// session that Enter, Visit, Authenticate, a sign-in or, behind Protect, Begin returned nobody sees an end, so there every
// write stays.
type Key[T any] struct{ name string }

// NewKey makes a key. The name has 1 to 64 ASCII letters, digits and characters of "._:-"; with another one every
// method of the key fails. Two keys of one name and different types share, and spoil, one value.
func NewKey[T any](name string) Key[T] { return Key[T]{name} }

// Get returns the value, and whether there is one. Without one it is the zero T.
func (k Key[T]) Get(ctx context.Context, s *Session) (value T, ok bool, err error) {
	d, err := k.datum(ctx, s)
	if err != nil || d.Revision == 0 {
		return value, false, err
	}
	value, err = k.decode(d)
	return value, err == nil, err
}

// Set stores a value whatever was there before. To change a value by what it was, use Update.
func (k Key[T]) Set(ctx context.Context, s *Session, value T) error {
	return k.swap(ctx, s, func(Datum) ([]byte, error) { return k.encode(value) })
}

// Update changes the value by what it is: a compare-and-swap, so that requests side by side never lose each other's
// writes. change gets the zero T when there is no value, and is called again when somebody else was faster: it must
// have no effect but its result. When it fails nothing is written and its error is returned.
func (k Key[T]) Update(ctx context.Context, s *Session, change func(T) (T, error)) (T, error) {
	var next, none T
	err := k.swap(ctx, s, func(d Datum) ([]byte, error) {
		value, err := k.decode(d)
		if err != nil {
			return nil, err
		}
		if next, err = change(value); err != nil {
			return nil, err
		}
		return k.encode(next)
	})
	if err != nil {
		return none, err
	}
	return next, nil
}

// Delete removes the value. Removing what is not there is no error.
func (k Key[T]) Delete(ctx context.Context, s *Session) error {
	return k.swap(ctx, s, func(Datum) ([]byte, error) { return nil, nil })
}

// swap puts what change makes of the present datum in its place, and again when somebody was faster. Nil removes it.
func (k Key[T]) swap(ctx context.Context, s *Session, change func(Datum) ([]byte, error)) error {
	if s != nil && s.byKey() {
		return ErrForbidden
	}
	for {
		d, err := k.datum(ctx, s)
		if err != nil {
			return err
		}
		value, err := change(d)
		if err != nil || value == nil && d.Revision == 0 {
			return err
		}
		next := Datum{Key: d.Key, Value: value, Revision: d.Revision}
		err = s.auth.ledger.SetDatum(ctx, s.ref, next, maxData)
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			err = known(err, ErrTooLarge, ErrTooLarge, ErrNotFound, ErrInvalidToken)
		}
		s.writes.note(s.ref, d, next, err)
		return err
	}
}

// datum reads what is there: revision 0 if nothing is.
func (k Key[T]) datum(ctx context.Context, s *Session) (Datum, error) {
	if err := k.check(s); err != nil {
		return Datum{}, err
	}
	return s.auth.datum(ctx, s.ref, k.name)
}

func (a *Auth) datum(ctx context.Context, ref SessionRef, key string) (Datum, error) {
	d, err := a.ledger.Datum(ctx, ref, key)
	if errors.Is(err, ErrNotFound) {
		return Datum{Key: key}, nil
	}
	if err != nil {
		return Datum{}, unavailable(err)
	}
	return d, nil
}

func (k Key[T]) decode(d Datum) (value T, err error) {
	if d.Revision == 0 {
		return value, nil
	}
	if err := json.Unmarshal(d.Value, &value); err != nil {
		return value, fmt.Errorf("session data %q is of another type: %w", k.name, err)
	}
	return value, nil
}

func (k Key[T]) encode(value T) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("session data %q: %w", k.name, err)
	}
	if len(data) > maxValue {
		return nil, fmt.Errorf("session data %q has %d bytes, at most %d fit: %w", k.name, len(data), maxValue, ErrTooLarge)
	}
	return data, nil
}

func (k Key[T]) check(s *Session) error {
	if s == nil || s.auth == nil {
		return ErrUnauthenticated
	}
	if !validRole(k.name) || len(k.name) > maxKey {
		return fmt.Errorf("session data key %q: use 1 to %d letters, digits or ._:-", k.name, maxKey)
	}
	return nil
}
