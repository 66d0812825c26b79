package argon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

// Config says how much hashing a process may do at once.
type Config struct {
	// Params of the hashes that the pool makes. Zero means Default. NewPool refuses what Params.Check refuses.
	Params Params
	// Workers is how many hashes run at once; memory is Workers × Params.Memory. Zero means GOMAXPROCS − 1, at
	// least 1: one core stays free for everybody who is signed in already.
	Workers int
	// Queue is how many may wait for a worker. Zero means 64 for each worker: at 20 to 30 ms a hash the last of them
	// waits for about two seconds, and people wait no longer.
	Queue int
}

const queuePerWorker = 64

// A Pool hashes within a budget. It is safe for concurrent use, keeps no goroutines and needs no closing. The zero
// Pool has no room for anything: every call is a BusyError.
type Pool struct {
	params  Params
	workers int
	queue   queue
	shelf   shelf

	running      atomic.Int64
	done, busy   atomic.Uint64
	waited, work atomic.Int64 // nanoseconds
	usual        atomic.Int64 // nanoseconds a turn takes, a moving mean
}

// NewPool makes a pool.
func NewPool(c Config) (*Pool, error) {
	if c.Params == (Params{}) {
		c.Params = Default
	}
	if err := c.Params.Check(); err != nil {
		return nil, err
	}
	if c.Workers < 0 || c.Queue < 0 {
		return nil, errors.New("workers and queue of a pool are not negative")
	}
	if c.Workers == 0 {
		c.Workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if c.Queue == 0 {
		c.Queue = queuePerWorker * c.Workers
	}
	p := &Pool{params: c.Params, workers: c.Workers, queue: queue{free: c.Workers, max: c.Queue}}
	p.shelf.limit = c.Workers * int(c.Params.Memory)
	p.usual.Store(int64(30 * time.Millisecond)) // a guess until the first turn is over
	return p, nil
}

// Params of the hashes that the pool makes; zero for the zero Pool.
func (p *Pool) Params() Params { return p.params }

// BusyError: all workers are busy and the queue is full. Nothing was hashed.
type BusyError struct {
	RetryAfter time.Duration // when what waits now will be done; whole seconds, at least one
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("no room to hash, again in %v", e.RetryAfter)
}

// Do runs f when there is room for it. memory is what f needs, in KiB: more than one hash of the pool counts as
// several, more than all together as all. f runs on the caller's goroutine and cannot be stopped; a ctx that ends
// before its turn gives up the place, and the error is that of ctx. No place: *BusyError.
func (p *Pool) Do(ctx context.Context, memory int, f func()) error {
	if p.workers == 0 {
		return &BusyError{RetryAfter: time.Second}
	}
	slots := p.slots(memory)
	came := time.Now()
	if ok, err := p.queue.acquire(ctx, slots); err != nil {
		return err
	} else if !ok {
		p.busy.Add(1)
		return &BusyError{RetryAfter: p.retryAfter()}
	}
	p.running.Add(1)
	start := time.Now()
	p.waited.Add(int64(start.Sub(came)))
	defer func() {
		p.learn(time.Since(start))
		p.running.Add(-1)
		p.queue.release(slots)
	}()
	f()
	return nil
}

// hashing is Do for an f that hashes in at most blocks of memory, of which the pool keeps for the next what it may.
func (p *Pool) hashing(ctx context.Context, memory, blocks int, f func([]block)) error {
	return p.Do(ctx, memory, func() {
		room := math.MaxInt
		if slots := p.slots(memory); slots < p.workers {
			room = slots * int(p.params.Memory)
		}
		m := p.shelf.take(blocks, room)
		defer p.shelf.put(m)
		f(m)
	})
}

func (p *Pool) slots(memory int) int {
	each := int(p.params.Memory)
	return min(max(1, (memory+each-1)/each), p.workers)
}

// learn counts a turn. The mean weighs the newest with an eighth; a lost update among racing turns is no harm.
func (p *Pool) learn(took time.Duration) {
	p.done.Add(1)
	p.work.Add(int64(took))
	p.usual.Store(p.usual.Load() + (int64(took)-p.usual.Load())/8)
}

func (p *Pool) retryAfter() time.Duration {
	ahead := int64(p.queue.length()) + p.running.Load()
	wait := time.Duration(ahead * p.usual.Load() / int64(p.workers))
	return max(time.Second, (wait + time.Second - 1).Truncate(time.Second))
}

// Stats is what a Pool did and does.
type Stats struct {
	Workers int
	Running int // turns now; one with a large stored hash may hold several workers
	Queued  int

	Done   uint64        // turns since the start
	Busy   uint64        // refused since the start
	Worked time.Duration // spent in all turns since the start
	Waited time.Duration // spent in the queue by all turns since the start
}

// Stats may be asked at any time. The numbers are each right, but not of one instant.
func (p *Pool) Stats() Stats {
	return Stats{
		Workers: p.workers, Running: int(p.running.Load()), Queued: p.queue.length(),
		Done: p.done.Load(), Busy: p.busy.Load(),
		Worked: time.Duration(p.work.Load()), Waited: time.Duration(p.waited.Load()),
	}
}
