package main

import (
	"context"
	"encoding/base64"
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

// kinds are the worlds there are, each with what makes it in an empty folder, with the servers that it needs.
func kinds(at servers) map[string]func(dir string) (*world, error) {
	return map[string]func(dir string) (*world, error){
		"trivial":                trivial,
		"cloakroom":              func(dir string) (*world, error) { return oursOnDisk(dir, users, cloakroom.Config{}) },
		"cloakroom-sql":          func(dir string) (*world, error) { return oursOnDisk(dir, users, strict()) },
		"cloakroom-memory":       func(string) (*world, error) { return oursInMemory() },
		"cloakroom-postgres":     func(string) (*world, error) { return oursOnPostgres(at.postgres, users, strict()) },
		"cloakroom-valkey":       func(string) (*world, error) { return oursOnValkey(at, users, strict()) },
		"cloakroom-valkey-alone": func(string) (*world, error) { return oursOnValkeyAlone(at.valkey, users, strict()) },
		"cloakroom-node":         func(string) (*world, error) { return oursAsNode(at.postgres) },
		"cloakroom-still":        still,
		"cloakroom-slide":        slide,

		"scs":           func(string) (*world, error) { return scsWorld(scs.New(), nil) },
		"scs-sql":       func(dir string) (*world, error) { return scsOnDisk(dir, 0) },
		"scs-sql-slide": func(dir string) (*world, error) { return scsOnDisk(dir, 336*time.Hour) },
		"scs-postgres":  func(string) (*world, error) { return scsPostgres(at.postgres) },
		"scs-redis":     func(string) (*world, error) { return scsRedis(at.valkey) },
		"gorilla":       gorilla,
		"golang-jwt":    golangJWT,

		"verify":           signedService,
		"verify-first":     signedService,
		"golang-jwt-es256": jwtES256,
		"golang-jwt-rs256": jwtRS256,
		"golang-jwt-hs256": jwtHS256,
	}
}

// open makes a world in a folder.
func open(kind, dir string, at servers) (*world, error) {
	create, ok := kinds(at)[kind]
	if !ok {
		return nil, fmt.Errorf("no kind %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(kinds(at))), ", "))
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
	var err error
	w.credentials, err = each(users, func(i int) (string, error) {
		token, err := scsSession(context.Background(), m, i)
		return "Cookie: session=" + token, err
	})
	return w, err
}

// scsSession makes a session with a user and a name, and returns its token.
func scsSession(ctx context.Context, m *scs.SessionManager, i int) (token string, err error) {
	if ctx, err = m.Load(ctx, ""); err != nil {
		return "", err
	}
	m.Put(ctx, "user", fmt.Sprintf("usr_%032d", i))
	m.Put(ctx, "name", userName)
	token, _, err = m.Commit(ctx)
	return token, err
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
