package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Renew gives a session a new token by the carrier it came with, or by both (see Session.SetTerms), and the old one is dead at
// once: for every change of privilege, so that a token which leaked before it is worth nothing after it. (Services that check a signed access token by
// themselves take the old one until it expires, at most TokenPolicy.AccessTTL.) Two racing calls: one gets
// ErrInvalidToken. Call it before the body is written, with a session that a guard, a grant or Begin gave; one from a
// list is refused, its token is not this client's.
func (a *Auth) Renew(w http.ResponseWriter, r *http.Request, s *Session) (*Grant, error) {
	rec, err := a.recordOf(r.Context(), s)
	if err != nil {
		return nil, err
	}
	b, next, err := a.replaceToken(r, s, rec)
	if err != nil {
		return nil, err
	}
	return a.renewed(w, r, s, next, b), nil
}

// SetTerms says how the new token is handed out wherever this request renews the session: by Renew, by a change of the account,
// or at the end of a StepUp that it begins. A session keeps its carrier and its form, so there is one thing to ask for: DeliverBoth,
// for a session that came by cookie, where DeliveryPolicy allows it. Without it a session that was delivered both ways
// goes on as a cookie alone, for a renewal ends the app's tokens, too. What would be so anyway may be said, and the zero Terms
// ask for nothing; Remember stays as it was. Errors: FieldErrors for anything else, before anything is changed;
// ErrUnauthenticated for no session.
func (s *Session) SetTerms(t Terms) error {
	if s == nil {
		return ErrUnauthenticated
	}
	var bad FieldErrors
	switch came := s.carrier.delivery(); {
	case t.Delivery == "", t.Delivery == came:
	case !t.Delivery.known():
		bad = append(bad, unknownDelivery)
	case came == DeliverBearer:
		bad = append(bad, noCookieForBearer)
	case t.Delivery == DeliverBearer:
		bad = append(bad, FieldError{"delivery", "not_allowed", "a session that came by cookie stays there"})
	case !slices.Contains(s.auth.carriers.policy.Allow, DeliverBoth):
		bad = append(bad, deliveryNotAllowed(DeliverBoth))
	}
	switch t.Token {
	case "", s.form():
	case Opaque, Signed:
		bad = append(bad, FieldError{"token", "not_allowed", "a session keeps its form, which is " + string(s.form())})
	default:
		bad = append(bad, unknownForm)
	}
	if bad != nil {
		return bad
	}
	if t.Delivery != "" {
		s.both = t.Delivery == DeliverBoth
	}
	return nil
}

// delivery is where the next token of the session goes.
func (s *Session) delivery() Delivery {
	if s.both {
		return DeliverBoth
	}
	return s.carrier.delivery()
}

func (s *Session) form() TokenForm {
	if s.signed || s.until != 0 {
		return Signed
	}
	return Opaque
}

// errListed refuses a session that no request has: its token is not this client's.
var errListed = errors.New("not the session of a request")

// recordOf reads what the store has of the session of a request.
func (a *Auth) recordOf(ctx context.Context, s *Session) (SessionRecord, error) {
	switch {
	case s.byKey():
		return SessionRecord{}, ErrForbidden
	case s.carrier == byNothing:
		return SessionRecord{}, errListed
	}
	rec, err := a.ledger.Session(ctx, s.token, a.now())
	if err != nil {
		return rec, known(err, ErrNotFound, ErrInvalidToken)
	}
	return rec, nil
}

// replaceToken puts new tokens of the same form in the place of the session's own, and next's proof and epoch in the
// place of its own.
func (a *Auth) replaceToken(r *http.Request, s *Session, next SessionRecord) (bundle, SessionRecord, error) {
	r = a.Acting(r, s)
	ctx, now, form := r.Context(), a.now(), Opaque
	if len(next.Refresh) > 0 {
		form = Signed
	}
	next.LastSeenAt, next.IssuedAt = now, now
	next.ExpiresAt = a.endOf(&next)
	b := a.newBundle(&next, form, s.delivery())
	if err := a.sign(ctx, a.session(next, s.User), &b); err != nil {
		return b, next, err
	}
	renewed := a.requested(r, Event{Type: SessionRenewed, UserID: next.UserID, SessionID: s.ID})
	err := a.ledger.Renew(ctx, Renewal{
		Old: s.token, Session: next, MovedUntil: now.Add(movedGrace), RevokedUntil: a.revokedUntil(), Events: a.records(renewed),
	})
	if err != nil && !errors.Is(err, ErrNotFound) { // perhaps only its answer was lost
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if _, lost := a.ledger.Session(asking, next.Token, now); lost == nil {
			err = nil
		}
	}
	if err != nil {
		return b, next, known(err, ErrNotFound, ErrInvalidToken)
	}
	a.emit(ctx, renewed)
	return b, next, nil
}

// renewed hands out the new tokens of a session that was changed to next.
func (a *Auth) renewed(w http.ResponseWriter, r *http.Request, s *Session, next SessionRecord, b bundle) *Grant {
	s.read(&next, s.User)
	return a.deliver(w, r, s, b, s.delivery())
}

// settleTime bounds a change of several steps that goes on when the client has gone.
const settleTime = 30 * time.Second

// fallBack takes a session that went ahead back to its user's epoch, if that stayed where it was: a session that is ahead
// would outlive the next end of all sessions. Where nobody can know, it stays ahead, for the change may be done.
func (a *Auth) fallBack(ctx context.Context, s *Session, before SessionRecord, err error) {
	if _, unknown := errors.AsType[*UnavailableError](err); unknown {
		user, err := a.directory.User(ctx, before.UserID)
		if err != nil || user.Epoch > before.Epoch {
			return
		}
	}
	_ = a.ledger.Renew(ctx, Renewal{Old: s.token, Session: before})
}

