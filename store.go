package cloakroom

import (
	"context"
	"errors"
	"time"
)

// What a store may say. Every other error means "cannot know": the engine answers 503 for it, ends no session and
// clears no cookie. A store wraps these with %w and context; the engine tests with errors.Is.
var (
	// ErrNotFound: what was asked for is certainly not there, or is there no longer.
	ErrNotFound = errors.New("not found")
	// ErrMoved: the token was exchanged for another less than its grace ago. It opens nothing, but whoever shows it
	// is a late request of a browser that has the new one by now: its cookie must not be cleared. errors.Is(err,
	// ErrNotFound) holds for it too.
	ErrMoved error = movedError{}
	// ErrConflict: the value changed since it was read; read again and retry. Nothing was written.
	ErrConflict = errors.New("changed by somebody else")
	// ErrTaken: the identifier belongs to another user of the realm. Nothing was written.
	ErrTaken = errors.New("identifier is taken")
	// ErrLastHolder: the change would leave nobody with a role that somebody must hold. Nothing was written.
	ErrLastHolder = errors.New("nobody else holds this role")
	// ErrUsed: the ticket was taken before. Whoever holds it comes too late.
	ErrUsed = errors.New("already used")
	// ErrTooLarge: the session's data would grow over its cap. Nothing was written.
	ErrTooLarge = errors.New("session data too large")
)

type movedError struct{}

func (movedError) Error() string        { return "token was exchanged for a new one" }
func (movedError) Is(target error) bool { return target == ErrNotFound }

// A Store keeps everything: it is a Directory and a Ledger in one. Past one machine the two may live apart, see
// Config.Ledger.
type Store interface {
	Directory
	Ledger
}

// A SecretKeeper is a store that can keep the token secrets outside of the data it stores: a file beside the
// database, or the memory of the process. New asks it when Config.Secrets is nil.
type SecretKeeper interface {
	// Secrets returns at least one secret, made on the first call and the same ever after.
	Secrets(ctx context.Context) ([]Secret, error)
}

// A Finder is a Store that finds a session and its user in one step, where that costs less than two. The engine asks it
// when sessions and users live in the same store.
type Finder interface {
	// Find returns what Ledger.Session returns, and the session's user as Directory.User does. A guest's user, and one
	// that is not there, is the zero User.
	Find(ctx context.Context, t TokenID, now time.Time) (SessionRecord, User, error)
}

