package memory_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Test(t, func(t testing.TB, previous cloakroom.Store) cloakroom.Store {
		if previous != nil {
			return previous // it lasts as long as the process
		}
		s := memory.New()
		t.Cleanup(func() { _ = s.Shutdown() })
		return s
	})
}

var now = time.Date(2031, 5, 17, 10, 20, 30, 0, time.UTC)

// furnished returns a store with a user and a session of it.
func furnished(t testing.TB, roles ...string) (*memory.Store, cloakroom.User, cloakroom.SessionRecord) {
	store := memory.New()
	u := cloakroom.User{ID: "usr_ana", Realm: "main", Email: "ana@example.com", Roles: roles, CreatedAt: now}
	if err := store.CreateUser(t.Context(), cloakroom.UserChange{User: u}); err != nil {
		t.Fatal(err)
	}
	s := cloakroom.SessionRecord{
		ID: "ses_1", Realm: "main", UserID: u.ID, Token: cloakroom.TokenID{Bucket: 7, Hash: [32]byte{1, 2, 3}},
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), Methods: []string{"password"},
	}
	if _, err := store.Open(t.Context(), cloakroom.Opening{Session: s, Now: now}); err != nil {
		t.Fatal(err)
	}
	return store, u, s
}

func TestHotPathAllocations(t *testing.T) {
	store, u, s := furnished(t)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { _, _ = store.Session(ctx, s.Token, now) }); n > 1 {
		t.Errorf("Session allocates %v times, want at most once: for Methods", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _, _ = store.Find(ctx, s.Token, now) }); n > 1 {
		t.Errorf("Find allocates %v times, want at most once: for all lists", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = store.User(ctx, u.ID) }); n > 0 {
		t.Errorf("User without roles allocates %v times, want none", n)
	}
}

// A session remembers its user's account, so what is remembered must not outlive the account.
func TestFindAfterItsUser(t *testing.T) {
	store, u, s := furnished(t, "admin")
	ctx := t.Context()
	find := func(want cloakroom.User, when string) {
		t.Helper()
		record, got, err := store.Find(ctx, s.Token, now)
		if err != nil || record.ID != s.ID || got.ID != want.ID || got.Name != want.Name || !slices.Equal(got.Roles, want.Roles) {
			t.Errorf("%s: found %s of %+v, %v, want %+v", when, record.ID, got, err, want)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	u.Revision = 1
	find(u, "as made")
	u.Name, u.Roles = "Ana", []string{"admin", "editor"}
	do(store.UpdateUser(ctx, cloakroom.UserChange{User: u}))
	find(u, "changed")
	do(store.DeleteUser(ctx, u.ID, "", cloakroom.Ending{}))
	find(cloakroom.User{}, "deleted")
	u.Name = "Anna"
	do(store.CreateUser(ctx, cloakroom.UserChange{User: u}))
	find(u, "made anew")
	do(store.DeleteUser(ctx, u.ID, "", cloakroom.Ending{}))
	find(cloakroom.User{}, "deleted again")
}

// The lists that Find gives out share one piece of memory with each other, and none with anybody else.
func TestListsAreTheCallersOwn(t *testing.T) {
	store, u, s := furnished(t, "admin", "editor")
	record, user, err := store.Find(t.Context(), s.Token, now)
	if err != nil {
		t.Fatal(err)
	}
	record.Methods = append(record.Methods, "more")
	record.Methods[0] = "changed"
	user.Roles[0] = "changed"
	if user.Roles[1] != "editor" || len(record.Scopes) != 0 {
		t.Errorf("one list grew into the next: %v %v", record, user)
	}
	record, user, err = store.Find(t.Context(), s.Token, now)
	if err != nil || !slices.Equal(record.Methods, s.Methods) || !slices.Equal(user.Roles, u.Roles) {
		t.Errorf("changed by a caller: %v %v, %v", record.Methods, user.Roles, err)
	}
}

// TestShutdown calls every method of the store, so that one added later is not forgotten.
func TestShutdown(t *testing.T) {
	store, _, _ := furnished(t)
	for range 2 {
		if err := store.Shutdown(); err != nil {
			t.Fatal(err)
		}
	}
	v := reflect.ValueOf(store)
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		if name == "Shutdown" {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for n := 1; n < method.Type().NumIn(); n++ {
			args = append(args, reflect.Zero(method.Type().In(n)))
		}
		call := method.Call
		if method.Type().IsVariadic() {
			call = method.CallSlice
		}
		results := call(args)
		err, _ := results[len(results)-1].Interface().(error)
		if err == nil || errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("%s after Shutdown: got %v, want an error that does not say what is there", name, err)
		}
	}
}

// TestCursorAhead: who made a cursor up is not left waiting for the feed to get there.
func TestCursorAhead(t *testing.T) {
	store := memory.New()
	told := []cloakroom.Revocation{{Subject: [32]byte{1}, Until: now.Add(time.Hour)}}
	if err := store.Append(t.Context(), told, nil); err != nil {
		t.Fatal(err)
	}
	page, err := store.Revocations(t.Context(), "", 10, now)
	if err != nil {
		t.Fatal(err)
	}
	ahead, err := store.Revocations(t.Context(), page.Cursor+"0", 10, now)
	if err != nil || !slices.Equal(ahead.Entries, told) {
		t.Errorf("a cursor ahead of the end: %v, %v; want the beginning", ahead, err)
	}
}

func BenchmarkSession(b *testing.B) {
	store, _, s := furnished(b)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Session(ctx, s.Token, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUser(b *testing.B) {
	store, u, _ := furnished(b)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.User(ctx, u.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGuarded is what every request of every client at once asks of the store.
func BenchmarkGuarded(b *testing.B) {
	store, _, s := furnished(b, "admin", "editor")
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := store.Find(ctx, s.Token, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}
