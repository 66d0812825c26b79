package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
	"github.com/cloakroom-auth/cloakroom/internal/mailbox"
)

// Whoever shows the slip of a verification reads the mail of an address; it does not follow that he is who typed it. An
// attacker can sign up by the address of somebody else and wait for the click. So the one who verifies must also be the one
// who signed up: in the same browser, in a session of the account, or by its password. Where an address is proven in
// another way, by a reset or a code, what the account was opened by until then is dropped.

// proofOfEmail is what Challenge.Next says when a mail must be followed.
const proofOfEmail = "email"

// RequestVerification orders a mail by which the owner of an e-mail can prove it. It is answered the same whether anybody has
// the e-mail, and whether it is proven already. Errors: FieldErrors, *LimitError, ErrNotFound without a Mailer,
// *UnavailableError.
func (a *Auth) RequestVerification(r *http.Request, email string) error {
	to, err := a.mayWriteTo(r, email)
	if err != nil {
		return err
	}
	return a.leaveAnonymous(r, Event{Type: VerificationRequested}, order{Letter: letterVerify, To: to})
}

// mayWriteTo checks an address that a mail is asked for, and counts it.
func (a *Auth) mayWriteTo(r *http.Request, email string) (string, error) {
	if a.config.Mailer == nil {
		return "", ErrNotFound
	}
	to := NormalizeEmail(clip(email, maxIdentifier))
	switch {
	case to == "":
		return "", FieldErrors{{"email", "required", "is missing"}}
	case !mailbox.Valid(to):
		return "", FieldErrors{{"email", "invalid_email", "must be one e-mail address, like ana@example.com"}}
	}
	return to, a.tryBegin(r)
}

// leaveVerification orders that mail for a user, where there are mails.
func (a *Auth) leaveVerification(r *http.Request, user *User) error {
	if a.config.Mailer == nil {
		return nil
	}
	return a.leaveAnonymous(r, Event{Type: VerificationRequested, UserID: user.ID}, order{Letter: letterVerify, To: user.Email, UserID: user.ID})
}

// fillVerify writes the mail that asks for a proof. An account that is there is left alone by a sign-up: a verified one is told, of an
// unverified one the new sign-up takes effect if it is the one that is proven.
func (a *Auth) fillVerify(ctx context.Context, b *mailBundle, d *letter.Data) (string, error) {
	user, err := a.recipient(ctx, &b.order)
	if errors.Is(err, errNobody) && b.UserID == "" {
		user, err = a.newcomer(ctx, &b.order)
	}
	switch {
	case err != nil:
		return "", err
	case user.Email != b.To || user.Banned() || user.Leaving():
		return "", errNobody
	case user.EmailVerified && b.SignUp != nil:
		b.Letter, d.Link = letterKnown, a.config.BaseURL
		return cmp.Or(user.Locale, b.Locale), a.tellKnown(ctx, user, b)
	case user.EmailVerified:
		return "", errNobody
	}
	t, err := a.issue(ctx, slipVerify, slip{
		UserID: user.ID, Email: user.Email, Epoch: user.Epoch, Attempt: b.Attempt, SignUp: b.SignUp, mail: b.mark,
	}, slipLife[slipVerify])
	d.Name, d.Link, d.Life = user.Name, a.link(letterVerify, t), slipLife[slipVerify]
	return cmp.Or(user.Locale, b.Locale), err
}

// EmailProof is what somebody shows to verify the e-mail of an account.
type EmailProof struct {
	Token     string // of the mail
	Challenge string // that the sign-up was answered with, if this is its browser
	Secret    string // otherwise the password of the account or, if it has none, its first one
	// Terms of the session that is opened by Secret, or of the new token of one that is there, see Session.SetTerms. A sign-up in its
	// own browser has its own.
	Terms
}

