// Package totp proves a second factor with the six digits that an authenticator app shows (RFC 6238).
//
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:         store,
//		Methods:       []cloakroom.Method{password.Method{}},
//		SecondFactors: []cloakroom.Method{totp.Method{Issuer: "Acme"}, recovery.Method{}},
//	})
//
// # How it begins
//
// Offer makes a secret of 160 random bits (RFC 4226 §4, R6; OWASP ASVS 5.0 §6.5.3) and shows it as a Setup: in letters,
// as a URI and as a QR code of that URI. The user's app reads it and answers with its first code; Bind holds
// the code against the secret, and only then is there a credential. A user has one at most: whoever changes phones
// removes the old one first.
//
// # What is right
//
// HMAC-SHA-1, six digits and steps of 30 seconds: what every app does when it is told nothing else. SHA-1 is no weakness
// here, an HMAC does not need a hash without collisions. Spaces and dashes in a code are ignored.
//
// The code of the present step is right, and so is that of the step before and the step after: clocks of telephones are
// off, and typing takes time (RFC 6238 §5.2). A code can thus be used for up to 90 seconds, from 30 seconds before
// its app shows it until 30 seconds after. That deviates from ASVS §6.5.5, which allows 30 seconds of life, and is the
// least that keeps people from being turned away at the border of a step. The time is the server's alone (ASVS §6.5.8).
//
// A code is right once (RFC 6238 §5.2, ASVS §6.5.1). What is stored is the step of the last code that was accepted, not
// the code: this one and all older ones are refused from then on, also the one that Bind has accepted. So there is one
// proof per 30 seconds. Of requests that bring one code at the same time the engine lets one win, see cloakroom.Proof.Once.
//
// # What a wrong code costs
//
// The same as one for nobody, for an account without this factor and for a credential that cannot be read: the three
// codes are computed and compared in constant time. Three codes in a million are right, so tries must be counted; the
// engine does so before it asks.
//
// # How it is kept
//
// As 29 bytes: a version, the last accepted step, the secret. The secret has to be known in the clear to compute codes, so
// Seals asks the engine to encrypt them before a store sees them.
//
// # What is not here
//
// Counter-based codes (HOTP), other hashes, lengths and steps, and learning how far a clock is off (RFC 6238 §6):
// one that is more than 30 seconds off must be set right, as telephones do by themselves.
package totp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom"
)

// Method proves a factor with codes of an authenticator app. The zero value is ready to use and safe.
type Method struct {
	// Issuer is the name of the service, shown above the codes in the app: at most 64 characters without a colon. Empty
	// means "Cloakroom". Codes go on working when it changes; apps show the old name.
	Issuer string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

var (
	_ cloakroom.Binder = Method{}
	_ cloakroom.Sealer = Method{}
)

const maxIssuer = 64 // characters

// Name is "totp".
func (Method) Name() string { return "totp" }

// Seals is true: whoever reads the secret can make codes.
func (Method) Seals() bool { return true }

// Check reports an Issuer that cannot be, as a *cloakroom.ConfigError. cloakroom.New asks it.
func (m Method) Check() error {
	bad := func(r rune) bool { return r == ':' || unicode.IsControl(r) }
	if utf8.ValidString(m.Issuer) && utf8.RuneCountInString(m.Issuer) <= maxIssuer && !strings.ContainsFunc(m.Issuer, bad) {
		return nil
	}
	return &cloakroom.ConfigError{
		Field:  "totp.Method.Issuer",
		Reason: "must be at most 64 characters without a colon or control characters, or apps misread it",
		Mend:   "set the name of your service, or leave it empty for " + defaultIssuer,
	}
}

// Prove holds a code against the secret on file. Whatever is not right is cloakroom.ErrInvalidCredentials, with a
// cause when the credential cannot be read. The Proof has the credential with the step that is used up now.
func (m Method) Prove(_ context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	s, refused := onFile(c)
	step, ok := s.accepts(c.Secret, m.step())
	switch {
	case refused != nil:
		return cloakroom.Proof{}, refused
	case !ok:
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	s.last = step
	cred := c.Credentials[0]
	cred.Data = s.data()
	return cloakroom.Proof{Credential: &cred, Once: true}, nil
}

// onFile reads what the user has. Where that is nothing, the state is a decoy to do the same work with, and the error is
// what to answer after it.
func onFile(c cloakroom.Claim) (state, error) {
	decoy := state{secret: make([]byte, secretSize)}
	if c.User == nil || len(c.Credentials) == 0 {
		return decoy, cloakroom.ErrInvalidCredentials
	}
	s, err := parse(c.Credentials[0].Data)
	if err != nil {
		return decoy, corrupt(c.User.ID, err)
	}
	return s, nil
}

func corrupt(userID string, cause error) error {
	return fmt.Errorf("%w: totp of user %s: %w", cloakroom.ErrInvalidCredentials, userID, cause)
}

var errData = errors.New("data is not of a known form")

func (m Method) step() int64 {
	if m.Now == nil {
		return stepAt(time.Now())
	}
	return stepAt(m.Now())
}
