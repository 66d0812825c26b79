package cloakroom_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// What a sign-in takes beside its hash, which costs next to nothing here:
//
//	go test -run - -bench SignIn
func BenchmarkSignIn(b *testing.B) {
	b.Run("memory", func(b *testing.B) { signInAgain(b, memory.New()) })
	b.Run("sqlite", func(b *testing.B) {
		store, err := sqlite.Open(filepath.Join(b.TempDir(), "app.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = store.Shutdown() })
		signInAgain(b, store)
	})
}

func signInAgain(b *testing.B, store cloakroom.Store) {
	const people = 1000
	room := authtest.New(b, cloakroom.Config{Store: store, Now: time.Now})
	email := func(i int) string { return fmt.Sprintf("ana%d@example.com", i%people) }
	for i := range people {
		room.User(email(i))
	}
	i := 0
	for b.Loop() {
		in := cloakroom.SignIn{Email: email(i), Secret: authtest.Secret}
		if _, err := room.SignIn(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, secure+"/", nil), in); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
