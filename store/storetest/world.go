package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	realm = "main"
	tick  = time.Microsecond // the least difference of two times that a store tells apart
	grace = 30 * time.Second
	day   = 24 * time.Hour
)

// world is one test: an empty store, a time that is not the present, and what it takes to fill the one by the other.
type world struct {
	*testing.T
	store cloakroom.Store
	open  Open
	now   time.Time
	made  int
	peeks map[string]int // how often a parcel was claimed by look alone
}

func newWorld(t *testing.T, open Open) *world {
	return &world{
		T: t, store: open(t, nil), open: open, now: time.Date(2031, 5, 17, 10, 20, 30, 123456000, time.UTC), peeks: map[string]int{},
	}
}

// reopen ends the store and opens again what it had stored.
func (w *world) reopen() {
	w.Helper()
	w.store = w.open(w.T, w.store)
}

// next gives each thing a number of its own, greater than those before.
func (w *world) next() int {
	w.made++
	return w.made
}

// user makes a user with every field set. It is not stored yet.
func (w *world) user() cloakroom.User {
	n := w.next()
	return cloakroom.User{
		ID:            fmt.Sprintf("usr_%06d", n),
		Realm:         realm,
		Email:         fmt.Sprintf("user%d@example.com", n),
		EmailVerified: true,
		Name:          fmt.Sprintf("Ünser %d", n),
		Roles:         []string{"editor", "author"},
		CreatedAt:     w.now.Add(-day),
		UpdatedAt:     w.now.Add(-time.Hour),
		BannedAt:      w.now.Add(-time.Minute),
		Locale:        "de-AT",
		Picture:       fmt.Sprintf("https://example.com/%d.png?ü", n),
		Phone:         "+4366012345678",
		MFA:           true,
		ResetRequired: true,
		LeavesAt:      w.now.Add(30 * day),
		ExternalID:    fmt.Sprintf("legacy|Ünser/%d", n),
		Epoch:         3,
		Revision:      1,
	}
}

// holder makes a user who is not banned and holds these roles. It is not stored yet.
func (w *world) holder(roles ...string) cloakroom.User {
	u := w.user()
	u.Roles, u.BannedAt = roles, time.Time{}
	return u
}

func (w *world) credential(u cloakroom.User, method, id, data string) cloakroom.Credential {
	return cloakroom.Credential{
		UserID: u.ID, Method: method, ID: id, Name: "Ana's " + method, Data: []byte(data), Revision: 1,
		CreatedAt: w.now.Add(-day), UpdatedAt: w.now.Add(-time.Hour),
	}
}

// stored stores a user and returns it.
func (w *world) stored(u cloakroom.User, creds ...cloakroom.Credential) cloakroom.User {
	w.Helper()
	w.ok(w.store.CreateUser(w.Context(), cloakroom.UserChange{User: u, Credentials: creds}), "CreateUser")
	return u
}

func (w *world) token(bucket uint16) cloakroom.TokenID {
	return cloakroom.TokenID{Bucket: bucket, Hash: w.hash()}
}

func (w *world) hash() [32]byte { return sha256.Sum256(fmt.Append(nil, "thing ", w.next())) }

// bucketOf is the same for all sessions of a user, and beyond a byte.
func bucketOf(userID string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(userID))
	return uint16(h.Sum32()&0xeff | 0x100)
}

// session makes a session of a user, in the signed form, or of a guest if userID is empty, with every field set. It is
// not open yet. Later ones have greater ids.
func (w *world) session(userID string) cloakroom.SessionRecord {
	s := cloakroom.SessionRecord{
		ID:         fmt.Sprintf("ses_%06d", w.next()),
		Realm:      realm,
		Token:      w.token(bucketOf(userID)),
		UserID:     userID,
		CreatedAt:  w.now.Add(-4 * time.Hour),
		LastSeenAt: w.now.Add(-2 * time.Hour),
		IssuedAt:   w.now.Add(-time.Hour),
		ExpiresAt:  w.now.Add(day),
		Remember:   true,
		IP:         "2001:db8::7",
		Agent:      "Firefox/150.0 (Linux; \"quoted\" ünïcode)",
	}
	if userID != "" {
		s.Epoch, s.Level = 3, 2
		s.AuthenticatedAt = w.now.Add(-3 * time.Hour)
		s.Methods, s.Scopes = []string{"password", "totp"}, []string{"read", "write"}
		s.Refresh = []cloakroom.RefreshChain{w.chain(2), w.chain(0)}
		s.EndsAt = w.now.Add(30 * time.Minute)
		s.Actor = &cloakroom.Actor{UserID: "usr_admin", SessionID: fmt.Sprintf("ses_of_admin_%d", w.made), Token: w.token(0xfed)}
	}
	return s
}

