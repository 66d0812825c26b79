// Package smtpsink is a small SMTP server for tests (RFC 5321): it takes every mail, delivers none, and keeps what clients
// said byte for byte.
//
//	sink := smtpsink.Start(t, smtpsink.Sink{SMTPUTF8: true})
//	… send to sink.Addr() …
//	mails := sink.Mails()
//
// It can be told to misbehave: Reply answers for it, or lets it hang up or fall silent at any command.
//
// Not here: queues, addresses that are looked at, pipelining as an extension. It is for tests only, on loopback.
package smtpsink

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
)

// Sink says what a server is like. The zero Sink speaks plain text, takes mail from everybody, and offers 8BITMIME alone.
// Start it, and read what came while it runs.
type Sink struct {
	TLS      *tls.Config       // STARTTLS is offered; nil: it is not
	Implicit bool              // TLS from the first byte on
	Users    map[string]string // with their passwords; not empty: only they may send
	Auth     []string          // mechanisms, of PLAIN and LOGIN; nil: both
	SMTPUTF8 bool
	// Reply gives another answer than the usual one, such as "550 5.1.1 nobody here", to a line of a client; "" is the
	// usual one. It is asked about the greeting as "", and about the end of the data as ".". It is called by one
	// goroutine for each connection.
	Reply func(line string) string
}

// What Reply may say other than an answer.
const (
	HangUp = "hang up"   // the connection is closed
	Silent = "be silent" // nothing is said until the client has gone
)

// Mail is one mail that was taken.
type Mail struct {
	From   string   // the argument of MAIL FROM between its brackets, byte for byte
	Params string   // what stood behind it, such as BODY=8BITMIME
	To     []string // the arguments of RCPT TO between their brackets
	Data   []byte   // without the dots that were stuffed, lines end with \r\n
	TLS    bool
	User   string // who had signed in
}

// Running is a Sink at work. Its methods are safe for concurrent use.
type Running struct {
	sink     Sink
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	mails []Mail
	lines []string
	open  map[net.Conn]bool
	done  bool
}

// Start lets a Sink listen on a free port of loopback until the test ends.
func Start(tb testing.TB, s Sink) *Running {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r := &Running{sink: s, listener: listener, open: map[net.Conn]bool{}}
	r.work.Go(r.accept)
	tb.Cleanup(r.Close)
	return r
}

// Addr is where it listens: an address of loopback, and a port.
func (r *Running) Addr() string { return r.listener.Addr().String() }

// Close ends all connections. A client that comes later is refused. It may be called twice.
func (r *Running) Close() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.done = true
	for conn := range r.open {
		_ = conn.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}

// Mails are those that were taken, in order.
func (r *Running) Mails() []Mail {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.mails)
}

// Lines are all that clients have said, but for the data of mails, in the order of their arrival.
func (r *Running) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func (r *Running) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		if r.sink.Implicit {
			conn = tls.Server(conn, r.sink.TLS)
		}
		if !r.enter(conn) {
			_ = conn.Close()
			continue
		}
		r.work.Go(func() {
			defer r.leave(conn)
			(&dialogue{running: r, conn: conn, tls: r.sink.Implicit}).speak()
		})
	}
}

func (r *Running) enter(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return false
	}
	r.open[conn] = true
	return true
}

func (r *Running) leave(conn net.Conn) {
	_ = conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
}

func (r *Running) heard(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *Running) take(m Mail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mails = append(r.mails, m)
}
