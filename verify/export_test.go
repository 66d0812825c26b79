package verify

import (
	"net/http"
	"time"
)

// Revoked is the set of revocations, for the test of its size.
type Revoked struct{ revoked }

// Take adds n sessions and n users that are revoked until a time in seconds.
func (r *Revoked) Take(sessions, users []string, until int64) {
	var entries []entry
	for _, id := range sessions {
		entries = append(entries, entry{name: hashed(id), until: until})
	}
	for _, id := range users {
		entries = append(entries, entry{name: hashed(id), isUser: true, epoch: 1, until: until})
	}
	r.take(entries)
}

// Has asks for one session and one user.
func (r *Revoked) Has(session, user string) bool {
	return r.has(&token{claims: &Claims{}, session: hashed(session), user: hashed(user)})
}

// Forget and Len are those of the set.
func (r *Revoked) Forget(now int64) { r.forget(now) }
func (r *Revoked) Len() int         { return r.len() }

// MaxAgeOf is how long an answer may be kept.
func MaxAgeOf(h http.Header) time.Duration { return maxAge(h) }
