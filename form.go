package cloakroom

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/jose"
)

// TokenForm is what a token of a session is.
type TokenForm string

const (
	// Opaque is one token without meaning that is looked up at each request.
	Opaque TokenForm = "opaque"
	// Signed is a short-lived access token that anybody can check by its signature (a JWT, RFC 9068), and an opaque
	// refresh token that is exchanged for the next pair (RFC 6749 §6).
	Signed TokenForm = "signed"
)

// TokenPolicy says which forms of token a sign-in may ask for, and what signed ones are like.
type TokenPolicy struct {
	// Allow lists the forms. Empty means opaque, and signed too where an issuer is known.
	Allow []TokenForm
	// Default is used when a sign-in asks for nothing. Empty means opaque, or the first of Allow if opaque is not in it.
	Default TokenForm

	// Issuer is who signs: the address under which verifiers find the keys, without a slash at the end. Empty means
	// Config.BaseURL. Without either there are no signed tokens.
	Issuer string
	// Audience is for whom the tokens of a sign-in are. This Auth takes only tokens for it. Empty means the issuer.
	Audience string
	// Algorithm signs: ES256, EdDSA or RS256. Empty means ES256. After a change the old key signs until the new one has
	// been published for some minutes.
	Algorithm string
	// AccessTTL is how long an access token lives, and so how long a verifier that follows no feed believes one whose
	// session was ended. Zero means 10 minutes; at least a second, at most an hour.
	AccessTTL time.Duration
	// RefreshGrace is how long a refresh token that was exchanged still gives its successor: for lost answers, second
	// tabs and retries. After it the token is a sign of theft and ends the session. Zero means 30 seconds; at least
	// one, at most 10 minutes.
	RefreshGrace time.Duration
	// KeyAge is how long one key signs before the next one does. Zero means 90 days; at least an hour.
	KeyAge time.Duration
	// Claims adds claims of the app's own to each access token of s. A name that is reserved (RFC 9068 §2.2, and what
	// this package writes) is an error, and so are claims that make the token longer than 3,500 bytes: then no token
	// is made. Tokens can be read by whoever holds them, so put no personal data into one without need.
	Claims func(ctx context.Context, s *Session) (map[string]any, error)
}

func (p TokenPolicy) withDefaults(c *Config) TokenPolicy {
	p.Issuer = cmp.Or(p.Issuer, strings.TrimRight(c.BaseURL, "/"))
	p.Audience = cmp.Or(p.Audience, p.Issuer)
	p.Algorithm = cmp.Or(p.Algorithm, string(jose.ES256))
	p.AccessTTL = cmp.Or(p.AccessTTL, 10*time.Minute)
	p.RefreshGrace = cmp.Or(p.RefreshGrace, 30*time.Second)
	p.KeyAge = cmp.Or(p.KeyAge, 90*24*time.Hour)
	if len(p.Allow) == 0 {
		p.Allow = []TokenForm{Opaque}
		if p.Issuer != "" {
			p.Allow = []TokenForm{Opaque, Signed}
		}
	}
	if p.Default == "" {
		p.Default = p.Allow[0]
		if slices.Contains(p.Allow, Opaque) {
			p.Default = Opaque
		}
	}
	return p
}

// signed reports whether signed tokens may be made and are taken.
func (p TokenPolicy) signed() bool { return slices.Contains(p.Allow, Signed) }

func (m *mistakes) token(c *Config) {
	given := c.Token
	p := given.withDefaults(c)
	for _, f := range p.Allow {
		if f != Opaque && f != Signed {
			m.add("Token.Allow", fmt.Sprintf("%q is unknown", f), "use opaque, signed")
		}
	}
	if !slices.Contains(p.Allow, p.Default) {
		m.add("Token.Default", fmt.Sprintf("%q is not in Token.Allow", p.Default), "allow it or choose another")
	}
	if p.signed() && p.Issuer == "" {
		m.add("Token.Issuer", "is missing, so nobody could check a signed token", "set it or BaseURL, or leave signed out of Token.Allow")
	}
	if given.Issuer != "" {
		m.issuer(given.Issuer)
	}
	if !audience(p.Audience) && p.Audience != "" {
		m.add("Token.Audience", fmt.Sprintf("%q is no name of an audience", p.Audience), "use up to 256 visible ASCII characters")
	}
	if _, err := jose.ParseAlgorithm(p.Algorithm); err != nil {
		m.add("Token.Algorithm", fmt.Sprintf("%q is unknown", p.Algorithm), "use ES256, EdDSA or RS256")
	}
	m.within("Token.AccessTTL", p.AccessTTL, time.Second, maxAccessTTL)
	m.within("Token.RefreshGrace", p.RefreshGrace, time.Second, 10*time.Minute)
	m.within("Token.KeyAge", p.KeyAge, time.Hour, 10*365*24*time.Hour)
}

func (m *mistakes) within(field string, d, least, most time.Duration) {
	if d < least || d > most {
		m.add(field, fmt.Sprintf("%v is out of range", d), fmt.Sprintf("use %v to %v", least, most))
	}
}

// issuer checks that verifiers can find keys below it (RFC 8414 §2).
func (m *mistakes) issuer(s string) {
	if u := m.address("Token.Issuer", s); u != nil && (s != u.String() || strings.HasSuffix(s, "/")) {
		m.add("Token.Issuer", fmt.Sprintf("%q is compared letter by letter and is not in its simplest form", s), "write it like https://auth.example.com, without a slash at the end")
	}
}

// maxAudience bounds the name of an audience in bytes.
const maxAudience = 256

// audience reports whether s can name one: a StringOrURI of RFC 7519 §2, kept to what is safe to print.
func audience(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxAudience
}
