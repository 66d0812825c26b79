package cloakroom

import (
	"context"
	"errors"
	"net/http"
)

// SignUp is what somebody presents to get an account.
type SignUp struct {
	Email  string
	Name   string
	Method string // a name from Config.Methods whose Method is an Enroller; empty means the first
	Secret string
	Terms
}

// SignUp makes an account and opens its first session. Errors: FieldErrors, ErrEmailTaken, ErrSignupClosed,
// *LimitError, ErrCrossOrigin, *UnavailableError.
func (a *Auth) SignUp(w http.ResponseWriter, r *http.Request, in SignUp) (*Grant, error) {
	if a.config.SignupClosed {
		return nil, ErrSignupClosed
	}
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, bad := a.terms(r, in.Terms)
	fields, _ := errors.AsType[FieldErrors](bad)
	fields = append(fields, checkNewUser(in.Email, in.Name, in.Secret)...)
	if fields != nil {
		return nil, fields
	}
	if err := a.trySignup(r); err != nil {
		return nil, err
	}
	user, name, err := a.create(r.Context(), NewUser{Email: in.Email, Name: in.Name, Method: in.Method, Secret: in.Secret})
	if err != nil {
		return nil, err
	}
	if err := a.know(r, user.Email); err != nil {
		return nil, err
	}
	return a.open(w, r, opening{user: user, terms: terms, methods: []string{name}, level: 1})
}

// checkNewUser refuses what costs nothing to refuse, before anything is counted or hashed.
func checkNewUser(email, name, secret string) FieldErrors {
	var fields FieldErrors
	if email == "" {
		fields = append(fields, FieldError{"email", "required", "is missing"})
	}
	fields = append(fields, checkUser(&User{Email: NormalizeEmail(clip(email, maxIdentifier)), Name: name})...)
	switch {
	case secret == "":
		fields = append(fields, FieldError{"password", "required", "is missing"})
	case len(secret) > maxSecret:
		fields = append(fields, FieldError{"password", "password_too_long", "is too long"})
	}
	return fields
}

// Admission is a session for a user whom the app itself has recognised.
type Admission struct {
	Method  string   // how, in a short word that Session.Methods will show
	Factors int      // how many factors that was; 0 means 1
	Scopes  []string // what the session may do, see Scope
	Terms
}

// Admit opens a session for a user whom the app has recognised by means of its own, in place of the one the request
// came with. It asks for no second factor: say in Admission.Factors what the app has checked. Errors: ErrNotFound for
// no such user in this realm, ErrBanned, FieldErrors, ErrCrossOrigin, *UnavailableError.
func (a *Auth) Admit(w http.ResponseWriter, r *http.Request, userID string, in Admission) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, err := a.terms(r, in.Terms)
	if err != nil {
		return nil, err
	}
	user, err := a.Users().Get(r.Context(), userID)
	if err != nil {
		return nil, err
	}
	if user.Banned() {
		return nil, ErrBanned
	}
	return a.open(w, r, opening{
		user: user, terms: terms, methods: []string{in.Method},
		level: min(max(1, in.Factors), 2), scopes: in.Scopes,
	})
}

// enroll makes the credential data of a secret.
func (a *Auth) enroll(ctx context.Context, methodName string, user User, secret string) (Credential, error) {
	m, ok := method(a.config.Methods, methodName)
	e, enrolls := m.(Enroller)
	if !ok || !enrolls {
		return Credential{}, FieldErrors{{"method", "unknown_value", "cannot take a secret here"}}
	}
	data, err := e.Enroll(ctx, Enrolment{User: user, Secret: secret})
	if err != nil {
		if fields, ok := errors.AsType[FieldErrors](err); ok {
			return Credential{}, fields
		}
		return Credential{}, unavailable(err)
	}
	now := a.now()
	return Credential{UserID: user.ID, Method: e.Name(), Data: data, CreatedAt: now, UpdatedAt: now}, nil
}
