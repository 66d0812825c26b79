package cloakroom

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
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
	// Offer is what the client's device answers to, as a value for JSON; nil where none was asked for, see Auth.Ask.
	Offer any
	// Number is what another browser is asked for, see Auth.SendCode; empty otherwise.
	Number string
}

// SignIn checks a first proof and opens a session in place of the one the request came with, or answers with a
// challenge. Errors: FieldErrors for what cannot be taken, *LimitError, ErrInvalidCredentials for whatever does not
// fit (a wrong secret, an unknown e-mail, no such credential: the same, after the same work), ErrBanned, ErrNotVerified and
// ErrResetRequired only after the right secret, ErrInvalidChallenge when the account changed under it, ErrCrossOrigin,
// *UnavailableError.
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
	p, err := a.prove(r, m, Claim{Secret: in.Secret}, account, func(ctx context.Context) (User, error) {
		return a.directory.UserByEmail(ctx, a.config.Realm, account)
	})
	if a.config.VerifyFirst {
		err = a.unproven(r, m, account, in.Secret, p, err)
	}
	if err != nil {
		return nil, err
	}
	at := &attempt{UserID: p.user.ID, Epoch: p.user.Epoch, Account: account, Terms: terms}
	at.add(m.Name(), p)
	return a.proceed(w, r, at)
}