// begin opens a session and returns it.
func (w *world) begin(s cloakroom.SessionRecord) cloakroom.SessionRecord {
	w.Helper()
	w.opens(cloakroom.Opening{Session: s, Now: w.now})
	return s
}

func (w *world) opens(o cloakroom.Opening) cloakroom.Opened {
	w.Helper()
	done, err := w.store.Open(w.Context(), o)
	w.ok(err, "Open")
	return done
}

// renew gives a session the token of next, and tells nobody.
func (w *world) renew(old cloakroom.TokenID, next cloakroom.SessionRecord, movedUntil time.Time) error {
	return w.store.Renew(w.Context(), cloakroom.Renewal{Old: old, Session: next, MovedUntil: movedUntil})
}

// put stores a ticket and returns it as it is then read.
func (w *world) put(kind, payload string) cloakroom.Ticket {
	w.Helper()
	t := cloakroom.Ticket{
		Kind: kind, ID: w.token(0xabc), Payload: []byte(payload), ExpiresAt: w.now.Add(time.Hour), Revision: 1,
	}
	w.ok(w.store.Put(w.Context(), t), "Put")
	return t
}

// remember writes a value that was absent.
func (w *world) remember(s cloakroom.SessionRecord, key, value string) {
	w.Helper()
	w.ok(w.store.SetDatum(w.Context(), s.Ref(), cloakroom.Datum{Key: key, Value: []byte(value)}, 1<<20), "SetDatum")
}

// found is Session. A store that is a Finder must find the same, and the user with it.
func (w *world) found(t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	w.Helper()
	got, err := w.store.Session(w.Context(), t, now)
	if f, ok := w.store.(cloakroom.Finder); ok {
		record, user, findErr := f.Find(w.Context(), t, now)
		var owner cloakroom.User
		if got.UserID != "" {
			owner, _ = w.store.User(w.Context(), got.UserID)
		}
		w.is(findErr, sentinel(err), "Find fails as Session does")
		same(w, record, got, "Find returns what Session returns")
		same(w, user, owner, "Find returns the session's user, and the zero User when there is none")
	}
	return got, err
}

// lives asserts that the token opens exactly this session.
func (w *world) lives(s cloakroom.SessionRecord, law string) {
	w.Helper()
	got, err := w.found(s.Token, w.now)
	w.ok(err, law)
	same(w, got, s, law)
}

// dead asserts that the token opens nothing and is not a moved one.
func (w *world) dead(t cloakroom.TokenID, law string) {
	w.Helper()
	_, err := w.found(t, w.now)
	w.is(err, cloakroom.ErrNotFound, law)
}

// ok stops the test at an error.
func (w *world) ok(err error, law string) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: unexpected error: %v", law, err)
	}
}

// is stops the test unless err is this sentinel and no other.
func (w *world) is(err, want error, law string) {
	w.Helper()
	if got := sentinel(err); got != want {
		w.Fatalf("%s: got error %v, want %v", law, err, want)
	}
}

// sentinel returns the error of the contract that err is, nil for nil, and err itself if it is none of them. Since
// errors.Is(ErrMoved, ErrNotFound), the order matters.
func sentinel(err error) error {
	for _, s := range []error{
		cloakroom.ErrMoved, cloakroom.ErrNotFound, cloakroom.ErrConflict, cloakroom.ErrTaken,
		cloakroom.ErrLastHolder, cloakroom.ErrUsed, cloakroom.ErrTooLarge,
	} {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}

// same stops the test unless both are equal. An empty slice equals nil.
func same[T any](w *world, got, want T, law string) {
	w.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.Fatalf("%s (-want +got):\n%s", law, diff)
	}
}

// sameSet is same without regard to order.
func sameSet(w *world, got, want []string, law string) {
	w.Helper()
	less := func(a, b string) bool { return a < b }
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(less)); diff != "" {
		w.Fatalf("%s (-want +got):\n%s", law, diff)
	}
}

func ids(records []cloakroom.SessionRecord) []string {
	var all []string
	for _, r := range records {
		all = append(all, r.ID)
	}
	return all
}
