package cloakroom

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// A request by an API key has a session like any other, made for this request alone: the user that the key acts as, with the
// key's scopes and the id of the key. No Ledger has it, so it holds no data, is sent no cookie and has no idle time; nothing
// renews it, and it ends with the key.

const methodKey = "api_key"

// never is when something ends that has no end.
var never = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// byKey reports whether an API key stands for the session.
func (s *Session) byKey() bool { return strings.HasPrefix(s.ref.ID, "key_") }

// inPerson refuses whoever cannot change how an account is signed in to: nobody, a guest, somebody who acts as its user, and
// an API key.
func (s *Session) inPerson() error {
	switch {
	case s == nil || s.Anonymous():
		return ErrUnauthenticated
	case s.Actor != "":
		return ErrImpersonated
	case s.byKey():
		return ErrForbidden
	}
	return nil
}

// meetsAsKey holds an API key to what no requirement names: it opens only what asks for a scope, and nothing that asks for a
// person.
func (s *Session) meetsAsKey(need []Requirement) error {
	scoped, admitted, personal := false, false, false
	for i := range need {
		switch need[i].kind {
		case needScope:
			scoped = true
		case needKeyScope:
			admitted = true
		case needMaxAge, needMFA, needSensitive:
			personal = true
		}
	}
	if admitted || scoped && !personal {
		return nil
	}
	return ErrForbidden
}

// judgeKey is judge for an API key.
func (a *Auth) judgeKey(ctx context.Context, id TokenID, now time.Time) (*arrival, error) {
	v, key, err := a.lookupKey(ctx, id, now)
	if err != nil {
		return nil, err
	}
	v.session.carrier, v.session.Current = byBearer, true
	a.keyUses.note(key, now)
	return v, nil
}

// lookupKey asks the Directory for an API key and for its user, each by a point read. ErrInvalidToken: certainly dead.
// ErrBanned: alive but for the ban.
func (a *Auth) lookupKey(ctx context.Context, id TokenID, now time.Time) (*arrival, *APIKeyRecord, error) {
	key, err := a.directory.APIKey(ctx, id)
	if err != nil {
		return nil, nil, known(err, ErrNotFound, ErrInvalidToken)
	}
	if key.Realm != a.config.Realm || !key.live(now) {
		return nil, nil, ErrInvalidToken
	}
	v := &arrival{}
	v.user, err = a.directory.User(ctx, key.UserID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && v.user.Leaving():
		return nil, nil, ErrInvalidToken
	case err != nil:
		return nil, nil, unavailable(err)
	case v.user.Banned():
		return nil, nil, ErrBanned
	}
	rec := SessionRecord{
		ID: key.ID, Realm: key.Realm, Token: id, UserID: v.user.ID, Epoch: v.user.Epoch,
		CreatedAt: key.CreatedAt, LastSeenAt: now, ExpiresAt: key.ExpiresAt,
		Methods: []string{methodKey}, Level: 1, Scopes: key.Scopes,
	}
	if rec.ExpiresAt.IsZero() {
		rec.ExpiresAt = never
	}
	v.begin(a, &rec)
	return v, &key, nil
}

func (k *APIKeyRecord) live(now time.Time) bool {
	return k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt)
}

// keyUses remembers when API keys were used, and Flush writes it down: of each key at most once a minute, and never on the
// way of a request.
type keyUses struct {
	mu      sync.Mutex
	pending map[TokenID]time.Time
}

func (u *keyUses) note(key *APIKeyRecord, now time.Time) {
	if now.Sub(key.LastUsedAt) < writeEvery {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pending == nil {
		u.pending = map[TokenID]time.Time{}
	}
	u.pending[key.Token] = now
}

func (u *keyUses) noted(id TokenID) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.pending[id]
}

func (u *keyUses) unwritten() []TokenID {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := make([]TokenID, 0, len(u.pending))
	for id := range u.pending {
		ids = append(ids, id)
	}
	return ids
}

func (u *keyUses) written(id TokenID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.pending, id)
}

// flushKeys writes down the uses of API keys.
func (a *Auth) flushKeys(ctx context.Context) error {
	for _, id := range a.keyUses.unwritten() {
		if err := a.writeKeyUse(ctx, id, a.keyUses.noted(id)); err != nil {
			return unavailable(err)
		}
		a.keyUses.written(id)
	}
	return nil
}

// writeKeyUse writes one use down, unless somebody changes the key at this moment: the next use will do.
func (a *Auth) writeKeyUse(ctx context.Context, id TokenID, at time.Time) error {
	key, err := a.directory.APIKey(ctx, id)
	if err == nil && key.LastUsedAt.Before(at) {
		key.LastUsedAt = at
		err = a.directory.SwapAPIKeys(ctx, []APIKeyRecord{key})
	}
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// holdsScopes reports whether the session has all of these scopes, of which there must be one.
func (s *Session) holdsScopes(allOf []string) bool {
	return len(allOf) > 0 && !slices.ContainsFunc(allOf, func(name string) bool { return !slices.Contains(s.Scopes, name) })
}
