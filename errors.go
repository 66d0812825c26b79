package cloakroom

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What can go wrong with a request. Compare with errors.Is; Auth.Fail turns any of them into an answer (RFC 9457).
var (
	ErrUnauthenticated    = errors.New("not signed in")
	ErrInvalidToken       = errors.New("token is not valid, or no longer")
	ErrAmbiguous          = errors.New("more than one Authorization header")
	ErrInvalidCredentials = errors.New("wrong e-mail or password")
	ErrBanned             = errors.New("this account is banned")
	ErrForbidden          = errors.New("not allowed")
	ErrCrossOrigin        = errors.New("cross-origin request refused")
	ErrEmailTaken         = errors.New("this e-mail has an account")
	ErrSignupClosed       = errors.New("sign-up is closed")
	ErrInvalidChallenge   = errors.New("this sign-in attempt is over; start again")
	ErrRefreshMissing     = errors.New("no refresh token was sent")
	ErrInvalidRefresh     = errors.New("refresh token is not valid, or no longer")
	ErrRefreshReused      = errors.New("refresh token was used before; its session has been ended")
	ErrRefreshMismatch    = errors.New("refresh token and session cookie are of two sessions; that of the refresh token has been ended")
	ErrInvalidClient      = errors.New("unknown client or wrong secret")
	ErrWrongAnswer        = errors.New("not the right answer; nothing was changed")
	ErrInvalidLink        = errors.New("this link was used, replaced, or is not one of ours")
	ErrExpiredLink        = errors.New("this link is too old; ask for a new one")
	ErrNotVerified        = errors.New("the e-mail of this account is not verified yet")
	ErrResetRequired      = errors.New("the password must be reset by mail first")
	ErrPasswordSet        = errors.New("the account has a password already")
	ErrFactorExists       = errors.New("the account has this factor already")
	ErrLastMethod         = errors.New("this is the only way left to sign in")
	ErrImpersonated       = errors.New("not while acting as somebody else")
)

// UnavailableError means that the truth cannot be known now: the store is out of reach, or hashing has no room. It
// answers 503 with Retry-After; it ends no session and clears no cookie.
type UnavailableError struct {
	Cause      error
	RetryAfter time.Duration // at least one second is told
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("unavailable: %v", e.Cause) }
func (e *UnavailableError) Unwrap() error { return e.Cause }

// unavailable wraps what a store said that it did not promise to say.
func unavailable(cause error) error {
	if already, ok := errors.AsType[*UnavailableError](cause); ok {
		return already
	}
	return &UnavailableError{Cause: cause, RetryAfter: time.Second}
}

// LimitError means too many tries. It answers 429 with Retry-After and RateLimit headers.
type LimitError struct {
	Policy     string        // "login" or "signup"
	Limit      int           // so many
	Window     time.Duration // in so long
	RetryAfter time.Duration
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many tries: %d in %v, again in %v", e.Limit, e.Window, e.RetryAfter)
}

// StepUpError means that the session is alive but its proof is too weak or too old for this (RFC 9470).
type StepUpError struct {
	MaxAge time.Duration // the proof must be younger; zero: any age
	MFA    bool          // two factors are needed
}

func (e *StepUpError) Error() string { return "a stronger or fresher sign-in is needed" }

// FieldError is one field that cannot be taken, with a stable code and what would be right.
type FieldError struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// FieldErrors are all the fields that cannot be taken. It answers 422.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	parts := make([]string, len(e))
	for i, f := range e {
		parts[i] = f.Field + " " + f.Message
	}
	return strings.Join(parts, "; ")
}

// ConfigError is one mistake in a Config: which field, why it cannot be, and what to do.
type ConfigError struct {
	Field  string
	Reason string
	Mend   string
}

func (e *ConfigError) Error() string { return e.Field + ": " + e.Reason + "; " + e.Mend }
