package cloakroom

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"
)

// A sign-in in progress is a state machine. Each step records what it found and returns to proceed, which decides from
// that alone: ask for one more factor, or open the session. Between requests the state is a ticket in the Ledger; the
// client holds its token, which opens nothing by itself.

const (
	ticketAttempt = "attempt"
	attemptLife   = 5 * time.Minute
	attemptTries  = 5 // wrong proofs of one attempt, over all requests together
)

// SignIn is what somebody presents to begin a sign-in.
type SignIn struct {
	Email  string
	Method string // a name from Config.Methods; empty means the first
	Secret string // the password, exactly as it came
	Terms
}

// Challenge asks for one more proof. No session exists yet.
type Challenge struct {
	Token     Token    // give it back with the proof, see Auth.Continue
	Next      []string // names of methods, one of which will do
	ExpiresAt time.Time
}

// attempt is the state of a sign-in in progress.
type attempt struct {
	UserID  string   `json:"user"`
	Epoch   int64    `json:"epoch"` // a change of password or a ban meanwhile ends the attempt
	Account string   `json:"account"`
	Methods []string `json:"methods"`
	Factors int      `json:"factors"`
	Tries   int      `json:"tries"`
	Terms   Terms    `json:"terms"`

	token  Token // of its ticket, once there is one
	ticket Ticket
	try    *try // the guess of this request
}

// SignIn checks a first proof and opens a session in place of the one the request came with, or answers with a
// challenge. Errors: FieldErrors for what cannot be taken, *LimitError, ErrInvalidCredentials for whatever does not
// fit (a wrong secret, an unknown e-mail, no such credential: the same, after the same work), ErrBanned only after
// the right secret, ErrInvalidChallenge when the account changed under it, ErrCrossOrigin, *UnavailableError.
func (a *Auth) SignIn(w http.ResponseWriter, r *http.Request, in SignIn) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	terms, bad := a.terms(r, in.Terms)
	m, known := method(a.config.Methods, in.Method)
	if fields := signInFields(in, known, bad); fields != nil {
		return nil, fields
	}
	account := NormalizeEmail(in.Email)
	p, err := a.prove(r, m, account, in.Secret, func(ctx context.Context) (User, error) {
		return a.directory.UserByEmail(ctx, a.config.Realm, account)
	})
	if err != nil {
		return nil, err
	}
	at := &attempt{UserID: p.user.ID, Epoch: p.user.Epoch, Account: account, Terms: terms}
	at.add(m, p)
	return a.proceed(w, r, at)
}

// maxIdentifier and maxSecret bound what is looked at, in bytes. Longer input is refused before anything is hashed.
const (
	maxIdentifier = 1024
	maxSecret     = 4096
)

func signInFields(in SignIn, known bool, bad error) error {
	fields, _ := errors.AsType[FieldErrors](bad)
	switch {
	case in.Email == "":
		fields = append(fields, FieldError{"email", "required", "is missing"})
	case len(in.Email) > maxIdentifier:
		fields = append(fields, FieldError{"email", "too_long", "must be at most 254 bytes"})
	}
	switch {
	case in.Secret == "":
		fields = append(fields, FieldError{"password", "required", "is missing"})
	case len(in.Secret) > maxSecret:
		fields = append(fields, FieldError{"password", "too_long", "is too long"})
	}
	if !known {
		fields = append(fields, FieldError{"method", "unknown_value", "is no method of sign-in here"})
	}
	if fields == nil {
		return nil
	}
	return fields
}

// Continue gives a further proof to an attempt that a challenge came from. Errors as SignIn; ErrInvalidChallenge when
// the attempt is over: used, expired, too many tries, or the account changed meanwhile.
func (a *Auth) Continue(w http.ResponseWriter, r *http.Request, challenge, methodName, secret string) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	at, err := a.resume(r.Context(), challenge)
	if err != nil {
		return nil, err
	}
	if _, err := a.terms(r, at.Terms); err != nil { // asked for by another request than this
		return nil, err
	}
	m, known := method(a.config.SecondFactors, methodName)
	if !known || methodName == "" || slices.Contains(at.Methods, methodName) {
		return nil, FieldErrors{{"method", "unknown_value", "is not asked for"}}
	}
	p, err := a.prove(r, m, at.Account, secret, func(ctx context.Context) (User, error) {
		return a.directory.User(ctx, at.UserID)
	})
	if err != nil {
		return nil, err
	}
	at.add(m, p)
	return a.proceed(w, r, at)
}

