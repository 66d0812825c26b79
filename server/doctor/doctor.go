// Package doctor looks at a machine on which Cloakroom runs or shall run, and says what is wrong and how to mend it.
//
//	for f := range doctor.Examine(ctx, cfg) {
//		fmt.Println(f.Level, f.What, f.Detail, f.Mend)
//	}
//
// It changes nothing and makes nothing, and may be asked beside a running server. What it looks at: the data folder and
// the room on its disk, the secrets, the database and its schema, the servers that sessions are kept on, the keys of
// signed tokens and who may ask about them, the server of our mail and its letters, the clock, the addresses to listen at, how the world reaches them, and how long
// a password takes.
//
// Not here: whether the configuration is good. config.Check says that, and Examine takes it for granted.
package doctor

import (
	"context"
	"iter"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

// Level is how bad a finding is.
type Level int

const (
	OK   Level = iota // as it should be
	Warn              // it works; look at it some day
	Fail              // it does not work, or is not safe
)

func (l Level) String() string { return [...]string{"ok", "warn", "fail"}[l] }

// MarshalText implements encoding.TextMarshaler: "ok", "warn" or "fail".
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is what was found out about one thing.
type Finding struct {
	Level  Level  `json:"level"`
	What   string `json:"what"` // one word
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // what to do, unless OK
}

func ok(what, detail string) Finding         { return Finding{OK, what, detail, ""} }
func warn(what, detail, mend string) Finding { return Finding{Warn, what, detail, mend} }
func fail(what, detail, mend string) Finding { return Finding{Fail, what, detail, mend} }

// examinations are what Examine does, in this order.
var examinations = []func(context.Context, config.Config) []Finding{
	dataFolder, disk, secrets, database, sessions, keys, clients, mails, clock, addresses, reach, hashing,
}

// Examine yields what it finds, one after the other; it takes a second or so. A ctx that ends stops it between two.
func Examine(ctx context.Context, cfg config.Config) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for _, examine := range examinations {
			if ctx.Err() != nil {
				return
			}
			for _, f := range examine(ctx, cfg) {
				if !yield(f) {
					return
				}
			}
		}
	}
}
