package verify

import (
	"crypto/sha256"
	"sync"
)

// mark is the name of a session or a user in the feed: the first half of SHA-256 of its id. Half is enough to tell
// them apart, and holds twice as many in the same memory.
type mark [16]byte

func hashed(id string) mark {
	sum := sha256.Sum256([]byte(id))
	return mark(sum[:len(mark{})])
}

// revoked is what the feed has told of: sessions that are over, and the least epoch that tokens of a user must have. It
// only grows by take and shrinks by forget, which drops what can concern no living token any more.
type revoked struct {
	mu       sync.RWMutex
	sessions map[mark]int64 // until when it matters, in seconds since 1970
	users    map[mark]ended
}

type ended struct{ epoch, until int64 }

// entry is one line of the feed.
type entry struct {
	name   mark
	isUser bool
	epoch  int64
	until  int64
}

// take adds what a part of the feed says. Taking it twice, or in another order, makes no difference.
func (r *revoked) take(entries []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil {
		r.sessions, r.users = map[mark]int64{}, map[mark]ended{}
	}
	for _, e := range entries {
		if e.isUser {
			was := r.users[e.name]
			r.users[e.name] = ended{max(was.epoch, e.epoch), max(was.until, e.until)}
		} else {
			r.sessions[e.name] = max(r.sessions[e.name], e.until)
		}
	}
}

func (r *revoked) has(t *token) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, over := r.sessions[t.session]; over {
		return true
	}
	user, ended := r.users[t.user]
	return ended && t.claims.Epoch < user.epoch
}

// forget drops what matters no more at a time in seconds since 1970. It looks at a sample of both maps only, so that
// nobody waits long; called with each answer of the feed it comes round to all of them within minutes. What it has not
// come to yet does no harm: the tokens it speaks of have expired.
func (r *revoked) forget(now int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = sweep(r.sessions, func(until int64) bool { return until < now })
	r.users = sweep(r.users, func(e ended) bool { return e.until < now })
}

// sweep returns m without what is past, of a sample: a map begins its range anywhere. An emptied map is replaced, for it
// would keep its size.
func sweep[V any](m map[mark]V, past func(V) bool) map[mark]V {
	const sample = 512
	seen, before := 0, len(m)
	for name, value := range m {
		if seen++; seen > sample {
			break
		}
		if past(value) {
			delete(m, name)
		}
	}
	if before > 0 && len(m) == 0 {
		return map[mark]V{}
	}
	return m
}

func (r *revoked) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.sessions) + len(r.users)
}