// Directory is what must last: users, the identifiers that find them, and their credentials.
//
// Rules for every method: safe for concurrent use; when it returns nil the change is durable; when it returns an
// error nothing has changed; values passed in and handed out are the caller's own (a store keeps copies). Times are
// stored to the microsecond, in UTC; the zero time stays the zero time.
type Directory interface {
	// CreateUser stores a new user, its identifier (Email, unless empty), its credentials and its events in one atomic
	// step, with Revision 1. Another user of the same realm has the e-mail: ErrTaken, however many callers race.
	// The same goes for ExternalID, unless empty. c.Keeps, c.RevokedUntil and c.Forget say nothing here.
	CreateUser(ctx context.Context, c UserChange) error

	// User returns the user with this id, whatever its realm. Absent: ErrNotFound.
	User(ctx context.Context, id string) (User, error)

	// UserByEmail finds a user by realm and normalised e-mail, byte for byte. Absent: ErrNotFound.
	UserByEmail(ctx context.Context, realm, email string) (User, error)

	// UserByExternalID finds a user by realm and the id that another system has given it, byte for byte. Absent: ErrNotFound.
	UserByExternalID(ctx context.Context, realm, externalID string) (User, error)

	// Users returns up to q.Max users that match q, in ascending order of id.
	Users(ctx context.Context, q UserQuery) ([]User, error)

	// UpdateUser replaces the user, stores c.Credentials (inserting or replacing each; CreatedAt of one that is replaced
	// stays), deletes those of c.Forget and stores c.Events in one atomic step. When c.RevokedUntil is set, a Revocation of the user joins the feed in the same step: with the new Epoch if
	// that grows, otherwise with UserChanged. It is a compare-and-swap: c.User.Revision must be the stored revision, which then grows by one; if not, ErrConflict.
	// A new e-mail or ExternalID that is somebody else's: ErrTaken. Absent user: ErrNotFound. When c.Keeps names a role that the
	// stored user holds (and is not banned) and c.User would no longer (or is banned), another user of the realm
	// who is not banned must hold it: ErrLastHolder otherwise, also when the last two give it up at once.
	UpdateUser(ctx context.Context, c UserChange) error

	// DeleteUser removes the user, its identifiers, credentials and API keys; the e-mail is free again. A Revocation of the
	// user with EveryEpoch joins the feed in the same step, unless end.RevokedUntil is zero. Absent: ErrNotFound. keeps
	// is a role as in UpdateUser, or empty. Events of the user stay.
	DeleteUser(ctx context.Context, id, keeps string, end Ending) error

	// Credentials returns what the user can prove itself by, in order of method and id. An unknown user has none.
	Credentials(ctx context.Context, userID string) ([]Credential, error)

	// SwapCredential replaces the data of one credential if it still has c.Revision, which then grows by one;
	// otherwise, or when it is gone: ErrConflict. Its Name stays. It serves re-hashing, where a lost race costs nothing, and
	// what counts once, where of racing callers one wins.
	SwapCredential(ctx context.Context, c Credential) error

	// SwapAPIKeys stores API keys and events in one atomic step. Each is a compare-and-swap: Revision must be the stored one (0:
	// there is none with this ID), which then grows by one; otherwise ErrConflict and nothing is written. Whether the user exists
	// is not asked.
	SwapAPIKeys(ctx context.Context, keys []APIKeyRecord, events ...EventRecord) error

	// APIKey returns the API key with this token, expired or not. Absent: ErrNotFound. It is one point read.
	APIKey(ctx context.Context, t TokenID) (APIKeyRecord, error)

	// APIKeys returns up to q.Max API keys that match q, in ascending order of id.
	APIKeys(ctx context.Context, q APIKeyQuery) ([]APIKeyRecord, error)

	// DeleteAPIKey removes an API key of a realm and stores events in the same step. It reports whether there was one; without
	// one no event is stored.
	DeleteAPIKey(ctx context.Context, realm, id string, events ...EventRecord) (bool, error)

	// KeySet returns the signing keys of a realm. There are none yet: the zero KeySet of this realm.
	KeySet(ctx context.Context, realm string) (KeySet, error)

	// SwapKeySet replaces the keys of a realm if the stored set still has set.Revision (0: there is none), which then
	// grows by one; otherwise ErrConflict. So of many processes that start at once one makes the first key.
	SwapKeySet(ctx context.Context, set KeySet, events ...EventRecord) error

	// Append adds to the feed and to the events, in one atomic step. It is for what happens outside of this store: what a
	// Ledger that lives elsewhere is about to end, an attempt that failed. An entry may be there already. A store that
	// is Directory and Ledger in one appends by itself to the feed when it ends sessions.
	Append(ctx context.Context, entries []Revocation, events []EventRecord) error

	// Revocations returns up to max entries of the feed that come after a cursor, in the order in which they became
	// visible: what is committed is never skipped, whatever else was being written. The empty cursor is the
	// beginning; so is one that this feed has not given out, or gave out before it was restored from a backup; so may
	// be one whose entry has expired.
	// Entries with Until at or before now may be left out.
	Revocations(ctx context.Context, after string, max int, now time.Time) (Revocations, error)

	// Events returns up to q.Max events that match q, newest first: in descending order of id.
	Events(ctx context.Context, q EventQuery) ([]EventRecord, error)

	// ClaimEvents returns up to max events of a realm that wait to be handed on, oldest first, and gives none of them to
	// another caller until leasedUntil: of many racing callers each gets events of its own. now is the clock of leases.
	ClaimEvents(ctx context.Context, realm string, now, leasedUntil time.Time, max int) ([]EventRecord, error)

	// EventsDelivered says that these events need not be handed on again. Unknown ids are no error.
	EventsDelivered(ctx context.Context, ids []string) error

	// ClaimParcels returns up to q.Max parcels of a realm and kind that are due at q.Now, those due first first, with the DueAt
	// that they had and this claim counted in Tries; and gives none of them to another caller until q.LeasedUntil: of many
	// racing callers each gets parcels of its own. (A lease is a later DueAt: one that is settled as it came is due at once.)
	ClaimParcels(ctx context.Context, q ParcelQuery) ([]Parcel, error)

	// SettleParcels ends what was done with parcels, and stores events, in one atomic step: those with a zero DueAt are
	// deleted, the others wait until then; nothing else of them changes. Unknown ids are no error.
	SettleParcels(ctx context.Context, parcels []Parcel, events ...EventRecord) error

	// Prune deletes up to p.Max entries of the feed that have expired and events that are old, and returns how many. Zero
	// means there is nothing left to do. Events that wait to be handed on stay.
	Prune(ctx context.Context, p Prune) (int, error)
}

// A Waker is a Directory that can tell that its feed may have grown sooner than it would be asked. The feed is asked all
// the same: what a Waker misses costs milliseconds, never a revocation.
type Waker interface {
	// Wake calls ring when it begins to listen and then whenever the feed may have grown, until ctx ends or it cannot any
	// more; then it returns why.
	Wake(ctx context.Context, ring func()) error
}