// maxIdentifier and maxSecret bound what is looked at, in bytes. Longer input is refused before anything is hashed.
const (
	maxIdentifier = 1024
	maxSecret     = 4096
	maxAnswer     = 64 << 10 // of a device
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

// Question asks a method for what the user's device is to answer.
type Question struct {
	Challenge string // the token of the attempt that it is a step of; empty begins a sign-in with it
	Method    string // an Asker
	Terms            // of the session, where it begins a sign-in
}

// Ask puts the question of a method, such as the challenge that a passkey signs, as a step of an attempt or as the beginning of
// one. The answer goes to Continue. Errors: FieldErrors, ErrInvalidChallenge, ErrCrossOrigin, *LimitError, *UnavailableError.
func (a *Auth) Ask(w http.ResponseWriter, r *http.Request, q Question) (*Challenge, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	at, err := a.attemptOf(r, q)
	if err != nil {
		return nil, err
	}
	if err := a.ofSession(r, at); err != nil {
		return nil, err
	}
	m, err := a.candidate(at, q.Method)
	if err != nil {
		return nil, err
	}
	asker, asks := m.(Asker)
	if _, discovers := m.(Discoverer); !asks || at.UserID == "" && !discovers {
		return nil, FieldErrors{{"method", "unknown_value", "asks nothing"}}
	}
	claim := Claim{Second: at.started()}
	if at.UserID != "" {
		if claim, err = a.claim(r.Context(), m, claim, a.byID(at.UserID)); err != nil {
			return nil, err
		}
	}
	offer, err := asker.Ask(r.Context(), claim)
	if err != nil {
		return nil, unavailable(err)
	}
	a.keep(at, m.Name(), offer.Keep)
	if err := a.persist(r.Context(), at); err != nil {
		return nil, known(err, ErrConflict, ErrInvalidChallenge, ErrInvalidChallenge, ErrInvalidChallenge)
	}
	private(w.Header())
	return &Challenge{Token: at.token, Next: []string{m.Name()}, ExpiresAt: at.ticket.ExpiresAt, Offer: offer.Show}, nil
}

// attemptOf is the attempt of a question, or a new one, which is counted against the address.
func (a *Auth) attemptOf(r *http.Request, q Question) (*attempt, error) {
	if q.Challenge != "" {
		return a.read(r.Context(), q.Challenge)
	}
	terms, err := a.terms(r, q.Terms)
	if err != nil {
		return nil, err
	}
	return &attempt{Terms: terms}, a.tryBegin(r)
}

// candidate finds the method by which an attempt may go on. One that waits for a mail takes nothing else: what it said to that
// would tell whether the mail went to anybody.
func (a *Auth) candidate(at *attempt, name string) (Method, error) {
	list := a.config.Methods
	if at.started() {
		list = a.config.SecondFactors
	}
	waits := at.Mail != nil && !at.started() && at.StepUp == ""
	m, known := method(list, name)
	if !known || waits || name == "" || slices.Contains(at.Methods, name) {
		return nil, FieldErrors{{"method", "unknown_value", "is not asked for"}}
	}
	return m, nil
}

func (a *Auth) byID(userID string) func(context.Context) (User, error) {
	return func(ctx context.Context) (User, error) { return a.directory.User(ctx, userID) }
}

// Answer is a proof for an attempt.
type Answer struct {
	Challenge string // the token of the attempt
	Method    string
	Secret    string // the code, or what the device answered, exactly as it came
	// RememberDevice lets the browser go without a second factor for MFAPolicy.RememberDevice. Only a cookie remembers.
	RememberDevice bool
}

// Continue gives a proof to the attempt that a challenge is of. Errors as SignIn; ErrInvalidChallenge when
// the attempt is over: used, expired, too many tries, or the account changed meanwhile. A *LimitError with the policy "mfa":
// too many wrong codes, over all attempts; until it ends no code is taken, right or wrong.
func (a *Auth) Continue(w http.ResponseWriter, r *http.Request, in Answer) (*Grant, error) {
	if err := a.mayOpen(r); err != nil {
		return nil, err
	}
	if len(in.Secret) > maxAnswer {
		return nil, FieldErrors{{"secret", "too_long", "is too long"}}
	}
	var m Method
	at, err := a.resume(r.Context(), in.Challenge, func(at *attempt) (err error) {
		m, err = a.mayGoOn(r, at, in.Method)
		return err
	})
	if err != nil {
		return nil, err
	}
	p, err := a.proveStep(r, at, m, in.Secret)
	if err != nil {
		return nil, err
	}
	if at.UserID == "" {
		at.UserID, at.Epoch, at.Account = p.user.ID, p.user.Epoch, p.user.Email
	}
	at.add(m.Name(), p)
	at.remember = in.RememberDevice
	return a.proceed(w, r, at)
}

// mayGoOn finds the method of an answer, if it may be evaluated at all.
func (a *Auth) mayGoOn(r *http.Request, at *attempt, name string) (Method, error) {
	if err := a.ofSession(r, at); err != nil {
		return nil, err
	}
	if at.StepUp == "" {
		if _, err := a.terms(r, at.Terms); err != nil { // asked for by another request than this
			return nil, err
		}
	}
	m, err := a.candidate(at, name)
	if err == nil && at.started() && guessable(m) {
		err = a.unlocked(r.Context(), at.UserID)
	}
	return m, err
}

// proveStep checks a proof of an attempt, whose user may be told by the proof itself.
func (a *Auth) proveStep(r *http.Request, at *attempt, m Method, secret string) (proven, error) {
	claim, account, whose := Claim{Secret: secret, Second: at.started()}, at.Account, at.UserID
	var err error
	if claim.Kept, err = a.kept(at, m.Name()); err != nil {
		return proven{}, ErrInvalidChallenge // asked before the secrets were replaced
	}
	d, discovers := m.(Discoverer)
	switch {
	case whose == "" && discovers:
		whose = clip(d.Whose(secret), maxIdentifier) // nobody, if it does not say
	case whose == "":
		return proven{}, FieldErrors{{"method", "unknown_value", "is not asked for"}}
	}
	return a.prove(r, m, claim, cmp.Or(account, whose), a.byID(whose))
}

// proceed is the dispatcher: from what is recorded it decides what comes next.
func (a *Auth) proceed(w http.ResponseWriter, r *http.Request, at *attempt) (*Grant, error) {
	user, next, err := a.decide(r, at)
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
func (a *Auth) decide(r *http.Request, at *attempt) (user *User, next []string, err error) {
	ctx := r.Context()
	if user, err = a.standing(ctx, at); err != nil {
		return nil, nil, err
	}
	if err := a.admissible(r, at, user); err != nil {
		return nil, nil, err
	}
	if user, err = a.provenFirst(r, at, user); err != nil {
		return nil, nil, err
	}
	if next, err = a.missing(r, at, user); err != nil || len(next) > 0 {
		return nil, next, err
	}
	if at.StepUp == "" {
		err = a.vetoed(r, Event{Type: SignedIn, UserID: user.ID})
	}
	if err == nil {
		err = a.finish(ctx, at)
	}
	return user, nil, err
}

// provenFirst takes down what an attempt has proven of an e-mail. It comes before a second factor is asked for: that may be of
// somebody who waited for the owner, and goes now.
func (a *Auth) provenFirst(r *http.Request, at *attempt, user *User) (*User, error) {
	if at.Proven == "" || user.EmailVerified || user.Email != at.Proven {
		return user, nil
	}
	user, err := a.firstProof(r, user, at.Proven, at.SignUp, at.Registrant || at.StepUp != "" && !at.Mail.elsewhere())
	if err != nil {
		return nil, instead(err, ErrInvalidLink, ErrInvalidChallenge)
	}
	at.Epoch = user.Epoch
	return user, nil
}

// standing reads the user of an attempt again: what changed since its first proof ends it.
func (a *Auth) standing(ctx context.Context, at *attempt) (*User, error) {
	user, err := a.directory.User(ctx, at.UserID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && (user.Realm != a.config.Realm || user.Leaving()):
		return nil, ErrInvalidChallenge
	case err != nil:
		return nil, unavailable(err)
	case user.Banned():
		return nil, ErrBanned
	case user.Epoch != at.Epoch || at.Proven != "" && user.Email != at.Proven: // what was proven is somebody else's by now
		return nil, ErrInvalidChallenge
	}
	return &user, nil
}

// admissible refuses what the account does not take now, though it was proven; a mail says how to go on.
func (a *Auth) admissible(r *http.Request, at *attempt, user *User) error {
	chosen := slices.ContainsFunc(a.config.Methods, func(m Method) bool {
		_, enrolls := m.(Enroller)
		return enrolls && slices.Contains(at.Methods, m.Name())
	})
	switch {
	case user.ResetRequired && chosen:
		if err := a.leaveResetAgain(r, user); err != nil {
			return err
		}
		return ErrResetRequired
	case a.config.VerifyFirst && !user.EmailVerified && user.Email != "" && at.Proven == "":
		if err := a.leaveVerification(r, user); err != nil {
			return err
		}
		return ErrNotVerified
	}
	return nil
}

// missing names the methods by one of which the attempt could go on: second factors of which the user has one and has shown
// none.
func (a *Auth) missing(r *http.Request, at *attempt, user *User) ([]string, error) {
	if at.Factors >= 2 || len(a.config.SecondFactors) == 0 {
		return nil, nil
	}
	creds, err := a.directory.Credentials(r.Context(), at.UserID)
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
	if len(next) > 0 && at.StepUp == "" && a.remembered(r, creds) != "" {
		at.Methods = append(at.Methods, methodDevice)
		return nil, nil
	}
	return next, nil
}

// challenge persists the attempt and asks for more.
func (a *Auth) challenge(r *http.Request, at *attempt, next []string) (*Grant, error) {
	if err := a.persist(r.Context(), at); err != nil {
		return nil, known(err, ErrConflict, ErrInvalidChallenge, ErrInvalidChallenge, ErrInvalidChallenge)
	}
	a.emitRequest(r, Event{Type: SignInChallenged, UserID: at.UserID})
	return &Grant{Challenge: &Challenge{Token: at.token, Next: next, ExpiresAt: at.ticket.ExpiresAt}}, nil
}

// complete opens the session, or renews the one that was to be stepped up, and settles the guess side by side: a store with
// group commit makes one write of both.
func (a *Auth) complete(w http.ResponseWriter, r *http.Request, at *attempt, user *User) (*Grant, error) {
	news := a.sighted(r, at, user)
	settled := make(chan error, 1)
	settle := sync.OnceFunc(func() {
		go func() {
			ctx := context.WithoutCancel(r.Context())
			settled <- errors.Join(at.try.succeeded(ctx), news.note(ctx))
		}()
	})
	g, err := a.grant(w, r, at, user, news, settle)
	// Whatever became of it, the guess was right.
	settle()
	if unsettled := <-settled; unsettled != nil { // that the guess still counts is no reason to fail a sign-in
		a.emitRequest(r, Event{Type: RequestFailed, UserID: user.ID, Reason: "limit", Err: unsettled})
	}
	if err == nil && at.remember && at.Factors >= 2 && g.Session.carrier == byCookie {
		a.rememberDevice(w, r, user)
	}
	return g, err
}

func (a *Auth) grant(w http.ResponseWriter, r *http.Request, at *attempt, user *User, news *sighting, beside func()) (*Grant, error) {
	level := min(at.Factors, 2)
	if at.StepUp != "" {
		beside()
		return a.stepUp(w, r, at, user, level)
	}
	g, err := a.open(w, r, opening{
		user: user, agreed: true, terms: at.Terms, methods: at.Methods, level: level, also: news.records(), beside: beside,
	})
	if err == nil && news.isNew {
		a.emit(r.Context(), news.event)
		a.mails.hurry()
	}
	return g, err
}
