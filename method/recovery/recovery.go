// Package recovery lets people in who have lost their second factor: ten codes on a sheet of paper, each good once.
//
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:         store,
//		Methods:       []cloakroom.Method{password.Method{}},
//		SecondFactors: []cloakroom.Method{totp.Method{Issuer: "Acme"}, recovery.Method{}},
//	})
//
// # What a code is
//
// 120 random bits (OWASP ASVS 5.0 §6.5.3, §6.5.4) in the 32 letters and digits of Crockford's base32:
//
//	7K3M-9QXT-0VWE-R5ZD-2HAP-84NC
//
// Codes are copied by hand, so spaces, dashes and upper or lower case do not count, and look-alikes that are not in the
// alphabet are taken for what they look like: O for 0, I and L for 1, U for V.
//
// Generate makes all ten anew; they are shown once, and those of before are dead. A proof uses its code up (ASVS §6.5.1);
// of requests that bring one code at the same time the engine lets one win, see cloakroom.Proof.Once. Describe tells how
// many are left.
//
// # How they are kept
//
// As SHA-256, each bound to its user. With 112 bits and more nobody finds a code from its hash by trying, so ASVS §6.5.2
// asks for no slow hash and no salt. A used hash is overwritten. The whole is 321 bytes: a version, then ten
// hashes, zeros in place of those that are used.
//
// # What a wrong code costs
//
// The same as one for nobody, for an account without codes and for a credential that cannot be read: one hash, compared with
// all ten in constant time. What cannot be a code at all costs no less.
//
// # What is not here
//
// Codes that are short, sent, or that run out with time; and the decision when they may be used: they are a
// second factor like others.
package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloakroom-auth/cloakroom"
)

// Method proves a second factor with codes that were written down. The zero value is ready to use and safe.
type Method struct{}

var (
	_ cloakroom.Generator = Method{}
	_ cloakroom.Describer = Method{}
)

// Status is what Describe tells.
type Status struct {
	Remaining int `json:"remaining"` // codes that are not used up
	Total     int `json:"total"`     // codes that were made
}

// Name is "recovery_code".
func (Method) Name() string { return "recovery_code" }

// Generate makes ten codes for a user, who must have an ID, and the data that knows them again.
func (Method) Generate(_ context.Context, user cloakroom.User) (secrets []string, data []byte, err error) {
	if user.ID == "" {
		return nil, nil, errors.New("recovery codes are for a user that has an id")
	}
	var s sheet
	for i := range s {
		c := newCode()
		secrets = append(secrets, c.String())
		s[i] = c.hash(user.ID)
	}
	return secrets, s.data(), nil
}

// Prove looks a code up among those that are left. Whatever is not right is cloakroom.ErrInvalidCredentials, with a
// cause when the credential cannot be read. The Proof has the credential without the code.
func (Method) Prove(_ context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	user, s, refused := onFile(c)
	given, ok := parse(c.Secret)
	rest, found := s.without(given.hash(user))
	switch {
	case refused != nil:
		return cloakroom.Proof{}, refused
	case !ok || !found:
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	cred := c.Credentials[0]
	cred.Data = rest.data()
	return cloakroom.Proof{Credential: &cred, Once: true}, nil
}

// Describe returns a Status; that of a credential that cannot be read is zero.
func (Method) Describe(c cloakroom.Credential) any {
	s, err := open(c.Data)
	if err != nil {
		return Status{}
	}
	return Status{Remaining: s.remaining(), Total: len(s)}
}

// onFile reads what the user has. Where that is nothing, the sheet is empty, and the error is what to answer after the work
// was done with it.
func onFile(c cloakroom.Claim) (userID string, s sheet, refused error) {
	if c.User == nil || len(c.Credentials) == 0 {
		return "", sheet{}, cloakroom.ErrInvalidCredentials
	}
	s, err := open(c.Credentials[0].Data)
	if err != nil {
		refused = fmt.Errorf("%w: recovery codes of user %s: %w", cloakroom.ErrInvalidCredentials, c.User.ID, err)
	}
	return c.User.ID, s, refused
}
