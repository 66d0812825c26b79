package cloakroom

import (
	"cmp"
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

// Begin returns the session of the request, and opens a guest session when it has none, or a dead one: for a handler
// that needs somewhere to keep a cart. However often it is called for one request, it opens one; behind Optional or
// Require also from many goroutines. A new token goes out by the carrier the request used, or the default one, so call
// Begin before the body is written.
//
// Where that is bearer and no Bearer.ResponseHeader is configured, nobody would ever hold the token: Begin opens nothing
// and returns ErrInvalidToken, or ErrUnauthenticated for a request without a credential. Use BeginOn there.
func (a *Auth) Begin(w http.ResponseWriter, r *http.Request) (*Session, error) {
	g, err := a.begin(w, r, Terms{Token: a.formOfBegin(r)}, a.unsendable(r))
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
		late := false
		s, late, err = a.sessionOf(w, r)
		switch {
		case errors.Is(err, ErrMoved) && bearing(r) && a.carriers.header == "": // dead, and what is sent replaces nothing unasked
		case errors.Is(err, ErrMoved):
			return nil, &UnavailableError{Cause: err, RetryAfter: time.Second} // its browser has a newer token by now
		case err != nil:
			return nil, err
		case late: // it is there, and only wants refreshing: a guest's must not take its place
			return nil, ErrInvalidToken
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

// formOfBegin is the form of a token that Begin hands out. Bearer.ResponseHeader has no place for a refresh token.
func (a *Auth) formOfBegin(r *http.Request) TokenForm {
	if !a.delivery(r, "").cookie() && slices.Contains(a.config.Token.Allow, Opaque) {
		return Opaque
	}
	return a.config.Token.Default
}

// sessionOf is the live session that the response already hands out or, failing that, the one of the request; or nil. It is
// late if all that the request has of it is a signed token that has expired.
func (a *Auth) sessionOf(w http.ResponseWriter, r *http.Request) (s *Session, late bool, err error) {
	s, err = a.begun(w, r)
	if signedOut(err) {
		s, err = a.Authenticate(r)
	}
	if !signedOut(err) || errors.Is(err, ErrMoved) {
		return s, false, err
	}
	s, err = a.lateSession(r)
	if signedOut(err) && !errors.Is(err, ErrMoved) {
		err = nil
	}
	return s, s != nil, err
}

// lateSession is the live session of a signed cookie that has expired. A bearer can refresh first; and an old token that
// got into a log must not claim a guest's data.
func (a *Auth) lateSession(r *http.Request) (*Session, error) {
	cred, err := a.presentAged(r, anyAge)
	if err != nil || cred.claims == nil || cred.carrier != byCookie {
		return nil, err
	}
	s, err := a.lookupClaimed(r.Context(), cred.claims)
	if err == nil {
		s.carrier, s.Current, s.until = cred.carrier, true, short(cred.claims.ExpiresAt)
	}
	return s, err
}

// begun is the session whose token is in the response. ErrUnauthenticated: there is none.
func (a *Auth) begun(w http.ResponseWriter, r *http.Request) (*Session, error) {
	text, by := a.carriers.sent(w, r)
	cred := credential{carrier: by}
	if err := a.recognise(r.Context(), &cred, text, inTime); errors.Is(err, ErrInvalidToken) {
		return nil, ErrUnauthenticated
	} else if err != nil {
		return nil, err
	}
	s, err := a.lookup(r.Context(), cred.id)
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
	agreed  bool  // the app has been asked about it already, when a refusal left nothing behind
	terms   Terms
	methods []string
	level   int
	scopes  []string
	ends    time.Time // zero: as Lifetime has it
	actor   *Actor
	reason  string        // that the actor gave
	proven  time.Time     // the actor's last proof
	also    []EventRecord // that join the events of the opening
	beside  func()        // begins what may be written together with the session, when that is about to be; may be nil
}

// spares reports whether an old session lives on: that of an administrator who acts as somebody else.
func (o *opening) spares(old *Session) bool { return o.actor != nil && old.ID == o.actor.SessionID }

// open opens a session in place of the one the request came with, or has begun, unless the app does not want it. From then on it
// is the request's.
func (a *Auth) open(w http.ResponseWriter, r *http.Request, o opening) (*Grant, error) {
	if o.user != nil && !o.agreed {
		if err := a.vetoed(r, Event{Type: SignedIn, UserID: o.user.ID}); err != nil {
			return nil, err
		}
	}
	old, _, err := a.sessionOf(w, r)
	if err != nil && !errors.Is(err, ErrMoved) {
		return nil, err
	}
	if old != nil && old.byKey() {
		old = nil // a key is no session that could be replaced
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
	by := a.delivery(r, o.terms.Delivery)
	rec := a.newRecord(r, o)
	b := a.newBundle(&rec, cmp.Or(o.terms.Token, a.config.Token.Default), by)
	s := a.session(rec, o.user)
	s.Current = true
	if err := a.sign(r.Context(), s, &b); err != nil {
		return nil, err
	}
	request := Opening{
		Session: rec, Limit: a.lifetime.Limit, Now: rec.CreatedAt,
		MovedUntil: rec.CreatedAt.Add(movedGrace),
	}
	if o.actor != nil {
		request.Limit = 0 // the user's own sessions do not make room for it
	}
	if old != nil && !o.spares(old) {
		request.Replace = &old.token
		request.Inherit = old.Anonymous() || old.User.ID == rec.UserID
	}
	told := a.tellingOpened(r, s, old, o.reason, &request)
	request.Events = append(request.Events, o.also...)
	if o.beside != nil {
		o.beside()
	}
	opened, err := a.ledger.Open(r.Context(), request)
	if err != nil {
		return nil, unavailable(err)
	}
	g := a.deliver(w, r, s, b, by)
	if b.form == Opaque && by.cookie() && old != nil && old.until != 0 { // it came with a signed cookie
		a.carriers.clearRefresh(w, r)
	}
	a.tellOpened(r.Context(), told, opened)
	if opened.Replaced && old.Anonymous() && o.user != nil {
		a.upgrade(r, old, s)
	}
	return g, nil
}

func (a *Auth) newRecord(r *http.Request, o opening) SessionRecord {
	now := a.now()
	rec := SessionRecord{
		ID: id.New("ses_", now), Realm: a.config.Realm,
		CreatedAt: now, LastSeenAt: now, IssuedAt: now, EndsAt: o.ends, Actor: o.actor,
		Methods: o.methods, Level: o.level, Scopes: o.scopes, Remember: o.terms.Remember,
		IP: a.clientIP(r), Agent: clip(r.UserAgent(), maxAgent),
	}
	rec.ExpiresAt = a.endOf(&rec)
	if o.user != nil {
		rec.UserID, rec.Epoch, rec.AuthenticatedAt = o.user.ID, o.user.Epoch, now
		if o.actor != nil {
			rec.AuthenticatedAt = o.proven
		}
	}
	return rec
}

// openings is what may be told of an opening: what was opened, replaced and evicted.
type openings struct{ opened, replaced, evicted Event }

// tellingOpened puts into a request what joins the events when it is done. Guests come and go without a record.
func (a *Auth) tellingOpened(r *http.Request, s, old *Session, reason string, o *Opening) openings {
	t := openings{opened: a.requested(r, Event{Type: GuestBegan, SessionID: s.ID})}
	o.Replaced.RevokedUntil, o.Evicted.RevokedUntil = a.revokedUntil(), a.revokedUntil()
	if s.User != nil {
		t.opened.Type, t.opened.UserID = SignedIn, s.User.ID
		if s.Actor != "" {
			t.opened.Type, t.opened.Reason = ImpersonationBegun, reason
		}
		t.evicted = a.requested(r, Event{Type: SessionRevoked, UserID: s.User.ID, Reason: "limit"})
		o.Events, o.Evicted = []EventRecord{a.noticed(s.User, t.opened)}, a.ending(t.evicted)
	}
	if o.Replace != nil && !old.Anonymous() {
		t.replaced = Event{Type: SessionRevoked, UserID: old.User.ID, SessionID: old.ID, Reason: "replaced"}
		if old.Actor != "" {
			t.replaced.Type = ImpersonationEnded
		}
		t.replaced = a.requested(a.Acting(r, old), t.replaced)
		o.Replaced = a.ending(t.replaced)
	}
	return t
}

func (a *Auth) tellOpened(ctx context.Context, t openings, opened Opened) {
	a.emit(ctx, t.opened)
	if t.opened.Type == ImpersonationBegun { // its user is told by mail
		a.mails.hurry()
	}
	if opened.Replaced && t.replaced.Type != "" {
		a.emit(ctx, t.replaced)
	}
	for _, t.evicted.SessionID = range opened.Evicted {
		a.emit(ctx, t.evicted)
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
