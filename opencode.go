package cloakroom

import (
	"cmp"
	"context"
	"crypto/hmac"
	"errors"
	"net/http"
)

// CodeAnswer is what somebody has of a sign-in by mail.
type CodeAnswer struct {
	Challenge string // in the browser that asked
	Code      string // of the mail, typed there; spaces do not count
	Token     string // of the link of the mail
	Number    string // elsewhere, the one that the asking browser shows
}

// CodeState is how far a sign-in by mail is.
type CodeState struct {
	// Numbers are to choose from in a browser that has the link and did not ask: one of them is shown where it was asked.
	Numbers []string
	// Approved: the number was right, and the asking browser can go on. Otherwise, without Numbers, it has to wait.
	Approved bool
}

// OpenCode goes on with a sign-in by mail. In the browser that asked: Challenge with Code or Token opens the session (or asks
// for a second factor), Challenge alone asks whether it was approved elsewhere, and opens it if it was. Elsewhere: Token alone
// asks for the numbers and changes nothing, Token with Number approves; a wrong number ends the attempt (ErrWrongAnswer). An attempt
// takes five codes, over all requests together. Errors: ErrNotFound while MailCode.Allowed is not set, ErrInvalidCredentials for a
// wrong code, ErrInvalidChallenge, ErrInvalidLink, ErrExpiredLink, and those of Continue.
func (a *Auth) OpenCode(w http.ResponseWriter, r *http.Request, in CodeAnswer) (*Grant, *CodeState, error) {
	if !a.config.MailCode.Allowed {
		return nil, nil, ErrNotFound
	}
	if err := a.mayOpen(r); err != nil {
		return nil, nil, err
	}
	if in.Challenge != "" {
		return a.openCodeHere(w, r, in)
	}
	s, at, err := a.codeOfLink(r.Context(), in.Token)
	if err != nil {
		return nil, nil, err
	}
	if in.Number == "" {
		return nil, &CodeState{Numbers: a.keys.Load().numbers(at)}, nil
	}
	return nil, &CodeState{Approved: true}, a.approveCode(r, s, at, in.Number)
}

func (a *Auth) openCodeHere(w http.ResponseWriter, r *http.Request, in CodeAnswer) (*Grant, *CodeState, error) {
	if in.Code == "" && in.Token == "" {
		if waits, err := a.waitsForMail(r, in.Challenge); waits || err != nil {
			return nil, &CodeState{}, err
		}
	}
	at, err := a.resume(r.Context(), in.Challenge, func(at *attempt) error { return a.mayOpenCode(r, at) })
	if err != nil {
		return nil, nil, err
	}
	t, err := a.tryLogin(r, at.Account)
	if err != nil {
		return nil, nil, err
	}
	if err := a.checkCode(r, at, in); err != nil {
		if !errors.Is(err, ErrInvalidCredentials) {
			t.giveBack(r.Context())
		}
		return nil, nil, err
	}
	g, err := a.mailProven(w, r, at, t)
	return g, nil, err
}

// waitsForMail reports whether an attempt has to wait for what a mail can still bring. To ask is no try.
func (a *Auth) waitsForMail(r *http.Request, challenge string) (bool, error) {
	at, err := a.read(r.Context(), challenge)
	if err == nil {
		err = a.mayOpenCode(r, at)
	}
	return err == nil && !at.Mail.Approved, err
}

// mayOpenCode refuses what an attempt does not take in this request.
func (a *Auth) mayOpenCode(r *http.Request, at *attempt) error {
	if at.Mail == nil || at.started() || at.Tries >= attemptTries {
		return ErrInvalidChallenge
	}
	if at.StepUp != "" {
		return a.ofSession(r, at)
	}
	_, err := a.terms(r, at.Terms)
	return err
}

// checkCode decides whether the mail has brought what was waited for.
func (a *Auth) checkCode(r *http.Request, at *attempt, in CodeAnswer) error {
	switch {
	case in.Code != "":
		if !a.rightCode(at, in.Code) {
			a.keepAside(r, Event{Type: SignInFailed, UserID: at.UserID, Reason: "wrong_" + methodMailCode})
			return ErrInvalidCredentials
		}
		return nil
	case in.Token != "":
		s, of, err := a.codeOfLink(r.Context(), in.Token)
		if err != nil {
			return err
		}
		if of.ticket.ID != at.ticket.ID {
			return ErrInvalidChallenge
		}
		return a.spend(r.Context(), s)
	case at.Mail.Approved:
		return nil
	}
	return ErrInvalidChallenge
}

// rightCode compares a code in constant time, also where no mail was sent.
func (a *Auth) rightCode(at *attempt, code string) bool {
	digits := make([]byte, 0, codeDigits)
	for _, c := range []byte(clip(code, 64)) {
		if c != ' ' && c != '-' {
			digits = append(digits, c)
		}
	}
	right := false
	for _, mac := range a.keys.Load().codeMACs(at.ticket.ID, string(digits)) {
		right = hmac.Equal(mac, at.Mail.Code) || right
	}
	return right
}

// codeOfLink reads the slip of a link, and its attempt.
func (a *Auth) codeOfLink(ctx context.Context, token string) (*slip, *attempt, error) {
	s, err := a.look(ctx, slipCode, token)
	if err != nil {
		return nil, nil, err
	}
	if s.Attempt == nil {
		return nil, nil, ErrInvalidLink
	}
	at, err := a.readAt(ctx, *s.Attempt)
	if err == nil && at.Mail == nil {
		err = ErrInvalidChallenge
	}
	return s, at, instead(err, ErrInvalidChallenge, ErrInvalidLink)
}

// approveCode lets the asking browser go on, for who has the link and sees its number.
func (a *Auth) approveCode(r *http.Request, s *slip, at *attempt, number string) error {
	if err := a.spend(r.Context(), s); err != nil {
		return err
	}
	for {
		if !hmac.Equal([]byte(number), []byte(at.Mail.Number)) {
			a.keepAside(r, Event{Type: SignInFailed, UserID: at.UserID, Reason: "wrong_number"})
			return cmp.Or(instead(a.finish(r.Context(), at), ErrInvalidChallenge, ErrInvalidLink), ErrWrongAnswer)
		}
		at.Mail.Approved = true
		err := a.persist(r.Context(), at)
		if errors.Is(err, ErrConflict) { // a try was counted meanwhile, or another mail asked for
			if at, err = a.readAt(r.Context(), at.ticket.ID); err == nil {
				continue
			}
		}
		if err == nil {
			a.keepAside(r, Event{Type: CodeApproved, UserID: at.UserID})
		}
		return instead(err, ErrInvalidChallenge, ErrInvalidLink)
	}
}

// mailProven goes on with an attempt whose e-mail was proven. Whoever had no account has one now.
func (a *Auth) mailProven(w http.ResponseWriter, r *http.Request, at *attempt, t *try) (*Grant, error) {
	if at.UserID == "" {
		if a.config.SignupClosed || !a.config.MailCode.SignUp {
			return nil, ErrInvalidChallenge
		}
		if err := a.vetoed(r, Event{Type: UserCreated, Details: map[string]string{"email": at.Account}}); err != nil {
			return nil, err
		}
		user, _, err := a.createBy(r, NewUser{Email: at.Account, EmailVerified: true}, nil)
		if err != nil {
			return nil, instead(err, ErrEmailTaken, ErrInvalidChallenge)
		}
		at.UserID, at.Epoch = user.ID, user.Epoch
	}
	at.Proven = at.Account
	at.add(methodMailCode, proven{try: t})
	return a.proceed(w, r, at)
}
