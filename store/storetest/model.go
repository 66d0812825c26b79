package storetest

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/cloakroom-auth/cloakroom"
)

func model(run runner) {
	run("sessions behave as a simple book of them does, whatever happens in which order", func(w *world) {
		rapid.Check(w.T, func(t *rapid.T) {
			b := newBook(w)
			t.Repeat(map[string]func(*rapid.T){
				"open": b.open, "renew": b.renew, "rotate": b.rotate, "close": b.close, "close user": b.closeUser,
				"set datum": b.setDatum, "touch": b.touch, "wait": b.wait, "compare": b.compare, "": b.list,
			})
			b.compare(t)
			b.claim(t)
		})
	})
}

// book is the simplest thing that keeps the contract: a map, no indexes, no concurrency. Each action does the same to
// the store and to the book, and both must give the same answer. A book is of one user and the guests before it.
type book struct {
	w      *world
	now    time.Time
	userID string

	cursor   string                 // how far the feed was compared
	told     []cloakroom.Revocation // what it tells since
	happened []string               // all events that there are
	sent     []string               // all parcels of them

	live  map[string]cloakroom.SessionRecord // by id
	data  map[string]cloakroom.Datum         // by id of the session; each has one value at most
	moved map[cloakroom.TokenID]time.Time

	refs   []cloakroom.SessionRef // all that ever were
	tokens []cloakroom.TokenID    // all that ever were
}

func newBook(w *world) *book {
	_, end := w.follow("")
	return &book{
		w: w, now: w.now, userID: w.user().ID, cursor: end,
		live: map[string]cloakroom.SessionRecord{}, data: map[string]cloakroom.Datum{}, moved: map[cloakroom.TokenID]time.Time{},
	}
}

func (b *book) open(t *rapid.T) {
	o := cloakroom.Opening{Session: b.session(t), Now: b.now, MovedUntil: b.later(t, "grace")}
	o.Events, o.Replaced, o.Evicted = b.events(t), b.ending(t), b.ending(t)
	o.Limit = rapid.IntRange(0, 3).Draw(t, "limit")
	if len(b.tokens) > 0 && rapid.Bool().Draw(t, "replace") {
		replaced := b.token(t)
		o.Replace, o.Inherit = &replaced, rapid.Bool().Draw(t, "inherit")
	}
	got, err := b.w.store.Open(b.w.Context(), o)
	agreeOn(t, "Open", err, nil)
	want := b.opened(o)
	slices.Sort(got.Evicted)
	slices.Sort(want.Evicted)
	agree(t, "Opened", got, want)
	b.note(o.Events, "")
	b.tell(o.Evicted, want.Evicted...)
}

func (b *book) session(t *rapid.T) cloakroom.SessionRecord {
	s := b.w.session(b.userID)
	if rapid.Bool().Draw(t, "guest") {
		s = b.w.session("")
	}
	s.CreatedAt, s.LastSeenAt, s.ExpiresAt, s.Refresh = b.now, b.now, b.later(t, "lifetime"), b.chains(t)
	b.refs, b.tokens = append(b.refs, s.Ref()), append(b.tokens, s.Token)
	return s
}

func (b *book) opened(o cloakroom.Opening) (done cloakroom.Opened) {
	if o.Replace != nil {
		if old, found := b.owner(*o.Replace); found {
			done.Replaced = true
			datum, filled := b.data[old.ID]
			b.drop(old.ID)
			b.tell(o.Replaced, old.ID)
			b.moved[*o.Replace] = o.MovedUntil
			if o.Inherit && filled {
				b.data[o.Session.ID] = datum
			}
		}
	}
	b.live[o.Session.ID] = o.Session
	if o.Limit > 0 && o.Session.UserID != "" {
		mine := slices.DeleteFunc(b.mine(), func(s cloakroom.SessionRecord) bool { return !s.ExpiresAt.After(o.Now) })
		slices.SortFunc(mine, func(x, y cloakroom.SessionRecord) int {
			return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
		})
		for _, s := range mine[:max(0, len(mine)-o.Limit)] {
			b.drop(s.ID)
			done.Evicted = append(done.Evicted, s.ID)
		}
	}
	return done
}

