package cloakroom

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// What is sealed in a credential, such as the secret of an authenticator app, is sealed anew when there is a new first secret:
// by one node, once, in the background, for it might not be used before the old secret falls off the list.

// resealedFor is how long it is known that this was done for a secret.
const resealedFor = 400 * 24 * time.Hour

// resealCredentials waits for new secrets until ctx ends.
func (a *Auth) resealCredentials(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.resealing:
		}
		if err := a.resealAll(ctx); err != nil && ctx.Err() == nil {
			a.emit(ctx, Event{Type: RequestFailed, Reason: "reseal", Err: err})
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Minute):
				a.wakeReseal()
			}
		}
	}
}

func (a *Auth) wakeReseal() {
	select {
	case a.resealing <- struct{}{}:
	default: // it will
	}
}

// resealAll seals what is under an older secret, unless it was done for this one.
func (a *Auth) resealAll(ctx context.Context) error {
	ring := a.keys.Load()
	if ring.only {
		return nil
	}
	done := counter{counterKey(a.config.Realm, "resealed", ring.name), Rate{1, resealedFor}}
	if t, err := a.count(ctx, done, 0, a.now()); err != nil || t.N > 0 {
		return err
	}
	for user, err := range a.Users().All(ctx, "") {
		if err == nil && user.MFA {
			err = a.resealOf(ctx, ring, user.ID)
		}
		if err != nil {
			return err
		}
	}
	_, err := a.count(ctx, done, 1, a.now())
	return err
}

// resealOf does it for one user. A credential that changes at this moment is sealed anew by that.
func (a *Auth) resealOf(ctx context.Context, ring *keyring, userID string) error {
	creds, err := a.directory.Credentials(ctx, userID)
	if err != nil {
		return unavailable(err)
	}
	for _, c := range creds {
		m, known := a.methodNamed(c.Method)
		if !known || !seals(m) {
			continue
		}
		plain, stale, err := ring.seal.Open(credentialPlace(c), c.Data)
		if err != nil || !stale {
			continue
		}
		c.Data = ring.seal.Seal(credentialPlace(c), plain)
		if err := a.directory.SwapCredential(ctx, c); err != nil && !errors.Is(err, ErrConflict) {
			return unavailable(err)
		}
	}
	return nil
}

// nameOf tells one secret from another without giving anything of it away.
func nameOf(s Secret) string {
	sum := sha256.Sum256(append([]byte("cloakroom name of a secret "), s...))
	return string(sum[:])
}
