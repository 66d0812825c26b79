package memory_test

import (
	"context"
	"errors"
	"reflect"
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
	if err := store.CreateUser(t.Context(), u); err != nil {
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
	if n := testing.AllocsPerRun(100, func() { _, _ = store.User(ctx, u.ID) }); n > 0 {
		t.Errorf("User without roles allocates %v times, want none", n)
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
			record, err := store.Session(ctx, s.Token, now)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := store.User(ctx, record.UserID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
