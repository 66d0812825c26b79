// Package archive is everything that a store keeps, outside of it: as a stream of items, and as a file of them. It is how
// backups are made and restored, and how one engine's data becomes another's.
//
//	w := archive.NewWriter(file, archive.Header{Engine: "sqlite", Schema: 4})
//	err := store.Export(ctx, w)                     // a backup
//	err = errors.Join(err, w.Close())
//
//	r, err := archive.NewReader(file)
//	totals, err := archive.Sum(ctx, r)              // is it whole?
//	totals, err = archive.Copy(ctx, r, other, archive.Plan{})
//
// # Items
//
// An item is one thing with all that belongs to it, in a form that is no engine's: a user with its credentials, a session with
// its data. Times are microseconds since 1970, UTC; the zero time of Go is that of year 1, like any other number. The items of a
// stream come kind by kind, in the order of Kinds, and within a kind in one order that does not change.
//
// # Totals
//
// The checksum of a kind is the sum of the SHA-256 of its items, as numbers of 256 bits. So it does not depend on the order in
// which an engine has them: two stores have the same if their Totals are equal.
//
// # The file
//
// Lines of text, compressed by gzip (RFC 1952). A line is a sum, a name, and JSON, with a space between: the name is "header"
// on the first line, that of a kind on the next ones, and "totals" on the last. The sum, 32 hexadecimal digits, is of
// this line and all before it, so whatever was altered, left out, repeated or moved is found at the line where it happened. It
// finds accidents; whoever can write the file can write sums.
//
// What is in a file: e-mail addresses, names, phone numbers, IP addresses and user agents, so personal data; hashes of passwords,
// of tokens and of API keys; signing keys that nobody can use without the secrets. The secrets are in it only if Header.Secrets
// has them.
//
// Not here: encryption, signatures, backups of what changed since the last one.
package archive

import "context"

// Kind is what an item is of.
type Kind int

// The kinds, in the order in which they come.
const (
	KindUser Kind = iota
	KindAPIKey
	KindKeySet
	KindSession
	KindTicket
	KindCounter
	KindMoved
	KindRevocation
	KindEvent
	KindParcel
	kinds
)

var kindNames = [kinds]string{"user", "api_key", "key_set", "session", "ticket", "counter", "moved_token", "revocation", "event", "parcel"}

func (k Kind) String() string { return kindNames[k] }

// Kinds are all kinds, in their order.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// A Source is what items come from: a store, or a file.
type Source interface {
	// Export hands out everything that there was at one moment, whatever is written meanwhile. It ends with the first error
	// of the Sink, or when ctx ends. Each call is about a moment of its own.
	Export(ctx context.Context, to Sink) error
}

// A Sink is where items go.
type Sink interface {
	Begin(Counts) error // once, first: what will come
	Add(Item) error
}

// A Target is what items can be copied to, and read from again.
type Target interface {
	Source
	// Import adds items in one atomic and durable step, with their revisions, epochs and times. One that is there already is
	// not changed: importing the same twice is importing it once. Entries of the feed keep their order, and cursors given out
	// for them elsewhere are not valid here.
	Import(ctx context.Context, items []Item) error
}
