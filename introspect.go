package cloakroom

import (
	"context"
	"errors"
	"strings"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// Introspection says what a token is worth at this moment (RFC 7662 §2.2). The zero value, not active, is the whole answer
// about a token that is dead or was never ours. Roles and scope are those of now, not those of when it was made.
type Introspection struct {
	Active    bool      `json:"active"`
	TokenType string    `json:"token_type,omitempty"` // "Bearer"; empty for a refresh token, which opens nothing by itself
	Issuer    string    `json:"iss,omitempty"`
	Subject   string    `json:"sub,omitempty"`
	Audience  []string  `json:"aud,omitempty"`
	Client    string    `json:"client_id,omitempty"`
	ID        string    `json:"jti,omitempty"`
	Session   string    `json:"sid,omitempty"`
	Expires   int64     `json:"exp,omitempty"`
	Issued    int64     `json:"iat,omitempty"`
	AuthTime  int64     `json:"auth_time,omitempty"`
	Methods   []string  `json:"amr,omitempty"`
	Level     int       `json:"level,omitempty"`
	Class     string    `json:"acr,omitempty"` // Level in the words of RFC 9470 §6.2; an API key has none
	Roles     []string  `json:"roles,omitempty"`
	Scope     string    `json:"scope,omitempty"`
	Actor     *actClaim `json:"act,omitempty"` // an administrator who acts as the subject
}

// Introspect judges a session token, a signed token for whatever audience, a refresh token in force, or an API key. It tells them
// apart by their form, so it needs no hint. A look is no use: the session's idle time runs on. The only error is
// *UnavailableError.
func (a *Auth) Introspect(ctx context.Context, token string) (Introspection, error) {
	s, c, err := a.sessionBehind(ctx, token)
	if err != nil {
		if signedOut(err) || errors.Is(err, ErrInvalidRefresh) {
			err = nil
		}
		return Introspection{}, err
	}
	in := Introspection{
		Active: true, TokenType: "Bearer", Issuer: a.config.Token.Issuer, Subject: subject(s.ref.UserID, s.ID), Client: ownClient,
		Session: s.ID, Expires: s.ExpiresAt.Unix(), Issued: s.CreatedAt.Unix(), Methods: references(s), Level: s.Level,
		Scope: strings.Join(s.Scopes, " "), Actor: actorOf(s),
	}
	if s.User != nil {
		in.Roles = s.User.Roles
		if !s.byKey() {
			in.AuthTime, in.Class = authTime(s), contextClass(s)
		} else if s.ExpiresAt.Equal(never) {
			in.Expires = 0
		}
	}
	switch {
	case c != nil:
		in.Expires, in.Issued, in.ID, in.Audience = c.ExpiresAt.Unix(), c.IssuedAt.Unix(), c.ID, c.Audience
	case strings.HasPrefix(token, kindRefresh):
		in.TokenType = ""
	}
	return in, nil
}

// sessionBehind is the live session of any token of it, and the claims of a signed one.
func (a *Auth) sessionBehind(ctx context.Context, token string) (*Session, *verify.Claims, error) {
	k := a.keys.Load()
	switch {
	case looksSigned(token):
		c, err := a.checkSigned(ctx, token, verify.Rules{InsecureAnyAudience: true})
		if err != nil {
			return nil, nil, err
		}
		s, err := a.lookupClaimed(ctx, c)
		return s, c, err
	case strings.HasPrefix(token, kindRefresh):
		t, ok := k.parseRefresh(token)
		if !ok || !a.config.Token.signed() {
			return nil, nil, ErrInvalidRefresh
		}
		s, chains, err := a.lookupChains(ctx, t.session, a.now())
		if err != nil {
			return nil, nil, err
		}
		if _, v, _ := judgeAll(chains, t.hash, a.now(), a.config.Token.RefreshGrace); v != rotate {
			return nil, nil, ErrInvalidRefresh
		}
		return s, nil, nil
	}
	if looksKey(token) {
		return a.keyBehind(ctx, token)
	}
	id, _, ok := k.parse(kindSession, token)
	if !ok {
		return nil, nil, ErrInvalidToken
	}
	s, err := a.lookup(ctx, id)
	return s, nil, err
}

func (a *Auth) keyBehind(ctx context.Context, token string) (*Session, *verify.Claims, error) {
	var c credential
	if err := a.recogniseKey(&c, token); err != nil {
		return nil, nil, err
	}
	v, _, err := a.lookupKey(ctx, c.id, a.now())
	return v.alone(), nil, err
}

// lookupClaimed is lookup for the session of a signed token.
func (a *Auth) lookupClaimed(ctx context.Context, c *verify.Claims) (*Session, error) {
	id, ok := ticketOf(c)
	if !ok {
		return nil, ErrInvalidToken
	}
	s, err := a.lookup(ctx, id)
	if err == nil && !s.claimedBy(c) {
		return nil, ErrInvalidToken
	}
	return s, err
}
