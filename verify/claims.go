package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/exact"
)

// Claims is what a token says. A Verifier hands the same Claims to all requests with one token: read them, do not
// change them.
type Claims struct {
	Issuer   string
	Subject  string // the user's id; a guest's is the id of its session
	Audience []string

	ExpiresAt time.Time
	IssuedAt  time.Time

	ID              string    // of the token
	SessionID       string    // the same in all tokens of one sign-in
	ClientID        string    // the program the token was made for
	AuthenticatedAt time.Time // when the user last proved who they are; zero for a guest
	Level           string    // how well, the claim acr: "1" by one factor, "2" by two (RFC 9470); empty if it does not say
	Methods         []string  // how: RFC 8176 values, such as "pwd", "otp", "mfa"

	Roles  []string
	Scopes []string

	Epoch  int64  // of the user, when the token was made; it rises when all tokens of a user are ended
	Ticket string // opaque, for the issuer only

	notBefore time.Time
	members   []exact.Member
}

// Guest reports whether this is a session without a user.
func (c *Claims) Guest() bool { return c.Subject == c.SessionID }

// HasRole reports whether the user holds at least one of the roles. No names: false.
func (c *Claims) HasRole(anyOf ...string) bool {
	return slices.ContainsFunc(anyOf, func(name string) bool { return slices.Contains(c.Roles, name) })
}

// HasScope reports whether the token has all of the scopes. No names: false.
func (c *Claims) HasScope(allOf ...string) bool {
	missing := func(name string) bool { return !slices.Contains(c.Scopes, name) }
	return len(allOf) > 0 && !slices.ContainsFunc(allOf, missing)
}

// Fresh reports whether the user proved who they are less than d before now.
func (c *Claims) Fresh(now time.Time, d time.Duration) bool {
	return !c.AuthenticatedAt.IsZero() && now.Sub(c.AuthenticatedAt) < d
}

// Decode reads one claim, such as the app put into the token, as encoding/json does. there is false when the token has no
// claim of exactly this name. The value was signed as it is, but nothing of its inside was checked.
func (c *Claims) Decode(name string, into any) (there bool, err error) {
	value := exact.Find(c.members, name)
	if value == nil {
		return false, nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return true, fmt.Errorf("claim %s: %w", name, err)
	}
	return true, nil
}

// readClaims reads the claims of a token. Those it knows must have their one type; the others are kept for Decode.
func readClaims(payload []byte) (*Claims, error) {
	members, err := exact.Object(payload)
	if err != nil {
		return nil, err
	}
	c := &Claims{members: members}
	for _, m := range members {
		if !c.read(m.Name, m.Value) {
			return nil, fmt.Errorf("claim %s is not as it should be", m.Name)
		}
	}
	if c.Issuer == "" || c.Subject == "" || len(c.Audience) == 0 || c.ExpiresAt.IsZero() || c.IssuedAt.IsZero() {
		return nil, errors.New("one of iss, sub, aud, exp and iat is missing")
	}
	return c, nil
}

// read takes one claim over. It is false for a known claim with a value of the wrong kind.
func (c *Claims) read(name string, value []byte) (ok bool) {
	switch name {
	case "iss":
		c.Issuer, ok = exact.String(value)
	case "sub":
		c.Subject, ok = exact.String(value)
	case "aud":
		c.Audience, ok = oneOrMore(value)
	case "exp":
		c.ExpiresAt, ok = seconds(value)
	case "iat":
		c.IssuedAt, ok = seconds(value)
	case "nbf":
		c.notBefore, ok = seconds(value)
	case "jti":
		c.ID, ok = exact.String(value)
	case "sid":
		c.SessionID, ok = exact.String(value)
	case "client_id":
		c.ClientID, ok = exact.String(value)
	case "auth_time":
		c.AuthenticatedAt, ok = seconds(value)
	case "acr":
		c.Level, ok = exact.String(value)
	case "amr":
		c.Methods, ok = exact.Strings(value)
	case "roles":
		c.Roles, ok = exact.Strings(value)
	case "scope":
		var scopes string
		scopes, ok = exact.String(value)
		c.Scopes = strings.FieldsFunc(scopes, func(r rune) bool { return r == ' ' }) // RFC 6749 §3.3
	case "epoch":
		c.Epoch, ok = exact.Number(value)
	case "tkt":
		c.Ticket, ok = exact.String(value)
	default:
		ok = true
	}
	return ok
}

// oneOrMore reads aud, which may be a string or a list (RFC 7519 §4.1.3).
func oneOrMore(value []byte) ([]string, bool) {
	if one, ok := exact.String(value); ok {
		return []string{one}, true
	}
	return exact.Strings(value)
}

// seconds reads a time in whole seconds. The wire has no fractions, though RFC 7519 §2 would allow them.
func seconds(value []byte) (time.Time, bool) {
	n, ok := exact.Number(value)
	return time.Unix(n, 0).UTC(), ok
}
