// Package roster reads lists of accounts that other systems have written, one account at a time, however long the list.
//
//	for account, err := range roster.List{Format: roster.NDJSON}.Read(file) {
//		if refused, ok := errors.AsType[*roster.Refusal](err); ok {
//			…            // this one cannot be read; the next ones can
//		} else if err != nil {
//			return err   // nothing behind this can be read
//		}
//		…
//	}
//
// NDJSON is one JSON object a line, CSV (RFC 4180) has the names of its fields in the first line, with commas, semicolons or tabs
// between. Both know these fields, of which none is required here; null, or nothing, is as if the field were not there:
//
//	external_id    of the account in the system that it comes from; id when there is none
//	email          address to sign in with
//	email_verified true or false; in CSV also yes, no, 1, 0
//	name           to show
//	roles          a list; in CSV with commas, semicolons, bars or spaces between
//	locale         language tag, such as de-AT
//	picture        https address
//	phone_number   with its country's code
//	created_at     RFC 3339, or seconds or milliseconds since 1970
//	banned         true or false
//	reset_required true or false: whether the password has to be reset by mail before it counts
//	password_hash  as package legacyhash reads it; Django's mark of no password (!…) is nothing
//
// Firebase is what "firebase auth:export users.json" writes. Keycloak is the export of a realm with its users: realm roles become
// roles, but for those that Keycloak itself gives everybody; other credentials than passwords are left behind.
//
// # Bounds
//
// An account takes at most 1 MiB of the list, and so does everything here.
//
// # What is not here
//
// Whether an account can be made: its e-mail may be none, its roles may be none of ours. Nothing here is written to a log or into
// an error: a Refusal names the field, not what it holds.
package roster

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/legacyhash"
)

// Account is one account of a list, as it was found.
type Account struct {
	Line int // where it begins, from 1
	Item int // which of the users it is, from 1, in an export that has them in one document, perhaps on one line; otherwise 0
	cloakroom.ImportedUser
}

// Format is how a list is written.
type Format string

// The formats that are read.
const (
	NDJSON   Format = "ndjson"
	CSV      Format = "csv"
	Firebase Format = "firebase"
	Keycloak Format = "keycloak"
)

// List says how to read a list.
type List struct {
	Format Format
	// Firebase is how the project hashes passwords, see legacyhash. Only for Format Firebase.
	Firebase legacyhash.Firebase
	// Ignored is told, once each, the names of what a list has and nobody reads here. Nil: nobody wants to know.
	Ignored func(name string)
}

// Refusal is an account that cannot be read. Those that follow can.
type Refusal struct {
	Line    int
	Field   string // empty: all of it
	Code    string // stable
	Message string // what would be right
}

func (r *Refusal) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("line %d: %s", r.Line, r.Message)
	}
	return fmt.Sprintf("line %d: %s %s", r.Line, r.Field, r.Message)
}

const maxRecord = 1 << 20 // bytes of an account

var errTooLong = fmt.Errorf("an account takes more than %d bytes of the list, or the list is of another format", maxRecord)

// Read iterates over the accounts. An error is a *Refusal of one account, whose Line and, perhaps, ExternalID stand beside it, or
// the last thing that is read.
func (l List) Read(from io.Reader) iter.Seq2[Account, error] {
	told := map[string]bool{}
	ignored := func(name string) {
		if l.Ignored != nil && !told[name] && len(told) < maxFields {
			told[name] = true
			l.Ignored(name)
		}
	}
	switch from = unmarked(from); l.Format {
	case NDJSON:
		return lines{from, ignored}.read
	case CSV:
		return table{from, ignored}.read
	case Firebase:
		return document{from, firebase{l.Firebase}.account}.read
	case Keycloak:
		return document{from, keycloak{ignored}.account}.read
	}
	return func(yield func(Account, error) bool) {
		yield(Account{}, errors.New("no format of this name is known"))
	}
}
