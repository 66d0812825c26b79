package argon

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

// TestRFC9106 is the example of §5.3.
func TestRFC9106(t *testing.T) {
	in := input{
		password: bytes.Repeat([]byte{1}, 32), salt: bytes.Repeat([]byte{2}, 16),
		secret: bytes.Repeat([]byte{3}, 8), data: bytes.Repeat([]byte{4}, 12),
	}
	const want = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
	p := Params{Memory: 32, Time: 3, Threads: 4}
	if got := hex.EncodeToString(p.sum(make([]block, 32), in, 32)); got != want {
		t.Errorf("tag %s, want %s", got, want)
	}
}

// dirty is memory that is too large and full of something.
func dirty(p Params) []block {
	m := make([]block, p.blocks()+3)
	for i := range m {
		for j := range m[i] {
			m[i][j] = 0xdeadbeef * uint64(i+j)
		}
	}
	return m
}

// TestAsXCrypto holds every kind of parameter against the other implementation. The memory is dirty and used by all.
func TestAsXCrypto(t *testing.T) {
	memory := dirty(Params{Memory: 2100, Threads: 1})
	for time := uint32(1); time <= 4; time++ {
		for lanes := uint32(1); lanes <= 4; lanes++ {
			sizes := []uint32{8 * lanes, 8*lanes + 1, 12*lanes - 1, 100, 255, 256}
			if time <= 2 {
				sizes = append(sizes, 520*lanes, 2100) // segments of more than one block of addresses
			}
			for _, size := range sizes {
				p := Params{Memory: size, Time: time, Threads: uint8(lanes)}
				for i, n := range []int{1, 16, 32, 63, 64, 65, 96, 97, 200} {
					in := input{password: bytes.Repeat([]byte("pw"), 31*i), salt: bytes.Repeat([]byte{7}, 8+i)}
					sameAsXCrypto(t, p, memory, in, n)
				}
			}
		}
	}
}

func sameAsXCrypto(t *testing.T, p Params, memory []block, in input, n int) {
	t.Helper()
	got := p.sum(memory, in, n)
	want := argon2.IDKey(in.password, in.salt, p.Time, p.Memory, p.Threads, uint32(n))
	if !bytes.Equal(got, want) {
		t.Errorf("%v, password of %d bytes, salt of %d, tag of %d: %x, want %x", p, len(in.password), len(in.salt), n, got, want)
	}
}

func FuzzAsXCrypto(f *testing.F) {
	f.Add([]byte("secret"), []byte("sixteen bytes ok"), uint16(64), uint8(1), uint8(1), uint8(32))
	f.Add([]byte{}, []byte{}, uint16(1), uint8(3), uint8(4), uint8(255))
	memory := dirty(Params{Memory: 1 << 11, Threads: 1})
	f.Fuzz(func(t *testing.T, password, salt []byte, size uint16, time, lanes, n uint8) {
		p := Params{Time: 1 + uint32(time)%4, Threads: 1 + lanes%8}
		p.Memory = 8*uint32(p.Threads) + uint32(size)%1024
		sameAsXCrypto(t, p, memory, input{password: password, salt: salt}, 1+int(n))
	})
}

func TestNothingBehindTheBlocksIsTouched(t *testing.T) {
	p := Params{Memory: 67, Time: 2, Threads: 4}
	if p.blocks() != 64 {
		t.Fatalf("%d blocks of %v, want 64", p.blocks(), p)
	}
	m := dirty(p)
	behind := [3]block(m[64:])
	p.sum(m, input{password: []byte("secret")}, 32)
	if [3]block(m[64:]) != behind {
		t.Error("a hash wrote behind its blocks")
	}
}

// BenchmarkHash has in one run and in turns, for the machine is not the same from second to second: this package, and
// x/crypto, which takes its memory anew for each hash. least-ms is our quickest hash, vs-x/crypto the ratio of it to theirs.
func BenchmarkHash(b *testing.B) {
	for _, p := range []Params{Default, {Memory: 46 * 1024, Time: 1, Threads: 1}} {
		b.Run(fmt.Sprint(p), func(b *testing.B) {
			memory := reserve(p.blocks())
			defer release(memory)
			password, salt := []byte("correct horse battery staple"), make([]byte, saltLen)
			ours, theirs := time.Hour, time.Hour
			for b.Loop() {
				start := time.Now()
				p.sum(memory, input{password: password, salt: salt}, sumLen)
				turn := time.Now()
				argon2.IDKey(password, salt, p.Time, p.Memory, p.Threads, sumLen)
				ours, theirs = min(ours, turn.Sub(start)), min(theirs, time.Since(turn))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ours.Seconds()*1000, "least-ms")
			b.ReportMetric(float64(ours)/float64(theirs), "vs-x/crypto")
		})
	}
}

func BenchmarkCompress(b *testing.B) {
	m := dirty(Params{Memory: 8, Threads: 1})
	for b.Loop() {
		compress(&m[0], &m[1], &m[2], &m[3], true)
	}
}
