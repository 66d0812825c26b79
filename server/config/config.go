package config

import (
	"net/netip"
	"time"
)

// Config is the configuration of the server. Default has every default; docs/configuration.md is made from these
// comments. Durations are written as Go writes them, such as 336h or 1m30s, or in days, such as 14d.
type Config struct {
	// Listen is the address of the server, host:port. Port 0 picks a free one. An address without a host, such as
	// :8400, is on loopback; write 0.0.0.0:8400 or [::]:8400 for all interfaces. Default 127.0.0.1:8400. The
	// development server takes only a loopback address.
	Listen string
	// BaseURL is where people reach the server, scheme://host[:port] without a path. It decides the name and the
	// Secure attribute of cookies, and is the issuer of signed tokens: verifiers find the keys below it, at
	// /.well-known/jwks.json, and a token of another issuer is refused. Default: http and the address in listen, if that
	// is on loopback. Required, and https, unless both are on loopback.
	BaseURL string
	// Data is the folder of the database and of the secrets made on first run (folder 0700, files 0600). Default
	// ./cloakroom-data. It is not needed, and not made, where both are elsewhere: store.url is a server, and secrets are
	// given.
	Data string

	Store Store

	// Secrets are the keys from which the keys of tokens derive, each at least 32 random bytes in hexadecimal or
	// base64url: the first signs, all verify. Default: one, made on first run in a file in data. Required, and the same
	// on every node, when the store is not a local file.
	Secrets []Secret

	Session  Session
	Cookie   Cookie
	Bearer   Bearer
	Delivery Delivery
	Token    Token
	Signup   Signup
	Login    Login
	Password Password
	Passkey  Passkey
	MFA      MFA
	Account  Account
	Mail     Mail
	Limits   Limits

	// Webhooks are addresses that are told of events, each a mapping: name and url; secrets, a list of whsec_ and the base64
	// of 24 to 64 random bytes, all of which sign (Standard Webhooks); events, a list of their names (empty: all that are kept);
	// allow, networks in CIDR notation that are reached though they are not public, and over http too. Default empty. A list of
	// mappings in the file; elsewhere, and in a file that CLOAKROOM_WEBHOOKS_FILE names, it is written as such a list of YAML or
	// JSON is: that file keeps the secrets out of this one. The secrets and the paths of the addresses are never printed.
	Webhooks []Webhook
	Admin    Admin

	// TrustedProxies are the networks, in CIDR notation, whose X-Forwarded-For and X-Forwarded-Proto are believed.
	// Default empty: forwarded headers are ignored. The whole internet (0.0.0.0/0, ::/0) is refused.
	TrustedProxies []netip.Prefix
	// Origins are the other origins whose pages may call with cookies, scheme://host[:port] each, exactly; there is no
	// wildcard. They pass the CSRF check and get CORS headers. Default empty.
	Origins []string

	Introspection Introspection
	Revocation    Revocation
	Cache         Cache
	Events        Events
	Log           Log
	Metrics       Metrics

	sources map[string]string // key → where its value came from, when that is not the default
	broken  map[string]bool   // keys that were given a value that could not be read
}

// Store says where things are kept.
type Store struct {
	// URL is the database: sqlite:<path>, or postgres://user:password@host/database for a PostgreSQL server, which any number
	// of nodes may share. Default: sqlite:<data>/cloakroom.db. One with a password is better kept in a file that
	// CLOAKROOM_STORE_URL_FILE names; it is never printed.
	URL DSN
	// Sessions is where sessions, tickets and counters are kept: in store.url, or on a Valkey or Redis server or cluster,
	// valkey://user:password@host:port,host:port/ (valkeys:// with TLS). What must last stays in store.url, the news of what
	// has ended too, so that the loss of all that is kept here signs people out and nothing else. Default: the same as
	// store.url. One with a password is better kept in a file that CLOAKROOM_STORE_SESSIONS_FILE names; it is never printed.
	Sessions DSN
	// PollOnly is whether a PostgreSQL server is only asked and never listened to: true behind a pooler that gives each
	// transaction another connection. PgBouncer is noticed without it. A log-out is then heard of on other nodes some ten
	// milliseconds later, within revocation.staleness as ever. Default false.
	PollOnly bool
	// Distributed is whether the PostgreSQL server is a relative that spreads tables over machines: Citus, YugabyteDB,
	// CockroachDB. What not all of them know is left out, listening too, as with store.poll_only; on Citus the tables are
	// distributed when they are made. The same on all nodes, from the first start on. Default false.
	Distributed bool
}

