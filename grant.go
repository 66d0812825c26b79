package cloakroom

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"time"
)

// Terms say how a new session is handed out.
type Terms struct {
	// Delivery is where its token goes. Empty means the carrier that the request used if it used bearer, otherwise
	// DeliveryPolicy.Default.
	Delivery Delivery
	// Token is its form. Empty means TokenPolicy.Default.
	Token TokenForm
	// Remember lets the cookie outlive the browser.
	Remember bool
}

// Tokens are what bearer delivery hands out. They are nil for cookie delivery: there no script may see a token.
type Tokens struct {
	Access    Token
	ExpiresIn time.Duration // of Access: in the opaque form, until the session ends if it is not used
	Refresh   Token         // zero in the opaque form, and from Issue
}

// Grant is a session that was just opened or renewed.
type Grant struct {
	Session *Session
	Tokens  *Tokens
	// Challenge is set, and Session is nil, when more proof is needed first.
	Challenge *Challenge
}

// terms refuses what is not allowed.
func (a *Auth) terms(r *http.Request, t Terms) (Terms, error) {
	var bad FieldErrors
	switch {
	case t.Delivery == "": // decided when the token goes out, see delivery
	case !t.Delivery.known():
		bad = append(bad, unknownDelivery)
	case !slices.Contains(a.carriers.policy.Allow, t.Delivery):
		bad = append(bad, deliveryNotAllowed(t.Delivery))
	case t.Delivery.cookie() && bearing(r): // such a request is not held to the CSRF rule
		bad = append(bad, noCookieForBearer)
	}
	switch {
	case t.Token == "":
		t.Token = a.config.Token.Default
	case t.Token != Opaque && t.Token != Signed:
		bad = append(bad, unknownForm)
	case !slices.Contains(a.config.Token.Allow, t.Token):
		bad = append(bad, FieldError{"token", "not_allowed", string(t.Token) + " is not allowed here"})
	}
	if bad != nil {
		return t, bad
	}
	return t, nil
}

var (
	unknownDelivery   = FieldError{"delivery", "unknown_value", "must be cookie, bearer or both"}
	unknownForm       = FieldError{"token", "unknown_value", "must be opaque or signed"}
	noCookieForBearer = FieldError{"delivery", "not_allowed", "a request with a bearer token gets no cookie"}
)

func deliveryNotAllowed(d Delivery) FieldError {
	return FieldError{"delivery", "not_allowed", string(d) + " is not allowed here"}
}

// delivery is where a new token goes: where the sign-in asked for it or, failing that, never from one carrier to the
// other.
func (a *Auth) delivery(r *http.Request, asked Delivery) Delivery {
	switch {
	case asked != "":
		return asked
	case a.carriers.bearers && bearing(r):
		return DeliverBearer
	}
	return a.carriers.policy.Default
}

// bundle is what a client is handed for a session: one opaque token, or an access token and a refresh token for each
// carrier.
type bundle struct {
	form          TokenForm
	access        Token
	life          time.Duration // of access, in the signed form
	cookieRefresh Token
	bearerRefresh Token
}

// newBundle makes new tokens for a session and writes into its record what the Ledger shall know of them. A session that is
// delivered both ways has a refresh token on each: its page and its app refresh in their own time.
func (a *Auth) newBundle(rec *SessionRecord, form TokenForm, by Delivery) bundle {
	k, b := a.keys.Load(), bundle{form: form}
	bucket := bucketOf(subject(rec.UserID, rec.ID))
	rec.Refresh = nil
	if form != Signed {
		b.access, rec.Token = k.mint(kindSession, bucket)
		return b
	}
	var handle [handleSize]byte
	_, _ = rand.Read(handle[:])
	add := func(to *Token) {
		t := k.mintRefresh(bucket, handle)
		*to, rec.Token = t.text, t.session
		rec.Refresh = append(rec.Refresh, RefreshChain{Current: t.hash})
	}
	if by.cookie() {
		add(&b.cookieRefresh)
	}
	if by.bearer() {
		add(&b.bearerRefresh)
	}
	return b
}

// subject is whom a session is of: its user, or itself if it is a guest's.
func subject(userID, sessionID string) string {
	if userID == "" {
		return sessionID
	}
	return userID
}

// sign makes the access token of a bundle in the signed form. It comes before anything is written: a key that is out of
// reach leaves no session behind.
func (a *Auth) sign(ctx context.Context, s *Session, b *bundle) (err error) {
	if b.form == Signed {
		b.access, b.life, err = a.access(ctx, s, a.mintingNow(a.config.Token.Audience, s.ExpiresAt))
	}
	return err
}

// deliver puts a bundle on its carriers.
func (a *Auth) deliver(w http.ResponseWriter, r *http.Request, s *Session, b bundle, by Delivery) *Grant {
	g := &Grant{Session: s}
	private(w.Header())
	s.both = by == DeliverBoth
	if by.cookie() {
		s.carrier = byCookie
		a.carriers.setCookie(w, r, b.access, cookieAge(s, s.issuedAt()))
		if b.form == Signed {
			a.carriers.setRefresh(w, r, b.cookieRefresh, cookieAge(s, s.issuedAt()))
		}
		if a.carriers.dropped(r) {
			a.emitRequest(r, Event{Type: InsecureTransport, SessionID: s.ID})
		}
	}
	if by.bearer() {
		if s.carrier = byBearer; by.cookie() {
			s.carrier = byCookie
		}
		w.Header().Del("WWW-Authenticate") // of Optional: the dead token it told of has a successor
		a.carriers.setHeader(w, b.access)
		g.Tokens = &Tokens{Access: b.access, ExpiresIn: s.ExpiresAt.Sub(s.LastSeenAt), Refresh: b.bearerRefresh}
		if b.form == Signed {
			g.Tokens.ExpiresIn = b.life
		}
	}
	return g
}
