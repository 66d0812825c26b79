package cloakroom

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// ForgotPassword orders a mail by which the owner of an account can choose a new password. It is answered the same, after the
// same work, whether anybody has the e-mail. Errors: FieldErrors, *LimitError, ErrNotFound without a Mailer,
// *UnavailableError.
func (a *Auth) ForgotPassword(r *http.Request, email string) error {
	to, err := a.mayWriteTo(r, email)
	if err != nil {
		return err
	}
	return a.leaveAnonymous(r, Event{Type: PasswordForgotten}, order{Letter: letterReset, To: to})
}

// leaveReset orders that mail for a user, where there are mails.
func (a *Auth) leaveReset(r *http.Request, user *User) error {
	if a.config.Mailer == nil {
		return nil
	}
	return a.leaveOrder(r, Event{Type: PasswordForgotten, UserID: user.ID}, order{Letter: letterReset, To: user.Email, UserID: user.ID})
}

// leaveResetAgain orders it for who tried to sign in.
func (a *Auth) leaveResetAgain(r *http.Request, user *User) error {
	if a.config.Mailer == nil || user.Email == "" {
		return nil
	}
	return a.leaveAnonymous(r, Event{Type: PasswordForgotten, UserID: user.ID}, order{Letter: letterReset, To: user.Email, UserID: user.ID})
}

func (a *Auth) fillReset(ctx context.Context, b *mailBundle, d *letter.Data) (string, error) {
	user, err := a.recipient(ctx, &b.order)
	switch {
	case err != nil:
		return "", err
	case user.Email != b.To || user.Banned() || user.Leaving():
		return "", errNobody
	}
	t, err := a.issue(ctx, slipReset, slip{UserID: user.ID, Email: user.Email, Epoch: user.Epoch, mail: b.mark}, slipLife[slipReset])
	d.Name, d.Link, d.Life = user.Name, a.link(letterReset, t), slipLife[slipReset]
	return user.Locale, err
}

// ResetPassword gives the account of a reset mail a new password and ends all of its sessions. It opens none: a sign-in follows,
// with the second factor, if the account has one (ASVS 6.4.3). The e-mail is proven by it; if it was not before, whatever else the
// account could be opened by is dropped, second factors and API keys too. Errors: ErrInvalidLink, ErrExpiredLink, FieldErrors for the
// password, which leave the link good, ErrForbidden by Config.Veto, ErrCrossOrigin, *UnavailableError.
func (a *Auth) ResetPassword(r *http.Request, token, secret string) error {
	if err := a.origin.check(r); err != nil {
		return err
	}
	s, user, err := a.addressee(r.Context(), slipReset, token)
	if err != nil {
		return err
	}
	c, err := a.newPassword(r.Context(), user, secret)
	if err != nil {
		return err
	}
	what := a.requested(r, Event{Type: PasswordReset, UserID: user.ID})
	if err := a.vetoed(r, what); err != nil {
		return err
	}
	if !user.EmailVerified { // before the link is spent: wherever this breaks off no key outlives the proof
		if err := a.dropKeys(r.Context(), user.ID, time.Time{}, "email_verified"); err != nil {
			return err
		}
	}
	if err := a.spend(r.Context(), s); err != nil {
		return err
	}
	e := userEdit{what: what, creds: []Credential{c}, change: func(u *User) error {
		if u.Email != s.Email || u.Epoch != s.Epoch {
			return ErrInvalidLink
		}
		u.Epoch += allEnd
		if !u.EmailVerified {
			u.forgetIdentity()
		}
		u.EmailVerified, u.ResetRequired = true, false
		return nil
	}}
	if !user.EmailVerified {
		e.forget = credentialKeys
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), settleTime) // the link is spent, whoever hangs up
	defer cancel()
	if _, _, err := a.Users().edit(ctx, user.ID, e); err != nil {
		return err
	}
	a.tidy(ctx, user.ID, "", "password_reset")
	// The mail that was followed does not stand in for the next, should it be asked for within the minute.
	o := order{Letter: letterReset, To: s.Email}
	_, _ = a.count(ctx, o.fold(a.config.Realm), -everything, a.now())
	if user.EmailVerified {
		return nil
	}
	return a.dropKeys(ctx, user.ID, time.Time{}, "email_verified")
}

// newPassword makes the credential of a password that somebody chose for an account.
func (a *Auth) newPassword(ctx context.Context, user *User, secret string) (Credential, error) {
	m := a.enroller()
	switch {
	case m == nil:
		return Credential{}, ErrNotFound
	case secret == "":
		return Credential{}, FieldErrors{{"password", "required", "is missing"}}
	case len(secret) > maxSecret:
		return Credential{}, FieldErrors{{"password", "password_too_long", "is too long"}}
	}
	creds, err := a.directory.Credentials(ctx, user.ID)
	if err != nil {
		return Credential{}, unavailable(err)
	}
	return a.enroll(ctx, m.Name(), *user, secret, creds)
}

// SetPassword gives the session's own user a first password. The session must be Sensitive. All other sessions of the
// user end, this one goes on with a new token. Errors: ErrPasswordSet, ErrNotFound where there are no passwords, FieldErrors, and
// those of ChangeSecret.
func (a *Auth) SetPassword(w http.ResponseWriter, r *http.Request, s *Session, secret string) (*Grant, error) {
	if err := s.Meets(Sensitive); err != nil {
		return nil, err
	}
	creds, err := a.directory.Credentials(r.Context(), s.User.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	if m := a.enroller(); m != nil && slices.ContainsFunc(creds, func(c Credential) bool { return c.Method == m.Name() }) {
		return nil, ErrPasswordSet
	}
	c, err := a.newPassword(r.Context(), s.User, secret)
	if err != nil {
		return nil, err
	}
	return a.changeAccount(w, r, s, s.User.Epoch, "", userEdit{what: Event{Type: PasswordSet}, creds: []Credential{c}})
}
