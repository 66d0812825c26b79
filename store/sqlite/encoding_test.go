package sqlite

import (
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
)

// echo is what the database gives back for a value.
func echo[T any](t *testing.T, c *sqlite.Conn, value any, scan func(*sqlite.Stmt) T) (got T) {
	t.Helper()
	if _, err := one(c, "SELECT ?1", func(s *sqlite.Stmt) { got = scan(s) }, value); err != nil {
		t.Fatal(err)
	}
	return got
}

func memoryConn(t testing.TB) *sqlite.Conn {
	conn, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestIDs(t *testing.T) {
	c := memoryConn(t)
	made := record(epoch).ID
	for id, packed := range map[string]bool{
		made: true, "": false, "ses_1": false, strings.ToUpper(made): false, made[:35]: false, made + "0": false,
		"ses_" + strings.Repeat("A", 32): false, "ses_" + strings.Repeat("g", 32): false, "usr_" + made[4:]: false,
		"ses_\x00\xff": false, strings.Repeat("0", 16): false,
	} {
		stored := pack(sessionPrefix, id)
		if _, isBlob := stored.([]byte); isBlob != packed {
			t.Errorf("%q is stored as %T", id, stored)
		}
		if got := echo(t, c, stored, func(s *sqlite.Stmt) string { return unpack(s, 0, sessionPrefix) }); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	}
}

func TestTokens(t *testing.T) {
	c := memoryConn(t)
	for _, bucket := range []uint16{0, 1, 0x123, 0xfff, 0xffff} {
		want := record(epoch).Token
		want.Bucket = bucket
		var got cloakroom.TokenID
		var bucketOf int64
		if _, err := one(c, "SELECT ?1, ?2, ?1 >> 48", func(s *sqlite.Stmt) {
			got, bucketOf = token(s, 0, 1), s.ColumnInt64(2)
		}, key(want), tail(&want)); err != nil {
			t.Fatal(err)
		}
		if got != want || bucketOf != shard(bucket) {
			t.Errorf("%x came back as %x, bucket %d", want, got, bucketOf)
		}
	}
}

func FuzzLists(f *testing.F) {
	for _, seed := range []string{"", "a", "a,b", ",", "[", "a,[\"b\"]", "x\ny,z", "ü,\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text = strings.ToValidUTF8(text, "?"); text == "" {
			text = "x"
		}
		for _, want := range [][]string{strings.Split(text, ","), {text}, {"", text}} {
			if got := split(join(want)); !slices.Equal(got, want) {
				t.Errorf("%q came back as %q", want, got)
			}
		}
	})
}
