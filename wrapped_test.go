package cloakroom_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// wrapped is a store that tells of every call before it is made, by the name of its verb. What before returns is what
// the store says.
type wrapped struct {
	cloakroom.Store

	mu     sync.Mutex
	before func(verb string) error
	after  func(verb string) error // of verbs that change a user, a session or the keys: the work is done, and its answer lost
	calls  map[string]int

	swept, largest atomic.Int64 // by Sweep: in all, and in one pass
}

func wrap(s cloakroom.Store) *wrapped { return &wrapped{Store: s, calls: map[string]int{}} }

var errDown = errors.New("the store is down")

// down lets verbs fail from now on; without any, all work again.
func (s *wrapped) down(verbs ...string) {
	failing := map[string]bool{}
	for _, v := range verbs {
		failing[v] = true
	}
	s.hook(func(verb string) error {
		if failing[verb] {
			return errDown
		}
		return nil
	})
}

func (s *wrapped) hook(before func(verb string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// lose lets a verb do its work from now on and then fail, as when a connection breaks; none of them: all answer again.
func (s *wrapped) lose(verbs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = func(verb string) error {
		if slices.Contains(verbs, verb) {
			return errDown
		}
		return nil
	}
}

// answered is what the caller of a verb hears of its outcome.
func (s *wrapped) answered(verb string, err error) error {
	s.mu.Lock()
	after := s.after
	s.mu.Unlock()
	if err != nil || after == nil {
		return err
	}
	return after(verb)
}

// count is how often verbs were called.
func (s *wrapped) count(verbs ...string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range verbs {
		n += s.calls[v]
	}
	return n
}

// writes are the verbs that change something.
var writes = []string{
	"CreateUser", "UpdateUser", "DeleteUser", "SwapCredential", "Open", "Touch", "Renew", "Close", "CloseUser", "SetDatum",
	"Count", "Put", "Take", "Swap", "Sweep", "Rotate", "SwapKeySet", "Append",
	"ClaimEvents", "EventsDelivered", "Prune", "SwapAPIKeys", "DeleteAPIKey",
}

var reads = []string{"User", "UserByEmail", "Users", "Credentials", "Session", "SessionsOf", "Datum", "Ticket", "KeySet", "Revocations", "Events", "APIKey", "APIKeys"}

func (s *wrapped) call(verb string) error {
	s.mu.Lock()
	s.calls[verb]++
	before := s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(verb)
}

func (s *wrapped) Secrets(ctx context.Context) ([]cloakroom.Secret, error) {
	return s.Store.(cloakroom.SecretKeeper).Secrets(ctx)
}

func (s *wrapped) CreateUser(ctx context.Context, c cloakroom.UserChange) error {
	if err := s.call("CreateUser"); err != nil {
		return err
	}
	return s.Store.CreateUser(ctx, c)
}

func (s *wrapped) User(ctx context.Context, id string) (cloakroom.User, error) {
	if err := s.call("User"); err != nil {
		return cloakroom.User{}, err
	}
	return s.Store.User(ctx, id)
}

func (s *wrapped) UserByEmail(ctx context.Context, realm, email string) (cloakroom.User, error) {
	if err := s.call("UserByEmail"); err != nil {
		return cloakroom.User{}, err
	}
	return s.Store.UserByEmail(ctx, realm, email)
}

func (s *wrapped) Users(ctx context.Context, q cloakroom.UserQuery) ([]cloakroom.User, error) {
	if err := s.call("Users"); err != nil {
		return nil, err
	}
	return s.Store.Users(ctx, q)
}

func (s *wrapped) UpdateUser(ctx context.Context, c cloakroom.UserChange) error {
	if err := s.call("UpdateUser"); err != nil {
		return err
	}
	return s.answered("UpdateUser", s.Store.UpdateUser(ctx, c))
}

func (s *wrapped) DeleteUser(ctx context.Context, id, keeps string, end cloakroom.Ending) error {
	if err := s.call("DeleteUser"); err != nil {
		return err
	}
	return s.Store.DeleteUser(ctx, id, keeps, end)
}

func (s *wrapped) Credentials(ctx context.Context, userID string) ([]cloakroom.Credential, error) {
	if err := s.call("Credentials"); err != nil {
		return nil, err
	}
	return s.Store.Credentials(ctx, userID)
}

func (s *wrapped) SwapCredential(ctx context.Context, c cloakroom.Credential) error {
	if err := s.call("SwapCredential"); err != nil {
		return err
	}
	return s.Store.SwapCredential(ctx, c)
}

func (s *wrapped) Open(ctx context.Context, o cloakroom.Opening) (cloakroom.Opened, error) {
	if err := s.call("Open"); err != nil {
		return cloakroom.Opened{}, err
	}
	return s.Store.Open(ctx, o)
}

func (s *wrapped) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	if err := s.call("Session"); err != nil {
		return cloakroom.SessionRecord{}, err
	}
	return s.Store.Session(ctx, t, now)
}

func (s *wrapped) Touch(ctx context.Context, touches []cloakroom.Touch) error {
	if err := s.call("Touch"); err != nil {
		return err
	}
	return s.Store.Touch(ctx, touches)
}

func (s *wrapped) Renew(ctx context.Context, r cloakroom.Renewal) error {
	if err := s.call("Renew"); err != nil {
		return err
	}
	return s.answered("Renew", s.Store.Renew(ctx, r))
}

func (s *wrapped) Rotate(ctx context.Context, current [32]byte, next cloakroom.RefreshChain, use cloakroom.Touch) error {
	if err := s.call("Rotate"); err != nil {
		return err
	}
	return s.answered("Rotate", s.Store.Rotate(ctx, current, next, use))
}

func (s *wrapped) KeySet(ctx context.Context, realm string) (cloakroom.KeySet, error) {
	if err := s.call("KeySet"); err != nil {
		return cloakroom.KeySet{}, err
	}
	return s.Store.KeySet(ctx, realm)
}

func (s *wrapped) SwapKeySet(ctx context.Context, set cloakroom.KeySet, events ...cloakroom.EventRecord) error {
	if err := s.call("SwapKeySet"); err != nil {
		return err
	}
	return s.answered("SwapKeySet", s.Store.SwapKeySet(ctx, set, events...))
}

func (s *wrapped) Append(ctx context.Context, entries []cloakroom.Revocation, events []cloakroom.EventRecord) error {
	if err := s.call("Append"); err != nil {
		return err
	}
	return s.answered("Append", s.Store.Append(ctx, entries, events))
}

func (s *wrapped) Events(ctx context.Context, q cloakroom.EventQuery) ([]cloakroom.EventRecord, error) {
	if err := s.call("Events"); err != nil {
		return nil, err
	}
	return s.Store.Events(ctx, q)
}

func (s *wrapped) ClaimEvents(ctx context.Context, realm string, now, leasedUntil time.Time, max int) ([]cloakroom.EventRecord, error) {
	if err := s.call("ClaimEvents"); err != nil {
		return nil, err
	}
	return s.Store.ClaimEvents(ctx, realm, now, leasedUntil, max)
}

func (s *wrapped) EventsDelivered(ctx context.Context, ids []string) error {
	if err := s.call("EventsDelivered"); err != nil {
		return err
	}
	return s.Store.EventsDelivered(ctx, ids)
}

func (s *wrapped) Prune(ctx context.Context, p cloakroom.Prune) (int, error) {
	if err := s.call("Prune"); err != nil {
		return 0, err
	}
	return s.Store.Prune(ctx, p)
}

func (s *wrapped) Revocations(ctx context.Context, after string, max int, now time.Time) (cloakroom.Revocations, error) {
	if err := s.call("Revocations"); err != nil {
		return cloakroom.Revocations{}, err
	}
	return s.Store.Revocations(ctx, after, max, now)
}

func (s *wrapped) Close(ctx context.Context, ref cloakroom.SessionRef, end cloakroom.Ending) (bool, error) {
	if err := s.call("Close"); err != nil {
		return false, err
	}
	return s.Store.Close(ctx, ref, end)
}

func (s *wrapped) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end cloakroom.Ending) ([]string, error) {
	if err := s.call("CloseUser"); err != nil {
		return nil, err
	}
	return s.Store.CloseUser(ctx, bucket, userID, keep, end)
}

