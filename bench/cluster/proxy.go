package main

import (
	"net"
	"sync"
	"time"
)

// proxy stands between a node and a server, and lets through what the fault of the moment allows.
type proxy struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	target string
	mode   mode
	lag    time.Duration
	turned chan struct{}         // closed when the mode changes
	links  map[net.Conn]struct{} // both ends of every connection
	closed bool
}

// mode is what a proxy does to connections.
type mode int

const (
	pass  mode = iota
	cut        // all are reset, new ones too
	hole       // nothing comes through and nobody is told; what was sent comes when the hole is mended, as TCP would bring it
	delay      // every piece comes through later
)

// newProxy listens on a free port of loopback and passes everything on to target.
func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, turned: make(chan struct{}), links: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	return p, nil
}

// addr is where the proxy listens.
func (p *proxy) addr() string { return p.listener.Addr().String() }

// aim changes where new connections go. Those there are stay.
func (p *proxy) aim(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// turn changes the mode, also for connections that there are.
func (p *proxy) turn(m mode) { p.become(m, 0) }

// slow is turn(delay) by so much each way.
func (p *proxy) slow(lag time.Duration) { p.become(delay, lag) }

func (p *proxy) become(m mode, lag time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.lag = m, lag
	close(p.turned)
	p.turned = make(chan struct{})
	if m == cut {
		p.reset()
	}
}

// reset ends all connections with RST; p.mu is held.
func (p *proxy) reset() {
	for c := range p.links {
		abort(c)
	}
}

// abort closes a connection so that its other end is told at once that all is lost.
func abort(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// close ends the proxy and all connections, and returns when nothing of it runs.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	close(p.turned)
	p.turned = make(chan struct{})
	p.reset()
	p.mu.Unlock()
	p.running.Wait()
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.keep(c) {
			abort(c)
			continue
		}
		p.running.Go(func() { p.serve(c) })
	}
}

// keep remembers one end of a connection, unless there shall be none.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.mode == cut {
		return false
	}
	p.links[c] = struct{}{}
	return true
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.links, c)
	}
}

// serve connects a client to the target and carries what both say until one of them ends.
func (p *proxy) serve(client net.Conn) {
	defer p.forget(client)
	defer abort(client)
	target, ok := p.admit()
	if !ok {
		return
	}
	server, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return
	}
	defer p.forget(server)
	defer abort(server)
	if !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(server, client) })
	both.Go(func() { p.carry(client, server) })
	both.Wait()
}

// carry brings what from says to to. The end of it is news like all else: in a hole nobody hears of it.
func (p *proxy) carry(to, from net.Conn) {
	defer to.Close() // which ends the other direction, too
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if _, ok := p.admit(); !ok {
			return
		}
		if _, failed := to.Write(piece[:n]); failed != nil || err != nil {
			return
		}
	}
}

// admit returns when something may come through, with the target of new connections; false: nothing will.
func (p *proxy) admit() (target string, ok bool) {
	for lagged := false; ; {
		p.mu.Lock()
		m, lag, turned, closed := p.mode, p.lag, p.turned, p.closed
		target = p.target
		p.mu.Unlock()
		switch {
		case closed || m == cut:
			return "", false
		case m == hole:
			<-turned
		case m == delay && !lagged:
			lagged = true
			select {
			case <-turned:
			case <-time.After(lag):
			}
		default:
			return target, true
		}
	}
}
