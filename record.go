package cloakroom

import (
	"time"
)

// What goes between the engine and its stores, see Directory and Ledger.

// Revocation is one entry of the feed: something is dead or has changed, and until when somebody may still believe the
// contrary. The feed holds hashes alone, so that whoever follows it learns of no session that it does not know.
type Revocation struct {
	// Subject is SHA-256 of the id of a session or of a user, or the Hash of a TokenID; Epoch says of which.
	Subject [32]byte
	// Epoch above 0 ends all sessions of the user that were opened in an earlier one. Otherwise it is SessionEnded,
	// UserChanged or TokenReplaced.
	Epoch int64
	Until time.Time
}

// What a Revocation is about that ends no epoch. Programs of before UserChanged and TokenReplaced take both for an epoch
// that ends nothing.
const (
	SessionEnded  = 0  // the session has ended
	UserChanged   = -1 // the user has changed; nothing has ended, but what is remembered of the user is out of date
	TokenReplaced = -2 // the token was exchanged for another one, see Ledger.Renew

	// EveryEpoch is the epoch of a user who is gone. JSON numbers are exact up to here (RFC 8259 §6).
	EveryEpoch = 1<<53 - 1
)

// Revocations is a page of the feed.
type Revocations struct {
	Entries []Revocation
	Cursor  string // where the next page begins; never empty, at most 64 characters of A-Z a-z 0-9 . _ -
	More    bool   // there is more already
}

// KeySet is all signing keys of a realm, oldest first.
type KeySet struct {
	Realm    string
	Revision int64 // 0: not stored yet
	Keys     []SigningKey
}

// SigningKey is one key for signed tokens. Its times say in what state it is, see keys.go.
type SigningKey struct {
	ID        string
	Algorithm string
	Public    []byte // a JWK (RFC 7517)
	Sealed    []byte // the private key, unreadable without the secrets

	CreatedAt   time.Time
	ActiveAt    time.Time // when it began to sign; zero while it is next
	RetiredAt   time.Time // when it signed last; zero before
	WithdrawnAt time.Time // when it was declared lost; zero otherwise
}

// UserQuery selects users of one realm.
type UserQuery struct {
	Realm string
	After string // only ids greater than this; empty starts at the beginning
	Role  string // only holders of this role; empty means any
	// Search, when set, is a lower-case text without line breaks that the e-mail or the name, put in lower case, contains. It may
	// read all users.
	Search string
	// LeavingBefore, when set, selects those whose LeavesAt is set and at or before it. The other users are not read.
	LeavingBefore time.Time
	Max           int // at most so many; the caller passes 1 to 1,000
}

// UserChange is the new state of one user, see Directory.UpdateUser.
type UserChange struct {
	User        User
	Credentials []Credential
	Forget      []CredentialKey // deleted if there; one that is also in Credentials stays
	Keeps       string
	// RevokedUntil is how long the feed tells of the change. Zero: it does not.
	RevokedUntil time.Time
	Events       []EventRecord
}

// CredentialKey names one credential of a user.
type CredentialKey struct{ Method, ID string }

// Ending says how the end of sessions, or of a user, is told.
type Ending struct {
	// RevokedUntil is how long the feed tells of it. Zero: it does not.
	RevokedUntil time.Time
	// Event, if set, joins the events in the same step: once for each session that ends, with its SessionID; or once
	// for the user. Nothing ended: no event.
	Event *EventRecord
}

// Each is the event of an ending for each of these sessions, as it joins the events.
func (e Ending) Each(sessionIDs ...string) (events []EventRecord) {
	for _, id := range sessionIDs {
		if e.Event != nil {
			one := *e.Event
			one.SessionID, one.Parcels = id, ofSession(one.Parcels, id)
			events = append(events, one)
		}
	}
	return events
}

// EventRecord is an Event as a Directory keeps it.
type EventRecord struct {
	ID        string // the store makes it: "evt_" and a UUIDv7 of At, so that ids ascend with time
	Type      EventType
	At        time.Time
	Realm     string
	UserID    string
	SessionID string
	Data      []byte // JSON of all else; at most 4 KiB
	Queued    bool   // it waits to be handed on, see ClaimEvents; the store clears it in EventsDelivered
	// Parcels are to be sent because of it: stored in the same step, and no part of the event that is read again.
	Parcels []Parcel
}

// Parcel is something that waits to be sent: a mail, a webhook. What it holds says what to send and has no secret.
type Parcel struct {
	ID    string // the store makes it, whatever was given: "prc_" and a UUIDv7 of DueAt
	Realm string
	Kind  string    // who sends it
	DueAt time.Time // not before; zero when it is stored: at once
	Tries int       // so often it was claimed; the store counts
	Data  []byte    // at most 8 KiB
}

// ParcelQuery selects parcels to be sent, see Directory.ClaimParcels.
type ParcelQuery struct {
	Realm, Kind      string
	Now, LeasedUntil time.Time
	Max              int
}

// APIKeyRecord is an API key as a Directory keeps it.
type APIKeyRecord struct {
	ID         string // "key_" and a UUIDv7; public, grants nothing
	Realm      string
	Token      TokenID
	UserID     string // who acts by it
	Name       string
	Scopes     []string
	CreatedBy  string // the user who made it; may be empty
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: not yet; written once in a while
	Revision   int64
}

// APIKeyQuery selects API keys of one realm.
type APIKeyQuery struct {
	Realm  string
	UserID string // only of this user; empty means of all
	After  string // only ids greater than this; empty starts at the beginning
	Max    int    // at most so many; the caller passes 1 to 1,000
}

