package cloakroom

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/id"
	"github.com/cloakroom-auth/cloakroom/internal/seal"
)

// A sign-in in progress is a state machine. Each step records what it found and returns to proceed, which decides from
// that alone: ask for one more factor, or open the session. Between requests the state is a ticket in the Ledger; the
// client holds its token, which opens nothing by itself. A step-up is a sign-in of somebody who has a session.

const (
	ticketAttempt = "attempt"
	attemptLife   = 5 * time.Minute
	attemptTries  = 5 // wrong proofs of one attempt, over all requests together
)

// attempt is the state of a sign-in in progress.
type attempt struct {
	UserID  string   `json:"user,omitempty"`  // empty: not known yet
	Epoch   int64    `json:"epoch,omitempty"` // a change of password or a ban meanwhile ends the attempt
	Account string   `json:"account,omitempty"`
	Methods []string `json:"methods,omitempty"` // proven so far
	Factors int      `json:"factors,omitempty"`
	Tries   int      `json:"tries,omitempty"`
	Terms   Terms    `json:"terms"`

	StepUp string            `json:"step_up,omitempty"` // the session to be renewed in place of opening one
	Asked  map[string][]byte `json:"asked,omitempty"`   // sealed Offer.Keep, by method
	Mail   *mailProof        `json:"mail,omitempty"`    // that a mail is to bring, see mailcode.go
	Proven string            `json:"proven,omitempty"`  // the e-mail that it brought
	SignUp *pendingSignUp    `json:"sign_up,omitempty"` // that counts with the proof of the e-mail
	// Registrant says that the e-mail was proven by who signed up with it.
	Registrant bool `json:"registrant,omitempty"`

	token    Token // of its ticket, once there is one
	ticket   Ticket
	try      *try // the guess of this request
	remember bool // the device, once the attempt is complete
}

// started reports whether anything is proven.
func (at *attempt) started() bool { return len(at.Methods) > 0 }

func (at *attempt) add(name string, p proven) {
	at.Methods = append(at.Methods, name)
	at.Factors += max(1, p.proof.Factors)
	at.try = p.try
}

// persist writes an attempt down, and gives it a token if it has none.
func (a *Auth) persist(ctx context.Context, at *attempt) error {
	payload, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if at.isNew() {
		return a.putAttempt(ctx, at, payload, attemptLife)
	}
	at.ticket.Payload = payload
	if err := a.ledger.Swap(ctx, at.ticket, a.now()); err != nil {
		return attemptError(err)
	}
	at.ticket.Revision++
	return nil
}

// isNew reports whether an attempt has no ticket yet.
func (at *attempt) isNew() bool { return at.ticket.Kind == "" }

// persistFor writes down a new attempt that lives longer than others.
func (a *Auth) persistFor(ctx context.Context, at *attempt, life time.Duration) error {
	payload, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return a.putAttempt(ctx, at, payload, life)
}

func (a *Auth) putAttempt(ctx context.Context, at *attempt, payload []byte, life time.Duration) error {
	whose := at.UserID
	if whose == "" {
		whose = id.New("att_", a.now()) // so that the attempts of nobody known spread over the shards
	}
	token, ticket := a.keys.Load().mint(kindTicket, bucketOf(whose))
	at.token, at.ticket = token, Ticket{Kind: ticketAttempt, ID: ticket, Payload: payload, ExpiresAt: a.now().Add(life), Revision: 1}
	return attemptError(a.ledger.Put(ctx, at.ticket))
}

// read reads an attempt.
func (a *Auth) read(ctx context.Context, text string) (*attempt, error) {
	id, token, ok := a.keys.Load().parse(kindTicket, text)
	if !ok {
		return nil, ErrInvalidChallenge
	}
	at, err := a.readAt(ctx, id)
	if err == nil {
		at.token = token
	}
	return at, err
}

func (a *Auth) readAt(ctx context.Context, id TokenID) (*attempt, error) {
	ticket, err := a.ledger.Ticket(ctx, ticketAttempt, id, a.now())
	if err != nil {
		return nil, attemptError(err)
	}
	at := &attempt{ticket: ticket}
	return at, json.Unmarshal(ticket.Payload, at)
}

// resume reads an attempt and counts this try on it before anything is evaluated, if may agrees.
func (a *Auth) resume(ctx context.Context, text string, may func(*attempt) error) (*attempt, error) {
	for {
		at, err := a.read(ctx, text)
		if err == nil {
			err = may(at)
		}
		if err != nil {
			return nil, err
		}
		if at.Tries >= attemptTries {
			return nil, ErrInvalidChallenge
		}
		at.Tries++
		err = a.persist(ctx, at)
		if errors.Is(err, ErrConflict) {
			continue // another try was counted meanwhile
		}
		return at, err
	}
}

// finish uses the attempt up: of many that got this far, one opens a session.
func (a *Auth) finish(ctx context.Context, at *attempt) error {
	if at.isNew() {
		return nil
	}
	_, err := a.ledger.Take(ctx, ticketAttempt, at.ticket.ID, a.now())
	return attemptError(err)
}

// keep notes what a method wants to remember of its question.
func (a *Auth) keep(at *attempt, method string, kept []byte) {
	if at.Asked == nil {
		at.Asked = map[string][]byte{}
	}
	at.Asked[method] = a.keys.Load().seal.Seal(keptPlace(method), kept)
}

// kept is what keep noted; nil if the method was not asked.
func (a *Auth) kept(at *attempt, method string) ([]byte, error) {
	sealed, asked := at.Asked[method]
	if !asked {
		return nil, nil
	}
	plain, _, err := a.keys.Load().seal.Open(keptPlace(method), sealed)
	return plain, err
}

func keptPlace(method string) seal.Place {
	return seal.Place{Table: "tickets", Column: "payload", Row: method}
}

// attemptError tells a finished attempt from a store that does not answer.
func attemptError(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrConflict):
		return err
	case errors.Is(err, ErrNotFound) || errors.Is(err, ErrUsed):
		return ErrInvalidChallenge
	}
	return unavailable(err)
}
