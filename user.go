package cloakroom

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-auth/cloakroom/internal/mailbox"
)

// User is somebody who can sign in. A handler gets its own copy: changing it changes nothing, see Users.Update.
type User struct {
	ID            string // "usr_" and a UUIDv7; public, grants nothing
	Realm         string // which of several worlds of one store it belongs to, see Config.Realm
	Email         string // normalised: NFC, lower case, no surrounding space; may be empty
	EmailVerified bool
	Name          string
	Roles         []string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	BannedAt      time.Time // zero: not banned

	Locale  string // BCP 47, such as de-AT: the language of mails; may be empty
	Picture string // an https address; may be empty
	Phone   string // E.164, such as +4366012345678; not proven; may be empty

	MFA           bool      // a second factor is on file, so a sign-in asks for it
	ResetRequired bool      // no password counts before it was reset by mail
	LeavesAt      time.Time // when the account is deleted; until then nobody can sign in to it; zero: it stays
	ExternalID    string    // of another system that the account came from, unique in the realm; may be empty

	// Epoch grows when all sessions of the user end at once; sessions of an earlier epoch are dead, wherever a copy
	// of them survives. Revision grows with every change and guards against lost updates. Both are the engine's.
	Epoch    int64
	Revision int64
}

// Banned reports whether the user may not sign in.
func (u *User) Banned() bool { return !u.BannedAt.IsZero() }

// Leaving reports whether the account is about to be deleted, and is treated as if it were already.
func (u *User) Leaving() bool { return !u.LeavesAt.IsZero() }

// Is reports whether the user holds at least one of the roles.
func (u *User) Is(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return r != "" && slices.Contains(u.Roles, r) })
}

const (
	maxName  = 200 // characters
	maxRoles = 64
	maxRole  = 64 // bytes
)

// NormalizeEmail returns the one spelling under which an e-mail address is stored, looked up and counted: Unicode
// NFC, lower case, no surrounding space. It never strips dots or +tags: those may be different people.
func NormalizeEmail(s string) string {
	return mailbox.Normalize(s)
}

// checkUser returns every field of u that may not be stored.
func checkUser(u *User) FieldErrors {
	var bad FieldErrors
	if u.Email != "" && !mailbox.Valid(u.Email) {
		bad = append(bad, FieldError{Field: "email", Code: "invalid_email", Message: "must be one e-mail address, like ana@example.com"})
	}
	if !utf8.ValidString(u.Name) || strings.ContainsFunc(u.Name, controls) {
		bad = append(bad, FieldError{Field: "name", Code: "invalid_name", Message: "must be text without control characters, such as those that turn its direction"})
	} else if utf8.RuneCountInString(u.Name) > maxName {
		bad = append(bad, FieldError{Field: "name", Code: "too_long", Message: "must be at most 200 characters"})
	}
	if len(u.Roles) > maxRoles || slices.ContainsFunc(u.Roles, func(r string) bool { return !validRole(r) }) {
		bad = append(bad, FieldError{Field: "roles", Code: "invalid_role", Message: "must be at most 64 names of 1 to 64 letters, digits or ._:-"})
	}
	return append(bad, checkProfile(u)...)
}

// controls reports whether a character controls the text that it is in, or turns what stands beside it around (UAX #9 §2.1 to 2.4). Joiners
// and marks do not: scripts and emoji need them.
func controls(r rune) bool {
	return unicode.IsControl(r) || r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

func validRole(r string) bool {
	return r != "" && len(r) <= maxRole && !strings.ContainsFunc(r, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._:-", c))
	})
}