// VerifyEmail proves the e-mail of an account to be its owner's, who must also show to be who signed up: by a session of the
// account, which goes on with a new token, by the challenge of the sign-up, or by the password. Then the session is there or is
// opened, or a Challenge asks for a second factor. Errors: ErrInvalidLink, ErrExpiredLink, FieldErrors when none of the three was
// shown, ErrPasswordSet for another password than the account has, those of SignIn. A proof that is refused leaves the link good.
func (a *Auth) VerifyEmail(w http.ResponseWriter, r *http.Request, in EmailProof) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, bad := a.terms(r, in.Terms)
	if bad != nil {
		return nil, bad
	}
	s, user, err := a.addressee(r.Context(), slipVerify, in.Token)
	if err != nil {
		return nil, err
	}
	if user.EmailVerified {
		return nil, ErrInvalidLink
	}
	own, err := a.inPersonOf(r, user.ID)
	switch {
	case err != nil:
		return nil, err
	case own != nil:
		if err := own.SetTerms(in.Terms); err != nil {
			return nil, err
		}
		return a.verifyHere(w, r, own, s, user)
	}
	in.Terms = terms
	at, err := a.registrant(r, s, user, in)
	if err != nil {
		return nil, err
	}
	if err := a.spend(r.Context(), s); err != nil {
		return nil, err
	}
	if user.ID == "" {
		if user, err = a.signUpNow(r, user); err != nil {
			return nil, err
		}
	}
	at.UserID, at.Epoch, at.Account = user.ID, user.Epoch, user.Email
	at.Proven, at.SignUp, at.Registrant = s.Email, s.SignUp, true
	return a.proceed(w, r, at)
}

// inPersonOf is the session of a request if it is of this user, who is there in person; otherwise nil.
func (a *Auth) inPersonOf(r *http.Request, userID string) (*Session, error) {
	own, err := a.Authenticate(r)
	switch {
	case signedOut(err):
		return nil, nil
	case err != nil:
		return nil, err
	case own.inPerson() != nil || own.User.ID != userID:
		return nil, nil
	}
	return own, nil
}

// addressee reads a slip and the user whom it was mailed to, if both are still what they were.
func (a *Auth) addressee(ctx context.Context, kind, token string) (*slip, *User, error) {
	s, err := a.look(ctx, kind, token)
	if err != nil {
		return nil, nil, err
	}
	if s.UserID == "" {
		return a.expected(ctx, s)
	}
	user, err := a.Users().Get(ctx, s.UserID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil, ErrInvalidLink
	case err != nil:
		return nil, nil, err
	case user.Banned() || user.Epoch != s.Epoch && s.bound(), kind != slipChange && user.Email != s.Email:
		return nil, nil, ErrInvalidLink
	case user.Leaving() && kind != slipKeep:
		return nil, nil, ErrInvalidLink
	}
	return s, user, nil
}

// expected is addressee for a sign-up by mail, whose account is to be made. One that has the e-mail by now came by another road.
func (a *Auth) expected(ctx context.Context, s *slip) (*slip, *User, error) {
	_, err := a.directory.UserByEmail(ctx, a.config.Realm, s.Email)
	switch {
	case err == nil || s.SignUp == nil:
		return nil, nil, ErrInvalidLink
	case !errors.Is(err, ErrNotFound):
		return nil, nil, unavailable(err)
	}
	user := &User{Realm: a.config.Realm, Email: s.Email}
	s.SignUp.fill(user)
	return s, user, nil
}

// verifyHere verifies within a session of the account. More is allowed to it now, so it gets a new token.
func (a *Auth) verifyHere(w http.ResponseWriter, r *http.Request, own *Session, s *slip, user *User) (*Grant, error) {
	if err := a.spend(r.Context(), s); err != nil {
		return nil, err
	}
	proven, err := a.firstProof(r, user, s.Email, nil, true)
	if err != nil {
		return nil, err
	}
	own.User = proven
	return a.Renew(w, r, own)
}
