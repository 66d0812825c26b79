package main

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// contestant is a server that does the work of a row.
type contestant struct {
	name string
	rows []string
	real bool   // the server of ../cmd/cloakroom in place of a kind
	node string // a program of node/ in place of a kind
	env  []string

	postgres, valkey bool   // it is given a database, a server
	path             string // hello, if empty
	want             string // how an answer begins; the greeting, if empty

	process *process
	load    load
	missing string // why it is out of the race

	rate []float64 // requests in a second, for each turn
	cpu  []float64 // microseconds on the processor for a request
	p99  []float64 // milliseconds
}

func (c *contestant) gap() error {
	if c.missing == "" {
		return nil
	}
	return errors.New(c.missing)
}

// ready starts the server and renders the requests.
func (b *bench) ready(ctx context.Context, c *contestant) error {
	dir, err := b.scratch("kind")
	if err != nil {
		return err
	}
	credentials, err := b.begin(ctx, c, dir)
	if err != nil {
		return err
	}
	if c.path == "" {
		c.path, c.want = hello, greeting
	}
	addr := c.process.addr
	c.load = load{addr: addr, connections: 64, requests: gets(addr, c.path, credentials), want: answer{http.StatusOK, c.want}}
	return nil
}

// begin starts the process of a contestant and returns the header fields that it knows people by.
func (b *bench) begin(ctx context.Context, c *contestant, dir string) (credentials []string, err error) {
	env, err := b.engines(c)
	if err != nil {
		return nil, err
	}
	env = append(env, c.env...)
	switch {
	case c.real:
		if credentials, err = furnish(dir, users, 0); err == nil {
			c.process, err = b.launchServer(ctx, dir, env...)
		}
		return credentials, err
	case c.node != "":
		c.process, err = b.launchNode(ctx, c.node, dir)
	default:
		c.process, err = launch(ctx, env, b.self, "serve", c.name, dir)
	}
	if err != nil {
		return nil, err
	}
	return readCredentials(dir)
}

// warmUp is how long the requests last that are not measured before a turn: a tenth of it, but as long as a turn before
// the first, because some compile while they run.
func (c *contestant) warmUp(d time.Duration) time.Duration {
	if len(c.rate) == 0 {
		return d
	}
	return d / 10
}

// measure takes one turn, after it has warmed up.
func (c *contestant) measure(ctx context.Context, d time.Duration) error {
	if _, err := c.load.run(ctx, c.warmUp(d)); err != nil {
		return err
	}
	before, err := c.process.cpu()
	if err != nil {
		return err
	}
	s, err := c.load.run(ctx, d)
	if err != nil {
		return err
	}
	after, err := c.process.cpu()
	if err != nil {
		return err
	}
	c.took(s, after-before)
	return nil
}

// took notes what a turn gave, and how long the process was on the processors for it.
func (c *contestant) took(s *sample, spent time.Duration) {
	spent = max(spent, tick/2) // what is less than a tick is not nothing
	c.rate = append(c.rate, s.rate())
	c.cpu = append(c.cpu, float64(spent.Nanoseconds())/1000/float64(s.answers))
	c.p99 = append(c.p99, s.latency.quantile(0.99).Seconds()*1000)
}
