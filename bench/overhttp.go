package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// contestant is a server that does the work of a row.
type contestant struct {
	name string
	rows []string
	real bool // the server of ../cmd/cloakroom in place of a kind
	env  []string

	process *process
	load    load

	rate []float64 // requests in a second, for each turn
	cpu  []float64 // microseconds on the processor for a request
	p99  []float64 // milliseconds
}

func contestants() []*contestant {
	return []*contestant{
		{name: "trivial", rows: []string{"T2", "T3", "T5", "T7"}},
		{name: "cloakroom", rows: []string{"T2"}},
		{name: "scs", rows: []string{"T2"}},
		{name: "gorilla", rows: []string{"T2"}},
		{name: "golang-jwt", rows: []string{"T2"}},
		{name: "cloakroom-sql", rows: []string{"T3"}},
		{name: "scs-sql", rows: []string{"T3", "T7"}},
		{name: "scs-sql-slide", rows: []string{"T7"}},
		{name: "cloakroom-still", rows: []string{"T7"}},
		{name: "cloakroom-slide", rows: []string{"T7"}},
		{name: "server", rows: []string{"T5"}, real: true},
		{name: "server, with its log", rows: []string{"T5"}, real: true, env: []string{"CLOAKROOM_LOG_LEVEL=info", "CLOAKROOM_LOG_FORMAT=json"}},
	}
}

// overHTTP is T2, T3, T5 and T7: the same request to everybody over 64 connections.
func (b *bench) overHTTP(ctx context.Context) ([]line, error) {
	field := map[string]*contestant{}
	var order []*contestant
	for _, c := range contestants() {
		if !b.wants(c.rows...) {
			continue
		}
		if err := b.ready(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		defer c.process.stop()
		field[c.name], order = c, append(order, c)
	}
	err := b.turns(ctx, "T2, T3, T5, T7", func() error {
		for _, c := range order {
			if err := c.measure(ctx, b.each); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return race{field}.lines(b), nil
}

// ready starts the server and renders the requests.
func (b *bench) ready(ctx context.Context, c *contestant) error {
	dir, err := b.scratch("kind")
	if err != nil {
		return err
	}
	var credentials []string
	if c.real {
		if credentials, err = furnish(dir, users, 0); err != nil {
			return err
		}
		c.process, err = b.launchServer(ctx, dir, c.env...)
	} else {
		c.process, err = launch(ctx, nil, b.self, "serve", c.name, dir)
	}
	if err != nil {
		return err
	}
	if !c.real {
		if credentials, err = readCredentials(dir); err != nil {
			c.process.stop()
			return err
		}
	}
	c.load = load{addr: c.process.addr, connections: 64}
	if c.real {
		c.load.requests, c.load.want = gets(c.load.addr, "/auth/session", credentials), answer{http.StatusOK, signedInSession}
	} else {
		c.load.requests, c.load.want = gets(c.load.addr, hello, credentials), answer{http.StatusOK, greeting}
	}
	return nil
}

// signedInSession is how GET /auth/session begins to answer somebody who is signed in.
const signedInSession = `{"session":{"id":"ses_`

// measure takes one turn, after a tenth of it to warm up.
func (c *contestant) measure(ctx context.Context, d time.Duration) error {
	if _, err := c.load.run(ctx, d/10); err != nil {
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
	c.rate = append(c.rate, s.rate())
	c.cpu = append(c.cpu, float64((after-before).Nanoseconds())/1000/float64(s.answers))
	c.p99 = append(c.p99, s.latency.quantile(0.99).Seconds()*1000)
	return nil
}

// race is what all contestants did.
type race struct{ field map[string]*contestant }

// ratio is the rate of a contestant over that of the trivial handler.
func (r race) ratio(name string) figure {
	return figureOf("", pairwise(r.field[name].rate, r.field["trivial"].rate, quotient))
}

// note tells the rest of a contestant's figures.
func (r race) note(name string) string {
	cpu := r.field[name].cpu
	ratio := figureOf("", pairwise(r.field["trivial"].cpu, cpu, quotient))
	return fmt.Sprintf("CPU %s, %s µs", short(ratio.Median), short(median(cpu)))
}

func (r race) peers(names ...string) []peer {
	var all []peer
	for _, name := range names {
		all = append(all, peer{name, r.ratio(name), r.note(name)})
	}
	return all
}

// lost is how much longer, in percent, a request of a contestant takes the processor than one of another.
func (r race) lost(name, without string) figure {
	return figureOf("%", pairwise(r.field[name].cpu, r.field[without].cpu, func(a, b float64) float64 { return 100 * (1 - b/a) }))
}

func (r race) lostRate(name, without string) figure {
	return figureOf("%", pairwise(r.field[name].rate, r.field[without].rate, func(a, b float64) float64 { return 100 * (1 - a/b) }))
}

// scale says what all ratios are to.
func (r race) scale() string {
	trivial := r.field["trivial"]
	return fmt.Sprintf("; trivial handler %s requests/s, CPU %s µs", short(median(trivial.rate)), short(median(trivial.cpu)))
}

func (r race) lines(b *bench) (all []line) {
	if b.wants("T2") {
		all = append(all, line{
			Row: "T2", What: "library over HTTP, sessions in memory (there is no cache yet)",
			Ours: r.ratio("cloakroom"), Note: r.note("cloakroom") + r.scale(), Target: atLeast(0.75),
			Peers: r.peers("scs", "gorilla", "golang-jwt"),
		})
	}
	if b.wants("T3") {
		all = append(all, line{
			Row: "T3", What: "library over HTTP, SQLite asked each time", Ours: r.ratio("cloakroom-sql"), Note: r.note("cloakroom-sql"),
			Target: atLeast(0.5), Peers: r.peers("scs-sql"),
		})
	}
	if b.wants("T5") {
		loud := "server, with its log"
		all = append(all, line{
			Row: "T5", What: "GET /auth/session of the server, SQLite asked each time", Target: atLeast(0.4), Ours: r.ratio("server"),
			Note: fmt.Sprintf("%s; with a log line for each %s, %s", r.note("server"), r.ratio(loud), r.note(loud)),
		})
	}
	if b.wants("T7") {
		all = append(all, line{
			Row: "T7", What: "lost to sliding and last-seen, CPU for a request, on SQLite", Target: atMost(3),
			Ours: r.lost("cloakroom-slide", "cloakroom-still"), Note: "requests/s " + r.lostRate("cloakroom-slide", "cloakroom-still").String(),
			Peers: []peer{{"scs-sql", r.lost("scs-sql-slide", "scs-sql"), "requests/s " + r.lostRate("scs-sql-slide", "scs-sql").String()}},
		})
	}
	return all
}
