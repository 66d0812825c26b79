package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/cloakroom-auth/cloakroom/internal/archive"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// TestAnyStoreIsCopied copies whatever a store may hold from a file to SQLite, from there to PostgreSQL, and back.
func TestAnyStoreIsCopied(t *testing.T) {
	a, b, dsn := settings(t), settings(t), testbed.PostgresDSN(t)
	files := []string{filepath.Join(a.Data, "cloakroom.db"), filepath.Join(b.Data, "cloakroom.db")}
	there, between, back := databaseAt(t, a), databaseAt(t, shared(t, dsn)), databaseAt(t, b)
	rapid.Check(t, func(rt *rapid.T) {
		for _, file := range files {
			wipeFile(t, file)
		}
		wipeServer(t, dsn)
		source := random(rt)
		copied(rt, saved(rt, source), there)
		copied(rt, there, between)
		copied(rt, between, back)
		want := lines(rt, source)
		for name, db := range map[string]*Database{"SQLite": there, "PostgreSQL": between, "SQLite again": back} {
			if diff := gocmp.Diff(want, lines(rt, db)); diff != "" {
				rt.Errorf("%s has (-want +got):\n%s", name, diff)
			}
		}
	})
}

func wipeFile(t *testing.T, path string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var script strings.Builder
	for _, table := range []string{"users", "logins", "holders", "credentials", "api_keys", "parcels", "signing_keys", "sessions", "session_data", "tickets", "counters", "moved", "revocations", "events"} {
		fmt.Fprintf(&script, "DELETE FROM %s;\n", table)
	}
	if err := sqlitex.ExecuteScript(conn, script.String(), nil); err != nil {
		t.Fatal(err)
	}
}

func wipeServer(t *testing.T, dsn string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `SET search_path = cloakroom; DELETE FROM users; DELETE FROM logins; DELETE FROM holders; DELETE FROM credentials; DELETE FROM api_keys; DELETE FROM parcels;
		DELETE FROM signing_keys; DELETE FROM sessions; DELETE FROM session_data; DELETE FROM tickets; DELETE FROM counters;
		DELETE FROM moved; DELETE FROM feed; DELETE FROM events; UPDATE feed_head SET seq = 0`); err != nil {
		t.Fatal(err)
	}
}

// Things that both engines can hold, the edges among them.
var (
	number = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, -62135596800000000, 1<<63 - 1, -1 << 63, 1<<53 - 1, 1 << 53}))
	word   = rapid.OneOf(rapid.SampledFrom([]string{"", " ", "[", "[\"a\"]", "a\nb", "\ufffd", `\ufffd`, "é", "e\u0301", "<&>\u2028", "usr_01A1FEA3CEA679BEA7A9FEDA54E1C474"}),
		rapid.Map(rapid.StringN(0, 20, 60), func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "0") }))
	text = rapid.SliceOfN(word, 0, 3)
	raw  = rapid.SliceOfN(rapid.Byte(), 0, 40)
	// A hash of anything: the beginnings of two hashes differ, too.
	thing = rapid.Custom(func(t *rapid.T) archive.Hash {
		return sha256.Sum256(binary.BigEndian.AppendUint64(nil, rapid.Uint64().Draw(t, "of")))
	})
	place = rapid.Custom(func(t *rapid.T) archive.Token {
		return archive.Token{Bucket: rapid.Uint16().Draw(t, "bucket"), Hash: thing.Draw(t, "hash")}
	})
)

// when is a time that is seldom set. The zero time is none.
var when = rapid.Map(rapid.Ptr(number, true), func(n *int64) *int64 {
	if n != nil && *n == (time.Time{}).UnixMicro() {
		return nil
	}
	return n
})

// ids gives ids of a kind, of Cloakroom's own form and others.
func ids(prefix string) *rapid.Generator[string] {
	return rapid.OneOf(word, rapid.Custom(func(t *rapid.T) string {
		h := thing.Draw(t, "id")
		return fmt.Sprintf("%s%x", prefix, h[:16])
	}))
}

// some draws things of which no two have the same key.
func some[T archive.Item, K comparable](t *rapid.T, to *heap, draw func(*rapid.T) T, key func(T) K) {
	list := rapid.SliceOfNDistinct(rapid.Custom(draw), 0, 4, key).Draw(t, "items")
	for _, i := range list {
		to.items = append(to.items, i)
		to.counts[i.Kind()]++
	}
}

