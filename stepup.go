package cloakroom

import (
	"net/http"
	"slices"
)

// StepUp begins to prove a session anew (RFC 9470): it is a sign-in of its own user once more, by whatever the user has, with the
// second factor that a sign-in asks for and without regard to remembered devices. The proofs go to Continue, in requests of the same session, which
// is then renewed: a new token, AuthenticatedAt of now, and the level that was proven. What s.SetTerms asks for before it holds at the
// end, and refuses proofs in requests to which it cannot be given. Errors: ErrUnauthenticated,
// ErrImpersonated, ErrForbidden for an API key, *UnavailableError.
func (a *Auth) StepUp(w http.ResponseWriter, r *http.Request, s *Session) (*Challenge, error) {
	if err := s.inPerson(); err != nil {
		return nil, err
	}
	creds, err := a.directory.Credentials(r.Context(), s.User.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	at := &attempt{UserID: s.User.ID, Epoch: s.User.Epoch, Account: s.User.Email, StepUp: s.ID}
	if s.both {
		at.Terms.Delivery = DeliverBoth
	}
	if err := a.persist(r.Context(), at); err != nil {
		return nil, err
	}
	private(w.Header())
	return &Challenge{Token: at.token, Next: a.firstMethods(s.User, creds), ExpiresAt: at.ticket.ExpiresAt}, nil
}

// firstMethods names the methods by which a user can begin to prove who it is.
func (a *Auth) firstMethods(user *User, creds []Credential) []string {
	next := []string{}
	for _, m := range a.config.Methods {
		if slices.ContainsFunc(creds, func(c Credential) bool { return c.Method == m.Name() }) {
			next = append(next, m.Name())
		}
	}
	if a.config.MailCode.Allowed && user.Email != "" {
		next = append(next, methodMailCode)
	}
	return next
}

// stepUp renews the session that an attempt was begun from.
func (a *Auth) stepUp(w http.ResponseWriter, r *http.Request, at *attempt, user *User, level int) (*Grant, error) {
	s, err := a.toStepUp(r, at)
	if err != nil {
		return nil, err
	}
	next, err := a.recordOf(r.Context(), s)
	if err != nil {
		return nil, err
	}
	next.Methods, next.Level, next.AuthenticatedAt = at.Methods, level, a.now()
	b, next, err := a.replaceToken(r, s, next)
	if err != nil {
		return nil, err
	}
	a.keepAside(r, Event{Type: SteppedUp, UserID: user.ID, SessionID: s.ID})
	return a.renewed(w, r, s, next, b), nil
}

// ofSession refuses a proof that comes without the session that it is to step up, or to where its new token cannot go.
func (a *Auth) ofSession(r *http.Request, at *attempt) error {
	if at.StepUp == "" {
		return nil
	}
	_, err := a.toStepUp(r, at)
	return err
}

// toStepUp is the session of a request, if it is the one that an attempt was begun from.
func (a *Auth) toStepUp(r *http.Request, at *attempt) (*Session, error) {
	s, err := a.Authenticate(r)
	if err != nil {
		return nil, err
	}
	if s.ID != at.StepUp || s.Anonymous() || s.User.ID != at.UserID {
		return nil, ErrInvalidChallenge
	}
	return s, s.SetTerms(at.Terms)
}
