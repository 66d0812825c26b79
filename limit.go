package cloakroom

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/netaddr"
)

// Rate is so many in so long. The window opens with the first and does not move.
type Rate struct {
	Max    int
	Window time.Duration
}

// Limits bound guessing. They are on by default, counted before anything is hashed, in one atomic step each. An address
// is a single IPv4 address or the /64 of an IPv6 one; an account is its normalised e-mail, whether it exists or not.
type Limits struct {
	// Pair bounds failures for one account from one address. Zero means 10 in 15 minutes. A success clears it.
	Pair Rate
	// Address bounds failures from one address over all accounts. Zero means 50 in 15 minutes.
	Address Rate
	// Account bounds failures for one account over all addresses from which nobody has signed in to it in the last
	// 30 days. Zero means 100 in an hour. An address that has is not counted here, so that an attacker cannot lock
	// the owner out.
	Account Rate
	// Signup bounds sign-ups from one address. Zero means 100 in an hour.
	Signup Rate
	// Guest bounds guest sessions begun from one address. Zero means 1000 in an hour.
	Guest Rate

	// Begin bounds sign-ins begun without a proof, and mails asked for, from one address. Zero means 200 in an hour.
	Begin Rate
	// Mail bounds mails of one kind to one address that anybody can ask for: each makes the token of the one before worthless. Zero
	// means 5 in an hour. What is more is answered the same and not sent. The account's own addresses, as above, are not counted.
	Mail Rate

	InsecureNoLogin  bool // no limit on sign-ins: guessing passwords is free; codes of second factors still lock
	InsecureNoSignup bool // no limit on sign-ups
	InsecureNoGuest  bool // no limit on guest sessions: anybody can fill the store
}

func (l Limits) withDefaults() Limits {
	set := func(r *Rate, max int, window time.Duration) {
		if *r == (Rate{}) {
			*r = Rate{max, window}
		}
	}
	set(&l.Pair, 10, 15*time.Minute)
	set(&l.Address, 50, 15*time.Minute)
	set(&l.Account, 100, time.Hour)
	set(&l.Signup, 100, time.Hour)
	set(&l.Guest, 1000, time.Hour)
	set(&l.Begin, 200, time.Hour)
	set(&l.Mail, 5, time.Hour)
	return l
}

// knownFor is how long an address counts as the owner's after a sign-in; a further one counts once a day.
const (
	knownFor   = 30 * 24 * time.Hour
	knownAgain = 24 * time.Hour
)

// everything is subtracted from a counter to clear it.
const everything = 1 << 30

// counter is one limit applied to one key.
type counter struct {
	key  [32]byte
	rate Rate
}

func counterKey(realm, what, who string) [32]byte {
	return sha256.Sum256([]byte(realm + "\x00" + what + "\x00" + who))
}

// try is one guess that was counted before it was evaluated. It counts as a failure unless one of its methods is called. Nil
// is a proof that was no guess.
type try struct {
	auth       *Auth
	pair       counter
	at         time.Time // when it was counted: only a window that was open then gets it back
	alone      bool      // the pair was not counted, nor the account
	others     []counter // counted: address, and account unless the address is known
	known      counter
	knownUntil time.Time // zero: the address is not known
	off        bool      // nothing of these was counted

	factors []guess // counted, too, when it is at a second factor: one for each of factorLocks
}

// guess is one more in a counter, and how many there are with it.
type guess struct {
	counter
	n int
}

// tryLogin counts a guess at an account. A *LimitError means it must not be evaluated; nothing is counted then.
func (a *Auth) tryLogin(r *http.Request, account string) (*try, error) {
	return a.tryProof(r, account, true)
}

// tryProof is tryLogin for any proof. One that cannot be guessed counts for the address alone: whose account it names is known
// to anybody, who could use up its owner's tries otherwise.
func (a *Auth) tryProof(r *http.Request, account string, guessable bool) (*try, error) {
	if a.limits.InsecureNoLogin {
		return &try{auth: a, at: a.now(), off: true}, nil
	}
	ctx, addr, realm := r.Context(), a.network(r), a.config.Realm
	t := &try{
		auth:  a,
		at:    a.now(),
		pair:  counter{counterKey(realm, "pair", account+"\x00"+addr), a.limits.Pair},
		known: a.knownCounter(account, addr),
		alone: !guessable,
	}
	known, err := a.count(ctx, t.known, 0, t.at)
	if err != nil {
		return nil, err
	}
	t.knownUntil = known.ResetAt
	t.others = []counter{{counterKey(realm, "address", addr), a.limits.Address}}
	if t.knownUntil.IsZero() && !t.alone {
		t.others = append(t.others, counter{counterKey(realm, "account", account), a.limits.Account})
	}
	all := t.counted()
	tallies, err := a.countAll(ctx, all, 1, t.at)
	if err != nil {
		return nil, err
	}
	return t, a.within(r, "login", all, tallies, t.at)
}

// counted are the counters that it was added to at first.
func (t *try) counted() []counter {
	if t.alone || t.off {
		return slices.Clone(t.others)
	}
	return append([]counter{t.pair}, t.others...)
}

