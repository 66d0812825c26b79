// Package legacyhash reads password hashes that other systems left behind, to verify them once more and then replace
// them. It makes none.
//
//	hash, err := legacyhash.Parse(onFile)
//	ok := hash.Matches(password)
//
// Parse reads, one line each:
//
//	argon2     $argon2i$v=19$m=…,t=…,p=…$salt$sum (PHC form); also with Django's "argon2" before it, and argon2id then
//	bcrypt     $2a$, $2b$ and $2y$ of crypt(3), PHP, Node.js, Rails, Spring …; also with bcrypt$ before it (Django), and with
//	           {bcrypt} (Spring), {CRYPT} (LDAP) and {BLF-CRYPT} (Dovecot), in capitals or not; bcrypt_sha256$$2b$… of Django
//	WordPress  $wp$2y$…, since WordPress 6.8; before that it wrote phpass
//	phpass     $P$ and $H$: WordPress, phpBB and others in PHP
//	scrypt     $scrypt$ln=…,r=…,p=…$salt$sum of Passlib; scrypt:N:r:p$salt$hex of Werkzeug (Flask);
//	           scrypt$N$salt$r$p$sum of Django
//	Firebase   $firebase-scrypt$hash=…$salt=…$sk=…$ss=…$r=…$m=…, made by Firebase.Text of what Firebase exports
//	PBKDF2     pbkdf2_sha256$n$salt$sum and pbkdf2_sha1 of Django; $pbkdf2$ (SHA-1), $pbkdf2-sha256$ and -sha512$n$salt$sum of
//	           Passlib; pbkdf2:sha256:n$salt$hex of Werkzeug, with sha1 and sha512, too
//	Keycloak   $keycloak-pbkdf2$, -sha256$ and -sha512$n$salt$sum, made by Keycloak of what it exports
//	ASP.NET    the Base64 of Identity's versions 2 and 3
//	wrapped    $cloakroom-wrapped$…, see below
//
// # Fast hashes
//
// A single MD5, SHA-1 or SHA-2, with salt or without, is computed a billion times a second by whoever gets hold of
// it. Such a hash is not to be kept. ParseFast reads it, the caller hashes its Sum once more with argon2id, and
// Wrapped puts both into one line, which Parse reads; the password then proves itself through both. ParseFast reads
//
//	hexadecimal of 32, 40, 64 or 128 digits: MD5, SHA-1, SHA-256, SHA-512 without a salt
//	md5$salt$hex, sha1$…, sha256$…, sha512$…: the digest of salt and password, as Django wrote it
//	{MD5}, {SHA}, {SHA256}, {SHA512} and Base64, as LDAP has it (RFC 2307)
//	{SMD5}, {SSHA}, {SSHA256}, {SSHA512} and Base64 of the digest of password and salt, and of the salt
//
// The kind decides what is fast, not the cost: PBKDF2 in ten rounds is taken as it is.
//
// # Bounds
//
// A hash that comes from elsewhere is not trusted: one spelling of each, at most 512 bytes, no control characters,
// and no costs that nobody means, about two seconds of a core at the most:
//
//	argon2     256 MiB, 1 GiB in all passes, 16 lanes
//	bcrypt     cost 15
//	scrypt     256 MiB, and 1 GiB for all p together; Firebase's too
//	PBKDF2     2,500,000 rounds, and 6,000,000 for all blocks of a sum that is longer than the digest
//	phpass     2²¹ rounds
//
// Matches does the work on the spot; whoever serves many asks for room first, and Memory says how much.
//
// # What is not here
//
// bcrypt never saw more than 72 bytes of a password, so Matches uses the first 72 of a longer one, as the system it
// comes from did. Only that makes the right password right; it is also why such a hash should be replaced as soon as
// the whole password is known. $2x$, the mark of a broken implementation, is refused; so are argon2d, whose use of
// memory depends on the password, and crypt(3)'s other kinds.
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

const maxLen = 512 // bytes; the longest form, a wrapped hash with its largest salts, has about 450

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
	h, _, err := parse(s)
	return h, err
}

// parse is Parse and says by which name Identify knows the hash.
func parse(s string) (h Hash, kind string, err error) {
	if !printable(s) {
		return Hash{}, "", ErrUnknown
	}
	for _, reader := range [...]struct {
		kind string
		read func(string) (Hash, bool)
	}{
		{"bcrypt", parseBcrypt},
		{"bcrypt", parseNamedBcrypt},
		{"django-bcrypt-sha256", parseDjangoBcryptSHA256},
		{"wordpress", parseWordPress},
		{"phpass", parsePhpass},
		{"argon2i", parseArgon2i},
		{"django-argon2", parseDjangoArgon2},
		{"scrypt", parsePasslibScrypt},
		{"werkzeug-scrypt", parseWerkzeugScrypt},
		{"django-scrypt", parseDjangoScrypt},
		{"firebase-scrypt", parseFirebase},
		{"django-pbkdf2", parseDjangoPBKDF2},
		{"pbkdf2", parsePasslibPBKDF2},
		{"werkzeug-pbkdf2", parseWerkzeugPBKDF2},
		{"keycloak-pbkdf2", parseKeycloak},
		{"aspnet-identity", parseASPNET},
		{"cloakroom-wrapped", parseWrapped},
	} {
		if h, ok := reader.read(s); ok {
			return h, reader.kind, nil
		}
	}
	return Hash{}, "", ErrUnknown
}

// Unusable reports whether s is what Django keeps where an account has no password: an exclamation mark, and perhaps random
// letters behind it.
func Unusable(s string) bool {
	return strings.HasPrefix(s, "!") && len(s) <= 41 && !strings.ContainsFunc(s[1:], func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
}

// printable: a hash is a line, whatever its salt.
func printable(s string) bool {
	return len(s) <= maxLen && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
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
