package legacyhash

import (
	"crypto/md5"
	"crypto/subtle"
	"strings"
)

const (
	phpassAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	phpassLen      = 34
	phpassMinLog   = 7  // as phpass has it
	phpassMaxLog   = 21 // phpass goes to 30; 13 is usual
)

// parsePhpass reads $P$, or phpBB's $H$, one letter that tells the rounds, 8 letters of salt, and a sum in 22 letters.
func parsePhpass(s string) (Hash, bool) {
	if len(s) != phpassLen || s[:3] != "$P$" && s[:3] != "$H$" || strings.Trim(s[3:], phpassAlphabet) != "" {
		return Hash{}, false
	}
	log, salt, sum := strings.IndexByte(phpassAlphabet, s[3]), s[4:12], s[12:]
	if log < phpassMinLog || log > phpassMaxLog || strings.IndexByte(phpassAlphabet, sum[21]) > 3 {
		return Hash{}, false // the last letter has two bits
	}
	matches := func(password []byte) bool {
		d := md5.Sum([]byte(salt + string(password)))
		room := make([]byte, 0, len(d)+len(password))
		for range 1 << log {
			d = md5.Sum(append(append(room, d[:]...), password...))
		}
		return subtle.ConstantTimeCompare([]byte(phpass64(d)), []byte(sum)) == 1
	}
	return Hash{matches: matches, memory: 1}, true
}

// phpass64 writes a sum with the lowest six bits first, the bytes taken by threes as a number whose first byte is lowest.
func phpass64(d [md5.Size]byte) string {
	var text strings.Builder
	for i := 0; i < len(d); i += 3 {
		three := d[i:min(i+3, len(d))]
		bits := 0
		for j, b := range three {
			bits |= int(b) << (8 * j)
		}
		for range len(three) + 1 {
			text.WriteByte(phpassAlphabet[bits&63])
			bits >>= 6
		}
	}
	return text.String()
}
