package cloakroom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/jose"
	"github.com/cloakroom-auth/cloakroom/internal/seal"
	"github.com/cloakroom-auth/cloakroom/verify"
)

const (
	// KeyCache is how long whoever fetches the public keys may keep them: the max-age of the JWKS.
	KeyCache = 5 * time.Minute
	// keyLead is how long a key is published before it signs, so that nobody meets a token of a key that it could not know.
	keyLead = KeyCache + time.Minute
	// keyReload is how old a process's picture of the keys may be: a key that was withdrawn elsewhere is refused then.
	keyReload = time.Second
	// keyUnknown is how old the picture may be when a token names a key that is not in it: another process may just have
	// made one in place of a withdrawn one. A flood of invented names costs ten reads a second.
	keyUnknown = 100 * time.Millisecond
	// keyLinger is how long a key that no longer signs is still listed: until its last token is dead.
	keyLinger = RevokedFor
	// nextAbandoned is how long a next key of an algorithm that is not asked for any more waits for another node to ask.
	nextAbandoned = 24 * time.Hour
)

// KeyState is where a signing key is in its life: next → active → retiring → gone, or withdrawn.
type KeyState string

const (
	KeyNext      KeyState = "next"      // published, signs later
	KeyActive    KeyState = "active"    // signs
	KeyRetiring  KeyState = "retiring"  // signs no more; its tokens are good until they expire
	KeyWithdrawn KeyState = "withdrawn" // lost: whatever it signed is refused
)

// State is the state of the key at this time. A key that is gone is not there.
func (k SigningKey) State(now time.Time) KeyState {
	switch {
	case !k.WithdrawnAt.IsZero():
		return KeyWithdrawn
	case k.ActiveAt.IsZero() || now.Before(k.ActiveAt):
		return KeyNext
	case k.RetiredAt.IsZero() || now.Before(k.RetiredAt):
		return KeyActive
	}
	return KeyRetiring
}

func (k SigningKey) gone(now time.Time) bool {
	ended := later(k.RetiredAt, k.WithdrawnAt)
	return !ended.IsZero() && !now.Before(ended.Add(keyLinger))
}

// keyPolicy decides about keys from times alone, so that every node decides alike.
type keyPolicy struct {
	algorithm string
	age       time.Duration
}

// advance gives the keys the states that are due now. fresh makes one that is missing. The list that comes in stays as it is.
func (p keyPolicy) advance(keys []SigningKey, now time.Time, fresh func() (SigningKey, error)) (_ []SigningKey, changed bool, err error) {
	kept := slices.DeleteFunc(slices.Clone(keys), func(k SigningKey) bool {
		abandoned := k.State(now) == KeyNext && k.Algorithm != p.algorithm && !now.Before(k.CreatedAt.Add(nextAbandoned))
		return k.gone(now) || abandoned
	})
	changed = len(kept) != len(keys)
	add := func() error {
		k, err := fresh()
		kept, changed = append(kept, k), true
		return err
	}
	if p.next(kept, now) < 0 {
		if err := add(); err != nil {
			return nil, false, err
		}
	}
	active := slices.IndexFunc(kept, func(k SigningKey) bool { return k.State(now) == KeyActive })
	if active < 0 { // the first of all, or the one before it was withdrawn: no time to publish it first
		kept[p.next(kept, now)].ActiveAt = now
		if p.next(kept, now) >= 0 { // another process was here, whose clock is ahead of ours
			return kept, true, nil
		}
		return kept, true, add()
	}
	if at := kept[active].RetiredAt; !at.IsZero() && !slices.ContainsFunc(kept, func(k SigningKey) bool { return k.State(now) == KeyNext && k.ActiveAt.Equal(at) }) {
		kept[active].RetiredAt, changed = time.Time{}, true // what was to take over was withdrawn
	}
	due := kept[active].Algorithm != p.algorithm || !now.Before(kept[active].ActiveAt.Add(p.age))
	if due && kept[active].RetiredAt.IsZero() {
		p.schedule(kept, active, now)
		changed = true
	}
	return kept, changed, nil
}

