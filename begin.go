package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
	"github.com/cloakroom-auth/cloakroom/internal/netaddr"
)

// movedGrace is how long a token that was exchanged is remembered, so that late requests which still carry it do not
// clear the cookie that replaced it.
const movedGrace = time.Minute

// Terms say how a new session is handed out.
type Terms struct {
	// Delivery is where its token goes. Empty means the carrier that the request used if it used bearer, otherwise
	// DeliveryPolicy.Default.
	Delivery Delivery
	// Token is its form. Empty means "opaque".
	Token string
	// Remember lets the cookie outlive the browser.
	Remember bool
}

// Tokens are what bearer delivery hands out. They are nil for cookie delivery: there no script may see a token.
type Tokens struct {
	Access    Token
	ExpiresIn time.Duration // until the session ends if it is not used
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
		bad = append(bad, FieldError{"delivery", "unknown_value", "must be cookie, bearer or both"})
	case !slices.Contains(a.carriers.policy.Allow, t.Delivery):
		bad = append(bad, FieldError{"delivery", "not_allowed", string(t.Delivery) + " is not allowed here"})
	case t.Delivery.cookie() && bearing(r): // such a request is not held to the CSRF rule
		bad = append(bad, FieldError{"delivery", "not_allowed", "a request with a bearer token gets no cookie"})
	}
	switch t.Token {
	case "", "opaque":
	case "signed":
		bad = append(bad, FieldError{"token", "not_allowed", "signed is not allowed here"})
	default:
		bad = append(bad, FieldError{"token", "unknown_value", "must be opaque or signed"})
	}
	if bad != nil {
		return t, bad
	}
	return t, nil
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

// Begin returns the session of the request, and opens a guest session when it has none, or a dead one: for a handler
// that needs somewhere to keep a cart. However often it is called for one request, it opens one; behind Optional or
// Require also from many goroutines. A new token goes out by the carrier the request used, or the default one, so call
// Begin before the body is written.
//
// Where that is bearer and no Bearer.ResponseHeader is configured, nobody would ever hold the token: Begin opens nothing
// and returns ErrInvalidToken, or ErrUnauthenticated for a request without a credential. Use BeginOn there.
func (a *Auth) Begin(w http.ResponseWriter, r *http.Request) (*Session, error) {
	g, err := a.begin(w, r, Terms{}, a.unsendable(r))
	if err != nil {
		return nil, err
	}
	return g.Session, nil
}

// BeginOn is Begin with terms. Grant.Tokens is nil when the session was there already: its token is not sent again. A
// token that goes out by Grant.Tokens alone is known to later calls only behind Optional or Require.
func (a *Auth) BeginOn(w http.ResponseWriter, r *http.Request, t Terms) (*Grant, error) {
	t, err := a.terms(r, t)
	if err != nil {
		return nil, err
	}
	return a.begin(w, r, t, nil)
}

// begin finds the session of the request or opens a guest's, unless there is a reason not to.
func (a *Auth) begin(w http.ResponseWriter, r *http.Request, t Terms, reason error) (g *Grant, err error) {
	v := visitOf(r.Context())
	v.begin.Lock()
	defer v.begin.Unlock()
	s := v.session.Load()
	if s == nil {
		if s, err = a.sessionOf(w, r); errors.Is(err, ErrMoved) {
			return nil, &UnavailableError{Cause: err, RetryAfter: time.Second} // its browser has a newer token by now
		} else if err != nil {
			return nil, err
		}
	}
	if s != nil {
		v.session.Store(s)
		return &Grant{Session: s}, nil
	}
	if reason != nil {
		return nil, reason
	}
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	if err := a.tryGuest(r); err != nil {
		return nil, err
	}
	g, err = a.replace(w, r, nil, opening{terms: t})
	if err == nil {
		v.session.Store(g.Session)
	}
	return g, err
}

// unsendable says why a token of Begin would reach nobody, or nil.
func (a *Auth) unsendable(r *http.Request) error {
	bearer := bearing(r)
	switch {
	case bearer && (a.carriers.header == "" || !a.carriers.bearers):
		return ErrInvalidToken
	case a.carriers.header == "" && !a.delivery(r, "").cookie():
		return ErrUnauthenticated
	}
	return nil
}

// sessionOf is the live session that the response already hands out or, failing that, the one of the request; or nil.
func (a *Auth) sessionOf(w http.ResponseWriter, r *http.Request) (*Session, error) {
	s, err := a.begun(w, r)
	if signedOut(err) {
		s, err = a.Authenticate(r)
	}
	if signedOut(err) && !errors.Is(err, ErrMoved) {
		return nil, nil
	}
	return s, err
}

// begun is the session whose token is in the response. ErrUnauthenticated: there is none.
func (a *Auth) begun(w http.ResponseWriter, r *http.Request) (*Session, error) {
	text, by := a.carriers.sent(w, r)
	id, _, ok := a.keys.Load().parse(kindSession, text)
	if !ok {
		return nil, ErrUnauthenticated
	}
	s, err := a.lookup(r.Context(), id)
	if err != nil {
		return nil, err
	}
	s.carrier, s.Current = by, true
	return s, nil
}

// visit is what a request knows of itself: the session it came with or has begun.
type visit struct {
	begin   sync.Mutex // one Begin at a time; not held by whoever only asks, such as OnEvent in the middle of it
	session atomic.Pointer[Session]
}

type visitKey struct{}

// visitOf is the visit of a request behind Optional or Require, or a new one.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// leave forgets the session, so that a Begin after a sign-out begins another.
func (v *visit) leave() {
	v.session.Store(nil)
}

