package argon

import (
	"encoding/binary"

	"golang.org/x/crypto/blake2b"
)

// input is what a hash is made of beside its parameters. secret and data are in RFC 9106 and in its examples; the
// hashes of this package have none.
type input struct{ password, salt, secret, data []byte }

// sum computes n bytes of argon2id (RFC 9106 §3.2) in memory, which has at least p.blocks() blocks. What it holds before
// does not matter.
//
// What it holds afterwards is not wiped: that would make every hash dearer by some 3 %, for little. To try a guess against
// it takes all passes but the last (little, if there is but one), and whoever reads the memory of this process reads
// passwords as they arrive.
func (p Params) sum(memory []block, in input, n int) []byte {
	m := newMatrix(memory, p)
	seed := p.seed(in, n)
	for lane := range m.lanes {
		for i := range 2 {
			var text [blockSize]byte
			long(text[:], number(number(seed[:], i), lane))
			m.lane(lane)[i].read(&text)
		}
	}
	clear(seed[:])
	m.fill()
	last := m.last()
	text := last.text()
	out := make([]byte, n)
	long(out, text[:])
	return out
}

// seed is H0 of RFC 9106 §3.2.
func (p Params) seed(in input, n int) [blake2b.Size]byte {
	var all []byte
	for _, v := range []int{int(p.Threads), n, int(p.Memory), int(p.Time), version, typeID} {
		all = number(all, v)
	}
	for _, field := range [][]byte{in.password, in.salt, in.secret, in.data} {
		all = append(number(all, len(field)), field...)
	}
	defer clear(all)
	return blake2b.Sum512(all)
}

func number(b []byte, v int) []byte { return binary.LittleEndian.AppendUint32(b, uint32(v)) }

// long is H' of RFC 9106 §3.3, a BLAKE2b of any length: it fills out.
func long(out, in []byte) {
	in = append(number(nil, len(out)), in...)
	if len(out) <= blake2b.Size {
		digest(out, in)
		return
	}
	for {
		v := blake2b.Sum512(in)
		copy(out, v[:blake2b.Size/2])
		if out = out[blake2b.Size/2:]; len(out) <= blake2b.Size {
			digest(out, v[:])
			return
		}
		in = v[:]
	}
}

// digest is a plain BLAKE2b of 1 to 64 bytes.
func digest(out, in []byte) {
	h, err := blake2b.New(len(out), nil)
	if err != nil {
		panic(err) // out has no such length
	}
	h.Write(in)
	h.Sum(out[:0])
}
