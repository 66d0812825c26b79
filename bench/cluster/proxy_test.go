package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// echo is a server that says back every line, with its name before it.
func echo(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if lines.Text() == "bye" {
						return
					}
					io.WriteString(c, name+lines.Text()+"\n")
				}
			}()
		}
	}()
	return l.Addr().String()
}

// caller is a client of the echo.
type caller struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func call(t *testing.T, addr string) *caller {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &caller{t, c, bufio.NewReader(c)}
}

func (c *caller) says(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) hears(want string) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	got, err := c.lines.ReadString('\n')
	if err != nil || got != want+"\n" {
		c.t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

// hearsNothing waits a moment: it can miss that something comes late, and never fails by chance.
func (c *caller) hearsNothing() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	var timeout net.Error
	if got, err := c.lines.ReadString('\n'); !errors.As(err, &timeout) || !timeout.Timeout() {
		c.t.Fatalf("heard %q, %v in the hole", got, err)
	}
}

func (c *caller) isReset() {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.lines.ReadString('\n'); !errors.Is(err, syscall.ECONNRESET) {
		c.t.Fatalf("not reset: %v", err)
	}
}

// isRefused connects anew: the reset may come before the connection is known to be there.
func isRefused(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("not reset: %v", err)
	}
}

func between(t *testing.T, target string) *proxy {
	t.Helper()
	p, err := newProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func TestProxyPasses(t *testing.T) {
	p := between(t, echo(t, ""))
	a, b := call(t, p.addr()), call(t, p.addr())
	a.says("one")
	b.says("two")
	a.hears("one")
	b.hears("two")
	a.says("bye")
	a.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := a.lines.ReadString('\n'); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("the end does not come through: %v", err)
	}
	b.says("three")
	b.hears("three")
}

func TestProxyCuts(t *testing.T) {
	p := between(t, echo(t, ""))
	old := call(t, p.addr())
	old.says("one")
	old.hears("one")
	p.turn(cut)
	old.isReset()
	isRefused(t, p.addr())
	p.turn(pass)
	again := call(t, p.addr())
	again.says("two")
	again.hears("two")
}

func TestProxyHole(t *testing.T) {
	p := between(t, echo(t, ""))
	old := call(t, p.addr())
	old.says("one")
	old.hears("one")
	p.turn(hole)
	old.says("two")
	old.hearsNothing()
	fresh := call(t, p.addr()) // nobody says that it leads nowhere
	fresh.says("three")
	fresh.hearsNothing()
	p.turn(pass)
	old.hears("two") // as TCP would bring it
	fresh.hears("three")
}

func TestProxyHoleThenCut(t *testing.T) {
	p := between(t, echo(t, ""))
	c := call(t, p.addr())
	p.turn(hole)
	c.says("lost")
	c.hearsNothing()
	p.turn(cut)
	c.isReset()
}

func TestProxyDelays(t *testing.T) {
	const lag = 50 * time.Millisecond
	p := between(t, echo(t, ""))
	c := call(t, p.addr())
	c.says("one")
	c.hears("one")
	p.slow(lag)
	begin := time.Now()
	c.says("two")
	c.hears("two")
	if took := time.Since(begin); took < 2*lag {
		t.Errorf("there and back in %v", took)
	}
}

func TestProxyAims(t *testing.T) {
	p := between(t, echo(t, "first "))
	old := call(t, p.addr())
	old.says("a")
	old.hears("first a")
	p.aim(echo(t, "second "))
	fresh := call(t, p.addr())
	fresh.says("b")
	fresh.hears("second b")
	old.says("c")
	old.hears("first c")
}

// TestProxyTargetIsAway: nobody listens behind it.
func TestProxyTargetIsAway(t *testing.T) {
	p := between(t, "127.0.0.1:1")
	isRefused(t, p.addr())
}

// TestProxyCloses ends it in a hole: nothing of it stays, or close would not return.
func TestProxyCloses(t *testing.T) {
	p := between(t, echo(t, ""))
	c := call(t, p.addr())
	c.says("one")
	c.hears("one")
	p.turn(hole)
	c.says("two")
	p.close()
	c.isReset()
}