// within gives everything back and returns a *LimitError when one of the counters is over its limit.
func (a *Auth) within(r *http.Request, policy string, counters []counter, tallies []Tally, at time.Time) error {
	var worst *LimitError
	for i, t := range tallies {
		left := t.ResetAt.Sub(a.now())
		if t.N > counters[i].rate.Max && (worst == nil || left > worst.RetryAfter) {
			worst = &LimitError{Policy: policy, Limit: counters[i].rate.Max, Window: counters[i].rate.Window, RetryAfter: left}
		}
	}
	if worst == nil {
		return nil
	}
	if _, err := a.countAll(context.WithoutCancel(r.Context()), counters, -1, at); err != nil {
		return err
	}
	a.emitRequest(r, Event{Type: LimitReached, Reason: policy})
	return worst
}

// succeeded: the guess completed a sign-in. The pair starts anew, the others get this one back, the address becomes
// known.
func (t *try) succeeded(ctx context.Context) error {
	if t == nil {
		return nil
	}
	now := t.auth.now()
	var steps []step
	for _, g := range t.factors {
		steps = append(steps, step{g.counter, -everything, now})
	}
	if t.off {
		_, err := t.auth.countSteps(ctx, steps)
		return err
	}
	steps = append(steps, step{t.pair, -everything, now})
	for _, c := range t.others {
		steps = append(steps, step{c, -1, t.at})
	}
	stale := now.After(t.knownUntil.Add(knownAgain - knownFor))
	if stale && !t.knownUntil.IsZero() { // a window does not move, so a new one is opened
		if _, err := t.auth.count(ctx, t.known, -everything, now); err != nil {
			return err
		}
	}
	if stale {
		steps = append(steps, step{t.known, 1, now})
	}
	_, err := t.auth.countSteps(ctx, steps)
	return err
}

// giveBack: the guess was not wrong, so it does not count. It works after the request was given up, too.
func (t *try) giveBack(ctx context.Context) {
	if t == nil {
		return
	}
	counted := t.counted()
	for _, g := range t.factors {
		counted = append(counted, g.counter)
	}
	_, _ = t.auth.countAll(context.WithoutCancel(ctx), counted, -1, t.at)
}

// trySignup counts a sign-up from the address of r.
func (a *Auth) trySignup(r *http.Request) error {
	if a.limits.InsecureNoSignup {
		return nil
	}
	return a.tryAddress(r, "signup", a.limits.Signup)
}

// tryGuest counts a guest session from the address of r.
func (a *Auth) tryGuest(r *http.Request) error {
	if a.limits.InsecureNoGuest {
		return nil
	}
	return a.tryAddress(r, "guest", a.limits.Guest)
}

// tryBegin counts what costs nothing to begin and leaves a row: an attempt of nobody known, an order of a mail.
func (a *Auth) tryBegin(r *http.Request) error {
	if a.limits.InsecureNoLogin {
		return nil
	}
	return a.tryAddress(r, "begin", a.limits.Begin)
}

func (a *Auth) tryAddress(r *http.Request, policy string, rate Rate) error {
	c, at := []counter{{counterKey(a.config.Realm, policy, a.network(r)), rate}}, a.now()
	tallies, err := a.countAll(r.Context(), c, 1, at)
	if err != nil {
		return err
	}
	return a.within(r, policy, c, tallies, at)
}

// know makes the address of r one of the account's own, as a sign-in does.
func (a *Auth) know(r *http.Request, account string) error {
	if a.limits.InsecureNoLogin {
		return nil
	}
	_, err := a.count(r.Context(), a.knownCounter(account, a.network(r)), 1, a.now())
	return err
}

func (a *Auth) knownCounter(account, addr string) counter {
	return counter{counterKey(a.config.Realm, "known", account+"\x00"+addr), Rate{1, knownFor}}
}

// network is what counts as one address.
func (a *Auth) network(r *http.Request) string {
	return netaddr.Group(netaddr.Client(r, a.config.TrustedProxies)).String()
}

type step struct {
	counter
	n  int
	at time.Time
}

func (a *Auth) count(ctx context.Context, c counter, n int, at time.Time) (Tally, error) {
	t, err := a.ledger.Count(ctx, c.key, n, c.rate.Window, at)
	if err != nil {
		return Tally{}, unavailable(err)
	}
	return t, nil
}

func (a *Auth) countAll(ctx context.Context, counters []counter, n int, at time.Time) ([]Tally, error) {
	steps := make([]step, len(counters))
	for i, c := range counters {
		steps[i] = step{c, n, at}
	}
	return a.countSteps(ctx, steps)
}

// countSteps counts side by side: each is atomic by itself, and a store with group commit makes one write of them. When
// one fails, what the others added is taken back.
func (a *Auth) countSteps(ctx context.Context, steps []step) ([]Tally, error) {
	tallies, errs := make([]Tally, len(steps)), make([]error, len(steps))
	var wait sync.WaitGroup
	for i, s := range steps {
		wait.Go(func() { tallies[i], errs[i] = a.count(ctx, s.counter, s.n, s.at) })
	}
	wait.Wait()
	failed := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if failed < 0 {
		return tallies, nil
	}
	for i, s := range steps {
		if errs[i] == nil && s.n > 0 {
			_, _ = a.count(context.WithoutCancel(ctx), s.counter, -s.n, s.at)
		}
	}
	return nil, errs[failed]
}
