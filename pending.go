package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// Where nobody shall learn who has an account (Config.VerifyFirst), a sign-up changes nothing by itself. It waits in the mail that it
// orders: the account is made when the mail is sent, and where there is an unproven one already, the sign-up takes its place when
// the mail is followed.

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
	err := a.leaveOrder(r, Event{Type: SignUpRequested}, order{
		Letter: letterVerify, To: email, Locale: in.Locale, Attempt: &at.ticket.ID, SignUp: p,
	})
	if err != nil {
		return nil, err
	}
	private(w.Header())
	return &Grant{Challenge: &Challenge{Token: at.token, Next: []string{proofOfEmail}, ExpiresAt: at.ticket.ExpiresAt}}, nil
}

// signUpNow makes the account of a sign-up by mail.
func (a *Auth) signUpNow(ctx context.Context, o *order) (*User, error) {
	if a.config.SignupClosed {
		return nil, errNobody
	}
	now := a.now()
	user := User{
		ID: id.New("usr_", now), Realm: a.config.Realm, Email: o.To, CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	o.SignUp.fill(&user)
	made := a.dated(ctx, Event{Type: UserCreated, UserID: user.ID, IP: o.IP, UserAgent: o.Agent})
	change := UserChange{User: user, Events: a.records(made)}
	if o.SignUp.secret() {
		change.Credentials = []Credential{o.SignUp.credential(a, user.ID)}
	}
	err := a.directory.CreateUser(ctx, change)
	switch {
	case errors.Is(err, ErrTaken): // just now
		return a.recipient(ctx, o)
	case err != nil:
		return nil, unavailable(err)
	}
	a.emit(ctx, made)
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
