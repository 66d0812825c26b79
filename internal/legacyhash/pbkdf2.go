package legacyhash

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
)

const (
	// maxRounds is twice what Django asked for in 2025, about one second.
	maxRounds = 2_500_000
	// maxBlocks is rounds by blocks of the sum; Keycloak's 1,300,000 of SHA-1 for a sum of four blocks are within.
	maxBlocks = 6_000_000
	// longestSum is what Keycloak writes, whatever the digest.
	longestSum = 64 // bytes
)

// parseDjangoPBKDF2 reads pbkdf2_sha256$n$salt$sum: the salt is the letters themselves, the sum is base64 with padding.
func parseDjangoPBKDF2(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 4 {
		return Hash{}, false
	}
	var digest func() hash.Hash
	switch part[0] {
	case "pbkdf2_sha256":
		digest = sha256.New
	case "pbkdf2_sha1":
		digest = sha1.New
	default:
		return Hash{}, false
	}
	n, nOK := number(part[1], maxRounds)
	sum, sumOK := unbase64(base64.StdEncoding, part[3])
	if !nOK || !sumOK || len(sum) != digest().Size() {
		return Hash{}, false
	}
	return newPBKDF2(digest, n, []byte(part[2]), sum)
}

// passlib64 is base64 with "." in the place of "+", and no padding.
var passlib64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

// parseWerkzeugPBKDF2 reads pbkdf2:sha256:n$salt$sum and its brothers: the salt is the letters themselves, the sum is hexadecimal.
func parseWerkzeugPBKDF2(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 3 {
		return Hash{}, false
	}
	cost := strings.Split(part[0], ":")
	if len(cost) != 3 || cost[0] != "pbkdf2" || cost[1] == "md5" {
		return Hash{}, false
	}
	newDigest := digest(cost[1])
	n, nOK := number(cost[2], maxRounds)
	sum, err := hex.DecodeString(part[2])
	if newDigest == nil || !nOK || err != nil || len(sum) != newDigest().Size() || strings.ToLower(part[2]) != part[2] {
		return Hash{}, false
	}
	return newPBKDF2(newDigest, n, []byte(part[1]), sum)
}

// parsePasslibPBKDF2 reads $pbkdf2-sha256$n$salt$sum and its brothers. That of SHA-1 has no digest in its name.
func parsePasslibPBKDF2(s string) (Hash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 5 || part[0] != "" {
		return Hash{}, false
	}
	var digest func() hash.Hash
	switch part[1] {
	case "pbkdf2":
		digest = sha1.New
	case "pbkdf2-sha256":
		digest = sha256.New
	case "pbkdf2-sha512":
		digest = sha512.New
	default:
		return Hash{}, false
	}
	n, nOK := number(part[2], maxRounds)
	salt, saltOK := unbase64(passlib64, part[3])
	sum, sumOK := unbase64(passlib64, part[4])
	if !nOK || !saltOK || !sumOK || len(sum) != digest().Size() {
		return Hash{}, false
	}
	return newPBKDF2(digest, n, salt, sum)
}

// newPBKDF2 bounds the work, which each block of the sum costs anew (RFC 8018 §5.2), and what a sum must have to prove
// anything.
func newPBKDF2(digest func() hash.Hash, rounds int, salt, sum []byte) (Hash, bool) {
	size := digest().Size()
	blocks := (len(sum) + size - 1) / size
	if rounds < 1 || rounds > maxRounds || rounds*blocks > maxBlocks {
		return Hash{}, false
	}
	if len(salt) < 1 || len(sum) < 16 || len(sum) > longestSum {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		got, err := pbkdf2.Key(digest, string(password), salt, rounds, len(sum))
		return err == nil && subtle.ConstantTimeCompare(got, sum) == 1
	}
	return Hash{matches: matches, memory: 1}, true
}
