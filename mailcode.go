package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// A sign-in by mail is an attempt that waits for one of three things: the code of the mail, typed into the browser that asked
// for it; the link of the mail, opened in that browser; or the link opened elsewhere, by somebody who also picks the number that
// the asking browser shows. A link alone signs nobody in, so neither a scanner of mail nor whoever it was forwarded to is let in,
// and what an attacker began in his own browser is not finished by the victim's click.

const (
	methodMailCode = "mail_code"
	codeLife       = 10 * time.Minute // NIST SP 800-63B-4 §3.1.3.2
)

// mailProof is what an attempt waits for a mail to bring.
type mailProof struct {
	Code     []byte `json:"code,omitempty"` // a MAC under the secrets; none before the mail is sent
	Number   string `json:"number"`
	Approved bool   `json:"approved,omitempty"`
}

// elsewhere reports whether the proof came in another browser than the one that goes on by it.
func (m *mailProof) elsewhere() bool { return m != nil && m.Approved }

// CodeRequest asks for a code by mail.
type CodeRequest struct {
	Email     string
	Challenge string // of a step-up, in place of Email
	Terms
}

// SendCode begins a sign-in by mail, or goes on with a step-up by it. It is answered the same, after the same work, whether anybody
// has the e-mail; Challenge.Number is for the browser to show. Errors: ErrNotFound while MailCode.Allowed is not set, FieldErrors,
// *LimitError, ErrInvalidChallenge, ErrCrossOrigin, *UnavailableError; for a step-up also those of Authenticate.
func (a *Auth) SendCode(w http.ResponseWriter, r *http.Request, in CodeRequest) (*Challenge, error) {
	if !a.config.MailCode.Allowed {
		return nil, ErrNotFound
	}
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	at, err := a.codeAttempt(r, in)
	if err != nil {
		return nil, err
	}
	at.Mail = &mailProof{Number: numberOf(randomBelow(100))}
	if at.isNew() {
		err = a.persistFor(r.Context(), at, codeLife)
	} else {
		err = known(a.persist(r.Context(), at), ErrConflict, ErrInvalidChallenge, ErrInvalidChallenge, ErrInvalidChallenge)
	}
	if err != nil {
		return nil, err
	}
	err = a.leaveAnonymous(r, Event{Type: CodeRequested, UserID: at.UserID}, order{
		Letter: letterCode, To: at.Account, UserID: at.UserID, Attempt: &at.ticket.ID,
	})
	if err != nil {
		return nil, err
	}
	private(w.Header())
	return &Challenge{Token: at.token, Next: []string{methodMailCode}, ExpiresAt: at.ticket.ExpiresAt, Number: at.Mail.Number}, nil
}

// codeAttempt is the attempt that a mail is asked for.
func (a *Auth) codeAttempt(r *http.Request, in CodeRequest) (*attempt, error) {
	if in.Challenge == "" {
		terms, bad := a.terms(r, in.Terms)
		if bad != nil {
			return nil, bad
		}
		to, err := a.mayWriteTo(r, in.Email)
		return &attempt{Account: to, Terms: terms}, err
	}
	at, err := a.read(r.Context(), in.Challenge)
	if err != nil {
		return nil, err
	}
	if at.StepUp == "" || at.started() || at.Account == "" {
		return nil, ErrInvalidChallenge
	}
	if err := a.ofSession(r, at); err != nil {
		return nil, err
	}
	_, err = a.mayWriteTo(r, at.Account)
	return at, err
}

// fillCode writes the mail, and notes in its attempt what the mail has.
func (a *Auth) fillCode(ctx context.Context, b *mailBundle, d *letter.Data) (string, error) {
	user, err := a.recipient(ctx, &b.order)
	if errors.Is(err, errNobody) && a.config.MailCode.SignUp && !a.config.SignupClosed {
		user, err = &User{Email: b.To, Locale: b.Locale}, nil
	}
	switch {
	case err != nil:
		return "", err
	case user.Email != b.To || user.Banned() || user.Leaving() || b.Attempt == nil:
		return "", errNobody
	}
	code := numberWith(codeDigits, a.keys.Load().drawBelow(1e8, "code", string(b.Attempt.Hash[:]), b.mark))
	end, err := a.noteCode(ctx, *b.Attempt, user, code)
	if err != nil {
		return "", err
	}
	life := end.Sub(a.now())
	t, err := a.issue(ctx, slipCode, slip{UserID: user.ID, Email: b.To, Epoch: user.Epoch, Attempt: b.Attempt, mail: b.mark}, life)
	d.Name, d.Code, d.Link, d.Life = user.Name, code, a.link(letterCode, t), life.Round(time.Minute)
	return user.Locale, err
}

// noteCode puts the MAC of a code into its attempt, with whose it is. The code is good until the attempt ends, and that of a step-up
// was begun before the mail was asked for.
func (a *Auth) noteCode(ctx context.Context, id TokenID, user *User, code string) (end time.Time, err error) {
	for {
		at, err := a.readAt(ctx, id)
		switch {
		case errors.Is(err, ErrInvalidChallenge), err == nil && (at.Mail == nil || at.StepUp != "" && at.UserID != user.ID):
			return end, errNobody
		case err != nil:
			return end, err
		}
		at.UserID, at.Epoch = user.ID, user.Epoch
		at.Mail.Code = a.keys.Load().codeMACs(id, code)[0]
		err = a.persist(ctx, at)
		switch {
		case errors.Is(err, ErrConflict):
			continue // a try was counted meanwhile
		case errors.Is(err, ErrInvalidChallenge):
			return end, errNobody
		}
		return at.ticket.ExpiresAt, err
	}
}