// Session says how long sessions live and how many a user may have.
type Session struct {
	// Idle is how long a session lives without use. Default 336h. At least 1m, at most session.absolute.
	Idle time.Duration
	// Absolute is how long a session lives however much it is used (NIST SP 800-63B-4 §2.2.3). Default 2160h. At most
	// 3650d; a cookie lives at most 400 days and is renewed.
	Absolute time.Duration
	// Limit is how many sessions a user may have; over it the oldest ends. Default 0, which is any number. At most
	// 1000000.
	Limit int
	// Fresh is how long ago somebody may have proven who they are, by a sign-in or a step-up, for what is sensitive: changes
	// of factors and of the e-mail, the export and the end of the account. Default 10m. From 1m to 24h.
	Fresh time.Duration
}

// Cookie says what the cookies look like. They are always HttpOnly. That of the session has Path=/; that of the refresh token,
// which signed tokens have beside it, goes to /auth/refresh and /auth/logout only.
type Cookie struct {
	// Name is the name of the cookie, a token of RFC 9110 §5.6.2. Default: __Host-Http-session where cookies are
	// Secure and host-only, session on an http loopback address. The prefixes __Host-, __Http-, __Host-Http- and
	// __Secure- need Secure, and a __Host- one needs cookie.domain empty.
	Name string
	// RefreshName is the name of the cookie of the refresh token. Default: __Http-refresh where cookies are Secure,
	// refresh on an http loopback address. It differs from cookie.name. Prefixes as there, but not __Host-, which needs
	// Path=/.
	RefreshName string
	// Domain is the domain whose hosts all get the cookie: the host of base_url or a parent of it. Default empty: only
	// the host that set it, which is safer.
	Domain string
	// SameSite is when browsers send the cookie along from other sites: lax, strict, or none, which needs Secure.
	// Default lax.
	SameSite string
	// Secure is whether browsers send the cookie over https only: true, false, or auto, which is true when base_url is
	// https. Default auto. True with an http base_url needs trusted_proxies; false with an https one is refused.
	Secure string
}

// Bearer says how tokens travel without cookies.
type Bearer struct {
	// ResponseHeader is the name of a response header that carries a new bearer token besides the body, such as
	// some-auth-token. Default empty: no header. Names that mean something else already are refused.
	ResponseHeader string
}

// Delivery says which ways of handing over a session a sign-in may ask for: cookie, bearer, or both at once.
type Delivery struct {
	// Allow are the values of delivery that a sign-in may ask for, of cookie, bearer and both. Default cookie, bearer.
	Allow []string
	// Default is the delivery of a sign-in that asks for none; one of delivery.allow. Default cookie.
	Default string
}

// Token says which forms tokens have. An opaque one is looked up at each request. A signed one is a short-lived access token
// that anybody can check by its signature (a JWT, RFC 9068), with a refresh token to get the next one.
type Token struct {
	// Allow are the forms that a sign-in may ask for, of opaque and signed. Without signed there are no signing keys, no
	// JWKS, no token for a service and no feed. Default opaque, signed.
	Allow []string
	// Default is the form of a sign-in that asks for none; one of token.allow. Default opaque.
	Default string
	// AccessTTL is how long a signed access token lives, and so how long a service that checks the signature alone
	// believes one after its log-out; one that follows the feed of revocations does not. Default 10m. From 1s to 1h.
	AccessTTL time.Duration
	// RefreshGrace is how long an exchanged refresh token, presented again, still gets its one successor: for lost
	// answers, second tabs and retries. Presented later it is a sign of theft and ends the session. Default 30s. From 1s
	// to 10m.
	RefreshGrace time.Duration
	// Algorithm is how tokens are signed: ES256, EdDSA or RS256. After a change the old key signs until the new one
	// has been published for some minutes. Default ES256.
	Algorithm string
	// KeyAge is how long one key signs before the next one takes over by itself; its tokens stay good until they expire.
	// Default 2160h. From 1h to 3650d.
	KeyAge time.Duration
	// Audience is the audience of the tokens of a sign-in, and the only one that this server takes, up to 256 visible
	// ASCII characters. Tokens for other services are asked for one by one. Default: the issuer, which is base_url.
	Audience string
}

// Signup says who may make an account.
type Signup struct {
	// Open is whether anybody may sign up; otherwise accounts are made on the command line. Default true.
	Open bool
	// Verification is whether an address must be proven before it can sign in: optional or required, which also hides
	// who has an account. Default optional. Required needs mail.url; the development server keeps its mails without one.
	Verification string
}

