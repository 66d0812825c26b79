package cloakroom

import (
	"context"
	"errors"
	"net/http"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// RequestEmailChange orders a mail to the address that the session's own user wants to have. Until its link is followed nothing
// changes. It is answered the same whether somebody else has the address: its owner is told. The session must be Sensitive. Errors:
// *StepUpError, FieldErrors, ErrUnauthenticated, ErrImpersonated, ErrForbidden for an API key or by Config.Veto, ErrNotFound without
// a Mailer, *LimitError, *UnavailableError.
func (a *Auth) RequestEmailChange(r *http.Request, s *Session, email string) error {
	if err := s.Meets(Sensitive); err != nil {
		return err
	}
	to, err := a.mayWriteTo(r, email)
	if err != nil {
		return err
	}
	if to == s.User.Email {
		return FieldErrors{{"email", "unchanged", "is the address that the account has"}}
	}
	what := a.requested(r, Event{Type: EmailChanged, UserID: s.User.ID, SessionID: s.ID, Details: fromTo(s.User.Email, to)})
	if err := a.vetoed(r, what); err != nil {
		return err
	}
	return a.leaveAnonymous(r, Event{Type: EmailChangeRequested, UserID: s.User.ID, SessionID: s.ID}, order{
		Letter: letterNewEmail, To: to, UserID: s.User.ID, Other: s.User.Email,
	})
}

func fromTo(from, to string) map[string]string { return map[string]string{"from": from, "to": to} }

func (a *Auth) fillNewEmail(ctx context.Context, b *mailBundle, d *letter.Data) (string, error) {
	user, err := a.recipient(ctx, &b.order)
	switch {
	case err != nil:
		return "", err
	case user.Email != b.Other || user.Banned() || user.Leaving():
		return "", errNobody
	}
	owner, err := a.directory.UserByEmail(ctx, a.config.Realm, b.To)
	switch {
	case err == nil:
		b.Letter, d.Link, d.Address = letterKnown, a.config.BaseURL, ""
		return owner.Locale, nil
	case !errors.Is(err, ErrNotFound):
		return "", unavailable(err)
	}
	t, err := a.issue(ctx, slipChange, slip{UserID: user.ID, Email: b.To, Other: user.Email, Epoch: user.Epoch, mail: b.mark}, slipLife[slipChange])
	d.Name, d.Link, d.Life = user.Name, a.link(letterNewEmail, t), slipLife[slipChange]
	return user.Locale, err
}

// EmailConfirmation is what somebody shows to give an account its new address.
type EmailConfirmation struct {
	Token  string // of the mail
	Secret string // the password of the account, where the request is not of one of its sessions
	Terms         // of the new token of its session, see Session.SetTerms
}

// ConfirmEmailChange gives the account of the mail its new address, which is proven by it, and tells the old one. Whoever reads
// the mail must also be who asked for it: in a session of the account, or by its password. All sessions of the
// user end but that of the request, which goes on with a new token; the Grant is empty if the request has none. Errors:
// ErrInvalidLink, ErrExpiredLink, ErrEmailTaken, FieldErrors for the terms and when neither was shown, ErrInvalidCredentials, *LimitError, ErrForbidden by
// Config.Veto, ErrCrossOrigin, *UnavailableError. A proof that is refused leaves the link good.
func (a *Auth) ConfirmEmailChange(w http.ResponseWriter, r *http.Request, in EmailConfirmation) (*Grant, error) {
	if err := a.origin.check(r); err != nil {
		return nil, err
	}
	s, user, err := a.addressee(r.Context(), slipChange, in.Token)
	if err != nil {
		return nil, err
	}
	e := userEdit{
		what: a.requested(r, Event{Type: EmailChanged, UserID: user.ID, Details: fromTo(s.Other, s.Email)}),
		change: func(u *User) error {
			if u.Email != s.Other { // changed on another road: what was proven then counts
				return ErrInvalidLink
			}
			u.Email, u.EmailVerified = s.Email, true
			return nil
		},
	}
	own, err := a.inPersonOf(r, user.ID)
	if err != nil {
		return nil, err
	}
	if own != nil {
		err = own.SetTerms(in.Terms)
	} else {
		_, err = a.terms(r, in.Terms)
	}
	if err != nil {
		return nil, err
	}
	if err := a.mayTake(r.Context(), s.Email); err != nil {
		return nil, err
	}
	if own == nil {
		if err := a.askedForChange(r, user, in.Secret); err != nil {
			return nil, err
		}
	}
	if own == nil { // changeAccount asks by itself
		err = a.vetoed(r, e.what)
	}
	if err == nil {
		err = a.spend(r.Context(), s)
	}
	switch {
	case err != nil:
		return nil, err
	case own != nil:
		return a.changeAccount(w, r, own, s.Epoch, "", e)
	}
	return &Grant{}, a.changeEmail(r, user, s.Epoch, e)
}

// askedForChange holds who confirms outside of the account's sessions to its password.
func (a *Auth) askedForChange(r *http.Request, user *User, secret string) error {
	m := a.enroller()
	if m == nil || secret == "" {
		return FieldErrors{{"password", "required", "is missing: this is not a session of the account"}}
	}
	creds, err := a.directory.Credentials(r.Context(), user.ID)
	if err != nil {
		return unavailable(err)
	}
	p, err := a.proveOf(r, m, user, creds, secret)
	if err != nil {
		return err
	}
	return p.try.succeeded(r.Context())
}

// mayTake asks first, so that a taken address does not use the link up; the store decides.
func (a *Auth) mayTake(ctx context.Context, email string) error {
	_, err := a.directory.UserByEmail(ctx, a.config.Realm, email)
	switch {
	case err == nil:
		return ErrEmailTaken
	case errors.Is(err, ErrNotFound):
		return nil
	}
	return unavailable(err)
}

// changeEmail changes the address from outside of the account's sessions, and ends all of them.
func (a *Auth) changeEmail(r *http.Request, user *User, epoch int64, e userEdit) error {
	change := e.change
	e.change = func(u *User) error {
		if u.Epoch != epoch {
			return ErrInvalidLink
		}
		u.Epoch += allEnd
		return change(u)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime)
	defer cancel()
	if _, _, err := a.Users().edit(ctx, user.ID, e); err != nil {
		return err
	}
	a.tidy(ctx, user.ID, "", "email_changed")
	return nil
}
