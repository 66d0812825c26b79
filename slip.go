package cloakroom

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"
)

// A slip is a one-time token that goes out by mail. Whoever shows it proves to read the mail of the address that it was sent
// to, and nothing else: its kind says what it is good for, and of each kind only the latest of a user counts. It is minted
// when the mail is sent, so no mail that waits in the store has one, and is the same at each try of that mail.

// Kinds of slips. Each is the kind of a ticket, so one is never taken where another belongs.
const (
	slipVerify = "verify_email"
	slipChange = "change_email"
	slipReset  = "reset_password"
	slipCode   = "mail_code"
	slipDisown = "disown"
	slipKeep   = "keep_account"
	slipSetup  = "setup"
)

// slipLife is how long each is good. NIST SP 800-63B-4 §4.2.1.2 gives a recovery by mail 24 h, OWASP an hour.
var slipLife = map[string]time.Duration{
	slipVerify: 24 * time.Hour,
	slipChange: time.Hour,
	slipReset:  time.Hour,
	slipCode:   codeLife,
	slipDisown: 7 * 24 * time.Hour,
	slipSetup:  24 * time.Hour,
}

const (
	slipRecall = 24 * time.Hour      // so long after its end a slip is known to be too old
	slipSerial = 90 * 24 * time.Hour // no slip lives longer
)

// slip is what a one-time token stands for.
type slip struct {
	UserID    string         `json:"user"`
	Email     string         `json:"email"`           // that it was mailed to
	Epoch     int64          `json:"epoch"`           // of the user: when all sessions end, so do slips that are bound to it
	Other     string         `json:"other,omitempty"` // the address that a change of e-mail comes from
	Event     EventType      `json:"event,omitempty"` // that a notice told of, the first of several
	At        time.Time      `json:"at,omitzero"`     // of that event
	Attempt   *TokenID       `json:"attempt,omitempty"`
	Serial    Tally          `json:"serial"`
	SignUp    *pendingSignUp `json:"sign_up,omitempty"`
	ExpiresAt time.Time      `json:"expires_at"`

	mail   string // the mark of the mail that it goes out by; empty: it is shown, once
	ticket Ticket
}

// issue makes the latest slip of a kind, good for life. The slip of a mail that is tried again stays the one that it is: copies of the mail have one
// link, and it works. errNobody: that mail has been read, or a later one takes its place, so there is none to send.
func (a *Auth) issue(ctx context.Context, kind string, s slip, life time.Duration) (Token, error) {
	now, ring, bucket := a.now(), a.keys.Load(), bucketOf(s.owner())
	s.ExpiresAt = now.Add(life)
	if s.mail == "" {
		token, id := ring.mint(kindTicket, bucket)
		return token, a.issueFirst(ctx, kind, id, s)
	}
	token, id := ring.mintOf(kindTicket, bucket, ring.draw("slip", kind, s.owner(), s.mail))
	switch t, err := a.ledger.Ticket(ctx, kind, id, now); {
	case errors.Is(err, ErrNotFound):
		return token, a.issueFirst(ctx, kind, id, s)
	case errors.Is(err, ErrUsed):
		return Token{}, errNobody
	case err != nil:
		return Token{}, unavailable(err)
	default:
		return token, a.issueAgain(ctx, t, s, now)
	}
}

func (a *Auth) issueFirst(ctx context.Context, kind string, id TokenID, s slip) (err error) {
	t := Ticket{Kind: kind, ID: id, ExpiresAt: s.ExpiresAt.Add(slipRecall)}
	if kind != slipDisown { // each notice has its own
		if s.Serial, err = a.serial(ctx, kind, &s, t.ExpiresAt); err != nil {
			return err
		}
	}
	if t.Payload, err = json.Marshal(s); err != nil {
		return err
	}
	if err := a.ledger.Put(ctx, t); err != nil {
		return unavailable(err)
	}
	return nil
}