// random is what a store may hold.
func random(t *rapid.T) *heap {
	h := &heap{}
	mailboxes := map[string]bool{}
	some(t, h, func(t *rapid.T) archive.User {
		u := archive.User{
			ID: ids("usr_").Draw(t, "id"), Realm: word.Draw(t, "realm"), Email: word.Draw(t, "email"), EmailVerified: rapid.Bool().Draw(t, "verified"),
			FullName: word.Draw(t, "name"), Roles: text.Draw(t, "roles"), CreatedAt: number.Draw(t, "created"), UpdatedAt: number.Draw(t, "updated"),
			BannedAt: number.Draw(t, "banned"), Epoch: number.Draw(t, "epoch"), Revision: number.Draw(t, "revision"),
			Locale: word.Draw(t, "locale"), Picture: word.Draw(t, "picture"), Phone: word.Draw(t, "phone"), MFA: rapid.Bool().Draw(t, "mfa"),
			ResetRequired: rapid.Bool().Draw(t, "reset"), LeavesAt: when.Draw(t, "leaves"), ExternalID: word.Draw(t, "external"),
		}
		u.Credentials = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) archive.Credential {
			return archive.Credential{Method: word.Draw(t, "method"), ID: word.Draw(t, "id"), Name: word.Draw(t, "name"), Data: raw.Draw(t, "data"),
				Revision: number.Draw(t, "revision"), CreatedAt: number.Draw(t, "created"), UpdatedAt: number.Draw(t, "updated")}
		}), 0, 3, func(c archive.Credential) [2]string { return [2]string{c.Method, c.ID} }).Draw(t, "credentials")
		slices.SortFunc(u.Credentials, func(a, b archive.Credential) int {
			return cmp.Or(cmp.Compare(a.Method, b.Method), cmp.Compare(a.ID, b.ID))
		})
		return u
	}, func(u archive.User) string { return u.ID })
	for i, item := range h.items { // an e-mail is one user's, and so is an external id
		u := item.(archive.User)
		for kind, text := range map[string]*string{"email": &u.Email, "external": &u.ExternalID} {
			if key := kind + "\x00" + u.Realm + "\x00" + *text; mailboxes[key] {
				*text = ""
			} else {
				mailboxes[key] = true
			}
		}
		h.items[i] = u
	}
	some(t, h, func(t *rapid.T) archive.APIKey {
		token := place.Draw(t, "token")
		return archive.APIKey{ID: fmt.Sprintf("key_%x", token.Hash[:16]), Realm: word.Draw(t, "realm"), Token: token, UserID: ids("usr_").Draw(t, "user"),
			Label: word.Draw(t, "name"), Scopes: text.Draw(t, "scopes"), CreatedBy: ids("usr_").Draw(t, "by"), CreatedAt: number.Draw(t, "created"),
			ExpiresAt: number.Draw(t, "expires"), LastUsedAt: number.Draw(t, "used"), Revision: number.Draw(t, "revision")}
	}, func(k archive.APIKey) string { return k.ID })
	some(t, h, func(t *rapid.T) archive.KeySet {
		return archive.KeySet{Realm: word.Draw(t, "realm"), Revision: number.Draw(t, "revision"), Keys: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) archive.SigningKey {
			return archive.SigningKey{ID: word.Draw(t, "id"), Algorithm: word.Draw(t, "alg"), Public: raw.Draw(t, "public"), Sealed: raw.Draw(t, "sealed"),
				CreatedAt: number.Draw(t, "created"), ActiveAt: number.Draw(t, "active"), RetiredAt: number.Draw(t, "retired"), WithdrawnAt: number.Draw(t, "withdrawn")}
		}), 0, 2).Draw(t, "keys")}
	}, func(s archive.KeySet) string { return s.Realm })
	some(t, h, session, func(s archive.Session) string { return s.ID })
	some(t, h, func(t *rapid.T) archive.Ticket {
		return archive.Ticket{ID: place.Draw(t, "id"), Of: word.Draw(t, "kind"), Payload: raw.Draw(t, "payload"), ExpiresAt: number.Draw(t, "expires"),
			Revision: number.Draw(t, "revision"), Used: rapid.Bool().Draw(t, "used")}
	}, func(k archive.Ticket) archive.Token { return k.ID })
	some(t, h, func(t *rapid.T) archive.Counter {
		return archive.Counter{Key: thing.Draw(t, "key"), N: rapid.Int64Range(1, 1<<63-1).Draw(t, "n"), ResetAt: number.Draw(t, "reset")}
	}, func(c archive.Counter) archive.Hash { return c.Key })
	some(t, h, func(t *rapid.T) archive.Moved {
		return archive.Moved{Token: place.Draw(t, "token"), Until: number.Draw(t, "until")}
	}, func(m archive.Moved) archive.Token { return m.Token })
	some(t, h, func(t *rapid.T) archive.Revocation {
		return archive.Revocation{Seq: rapid.Int64Range(1, 1<<62).Draw(t, "seq"), Subject: thing.Draw(t, "subject"), Epoch: number.Draw(t, "epoch"), Until: number.Draw(t, "until")}
	}, func(r archive.Revocation) int64 { return r.Seq })
	some(t, h, func(t *rapid.T) archive.Event {
		id := thing.Draw(t, "id")
		return archive.Event{ID: fmt.Sprintf("evt_%x", id[:16]), Type: word.Draw(t, "type"), At: number.Draw(t, "at"), Realm: word.Draw(t, "realm"),
			UserID: ids("usr_").Draw(t, "user"), SessionID: ids("ses_").Draw(t, "session"), Data: raw.Draw(t, "data"), Queued: rapid.Bool().Draw(t, "queued")}
	}, func(e archive.Event) string { return e.ID })
	some(t, h, func(t *rapid.T) archive.Parcel {
		return archive.Parcel{ID: ids("prc_").Draw(t, "id"), Realm: word.Draw(t, "realm"), Of: word.Draw(t, "kind"), DueAt: number.Draw(t, "due"),
			Tries: int64(rapid.Int32().Draw(t, "tries")), Data: raw.Draw(t, "data")}
	}, func(p archive.Parcel) string { return p.ID })
	return h
}

