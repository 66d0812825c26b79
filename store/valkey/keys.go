package valkey

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"

	"github.com/cloakroom-auth/cloakroom"
)

// Keys of a bucket begin with the prefix and the bucket in braces, which is all that a cluster hashes, so that they lie on
// one server:
//
//	cr:{123}:s:<hash>         a session, or that its token was exchanged
//	cr:{123}:u:<user>         sorted set of the user's sessions: id, zero byte, hash; guests are the user without a name
//	cr:{123}:d:<user>\0<id>   hash of the session's data
//	cr:{123}:t:<hash><kind>   a ticket
//	cr:{123}:c:<hash>         a counter
//	cr:{123}:e                sorted set of sessions by when they expire
//	cr:{123}:g                sorted set of guests without data by when they were seen last
//	cr:{123}:x                sorted set of all else by when it expires
func (l *Ledger) at(bucket uint16) string {
	return l.prefix + "{" + strconv.Itoa(int(bucket)) + "}:"
}

// tokenKey is on the hot path: it allocates once.
func (l *Ledger) tokenKey(t cloakroom.TokenID) string {
	b := append(make([]byte, 0, 80), l.prefix...)
	b = strconv.AppendUint(append(b, '{'), uint64(t.Bucket), 10)
	return string(base64.RawURLEncoding.AppendEncode(append(b, "}:s:"...), t.Hash[:]))
}

func (l *Ledger) ownerKey(bucket uint16, userID string) string { return l.at(bucket) + "u:" + userID }

func (l *Ledger) dataKey(ref cloakroom.SessionRef) string {
	return l.at(ref.Bucket) + "d:" + ref.UserID + "\x00" + ref.ID
}

// ticketName is the key of a ticket in its bucket.
func ticketName(kind string, id cloakroom.TokenID) string { return "t:" + encoded(id.Hash) + kind }

// counterName is the key of a counter in its bucket, of which its first 12 bits are the number.
func counterName(key [32]byte) (bucket uint16, name string) {
	return binary.BigEndian.Uint16(key[:]) >> 4, "c:" + encoded(key)
}