func (a *Auth) visiting(r *http.Request, s *Session) *http.Request {
	v := &visit{}
	v.session.Store(s)
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// opening is what open needs to know.
type opening struct {
	user    *User // nil for a guest
	terms   Terms
	methods []string
	level   int
	scopes  []string
}

// open opens a session in place of the one the request came with, or has begun. From then on it is the request's.
func (a *Auth) open(w http.ResponseWriter, r *http.Request, o opening) (*Grant, error) {
	old, err := a.sessionOf(w, r)
	if err != nil && !errors.Is(err, ErrMoved) {
		return nil, err
	}
	g, err := a.replace(w, r, old, o)
	if err != nil {
		return nil, err
	}
	visitOf(r.Context()).session.Store(g.Session)
	return g, nil
}

// replace opens a session in place of an old one, if any, durably, and only then hands out its token. A guest's data
// goes over to the new session, and that of an earlier session of the same user; that of another user does not.
func (a *Auth) replace(w http.ResponseWriter, r *http.Request, old *Session, o opening) (*Grant, error) {
	token, rec := a.newRecord(r, o)
	request := Opening{Session: rec, Limit: a.lifetime.Limit, Now: rec.CreatedAt, MovedUntil: rec.CreatedAt.Add(movedGrace)}
	if old != nil {
		request.Replace = &old.token
		request.Inherit = old.Anonymous() || old.User.ID == rec.UserID
	}
	opened, err := a.ledger.Open(r.Context(), request)
	if err != nil {
		return nil, unavailable(err)
	}
	s := a.session(rec, o.user)
	s.Current = true
	g := a.deliver(w, r, s, token, a.delivery(r, o.terms.Delivery))
	a.tellOpened(r, s, old, opened)
	if opened.Replaced && old.Anonymous() && o.user != nil {
		a.upgrade(r, old, s)
	}
	return g, nil
}

func (a *Auth) newRecord(r *http.Request, o opening) (Token, SessionRecord) {
	now := a.now()
	rec := SessionRecord{
		ID: id.New("ses_", now), Realm: a.config.Realm,
		CreatedAt: now, LastSeenAt: now, IssuedAt: now, ExpiresAt: a.lifetime.end(now, now),
		Methods: o.methods, Level: o.level, Scopes: o.scopes, Remember: o.terms.Remember,
		IP: a.clientIP(r), Agent: clip(r.UserAgent(), maxAgent),
	}
	bucket := guestBucket()
	if o.user != nil {
		rec.UserID, rec.Epoch, rec.AuthenticatedAt = o.user.ID, o.user.Epoch, now
		bucket = bucketOf(o.user.ID)
	}
	token, tokenID := a.keys.Load().mint(kindSession, bucket)
	rec.Token = tokenID
	return token, rec
}

// deliver puts a token on its carriers.
func (a *Auth) deliver(w http.ResponseWriter, r *http.Request, s *Session, token Token, by Delivery) *Grant {
	g := &Grant{Session: s}
	private(w.Header())
	if by.cookie() {
		s.carrier = byCookie
		a.carriers.setCookie(w, r, token, cookieAge(s, s.issuedAt()))
		if a.carriers.dropped(r) {
			a.emitRequest(r, Event{Type: InsecureTransport, SessionID: s.ID})
		}
	}
	if by.bearer() {
		if s.carrier = byBearer; by.cookie() {
			s.carrier = byCookie
		}
		w.Header().Del("WWW-Authenticate") // of Optional: the dead token it told of has a successor
		a.carriers.setHeader(w, token)
		g.Tokens = &Tokens{Access: token, ExpiresIn: s.ExpiresAt.Sub(s.LastSeenAt)}
	}
	return g
}

func (a *Auth) tellOpened(r *http.Request, s, old *Session, opened Opened) {
	kind, userID := GuestBegan, ""
	if s.User != nil {
		kind, userID = SignedIn, s.User.ID
	}
	a.emitRequest(r, Event{Type: kind, UserID: userID, SessionID: s.ID})
	if opened.Replaced && !old.Anonymous() {
		a.emitRequest(r, Event{Type: SessionRevoked, UserID: old.User.ID, SessionID: old.ID, Reason: "replaced"})
	}
	for _, evicted := range opened.Evicted {
		a.emitRequest(r, Event{Type: SessionRevoked, UserID: userID, SessionID: evicted, Reason: "limit"})
	}
}

// upgrade runs the app's hook. This call took the guest's session, so no other does.
func (a *Auth) upgrade(r *http.Request, guest, user *Session) {
	guest.token, guest.ref = user.token, user.ref // its data lives there now
	kind, err := GuestUpgraded, a.runUpgrade(r.Context(), guest, user)
	if err != nil {
		kind = UpgradeFailed
	}
	a.emitRequest(r, Event{Type: kind, UserID: user.User.ID, SessionID: user.ID, Err: err})
}

// runUpgrade calls the hook. The sign-in has happened and must reach the client, so a panic in it is only an error.
func (a *Auth) runUpgrade(ctx context.Context, guest, user *Session) (err error) {
	if a.config.OnUpgrade == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("OnUpgrade panicked: %v", p)
		}
	}()
	return a.config.OnUpgrade(ctx, guest, user)
}

// dropped reports whether a browser will drop the cookie of this answer: Secure over plain http, as far as that can be
// known. Behind proxies that are not named it cannot; an https BaseURL without TrustedProxies is such a case.
func (k *carriers) dropped(r *http.Request) bool {
	switch {
	case !k.secure(r) || netaddr.Secure(r, k.proxies):
		return false
	case len(k.proxies) > 0:
		return true
	}
	return k.base == nil && r.Header.Get("X-Forwarded-Proto") == ""
}
