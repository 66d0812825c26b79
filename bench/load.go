package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// load is work for a server: keep-alive connections, each of which sends a request, reads the whole answer, and goes on.
type load struct {
	addr        string
	requests    [][]byte // as they go over the wire; each connection walks through all of them
	want        answer   // what every answer must be
	connections int
	every       time.Duration // at least so long between the starts of two requests of a connection
	spent       *atomic.Int64 // set: how many requests were sent; none is sent twice, and a run ends when none is left
}

// answer is what a right answer looks like.
type answer struct {
	status int
	body   string // how its body begins
}

// sample is what one measurement of a load gave.
type sample struct {
	answers int
	took    time.Duration // until the last answer was there
	latency histogram
}

func (s *sample) rate() float64 { return float64(s.answers) / s.took.Seconds() }

// stall is how long an answer may take.
const stall = 30 * time.Second

// run sends requests for d. All connections are there before the first of them; a wrong answer is an error.
func (l *load) run(ctx context.Context, d time.Duration) (*sample, error) {
	clients := make([]*client, l.connections)
	for i := range clients {
		c, err := dial(ctx, l.addr, l.want)
		if err != nil {
			return nil, err
		}
		defer c.close()
		clients[i] = c
	}
	begin := time.Now()
	samples := make([]sample, l.connections)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for i, c := range clients {
		workers.Go(func() {
			if err := l.work(ctx, c, i*len(l.requests)/l.connections, begin.Add(d), &samples[i]); err != nil {
				cancel(err) // the first one counts; the others stop
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := &sample{took: time.Since(begin)}
	for i := range samples {
		all.answers += samples[i].answers
		all.latency.merge(&samples[i].latency)
	}
	return all, nil
}

// work is what one connection does, from request number next on.
func (l *load) work(ctx context.Context, c *client, next int, end time.Time, s *sample) error {
	if err := c.conn.SetDeadline(end.Add(stall)); err != nil {
		return err
	}
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if l.spent != nil {
			if next = int(l.spent.Add(1) - 1); next >= len(l.requests) {
				break
			}
		}
		if err := c.exchange(l.requests[next%len(l.requests)]); err != nil {
			return err
		}
		next++
		done := time.Now()
		s.answers++
		s.latency.add(done.Sub(now))
		if rest := l.every - done.Sub(now); l.every > 0 && rest > 0 {
			time.Sleep(rest)
			done = time.Now()
		}
		now = done
	}
	return ctx.Err()
}
