package cloakroom

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

const (
	// maxSigned bounds an access token in bytes: with its attributes it must fit into a cookie of 4,096.
	maxSigned = 3500
	// ownClient is the client_id of tokens that no OAuth client asked for (RFC 9068 §2.2 requires one).
	ownClient = "cloakroom"
)

// accessClaims are the claims of an access token (RFC 9068 §2.2), in the order in which they are written.
type accessClaims struct {
	Issuer   string    `json:"iss"`
	Subject  string    `json:"sub"` // the user; a guest's is its session
	Audience string    `json:"aud"`
	Expires  int64     `json:"exp"`
	Issued   int64     `json:"iat"`
	ID       string    `json:"jti"`
	Client   string    `json:"client_id"`
	Session  string    `json:"sid"`
	AuthTime int64     `json:"auth_time,omitempty"`
	Level    string    `json:"acr,omitempty"` // "1" or "2" (RFC 9068 §2.2.1); a guest has none
	Methods  []string  `json:"amr,omitempty"` // RFC 8176
	Roles    []string  `json:"roles,omitempty"`
	Scope    string    `json:"scope,omitempty"`
	Actor    *actClaim `json:"act,omitempty"`
	Epoch    int64     `json:"epoch"` // for the feed: the user's sessions of earlier epochs are dead
	Ticket   string    `json:"tkt"`   // for us alone: which token of the session it was made from
}

// actClaim is who acts as the subject (RFC 8693 §4.1).
type actClaim struct {
	Subject string `json:"sub"`
}

// actorOf is nil for a session of the user's own.
func actorOf(s *Session) *actClaim {
	if s.Actor == "" {
		return nil
	}
	return &actClaim{s.Actor}
}

// reservedClaims are no business of TokenPolicy.Claims.
var reservedClaims = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "auth_time", "acr", "amr", "roles", "groups",
	"entitlements", "scope", "epoch", "tkt", "cnf", "act", "may_act", "azp", "nonce", "events", "at_hash", "c_hash",
}

// minting is what tells two access tokens of a session apart. The same minting makes the same claims.
type minting struct {
	audience string
	at       time.Time
	end      time.Time // it lives no longer than to here, whatever AccessTTL says
	id       string
}

func (a *Auth) mintingNow(audience string, end time.Time) minting {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return minting{audience, a.now(), end, base64.RawURLEncoding.EncodeToString(b[:])}
}

// access makes an access token of s.
func (a *Auth) access(ctx context.Context, s *Session, m minting) (Token, time.Duration, error) {
	set, err := a.signingKeys(ctx)
	if err != nil {
		return Token{}, 0, err
	}
	signer, err := set.signer(a.now())
	if err != nil {
		return Token{}, 0, err
	}
	expires := m.at.Add(a.config.Token.AccessTTL)
	if m.end.Before(expires) {
		expires = m.end
	}
	payload, extended, err := a.payload(ctx, s, m, expires)
	if err != nil {
		return Token{}, 0, err
	}
	text, err := signer.Sign(verify.AccessToken, payload)
	if err == nil && len(text) > maxSigned {
		err = fmt.Errorf("an access token of %d bytes: at most %d fit into a cookie; give fewer claims or roles", len(text), maxSigned)
	}
	if err == nil && extended { // too many of them, too deep: nobody would take the token
		_, err = set.verify(text, verify.Rules{Type: verify.AccessToken, Issuer: a.config.Token.Issuer, Audience: m.audience}, m.at)
	}
	if err == nil {
		a.signed.made.Add(1)
	}
	return Token{text}, expires.Sub(a.now()).Round(time.Second), err
}

// payload is what an access token says. extended: the app has added to it.
func (a *Auth) payload(ctx context.Context, s *Session, m minting, expires time.Time) (_ []byte, extended bool, err error) {
	c := accessClaims{
		Issuer: a.config.Token.Issuer, Subject: s.ID, Audience: m.audience, Expires: expires.Unix(), Issued: m.at.Unix(),
		ID: m.id, Client: ownClient, Session: s.ID, Methods: references(s), Scope: strings.Join(s.Scopes, " "),
		Actor: actorOf(s), Epoch: s.epoch, Ticket: base64.RawURLEncoding.EncodeToString(s.token.Hash[:]),
	}
	if s.User != nil {
		c.Subject, c.Roles, c.AuthTime, c.Level = s.User.ID, s.User.Roles, authTime(s), contextClass(s)
	}
	own, err := json.Marshal(c)
	if err != nil || a.config.Token.Claims == nil {
		return own, false, err
	}
	added, err := a.config.Token.Claims(ctx, s)
	if err != nil || len(added) == 0 {
		return own, false, err
	}
	for name := range added {
		if slices.ContainsFunc(reservedClaims, func(r string) bool { return strings.EqualFold(r, name) }) {
			return nil, false, fmt.Errorf("the claim %q is reserved: TokenPolicy.Claims cannot set it", name)
		}
	}
	extra, err := json.Marshal(added)
	if err != nil {
		return nil, false, fmt.Errorf("claims of the app: %w", err)
	}
	own[len(own)-1] = ','
	return append(own, extra[1:]...), true, nil
}

