package main

import (
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// codedError is a GraphQL error with a code for programs in its extensions.
type codedError struct {
	message    string
	extensions map[string]any
}

func (e *codedError) Error() string              { return e.message }
func (e *codedError) Extensions() map[string]any { return e.extensions }

func coded(code, message string) *codedError {
	return &codedError{message, map[string]any{"code": code}}
}

func badInput(message string) error { return coded("BAD_USER_INPUT", message) }

// codes says which error of cloakroom is which code.
var codes = []struct {
	err  error
	code string
}{
	{cloakroom.ErrUnauthenticated, "UNAUTHENTICATED"},
	{cloakroom.ErrInvalidToken, "UNAUTHENTICATED"},
	{cloakroom.ErrInvalidCredentials, "INVALID_CREDENTIALS"},
	{cloakroom.ErrForbidden, "FORBIDDEN"},
	{cloakroom.ErrBanned, "USER_BANNED"},
	{cloakroom.ErrEmailTaken, "EMAIL_TAKEN"},
	{cloakroom.ErrCrossOrigin, "CROSS_ORIGIN"},
	{cloakroom.ErrAmbiguous, "AMBIGUOUS_CREDENTIALS"},
}

// tell turns an error into one that a client may see. The cause of what it does not know goes to the log only.
func tell(err error) error {
	if known, ok := errors.AsType[*codedError](err); ok {
		return known
	}
	if fields, ok := errors.AsType[cloakroom.FieldErrors](err); ok {
		e := coded("BAD_USER_INPUT", fields.Error())
		e.extensions["fields"] = []cloakroom.FieldError(fields)
		return e
	}
	if limit, ok := errors.AsType[*cloakroom.LimitError](err); ok {
		return again("RATE_LIMITED", "too many tries", limit.RetryAfter)
	}
	if down, ok := errors.AsType[*cloakroom.UnavailableError](err); ok {
		slog.Error("unavailable", "err", down.Cause)
		return again("UNAVAILABLE", "temporarily unavailable", down.RetryAfter)
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return coded(c.code, c.err.Error())
		}
	}
	slog.Error("internal", "err", err)
	return coded("INTERNAL", "internal error")
}

// again is an error that passes. retryAfter is in whole seconds, as in the HTTP header of that name.
func again(code, message string, after time.Duration) error {
	e := coded(code, message)
	e.extensions["retryAfter"] = int(max(1, math.Ceil(after.Seconds())))
	return e
}