// Login says how people may sign in besides by password and passkey.
type Login struct {
	// MailCode is whether people may sign in by a code and a link that are mailed to them: off; sign_in, for those who have an
	// account; or sign_up, which also makes one for whoever proves an address that has none, if signup.open. Where passwords are
	// strong it is the weaker proof (NIST SP 800-63B-4 §3.1.3.1), and never a second factor. Default off. It needs mail.url, as
	// signup.verification does.
	MailCode string
}

// Password says what passwords are good enough.
type Password struct {
	// MinLength is the least number of characters of a new password. Default 8. From 8 to 64; 15 is recommended where
	// it is the only factor (NIST SP 800-63B-4 §3.1.1.2).
	MinLength int
	// History is how many passwords before the one in force cannot be used again. Default 0. At most 24; each costs a change of
	// password one hash more.
	History int
	// Breached is where a new password is looked up among those known from breaches of others: off, public (the range service
	// of Have I Been Pwned), or the https address of a mirror, what comes before /range/. The first five of 40 hexadecimal
	// digits of its SHA-1 leave the server, and nothing else. Default off.
	Breached string
	// BreachedFailClosed is whether no new password is taken while that service does not answer within a second. Otherwise it
	// passes, with a line in the log. Default false.
	BreachedFailClosed bool
}

// Passkey says whether and where people sign in with passkeys and security keys (WebAuthn).
type Passkey struct {
	// Enabled is whether there are passkeys: true, false, or auto, which is true when the host of base_url is a domain or
	// localhost. Browsers make none for an IP address: to try them, listen at localhost:8400. Default auto.
	Enabled string
	// RPID is the domain that passkeys belong to, the host of base_url or a parent of it. All passkeys are lost when it changes.
	// Default: the host of base_url.
	RPID string
	// Origins are pages beside base_url that may ask for a passkey, each an origin: at passkey.rp_id or below it; of other domains,
	// which browsers ask for at https://<passkey.rp_id>/.well-known/webauthn; or an Android app, android:apk-key-hash: and the hash of its
	// certificate. Default empty. What calls with cookies stands in origins, too.
	Origins []string
	// EnrollPage is the page of yours where people add a passkey, a path below base_url; password managers lead there, by
	// /.well-known/passkey-endpoints. Default empty.
	EnrollPage string
	// ManagePage is the page of yours where people see and remove their passkeys, likewise. Default empty.
	ManagePage string
}

// MFA says of whom a second factor is demanded: an authenticator app or a passkey, with recovery codes to stand in. Whoever has one is
// always asked for it.
type MFA struct {
	// Required are the roles whose holders must have a second factor, or all alone for everybody. Who has none may sign in, and
	// then do nothing but look at the account, end its sessions, delete it, and add one. Default empty.
	Required []string
	// RememberDevice is how long a device that its user trusts is not asked for the second factor again; off asks every time.
	// Default 720h. From 1h to 365d.
	RememberDevice time.Duration
}

// Account says what people may do with their own accounts.
type Account struct {
	// DeleteAfter is how long an account that its owner deletes can be kept by a link in the mail that tells of it; off deletes it
	// at once, as does a server without mail. Default 720h. From 1h to 365d.
	DeleteAfter time.Duration
}

// Mail says how mail is sent and what it looks like. Where mail.url is empty none is sent, and what lives by mail is not there:
// proofs of an e-mail, resets, notices. The development server then keeps its mails in memory and shows them at /dev/outbox.
type Mail struct {
	// URL is the server that takes our mail: smtp://user@host:587, which must agree to STARTTLS unless it is on loopback, or
	// smtps://user@host:465 with TLS from the first byte. The user may be left out, and the port if it is the one of the example;
	// a user name that is an address has %40. Default empty: no mail.
	URL string
	// Password is the one of the user in mail.url. Default empty. It is better kept in a file that CLOAKROOM_MAIL_PASSWORD_FILE
	// names, and never printed.
	Password MailPassword
	// From is the sender of all mail, an address or a name with one: Example <no-reply@example.com>. Default empty. Required with
	// mail.url.
	From string
	// Site is what the service is called in mails and in authenticator apps, up to 64 bytes without a colon. Default: the host of base_url.
	Site string
	// Templates is a folder whose files take the place of our letters, such as en/reset_password.txt. It may bring languages of its own.
	// Default empty: ours, in English, German, French and Spanish.
	Templates string
	// Locale is the language of mails to whoever has chosen none (BCP 47). Default en.
	Locale string
	// Links are the pages that links in mails lead to, each letter:path below base_url, of the letters verify_email,
	// verify_new_email, reset_password, mailcode, deletion and notice; the token is added as the parameter token. Default empty: the
	// endpoints of the JSON API that take the tokens by POST, and answer a browser by changing nothing.
	Links []Link
}

