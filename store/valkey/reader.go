package valkey

import (
	"encoding/binary"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// reader takes one thing after the other from the front of rest. Once something was missing or too much, it is broken
// and everything that follows is zero.
type reader struct {
	rest   string
	broken bool
}

// take returns the next n bytes, or that many zeros if there are less.
func (r *reader) take(n int) string {
	if r.broken || n < 0 || len(r.rest) < n {
		r.broken = true
		return ""
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// big is the next n bytes as a number.
func (r *reader) big(n int) (v uint64) {
	taken := r.take(n)
	for i := range len(taken) {
		v = v<<8 | uint64(taken[i])
	}
	return v
}

func (r *reader) byte() byte      { return byte(r.big(1)) }
func (r *reader) number() int64   { return int64(r.big(8)) }
func (r *reader) time() time.Time { return moment(r.number()) }
func (r *reader) name() string    { return r.take(int(r.big(2))) }
func (r *reader) text() string    { return r.take(r.length()) }

// length is a number of bytes or things, of which there cannot be more than bytes are left.
func (r *reader) length() int {
	var b [binary.MaxVarintLen64]byte
	v, n := binary.Uvarint(b[:copy(b[:], r.rest)])
	if n <= 0 || v > uint64(len(r.rest)-n) {
		r.broken = true
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

// texts of nothing is nil.
func (r *reader) texts() (all []string) {
	n := r.length()
	if n > 0 {
		all = make([]string, n)
	}
	for i := range all {
		all[i] = r.text()
	}
	return all
}

// section reads what stands between writer.begin and end. It may hold more than this program knows of.
func (r *reader) section() reader {
	inner := r.take(int(r.big(4)))
	return reader{rest: inner, broken: r.broken}
}

// ending is nothing where nothing is left.
func (r *reader) ending() (endsAt time.Time, actor *cloakroom.Actor) {
	if r.broken || r.rest == "" {
		return time.Time{}, nil
	}
	endsAt = r.time()
	if r.byte() == 1 {
		actor = &cloakroom.Actor{UserID: r.text(), SessionID: r.text()}
		actor.Token.Bucket = uint16(r.big(2))
		copy(actor.Token.Hash[:], r.take(len(actor.Token.Hash)))
	}
	return endsAt, actor
}

func (r *reader) chains() []cloakroom.RefreshChain {
	n := int(r.byte())
	if n == 0 || n > maxChains {
		r.broken = r.broken || n > maxChains
		return nil
	}
	chains := make([]cloakroom.RefreshChain, n)
	for i := range chains {
		inner := r.section()
		chains[i] = inner.chain()
		r.broken = r.broken || inner.broken || len(inner.rest) > 0
	}
	return chains
}

func (r *reader) chain() (c cloakroom.RefreshChain) {
	copy(c.Current[:], r.take(len(c.Current)))
	n := int(r.byte())
	if n == 0 || n > maxPast || r.broken {
		r.broken = r.broken || n > maxPast
		return c
	}
	c.Past = make([]cloakroom.Rotated, n)
	for i := range c.Past {
		p := &c.Past[i]
		copy(p.Token[:], r.take(len(p.Token)))
		p.At = r.time()
		p.Sealed = []byte(r.take(int(r.big(2))))
	}
	return c
}
