package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

// nodes are processes with the library as it comes, on one PostgreSQL. People sign out at one of them, and the others
// are asked from when on they refuse the session, which all have in their caches.
type nodes struct {
	addrs   []string
	cookies []string // header fields of those who are still signed in

	p99, longest []float64 // milliseconds, for each turn
	all          histogram
	count        int // log-outs heard, once for each node that heard it
	stop         func()
}

// nodeCount is how many nodes there are.
const nodeCount = 3

// startNodes starts the nodes, with people in them.
func (b *bench) startNodes(ctx context.Context) (_ *nodes, err error) {
	dsn, err := b.database()
	if err != nil {
		return nil, err
	}
	first, err := oursOnPostgres(dsn, users, cloakroom.Config{})
	if err != nil {
		return nil, err
	}
	n := &nodes{cookies: first.credentials}
	if err := first.close(); err != nil {
		return nil, err
	}
	var running []*process
	n.stop = func() {
		for _, p := range running {
			p.stop()
		}
	}
	for range nodeCount {
		dir, err := b.scratch("node")
		if err != nil {
			n.stop()
			return nil, err
		}
		p, err := launch(ctx, []string{postgresVariable + "=" + dsn}, b.self, "serve", "cloakroom-node", dir)
		if err != nil {
			n.stop()
			return nil, err
		}
		running, n.addrs = append(running, p), append(n.addrs, p.addr)
	}
	return n, nil
}

// oursAsNode is the library on a database that has people in it already, with its API beside the greeting.
func oursAsNode(dsn string) (*world, error) {
	w, err := oursOnPostgres(dsn, 0, cloakroom.Config{})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+hello, w.handler)
	mux.Handle("/auth/", api.New(w.auth))
	w.handler = mux
	return w, nil
}

// turn signs out at most so many people within d.
func (n *nodes) turn(ctx context.Context, d time.Duration, most int) error {
	var here histogram
	for begin, i := time.Now(), 0; i < most && (i == 0 || time.Since(begin) < d); i++ {
		cookie := n.cookies[0]
		n.cookies = n.cookies[1:]
		lags, err := n.leave(ctx, cookie, rand.IntN(len(n.addrs)))
		if err != nil {
			return err
		}
		for _, lag := range lags {
			here.add(lag)
			n.count++
		}
	}
	n.all.merge(&here)
	n.p99 = append(n.p99, milliseconds(here.quantile(0.99)))
	n.longest = append(n.longest, milliseconds(here.quantile(1)))
	return nil
}

// leave signs one out at a node and returns how long after its answer each other node still took the session.
func (n *nodes) leave(ctx context.Context, cookie string, at int) ([]time.Duration, error) {
	for _, addr := range n.addrs {
		if _, err := until(ctx, addr, cookie, http.StatusOK); err != nil {
			return nil, fmt.Errorf("a good session: %w", err)
		}
	}
	time.Sleep(rand.N(20 * time.Millisecond)) // so that it falls anywhere into the rounds of the others
	here := leavers{url: "http://" + n.addrs[at]}
	if err := here.post(ctx, "/auth/logout", cookie, nil, http.StatusNoContent, nil); err != nil {
		return nil, err
	}
	lags, errs := make([]time.Duration, len(n.addrs)), make([]error, len(n.addrs))
	var asking sync.WaitGroup
	for i, addr := range n.addrs {
		asking.Go(func() { lags[i], errs[i] = until(ctx, addr, cookie, http.StatusUnauthorized) })
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("a session after its log-out: %w", err)
	}
	return append(lags[:at], lags[at+1:]...), nil
}

// until asks a node about a session until the answer has this status, and returns how long that took.
func until(ctx context.Context, addr, cookie string, status int) (time.Duration, error) {
	c, err := dial(ctx, addr, answer{})
	if err != nil {
		return 0, err
	}
	defer c.close()
	request := gets(addr, hello, []string{cookie})[0]
	for begin := time.Now(); ; time.Sleep(50 * time.Microsecond) {
		got, _, err := c.ask(request)
		took := time.Since(begin)
		switch {
		case err != nil:
			return took, err
		case got == status:
			return took, nil
		case ctx.Err() != nil || took > stall:
			return took, fmt.Errorf("after %v it is still answered %d, not %d", took, got, status)
		}
	}
}