func (s *wrapped) SessionsOf(ctx context.Context, bucket uint16, userID, before string, limit int) ([]cloakroom.SessionRecord, error) {
	if err := s.call("SessionsOf"); err != nil {
		return nil, err
	}
	return s.Store.SessionsOf(ctx, bucket, userID, before, limit)
}

func (s *wrapped) Datum(ctx context.Context, ref cloakroom.SessionRef, key string) (cloakroom.Datum, error) {
	if err := s.call("Datum"); err != nil {
		return cloakroom.Datum{}, err
	}
	return s.Store.Datum(ctx, ref, key)
}

func (s *wrapped) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) error {
	if err := s.call("SetDatum"); err != nil {
		return err
	}
	return s.Store.SetDatum(ctx, ref, d, maxBytes)
}

func (s *wrapped) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (cloakroom.Tally, error) {
	if err := s.call("Count"); err != nil {
		return cloakroom.Tally{}, err
	}
	return s.Store.Count(ctx, key, n, window, now)
}

func (s *wrapped) Put(ctx context.Context, t cloakroom.Ticket) error {
	if err := s.call("Put"); err != nil {
		return err
	}
	return s.Store.Put(ctx, t)
}

func (s *wrapped) Ticket(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	if err := s.call("Ticket"); err != nil {
		return cloakroom.Ticket{}, err
	}
	return s.Store.Ticket(ctx, kind, id, now)
}