// next finds the key that will sign next, or -1.
func (p keyPolicy) next(keys []SigningKey, now time.Time) int {
	return slices.IndexFunc(keys, func(k SigningKey) bool { return k.State(now) == KeyNext && k.Algorithm == p.algorithm })
}

// schedule sets when the next key takes over from the active one: as soon as everybody can know it.
func (p keyPolicy) schedule(keys []SigningKey, active int, now time.Time) {
	next := &keys[p.next(keys, now)]
	at := later(now, next.CreatedAt.Add(keyLead))
	keys[active].RetiredAt, next.ActiveAt = at, at
}

// keychain is the process's picture of the keys, at most keyReload old.
type keychain struct {
	loading chan struct{} // holds one while somebody reads them
	latest  atomic.Pointer[signingSet]
}

// signingSet is what a KeySet is good for. It never changes.
type signingSet struct {
	set     KeySet
	ring    *keyring // that opened it
	public  *verify.Keys
	jwks    []byte
	etag    string
	signers map[string]*jose.Signer // by key id; without those that our secrets cannot open
	seen    *recall

	at  time.Time // when it was read
	err error     // the stores could not be asked
}

// signer is the key that signs now.
func (k *signingSet) signer(now time.Time) (*jose.Signer, error) {
	for i := range k.set.Keys {
		if key := &k.set.Keys[i]; key.State(now) == KeyActive {
			if s := k.signers[key.ID]; s != nil {
				return s, nil
			}
			return nil, unavailable(fmt.Errorf("signing key %s cannot be opened with the secrets that are configured", key.ID))
		}
	}
	return nil, unavailable(errors.New("no signing key is active"))
}

// verify judges a token. Its signature is checked when it is seen first.
func (k *signingSet) verify(text string, r verify.Rules, now time.Time) (*verify.Claims, error) {
	sum := sha256.Sum256([]byte(text))
	if c := k.seen.find(sum); c != nil {
		return c, r.Judge(c, now)
	}
	c, err := k.public.Verify(text, r, now)
	if err == nil {
		k.seen.keep(sum, c)
	}
	return c, err
}

// canSign reports why nothing can be signed now, or nil.
func (a *Auth) canSign(ctx context.Context) error {
	set, err := a.signingKeys(ctx)
	if err == nil {
		_, err = set.signer(a.now())
	}
	return err
}

// signingKeys returns the keys as they are now. They are made here if there are none: before anything was signed, and by
// one process of however many.
func (a *Auth) signingKeys(ctx context.Context) (*signingSet, error) {
	return a.signingKeysWithin(ctx, keyReload)
}

