package server

import (
	"context"
	"net/http"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// course is how one request goes whose result its status does not tell: what the engine and the store say on the way. Only
// the few routes that are counted by result have one. A nil course takes note of nothing.
type course struct {
	began  time.Time
	result string    // of a refresh, when an event told it
	news   bool      // the feed has told of something
	since  time.Time // when the first of it was revoked that the request had waited for; zero: nothing
}

type courseKey struct{}

func courseOf(ctx context.Context) *course {
	c, _ := ctx.Value(courseKey{}).(*course)
	return c
}

// follow gives a request a course.
func follow(r *http.Request) (*http.Request, *course) {
	c := &course{began: time.Now()}
	return r.WithContext(context.WithValue(r.Context(), courseKey{}, c)), c
}

var refreshEvents = map[cloakroom.EventType]string{
	cloakroom.RefreshRotated: "rotated", cloakroom.RefreshReplayed: "replayed",
	cloakroom.RefreshReused: "reused", cloakroom.RefreshMismatch: "mismatch",
}

func (c *course) event(e cloakroom.Event) {
	if result, ok := refreshEvents[e.Type]; ok && c != nil {
		c.result = result
	}
}

// told notes what the feed answers with. What was revoked before the request began is news to its reader only: it was
// away, or is new. Where sessions are kept apart, entries live longer, and when they were written cannot be told.
func (c *course) told(entries []cloakroom.Revocation) {
	if c == nil {
		return
	}
	for _, e := range entries {
		if e.Epoch < 0 { // for the servers' own caches
			continue
		}
		c.news = true
		at := e.Until.Add(-cloakroom.RevokedFor)
		if !at.Before(c.began) && !at.After(time.Now()) && (c.since.IsZero() || at.Before(c.since)) {
			c.since = at
		}
	}
}
