// Package password signs people in with a password.
//
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:   store,
//		Methods: []cloakroom.Method{password.Method{Words: []string{"Acme"}}},
//	})
//
// # What may be a password
//
// 8 to 1,024 bytes of any valid Unicode but U+0000, which no keyboard sends and where other programs cut a password
// off, without rules of composition and without expiry (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 §6.2). It is
// brought to Unicode NFC, so that "é" is one password whether a keyboard sends it as one character or two, and then
// every byte counts: nothing is cut or folded. Refused, with a reason, are passwords that attackers try first: the
// commonest of leaked lists, those that consist of the user's e-mail or name or of the product's words and nothing
// but digits or punctuation beside, and, if Breached is set, all that a service knows from breaches. A change must be
// one: the password in force is refused as a new one, and with a History the last ones before it, too. A code of the
// field "password" says which rule it was, the first of
//
//	password_required   empty (signing in only; a new one is too short)
//	invalid_password    not valid UTF-8, or with U+0000 in it
//	password_too_short  fewer than Method.MinLength characters
//	password_too_long   more than 1,024 bytes
//	password_common     on the list of common passwords
//	password_context    made of the user's e-mail or name, or of Method.Words
//	password_unchanged  the one that is in force
//	password_reused     one of the Method.History before that
//	password_pwned      known from a breach, says Method.Breached
//
// # How it is kept
//
// As argon2id in PHC form (RFC 9106), 19 MiB and two passes if not told otherwise. Hashing happens in a Pool, a budget
// of memory and cores for the whole process; past it, signing in answers 503 with Retry-After while everybody who is
// signed in already goes on.
//
// A sign-in replaces the hash on file when the parameters have grown, or when it comes from another system. A bcrypt
// hash knows the first 72 bytes of a password only, so it accepts what its system accepted; from that sign-in on the
// whole password counts.
//
// The data of a credential is one line, the hash. With a History the hashes of passwords before it follow, the newest
// first, each on a line of its own; they stay when the first is replaced on signing in. Programs of before this
// version take several lines for a damaged hash.
//
// # Hashes of other systems
//
// Adopt takes over what another system has kept: argon2, bcrypt, scrypt, PBKDF2 and phpass in the spellings of
// crypt(3), Passlib, Django, Werkzeug, WordPress, phpBB, ASP.NET Identity, Firebase and Keycloak; internal/legacyhash
// lists them all, with the costs beyond which a hash is refused. They are kept as they are until their owners sign
// in.
//
// MD5, SHA-1 and SHA-2, with salt or without, as hexadecimal, as Django or as LDAP ({SSHA}) has them, are broken by
// whoever gets the database. So they are hashed once more with argon2id before they are kept, and a password then
// proves itself through both.
//
// # What a wrong password costs
//
// The same as an unknown user and one without a password: one hash of the pool's parameters. So does a hash that
// cannot be read; its cause reaches the log. Only a hash that is not of these parameters differs: an old one, or one
// of another system, costs its own work and one new hash more, right or wrong, and a dearer argon2id its own work.
// Until its owner signs in for the first time, that can be measured from outside: an old account is there.
//
// # What is not here
//
// Limits on tries (the engine counts before it asks), resets by mail, a pepper, a list of breaches on disk (write a
// Checker, or let Range ask a mirror).
package password

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom"
)

// Method signs in with a password. The zero value is ready to use and safe.
type Method struct {
	// MinLength is the least number of characters (code points after NFC) of a new password. Zero means 8, and
	// cloakroom.New refuses less and more than 64; 15 is recommended where the password is the only factor.
	MinLength int
	// Words are names that make bad passwords here: the product's, the company's.
	Words []string
	// History is how many passwords before the one in force cannot be used again, at most 24. Zero means none: where
	// passwords do not expire, nobody goes back and forth between two. Each costs a change one hash more, two where it is
	// of older parameters. When it shrinks, the next change forgets the rest.
	History int
	// Breached, if not nil, is asked about a new password that no other rule refuses: password.Range{}, or one of your
	// own.
	Breached Checker
	// Pool is where hashing happens. Nil means one for the whole process, made with the zero PoolConfig.
	Pool *Pool
}

const (
	minLength = 8    // characters
	maxLength = 1024 // bytes, as sent
	maxDemand = 64   // characters that MinLength may ask for
	field     = "password"
)

// Name is "password".
func (Method) Name() string { return "password" }

// Check reports every field that cannot be, each as a *cloakroom.ConfigError. cloakroom.New asks it.
func (m Method) Check() error {
	var bad []error
	if m.MinLength != 0 && (m.MinLength < minLength || m.MinLength > maxDemand) {
		bad = append(bad, &cloakroom.ConfigError{
			Field:  "password.Method.MinLength",
			Reason: "must be 8 to 64 characters",
			Mend:   "leave it 0 for 8, or set 15 where the password is the only factor",
		})
	}
	for _, w := range m.Words {
		if !utf8.ValidString(w) || !strings.ContainsFunc(w, unicode.IsLetter) {
			bad = append(bad, &cloakroom.ConfigError{
				Field:  "password.Method.Words",
				Reason: "has a word without letters",
				Mend:   "list names, such as that of the product",
			})
			break
		}
	}
	if m.History < 0 || m.History > maxHistory {
		bad = append(bad, &cloakroom.ConfigError{
			Field:  "password.Method.History",
			Reason: "must be 0 to 24, for each costs a hash",
			Mend:   "leave it 0 to let old passwords be used again",
		})
	}
	if c, ok := m.Breached.(interface{ Check() error }); ok {
		if err := c.Check(); err != nil {
			bad = append(bad, err)
		}
	}
	if m.Pool != nil && m.Pool.Params() == (Params{}) {
		bad = append(bad, &cloakroom.ConfigError{
			Field:  "password.Method.Pool",
			Reason: "is an empty Pool, which has room for no hash",
			Mend:   "make it with password.NewPool, or leave it nil",
		})
	}
	return errors.Join(bad...)
}
