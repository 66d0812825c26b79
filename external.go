package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
)

// An app may know somebody by another system: a social login, a company's directory. Such an identity is a pair of issuer and
// subject, never an e-mail: two systems may know two people by one address (ASVS 6.8.1). The address links an identity to an account
// only where both sides have proven it, and what an account that nobody had proven could be opened by until then is dropped.

// External is somebody whom another system has recognised. The app vouches for it.
type External struct {
	Issuer  string // of the identity, such as https://accounts.example.com; 1 to 200 visible ASCII characters
	Subject string // stable at the issuer; the same
	// Email and whether the issuer has proven it. May be empty.
	Email         string
	EmailVerified bool
	Name, Locale  string // of a new account
	Factors       int    // how many the other system has checked; 0 means 1
	Terms
}

const methodExternal = "external"

// SignInExternal signs in whom another system has recognised: by the account of the identity or, the first time, by the account that has its proven
// e-mail, or by a new one. A second factor of the account is asked for as ever. An account has one such identity. Errors: FieldErrors,
// ErrEmailTaken when the e-mail has an account that the identity may not have (it is proven by the issuer only in part, or
// the account has another identity), ErrSignupClosed, ErrInvalidCredentials for an account that is about to be deleted, and those of Continue.
func (a *Auth) SignInExternal(w http.ResponseWriter, r *http.Request, in External) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, bad := a.terms(r, in.Terms)
	if fields := in.check(bad); fields != nil {
		return nil, fields
	}
	user, err := a.identified(r, in)
	if err != nil {
		return nil, err
	}
	if user.Leaving() {
		return nil, ErrInvalidCredentials
	}
	at := &attempt{
		UserID: user.ID, Epoch: user.Epoch, Account: user.Email, Terms: terms,
		Methods: []string{methodExternal}, Factors: max(1, in.Factors), try: &try{auth: a, at: a.now(), off: true},
	}
	if email := NormalizeEmail(in.Email); in.EmailVerified && email == user.Email {
		at.Proven, at.Registrant = email, true // the identity is what the account was made by, or has just been linked
	}
	return a.proceed(w, r, at)
}

func (in *External) check(terms error) error {
	fields, _ := errors.AsType[FieldErrors](terms)
	for _, f := range []struct{ name, value string }{{"issuer", in.Issuer}, {"subject", in.Subject}} {
		if f.value == "" || len(f.value) > 200 || strings.ContainsFunc(f.value, func(r rune) bool { return r <= ' ' || r > unicode.MaxASCII }) {
			fields = append(fields, FieldError{f.name, "invalid", "must be 1 to 200 visible ASCII characters"})
		}
	}
	fields = append(fields, checkUser(&User{Email: NormalizeEmail(clip(in.Email, maxIdentifier)), Name: in.Name, Locale: in.Locale})...)
	if fields == nil {
		return nil
	}
	return fields
}

// id is the identity as a user has it. Neither part has a space, so an ExternalID with one is an identity.
func (in *External) id() string { return in.Issuer + " " + in.Subject }

// issuer is that of the user's identity, or empty without one.
func (u *User) issuer() string {
	issuer, _, identity := strings.Cut(u.ExternalID, " ")
	if !identity {
		return ""
	}
	return issuer
}

// forgetIdentity takes the identity of another system from an account. An id that an import has given stays.
func (u *User) forgetIdentity() {
	if u.issuer() != "" {
		u.ExternalID = ""
	}
}

// identified finds or makes the account of an identity.
func (a *Auth) identified(r *http.Request, in External) (*User, error) {
	ctx, email := r.Context(), NormalizeEmail(in.Email)
	user, err := a.directory.UserByExternalID(ctx, a.config.Realm, in.id())
	if err == nil {
		return &user, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return nil, unavailable(err)
	}
	if email != "" {
		user, err = a.directory.UserByEmail(ctx, a.config.Realm, email)
		if err == nil {
			return a.linked(r, &user, in)
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, unavailable(err)
		}
	}
	return a.arrived(r, in)
}

// linked gives an account an identity, if both have proven the e-mail. If only the identity has, what the account could be opened by was
// somebody else's perhaps, and goes.
func (a *Auth) linked(r *http.Request, user *User, in External) (*User, error) {
	if !in.EmailVerified || user.ExternalID != "" && user.EmailVerified || user.ResetRequired || user.Banned() || user.Leaving() {
		return nil, ErrEmailTaken
	}
	if !user.EmailVerified {
		proven, err := a.firstProof(r, user, user.Email, nil, false)
		if err != nil {
			return nil, instead(err, ErrInvalidLink, ErrInvalidChallenge)
		}
		user = proven
	}
	what := a.requested(r, Event{Type: FactorAdded, UserID: user.ID, Reason: methodExternal, Details: map[string]string{"name": in.Issuer}})
	if err := a.vetoed(r, what); err != nil {
		return nil, err
	}
	ctx := context.WithoutCancel(r.Context())
	changed, _, err := a.Users().edit(ctx, user.ID, userEdit{what: what, change: func(u *User) error {
		if u.ExternalID != "" && u.ExternalID != in.id() || u.Email != user.Email {
			return ErrEmailTaken
		}
		u.ExternalID = in.id()
		return nil
	}})
	return changed, err
}

// arrived makes an account for an identity.
func (a *Auth) arrived(r *http.Request, in External) (*User, error) {
	if a.config.SignupClosed {
		return nil, ErrSignupClosed
	}
	if err := a.trySignup(r); err != nil {
		return nil, err
	}
	ctx := r.Context()
	user, _, err := a.draft(ctx, NewUser{Email: in.Email, EmailVerified: in.EmailVerified, Name: in.Name, Locale: in.Locale})
	if err != nil {
		return nil, err
	}
	user.ExternalID = in.id()
	made := a.requested(r, Event{Type: UserCreated, UserID: user.ID, Reason: methodExternal})
	asked := made
	asked.Details = map[string]string{"email": user.Email}
	if err := a.vetoed(r, asked); err != nil {
		return nil, err
	}
	err = a.found(ctx, user, nil, made, nil)
	if errors.Is(err, ErrEmailTaken) { // the same identity at once, perhaps
		if other, again := a.directory.UserByExternalID(ctx, a.config.Realm, in.id()); again == nil {
			return &other, nil
		}
	}
	return user, err
}
