package cloakroom

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/letter"
)

// Config says how an Auth works. The zero value of every field means the default that its comment tells, and every
// default is safe. Only Store must be given, and a Method if somebody shall sign in.
type Config struct {
	// Store keeps everything. Required.
	Store Store
	// Ledger, when set, keeps sessions, tickets and counters in place of Store, see Together.
	Ledger Ledger

	// Cache is how many bytes sessions are remembered in, so that the store is not asked at each request. Zero means 64
	// MiB, about 200,000 sessions; less than zero means none. Nothing is believed longer than the feed of revocations
	// allows, see Staleness.
	Cache int64
	// Staleness is how long a node believes what it remembers without having heard the feed of revocations to its end:
	// the longest that a session which was ended on another node can live on here. Zero means 1 s. New refuses less than
	// 20 ms and more than a minute.
	Staleness time.Duration

	// Methods are the ways to begin a sign-in; the first is used when a sign-in names none.
	Methods []Method
	// SecondFactors are the ways to complete a sign-in. Whoever has a credential of one of them is asked for it
	// after the first proof, and gets no session before.
	SecondFactors []Method

	// Secrets are what the keys of tokens derive from: the first signs, all verify. Nil asks the store, which can
	// keep them beside a local file; a store that cannot (SecretKeeper) makes them required.
	Secrets []Secret

	// Realm separates several worlds of users in one store, such as customers and staff: other accounts, other
	// sessions, and no token of one is good in another. Give each realm its own Cookie.Name.
	Realm string

	// RoleIncludes says which roles a role brings along where one is required, directly or by those it brings: {"admin":
	// {"editor"}, "editor": {"author"}}. User.Roles, and what services are told, stay what was given.
	RoleIncludes map[string][]string

	// BaseURL is where the app is reached from outside, such as https://app.example.com. It decides the name and the
	// Secure attribute of cookies. Empty decides by each request: https, or anything but a loopback host, is secure.
	BaseURL string

	Cookie   Cookie
	Bearer   Bearer
	Delivery DeliveryPolicy
	Token    TokenPolicy
	Session  Lifetime
	Limits   Limits

	// Clients are the services that may ask whether a token is alive (Introspect) and what was revoked (Feed). Empty:
	// nobody.
	Clients []Client

	// SignupClosed refuses every way to make an account by oneself. Users.Create still works.
	SignupClosed bool
	// VerifyFirst opens no session before the e-mail is verified, and hides who has an account: SignUp answers the same
	// whether the e-mail has one, and only the mail differs. It needs a Mailer.
	VerifyFirst bool

	// Mailer sends our mails. Nil: there are none, and what lives by mail is not there (ErrNotFound).
	Mailer Mailer
	Mail   MailPolicy
	// MailCode lets people sign in by a code and a link that are mailed to them.
	MailCode MailCodePolicy
	MFA      MFAPolicy

	// FreshFor is how young a proof must be for what is Sensitive. Zero means 10 minutes.
	FreshFor time.Duration
	// DeleteAfter is how long an account that its owner deletes can be kept by the link in the mail that tells of it. Zero
	// means 720 h (30 days); less than zero means none. Without a Mailer there is none.
	DeleteAfter time.Duration

	// Webhooks are told of the events that are kept. They see each at least once, in no certain order. What waits for one whose name is
	// not listed any more waits until it is again.
	Webhooks []Webhook
	// Veto is asked before what e tells becomes true: UserCreated, SignedIn (of a session about to be opened, without its id),
	// CredentialChanged, PasswordReset, EmailChanged, FactorAdded, FactorRemoved, DeletionRequested, ImpersonationBegun. A sign-up asks
	// about both, the account and its session, before there is either: Details has the email, UserID may be empty. FieldErrors reach the
	// client; any other error answers ErrForbidden. A panic counts as one.
	Veto func(ctx context.Context, e Event) error

	// TrustedProxies are the networks whose X-Forwarded-For and X-Forwarded-Proto are believed. Empty: nobody's.
	TrustedProxies []netip.Prefix
	// Origins are other origins, scheme included, whose pages may call with cookies. They pass the CSRF check and
	// get CORS headers. Exact; there is no wildcard.
	Origins []string
	// ClearSiteData are the directives of the Clear-Site-Data header that a sign-out answers with, such as "cookies"
	// and "storage". Empty: no header.
	ClearSiteData []string

	// OnUpgrade is called when a guest signs in, once for each guest session: the guest's data already belongs to
	// user's session, so that Key reads the same through both. Here an app merges it into what it knows of the
	// user. An error does not undo the sign-in and loses no data; it is told as the event UpgradeFailed.
	OnUpgrade func(ctx context.Context, guest, user *Session) error
	// OnEvent is told what happens, after it is durable, on the goroutine that did it: keep it short.
	OnEvent func(ctx context.Context, e Event)
	// Deliver is given the events that are kept (see Auth.Events), at least once each, in order as far as many nodes
	// allow, at most 100 at a time: for an audit log or a queue, by Event.ID. It has 45 s; what it refuses or does not
	// finish comes again a minute later. Set it on all nodes: events that were kept for it wait until it takes them,
	// beyond KeepEvents. Nil: nobody.
	Deliver func(ctx context.Context, events []Event) error
	// KeepEvents is how long events are kept. Zero means 2160 h (90 days). New refuses less than a day.
	KeepEvents time.Duration
	// OnFail answers a request that a guard refused, in place of an RFC 9457 document. It may call Auth.Fail.
	OnFail func(w http.ResponseWriter, r *http.Request, err error)

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Auth is the engine. It is safe for concurrent use. Make one with New and Close it at the end.
type Auth struct {
	config    Config
	directory Directory
	ledger    Ledger
	finder    Finder // nil: ledger and directory are asked one after the other
	feed      *follower
	cache     *sessionCache // nil: none
	aside     chan EventRecord
	lifetime  Lifetime
	limits    Limits
	carriers  carriers
	keys      atomic.Pointer[keyring]
	origin    *originCheck
	uses      *uses
	keyUses   keyUses
	brings    map[string][]string // what each role of Config.RoleIncludes brings along in the end
	signing   keychain
	signed    *signedCounts
	bell      bell
	letters   *letter.Set
	mails     *postman
	resealing chan struct{} // holds one: there are new secrets
	hooks     []*hook

	usualClock bool // Config.Now was not set

	stop     context.CancelFunc
	stopped  sync.WaitGroup
	draining chan struct{}
	drain    sync.Once
}

// New makes an Auth. It reports every mistake in the Config at once: the error joins one *ConfigError for each, with the
// field, the reason and what to do. It starts goroutines that write uses down, sweep, and follow the feed of revocations;
// Close ends them.
func New(c Config) (*Auth, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	usual := c.Now == nil
	if usual {
		c.Now = time.Now
	}
	if c.Cache == 0 {
		c.Cache = defaultCache
	}
	if c.Staleness == 0 {
		c.Staleness = defaultStaleness
	}
	if c.KeepEvents == 0 {
		c.KeepEvents = eventsFor
	}
	if c.FreshFor == 0 {
		c.FreshFor = freshFor
	}
	if c.DeleteAfter == 0 {
		c.DeleteAfter = deleteAfter
	}
	c.MFA = c.MFA.withDefaults()
	c.Token = c.Token.withDefaults(&c)
	a := &Auth{
		config: c, usualClock: usual,
		lifetime: c.Session.withDefaults(), limits: c.Limits.withDefaults(),
		carriers: newCarriers(c), origin: newOriginCheck(c), uses: newUses(), draining: make(chan struct{}),
		aside: make(chan EventRecord, eventsAside), resealing: make(chan struct{}, 1), brings: brings(c.RoleIncludes),
		signing: keychain{loading: make(chan struct{}, 1)}, signed: newSignedCounts(),
	}
	a.join()
	if err := a.correspond(); err != nil {
		return nil, err
	}
	a.hooks = a.newHooks()
	secrets := c.Secrets
	if secrets == nil {
		kept, err := c.Store.(SecretKeeper).Secrets(context.Background())
		if err != nil {
			return nil, &ConfigError{Field: "Secrets", Reason: "the store has none to give: " + err.Error(), Mend: "mend that, or set Secrets"}
		}
		secrets = kept
	}
	if err := a.SetSecrets(secrets); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.stopped.Go(func() { a.housekeep(ctx) })
	if c.Deliver != nil {
		a.stopped.Go(func() { a.handOn(ctx) })
	}
	a.stopped.Go(func() { a.feed.follow(ctx) })
	a.stopped.Go(func() { a.recordAside(ctx) })
	a.stopped.Go(func() { a.resealCredentials(ctx) })
	if c.Mailer != nil {
		a.stopped.Go(func() { a.mails.walk(ctx) })
	}
	for _, h := range a.hooks {
		a.stopped.Go(func() { h.postman.walk(ctx) })
	}
	return a, nil
}

// join puts the stores together with who follows their feed.
func (a *Auth) join() {
	c := &a.config
	a.feed = newFollower(c.Store, c.Staleness)
	a.feed.told = func([]Revocation) { a.bell.ring() }
	a.feed.lags = &lags{since: func(e Revocation) time.Duration { return a.now().Sub(e.Until.Add(-a.revokedFor())) }}
	store := c.Store
	if c.Ledger != nil {
		a.feed.graves = newGraves()
		store = &together{Directory: c.Store, Ledger: c.Ledger, feed: a.feed}
	} else {
		a.finder, _ = c.Store.(Finder)
	}
	told := telling{Store: store, feed: a.feed, bell: &a.bell}
	a.directory, a.ledger = told, told
	if c.Cache > 0 {
		a.cache = newSessionCache(c.Cache, a.feed)
	}
}

// SetSecrets puts a new list of secrets in place while requests run: the first signs from now on, all verify. Tokens
// signed by a secret that is no longer listed are dead.
func (a *Auth) SetSecrets(secrets []Secret) error {
	if err := checkSecrets(secrets); err != nil {
		return err
	}
	ring, err := newKeyring(a.config.Realm, secrets)
	if err != nil {
		return err
	}
	a.keys.Store(ring)
	a.wakeReseal()
	a.signing.latest.Store(nil) // read again: the new secrets may open what the old ones did not
	return nil
}

// Drain lets every Feed that waits answer now, and none wait from now on. Call it when a server begins to stop, such as
// by http.Server.RegisterOnShutdown, so that it need not wait for them. It may be called more than once.
func (a *Auth) Drain() { a.drain.Do(func() { close(a.draining) }) }

// Close writes down what is pending and ends the goroutines of New, at most until ctx ends. It does not close the store.
func (a *Auth) Close(ctx context.Context) error {
	a.Drain()
	a.stop()
	stopped := make(chan struct{})
	go func() {
		a.stopped.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
	}
	return a.Flush(ctx)
}

// Ready reports whether the stores answer and take a write, and a key can sign where signed tokens are allowed: nil, or what they said.
func (a *Auth) Ready(ctx context.Context) error {
	if _, err := a.directory.User(ctx, "usr_ready"); err != nil && !errors.Is(err, ErrNotFound) {
		return unavailable(err)
	}
	if _, err := a.ledger.Session(ctx, TokenID{}, a.now()); err != nil && !errors.Is(err, ErrNotFound) {
		return unavailable(err)
	}
	if a.config.Ledger != nil { // which is believed only beside the feed
		if err := a.feed.freshen(ctx); err != nil {
			return unavailable(err)
		}
	}
	if a.config.Token.signed() {
		if err := a.canSign(ctx); err != nil {
			return err
		}
	}
	_, err := a.count(ctx, counter{counterKey(a.config.Realm, "ready", ""), Rate{1, time.Second}}, 1, a.now())
	return err
}

func (a *Auth) now() time.Time { return exactly(a.config.Now()) }

// exactly is a time as it is kept.
func exactly(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// instant is a time, and the same by the clock of the feed's follower. Every request needs both, and one look gives both.
type instant struct {
	time.Time
	since time.Duration // follower.start
}

func (a *Auth) instant() instant {
	if !a.usualClock {
		return instant{a.now(), a.feed.elapsed()}
	}
	now := time.Now()
	return instant{exactly(now), a.feed.since(now)}
}

// method finds a method by name in a list; an empty name means the first.
func method(list []Method, name string) (Method, bool) {
	i := slices.IndexFunc(list, func(m Method) bool { return name == "" || m.Name() == name })
	if i < 0 {
		return nil, false
	}
	return list[i], true
}
