package argon

import (
	"container/list"
	"context"
	"sync"
)

// queue hands out slots, first come first served: a large request at the head is not overtaken by small ones. Nobody
// asks for more slots than there are.
type queue struct {
	mu      sync.Mutex
	free    int
	max     int       // of those who wait
	waiting list.List // of *waiter
}

type waiter struct {
	slots int
	ready chan struct{} // closed when the slots are the waiter's
}

// acquire waits for n slots. It reports false at once when the queue is full, and the error of ctx when it ends
// first; then there is nothing to release.
func (q *queue) acquire(ctx context.Context, n int) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	q.mu.Lock()
	if q.waiting.Len() == 0 && q.free >= n {
		q.free -= n
		q.mu.Unlock()
		return true, nil
	}
	if q.waiting.Len() >= q.max {
		q.mu.Unlock()
		return false, nil
	}
	w := &waiter{slots: n, ready: make(chan struct{})}
	place := q.waiting.PushBack(w)
	q.mu.Unlock()

	select {
	case <-w.ready:
		return true, nil
	case <-ctx.Done():
		q.leave(place, w)
		return false, ctx.Err()
	}
}

// leave gives up a place, or the slots that came in the same moment.
func (q *queue) leave(place *list.Element, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-w.ready:
		q.free += w.slots
	default:
		q.waiting.Remove(place)
	}
	q.admit() // who stood behind may fit now
}

func (q *queue) release(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free += n
	q.admit()
}

func (q *queue) admit() {
	for first := q.waiting.Front(); first != nil; first = q.waiting.Front() {
		w := first.Value.(*waiter)
		if w.slots > q.free {
			return
		}
		q.free -= w.slots
		q.waiting.Remove(first)
		close(w.ready)
	}
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.Len()
}