// Change is a new secret for one's own account.
type Change struct {
	Method  string // "" means the first of Config.Methods
	Current string // the secret in force, proven again
	Next    string
}

// ChangeSecret changes a credential of the session's own user, who proves the present one again. All other sessions of
// the user end, whoever opened them; this one goes on with a new token. Errors: FieldErrors for the new secret,
// ErrInvalidCredentials for the present one, *LimitError, ErrInvalidToken when the session ended meanwhile.
func (a *Auth) ChangeSecret(w http.ResponseWriter, r *http.Request, s *Session, c Change) (*Grant, error) {
	ctx := r.Context()
	if err := s.inPerson(); err != nil {
		return nil, err
	}
	if s.carrier == byNothing {
		return nil, errListed
	}
	m, ok := method(a.config.Methods, c.Method)
	if !ok {
		return nil, FieldErrors{{"method", "unknown_value", "is no method here"}}
	}
	if s.User.MFA && s.Level < 2 { // a password must not be enough to change it
		return nil, &StepUpError{MFA: true}
	}
	if c.Current == "" {
		return nil, FieldErrors{{"current_password", "required", "is missing"}}
	}
	// The limit of an account goes by its e-mail; who has none is counted by id.
	p, err := a.prove(r, m, Claim{Secret: c.Current}, cmp.Or(s.User.Email, s.User.ID), a.byID(s.User.ID))
	if err != nil {
		return nil, a.orLeft(ctx, s, err)
	}
	if err := p.try.succeeded(ctx); err != nil {
		return nil, err
	}
	if s.User.Epoch < p.user.Epoch { // it was ended since the guard let it in
		return nil, ErrInvalidToken
	}
	have, err := a.directory.Credentials(ctx, s.User.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	cred, err := a.enroll(ctx, c.Method, *p.user, c.Next, have)
	if err != nil {
		return nil, err
	}
	return a.changeAccount(w, r, s, p.user.Epoch, m.Name(), userEdit{
		what: Event{Type: CredentialChanged, Reason: cred.Method}, creds: []Credential{cred},
	})
}

// changeAccount changes what the session's own user signs in by, and ends the user's epoch: all other sessions end, this one
// goes on with a new token and, where the change has proven a factor, as proven now, and at level 2 if that is a second one. The session goes ahead to the next epoch, then
// the user follows, and only then the token changes: the session is never behind, the others are at once, and wherever this
// breaks off, the client's token is good. A client that hangs up does not break it off.
func (a *Auth) changeAccount(w http.ResponseWriter, r *http.Request, s *Session, epoch int64, proved string, e userEdit) (*Grant, error) {
	if err := a.mayChange(r, s, &e); err != nil {
		return nil, err
	}
	return a.changeAllowed(w, r, s, epoch, proved, e)
}

// mayChange refuses a change of the account that is not made in person, or that the app does not want.
func (a *Auth) mayChange(r *http.Request, s *Session, e *userEdit) error {
	if err := s.inPerson(); err != nil {
		return err
	}
	e.what = a.requested(r, e.what)
	e.what.UserID, e.what.SessionID = s.User.ID, s.ID
	return a.vetoed(r, e.what)
}

// changeAllowed is changeAccount after mayChange, for what uses something up between the two.
func (a *Auth) changeAllowed(w http.ResponseWriter, r *http.Request, s *Session, epoch int64, proved string, e userEdit) (*Grant, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
	defer cancel()
	before, err := a.recordOf(ctx, s)
	if err != nil {
		return nil, err
	}
	ahead := before
	ahead.Epoch = epoch + 1
	if err := a.ledger.Renew(ctx, Renewal{Old: s.token, Session: ahead}); err != nil {
		return nil, known(err, ErrNotFound, ErrInvalidToken)
	}
	change := e.change
	e.change = func(u *User) error {
		if u.Epoch != epoch {
			return ErrInvalidToken // all sessions were ended meanwhile, this one too
		}
		u.Epoch++
		if change != nil {
			return change(u)
		}
		return nil
	}
	changed, _, err := a.Users().edit(ctx, s.User.ID, e)
	if err != nil {
		a.fallBack(ctx, s, before, err)
		return nil, err
	}
	g := a.goOn(ctx, w, r, s, changed, ahead, proved)
	a.tidy(ctx, s.User.ID, s.ID, "credential_changed")
	return g, nil
}

// goOn gives a session of a changed account its new token.
func (a *Auth) goOn(ctx context.Context, w http.ResponseWriter, r *http.Request, s *Session, changed *User, next SessionRecord, proved string) *Grant {
	s.User = changed
	if proved != "" && (!changed.MFA || a.isSecondFactor(proved)) { // one factor makes nothing fresh that asks for two
		next.AuthenticatedAt = a.now()
	}
	if proved != "" {
		if !slices.Contains(next.Methods, proved) {
			next.Methods = append(slices.Clone(next.Methods), proved)
		}
	}
	if a.isSecondFactor(proved) && len(next.Methods) > 1 {
		next.Level = 2
	}
	b, next, err := a.replaceToken(r.WithContext(ctx), s, next)
	if err != nil { // the change is done and must be told as done; the session goes on with the token it has
		a.emitRequest(r, Event{Type: RequestFailed, UserID: changed.ID, SessionID: s.ID, Reason: "renew", Err: err})
		return &Grant{Session: s}
	}
	return a.renewed(w, r, s, next, b)
}
