package cloakroom

import (
	"crypto/sha256"
	"sync"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// recallMax bounds how many signed tokens of one generation are recalled, at about 1 KiB each.
const recallMax = 4096

// recall remembers signed tokens whose signature was good, by their hash, so that it is paid for once. It belongs to one set
// of keys and goes with it. Only what we signed gets in, and of that the last 4,096 to 8,192: when the young are full they
// become the old, and the old are forgotten. What a token says is judged again at each use.
type recall struct {
	mu         sync.RWMutex
	young, old map[[sha256.Size]byte]*verify.Claims
}

// find returns the claims of a token that was good, or nil.
func (m *recall) find(sum [sha256.Size]byte) *verify.Claims {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.young[sum]; c != nil {
		return c
	}
	return m.old[sum]
}

func (m *recall) keep(sum [sha256.Size]byte, c *verify.Claims) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= recallMax {
		m.young, m.old = map[[sha256.Size]byte]*verify.Claims{}, m.young
	}
	m.young[sum] = c
}
