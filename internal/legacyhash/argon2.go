package legacyhash

import (
	"crypto/subtle"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/cloakroom-auth/cloakroom/internal/argon"
)

// parseArgon2i reads the PHC form of argon2i. It differs from that of argon2id in its name alone, so package argon reads
// it and holds it to its bounds; only the computation is another.
func parseArgon2i(s string) (Hash, bool) {
	rest, found := strings.CutPrefix(s, "$argon2i$")
	own, err := argon.Parse(argon.Prefix + rest)
	if !found || err != nil {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		p := own.Params
		sum := argon2.Key(password, own.Salt, p.Time, p.Memory, p.Threads, uint32(len(own.Sum)))
		return subtle.ConstantTimeCompare(sum, own.Sum) == 1
	}
	return Hash{matches: matches, memory: own.Memory()}, true
}

// parseDjangoArgon2 reads "argon2" and the PHC form.
func parseDjangoArgon2(s string) (Hash, bool) {
	phc, found := strings.CutPrefix(s, "argon2$")
	if !found {
		return Hash{}, false
	}
	phc = "$" + phc
	if own, err := argon.Parse(phc); err == nil {
		return Hash{matches: own.Matches, memory: own.Memory()}, true
	}
	return parseArgon2i(phc)
}