func (s *wrapped) Take(ctx context.Context, kind string, id cloakroom.TokenID, now time.Time) (cloakroom.Ticket, error) {
	if err := s.call("Take"); err != nil {
		return cloakroom.Ticket{}, err
	}
	return s.Store.Take(ctx, kind, id, now)
}

func (s *wrapped) Swap(ctx context.Context, t cloakroom.Ticket, now time.Time) error {
	if err := s.call("Swap"); err != nil {
		return err
	}
	return s.Store.Swap(ctx, t, now)
}

func (s *wrapped) Sweep(ctx context.Context, w cloakroom.Sweep) (int, error) {
	if err := s.call("Sweep"); err != nil {
		return 0, err
	}
	n, err := s.Store.Sweep(ctx, w)
	s.swept.Add(int64(n))
	s.largest.Store(max(s.largest.Load(), int64(n)))
	return n, err
}

// slow holds back what it has read, when it is told to.
type slow struct {
	*wrapped
	holds      atomic.Bool
	read, goOn chan struct{}
}

func (s *slow) Session(ctx context.Context, id cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	rec, err := s.wrapped.Session(ctx, id, now)
	if s.holds.Load() {
		s.read <- struct{}{}
		<-s.goOn
	}
	return rec, err
}

func (s *wrapped) SwapAPIKeys(ctx context.Context, keys []cloakroom.APIKeyRecord, events ...cloakroom.EventRecord) error {
	if err := s.call("SwapAPIKeys"); err != nil {
		return err
	}
	return s.Store.SwapAPIKeys(ctx, keys, events...)
}

func (s *wrapped) APIKey(ctx context.Context, t cloakroom.TokenID) (cloakroom.APIKeyRecord, error) {
	if err := s.call("APIKey"); err != nil {
		return cloakroom.APIKeyRecord{}, err
	}
	return s.Store.APIKey(ctx, t)
}

func (s *wrapped) APIKeys(ctx context.Context, q cloakroom.APIKeyQuery) ([]cloakroom.APIKeyRecord, error) {
	if err := s.call("APIKeys"); err != nil {
		return nil, err
	}
	return s.Store.APIKeys(ctx, q)
}

func (s *wrapped) DeleteAPIKey(ctx context.Context, realm, id string, events ...cloakroom.EventRecord) (bool, error) {
	if err := s.call("DeleteAPIKey"); err != nil {
		return false, err
	}
	return s.Store.DeleteAPIKey(ctx, realm, id, events...)
}
