package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// credential is what a request brought, before anybody was asked about its session.
type credential struct {
	carrier carrier
	retag   bool // the client's copy has an older tag
	signed  bool // it looks like a signed token
	key     bool // it is an API key
	id      TokenID
	token   Token          // with a tag of the current secret; zero for a signed one
	claims  *verify.Claims // of a good signed token
}

// present finds the one credential of a request (CONTRACT §1). ErrUnauthenticated: there is none. ErrInvalidToken:
// there is one, but we did not make it, or it has expired. *UnavailableError: the keys of signed tokens are out of reach.
func (a *Auth) present(r *http.Request) (credential, error) { return a.presentAged(r, inTime) }

func (a *Auth) presentAged(r *http.Request, age deadline) (cred credential, err error) {
	text, bearer, err := a.carriers.bearer(r.Header)
	if err != nil {
		return cred, err
	}
	switch {
	case bearer && looksKey(text): // whatever sign-ins may be delivered by
		cred.carrier = byBearer
		err = a.recogniseKey(&cred, text)
	case bearer && !a.carriers.bearers:
		cred.carrier, err = byBearer, ErrInvalidToken
	case bearer:
		cred.carrier = byBearer
		err = a.recognise(r.Context(), &cred, text, age)
	case a.carriers.cookies:
		err = a.presentCookie(r, &cred, age)
	default:
		err = ErrUnauthenticated
	}
	return cred, err
}

// deadline says whether a signed token must be in its time.
type deadline bool

const (
	inTime deadline = false
	anyAge deadline = true // for who leaves, or signs in anew
)

// recognise fills in what a token of ours says. ErrInvalidToken: it is none.
func (a *Auth) recognise(ctx context.Context, c *credential, text string, age deadline) error {
	if looksSigned(text) {
		return a.recogniseSigned(ctx, c, text, age)
	}
	id, token, ok := a.keys.Load().parse(kindSession, text)
	if !ok {
		return ErrInvalidToken
	}
	c.id, c.token, c.retag = id, token, token.text != text
	return nil
}

// looksKey reports whether a token says that it is an API key.
func looksKey(text string) bool { return strings.HasPrefix(text, kindKey) }

// recogniseKey is recognise for an API key. Its holder will not hear of a fresh tag, so it gets none.
func (a *Auth) recogniseKey(c *credential, text string) error {
	id, _, ok := a.keys.Load().parse(kindKey, text)
	if !ok {
		return ErrInvalidToken
	}
	c.key, c.id = true, id
	return nil
}

// recogniseSigned is recognise for a signed token, which must be for us.
func (a *Auth) recogniseSigned(ctx context.Context, c *credential, text string, age deadline) error {
	c.signed = true
	claims, err := a.checkSigned(ctx, text, verify.Rules{Audience: a.config.Token.Audience, InsecureSkipExpiry: bool(age)})
	if err != nil {
		return err
	}
	id, ok := ticketOf(claims)
	if !ok {
		return ErrInvalidToken
	}
	c.id, c.claims = id, claims
	return nil
}

const (
	// maxCookies bounds how many cookies that look like ours are checked in one request: more than a browser sends.
	maxCookies = 200
	// maxForged is the same for signatures that were found wrong, which costs a hundred times more than a tag.
	maxForged = 32
)

// presentCookie picks among the cookies of our name: those with a good tag or signature count; one distinct survivor is
// it, two mean that somebody planted one, and nobody can say which.
func (a *Auth) presentCookie(r *http.Request, found *credential, age deadline) error {
	scan := scanCookies(r.Header, a.carriers.cookieName(r))
	ok, err := a.nextCookie(r.Context(), &scan, found, age)
	switch {
	case err != nil:
		return err
	case !ok && found.carrier == byCookie:
		return ErrInvalidToken
	case !ok:
		return ErrUnauthenticated
	}
	var other credential
	for {
		if ok, err := a.nextCookie(r.Context(), &scan, &other, age); !ok || err != nil {
			return err
		}
		if other.id != found.id {
			a.emitRequest(r, Event{Type: DuplicateCookie})
			*found = credential{carrier: byCookie, signed: found.signed || other.signed}
			return ErrInvalidToken
		}
	}
}

// nextCookie reads the next good cookie, and notes by the carrier that there was any. The error is that a signature could
// not be checked.
func (a *Auth) nextCookie(ctx context.Context, scan *cookieScan, c *credential, age deadline) (ok bool, err error) {
	for scan.checked < maxCookies {
		text, ok := scan.next()
		if !ok {
			break
		}
		c.carrier = byCookie
		if signed := looksSigned(text); signed && scan.forged == maxForged || !signed && len(text) != tokenLength {
			continue // junk costs nothing, so it cannot hide what stands behind it
		}
		scan.checked++
		err := a.recognise(ctx, c, text, age)
		if !errors.Is(err, ErrInvalidToken) {
			return err == nil, err
		}
		if errors.Is(err, verify.ErrSignature) {
			scan.forged++
		}
	}
	return false, nil
}
