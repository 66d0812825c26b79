package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
)

// registrant is the attempt of who verifies, if it is who signed up: in the browser of the sign-up, or by the password.
func (a *Auth) registrant(r *http.Request, s *slip, user *User, in EmailProof) (*attempt, error) {
	creds, err := a.openedBy(r.Context(), s, user)
	if err != nil {
		return nil, err
	}
	at, err := a.signUpHere(r, s, in.Challenge)
	if errors.Is(err, ErrInvalidChallenge) {
		return a.registrantBySecret(r, s, user, creds, in)
	}
	if err != nil {
		return nil, err
	}
	at.Methods, at.Factors = []string{proofOfEmail}, 1
	if m := a.enroller(); m != nil && len(creds) == 0 {
		return at, a.firstSecret(r.Context(), s, m, user, in.Secret)
	}
	return at, nil
}

// openedBy are the credentials that count when a slip is followed. With the proof of a sign-up goes what the account was opened by before.
func (a *Auth) openedBy(ctx context.Context, s *slip, user *User) ([]Credential, error) {
	switch {
	case s.SignUp.secret():
		return []Credential{s.SignUp.credential(a, user.ID)}, nil
	case s.SignUp != nil:
		return nil, nil
	}
	creds, err := a.directory.Credentials(ctx, user.ID)
	return creds, known(err)
}

// signUpHere is the attempt that a sign-up was answered with. ErrInvalidChallenge: this is not its browser.
func (a *Auth) signUpHere(r *http.Request, s *slip, challenge string) (*attempt, error) {
	if challenge == "" || s.Attempt == nil {
		return nil, ErrInvalidChallenge
	}
	at, err := a.read(r.Context(), challenge)
	if err != nil {
		return nil, err
	}
	if at.ticket.ID != *s.Attempt {
		return nil, ErrInvalidChallenge
	}
	_, err = a.terms(r, at.Terms) // they were for another request than this
	return at, err
}

// registrantBySecret is registrant in another browser than that of the sign-up.
func (a *Auth) registrantBySecret(r *http.Request, s *slip, user *User, creds []Credential, in EmailProof) (*attempt, error) {
	at, m := &attempt{Terms: in.Terms}, a.enroller()
	switch {
	case m == nil:
		return nil, ErrInvalidChallenge
	case !slices.ContainsFunc(creds, func(c Credential) bool { return c.Method == m.Name() }):
		at.Methods, at.Factors = []string{m.Name()}, 1
		return at, a.firstSecret(r.Context(), s, m, user, in.Secret)
	case in.Secret == "":
		return nil, errSecretMissing
	}
	p, err := a.proveOf(r, m, user, creds, in.Secret)
	if err != nil {
		return nil, instead(err, ErrInvalidCredentials, ErrPasswordSet)
	}
	at.add(m.Name(), p)
	return at, nil
}

var errSecretMissing = FieldErrors{{"password", "required", "is missing: this is not the browser that signed up, or there is no password yet"}}

// firstSecret gives an account its first password, once the e-mail counts as proven.
func (a *Auth) firstSecret(ctx context.Context, s *slip, m Enroller, user *User, secret string) error {
	if secret == "" {
		return errSecretMissing
	}
	c, err := a.enroll(ctx, m.Name(), *user, secret, nil)
	if err != nil {
		return err
	}
	p := pendingSignUp{Name: user.Name, Locale: user.Locale, Picture: user.Picture, Phone: user.Phone}
	if s.SignUp != nil {
		p = *s.SignUp
	}
	p.Method, p.Data = c.Method, c.Data
	s.SignUp = &p
	return nil
}

// enroller is the first method that takes a secret of the user's choice; nil if there is none.
func (a *Auth) enroller() Enroller {
	for _, m := range a.config.Methods {
		if e, ok := m.(Enroller); ok {
			return e
		}
	}
	return nil
}

// proveOf is prove for a user who is known, against these credentials.
func (a *Auth) proveOf(r *http.Request, m Method, user *User, creds []Credential, secret string) (proven, error) {
	t, err := a.tryProof(r, cmp.Or(user.Email, user.ID), guessable(m))
	if err != nil {
		return proven{}, err
	}
	claim := Claim{User: user, Credentials: a.opened(r.Context(), m, creds), Secret: secret}
	proof, err := m.Prove(r.Context(), claim)
	switch {
	case errors.Is(err, ErrInvalidCredentials):
		a.tellFailed(r, m, claim, err)
		return proven{}, ErrInvalidCredentials
	case err != nil:
		t.giveBack(r.Context())
		return proven{}, known(err, ErrInvalidCredentials, ErrInvalidCredentials)
	}
	return proven{user, proof, t}, nil
}
