package cloakroom

import (
	"context"
	"net/http"
	"time"
)

// A code of six digits is found in a million guesses. So wrong second factors are counted over all attempts of a user, by
// whatever road, and too many lock all of them for a while. A secret that cannot be guessed is not held to it: a passkey
// opens the account while its codes are locked.

const policyFactor = "mfa"

// factorTries wrong codes within factorLock lock the codes of a user for factorLock.
const (
	factorTries = 5
	factorLock  = 15 * time.Minute
)

func (a *Auth) factorCounter(userID string) counter {
	return counter{counterKey(a.config.Realm, "factor", userID), Rate{factorTries, factorLock}}
}

func (a *Auth) lockCounter(userID string) counter {
	return counter{counterKey(a.config.Realm, "locked", userID), Rate{1, factorLock}}
}

func guessable(m Method) bool {
	u, ok := m.(Unguessable)
	return !ok || !u.Unguessable()
}

// unlocked returns a *LimitError while the codes of a user are locked.
func (a *Auth) unlocked(ctx context.Context, userID string) error {
	lock, err := a.count(ctx, a.lockCounter(userID), 0, a.now())
	if err != nil || lock.N == 0 {
		return err
	}
	return &LimitError{Policy: policyFactor, Limit: factorTries, Window: factorLock, RetryAfter: lock.ResetAt.Sub(a.now())}
}

// tryFactor counts a guess at a second factor, with the try that it is part of.
func (a *Auth) tryFactor(r *http.Request, t *try, m Method, c *Claim) error {
	if !c.Second || c.User == nil || !guessable(m) || t.off {
		return nil
	}
	counted := a.factorCounter(c.User.ID)
	tally, err := a.count(r.Context(), counted, 1, t.at)
	if err != nil {
		return err
	}
	t.factor, t.factors = &counted, tally.N
	if tally.N > factorTries { // more at once than may be: the last of those before them locks
		return &LimitError{Policy: policyFactor, Limit: factorTries, Window: factorLock, RetryAfter: tally.ResetAt.Sub(a.now())}
	}
	return a.unlocked(r.Context(), c.User.ID) // asked last: a right code at the same time clears what was counted, not the lock
}

// lockFactor locks after the last wrong guess that may be. What was counted until then is over before the lock is, so that it
// starts anew.
func (a *Auth) lockFactor(r *http.Request, t *try, c *Claim) {
	if t.factor == nil || t.factors != factorTries {
		return
	}
	// If this fails, what was counted locks as well, for the rest of its window.
	_, _ = a.count(context.WithoutCancel(r.Context()), a.lockCounter(c.User.ID), 1, a.now())
	a.keepAsideOf(r, c.User, Event{Type: FactorLocked, UserID: c.User.ID})
}
