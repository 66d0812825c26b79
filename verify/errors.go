package verify

import (
	"errors"
	"fmt"
)

// ErrInvalid is every certain no to a token: each of the errors below that speak of one is also this.
var ErrInvalid = errors.New("token refused")

// What is wrong with a token. Compare with errors.Is.
var (
	ErrMalformed  = refusal("malformed")               // not a signed token of our strict form, or a claim missing
	ErrType       = refusal("of another type")         // its typ: an ID token, say, where an access token belongs
	ErrIssuer     = refusal("of another issuer")       // its iss
	ErrAudience   = refusal("for somebody else")       // its aud
	ErrExpired    = refusal("expired")                 // now ≥ exp + leeway
	ErrEarly      = refusal("not valid yet")           // its iat or nbf is in the future, beyond the leeway
	ErrUnknownKey = refusal("signed with unknown key") // not in the issuer's set, or not any more
	ErrSignature  = refusal("signature does not fit")  // or it names another algorithm than the key's
	ErrRevoked    = refusal("revoked")                 // its session or all tokens of its user were ended
)

// What else can happen.
var (
	// ErrUnavailable: the keys or the revocations cannot be known now. The token may be good.
	ErrUnavailable = errors.New("cannot tell whether the token is good")
	// ErrConfig: the Verifier or the Rules lack something, or say something that cannot be. No token is judged.
	ErrConfig = errors.New("verifier misconfigured")
)

// What can be wrong with a request. None of them is ErrInvalid.
var (
	ErrNoToken     = errors.New("no token")
	ErrAmbiguous   = errors.New("more than one credential")
	ErrCrossOrigin = errors.New("cross-origin request refused")
	ErrForbidden   = errors.New("not allowed")
	ErrStepUp      = errors.New("signed in too long ago")
)

func refusal(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }

func malformed(cause error) error { return fmt.Errorf("%w: %w", ErrMalformed, cause) }

// unavailable keeps the cause to be asked for, but for one that is a certain no to something else: an answer of the feed
// with a bad signature says nothing against the token.
func unavailable(cause error) error {
	if errors.Is(cause, ErrInvalid) {
		return fmt.Errorf("%w: %v", ErrUnavailable, cause)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, cause)
}

func misconfigured(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
