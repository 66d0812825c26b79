package cloakroom

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Where nobody shall learn who has an account (Config.VerifyFirst), a sign-in must not tell either, and yet whoever has just
// signed up is to hear that a mail waits, and may ask for it again. So the latest sign-up of each e-mail is remembered for as long as
// its link is good, account or not, and a sign-in by its password is answered ErrNotVerified, after the same work, whosever the e-mail is.

const ticketSignUp = "sign_up"

// rememberedSignUp is the payload of its ticket.
type rememberedSignUp struct {
	SignUp  pendingSignUp `json:"sign_up"`
	Attempt TokenID       `json:"attempt"`
	Until   time.Time     `json:"until"`
}

func (a *Auth) signUpOf(email string) TokenID {
	return TokenID{Bucket: bucketOf(email), Hash: sha256.Sum256([]byte(a.config.Realm + "\x00" + ticketSignUp + "\x00" + email))}
}

// rememberSignUp takes the place of the sign-up that was remembered before. The zero value forgets it.
func (a *Auth) rememberSignUp(ctx context.Context, email string, s rememberedSignUp) error {
	payload, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for range 100 { // somebody else may do the same at the same time
		now := a.now()
		t, err := a.ledger.Ticket(ctx, ticketSignUp, a.signUpOf(email), now)
		switch {
		case err == nil:
			t.Payload = payload
			err = a.ledger.Swap(ctx, t, now)
		case errors.Is(err, ErrNotFound) && s.Until.IsZero():
			return nil
		case errors.Is(err, ErrNotFound):
			err = a.ledger.Put(ctx, Ticket{Kind: ticketSignUp, ID: a.signUpOf(email), Payload: payload, ExpiresAt: now.Add(slipSerial)})
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
			return known(err)
		}
	}
	return nil // a ticket that is over and not swept yet is in the way: the mail goes out all the same
}

// rememberedOf is the latest sign-up of an e-mail. ErrNotFound: none waits.
func (a *Auth) rememberedOf(ctx context.Context, email string) (s rememberedSignUp, err error) {
	t, err := a.ledger.Ticket(ctx, ticketSignUp, a.signUpOf(email), a.now())
	if err != nil {
		return s, known(err, ErrNotFound, ErrNotFound)
	}
	if err := json.Unmarshal(t.Payload, &s); err != nil {
		return s, err
	}
	if !a.now().Before(s.Until) {
		return s, ErrNotFound
	}
	return s, nil
}

// unproven judges a sign-in once more whose password was wrong, or right for an account whose e-mail is not proven: by the password
// of the sign-up that waits.
func (a *Auth) unproven(r *http.Request, m Method, account, secret string, p proven, failed error) error {
	if failed == nil && p.user.EmailVerified || failed != nil && !errors.Is(failed, ErrInvalidCredentials) {
		return failed
	}
	waits, err := a.signUpWaits(r.Context(), m, account, secret)
	switch {
	case failed == nil:
		return nil // the account itself says so
	case err != nil:
		return err
	case !waits:
		return failed
	}
	p.try.giveBack(r.Context())
	err = a.leaveAnonymous(r, Event{Type: VerificationRequested}, order{Letter: letterVerify, To: account})
	if err != nil {
		return err
	}
	return ErrNotVerified
}

// signUpWaits reports whether a sign-up waits for its mail that chose this password.
func (a *Auth) signUpWaits(ctx context.Context, m Method, email, secret string) (bool, error) {
	s, err := a.rememberedOf(ctx, email)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case !s.SignUp.secret() || s.SignUp.Method != m.Name():
		return false, nil
	}
	user := &User{Realm: a.config.Realm, Email: email}
	_, err = m.Prove(ctx, Claim{User: user, Credentials: []Credential{s.SignUp.credential(a, user.ID)}, Secret: secret})
	switch {
	case errors.Is(err, ErrInvalidCredentials):
		return false, nil
	case err != nil:
		return false, unavailable(err)
	}
	return true, nil
}