// proven is a guess that was right: whose it was, what it proved, and the try that it was counted as.
type proven struct {
	user  *User
	proof Proof
	try   *try
}

// prove runs one guess through one method: counted first, evaluated then, told last.
func (a *Auth) prove(r *http.Request, m Method, account, secret string, find func(context.Context) (User, error)) (proven, error) {
	ctx := r.Context()
	t, err := a.tryLogin(r, account)
	if err != nil {
		return proven{}, err
	}
	claim, err := a.claim(ctx, m, secret, find)
	if err != nil {
		t.giveBack(ctx)
		return proven{}, err
	}
	proof, err := m.Prove(ctx, claim)
	switch {
	case errors.Is(err, ErrInvalidCredentials),
		err == nil && claim.User == nil: // a method that proves nobody is broken; fail closed
		a.tellFailed(r, claim, err)
		return proven{}, ErrInvalidCredentials
	case err != nil:
		t.giveBack(ctx)
		if fields, ok := errors.AsType[FieldErrors](err); ok {
			return proven{}, fields
		}
		return proven{}, unavailable(err)
	case claim.User.Banned():
		t.giveBack(ctx)
		a.tellFailed(r, claim, ErrBanned)
		return proven{}, ErrBanned
	}
	if proof.Credential != nil {
		a.improve(ctx, *proof.Credential)
	}
	return proven{claim.User, proof, t}, nil
}

// claim looks up what is on file. An account that is not there is no error: the method does its work all the same.
func (a *Auth) claim(ctx context.Context, m Method, secret string, find func(context.Context) (User, error)) (Claim, error) {
	claim := Claim{Secret: secret}
	user, err := find(ctx)
	if errors.Is(err, ErrNotFound) {
		return claim, nil
	}
	if err != nil {
		return claim, unavailable(err)
	}
	all, err := a.directory.Credentials(ctx, user.ID)
	if err != nil {
		return claim, unavailable(err)
	}
	claim.User = &user
	claim.Credentials = slices.DeleteFunc(all, func(c Credential) bool { return c.Method != m.Name() })
	return claim, nil
}

// improve stores a credential that the method made better. Nothing depends on it: the next sign-in tries again.
func (a *Auth) improve(ctx context.Context, c Credential) {
	c.UpdatedAt = a.now()
	if err := a.directory.SwapCredential(ctx, c); err != nil && !errors.Is(err, ErrConflict) {
		a.emit(ctx, Event{Type: RequestFailed, UserID: c.UserID, Reason: "rehash", Err: err})
	}
}

func (a *Auth) tellFailed(r *http.Request, c Claim, err error) {
	e := Event{Type: SignInFailed, Reason: "wrong_secret"}
	if c.User != nil {
		e.UserID = c.User.ID
	}
	switch {
	case errors.Is(err, ErrBanned):
		e.Reason = "banned"
	case c.User == nil:
		e.Reason = "unknown_account"
	case len(c.Credentials) == 0:
		e.Reason = "no_credential"
	}
	a.keepAside(r, e)
	if err != ErrInvalidCredentials && errors.Is(err, ErrInvalidCredentials) { // it carries a cause
		a.emitRequest(r, Event{Type: CredentialCorrupt, UserID: e.UserID, Err: err})
	}
}

func (at *attempt) add(m Method, p proven) {
	at.Methods = append(at.Methods, m.Name())
	at.Factors += max(1, p.proof.Factors)
	at.try = p.try
}

// proceed is the dispatcher: from what is recorded it decides what comes next.
func (a *Auth) proceed(w http.ResponseWriter, r *http.Request, at *attempt) (*Grant, error) {
	user, next, err := a.decide(r.Context(), at)
	if err == nil && len(next) == 0 {
		return a.complete(w, r, at, user)
	}
	// Only a whole sign-in clears what failed before: a known password must not buy guesses at a second factor.
	at.try.giveBack(r.Context())
	if err != nil {
		return nil, err
	}
	private(w.Header())
	return a.challenge(r, at, next)
}