// Ledger is what is hot and passes: sessions, their data, one-time tickets and counters.
//
// The rules of Directory hold here too. Where a method takes now, the store uses it as the only clock: what has
// ExpiresAt (or a window's end) at or before now is treated as absent, though it may still lie in the store.
// Sessions are the exception: Session, SessionsOf and Open's Replace find them until they are swept, because the engine
// knows of uses that are not written yet and decides what lives. All verbs are atomic, one at a time; none spans two buckets but Open.
type Ledger interface {
	// Open stores a new session. If o.Replace is set, the session that has this token is closed in the same step,
	// and with o.Inherit its data becomes the data of the new one; the result says whether this call took it: of
	// many racing calls exactly one does. The replaced token answers ErrMoved until o.MovedUntil. If o.Limit > 0
	// the user's oldest sessions (by CreatedAt, then id) that have not expired at o.Now are closed until at most
	// o.Limit remain, the new one included, however many callers race.
	//
	// A store that cannot span two buckets takes the old session first: a crash between loses a guest, never
	// duplicates one.
	Open(ctx context.Context, o Opening) (Opened, error)

	// Session returns the session with this token. ErrMoved within its grace, otherwise absent: ErrNotFound.
	// It is the hot path: one point read, no write.
	Session(ctx context.Context, t TokenID, now time.Time) (SessionRecord, error)

	// Rotate puts next in the place of that refresh chain of the session use.Token whose Current is current, leaves
	// the session's other chain alone, and records the use as Touch does, all in one step: of many racing calls
	// exactly one succeeds. No chain has this Current (any more): ErrConflict. Absent: ErrNotFound, or ErrMoved as
	// Session does at use.SeenAt.
	Rotate(ctx context.Context, current [32]byte, next RefreshChain, use Touch) error

	// Touch records use of many sessions at once. Times only grow; a session that is gone stays gone, silently.
	Touch(ctx context.Context, touches []Touch) error

	// Renew gives a session a new token and writes its Epoch, AuthenticatedAt, IssuedAt, LastSeenAt, ExpiresAt,
	// Methods, Level and Refresh in one step (EndsAt and Actor stay); the old token answers ErrMoved until r.MovedUntil. Absent, or another token
	// than r.Old: ErrNotFound, so of many racing calls exactly one succeeds. The bucket of both tokens is the same. When
	// r.Session.Token is r.Old, the token and its refresh chains stay and only the rest is written.
	Renew(ctx context.Context, r Renewal) error

	// Close ends one session and drops its data. It reports whether there was one: closing twice is no error.
	// A store that is also the Directory appends to the feed and to the events in the same step what Open, Renew, Close
	// and CloseUser end or replace; what the sweeper deletes was over before. A store that is a Ledger alone does
	// neither: the engine does it, the feed first.
	Close(ctx context.Context, ref SessionRef, end Ending) (bool, error)

	// CloseUser ends all sessions of the user but the one with id keep (empty: none is kept) and returns the ids of
	// the ended ones.
	CloseUser(ctx context.Context, bucket uint16, userID, keep string, end Ending) ([]string, error)

	// SessionsOf returns up to max sessions of the user with an id less than before (empty: from the newest), newest
	// first: in descending order of id. An empty userID means the guests of the bucket.
	SessionsOf(ctx context.Context, bucket uint16, userID, before string, max int) ([]SessionRecord, error)

	// Datum reads one value of a session's data. Absent value or session: ErrNotFound.
	Datum(ctx context.Context, ref SessionRef, key string) (Datum, error)

	// SetDatum writes one value if it still has d.Revision (0: it must be absent), which then grows by one. A nil
	// Value removes it. Changed meanwhile: ErrConflict. The session is gone: ErrNotFound. The keys and values of
	// the session would exceed maxBytes together: ErrTooLarge.
	SetDatum(ctx context.Context, ref SessionRef, d Datum, maxBytes int) error

	// Count adds n to a counter and returns what it holds now. The first addition opens a window of this length;
	// when it has passed the counter is absent and the next addition opens a new one. n may be 0 (look), or
	// negative (give back): the counter stops at 0 and is then absent. What is given back with the now of its
	// counting changes only a window that was open then: one that opened later stays as it is. What was counted outlives the
	// process; with the machine's power it may be lost, but not if a later write of the same store lasts.
	Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (Tally, error)

	// Put stores a new ticket with Revision 1. The same kind and token is there already: ErrConflict.
	Put(ctx context.Context, t Ticket) error

	// Ticket reads a ticket without using it. Taken before: ErrUsed. Absent, expired or of another kind: ErrNotFound.
	Ticket(ctx context.Context, kind string, id TokenID, now time.Time) (Ticket, error)

	// Take uses a ticket: of all callers exactly one gets it, ever. Errors as Ticket; a used ticket is remembered
	// as used until it expires.
	Take(ctx context.Context, kind string, id TokenID, now time.Time) (Ticket, error)

	// Swap replaces the payload of a ticket that has t.Revision, which then grows by one; its expiry stays. Changed
	// meanwhile: ErrConflict. Otherwise errors as Ticket.
	Swap(ctx context.Context, t Ticket, now time.Time) error

	// Sweep deletes up to s.Max expired things and returns how many. Zero means there is nothing left to do.
	Sweep(ctx context.Context, s Sweep) (int, error)
}
