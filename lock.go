package cloakroom

import (
	"context"
	"net/http"
	"time"
)

// A code of six digits is found in a million guesses. So wrong second factors are counted over all attempts of a user, by
// whatever road, and too many lock all of them for a while: a few for minutes, and more than that for the rest of a day, so that who
// guesses slowly is stopped and told of, too. A secret that cannot be guessed is not held to it: a passkey opens the account while its
// codes are locked. It is no part of Limits: six digits without it would be none.

const policyFactor = "mfa"

// factorLock locks the codes of a user for its Window after Max wrong ones within it.
type factorLock struct {
	tries, lock string // what its counters are named
	Rate
}

var factorLocks = [...]factorLock{
	{"factor", "locked", Rate{5, 15 * time.Minute}},
	{"factor day", "locked day", Rate{20, 24 * time.Hour}},
}

func (l factorLock) triesOf(realm, userID string) counter {
	return counter{counterKey(realm, l.tries, userID), l.Rate}
}

func (l factorLock) lockOf(realm, userID string) counter {
	return counter{counterKey(realm, l.lock, userID), Rate{1, l.Window}}
}

func (l factorLock) reached(left time.Duration) error {
	return &LimitError{Policy: policyFactor, Limit: l.Max, Window: l.Window, RetryAfter: left}
}

func guessable(m Method) bool {
	u, ok := m.(Unguessable)
	return !ok || !u.Unguessable()
}

// unlocked returns a *LimitError while the codes of a user are locked.
func (a *Auth) unlocked(ctx context.Context, userID string) error {
	var worst error
	for _, l := range factorLocks {
		lock, err := a.count(ctx, l.lockOf(a.config.Realm, userID), 0, a.now())
		if err != nil {
			return err
		}
		if lock.N > 0 {
			worst = l.reached(lock.ResetAt.Sub(a.now())) // the longer ones come later
		}
	}
	return worst
}

// tryFactor counts a guess at a second factor, with the try that it is part of.
func (a *Auth) tryFactor(r *http.Request, t *try, m Method, c *Claim) error {
	if !c.Second || c.User == nil || !guessable(m) {
		return nil
	}
	for _, l := range factorLocks { // one after the other: what the first refuses is not held against the user for a day
		counted := l.triesOf(a.config.Realm, c.User.ID)
		tally, err := a.count(r.Context(), counted, 1, t.at)
		if err != nil {
			return err
		}
		t.factors = append(t.factors, guess{counted, tally.N})
		if tally.N > l.Max { // more at once than may be: the last of those before them locks
			return l.reached(tally.ResetAt.Sub(a.now()))
		}
	}
	return a.unlocked(r.Context(), c.User.ID) // asked last: a right code at the same time clears what was counted, not the lock
}

// lockFactor locks after the last wrong guess that may be. What was counted until then is over before the lock is, so that it
// starts anew.
func (a *Auth) lockFactor(r *http.Request, t *try, c *Claim) {
	locks := false
	for i, g := range t.factors {
		if g.n != factorLocks[i].Max {
			continue
		}
		// If this fails, what was counted locks as well, for the rest of its window.
		_, _ = a.count(context.WithoutCancel(r.Context()), factorLocks[i].lockOf(a.config.Realm, c.User.ID), 1, a.now())
		locks = true
	}
	if locks {
		a.keepAsideOf(r, c.User, Event{Type: FactorLocked, UserID: c.User.ID})
	}
}
