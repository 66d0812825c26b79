package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// strict asks the store about each request.
func strict() cloakroom.Config { return cloakroom.Config{Cache: -1} }

// roomy has a cache with room for all sessions of T13.
func roomy() cloakroom.Config { return cloakroom.Config{Cache: 4 << 30} }

// serverStrict says the same as strict to the server.
const serverStrict = "CLOAKROOM_CACHE_SIZE=off"

// ours is the library with this store. Cookies carry the tokens.
func ours(store cloakroom.Store, n int, c cloakroom.Config) (*world, error) {
	c.Store = store
	auth, err := cloakroom.New(c)
	if err != nil {
		return nil, err
	}
	w := &world{auth: auth, close: func() error { return auth.Close(context.Background()) }}
	w.handler = on(auth.Protect(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { greet(w, s.User.Name) }))
	if w.credentials, err = admit(auth, n); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// admit makes n users with a session each, without a password, and returns their cookies.
func admit(auth *cloakroom.Auth, n int) ([]string, error) {
	return each(n, func(i int) (string, error) {
		user, err := auth.Users().Create(context.Background(), cloakroom.NewUser{Email: fmt.Sprintf("user%d@example.com", i), Name: userName})
		if err != nil {
			return "", err
		}
		answer, request := httptest.NewRecorder(), httptest.NewRequest("POST", "http://127.0.0.1/", nil)
		request.Header.Set("User-Agent", agent)
		if _, err := auth.Admit(answer, request, user.ID, cloakroom.Admission{Method: "bench"}); err != nil {
			return "", err
		}
		return cookieOf(answer), nil
	})
}

// cookieOf is the header field that sends back the cookie an answer has set.
func cookieOf(answer *httptest.ResponseRecorder) string {
	c := answer.Result().Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value
}

// oursInMemory is what the library costs when its store costs next to nothing.
func oursInMemory() (*world, error) { return ours(memory.New(), users, strict()) }

// databaseFile is where a world has its sessions in its folder.
const databaseFile = "cloakroom.db"

func oursOnDisk(dir string, n int, c cloakroom.Config) (*world, error) {
	store, err := sqlite.Open(filepath.Join(dir, databaseFile))
	if err != nil {
		return nil, err
	}
	w, err := ours(store, n, c)
	if err != nil {
		return nil, errors.Join(err, store.Shutdown())
	}
	return w.with(store.Shutdown), nil
}

// with adds what is to be closed after the rest.
func (w *world) with(end func() error) *world {
	first := w.close
	w.close = func() error { return errors.Join(first(), end()) }
	return w
}

// few is how many sessions the two worlds of T7 have. Written down once in a second, that is as much writing as
// 3,840 sessions make that are used all the time and written down once a minute.
const few = 64

// slide is the library as it comes, only that uses are written down every second.
func slide(dir string) (*world, error) {
	w, err := oursOnDisk(dir, few, cloakroom.Config{})
	if err == nil {
		w.each = func() error { return w.auth.Flush(context.Background()) }
	}
	return w, err
}

// still is slide with a clock that stands: no use is ever noted.
func still(dir string) (*world, error) {
	at := time.Now()
	return oursOnDisk(dir, few, cloakroom.Config{Now: func() time.Time { return at }})
}