// EventQuery selects events of one realm.
type EventQuery struct {
	Realm  string
	UserID string // only of this user; empty means of all
	Before string // only ids less than this; empty starts at the newest
	Max    int    // at most so many; the caller passes 1 to 1,000
}

// Prune bounds one pass over what a Directory keeps for a time.
type Prune struct {
	Now          time.Time // entries of the feed with Until at or before it go
	EventsBefore time.Time // events with At before it go, unless they wait to be handed on
	Max          int
}

// Credential is what a user can prove a method by: a password hash, a passkey's public key, a sealed TOTP secret.
type Credential struct {
	UserID   string
	Method   string // Method.Name
	ID       string // tells several credentials of one method apart; empty for a password
	Name     string // that its owner gave it; may be empty
	Data     []byte // the method's own form; never a secret in the clear
	Revision int64  // 1 when inserted, grows by one with each change; the store sets it

	CreatedAt time.Time
	UpdatedAt time.Time
}

// TokenID is all that a store knows of a token: where it lives and its hash. It cannot be turned back into a token.
type TokenID struct {
	Bucket uint16   // 12 bits, the shard hint; every key of the Ledger leads with it
	Hash   [32]byte // SHA-256
}

// SessionRef names a session for a change by its owner. All three must match, so that nobody ends the session of
// somebody else by its id. UserID is empty for a guest.
type SessionRef struct {
	Bucket uint16
	ID     string
	UserID string
}

// SessionRecord is a session as a Ledger keeps it.
type SessionRecord struct {
	ID     string
	Realm  string
	Token  TokenID
	UserID string // empty for a guest
	Epoch  int64  // the user's epoch when it was opened; a smaller one than the user's now means ended

	CreatedAt       time.Time
	AuthenticatedAt time.Time // zero for a guest
	LastSeenAt      time.Time
	IssuedAt        time.Time // when the cookie was last set
	ExpiresAt       time.Time // as of the last write; the engine computes the truth from the other times

	Methods  []string
	Level    int
	Scopes   []string
	Remember bool
	IP       string
	Agent    string

	Refresh []RefreshChain // in the signed form, one for each carrier; at most 2

	EndsAt time.Time // it ends then however it is used; zero: as Lifetime has it
	Actor  *Actor    // who acts as the user; nil: the user
}

// Actor is an administrator who acts as somebody else (RFC 8693 §4.1 has the name).
type Actor struct {
	UserID    string
	SessionID string  // the session that it was begun from
	Token     TokenID // of that session when it was begun
}

// RefreshChain is what a Ledger keeps of the refresh tokens that a carrier of a session has had: hashes, and what only
// the holder of an exchanged token can read. See refresh.go.
type RefreshChain struct {
	Current [32]byte  // SHA-256 of the token in force
	Past    []Rotated // exchanged lately, oldest first; at most 32
}

// Rotated is a refresh token that was exchanged.
type Rotated struct {
	Token  [32]byte // its SHA-256
	Sealed []byte   // its successor, under a key that derives from the token itself; at most 256 bytes
	At     time.Time
}

// Ref names the record.
func (s SessionRecord) Ref() SessionRef {
	return SessionRef{Bucket: s.Token.Bucket, ID: s.ID, UserID: s.UserID}
}

// Opening is a session to be opened, see Ledger.Open.
type Opening struct {
	Session    SessionRecord
	Replace    *TokenID
	Inherit    bool
	MovedUntil time.Time
	Limit      int
	Now        time.Time

	Events   []EventRecord // of this session
	Replaced Ending        // of the session of Replace
	Evicted  Ending        // of those over the limit
}

// Renewal is a session with a new token, see Ledger.Renew.
type Renewal struct {
	Old        TokenID
	Session    SessionRecord
	MovedUntil time.Time
	// RevokedUntil is how long the feed tells that Old was replaced (TokenReplaced), if it was. Zero: it does not.
	RevokedUntil time.Time
	Events       []EventRecord
}

// Opened says what Open did beside opening.
type Opened struct {
	Replaced bool     // this call closed the session of Opening.Replace
	Evicted  []string // ids of sessions closed over the limit
}

// Touch is the use of one session. Zero IssuedAt leaves the stored one.
type Touch struct {
	Token     TokenID
	SeenAt    time.Time
	ExpiresAt time.Time
	IssuedAt  time.Time
}

// Datum is one value of a session's data.
type Datum struct {
	Key      string
	Value    []byte
	Revision int64
}

// Tally is what a counter holds and when it starts again. An absent counter is zero with a zero ResetAt.
type Tally struct {
	N       int
	ResetAt time.Time
}

// Ticket is anything that may be used once: a sign-in attempt, later a reset link, a code, an OAuth state. Its kind is
// part of its key: presented where another kind belongs, it does not exist.
type Ticket struct {
	Kind      string
	ID        TokenID
	Payload   []byte
	ExpiresAt time.Time
	Revision  int64
}

// Sweep bounds one pass of the sweeper.
type Sweep struct {
	// Now: tickets, counters and moved tokens that expired at or before it go.
	Now time.Time
	// SessionsBefore: sessions with ExpiresAt at or before it go, with their data. It lies a little behind Now,
	// because a node may hold uses that it has not written yet.
	SessionsBefore time.Time
	// GuestsBefore: guest sessions without data that were last seen at or before it go.
	GuestsBefore time.Time
	// Max rows of all kinds together, so that no pass holds the writer for long.
	Max int
}