// authTime is when the session was proven, in seconds; 0 for one that is not (any more), and left out.
func authTime(s *Session) int64 {
	if s.AuthenticatedAt.IsZero() {
		return 0
	}
	return s.AuthenticatedAt.Unix()
}

// contextClass is the level of a session as acr_values of RFC 9470 §4 asks for it; empty where nobody was proven.
func contextClass(s *Session) string {
	if s.Level == 0 {
		return ""
	}
	return strconv.Itoa(s.Level)
}

// references are the session's methods in the words of RFC 8176 §2, where it has one.
func references(s *Session) []string {
	var amr []string
	for _, m := range s.Methods {
		if m == "password" {
			m = "pwd"
		}
		amr = append(amr, m)
	}
	if s.Level >= 2 {
		amr = append(amr, "mfa")
	}
	return amr
}

// Issue makes a signed token of a live session for a service (RFC 9068), such as a page with a cookie needs to call one.
// The audience is the service's name; empty means TokenPolicy.Audience. The token dies with the session, and with the signed
// token that the request came with: refresh that one first, or whoever steals it could renew it for ever. Errors:
// ErrInvalidToken when the session has ended, ErrForbidden for an API key, *StepUpError for a user who lacks the second factor that
// Config.MFA demands, FieldErrors for an audience that cannot be or signed tokens that are not allowed, *UnavailableError, and what
// TokenPolicy.Claims says.
func (a *Auth) Issue(ctx context.Context, s *Session, name string) (*Tokens, error) {
	switch {
	case !a.config.Token.signed():
		return nil, FieldErrors{{"token", "not_allowed", "signed is not allowed here"}}
	case s == nil:
		return nil, ErrUnauthenticated
	case s.byKey():
		return nil, ErrForbidden
	case name == "":
		name = a.config.Token.Audience
	case !audience(name):
		return nil, FieldErrors{{"audience", "invalid", "must be 1 to 256 visible ASCII characters"}}
	}
	live, err := a.lookup(ctx, s.token) // the one at hand may be of a request that began long ago
	if err == nil && !live.Anonymous() {
		err = live.Meets() // no service that takes the token would ask
	}
	if err != nil {
		return nil, err
	}
	end := live.ExpiresAt
	if s.until != 0 {
		end = time.Unix(int64(s.until), 0)
	}
	if !a.now().Before(end) {
		return nil, ErrInvalidToken
	}
	token, life, err := a.access(ctx, live, a.mintingNow(name, end))
	if err != nil {
		return nil, err
	}
	return &Tokens{Access: token, ExpiresIn: life}, nil
}

// looksSigned reports whether a token is in the compact form of RFC 7515 §3.1, as far as its first letters tell.
func looksSigned(text string) bool { return strings.HasPrefix(text, "eyJ") }

// checkSigned judges a signed token without asking about its session. ErrInvalidToken: it is certainly not good.
func (a *Auth) checkSigned(ctx context.Context, text string, r verify.Rules) (*verify.Claims, error) {
	if !a.config.Token.signed() {
		return nil, ErrInvalidToken
	}
	set, err := a.signingKeys(ctx)
	if err != nil {
		return nil, err
	}
	r.Type, r.Issuer = verify.AccessToken, a.config.Token.Issuer
	c, err := set.verify(text, r, a.now())
	if errors.Is(err, verify.ErrUnknownKey) {
		if set, err = a.signingKeysWithin(ctx, keyUnknown); err != nil {
			return nil, err
		}
		c, err = set.verify(text, r, a.now())
	}
	if err != nil {
		a.signed.refuse(err)
		return nil, deadToken{err}
	}
	return c, nil
}

// ticketOf is the token of the session that a signed token was made from: what the Ledger finds it by.
func ticketOf(c *verify.Claims) (id TokenID, ok bool) {
	hash, err := base64.RawURLEncoding.DecodeString(c.Ticket)
	if err != nil || len(hash) != len(id.Hash) {
		return id, false
	}
	return TokenID{Bucket: bucketOf(c.Subject), Hash: [32]byte(hash)}, true
}

// claimedBy reports whether claims speak of this session. That nothing ended it or changed its token since, the look-up by
// the token has shown.
func (s *Session) claimedBy(c *verify.Claims) bool {
	return s.ID == c.SessionID && subject(s.ref.UserID, s.ID) == c.Subject
}