func (b *book) renew(t *rapid.T) {
	ref, old := b.ref(t), b.token(t)
	if s, lives := b.live[ref.ID]; lives && rapid.Bool().Draw(t, "its own") {
		old = s.Token
	}
	next := b.live[ref.ID]
	next.ID, next.UserID, next.Token = ref.ID, ref.UserID, b.w.token(old.Bucket)
	next.ExpiresAt, next.Level = b.later(t, "lifetime"), next.Level+1
	next.Refresh = b.chains(t)
	next.EndsAt, next.Actor = b.later(t, "end"), nil
	if rapid.Bool().Draw(t, "in place") {
		next.Token = old
	} else {
		b.tokens = append(b.tokens, next.Token)
	}
	r := cloakroom.Renewal{
		Old: old, Session: next, MovedUntil: b.later(t, "grace"), RevokedUntil: b.until(t), Events: b.events(t),
	}
	err := b.w.store.Renew(b.w.Context(), r)
	if owner, found := b.owner(old); !found || owner.ID != ref.ID {
		agree(t, "Renew fails", errors.Is(err, cloakroom.ErrNotFound), true)
		return
	}
	agreeOn(t, "Renew", err, nil)
	if next.Token == old {
		next.Refresh = b.live[ref.ID].Refresh
	} else {
		b.moved[old] = r.MovedUntil
		b.hint(cloakroom.Revocation{Subject: old.Hash, Epoch: cloakroom.TokenReplaced, Until: r.RevokedUntil})
	}
	b.note(r.Events, "")
	next.EndsAt, next.Actor = b.live[ref.ID].EndsAt, b.live[ref.ID].Actor
	b.live[ref.ID] = next
}

func (b *book) close(t *rapid.T) {
	ref, end := b.ref(t), b.ending(t)
	got, err := b.w.store.Close(b.w.Context(), ref, end)
	_, want := b.live[ref.ID]
	agreeOn(t, "Close", err, nil)
	agree(t, "Close", got, want)
	if want {
		b.tell(end, ref.ID)
	}
	b.drop(ref.ID)
}

