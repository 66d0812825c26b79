package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// session is a record with its data. Both belong to the store alone.
type session struct {
	record cloakroom.SessionRecord
	user   *account                   // of the user, if known when it was opened; see accountOf
	data   map[string]cloakroom.Datum // nil until something is stored
	size   int                        // bytes of all keys and values of data
}

// owner is a user as sessions are kept, or the guests of a bucket.
type owner struct {
	bucket uint16
	userID string
}

// Open implements cloakroom.Ledger. The session that was just opened is never among those closed over the limit, even
// if its CreatedAt is the oldest.
func (s *Store) Open(ctx context.Context, o cloakroom.Opening) (cloakroom.Opened, error) {
	if err := s.lock(ctx); err != nil {
		return cloakroom.Opened{}, err
	}
	defer s.mu.Unlock()
	opened := &session{record: kept(o.Session)}
	if s.tokens[o.Session.Token] != nil || s.sessions[o.Session.Ref()] != nil {
		return cloakroom.Opened{}, fmt.Errorf("open session %s: there is one with this id or token", o.Session.ID)
	}
	var result cloakroom.Opened
	s.record(o.Events...)
	if o.Replace != nil {
		if old := s.tokens[*o.Replace]; old != nil {
			s.drop(old)
			s.moved[*o.Replace] = micro(o.MovedUntil)
			s.ended(o.Replaced, old.record.ID)
			if o.Inherit {
				opened.data, opened.size = old.data, old.size
			}
			result.Replaced = true
		}
	}
	result.Evicted = s.evict(opened.record, o.Limit, o.Now)
	s.ended(o.Evicted, result.Evicted...)
	s.add(opened)
	return result, nil
}

// evict makes room for one more session of the same user. A guest's opening evicts nobody.
func (s *Store) evict(next cloakroom.SessionRecord, limit int, now time.Time) []string {
	if limit <= 0 || next.UserID == "" {
		return nil
	}
	var live []*session
	for _, have := range s.owned[ownerOf(next)] {
		if !passed(have.record.ExpiresAt, now) {
			live = append(live, have)
		}
	}
	slices.SortFunc(live, func(a, b *session) int {
		return cmp.Or(a.record.CreatedAt.Compare(b.record.CreatedAt), cmp.Compare(a.record.ID, b.record.ID))
	})
	var evicted []string
	for _, oldest := range live[:max(0, len(live)-limit+1)] {
		s.drop(oldest)
		evicted = append(evicted, oldest.record.ID)
	}
	return evicted
}

// Session implements cloakroom.Ledger.
func (s *Store) Session(ctx context.Context, t cloakroom.TokenID, now time.Time) (cloakroom.SessionRecord, error) {
	if err := s.rlock(ctx); err != nil {
		return cloakroom.SessionRecord{}, err
	}
	defer s.mu.RUnlock()
	if found := s.tokens[t]; found != nil {
		return found.copy(), nil
	}
	return cloakroom.SessionRecord{}, s.missing(t, now)
}

var _ cloakroom.Finder = (*Store)(nil)

// Find implements cloakroom.Finder.
func (s *Store) Find(ctx context.Context, t cloakroom.TokenID, now time.Time) (r cloakroom.SessionRecord, u cloakroom.User, err error) {
	if err := s.rlock(ctx); err != nil {
		return r, u, err
	}
	defer s.mu.RUnlock()
	found := s.tokens[t]
	if found == nil {
		return r, u, s.missing(t, now)
	}
	r = found.record
	if a := s.accountOf(found); a != nil {
		u = a.user
	}
	own(&r.Methods, &r.Scopes, &u.Roles)
	r.Refresh, r.Actor = cloneChains(r.Refresh), cloneActor(r.Actor)
	return r, u, nil
}

// missing says in what way there is no session with this token.
func (s *Store) missing(t cloakroom.TokenID, now time.Time) error {
	if until, known := s.moved[t]; known && !passed(until, now) {
		return fmt.Errorf("session: %w", cloakroom.ErrMoved)
	}
	return fmt.Errorf("session: %w", cloakroom.ErrNotFound)
}

// Touch implements cloakroom.Ledger.
func (s *Store) Touch(ctx context.Context, touches []cloakroom.Touch) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, t := range touches {
		if touched := s.tokens[t.Token]; touched != nil {
			touched.touch(t)
		}
	}
	return nil
}

func (s *session) touch(t cloakroom.Touch) {
	r := &s.record
	r.LastSeenAt = later(r.LastSeenAt, t.SeenAt)
	r.ExpiresAt = later(r.ExpiresAt, t.ExpiresAt)
	r.IssuedAt = later(r.IssuedAt, t.IssuedAt)
}

// Renew implements cloakroom.Ledger.
func (s *Store) Renew(ctx context.Context, r cloakroom.Renewal) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	old, next := r.Old, r.Session
	renewed := s.tokens[old]
	if renewed == nil || renewed.record.ID != next.ID {
		return fmt.Errorf("renew session %s: %w", next.ID, cloakroom.ErrNotFound)
	}
	if next.Token.Bucket != old.Bucket || next.Token != old && s.tokens[next.Token] != nil {
		return fmt.Errorf("renew session %s: the new token is of another bucket or in use", next.ID)
	}
	renewed.renew(kept(next))
	if next.Token != old {
		delete(s.tokens, old)
		s.tokens[next.Token] = renewed
		s.moved[old] = micro(r.MovedUntil)
		s.tell(cloakroom.Revocation{Subject: old.Hash, Epoch: cloakroom.TokenReplaced, Until: r.RevokedUntil})
	}
	s.record(r.Events...)
	return nil
}

