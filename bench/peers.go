package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// world is one way to know who asks, ours or a peer's, ready to serve. All do the same: they find the session of
// the request's credential and answer with the name that is in it. Each session has another user.
type world struct {
	handler     http.Handler
	credentials []string     // header fields, one for each session
	close       func() error // nil: there is nothing to close
	each        func() error // called every second while it serves; may be nil

	auth *cloakroom.Auth // nil in a peer's
}

const (
	userName = "Ana"
	greeting = "hello, " + userName
	hello    = "/hello" // the path
)

// users is how many sessions a world has, if not said otherwise.
const users = 1000

// kinds are the worlds there are, each with what makes it in an empty folder.
func kinds() map[string]func(dir string) (*world, error) {
	return map[string]func(dir string) (*world, error){
		"trivial":         trivial,
		"cloakroom":       func(string) (*world, error) { return ours(memory.New(), users, cloakroom.Config{}) },
		"cloakroom-sql":   func(dir string) (*world, error) { return oursOnDisk(dir, users, cloakroom.Config{}) },
		"cloakroom-still": still,
		"cloakroom-slide": slide,
		"scs":             func(string) (*world, error) { return scsWorld(scs.New(), nil) },
		"scs-sql":         func(dir string) (*world, error) { return scsOnDisk(dir, 0) },
		"scs-sql-slide":   func(dir string) (*world, error) { return scsOnDisk(dir, 336*time.Hour) },
		"gorilla":         gorilla,
		"golang-jwt":      golangJWT,

		"verify":           signedService,
		"verify-first":     signedService,
		"golang-jwt-es256": jwtES256,
		"golang-jwt-rs256": jwtRS256,
		"golang-jwt-hs256": jwtHS256,
	}
}

// open makes a world in a folder.
func open(kind, dir string) (*world, error) {
	create, ok := kinds()[kind]
	if !ok {
		return nil, fmt.Errorf("no kind %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(kinds())), ", "))
	}
	w, err := create(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return w, nil
}

// on puts a handler where all worlds have it.
func on(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+hello, h)
	return mux
}

func greet(w http.ResponseWriter, name string) { _, _ = io.WriteString(w, "hello, "+name+"\n") }

func trivial(string) (*world, error) {
	w := &world{handler: on(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { greet(w, userName) }))}
	w.credentials = []string{"Cookie: session=crs_" + strings.Repeat("x", 67)} // as long as ours, looked at by nobody
	return w, nil
}

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
	cookies := make([]string, n)
	for i := range cookies {
		user, err := auth.Users().Create(context.Background(), cloakroom.NewUser{Email: fmt.Sprintf("user%d@example.com", i), Name: userName})
		if err != nil {
			return nil, err
		}
		answer, request := httptest.NewRecorder(), httptest.NewRequest("POST", "http://127.0.0.1/", nil)
		request.Header.Set("User-Agent", agent)
		if _, err := auth.Admit(answer, request, user.ID, cloakroom.Admission{Method: "bench"}); err != nil {
			return nil, err
		}
		cookies[i] = cookieOf(answer)
	}
	return cookies, nil
}

// cookieOf is the header field that sends back the cookie an answer has set.
func cookieOf(answer *httptest.ResponseRecorder) string {
	c := answer.Result().Cookies()[0]
	return "Cookie: " + c.Name + "=" + c.Value
}

func oursOnDisk(dir string, n int, c cloakroom.Config) (*world, error) {
	store, err := sqlite.Open(filepath.Join(dir, "cloakroom.db"))
	if err != nil {
		return nil, err
	}
	w, err := ours(store, n, c)
	if err != nil {
		return nil, errors.Join(err, store.Shutdown())
	}
	end := w.close
	w.close = func() error { return errors.Join(end(), store.Shutdown()) }
	return w, nil
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

// scsWorld is alexedwards/scs with its defaults.
func scsWorld(m *scs.SessionManager, close func() error) (*world, error) {
	w := &world{close: close}
	w.handler = on(m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.GetString(r.Context(), "user") == "" {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		greet(w, m.GetString(r.Context(), "name"))
	})))
	for i := range users {
		ctx, err := m.Load(context.Background(), "")
		if err != nil {
			return nil, err
		}
		m.Put(ctx, "user", fmt.Sprintf("usr_%032d", i))
		m.Put(ctx, "name", userName)
		token, _, err := m.Commit(ctx)
		if err != nil {
			return nil, err
		}
		w.credentials = append(w.credentials, "Cookie: session="+token)
	}
	return w, nil
}

// scsOnDisk is scs on SQLite; with idle it slides, which it does by a write for each request.
func scsOnDisk(dir string, idle time.Duration) (*world, error) {
	store, err := openSCSStore(filepath.Join(dir, "scs.db"))
	if err != nil {
		return nil, err
	}
	m := scs.New()
	m.Store, m.IdleTimeout = store, idle
	return scsWorld(m, store.close)
}

// gorilla is gorilla/sessions with its cookie store: the session itself is in the signed cookie, and nothing can be revoked.
func gorilla(string) (*world, error) {
	store := sessions.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))
	w := &world{}
	w.handler = on(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "session")
		if err != nil || s.IsNew {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		name, _ := s.Values["name"].(string)
		greet(w, name)
	}))
	for i := range users {
		answer, request := httptest.NewRecorder(), httptest.NewRequest("POST", "http://127.0.0.1/", nil)
		s, err := store.New(request, "session")
		if err != nil {
			return nil, err
		}
		s.Values["user"], s.Values["name"] = fmt.Sprintf("usr_%032d", i), userName
		if err := s.Save(request, answer); err != nil {
			return nil, err
		}
		w.credentials = append(w.credentials, cookieOf(answer))
	}
	return w, nil
}

// golangJWT is golang-jwt with HS256: nothing can be revoked either.
func golangJWT(string) (*world, error) {
	key := []byte("0123456789abcdef0123456789abcdef")
	type claims struct {
		Name string `json:"name"`
		jwt.RegisteredClaims
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	w := &world{}
	w.handler = on(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c claims
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if _, err := parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		greet(w, c.Name)
	}))
	for i := range users {
		c := claims{userName, jwt.RegisteredClaims{
			Subject: fmt.Sprintf("usr_%032d", i), ID: base64.RawURLEncoding.EncodeToString(fmt.Append(nil, i)),
			IssuedAt: jwt.NewNumericDate(time.Now()), ExpiresAt: jwt.NewNumericDate(time.Now().Add(336 * time.Hour)),
		}}
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(key)
		if err != nil {
			return nil, err
		}
		w.credentials = append(w.credentials, "Authorization: Bearer "+text)
	}
	return w, nil
}
