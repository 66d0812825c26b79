package sqlite

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// Prefixes of the ids that the engine makes.
const (
	sessionPrefix = "ses_"
	userPrefix    = "usr_"
	eventPrefix   = "evt_"
	parcelPrefix  = "prc_"
)

const (
	idSize   = 16
	headSize = 6 // bytes of a token's hash that are in its key
)

// key is the integer that finds a token: the bucket above, the first 48 bits of the hash below.
func key(t cloakroom.TokenID) int64 {
	var b [8]byte
	binary.BigEndian.PutUint16(b[:], t.Bucket)
	copy(b[2:], t.Hash[:headSize])
	return int64(binary.BigEndian.Uint64(b[:]))
}

// tail is the rest of the token's hash. Two tokens with one key are as likely as two equal numbers of 60 random bits;
// opening the second fails, and never finds the first.
func tail(t *cloakroom.TokenID) []byte { return t.Hash[headSize:] }

// token is what key and tail were made of.
func token(stmt *sqlite.Stmt, keyCol, tailCol int) (t cloakroom.TokenID) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(stmt.ColumnInt64(keyCol)))
	t.Bucket = binary.BigEndian.Uint16(b[:])
	copy(t.Hash[:], b[2:])
	stmt.ColumnBytes(tailCol, t.Hash[headSize:])
	return t
}

// shard is what key >> 48 gives for tokens of this bucket.
func shard(bucket uint16) int64 { return int64(int16(bucket)) }

// pack gives an id the form in which it is stored: the 16 bytes of one that the engine made, any other as it is. Ids of
// one form sort like their texts.
func pack(prefix, id string) any {
	digits, ok := strings.CutPrefix(id, prefix)
	if !ok || len(digits) != hex.EncodedLen(idSize) || strings.ContainsAny(digits, "ABCDEF") {
		return id
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return id
	}
	return raw
}

// unpack reads what pack made.
func unpack(stmt *sqlite.Stmt, col int, prefix string) string {
	if stmt.ColumnType(col) != sqlite.TypeBlob {
		return stmt.ColumnText(col)
	}
	var raw [idSize]byte
	stmt.ColumnBytes(col, raw[:])
	var text [len(sessionPrefix) + 2*idSize]byte
	n := copy(text[:], prefix)
	hex.Encode(text[n:], raw[:])
	return string(text[:])
}

// join writes a list of names, one to a line. A list that would not come back the same is written as JSON, which no
// name of the first form looks like.
func join(names []string) string {
	if len(names) == 0 {
		return ""
	}
	odd := func(s string) bool { return s == "" || s[0] == '[' || strings.Contains(s, "\n") }
	if slices.ContainsFunc(names, odd) {
		text, _ := json.Marshal(names) // strings always marshal
		return string(text)
	}
	return strings.Join(names, "\n")
}

// split reads what join wrote.
func split(text string) []string {
	if text == "" {
		return nil
	}
	if text[0] == '[' {
		var names []string
		_ = json.Unmarshal([]byte(text), &names) // we wrote it
		return names
	}
	return strings.Split(text, "\n")
}
