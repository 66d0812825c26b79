package postgres

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// proxy stands between a store and its server, and cuts the connection on which a word was said: when the server has
// answered it, or before the server hears it.
type proxy struct {
	net.Listener
	server string

	mu     sync.Mutex
	word   []byte
	unsaid bool // cut before the server hears it
	silent bool // say nothing to anybody any more
	conns  []net.Conn
}

func startProxy(t testing.TB, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, server: server}
	t.Cleanup(p.drop)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// cutAt sets the word, for once.
func (p *proxy) cutAt(word string, unsaid bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word, p.unsaid = []byte(word), unsaid
}

func (p *proxy) hush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// drop ends everything.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.Close()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// hears reports what is to be done with what a client says.
func (p *proxy) hears(said []byte) (cut, pass bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.word) > 0 && bytes.Contains(said, p.word) {
		p.word = nil
		return true, !p.unsaid
	}
	return false, !p.silent
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	muted := make(chan struct{})
	go p.answer(client, server, muted)
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		cut, pass := p.hears(buf[:n])
		if cut {
			close(muted)
		}
		if pass {
			_, err = server.Write(buf[:n])
		}
		if err != nil || cut && !pass {
			return
		}
	}
}

// answer passes on what the server says. Once muted, it ends both connections instead.
func (p *proxy) answer(client, server net.Conn, muted chan struct{}) {
	defer client.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-muted:
			return
		default:
		}
		if _, pass := p.hears(nil); !pass {
			continue
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
