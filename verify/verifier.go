package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Verifier checks the tokens of one issuer for one audience and follows its revocations. Make it as a literal, use it by
// pointer, from as many goroutines as you like, and do not change it after the first use. Issuer, Audience, ClientID and
// ClientSecret must be given; every other zero means what is said beside it.
//
// The first use starts two goroutines that keep keys and revocations up to date; Close ends them.
type Verifier struct {
	// Issuer is iss of every token, exactly, and the address below which the issuer serves keys and revocations.
	Issuer string
	// Audience is the name by which tokens for this service are made: one of their aud, exactly.
	Audience string
	// ClientID and ClientSecret are those of an introspection client of the issuer; they open the feed of revocations.
	ClientID     string
	ClientSecret Secret

	// KeysURL and FeedURL are where keys and revocations are read. Empty means /.well-known/jwks.json and
	// /auth/revocations below Issuer. Give them where the issuer has another address inside than outside.
	KeysURL, FeedURL string
	// Cookie is the name of a cookie that may carry the token where a request has no bearer token. Empty: none may.
	Cookie string
	// Origins are other origins (scheme://host) whose pages may change things here with that cookie.
	Origins []string
	// AllowGuests lets Middleware and Require admit sessions without a user. Verify and Authenticate always do.
	AllowGuests bool

	// Leeway is how far the clocks may be apart. Zero means DefaultLeeway, less than zero none, at most MaxLeeway.
	Leeway time.Duration
	// Staleness is how long a token may be accepted without a word from the feed: the bound on a log-out. Zero means
	// one second. At least 50 ms. The feed is asked about eight times in this time.
	Staleness time.Duration
	// KeysStaleness is how long the last good key set is used while the issuer does not answer. Zero means one hour. At
	// least one minute.
	KeysStaleness time.Duration
	// MaxRemembered is how many verified tokens are remembered, at about 2 KiB each. Zero means 10,000, less than
	// zero none.
	MaxRemembered int

	// InsecureAcceptSilence accepts tokens also while the feed is silent: a log-out then counts only as far as the
	// feed had told it. The verifier still listens, and waits for the first answer once.
	InsecureAcceptSilence bool
	// InsecureSkipRevocations does not follow the feed at all: a token lives until it expires, and needs no sid.
	InsecureSkipRevocations bool
	// InsecurePlainHTTP allows http:// also to hosts that are not this machine. Whoever is on the way can then put keys
	// of their own in the place of the issuer's.
	InsecurePlainHTTP bool

	// Client is used for both addresses; redirects are never followed. Nil means one with connections of its own. A
	// Timeout under an eighth of Staleness would cut the long poll off.
	Client *http.Client
	// Now is the clock that tokens are held against; the issuer's must agree with it, within Leeway. Nil means time.Now.
	Now func() time.Time

	once   sync.Once
	engine atomic.Pointer[engine]
	fault  error // what Check found
}

// Verify checks a token in its raw form. It answers at once, but that it waits for keys or revocations that are being
// read for the first time, and for keys when the token names an unknown one; not longer than ctx. Errors: those of
// ErrInvalid, ErrUnavailable, ErrConfig.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Claims, error) {
	e, err := v.start()
	if err != nil {
		return nil, err
	}
	c, err := e.verify(ctx, raw)
	e.counts.note(err)
	return c, err
}

func (v *Verifier) clock() time.Time {
	if v.Now == nil {
		return time.Now()
	}
	return v.Now()
}

// Close ends the goroutines of v and its connections, and returns when they are gone. Whatever is asked of v afterwards
// is ErrUnavailable.
func (v *Verifier) Close() error {
	v.once.Do(func() { v.fault = unavailable(errClosed) }) // never used: never start
	if e := v.engine.Load(); e != nil {
		e.close()
	}
	return nil
}

// start makes the engine at the first use.
func (v *Verifier) start() (*engine, error) {
	v.once.Do(func() {
		if v.fault = v.Check(); v.fault == nil {
			v.engine.Store(newEngine(v))
		}
	})
	return v.engine.Load(), v.fault
}

var errClosed = errors.New("verifier is closed")

// engine is a Verifier at work.
type engine struct {
	crew
	rules     Rules
	now       func() time.Time
	keys      *keySource
	feed      *feed // nil: not followed
	memory    *memory
	origin    *http.CrossOriginProtection
	counts    counters
	closeIdle func()
}

func newEngine(v *Verifier) *engine {
	e := &engine{
		rules:  Rules{Type: AccessToken, Issuer: v.Issuer, Audience: v.Audience, Leeway: v.Leeway},
		now:    v.clock,
		memory: newMemory(orElse(v.MaxRemembered, 10_000)),
		origin: http.NewCrossOriginProtection(),
	}
	for _, origin := range v.Origins {
		_ = e.origin.AddTrustedOrigin(origin) // checked by Check
	}
	e.crew.begin()
	var client *http.Client
	client, e.closeIdle = ownClient(v.Client)
	e.keys = newKeySource(&e.crew, client, v.keysURL(), orElse(v.KeysStaleness, time.Hour))
	first := e.keys.departure()
	e.crew.join(func(ctx context.Context) { e.keys.keepFresh(ctx, first) })
	if !v.InsecureSkipRevocations {
		e.feed = newFeed(v, client, e.keys, &e.rules, e.now)
		e.crew.join(e.feed.follow)
	}
	return e
}

func (e *engine) close() {
	e.crew.dismiss()
	e.closeIdle()
}

// verify finds the token good by itself, now or before; then its end and the revocations have their say.
func (e *engine) verify(ctx context.Context, raw string) (*Claims, error) {
	if len(raw) > maxToken {
		return nil, ErrMalformed
	}
	if e.crew.over() {
		return nil, unavailable(errClosed)
	}
	now := e.now()
	t, err := e.recall(ctx, raw, now)
	switch {
	case err != nil:
		return nil, err
	case e.rules.expired(t.claims.ExpiresAt, now):
		return nil, ErrExpired
	case e.feed == nil:
		return t.claims, nil
	}
	if err := e.feed.judge(ctx, t); err != nil {
		return nil, err
	}
	return t.claims, nil
}

// recall finds a token that was verified before and whose key is still in force, or judges it anew and remembers it.
func (e *engine) recall(ctx context.Context, raw string, now time.Time) (*token, error) {
	sum := sumOf(raw)
	if t := e.memory.find(sum); t != nil && e.keys.hold(t.key) {
		e.counts.remembered.Add(1)
		return t, nil
	}
	t, err := e.judge(ctx, raw, now)
	if err != nil {
		return nil, err
	}
	e.memory.keep(sum, t, now)
	return t, nil
}

func sumOf(raw string) [32]byte {
	var room [1 << 10]byte // what fits is not allocated, and most tokens do
	return sha256.Sum256(append(room[:0], raw...))
}

// judge verifies a token that is not remembered.
func (e *engine) judge(ctx context.Context, raw string, now time.Time) (*token, error) {
	signed, c, err := e.rules.read(raw, now)
	if err != nil {
		return nil, err
	}
	if e.feed != nil && c.SessionID == "" {
		return nil, malformed(errNoSession) // nobody could revoke it
	}
	key, err := e.keys.find(ctx, signed.KeyID, strangerPause)
	if err != nil {
		return nil, err
	}
	if !key.Signed(signed) {
		return nil, ErrSignature
	}
	return &token{claims: c, key: key, session: hashed(c.SessionID), user: hashed(c.Subject)}, nil
}

var errNoSession = errors.New("claim sid is missing")

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
