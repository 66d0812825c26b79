package verify

import (
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

// AccessToken is the typ of access tokens (RFC 9068 §2.1).
const AccessToken = "at+jwt"

const (
	// DefaultLeeway is how far the clocks of issuer and verifier may be apart unless the literal says otherwise.
	DefaultLeeway = 30 * time.Second
	// MaxLeeway is the most that may be asked for. The issuer keeps a revocation as long as a token could live under
	// this leeway; with more, a revoked token could outlive the memory of its revocation.
	MaxLeeway = time.Minute
)

// Rules is what a token must be, apart from being signed. The zero value accepts nothing: Type, Issuer and Audience
// must be given.
type Rules struct {
	Type     string        // of the header, exactly: AccessToken, say
	Issuer   string        // iss, exactly
	Audience string        // one of aud, exactly
	Leeway   time.Duration // zero means DefaultLeeway, less than zero none, more than MaxLeeway is refused

	InsecureAnyAudience bool // do not look at aud: for the issuer, which speaks about tokens for everybody
	InsecureSkipExpiry  bool // take expired tokens too: for what only names a session, such as a refresh
}

func (r *Rules) check() error {
	switch {
	case r.Type == "":
		return misconfigured("rules without Type")
	case r.Issuer == "":
		return misconfigured("rules without Issuer")
	case r.Audience == "" && !r.InsecureAnyAudience:
		return misconfigured("rules without Audience")
	case r.Leeway > MaxLeeway:
		return misconfigured("leeway over %v", MaxLeeway)
	}
	return nil
}

func (r *Rules) leeway() time.Duration {
	if r.Leeway == 0 {
		return DefaultLeeway
	}
	return max(0, r.Leeway)
}

// expired is the one place that knows the boundary: at exp + leeway a token is over (RFC 7519 §4.1.4).
func (r *Rules) expired(exp, now time.Time) bool {
	return !r.InsecureSkipExpiry && !now.Before(exp.Add(r.leeway()))
}

// read takes a token apart and judges all of it but the signature: whatever is refused here costs no signature. What
// it returns is to be trusted only once the signature fits.
func (r *Rules) read(raw string, now time.Time) (jws.Token, *Claims, error) {
	if err := r.check(); err != nil {
		return jws.Token{}, nil, err
	}
	t, err := parse(raw, maxToken, r.Type)
	if err != nil {
		return t, nil, err
	}
	c, err := readClaims(t.Payload)
	if err != nil {
		return t, nil, malformed(err)
	}
	return t, c, r.Judge(c, now)
}

// Judge says whether what a token claims fits the rules at this time: for a token whose signature was found good before.
// Errors are those of ErrInvalid, and ErrConfig.
func (r *Rules) Judge(c *Claims, now time.Time) error {
	soon := now.Add(r.leeway())
	switch {
	case c.Issuer != r.Issuer:
		return ErrIssuer
	case !r.InsecureAnyAudience && !slices.Contains(c.Audience, r.Audience):
		return ErrAudience
	case r.expired(c.ExpiresAt, now):
		return ErrExpired
	case c.IssuedAt.After(soon) || c.notBefore.After(soon):
		return ErrEarly
	}
	return nil
}