// issueAgain lets a slip stand for what is true now, as long as its mail says. It stays as late among the others as it was.
func (a *Auth) issueAgain(ctx context.Context, t Ticket, s slip, now time.Time) error {
	before := slip{ticket: t}
	if err := json.Unmarshal(t.Payload, &before); err != nil {
		return err
	}
	switch err := a.latest(ctx, &before, now); {
	case errors.Is(err, ErrInvalidLink) && t.Kind != slipCode: // the code of such a mail is good without its link
		return errNobody
	case err != nil && !errors.Is(err, ErrInvalidLink):
		return err
	}
	s.Serial = before.Serial
	var err error
	if t.Payload, err = json.Marshal(s); err != nil {
		return err
	}
	if err := a.ledger.Swap(ctx, t, now); err != nil {
		return unavailable(err)
	}
	return nil
}

// owner is whom a slip is of: a user, or the address of who is none yet.
func (s *slip) owner() string { return cmp.Or(s.UserID, s.Email) }

// serial is the number of a new slip among those of its kind and owner. The counter must outlast the slip, however late its mail is tried again:
// were it gone first, an earlier slip would count again.
func (a *Auth) serial(ctx context.Context, kind string, s *slip, until time.Time) (Tally, error) {
	c, now := a.slipCounter(kind, s.owner()), a.now()
	t, err := a.count(ctx, c, 1, now)
	if err != nil || !t.ResetAt.Before(until) {
		return t, err
	}
	if _, err := a.count(ctx, c, -everything, now); err != nil {
		return Tally{}, err
	}
	return a.count(ctx, c, 1, now)
}

// slipCounter numbers slips. Its window has a number of its own, ResetAt, so no two slips have the same Tally.
func (a *Auth) slipCounter(kind, owner string) counter {
	return counter{counterKey(a.config.Realm, "slip "+kind, owner), Rate{1, slipSerial}}
}

// bound reports whether a slip is worth nothing once all sessions of its user have ended. One that asks for the password of the account
// beside it, or for a session, is good after a new password or a new factor, too.
func (s *slip) bound() bool { return s.ticket.Kind != slipVerify || s.SignUp != nil }

// look reads a slip without using it. ErrInvalidLink: it is none of this kind, was used, or a later one was issued.
// ErrExpiredLink: it is too old.
func (a *Auth) look(ctx context.Context, kind, text string) (*slip, error) {
	id, _, ok := a.keys.Load().parse(kindTicket, text)
	if !ok {
		return nil, ErrInvalidLink
	}
	now := a.now()
	ticket, err := a.ledger.Ticket(ctx, kind, id, now)
	if err != nil {
		return nil, linkError(err)
	}
	s := &slip{ticket: ticket}
	if err := json.Unmarshal(ticket.Payload, s); err != nil {
		return nil, err
	}
	if !now.Before(s.ExpiresAt) {
		return nil, ErrExpiredLink
	}
	return s, a.latest(ctx, s, now)
}

// latest refuses a slip that a later one has taken the place of.
func (a *Auth) latest(ctx context.Context, s *slip, now time.Time) error {
	if s.Serial.N == 0 { // each counts
		return nil
	}
	t, err := a.count(ctx, a.slipCounter(s.ticket.Kind, s.owner()), 0, now)
	if err == nil && (t.N != s.Serial.N || !t.ResetAt.Equal(s.Serial.ResetAt)) {
		err = ErrInvalidLink
	}
	return err
}

// spend uses a slip: of all who show it, one gets it.
func (a *Auth) spend(ctx context.Context, s *slip) error {
	_, err := a.ledger.Take(ctx, s.ticket.Kind, s.ticket.ID, a.now())
	if err != nil {
		return linkError(err)
	}
	return nil
}

// linkError tells a link that is over from a store that does not answer.
func linkError(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUsed) {
		return ErrInvalidLink
	}
	return unavailable(err)
}
