package webhook_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// zone is a name server for tests (RFC 1035), without a network. Each name has the answers to the first, second, …
// question for it; the last goes on. It is asked twice for each look-up, for A and for AAAA.
type zone struct {
	answers map[string][][]string

	mu    sync.Mutex
	asked map[string]int // by name and type
}

// resolver returns one that asks z only.
func (z *zone) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go z.serve(ours)
		return theirs, nil
	}}
}

// serve speaks the form of TCP, two bytes of length before each message (RFC 1035 §4.2.2).
func (z *zone) serve(c net.Conn) {
	defer c.Close()
	for {
		var length uint16
		if binary.Read(c, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		reply := z.reply(query)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

func (z *zone) reply(query []byte) []byte {
	const header, typeA, typeAAAA = 12, 1, 28
	end := header + bytes.IndexByte(query[header:], 0) + 1
	kind := binary.BigEndian.Uint16(query[end:])
	addresses, known := z.next(nameOf(query[header:end]), kind)

	out := append([]byte{}, query[:2]...)
	if !known {
		out = append(out, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0) // no such name
		return append(out, query[header:end+4]...)
	}
	out = append(out, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0)
	out = append(out, query[header:end+4]...)
	count := uint16(0)
	for _, text := range addresses {
		a := netip.MustParseAddr(text)
		if a.Is4() != (kind == typeA) || a.Is6() != (kind == typeAAAA) {
			continue
		}
		count++
		out = append(out, 0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(a.BitLen()/8)) // the same name, class IN, no time to live
		out = append(out, a.AsSlice()...)
	}
	binary.BigEndian.PutUint16(out[6:], count)
	return out
}

func (z *zone) next(name string, kind uint16) (addresses []string, known bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	rounds, known := z.answers[name]
	if !known {
		return nil, false
	}
	if z.asked == nil {
		z.asked = map[string]int{}
	}
	key := name + string(rune(kind))
	round := min(z.asked[key], len(rounds)-1)
	z.asked[key]++
	return rounds[round], true
}

// nameOf reads labels, each after its length.
func nameOf(labels []byte) string {
	var name strings.Builder
	for len(labels) > 1 {
		n := int(labels[0])
		name.Write(labels[1 : 1+n])
		name.WriteByte('.')
		labels = labels[1+n:]
	}
	return name.String()
}
