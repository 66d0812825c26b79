package verify

import (
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

// token is one whose signature was found good.
type token struct {
	claims        *Claims
	key           *jws.Key // that signed it
	session, user mark
}

// memory remembers verified tokens by their hash. Only what an issuer signed gets in, so no flood of junk pushes good
// tokens out. It is bounded: a full shard forgets, of a few tokens, the one that ends first.
type memory struct {
	room   int // tokens a shard may hold
	shards [shards]shard
}

const shards = 16 // so that few requests wait for each other

type shard struct {
	mu     sync.RWMutex
	tokens map[[32]byte]*token
}

func newMemory(tokens int) *memory {
	m := &memory{room: (max(0, tokens) + shards - 1) / shards}
	for i := range m.shards {
		m.shards[i].tokens = map[[32]byte]*token{}
	}
	return m
}

// find returns what is known of a token, or nil.
func (m *memory) find(sum [32]byte) *token {
	s := &m.shards[sum[0]%shards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tokens[sum]
}

func (m *memory) keep(sum [32]byte, t *token, now time.Time) {
	if m.room == 0 {
		return
	}
	s := &m.shards[sum[0]%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.tokens[sum]; !there && len(s.tokens) >= m.room {
		s.forget(now)
	}
	s.tokens[sum] = t
}

// forget makes room for one. A map begins its range anywhere, so the sample is a fair one.
func (s *shard) forget(now time.Time) {
	const sample = 8
	var (
		worst [32]byte
		first time.Time
		seen  int
	)
	for sum, t := range s.tokens {
		if end := t.claims.ExpiresAt; seen == 0 || end.Before(first) {
			worst, first = sum, end
		}
		if seen++; seen == sample || first.Before(now) {
			break
		}
	}
	delete(s.tokens, worst)
}

func (m *memory) len() (n int) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		n += len(s.tokens)
		s.mu.RUnlock()
	}
	return n
}
