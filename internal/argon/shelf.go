package argon

import (
	"slices"
	"sync"
	"time"
)

// idle is how long memory is kept that nobody hashes in.
const idle = time.Minute

// shelf keeps the memory of hashes that are over for those to come. All that it lends and keeps together is never more
// than limit, but for a single hash that is larger by itself.
type shelf struct {
	limit int // blocks

	mu     sync.Mutex
	lent   int // blocks
	kept   [][]block
	last   time.Time // when something came back
	minded bool      // a timer will look whether it is time to let go
}

// take lends n blocks at least and room at most. What they hold is not defined.
func (s *shelf) take(n, room int) []block {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.kept, func(m []block) bool { return n <= len(m) && len(m) <= room }); i >= 0 {
		m := s.kept[i]
		s.kept = slices.Delete(s.kept, i, i+1)
		s.lent += len(m)
		return m
	}
	for len(s.kept) > 0 && s.lent+s.size()+n > s.limit {
		release(s.kept[0])
		s.kept = slices.Delete(s.kept, 0, 1)
	}
	s.lent += n
	return reserve(n)
}

func (s *shelf) size() (blocks int) {
	for _, m := range s.kept {
		blocks += len(m)
	}
	return blocks
}

// put takes back what take lent.
func (s *shelf) put(m []block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent -= len(m)
	s.kept = append(s.kept, m)
	s.last = time.Now()
	if !s.minded {
		s.minded = true
		time.AfterFunc(idle, s.mind)
	}
}

// mind lets go of everything if nothing came back for as long as idle, and else looks again later. A new timer each
// time, in place of one that every hash resets, leaves nothing to be stopped with the pool.
func (s *shelf) mind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest := idle - time.Since(s.last); rest > 0 {
		time.AfterFunc(rest, s.mind)
		return
	}
	for _, m := range s.kept {
		release(m)
	}
	s.kept, s.minded = nil, false
}