// signingKeysWithin is signingKeys for who wants them as they were at most this long ago.
func (a *Auth) signingKeysWithin(ctx context.Context, age time.Duration) (*signingSet, error) {
	if k := a.signing.latest.Load(); k != nil && k.within(age, a.now()) {
		return k, k.err
	}
	select {
	case a.signing.loading <- struct{}{}:
		defer func() { <-a.signing.loading }()
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
	before := a.signing.latest.Load()
	if before != nil && before.within(age, a.now()) {
		return before, before.err
	}
	// Whoever comes first asks for all who wait: that it goes away must not fail the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	k, err := a.loadKeys(ctx, before)
	if err != nil {
		k = &signingSet{err: unavailable(err)}
	}
	k.at = a.now() // what took long is as fresh as its end, or those who wait would each ask again
	a.signing.latest.Store(k)
	return k, k.err
}

func (k *signingSet) within(age time.Duration, now time.Time) bool {
	if k.err != nil {
		age = min(age, keyUnknown) // the store may be back
	}
	passed := now.Sub(k.at)
	return 0 <= passed && passed < age
}

// loadKeys reads the keys, advances them and writes them back if that changed anything.
func (a *Auth) loadKeys(ctx context.Context, before *signingSet) (*signingSet, error) {
	policy := keyPolicy{a.config.Token.Algorithm, a.config.Token.KeyAge}
	set, err := a.changeKeys(ctx, func(set *KeySet) (changed bool, err error) {
		if !a.opensAny(set.Keys) {
			return false, nil // whoever has other secrets makes no key that those with the right ones cannot use
		}
		set.Keys, changed, err = policy.advance(set.Keys, a.now(), a.freshKey) // not the now of before: the keys may be younger
		return a.reseal(set.Keys, before) || changed, err
	})
	if err != nil && set.usable(a.now()) { // what is due waits; what was read is good
		a.emit(ctx, Event{Type: RequestFailed, Reason: "signing_keys", Err: err})
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if before != nil && before.err == nil && before.set.Revision == set.Revision && before.ring == a.keys.Load() {
		same := *before
		return &same, nil
	}
	return a.openKeys(set)
}

// usable reports whether a key of the set signs now.
func (set KeySet) usable(now time.Time) bool {
	return slices.ContainsFunc(set.Keys, func(k SigningKey) bool { return k.State(now) == KeyActive })
}

// opensAny reports whether our secrets open a key that may sign, or there is none yet.
func (a *Auth) opensAny(keys []SigningKey) bool {
	live := 0
	for _, k := range keys {
		if !k.WithdrawnAt.IsZero() {
			continue
		}
		live++
		if _, _, err := a.keys.Load().seal.Open(a.place(k.ID), k.Sealed); err == nil {
			return true
		}
	}
	return live == 0
}

// changeKeys is the one road to change the keys: read, change, compare-and-swap, again if somebody was faster. What it is
// called joins the events. When the keys cannot be written, the set is as it was read.
func (a *Auth) changeKeys(ctx context.Context, change func(*KeySet) (changed bool, err error), what ...Event) (KeySet, error) {
	for {
		set, err := a.directory.KeySet(ctx, a.config.Realm)
		if err != nil {
			return set, unavailable(err)
		}
		read := set
		read.Keys = slices.Clone(set.Keys)
		changed, err := change(&set)
		if err != nil || !changed {
			return set, err
		}
		told := slices.Clone(what)
		if made := madeSince(read.Keys, set.Keys); len(made) > 0 {
			told = append(told, a.dated(ctx, Event{Type: SigningKeyCreated, Reason: strings.Join(made, " ")}))
		}
		err = a.directory.SwapKeySet(ctx, set, a.records(told...)...)
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return read, unavailable(err)
		}
		set.Revision++
		for _, e := range told {
			a.emit(ctx, e)
		}
		return set, nil
	}
}

// madeSince lists the ids of keys that were not there before.
func madeSince(before, now []SigningKey) (ids []string) {
	for _, k := range now {
		if !slices.ContainsFunc(before, func(b SigningKey) bool { return b.ID == k.ID }) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// freshKey makes a key that is published from now on.
func (a *Auth) freshKey() (SigningKey, error) {
	k, err := jose.Generate(jose.Algorithm(a.config.Token.Algorithm))
	if err != nil {
		return SigningKey{}, err
	}
	return SigningKey{
		ID: k.ID, Algorithm: string(k.Algorithm), Public: k.Public, CreatedAt: a.now(),
		Sealed: a.keys.Load().seal.Seal(a.place(k.ID), k.Private),
	}, nil
}

func (a *Auth) place(keyID string) seal.Place {
	return seal.Place{Table: "signing_keys", Column: "private", Row: a.config.Realm + "/" + keyID}
}

// reseal puts keys that an older secret seals under the present one, so that the older can go: each key once for each change
// of our secrets, or two nodes that list them in another order would never end.
func (a *Auth) reseal(keys []SigningKey, before *signingSet) (changed bool) {
	ring := a.keys.Load()
	box := ring.seal
	for i := range keys {
		k := &keys[i]
		if before != nil && before.ring == ring && slices.ContainsFunc(before.set.Keys, func(b SigningKey) bool { return b.ID == k.ID }) {
			continue
		}
		plain, stale, err := box.Open(a.place(k.ID), k.Sealed)
		if err == nil && stale {
			k.Sealed, changed = box.Seal(a.place(k.ID), plain), true
		}
	}
	return changed
}

// openKeys makes of stored keys what can sign and check.
func (a *Auth) openKeys(set KeySet) (*signingSet, error) {
	ring := a.keys.Load()
	k := &signingSet{set: set, ring: ring, signers: map[string]*jose.Signer{}, seen: &recall{}}
	var listed [][]byte
	for _, key := range set.Keys {
		if !key.WithdrawnAt.IsZero() {
			continue
		}
		listed = append(listed, key.Public)
		plain, _, err := ring.seal.Open(a.place(key.ID), key.Sealed)
		if err != nil {
			continue // told when it is to sign
		}
		if k.signers[key.ID], err = jose.NewSigner(jose.Algorithm(key.Algorithm), key.ID, plain); err != nil {
			return nil, fmt.Errorf("signing key %s: %w", key.ID, err)
		}
	}
	k.jwks = jose.Set(listed...)
	sum := sha256.Sum256(k.jwks)
	k.etag = `"` + hex.EncodeToString(sum[:16]) + `"`
	var err error
	k.public, err = verify.ParseKeys(k.jwks)
	return k, err
}

// JWKS returns the public keys as a JWK Set (RFC 7517 §5) and the entity tag of these bytes. They may be kept for
// KeyCache. Errors: ErrNotFound where no signed tokens are allowed, *UnavailableError.
func (a *Auth) JWKS(ctx context.Context) (document []byte, etag string, err error) {
	if !a.config.Token.signed() {
		return nil, "", ErrNotFound
	}
	k, err := a.signingKeys(ctx)
	if err != nil {
		return nil, "", err
	}
	return k.jwks, k.etag, nil
}

// Keys administers the signing keys of a realm. Get it from Auth.Keys.
type Keys struct{ auth *Auth }

// Keys returns the signing keys of the Auth's realm.
func (a *Auth) Keys() Keys { return Keys{a} }

// List returns the keys, oldest first, without their private parts.
func (k Keys) List(ctx context.Context) ([]SigningKey, error) {
	set, err := k.auth.directory.KeySet(ctx, k.auth.config.Realm)
	if err != nil {
		return nil, unavailable(err)
	}
	for i := range set.Keys {
		set.Keys[i].Sealed = nil
	}
	return set.Keys, nil
}

// Rotate lets the next key take over and returns when it does: at once if it has been published long enough for everybody
// to know it, a few minutes later otherwise. Tokens of the old key stay good until they expire. No request fails.
func (k Keys) Rotate(ctx context.Context) (at time.Time, err error) {
	err = k.change(ctx, Event{Type: SigningKeyRotated}, func(p keyPolicy, keys []SigningKey, now time.Time) error {
		active := slices.IndexFunc(keys, func(k SigningKey) bool { return k.State(now) == KeyActive })
		if keys[active].RetiredAt.IsZero() {
			p.schedule(keys, active, now)
		}
		at = keys[active].RetiredAt
		return nil
	})
	return at, err
}

// Withdraw declares a key lost: what it signed is refused, here within a second, by verifiers when they fetch the keys
// again, within KeyCache. If it was the active one the next takes over at once. Sessions live on: their refresh tokens
// give new access tokens. ErrNotFound: there is no such key. Withdrawing twice is no error.
func (k Keys) Withdraw(ctx context.Context, id string) error {
	return k.change(ctx, Event{Type: SigningKeyWithdrawn, Reason: id}, func(_ keyPolicy, keys []SigningKey, now time.Time) error {
		i := slices.IndexFunc(keys, func(k SigningKey) bool { return k.ID == id })
		if i < 0 {
			return ErrNotFound
		}
		if keys[i].WithdrawnAt.IsZero() {
			keys[i].WithdrawnAt = now
		}
		return nil
	})
}

// change edits keys that are up to date, and advances them again.
func (k Keys) change(ctx context.Context, what Event, edit func(p keyPolicy, keys []SigningKey, now time.Time) error) error {
	a := k.auth
	if !a.config.Token.signed() {
		return ErrNotFound
	}
	p := keyPolicy{a.config.Token.Algorithm, a.config.Token.KeyAge}
	_, err := a.changeKeys(ctx, func(set *KeySet) (bool, error) {
		now := a.now()
		var err error
		if set.Keys, _, err = p.advance(set.Keys, now, a.freshKey); err != nil {
			return false, err
		}
		if err := edit(p, set.Keys, now); err != nil {
			return false, err
		}
		set.Keys, _, err = p.advance(set.Keys, now, a.freshKey)
		return true, err
	}, a.dated(ctx, what))
	a.signing.latest.Store(nil) // read again at the next use
	return err
}
