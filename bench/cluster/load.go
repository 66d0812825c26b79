package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// load is clients at work.
type load struct {
	peers, desks []peer
	journal      *journal
	meter        *meter
	seed         uint64
	names        *atomic.Int64 // of accounts
	pace         time.Duration // between two turns of a client

	stop    context.CancelFunc
	running sync.WaitGroup
}

const (
	roaming = 5                // clients that go to any node
	hurried = 2 * time.Second  // the patience of one that can ask another node
	patient = 20 * time.Second // of one that stays with its node
)

// begin lets clients work until end is called.
func (l *load) begin() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	stream := uint64(0)
	start := func(patience time.Duration, turn func(*worker)) {
		stream++
		w := &worker{load: l, client: newClient(l.meter, patience, l.seed, stream)}
		l.running.Go(func() {
			defer w.client.close()
			for ctx.Err() == nil {
				turn(w)
				time.Sleep(l.pace)
			}
		})
	}
	for range roaming {
		start(hurried, (*worker).turn)
	}
	for _, p := range l.peers {
		start(patient, func(w *worker) { w.pulse(p) })
		start(patient, func(w *worker) { w.watch(p) })
	}
}

// end returns when all clients have got their last answer.
func (l *load) end() {
	l.stop()
	l.running.Wait()
}