func (b *book) closeUser(t *rapid.T) {
	keep, end := "", b.ending(t)
	if rapid.Bool().Draw(t, "keep") {
		keep = b.ref(t).ID
	}
	got, err := b.w.store.CloseUser(b.w.Context(), bucketOf(b.userID), b.userID, keep, end)
	agreeOn(t, "CloseUser", err, nil)
	var want []string
	for _, s := range b.mine() {
		if s.ID != keep {
			want = append(want, s.ID)
			b.drop(s.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	agree(t, "CloseUser", got, want)
	b.tell(end, want...)
}

func (b *book) setDatum(t *rapid.T) {
	ref, revision := b.ref(t), rapid.Int64Range(0, 2).Draw(t, "revision")
	if rapid.Bool().Draw(t, "fresh") {
		revision = b.data[ref.ID].Revision
	}
	d := cloakroom.Datum{Key: "n", Value: []byte(ref.ID), Revision: revision}
	err := b.w.store.SetDatum(b.w.Context(), ref, d, 100)
	_, lives := b.live[ref.ID]
	switch {
	case !lives:
		agreeOn(t, "SetDatum", err, cloakroom.ErrNotFound)
	case b.data[ref.ID].Revision != revision:
		agreeOn(t, "SetDatum", err, cloakroom.ErrConflict)
	default:
		agreeOn(t, "SetDatum", err, nil)
		d.Revision++
		b.data[ref.ID] = d
	}
}

func (b *book) touch(t *rapid.T) {
	touch := cloakroom.Touch{Token: b.token(t), SeenAt: b.now, ExpiresAt: b.later(t, "lifetime")}
	agreeOn(t, "Touch", b.w.store.Touch(b.w.Context(), []cloakroom.Touch{touch}), nil)
	if s, found := b.owner(touch.Token); found {
		s.LastSeenAt = touch.SeenAt
		if touch.ExpiresAt.After(s.ExpiresAt) {
			s.ExpiresAt = touch.ExpiresAt
		}
		b.live[s.ID] = s
	}
}

func (b *book) wait(t *rapid.T) { b.now = b.later(t, "while") }

// list asks the store for the sessions of the user.
func (b *book) list(t *rapid.T) {
	records, err := b.w.store.SessionsOf(b.w.Context(), bucketOf(b.userID), b.userID, "", 1000)
	agreeOn(t, "SessionsOf", err, nil)
	want := b.mine()
	slices.SortFunc(want, func(x, y cloakroom.SessionRecord) int { return cmp.Compare(y.ID, x.ID) })
	agree(t, "SessionsOf", records, want)
}

// compare asks the store for everything that ever was, and the feed for what came since.
func (b *book) compare(t *rapid.T) {
	for _, token := range b.tokens {
		got, err := b.w.store.Session(b.w.Context(), token, b.now)
		want, refusal := b.answer(token)
		agreeOn(t, "Session", err, refusal)
		agree(t, "Session", got, want)
	}
	b.hear(t)
	b.recall(t)
	for _, ref := range b.refs {
		got, err := b.w.store.Datum(b.w.Context(), ref, "n")
		want, found := b.data[ref.ID]
		agree(t, "Datum", got, want)
		agree(t, "Datum is absent", errors.Is(err, cloakroom.ErrNotFound), !found)
	}
}

func (b *book) answer(token cloakroom.TokenID) (cloakroom.SessionRecord, error) {
	s, lives := b.owner(token)
	switch {
	case lives:
		return s, nil
	case b.moved[token].After(b.now):
		return s, cloakroom.ErrMoved
	}
	return s, cloakroom.ErrNotFound
}

func (b *book) owner(token cloakroom.TokenID) (cloakroom.SessionRecord, bool) {
	for _, s := range b.live {
		if s.Token == token {
			return s, true
		}
	}
	return cloakroom.SessionRecord{}, false
}

// mine returns the sessions of the user, guests left out, in no order.
func (b *book) mine() []cloakroom.SessionRecord {
	return slices.DeleteFunc(slices.Collect(maps.Values(b.live)), func(s cloakroom.SessionRecord) bool { return s.UserID == "" })
}

func (b *book) drop(id string) {
	delete(b.live, id)
	delete(b.data, id)
}

// ref draws a session that is or was; with none, the action is skipped.
func (b *book) ref(t *rapid.T) cloakroom.SessionRef {
	if len(b.refs) == 0 {
		t.Skip("no session yet")
	}
	return rapid.SampledFrom(b.refs).Draw(t, "session")
}

// token draws a token that is or was, often one that opens something; with none, the action is skipped.
func (b *book) token(t *rapid.T) cloakroom.TokenID {
	if len(b.tokens) == 0 {
		t.Skip("no token yet")
	}
	live := slices.DeleteFunc(slices.Clone(b.tokens), func(token cloakroom.TokenID) bool {
		_, lives := b.owner(token)
		return !lives
	})
	if len(live) > 0 && rapid.Bool().Draw(t, "live") {
		return rapid.SampledFrom(live).Draw(t, "token")
	}
	return rapid.SampledFrom(b.tokens).Draw(t, "token")
}

func (b *book) later(t *rapid.T, what string) time.Time {
	return b.now.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, what)) * time.Minute)
}

// agreeOn is agree for errors of the contract: nil, a sentinel and no other.
func agreeOn(t *rapid.T, verb string, store, book error) {
	t.Helper()
	if sentinel(store) != book {
		t.Fatalf("%s of the store says %v, that of the book %v", verb, store, book)
	}
}

// agree ends the run, and lets rapid look for a shorter one, unless store and book say the same.
func agree[T any](t *rapid.T, verb string, store, book T) {
	t.Helper()
	if reflect.DeepEqual(store, book) {
		return // the common case, a hundred times cheaper
	}
	if diff := gocmp.Diff(book, store, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s of the store is not that of the book (-book +store):\n%s", verb, diff)
	}
}
