package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"net/http"
)

// Renew gives a session a new token by the carrier it came with, and the old one is dead at once: for every change of
// privilege, so that a token which leaked before it is worth nothing after it. Two racing calls: one gets
// ErrInvalidToken. Call it before the body is written, with a session that a guard, a grant or Begin gave; one from a
// list is refused, its token is not this client's.
func (a *Auth) Renew(w http.ResponseWriter, r *http.Request, s *Session) (*Grant, error) {
	rec, err := a.recordOf(r.Context(), s)
	if err != nil {
		return nil, err
	}
	token, next, err := a.rotate(r.Context(), s, rec)
	if err != nil {
		return nil, err
	}
	return a.renewed(w, r, s, next, token), nil
}

// errListed refuses a session that no request has: its token is not this client's.
var errListed = errors.New("not the session of a request")

// recordOf reads what the store has of the session of a request.
func (a *Auth) recordOf(ctx context.Context, s *Session) (SessionRecord, error) {
	if s.carrier == byNothing {
		return SessionRecord{}, errListed
	}
	rec, err := a.ledger.Session(ctx, s.token, a.now())
	if err != nil {
		return rec, known(err, ErrNotFound, ErrInvalidToken)
	}
	return rec, nil
}

// rotate puts a new token in the place of the session's own, and next's proof and epoch in the place of its own.
func (a *Auth) rotate(ctx context.Context, s *Session, next SessionRecord) (Token, SessionRecord, error) {
	now := a.now()
	token, id := a.keys.Load().mint(kindSession, s.token.Bucket)
	next.Token, next.LastSeenAt, next.IssuedAt = id, now, now
	next.ExpiresAt = a.lifetime.end(next.CreatedAt, now)
	err := a.ledger.Renew(ctx, s.token, next, now.Add(movedGrace))
	if err != nil {
		return Token{}, next, known(err, ErrNotFound, ErrInvalidToken)
	}
	return token, next, nil
}

// renewed hands out the new token of a session that was rotated to next.
func (a *Auth) renewed(w http.ResponseWriter, r *http.Request, s *Session, next SessionRecord, token Token) *Grant {
	by := DeliverCookie
	if s.carrier == byBearer {
		by = DeliverBearer
	}
	s.fill(next, s.User)
	a.emitRequest(r, Event{Type: SessionRenewed, UserID: next.UserID, SessionID: s.ID})
	return a.deliver(w, r, s, token, by)
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
	if s.Anonymous() {
		return nil, ErrUnauthenticated
	}
	if s.carrier == byNothing {
		return nil, errListed
	}
	m, ok := method(a.config.Methods, c.Method)
	if !ok {
		return nil, FieldErrors{{"method", "unknown_value", "is no method here"}}
	}
	// The limit of an account goes by its e-mail; who has none is counted by id.
	p, err := a.prove(r, m, cmp.Or(s.User.Email, s.User.ID), c.Current, func(ctx context.Context) (User, error) {
		return a.directory.User(ctx, s.User.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := p.try.succeeded(ctx); err != nil {
		return nil, err
	}
	if s.epoch < p.user.Epoch { // it was ended since the guard let it in
		return nil, ErrInvalidToken
	}
	cred, err := a.enroll(ctx, c.Method, *p.user, c.Next)
	if err != nil {
		return nil, err
	}
	g, err := a.replaceSecret(w, r, s, p.user.Epoch, cred)
	if err != nil {
		return nil, err
	}
	a.tidy(ctx, s.User.ID, s.ID, "credential_changed")
	return g, nil
}

// replaceSecret stores a credential and ends the user's epoch. The session goes ahead to the next epoch, then the user
// follows, and only then the token changes: the session is never behind, the others are at once, and wherever this
// breaks off, the client's token is good.
func (a *Auth) replaceSecret(w http.ResponseWriter, r *http.Request, s *Session, epoch int64, cred Credential) (*Grant, error) {
	ctx := r.Context()
	before, err := a.recordOf(ctx, s)
	if err != nil {
		return nil, err
	}
	ahead := before
	ahead.Epoch = epoch + 1
	if err := a.ledger.Renew(ctx, s.token, ahead, a.now()); err != nil {
		return nil, known(err, ErrNotFound, ErrInvalidToken)
	}
	changed, _, err := a.Users().edit(ctx, s.User.ID, []Credential{cred}, func(u *User) error {
		if u.Epoch != epoch {
			return ErrInvalidToken // all sessions were ended meanwhile, this one too
		}
		u.Epoch++
		return nil
	})
	if _, unknown := errors.AsType[*UnavailableError](err); err != nil && !unknown { // refused: as it was
		_ = a.ledger.Renew(context.WithoutCancel(ctx), s.token, before, a.now())
	}
	if err != nil { // where the answer was lost the change may be done, and a session that is ahead lives either way
		return nil, err
	}
	s.User = changed
	a.emitRequest(r, Event{Type: CredentialChanged, UserID: changed.ID, SessionID: s.ID, Reason: cred.Method})
	ahead.AuthenticatedAt = a.now()
	token, next, err := a.rotate(ctx, s, ahead)
	if err != nil { // the change is done and must be told as done; the session goes on with the token it has
		a.emitRequest(r, Event{Type: RequestFailed, UserID: changed.ID, SessionID: s.ID, Reason: "renew", Err: err})
		return &Grant{Session: s}, nil
	}
	return a.renewed(w, r, s, next, token), nil
}
