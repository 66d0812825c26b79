package argon

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
)

// Params is what a hash costs.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes over the memory
	Threads uint8  // lanes, for which others take a core each; here they are computed in turn, on one
}

// Default is what OWASP's Password Storage Cheat Sheet asks for at least: 19 MiB, two passes, one lane. It takes
// about 20 ms of a current core.
var Default = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// The largest costs that Parse and NewPool accept: 256 MiB, and 1 GiB touched in all passes together, which is about
// one second. Other libraries' defaults (64 MiB, three or four passes, four lanes) lie well within.
const (
	MaxMemory  = 256 * 1024 // KiB
	maxWork    = 1024 * 1024
	maxThreads = 16
)

const (
	saltLen, sumLen       = 16, 32 // what we make
	minSaltLen, minSumLen = 8, 16  // what we read: RFC 9106 §3.1 asks for 8 and 4, but 4 bytes prove nothing
	maxSaltLen, maxSumLen = 64, 64
)

// Check refuses what cannot be hashed with, or is so much that only a mistake or an enemy wants it.
func (p Params) Check() error {
	switch {
	case p.Time < 1 || p.Threads < 1 || p.Memory < 8*uint32(p.Threads): // RFC 9106 §3.1
		return fmt.Errorf("argon2id needs t ≥ 1, p ≥ 1 and m ≥ 8·p: %v", p)
	case p.Memory > MaxMemory || p.work() > maxWork || p.Threads > maxThreads:
		return fmt.Errorf("argon2id is bounded to m ≤ %d, m·t ≤ %d and p ≤ %d: %v", MaxMemory, maxWork, maxThreads, p)
	}
	return nil
}

// Weak reports whether an attacker with the hashes pays less than OWASP asks for: 19 MiB in two passes, or 46 MiB in
// one.
func (p Params) Weak() bool {
	enough := p.Memory >= 19*1024 && p.Time >= 2 || p.Memory >= 46*1024 && p.Time >= 1
	return !enough
}

func (p Params) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", p.Memory, p.Time, p.Threads) }

func (p Params) work() uint64 { return uint64(p.Memory) * uint64(p.Time) }

// hash makes a new hash of the password with a salt of its own, in memory as sum takes it.
func (p Params) hash(memory []block, password []byte) Hash {
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails, see crypto/rand
	return Hash{Params: p, Salt: salt, Sum: p.sum(memory, input{password: password, salt: salt}, sumLen)}
}

// Hash is a password hash and all that is needed to make it again.
type Hash struct {
	Params Params
	Salt   []byte
	Sum    []byte
}

// Matches does the work and compares in constant time. It takes memory of its own and asks nobody for room: go through
// a Pool.
func (h Hash) Matches(password []byte) bool {
	return h.matches(make([]block, h.Params.blocks()), password)
}

func (h Hash) matches(memory []block, password []byte) bool {
	sum := h.Params.sum(memory, input{password: password, salt: h.Salt}, len(h.Sum))
	return subtle.ConstantTimeCompare(h.Sum, sum) == 1
}

// Memory is what Matches needs, in KiB.
func (h Hash) Memory() int { return int(h.Params.Memory) }

// Outdated reports whether a new hash with these parameters would cost an attacker more: more memory, or more work
// (memory × passes), or a longer salt or sum. A hash that costs more already is never made cheaper.
func (h Hash) Outdated(now Params) bool {
	return h.Params.Memory < now.Memory || h.Params.work() < now.work() || len(h.Salt) < saltLen || len(h.Sum) < sumLen
}
