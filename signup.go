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
	// Profile that the account begins with, see User. All may be empty.
	Locale, Picture, Phone string
	Terms
}

// SignUp makes an account and opens its first session; where there is a Mailer, a mail asks for the proof of the e-mail. With
// Config.VerifyFirst it does neither: it answers a Challenge, after the same work whether or not the e-mail has an account, and the
// token in the mail goes to VerifyEmail with it; the password may then be chosen there. Errors: FieldErrors, ErrEmailTaken,
// ErrSignupClosed, ErrForbidden by Config.Veto, *LimitError, ErrCrossOrigin, *UnavailableError.
func (a *Auth) SignUp(w http.ResponseWriter, r *http.Request, in SignUp) (*Grant, error) {
	if a.config.SignupClosed {
		return nil, ErrSignupClosed
	}
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, bad := a.terms(r, in.Terms)
	fields, _ := errors.AsType[FieldErrors](bad)
	fields = append(fields, checkNewUser(in, a.config.VerifyFirst)...)
	if fields != nil {
		return nil, fields
	}
	if err := a.trySignup(r); err != nil {
		return nil, err
	}
	whose := map[string]string{"email": NormalizeEmail(in.Email)}
	if err := a.vetoed(r, Event{Type: UserCreated, Details: whose}); err != nil {
		return nil, err
	}
	if a.config.VerifyFirst {
		return a.signUpByMail(w, r, in, terms)
	}
	if err := a.vetoed(r, Event{Type: SignedIn, Details: whose}); err != nil { // now, so that a refusal leaves no account behind
		return nil, err
	}
	letter := order{Letter: letterVerify, To: NormalizeEmail(in.Email), Locale: in.Locale}
	user, name, err := a.createBy(r, NewUser{
		Email: in.Email, Name: in.Name, Method: in.Method, Secret: in.Secret, Locale: in.Locale, Picture: in.Picture, Phone: in.Phone,
	}, &letter)
	if err != nil {
		return nil, err
	}
	if err := a.know(r, user.Email); err != nil {
		return nil, err
	}
	if a.config.Mailer != nil { // were it told as a new one all the same, that would be no harm
		_ = a.noteDevice(r.Context(), a.deviceCounter(r, user.ID), user.ID)
	}
	return a.open(w, r, opening{user: user, agreed: true, terms: terms, methods: []string{name}, level: 1})
}

// checkNewUser refuses what costs nothing to refuse, before anything is counted or hashed.
func checkNewUser(in SignUp, secretLater bool) FieldErrors {
	var fields FieldErrors
	if in.Email == "" {
		fields = append(fields, FieldError{"email", "required", "is missing"})
	}
	fields = append(fields, checkUser(&User{
		Email: NormalizeEmail(clip(in.Email, maxIdentifier)), Name: in.Name, Locale: in.Locale, Picture: in.Picture, Phone: NormalizePhone(in.Phone),
	})...)
	switch {
	case in.Secret == "" && !secretLater:
		fields = append(fields, FieldError{"password", "required", "is missing"})
	case len(in.Secret) > maxSecret:
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
// no such user in this realm, ErrBanned, ErrForbidden by Config.Veto, FieldErrors, ErrCrossOrigin, *UnavailableError.
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
	switch {
	case user.Leaving():
		return nil, ErrNotFound
	case user.Banned():
		return nil, ErrBanned
	}
	return a.open(w, r, opening{
		user: user, terms: terms, methods: []string{in.Method},
		level: min(max(1, in.Factors), 2), scopes: in.Scopes,
	})
}

// enroll makes the credential of a secret for a user who has these.
func (a *Auth) enroll(ctx context.Context, methodName string, user User, secret string, have []Credential) (Credential, error) {
	m, ok := method(a.config.Methods, methodName)
	e, enrolls := m.(Enroller)
	if !ok || !enrolls {
		return Credential{}, FieldErrors{{"method", "unknown_value", "cannot take a secret here"}}
	}
	data, err := e.Enroll(ctx, Enrolment{User: user, Secret: secret, Credentials: a.opened(ctx, m, have)})
	if err != nil {
		if fields, ok := errors.AsType[FieldErrors](err); ok {
			return Credential{}, fields
		}
		return Credential{}, unavailable(err)
	}
	now := a.now()
	return Credential{UserID: user.ID, Method: e.Name(), Data: data, CreatedAt: now, UpdatedAt: now}, nil
}
