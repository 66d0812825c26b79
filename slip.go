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
// when the mail is sent, so no mail that waits in the store has one.

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

	ticket Ticket
}

// issue makes the latest slip of a kind, good for life.
func (a *Auth) issue(ctx context.Context, kind string, s slip, life time.Duration) (Token, error) {
	s.ExpiresAt = a.now().Add(life)
	if kind != slipDisown { // each notice has its own
		var err error
		if s.Serial, err = a.serial(ctx, kind, &s); err != nil {
			return Token{}, err
		}
	}
	payload, err := json.Marshal(s)
	if err != nil {
		return Token{}, err
	}
	token, id := a.keys.Load().mint(kindTicket, bucketOf(s.owner()))
	t := Ticket{Kind: kind, ID: id, Payload: payload, ExpiresAt: s.ExpiresAt.Add(slipRecall)}
	if err := a.ledger.Put(ctx, t); err != nil {
		return Token{}, unavailable(err)
	}
	return token, nil
}

// owner is whom a slip is of: a user, or the address of who is none yet.
func (s *slip) owner() string { return cmp.Or(s.UserID, s.Email) }

// serial is the number of a new slip among those of its kind and owner. The counter must outlast the slip: were it gone first, an earlier
// slip would count again.
func (a *Auth) serial(ctx context.Context, kind string, s *slip) (Tally, error) {
	c, now := a.slipCounter(kind, s.owner()), a.now()
	t, err := a.count(ctx, c, 1, now)
	if err != nil || !t.ResetAt.Before(s.ExpiresAt) {
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
