package postgres

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/cloakroom-auth/cloakroom"
)

// flightSeats is how many look-ups travel together at most.
const flightSeats = 128

// flights lets look-ups of one instant travel together: while some are under way, those that come gather, and go as one
// statement when the first is back. Nobody joins what has departed, so an answer is never older than the question. A
// look-up that is alone goes at once.
type flights struct {
	ask func(ctx context.Context, tokens []cloakroom.TokenID) ([]found, error)

	mu      sync.Mutex
	waiting []*lookup
	flying  int
}

// abandoned reports whether nobody waits any more.
func (l *lookup) abandoned() bool { return l.ctx.Err() != nil }

// lookup is one token and, when done is closed, what it opens: nil is nothing.
type lookup struct {
	ctx   context.Context // of who asks; it ends with the store's patience
	token cloakroom.TokenID
	done  chan struct{}
	found *found
	err   error
}

// find returns nil if the token opens nothing.
func (f *flights) find(ctx context.Context, t cloakroom.TokenID) (*found, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := &lookup{ctx: ctx, token: t, done: make(chan struct{})}
	f.mu.Lock()
	f.waiting = append(f.waiting, l)
	if f.flying < runtime.GOMAXPROCS(0) {
		f.flying++
		go f.fly()
	}
	f.mu.Unlock()
	select {
	case <-l.done:
		return l.found, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fly takes those who wait, again and again until nobody does.
func (f *flights) fly() {
	for {
		f.mu.Lock()
		f.waiting = slices.DeleteFunc(f.waiting, (*lookup).abandoned)
		n := min(len(f.waiting), flightSeats)
		if n == 0 {
			f.flying--
			f.mu.Unlock()
			return
		}
		aboard := f.waiting[:n:n]
		f.waiting = f.waiting[n:]
		f.mu.Unlock()
		f.carry(aboard)
	}
}

func (f *flights) carry(aboard []*lookup) {
	tokens := make([]cloakroom.TokenID, len(aboard))
	for i, l := range aboard {
		tokens[i] = l.token
	}
	all, err := f.ask(context.Background(), tokens) // not that of one of them; it has a timeout of its own
	for i := range all {
		aboard[all[i].n-1].found = &all[i]
	}
	for _, l := range aboard {
		l.err = err
		close(l.done)
	}
}
