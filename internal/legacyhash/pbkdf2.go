package legacyhash

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"
)

// maxRounds is twice what Django asked for in 2025, about one second.
const maxRounds = 2_500_000

// parseDjangoPBKDF2 reads pbkdf2_sha256$n$salt$sum: the salt is the letters themselves, the sum is base64 with padding.
func parseDjangoPBKDF2(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 4 || part[0] != "pbkdf2_sha256" {
		return Hash{}, false
	}
	sum, ok := unbase64(base64.StdEncoding, part[3])
	if !ok {
		return Hash{}, false
	}
	return newPBKDF2(sha256.New, part[1], []byte(part[2]), sum)
}

// passlib64 is base64 with "." in the place of "+", and no padding.
var passlib64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

// parsePasslibPBKDF2 reads $pbkdf2-sha256$n$salt$sum and its brother.
func parsePasslibPBKDF2(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 5 || part[0] != "" {
		return Hash{}, false
	}
	var digest func() hash.Hash
	switch part[1] {
	case "pbkdf2-sha256":
		digest = sha256.New
	case "pbkdf2-sha512":
		digest = sha512.New
	default:
		return Hash{}, false
	}
	salt, saltOK := unbase64(passlib64, part[3])
	sum, sumOK := unbase64(passlib64, part[4])
	if !saltOK || !sumOK {
		return Hash{}, false
	}
	return newPBKDF2(digest, part[2], salt, sum)
}

func newPBKDF2(digest func() hash.Hash, rounds string, salt, sum []byte) (Hash, bool) {
	n, ok := number(rounds, maxRounds)
	if !ok || len(salt) < 1 || len(sum) != digest().Size() {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		got, err := pbkdf2.Key(digest, string(password), salt, n, len(sum))
		return err == nil && subtle.ConstantTimeCompare(got, sum) == 1
	}
	return Hash{matches: matches, memory: 1}, true
}
