package cloakroom

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// movedGrace is how long a token that was exchanged is remembered, so that late requests which still carry it do not
// clear the cookie that replaced it.
const movedGrace = time.Minute

// Terms say how a new session is handed out.
type Terms struct {
	// Delivery is where its token goes. Empty means DeliveryPolicy.Default.
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

// terms fills in defaults and refuses what is not allowed.
func (a *Auth) terms(t Terms) (Terms, error) {
	var bad FieldErrors
	if t.Delivery == "" {
		t.Delivery = a.carriers.policy.Default
	}
	if !t.Delivery.known() {
		bad = append(bad, FieldError{"delivery", "unknown_value", "must be cookie, bearer or both"})
	} else if !slices.Contains(a.carriers.policy.Allow, t.Delivery) {
		bad = append(bad, FieldError{"delivery", "not_allowed", string(t.Delivery) + " is not allowed here"})
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

// Begin returns the session of the request, and opens a guest session when it has none, or a dead one: for a handler
// that needs somewhere to keep a cart. However often it is called for one request, it opens one; behind Optional or
// Require also from many goroutines. A new token goes out by the carrier the request used, or the default one, so call
// Begin before the body is written.
func (a *Auth) Begin(w http.ResponseWriter, r *http.Request) (*Session, error) {
	var t Terms
	if bearing(r) && a.carriers.bearers {
		t.Delivery = DeliverBearer
	}
	g, err := a.BeginOn(w, r, t)
	if err != nil {
		return nil, err
	}
	return g.Session, nil
}

// BeginOn is Begin with terms. Grant.Tokens is nil when the session was there already: its token is not sent again.
func (a *Auth) BeginOn(w http.ResponseWriter, r *http.Request, t Terms) (*Grant, error) {
	t, err := a.terms(t)
	if err != nil {
		return nil, err
	}
	v, _ := r.Context().Value(visitKey{}).(*visit)
	if v == nil {
		v = &visit{}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.session == nil {
		if v.session, err = a.sessionOf(w, r); err != nil {
			return nil, err
		}
	}
	if v.session != nil {
		return &Grant{Session: v.session}, nil
	}
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	g, err := a.open(w, r, opening{terms: t})
	if err == nil {
		v.session = g.Session
	}
	return g, err
}

// sessionOf is the live session of the request or, failing that, the one that its response already hands out; or nil.
func (a *Auth) sessionOf(w http.ResponseWriter, r *http.Request) (*Session, error) {
	if text, by := a.carriers.sent(w, r); text != "" {
		if id, _, ok := a.keys.Load().parse(kindSession, text); ok {
			s, err := a.lookup(r.Context(), id)
			if err == nil {
				s.carrier, s.Current = by, true
			}
			return s, err
		}
	}
	s, err := a.Authenticate(r)
	if err != nil && signedOut(err) {
		return nil, nil
	}
	return s, err
}

// visit is what a request knows of itself: the session it came with or has begun.
type visit struct {
	mu      sync.Mutex
	session *Session
}

type visitKey struct{}

func (a *Auth) visiting(r *http.Request, s *Session) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, &visit{session: s}))
}

// opening is what open needs to know.
type opening struct {
	user    *User // nil for a guest
	terms   Terms
	methods []string
	level   int
	scopes  []string
}

// open opens a session in place of the one the request came with, durably, and only then hands out its token. A guest's
// data goes over to the new session, and that of an earlier session of the same user; that of another user does not.
func (a *Auth) open(w http.ResponseWriter, r *http.Request, o opening) (*Grant, error) {
	old, err := a.Authenticate(r)
	if err != nil && !signedOut(err) {
		return nil, err
	}
	token, rec := a.newRecord(r, o)
	request := Opening{Session: rec, Limit: a.lifetime.Limit, Now: rec.CreatedAt, MovedUntil: rec.CreatedAt.Add(movedGrace)}
	if old != nil {
		request.Replace = &old.record.Token
		request.Inherit = old.Anonymous() || old.User.ID == rec.UserID
	}
	opened, err := a.ledger.Open(r.Context(), request)
	if err != nil {
		return nil, unavailable(err)
	}
	s := a.session(rec, o.user)
	s.Current = true
	g := a.deliver(w, r, s, token, o.terms.Delivery)
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
		a.carriers.setCookie(w, r, token, cookieAge(s, s.record.IssuedAt))
		if a.carriers.dropped(r) {
			a.emitRequest(r, Event{Type: InsecureTransport, SessionID: s.ID})
		}
	}
	if by.bearer() {
		if s.carrier = byBearer; by.cookie() {
			s.carrier = byCookie
		}
		a.carriers.setHeader(w, token)
		g.Tokens = &Tokens{Access: token, ExpiresIn: s.ExpiresAt.Sub(a.now())}
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
	guest.record = user.record // its data lives there now
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

// dropped reports whether a browser will drop the cookie of this answer: Secure over plain http.
func (k *carriers) dropped(r *http.Request) bool {
	return k.base == nil && len(k.proxies) == 0 && r.TLS == nil && k.secure(r) && r.Header.Get("X-Forwarded-Proto") == ""
}
