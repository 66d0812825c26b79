package legacyhash

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash"
)

// Versions of ASP.NET Identity's hash, its first byte.
const (
	aspnet2 = 0x00
	aspnet3 = 0x01
)

// parseASPNET reads the Base64 that ASP.NET Identity keeps.
func parseASPNET(s string) (Hash, bool) {
	blob, ok := unbase64(base64.StdEncoding, s)
	if !ok || len(blob) == 0 {
		return Hash{}, false
	}
	switch blob[0] {
	case aspnet2:
		return newASPNET2(blob[1:])
	case aspnet3:
		return newASPNET3(blob[1:])
	}
	return Hash{}, false
}

// newASPNET2: a salt of 16 bytes and a sum of 32; the rest is fixed.
func newASPNET2(b []byte) (Hash, bool) {
	if len(b) != 16+32 {
		return Hash{}, false
	}
	return newPBKDF2(sha1.New, 1000, b[:16], b[16:])
}

// newASPNET3: digest, rounds and length of the salt, each in four bytes, the highest first; the salt; and the sum.
func newASPNET3(b []byte) (Hash, bool) {
	const head = 3 * 4
	if len(b) < head {
		return Hash{}, false
	}
	kind, rounds, saltLen := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	digests := [...]func() hash.Hash{sha1.New, sha256.New, sha512.New}
	b = b[head:]
	if kind >= uint32(len(digests)) || rounds > maxRounds || saltLen < 8 || uint64(saltLen) > uint64(len(b)) {
		return Hash{}, false
	}
	return newPBKDF2(digests[kind], int(rounds), b[:saltLen], b[saltLen:])
}
