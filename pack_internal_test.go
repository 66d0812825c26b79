package cloakroom

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is remembered of a session and its user comes back as it was, but for what is not kept.
func TestPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec, user := drawnRecord(t), User{}
		if rec.UserID != "" && rapid.Bool().Draw(t, "user is there") {
			user = drawnUser(t, rec.UserID)
		}
		text, ok := packed(&rec, &user)
		if tooLong := slices.ContainsFunc(shortOf(&rec, &user), func(s string) bool { return len(s) > 255 }); ok == tooLong {
			t.Fatalf("packed: %v", ok)
		} else if tooLong {
			return
		}
		m := remembered{text: text, agent: unique.Make(rec.Agent)}
		var gotRec SessionRecord
		var gotUser User
		m.unpack(&gotRec, &gotUser, make([]string, rapid.IntRange(0, 4).Draw(t, "room")))
		if diff := cmp.Diff(rec, gotRec); diff != "" {
			t.Errorf("session (-kept +found):\n%s", diff)
		}
		if diff := cmp.Diff(user, gotUser); diff != "" {
			t.Errorf("user (-kept +found):\n%s", diff)
		}
	})
}

// The lists of a session that was found belong to the finder: who changes or grows one changes nothing else.
func TestPackedListsAreApart(t *testing.T) {
	rec := SessionRecord{ID: "ses_1", UserID: "usr_1", Methods: []string{"password", "totp"}, Scopes: []string{"read"}}
	text, _ := packed(&rec, &User{ID: "usr_1", Roles: []string{"editor"}})
	m := remembered{text: text, agent: unique.Make("")}
	var first, second SessionRecord
	var user User
	m.unpack(&first, &user, make([]string, 9))
	first.Methods[0] = "none"
	_ = append(first.Methods, "all")
	_ = append(first.Scopes, "all")
	m.unpack(&second, &User{}, nil)
	if second.Methods[0] != "password" || first.Scopes[0] != "read" || user.Roles[0] != "editor" {
		t.Errorf("after changes to one copy: %v %v %v", second.Methods, first.Scopes, user.Roles)
	}
}

func TestUnpackAllocatesNothingWhereThereIsRoom(t *testing.T) {
	rec := SessionRecord{ID: "ses_1", UserID: "usr_1", Methods: []string{"password"}, IP: "192.0.2.1", CreatedAt: time.Now()}
	text, _ := packed(&rec, &User{ID: "usr_1", Email: "a@example.com", Roles: []string{"editor"}})
	m := remembered{text: text, agent: unique.Make("x")}
	var user User
	for room, want := range map[int]float64{0: 1, 2: 0} {
		lists := make([]string, room)
		if n := testing.AllocsPerRun(100, func() { m.unpack(&rec, &user, lists) }); n != want {
			t.Errorf("with room for %d strings unpack allocates %v times, want %v", room, n, want)
		}
	}
}

// shortOf are the strings that are packed only if they are short.
func shortOf(rec *SessionRecord, user *User) []string {
	all := []string{rec.ID, rec.Realm, rec.UserID, rec.IP, user.Realm, user.Email}
	if rec.Actor != nil {
		all = append(all, rec.Actor.UserID, rec.Actor.SessionID)
	}
	return slices.Concat(all, rec.Methods, rec.Scopes, user.Roles)
}

func drawnRecord(t *rapid.T) SessionRecord {
	text := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string { return strings.Repeat("ü", rapid.IntRange(120, 130).Draw(t, "ü")) }))
	return SessionRecord{
		ID: text.Draw(t, "id"), Realm: text.Draw(t, "realm"), UserID: rapid.SampledFrom([]string{"", "usr_1", "usr_ü"}).Draw(t, "user"),
		Epoch: rapid.Int64Range(0, EveryEpoch).Draw(t, "epoch"), Level: rapid.IntRange(0, 3).Draw(t, "level"),
		CreatedAt: drawnTime(t), AuthenticatedAt: drawnTime(t), LastSeenAt: drawnTime(t), IssuedAt: drawnTime(t),
		Methods: drawnList(t), Scopes: drawnList(t), Remember: rapid.Bool().Draw(t, "remember"),
		IP: text.Draw(t, "ip"), Agent: text.Draw(t, "agent"), EndsAt: drawnTime(t), Actor: drawnActor(t),
	}
}

// drawnActor is nobody or somebody, who has an id.
func drawnActor(t *rapid.T) *Actor {
	if rapid.Bool().Draw(t, "nobody acts") {
		return nil
	}
	token := TokenID{Bucket: rapid.Uint16().Draw(t, "bucket")}
	for i := range token.Hash {
		token.Hash[i] = rapid.Byte().Draw(t, "hash")
	}
	return &Actor{UserID: rapid.StringN(1, -1, -1).Draw(t, "actor"), SessionID: rapid.String().Draw(t, "actor's session"), Token: token}
}

func drawnUser(t *rapid.T, id string) User {
	text := rapid.String()
	return User{
		ID: id, Realm: text.Draw(t, "realm"), Email: text.Draw(t, "email"), Name: text.Draw(t, "name"),
		EmailVerified: rapid.Bool().Draw(t, "verified"), Roles: drawnList(t),
		CreatedAt: drawnTime(t), UpdatedAt: drawnTime(t), BannedAt: drawnTime(t),
		Epoch: rapid.Int64Range(0, EveryEpoch).Draw(t, "epoch"), Revision: rapid.Int64Range(0, 1<<60).Draw(t, "revision"),
		MFA: rapid.Bool().Draw(t, "mfa"), ResetRequired: rapid.Bool().Draw(t, "reset required"), LeavesAt: drawnTime(t),
		Locale: rapid.SampledFrom([]string{"", "de-AT"}).Draw(t, "locale"), Picture: rapid.SampledFrom([]string{"", "https://example.com/p"}).Draw(t, "picture"),
		Phone: rapid.SampledFrom([]string{"", "+4366012345678"}).Draw(t, "phone"), ExternalID: rapid.SampledFrom([]string{"", "ext|1"}).Draw(t, "external id"),
	}
}

// Every field of the two structs is drawn above, or is known not to be kept: a new one must not be forgotten.
func TestPackedKnowsEveryField(t *testing.T) {
	for kind, fields := range map[reflect.Type]int{reflect.TypeFor[SessionRecord](): 19, reflect.TypeFor[User](): 18, reflect.TypeFor[Actor](): 3} {
		if kind.NumField() != fields {
			t.Errorf("%s has %d fields, packed knows %d: teach it the new one, and draw it", kind.Name(), kind.NumField(), fields)
		}
	}
}

// drawnTime is the zero time or one of year 1 to 9999, to the microsecond.
func drawnTime(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "zero") {
		return time.Time{}
	}
	return time.UnixMicro(rapid.Int64Range(-62_135_596_799_000_000, 253_402_300_799_999_999).Draw(t, "time")).UTC()
}

func drawnList(t *rapid.T) []string {
	list := rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "list")
	if len(list) == 0 {
		return nil
	}
	return list
}