func session(t *rapid.T) archive.Session {
	s := archive.Session{
		Token: place.Draw(t, "token"), ID: ids("ses_").Draw(t, "id"), Realm: word.Draw(t, "realm"), UserID: ids("usr_").Draw(t, "user"), Epoch: number.Draw(t, "epoch"),
		CreatedAt: number.Draw(t, "created"), AuthenticatedAt: number.Draw(t, "authenticated"), LastSeenAt: number.Draw(t, "seen"),
		IssuedAt: number.Draw(t, "issued"), ExpiresAt: number.Draw(t, "expires"), Methods: text.Draw(t, "methods"), Level: int64(rapid.Int32().Draw(t, "level")),
		Scopes: text.Draw(t, "scopes"), Remember: rapid.Bool().Draw(t, "remember"), IP: word.Draw(t, "ip"), Agent: raw.Draw(t, "agent"),
	}
	s.EndsAt = when.Draw(t, "ends")
	if rapid.Bool().Draw(t, "acts") {
		s.Actor = &archive.Actor{UserID: ids("usr_").Draw(t, "actor"), SessionID: ids("ses_").Draw(t, "of"), Token: place.Draw(t, "its token")}
	}
	s.Token.Hash = sha256.Sum256([]byte(s.ID))
	s.Refresh = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) archive.Chain {
		return archive.Chain{Current: thing.Draw(t, "current"), Past: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) archive.Rotated {
			return archive.Rotated{Token: thing.Draw(t, "token"), Sealed: raw.Draw(t, "sealed"), At: number.Draw(t, "at")}
		}), 0, 2).Draw(t, "past")}
	}), 0, 2).Draw(t, "refresh")
	s.Data = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) archive.Datum {
		return archive.Datum{Key: word.Draw(t, "key"), Value: raw.Draw(t, "value"), Revision: number.Draw(t, "revision")}
	}), 0, 3, func(d archive.Datum) string { return d.Key }).Draw(t, "data")
	slices.SortFunc(s.Data, func(a, b archive.Datum) int { return cmp.Compare(a.Key, b.Key) })
	return s
}
