package cloakroom

import (
	"context"
	"errors"
	"net/http"
)

// A realm without an administrator is opened by a link that whoever runs the program reads in its log or on its command
// line: good once, for a day, and only until there is an administrator who can sign in. A later link takes the place of the one before.

// SetupToken makes the token by which the first administrator makes an account, see Setup. A user of API keys alone, who has
// no e-mail, is no administrator for this, though one for ErrLastHolder. Errors: ErrForbidden once a user of the realm who has
// an e-mail holds RoleAdmin, *UnavailableError.
func (a *Auth) SetupToken(ctx context.Context) (Token, error) {
	if err := a.unruled(ctx); err != nil {
		return Token{}, err
	}
	token, err := a.issue(ctx, slipSetup, slip{}, slipLife[slipSetup])
	if err != nil {
		return Token{}, err
	}
	made := a.dated(ctx, Event{Type: SetupLinkMade})
	if err := a.directory.Append(ctx, nil, a.records(made)); err != nil {
		return Token{}, unavailable(err)
	}
	a.emit(ctx, made)
	return token, nil
}

// unruled refuses while somebody in the realm who can sign in holds RoleAdmin.
func (a *Auth) unruled(ctx context.Context) error {
	for admin, err := range a.Users().All(ctx, RoleAdmin) {
		if err != nil {
			return err
		}
		if admin.Email != "" {
			return ErrForbidden
		}
	}
	return nil
}

// Setup is the account of the first administrator.
type Setup struct {
	Token  string // of SetupToken
	Email  string
	Name   string
	Method string // a name from Config.Methods whose Method is an Enroller; empty means the first
	Secret string
	Terms
}

// Setup makes the account of the first administrator, who holds RoleAdmin, and opens its first session, also while sign-up
// is closed. What is wrong with the account leaves the token good for another try; of all that show it one gets an account.
// The e-mail is not verified: no mail has proven it. Errors: those of SignUp, ErrInvalidLink, ErrExpiredLink, ErrForbidden
// when there is an administrator by now.
func (a *Auth) Setup(w http.ResponseWriter, r *http.Request, in Setup) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, bad := a.terms(r, in.Terms)
	fields, _ := errors.AsType[FieldErrors](bad)
	fields = append(fields, checkNewUser(SignUp{Email: in.Email, Name: in.Name, Secret: in.Secret}, false)...)
	if fields != nil {
		return nil, fields
	}
	user, method, err := a.foundFirst(r, in)
	if err != nil {
		return nil, err
	}
	return a.open(w, r, opening{user: user, agreed: true, terms: terms, methods: []string{method}, level: 1})
}

// foundFirst makes the account, and uses the token up in the last step before.
func (a *Auth) foundFirst(r *http.Request, in Setup) (*User, string, error) {
	ctx := r.Context()
	s, err := a.look(ctx, slipSetup, in.Token)
	if err != nil {
		return nil, "", err
	}
	if err := a.unruled(ctx); err != nil {
		return nil, "", err
	}
	user, creds, err := a.draft(ctx, NewUser{Email: in.Email, Name: in.Name, Roles: []string{RoleAdmin}, Method: in.Method, Secret: in.Secret})
	if err != nil {
		return nil, "", err
	}
	made := a.requested(r, Event{Type: UserCreated, UserID: user.ID, Reason: slipSetup})
	asked := made
	asked.Details = map[string]string{"email": user.Email}
	if err := a.vetoed(r, asked); err != nil {
		return nil, "", err
	}
	if err := a.vetoed(r, Event{Type: SignedIn, UserID: user.ID, Details: asked.Details}); err != nil {
		return nil, "", err
	}
	if err := a.spend(ctx, s); err != nil {
		return nil, "", err
	}
	return user, creds[0].Method, a.found(ctx, user, creds, made, nil)
}
