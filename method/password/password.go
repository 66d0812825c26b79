// Package password signs people in with a password.
//
//	auth, err := cloakroom.New(cloakroom.Config{
//		Store:   store,
//		Methods: []cloakroom.Method{password.Method{Words: []string{"Acme"}}},
//	})
//
// # What may be a password
//
// 8 to 1,024 bytes of any valid Unicode but U+0000, which no keyboard sends and where other programs cut a password off,
// without rules of composition and without expiry (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 §6.2). It is brought to Unicode NFC, so that "é" is one
// password whether a keyboard sends it as one character or two, and then every byte counts: nothing is cut or folded.
// Refused, with a reason, are passwords that attackers try first: the commonest of leaked lists, and those that consist
// of the user's e-mail or name or of the product's words and nothing but digits or punctuation beside. A code of the
// field "password" says which rule it was:
//
//	password_required   empty (signing in only; a new one is too short)
//	invalid_password    not valid UTF-8, or with U+0000 in it
//	password_too_short  fewer than Method.MinLength characters
//	password_too_long   more than 1,024 bytes
//	password_common     on the list of common passwords
//	password_context    made of the user's e-mail or name, or of Method.Words
//
// # How it is kept
//
// As argon2id in PHC form (RFC 9106), 19 MiB and two passes if not told otherwise. Hashing happens in a Pool, a budget
// of memory and cores for the whole process; past it, signing in answers 503 with Retry-After while everybody who is
// signed in already goes on.
//
// A sign-in replaces the hash on file when the parameters have grown, or when it comes from another system: bcrypt,
// scrypt and PBKDF2 are read (see internal/legacyhash for the spellings) and argon2id of other programs too. A bcrypt
// hash knows the first 72 bytes of a password only, so it accepts what its system accepted; from that sign-in on the
// whole password counts. To import users, store such a hash as the Data of a Credential.
//
// # What a wrong password costs
//
// The same as an unknown user and one without a password: one hash of the pool's parameters. So does a hash that cannot
// be read; its cause reaches the log. Only a hash that is not of these parameters differs: an old one, or one of another
// system, costs its own work and one new hash more, right or wrong, and a dearer argon2id its own work. Until its
// owner signs in for the first time, that can be measured from outside: an old account is there.
//
// # What is not here
//
// Limits on tries (the engine counts before it asks), resets by mail, a look-up in breach lists over the network, a
// pepper.
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
	// Pool is where hashing happens. Nil means one for the whole process, made with the zero PoolConfig.
	Pool *Pool
}

var _ cloakroom.Enroller = Method{}

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
	if m.Pool != nil && m.Pool.Params() == (Params{}) {
		bad = append(bad, &cloakroom.ConfigError{
			Field:  "password.Method.Pool",
			Reason: "is an empty Pool, which has room for no hash",
			Mend:   "make it with password.NewPool, or leave it nil",
		})
	}
	return errors.Join(bad...)
}
