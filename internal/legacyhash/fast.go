package legacyhash

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
)

const maxFastSalt = 128 // bytes

// FastHash is a hash that must not be kept as it is. Only ParseFast makes one. To keep it:
//
//	phc, err := pool.Hash(ctx, fast.Sum()) // argon2id
//	line := fast.Wrapped(phc)
type FastHash struct {
	recipe recipe
	sum    []byte
}

// Sum is what stands for the password. It opens the account to whoever knows how it was made.
func (f FastHash) Sum() []byte { return f.sum }

// Wrapped is the line to keep, which Parse reads. phc is the argon2id hash of Sum.
func (f FastHash) Wrapped(phc string) string { return f.recipe.String() + phc }

func (f FastHash) kind() string {
	if len(f.recipe.salt) > 0 {
		return "salted-" + f.recipe.digest
	}
	return f.recipe.digest
}

// ParseFast reads a fast hash. The only error is ErrUnknown.
func ParseFast(s string) (FastHash, error) {
	if printable(s) {
		for _, parse := range [...]func(string) (FastHash, bool){parseHex, parseDjangoFast, parseLDAP} {
			if f, ok := parse(s); ok && len(f.recipe.salt) <= maxFastSalt {
				return f, nil
			}
		}
	}
	return FastHash{}, ErrUnknown
}

// parseHex reads a sum alone. Its length says what it is.
func parseHex(s string) (FastHash, bool) {
	sum, err := hex.DecodeString(s)
	if err != nil {
		return FastHash{}, false
	}
	for _, name := range [...]string{"md5", "sha1", "sha256", "sha512"} {
		if digest(name)().Size() == len(sum) {
			return FastHash{recipe{digest: name}, sum}, true
		}
	}
	return FastHash{}, false
}

// parseDjangoFast reads sha1$salt$hex: the salt is the letters themselves, which may be none.
func parseDjangoFast(s string) (FastHash, bool) {
	part := strings.Split(s, "$")
	if len(part) != 3 {
		return FastHash{}, false
	}
	newDigest := digest(part[0])
	sum, err := hex.DecodeString(part[2])
	if newDigest == nil || err != nil || len(sum) != newDigest().Size() {
		return FastHash{}, false
	}
	return FastHash{recipe{digest: part[0], salt: part[1]}, sum}, true
}

// parseLDAP reads {SSHA} and Base64 of the sum and the salt, and {SHA}, which has none.
func parseLDAP(s string) (FastHash, bool) {
	scheme, text, found := strings.Cut(s, "}")
	var name string
	switch strings.ToUpper(scheme) {
	case "{MD5", "{SMD5":
		name = "md5"
	case "{SHA", "{SSHA":
		name = "sha1"
	case "{SHA256", "{SSHA256":
		name = "sha256"
	case "{SHA512", "{SSHA512":
		name = "sha512"
	default:
		return FastHash{}, false
	}
	b, ok := unbase64(base64.StdEncoding, text)
	if size := digest(name)().Size(); found && ok && len(b) >= size {
		salted := strings.HasPrefix(strings.ToUpper(scheme), "{SS") || strings.EqualFold(scheme, "{SMD5")
		sum, salt := b[:size], string(b[size:])
		return FastHash{recipe{digest: name, salt: salt, last: salted}, sum}, salted == (salt != "")
	}
	return FastHash{}, false
}

// digest by its name; nil for another.
func digest(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	}
	return nil
}
