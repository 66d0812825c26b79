package cloakroom

import (
	"context"
	"net/http"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// Where nobody shall learn who has an account (Config.VerifyFirst), a sign-up changes nothing by itself. It waits in the mail that it
// orders: the account is made when the mail is followed, and where there is an unproven one already, the sign-up takes its place then.

// pendingSignUp is a sign-up of which only a mail tells what came of it.
type pendingSignUp struct {
	Name    string `json:"name,omitempty"`
	Locale  string `json:"locale,omitempty"`
	Picture string `json:"picture,omitempty"`
	Phone   string `json:"phone,omitempty"`
	Method  string `json:"method,omitempty"`
	Data    []byte `json:"data,omitempty"` // of the credential; none when no password was chosen yet
}

// secret reports whether a password was chosen.
func (p *pendingSignUp) secret() bool { return p != nil && len(p.Data) > 0 }

func (p *pendingSignUp) credential(a *Auth, userID string) Credential {
	now := a.now()
	return Credential{UserID: userID, Method: p.Method, Data: p.Data, CreatedAt: now, UpdatedAt: now}
}

// fill gives an account what the sign-up says of it.
func (p *pendingSignUp) fill(u *User) {
	u.Name, u.Locale, u.Picture, u.Phone = p.Name, p.Locale, p.Picture, p.Phone
}

// signUpByMail is SignUp where every one does the same and is answered the same, and the mail tells the rest.
func (a *Auth) signUpByMail(w http.ResponseWriter, r *http.Request, in SignUp, terms Terms) (*Grant, error) {
	p := &pendingSignUp{Name: strings.TrimSpace(in.Name), Locale: in.Locale, Picture: in.Picture, Phone: NormalizePhone(in.Phone)}
	email := NormalizeEmail(in.Email)
	if in.Secret != "" {
		c, err := a.enroll(r.Context(), in.Method, User{Email: email, Name: p.Name}, in.Secret, nil)
		if err != nil {
			return nil, err
		}
		p.Method, p.Data = c.Method, c.Data
	}
	at := &attempt{Account: email, Terms: terms}
	if err := a.persistFor(r.Context(), at, slipLife[slipVerify]); err != nil {
		return nil, err
	}
	if err := a.rememberSignUp(r.Context(), email, rememberedSignUp{*p, at.ticket.ID, at.ticket.ExpiresAt}); err != nil {
		return nil, err
	}
	err := a.leaveAnonymous(r, Event{Type: SignUpRequested}, order{
		Letter: letterVerify, To: email, Locale: in.Locale, Attempt: &at.ticket.ID, SignUp: p,
	})
	if err != nil {
		return nil, err
	}
	private(w.Header())
	return &Grant{Challenge: &Challenge{Token: at.token, Next: []string{proofOfEmail}, ExpiresAt: at.ticket.ExpiresAt}}, nil
}

// newcomer is whom a sign-up by mail is of, as long as nobody has its e-mail: a user without ID. A mail that was asked for once more goes by
// the sign-up that is remembered.
func (a *Auth) newcomer(ctx context.Context, o *order) (*User, error) {
	if a.config.SignupClosed {
		return nil, errNobody
	}
	if o.SignUp == nil {
		s, err := a.rememberedOf(ctx, o.To)
		if err != nil {
			return nil, instead(err, ErrNotFound, errNobody)
		}
		o.SignUp, o.Attempt = &s.SignUp, &s.Attempt
	}
	user := &User{Realm: a.config.Realm, Email: o.To}
	o.SignUp.fill(user)
	return user, nil
}

// signUpNow makes the account of a newcomer, without anything to open it by: that comes with the proof of the e-mail.
func (a *Auth) signUpNow(r *http.Request, newcomer *User) (*User, error) {
	if a.config.SignupClosed {
		return nil, ErrInvalidLink
	}
	now := a.now()
	user := *newcomer
	user.ID, user.CreatedAt, user.UpdatedAt, user.Revision = id.New("usr_", now), now, now, 1
	made := a.requested(r, Event{Type: UserCreated, UserID: user.ID})
	if err := a.directory.CreateUser(r.Context(), UserChange{User: user, Events: a.records(made)}); err != nil {
		return nil, known(err, ErrTaken, ErrInvalidLink)
	}
	a.emit(r.Context(), made)
	return &user, nil
}

// tellKnown keeps in the events of an account that somebody wanted to open it once more.
func (a *Auth) tellKnown(ctx context.Context, user *User, b *mailBundle) error {
	if b.again { // it was told
		return nil
	}
	e := a.dated(ctx, Event{Type: SignUpKnown, UserID: user.ID, IP: b.IP, UserAgent: b.Agent})
	if err := a.directory.Append(ctx, nil, a.records(e)); err != nil {
		return unavailable(err)
	}
	a.emit(ctx, e)
	return nil
}
