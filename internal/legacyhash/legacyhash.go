// Package legacyhash reads password hashes that other systems left behind, to verify them once more and then replace
// them. It makes none.
//
// It reads
//
//	bcrypt   $2a$, $2b$ and $2y$ of crypt(3), PHP, Node.js, Rails, Spring …
//	scrypt   $scrypt$ln=…,r=…,p=…$salt$sum of Passlib; scrypt:N:r:p$salt$hex of Werkzeug (Flask)
//	PBKDF2   pbkdf2_sha256$n$salt$sum of Django; $pbkdf2-sha256$ and $pbkdf2-sha512$n$salt$sum of Passlib
//
//	hash, err := legacyhash.Parse(onFile)
//	ok := hash.Matches(password)
//
// A hash that comes from elsewhere is not trusted: one spelling of each, and no costs that nobody means (256 MiB, or
// a few seconds). Matches does the work on the spot; whoever serves many asks for room first, and Memory says how much.
//
// bcrypt never saw more than 72 bytes of a password, so Matches uses the first 72 of a longer one, as the system it
// comes from did. Only that makes the right password right; it is also why such a hash should be replaced as soon as
// the whole password is known. $2x$, the mark of a broken implementation, is refused.
package legacyhash

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// ErrUnknown: not a hash of a kind that is read here, or a malformed or absurdly costly one. It does not quote what
// it saw.
var ErrUnknown = errors.New("unknown or malformed password hash")

const maxLen = 512 // bytes; the longest form, a scrypt one with its largest salt and sum, has about 300

// Hash is a password hash on file. Only Parse makes one.
type Hash struct {
	matches func(password []byte) bool
	memory  int
}

// Matches does the work of the hash and compares in constant time.
func (h Hash) Matches(password []byte) bool { return h.matches(password) }

// Memory is what Matches needs, in KiB.
func (h Hash) Memory() int { return h.memory }

// Parse reads a hash. The only error is ErrUnknown.
func Parse(s string) (Hash, error) {
	if len(s) <= maxLen {
		for _, parse := range [...]func(string) (Hash, bool){
			parseBcrypt, parsePasslibScrypt, parseWerkzeugScrypt, parseDjangoPBKDF2, parsePasslibPBKDF2,
		} {
			if h, ok := parse(s); ok {
				return h, nil
			}
		}
	}
	return Hash{}, ErrUnknown
}

// number reads a decimal from 1 to limit in its one spelling.
func number(s string, limit int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= limit && strconv.Itoa(n) == s
}

// unbase64 is strict where encoding/base64 is not: line breaks are no part of a hash.
func unbase64(e *base64.Encoding, s string) ([]byte, bool) {
	b, err := e.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}
