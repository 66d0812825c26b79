package legacyhash

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptLen      = 60
	bcryptMax      = 72 // bytes of a password that bcrypt sees
	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// parseBcrypt reads $2b$cc$ and 53 letters, which are salt and sum. A cost of 15 is about two seconds.
func parseBcrypt(s string) (Hash, bool) {
	if len(s) != bcryptLen || strings.Trim(s[7:], bcryptAlphabet) != "" {
		return Hash{}, false
	}
	mark, cost := s[:4], s[4:6]
	if mark != "$2a$" && mark != "$2b$" && mark != "$2y$" || cost < "04" || cost > "15" || s[6] != '$' {
		return Hash{}, false
	}
	if _, err := bcrypt.Cost([]byte(s)); err != nil {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		return bcrypt.CompareHashAndPassword([]byte(s), password[:min(len(password), bcryptMax)]) == nil
	}
	return Hash{matches: matches, memory: 5}, true
}

// parseNamedBcrypt reads a bcrypt hash with its name before it: bcrypt$ of Django, {bcrypt} of Spring, {CRYPT} of LDAP, where
// it is one of several that crypt(3) knows, and {BLF-CRYPT} of Dovecot.
func parseNamedBcrypt(s string) (Hash, bool) {
	if inner, found := strings.CutPrefix(s, "bcrypt$"); found {
		return parseBcrypt(inner)
	}
	scheme, inner, found := strings.Cut(s, "}")
	switch strings.ToUpper(scheme) {
	case "{BCRYPT", "{CRYPT", "{BLF-CRYPT":
		h, ok := parseBcrypt(inner)
		return h, found && ok
	}
	return Hash{}, false
}

// parseDjangoBcryptSHA256 reads bcrypt_sha256$ and a bcrypt hash of the hexadecimal of the SHA-256 of the password.
func parseDjangoBcryptSHA256(s string) (Hash, bool) {
	inner, found := strings.CutPrefix(s, "bcrypt_sha256$")
	h, ok := parseBcrypt(inner)
	if !found || !ok {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		sum := sha256.Sum256(password)
		return h.Matches(hex.AppendEncode(nil, sum[:]))
	}
	return Hash{matches: matches, memory: h.memory}, true
}

// parseWordPress reads $wp and a bcrypt hash of the Base64 of an HMAC of the password, which makes all its bytes count.
// WordPress takes white space off both ends of a password, when it is set and when it is used.
func parseWordPress(s string) (Hash, bool) {
	inner, found := strings.CutPrefix(s, "$wp")
	h, ok := parseBcrypt(inner)
	if !found || !ok {
		return Hash{}, false
	}
	matches := func(password []byte) bool {
		mac := hmac.New(sha512.New384, []byte("wp-sha384"))
		mac.Write([]byte(strings.Trim(string(password), " \t\n\r\v\x00"))) // what PHP's trim takes off
		return h.Matches([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
	}
	return Hash{matches: matches, memory: h.memory}, true
}