func (s *session) renew(next cloakroom.SessionRecord) {
	r := &s.record
	if next.Token != r.Token {
		r.Token, r.Refresh = next.Token, next.Refresh
	}
	r.Epoch, r.Methods, r.Level = next.Epoch, next.Methods, next.Level
	r.AuthenticatedAt, r.IssuedAt, r.LastSeenAt, r.ExpiresAt = next.AuthenticatedAt, next.IssuedAt, next.LastSeenAt, next.ExpiresAt
}

// Close implements cloakroom.Ledger. To shut the store itself down see Shutdown.
func (s *Store) Close(ctx context.Context, ref cloakroom.SessionRef, end cloakroom.Ending) (bool, error) {
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	closed := s.sessions[ref]
	if closed == nil {
		return false, nil
	}
	s.drop(closed)
	s.ended(end, ref.ID)
	return true, nil
}

// CloseUser implements cloakroom.Ledger.
func (s *Store) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end cloakroom.Ending) ([]string, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if userID == "" {
		return nil, nil // guests are nobody's
	}
	var ended []string
	for id, closed := range s.owned[owner{bucket, userID}] {
		if id != keep {
			s.drop(closed)
			ended = append(ended, id)
		}
	}
	s.ended(end, ended...)
	return ended, nil
}

// SessionsOf implements cloakroom.Ledger.
func (s *Store) SessionsOf(ctx context.Context, bucket uint16, userID, before string, limit int) ([]cloakroom.SessionRecord, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	var found []*session
	for id, have := range s.owned[owner{bucket, userID}] {
		if before == "" || id < before {
			found = append(found, have)
		}
	}
	slices.SortFunc(found, func(a, b *session) int { return cmp.Compare(b.record.ID, a.record.ID) })
	page := make([]cloakroom.SessionRecord, min(len(found), max(limit, 0)))
	for i := range page {
		page[i] = found[i].copy()
	}
	return page, nil
}

// add makes a session findable in every way there is.
func (s *Store) add(opened *session) {
	s.tokens[opened.record.Token] = opened
	s.sessions[opened.record.Ref()] = opened
	if opened.record.UserID != "" {
		opened.user = s.users[opened.record.UserID]
	}
	o := ownerOf(opened.record)
	if s.owned[o] == nil {
		s.owned[o] = map[string]*session{}
	}
	s.owned[o][opened.record.ID] = opened
}

// drop undoes add. Data goes with the session, unless somebody took it over.
func (s *Store) drop(old *session) {
	delete(s.tokens, old.record.Token)
	delete(s.sessions, old.record.Ref())
	o := ownerOf(old.record)
	delete(s.owned[o], old.record.ID)
	if len(s.owned[o]) == 0 {
		delete(s.owned, o)
	}
}

func ownerOf(r cloakroom.SessionRecord) owner { return owner{r.Token.Bucket, r.UserID} }

// kept is the record as the store keeps it.
func kept(r cloakroom.SessionRecord) cloakroom.SessionRecord {
	r.Methods, r.Scopes = slices.Clone(r.Methods), slices.Clone(r.Scopes)
	r.CreatedAt, r.AuthenticatedAt, r.LastSeenAt = micro(r.CreatedAt), micro(r.AuthenticatedAt), micro(r.LastSeenAt)
	r.IssuedAt, r.ExpiresAt, r.EndsAt = micro(r.IssuedAt), micro(r.ExpiresAt), micro(r.EndsAt)
	r.Refresh, r.Actor = keptChains(r.Refresh), cloneActor(r.Actor)
	return r
}

func (s *session) copy() cloakroom.SessionRecord {
	r := s.record
	own(&r.Methods, &r.Scopes)
	r.Refresh, r.Actor = cloneChains(r.Refresh), cloneActor(r.Actor)
	return r
}

func cloneActor(a *cloakroom.Actor) *cloakroom.Actor {
	if a == nil {
		return nil
	}
	clone := *a
	return &clone
}

// accountOf is the account of a session's user, or nil. That of a deleted user is empty.
func (s *Store) accountOf(of *session) *account {
	if of.user != nil && of.user.user.ID != "" {
		return of.user
	}
	return s.users[of.record.UserID]
}

// own puts copies in the place of lists, all in one allocation: the hot path counts them.
func own(lists ...*[]string) {
	n := 0
	for _, list := range lists {
		n += len(*list)
	}
	if n == 0 {
		return
	}
	all := make([]string, 0, n)
	for _, list := range lists {
		if len(*list) > 0 {
			from := len(all)
			all = append(all, *list...)
			*list = slices.Clip(all[from:])
		}
	}
}

func later(a, b time.Time) time.Time {
	if b = micro(b); b.After(a) {
		return b
	}
	return a
}
