// Package id makes public identifiers: a prefix that says of what, and a UUIDv7 (RFC 9562 §5.7) in 32 hexadecimal
// digits. They sort by time of birth, to the microsecond, and grant nothing.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// New returns prefix and a fresh UUIDv7 of this moment.
func New(prefix string, now time.Time) string {
	var u [16]byte
	_, _ = rand.Read(u[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(u[:6], ms[2:])
	fraction := now.Nanosecond() % 1e6 << 12 / 1e6 // of the millisecond, in 12 bits (RFC 9562 §6.2, method 3)
	u[6], u[7] = byte(fraction>>8)|0x70, byte(fraction)
	u[8] = u[8]&0x3f | 0x80
	return prefix + hex.EncodeToString(u[:])
}