// Admin says how the server is administered.
type Admin struct {
	// HTTP is whether administrators may do over HTTP what the command line does, at /auth/admin: with the role admin and a
	// second factor, or with an API key of the scope admin. Default false: there is no such address.
	HTTP bool
}

// Limits says what is limited. A limit counts tries per account, per address (/64 for IPv6) and per both.
type Limits struct {
	// Login is whether sign-ins are limited: on, or off, which must be written out. Default on.
	Login bool
	// Signup is whether sign-ups and guest sessions are limited: on, or off, which must be written out. Default on.
	Signup bool
}

// Introspection says which services may ask whether a token is alive (RFC 7662), and follow the feed of what was revoked.
type Introspection struct {
	// Clients are those services, each id:hex(SHA-256(secret)), with an id of its own: letters, digits and ._-. Make one
	// with cloakroom introspection add ID; the hash is safe only because the secret is random. Default empty: nobody, and
	// /auth/introspect and /auth/revocations are not there.
	Clients []Client
}

// Revocation says how soon a log-out is true everywhere. On the node that answers it is true before the answer leaves.
type Revocation struct {
	// Staleness is how long a node may trust its cache without hearing from the feed of revocations, and so the longest
	// that a session which was ended on another node can live on here; most are heard of within milliseconds. A node that
	// hears nothing for longer asks the store at each request. The less it is, the more often the feed is asked. A service
	// that follows the feed has a setting of its own (verify.Verifier). Default 1s. From 20ms to 1m.
	Staleness time.Duration
}

// Cache says how much a node remembers of what the store has told it.
type Cache struct {
	// Size is how much memory sessions are remembered in, so that the store is not asked at each request: bytes, or with a
	// unit, such as 64MiB, which is about 200,000 sessions. It is taken as sessions come, not at the start; off remembers
	// none. Default 64MiB. From 1MiB to 1024GiB.
	Size int64
}

// Events says what is kept of what happened to accounts, sessions and keys: cloakroom event list shows it.
type Events struct {
	// Keep is how long events are kept. Default 2160h. From 1d to 3650d.
	Keep time.Duration
}

// Log says how the log is written, on standard error.
type Log struct {
	// Format is the form of a line: text, json, or auto, which is text on a terminal. Default auto.
	Format string
	// Level is the least level that is written: debug, info, warn or error. Default info.
	Level string
}

// Metrics says where Prometheus finds its figures.
type Metrics struct {
	// Listen is the address of /metrics, host:port as in listen, or off. It differs from listen. Default
	// 127.0.0.1:9400. The development server takes only a loopback address.
	Listen string
}

// Default is the configuration when nothing is configured.
func Default() Config {
	return Config{
		Listen:     "127.0.0.1:8400",
		Data:       "./cloakroom-data",
		Session:    Session{Idle: 14 * day, Absolute: 90 * day, Fresh: 10 * time.Minute},
		Cookie:     Cookie{SameSite: "lax", Secure: "auto"},
		Delivery:   Delivery{Allow: []string{"cookie", "bearer"}, Default: "cookie"},
		Token:      Token{Allow: []string{"opaque", "signed"}, Default: "opaque", AccessTTL: 10 * time.Minute, RefreshGrace: 30 * time.Second, Algorithm: "ES256", KeyAge: 90 * day},
		Signup:     Signup{Open: true, Verification: "optional"},
		Login:      Login{MailCode: "off"},
		Password:   Password{MinLength: 8},
		Passkey:    Passkey{Enabled: "auto"},
		MFA:        MFA{RememberDevice: 30 * day},
		Account:    Account{DeleteAfter: 30 * day},
		Mail:       Mail{Locale: "en"},
		Limits:     Limits{Login: true, Signup: true},
		Revocation: Revocation{Staleness: time.Second},
		Cache:      Cache{Size: 64 << 20},
		Events:     Events{Keep: 90 * day},
		Log:        Log{Format: "auto", Level: "info"},
		Metrics:    Metrics{Listen: "127.0.0.1:9400"},
	}
}