// decide says what an attempt still lacks. If that is nothing, the attempt is used up, by this call alone.
func (a *Auth) decide(ctx context.Context, at *attempt) (user *User, next []string, err error) {
	if user, err = a.standing(ctx, at); err != nil {
		return nil, nil, err
	}
	if next, err = a.missing(ctx, at); err != nil || len(next) > 0 {
		return nil, next, err
	}
	return user, nil, a.finish(ctx, at)
}

// complete opens the session and settles the guess, side by side: a store with group commit makes one write of both.
func (a *Auth) complete(w http.ResponseWriter, r *http.Request, at *attempt, user *User) (*Grant, error) {
	settled := make(chan error, 1)
	go func() { settled <- at.try.succeeded(context.WithoutCancel(r.Context())) }()
	g, err := a.open(w, r, opening{user: user, terms: at.Terms, methods: at.Methods, level: min(at.Factors, 2)})
	if unsettled := <-settled; unsettled != nil { // that the guess still counts is no reason to fail a sign-in
		a.emitRequest(r, Event{Type: RequestFailed, UserID: user.ID, Reason: "limit", Err: unsettled})
	}
	return g, err
}

// standing reads the user of an attempt again: what changed since its first proof ends it.
func (a *Auth) standing(ctx context.Context, at *attempt) (*User, error) {
	user, err := a.directory.User(ctx, at.UserID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, ErrInvalidChallenge
	case err != nil:
		return nil, unavailable(err)
	case user.Banned():
		return nil, ErrBanned
	case user.Epoch != at.Epoch:
		return nil, ErrInvalidChallenge
	}
	return &user, nil
}

// missing names the second factors of which the user has one and has shown none.
func (a *Auth) missing(ctx context.Context, at *attempt) ([]string, error) {
	if at.Factors >= 2 || len(a.config.SecondFactors) == 0 {
		return nil, nil
	}
	creds, err := a.directory.Credentials(ctx, at.UserID)
	if err != nil {
		return nil, unavailable(err)
	}
	var next []string
	for _, m := range a.config.SecondFactors {
		has := slices.ContainsFunc(creds, func(c Credential) bool { return c.Method == m.Name() })
		if has && !slices.Contains(at.Methods, m.Name()) {
			next = append(next, m.Name())
		}
	}
	return next, nil
}

// challenge persists the attempt and asks for more.
func (a *Auth) challenge(r *http.Request, at *attempt, next []string) (*Grant, error) {
	if err := a.persist(r.Context(), at); err != nil {
		return nil, err
	}
	a.emitRequest(r, Event{Type: SignInChallenged, UserID: at.UserID})
	return &Grant{Challenge: &Challenge{Token: at.token, Next: next, ExpiresAt: at.ticket.ExpiresAt}}, nil
}

func (a *Auth) persist(ctx context.Context, at *attempt) error {
	payload, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if at.token.IsZero() {
		token, id := a.keys.Load().mint(kindTicket, bucketOf(at.UserID))
		at.token, at.ticket = token, Ticket{Kind: ticketAttempt, ID: id, Payload: payload, ExpiresAt: a.now().Add(attemptLife)}
		err = a.ledger.Put(ctx, at.ticket)
	} else {
		at.ticket.Payload = payload
		err = a.ledger.Swap(ctx, at.ticket, a.now())
	}
	return attemptError(err)
}

// resume reads an attempt and counts this try on it before anything is evaluated.
func (a *Auth) resume(ctx context.Context, text string) (*attempt, error) {
	id, token, ok := a.keys.Load().parse(kindTicket, text)
	if !ok {
		return nil, ErrInvalidChallenge
	}
	for {
		ticket, err := a.ledger.Ticket(ctx, ticketAttempt, id, a.now())
		if err != nil {
			return nil, attemptError(err)
		}
		at := &attempt{token: token, ticket: ticket}
		if err := json.Unmarshal(ticket.Payload, at); err != nil {
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
		at.ticket.Revision++
		return at, err
	}
}

// finish uses the attempt up: of many that got this far, one opens a session.
func (a *Auth) finish(ctx context.Context, at *attempt) error {
	if at.token.IsZero() {
		return nil
	}
	_, err := a.ledger.Take(ctx, ticketAttempt, at.ticket.ID, a.now())
	return attemptError(err)
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
