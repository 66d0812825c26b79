package legacyhash

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/scrypt"
)

const (
	scryptMemory = 256 << 10 // KiB: N = 2¹⁸ with r = 8
	scryptWork   = 1 << 20   // KiB: memory × p
)

// parsePasslibScrypt reads $scrypt$ln=…,r=…,p=…$salt$sum, both base64 without padding.
func parsePasslibScrypt(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 5 || part[0] != "" || part[1] != "scrypt" {
		return Hash{}, false
	}
	cost := strings.Split(part[2], ",")
	if len(cost) != 3 {
		return Hash{}, false
	}
	var n [3]int
	for i, key := range [...]string{"ln=", "r=", "p="} {
		digits, found := strings.CutPrefix(cost[i], key)
		v, ok := number(digits, 1<<10)
		if !found || !ok {
			return Hash{}, false
		}
		n[i] = v
	}
	salt, saltOK := unbase64(base64.RawStdEncoding, part[3])
	sum, sumOK := unbase64(base64.RawStdEncoding, part[4])
	if !saltOK || !sumOK || n[0] > 24 {
		return Hash{}, false
	}
	return newScrypt(1<<n[0], n[1], n[2], salt, sum)
}

// parseDjangoScrypt reads scrypt$N$salt$r$p$sum: the salt is the letters themselves, the sum is base64 with padding.
func parseDjangoScrypt(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "scrypt" {
		return Hash{}, false
	}
	n, nOK := number(part[1], 1<<24)
	r, rOK := number(part[3], 1<<10)
	p, pOK := number(part[4], 1<<10)
	sum, sumOK := unbase64(base64.StdEncoding, part[5])
	if !nOK || !rOK || !pOK || !sumOK {
		return Hash{}, false
	}
	return newScrypt(n, r, p, []byte(part[2]), sum)
}

// parseWerkzeugScrypt reads scrypt:N:r:p$salt$sum: the salt is the letters themselves, the sum is hexadecimal.
func parseWerkzeugScrypt(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 3 {
		return Hash{}, false
	}
	cost := strings.Split(part[0], ":")
	if len(cost) != 4 || cost[0] != "scrypt" {
		return Hash{}, false
	}
	n, nOK := number(cost[1], 1<<24)
	r, rOK := number(cost[2], 1<<10)
	p, pOK := number(cost[3], 1<<10)
	sum, err := hex.DecodeString(part[2])
	if !nOK || !rOK || !pOK || err != nil || strings.ToLower(part[2]) != part[2] {
		return Hash{}, false
	}
	return newScrypt(n, r, p, []byte(part[1]), sum)
}

func newScrypt(n, r, p int, salt, sum []byte) (Hash, bool) {
	memory, ok := scryptCost(n, r, p)
	if !ok || len(salt) < 1 || len(sum) < 16 || len(sum) > 64 {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		got, err := scrypt.Key(password, salt, n, r, p, len(sum))
		return err == nil && subtle.ConstantTimeCompare(got, sum) == 1
	}
	return Hash{matches: matches, memory: memory}, true
}

// scryptCost is the memory in KiB, and whether anybody would want that.
func scryptCost(n, r, p int) (memory int, ok bool) {
	wanted := (int64(n)*int64(r)*128 + 1023) / 1024
	return int(wanted), n >= 2 && n&(n-1) == 0 && wanted <= scryptMemory && wanted*int64(p) <= scryptWork
}
