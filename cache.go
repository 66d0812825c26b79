package cloakroom

import (
	"encoding/binary"
	"sync/atomic"
	"time"
	"unique"

	"github.com/cloakroom-auth/cloakroom/internal/cache"
)

// The session cache answers what the store was asked lately, and only while the feed says that it is still so: a node
// answers from it if it heard the feed to its end within the staleness, and if nothing was told of this session, its user or
// its token since they were read. It never says that a session is dead for long: what it does not know, or believes to be
// over, the store is asked.

// defaultCache is how many bytes sessions are remembered in: about 200,000 sessions.
const defaultCache = 64 << 20

// deadFor is how long a token that was found dead stays so without asking: whoever sends one often costs the store little.
const deadFor = time.Second

// sessionCache remembers sessions with their users.
type sessionCache struct {
	kept *cache.Cache[remembered]
	feed *follower

	hits, misses, unheard atomic.Uint64
}

// remembered is what is known of a token. There are many, so it is kept small.
type remembered struct {
	// text is the places where the feed would tell of the session and of its user, and then both of them, see packed. Of a
	// dead token it is the time when that was found.
	text  string
	agent unique.Handle[string] // millions of sessions have few of them
	asOf  uint64                // the follower's number before it was read
}

const (
	placesSize = 4
	deadSize   = 8 // a session and its user take more
)

func (m *remembered) dead() bool { return len(m.text) == deadSize }

// places are those of the session and its user; that of the token is in the key.
func (m *remembered) places() (session, user place) {
	return place(m.text[0]) | place(m.text[1])<<8, place(m.text[2]) | place(m.text[3])<<8
}

func newSessionCache(bytes int64, feed *follower) *sessionCache {
	return &sessionCache{kept: cache.New(bytes, func(m remembered) int { return len(m.text) }), feed: feed}
}

// find puts what is known of a token into rec and v. It reports whether that may be believed. ErrNotFound: the token was
// dead a moment ago.
func (c *sessionCache) find(id *TokenID, now instant, rec *SessionRecord, v *arrival) (known bool, err error) {
	if !c.feed.fresh(now.since) {
		c.unheard.Add(1)
		return false, nil
	}
	m, ok := c.kept.Get(id.Hash)
	if !ok || !c.believable(&m, id, now.Time) {
		c.misses.Add(1)
		return false, nil
	}
	c.hits.Add(1)
	if m.dead() {
		return true, ErrNotFound
	}
	m.unpack(rec, &v.user, v.lists[:])
	rec.Token = *id
	return true, nil
}

func (c *sessionCache) believable(m *remembered, id *TokenID, now time.Time) bool {
	if m.dead() {
		age := now.Sub(time.UnixMicro(int64(binary.LittleEndian.Uint64([]byte(m.text)))))
		return age >= 0 && age < deadFor
	}
	session, user := m.places()
	return c.feed.believable(m.asOf, placeOf(id.Hash), session, user)
}

// keep remembers what the store said when the follower's number was asOf.
func (c *sessionCache) keep(asOf uint64, rec *SessionRecord, user *User) {
	if text, ok := packed(rec, user); ok {
		c.kept.Put(rec.Token.Hash, remembered{text: text, agent: unique.Make(rec.Agent), asOf: asOf})
	}
}

// keepDead remembers that a token was dead.
func (c *sessionCache) keepDead(asOf uint64, id *TokenID, now time.Time) {
	at := binary.LittleEndian.AppendUint64(nil, uint64(now.UnixMicro()))
	c.kept.Put(id.Hash, remembered{text: string(at), asOf: asOf})
}

// drop forgets a token whose session was changed in a way of which nobody else need hear.
func (c *sessionCache) drop(id *TokenID) {
	if c != nil {
		c.kept.Drop(id.Hash)
	}
}
