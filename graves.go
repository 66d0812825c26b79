package cloakroom

import (
	"sync"
	"time"
)

// graves are the sessions and tokens that the feed has told dead. A Ledger that lives elsewhere may lose its latest writes,
// or be restored from an older state, and then believe that they live; nobody else does. A grave stays for as long as the
// feed tells of it.
type graves struct {
	mu    sync.RWMutex
	until map[[32]byte]time.Time
	swept time.Time
}

func newGraves() *graves { return &graves{until: map[[32]byte]time.Time{}} }

// dig takes in what the feed tells. Without graves it does nothing.
func (g *graves) dig(entries []Revocation) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range entries {
		if (e.Epoch == SessionEnded || e.Epoch == TokenReplaced) && e.Until.After(g.until[e.Subject]) {
			g.until[e.Subject] = e.Until
		}
	}
}

func (g *graves) has(subject [32]byte) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, dead := g.until[subject]
	return dead
}

// gravesSwept is how often graves are looked through for those that are over.
const gravesSwept = 10 * time.Minute

// fill forgets what is over. It looks through all of them, so it does that seldom.
func (g *graves) fill(now time.Time) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.swept) < gravesSwept {
		return
	}
	g.swept = now
	for subject, until := range g.until {
		if !until.After(now) {
			delete(g.until, subject)
		}
	}
}
