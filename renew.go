package cloakroom

import (
	"context"
	"errors"
	"net/http"
)

// Renew gives a session a new token by the carrier it came with, and the old one is dead at once: for every change of
// privilege, so that a token which leaked before it is worth nothing after it. Two racing calls: one gets
// ErrInvalidToken. Call it before the body is written.
func (a *Auth) Renew(w http.ResponseWriter, r *http.Request, s *Session) (*Grant, error) {
	next := s.record
	if s.User != nil {
		next.Epoch = max(next.Epoch, s.User.Epoch)
	}
	return a.renew(w, r, s, next)
}

func (a *Auth) renew(w http.ResponseWriter, r *http.Request, s *Session, next SessionRecord) (*Grant, error) {
	now := a.now()
	token, id := a.keys.Load().mint(kindSession, s.record.Token.Bucket)
	next.Token, next.LastSeenAt, next.IssuedAt = id, now, now
	next.ExpiresAt = a.lifetime.end(next.CreatedAt, now)
	err := a.ledger.Renew(r.Context(), s.record.Token, next, now.Add(movedGrace))
	if errors.Is(err, ErrNotFound) {
		return nil, ErrInvalidToken
	}
	if err != nil {
		return nil, unavailable(err)
	}
	by := DeliverCookie
	if s.carrier == byBearer {
		by = DeliverBearer
	}
	s.fill(next, s.User)
	a.emitRequest(r, Event{Type: SessionRenewed, UserID: next.UserID, SessionID: s.ID})
	return a.deliver(w, r, s, token, by), nil
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
	m, ok := method(a.config.Methods, c.Method)
	if !ok {
		return nil, FieldErrors{{"method", "unknown_value", "is no method here"}}
	}
	user, _, err := a.prove(r, m, s.User.Email, c.Current, func(ctx context.Context) (User, error) {
		return a.directory.User(ctx, s.User.ID)
	})
	if err != nil {
		return nil, err
	}
	cred, err := a.enroll(ctx, c.Method, *user, c.Next)
	if err != nil {
		return nil, err
	}
	// The session goes ahead to the next epoch, then the user follows: it is never behind, the others are at once.
	next := s.record
	next.Epoch, next.AuthenticatedAt = user.Epoch+1, a.now()
	g, err := a.renew(w, r, s, next)
	if err != nil {
		return nil, err
	}
	changed, _, err := a.Users().edit(ctx, user.ID, []Credential{cred}, func(u *User) error {
		if u.Epoch != user.Epoch {
			return ErrInvalidToken // all sessions were ended meanwhile, this one too
		}
		u.Epoch++
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.User = changed
	a.emitRequest(r, Event{Type: CredentialChanged, UserID: user.ID, SessionID: s.ID, Reason: cred.Method})
	return g, a.closeUser(ctx, user.ID, s.ID, "credential_changed")
}
