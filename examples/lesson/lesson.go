package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/golang-jwt/jwt/v5"
)

// The lesson knows one user.
const (
	userID    = "42"
	userEmail = "alice@example.com"
	tokenLife = time.Hour
)

// lesson holds both halves: auth for the session, a key for the signed token.
type lesson struct {
	auth *cloakroom.Auth
	user *cloakroom.User
	key  []byte
}

func newLesson(store cloakroom.Store, key []byte, name string) (*lesson, error) {
	auth, err := cloakroom.New(cloakroom.Config{Store: store, OnFail: notLoggedIn})
	if err != nil {
		return nil, err
	}
	user, err := auth.Users().Create(context.Background(), cloakroom.NewUser{Email: userEmail, Name: name})
	if errors.Is(err, cloakroom.ErrEmailTaken) { // the file is from an earlier run
		user, err = auth.Users().ByEmail(context.Background(), userEmail)
	}
	if err != nil {
		return nil, errors.Join(err, auth.Close(context.Background()))
	}
	return &lesson{auth: auth, user: user, key: key}, nil
}

func (l *lesson) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /session-login", l.sessionLogin)
	mux.Handle("GET /session-profile", l.auth.Protect(sessionProfile))
	mux.HandleFunc("POST /token-login", l.tokenLogin)
	mux.HandleFunc("GET /token-profile", l.tokenProfile)
	return mux
}

func (l *lesson) sessionLogin(w http.ResponseWriter, r *http.Request) {
	if _, err := l.auth.Admit(w, r, l.user.ID, cloakroom.Admission{Method: "lesson"}); err != nil {
		l.auth.Fail(w, r, err)
		return
	}
	text(w, http.StatusOK, "Logged in with session")
}

func sessionProfile(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
	text(w, http.StatusOK, fmt.Sprintf("Hello %s, this is your session profile.", s.User.Name))
}

// notLoggedIn says it in the words of the lesson. A store out of reach is not the user's fault and stays a 503.
func notLoggedIn(w http.ResponseWriter, _ *http.Request, err error) {
	if _, unknown := errors.AsType[*cloakroom.UnavailableError](err); unknown {
		text(w, http.StatusServiceUnavailable, "Try again later")
		return
	}
	text(w, http.StatusUnauthorized, "Not logged in")
}

// claims are what the lesson puts into its token.
type claims struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	jwt.RegisteredClaims
}

func (l *lesson) tokenLogin(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		ID: userID, Name: l.user.Name,
		RegisteredClaims: jwt.RegisteredClaims{IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife))},
	}).SignedString(l.key)
	if err != nil {
		l.auth.Fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]string{"token": token})
}

// tokenProfile answers 403 for a bad token, as the lesson does. Everywhere else in this house it would be 401.
func (l *lesson) tokenProfile(w http.ResponseWriter, r *http.Request) {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token == "" {
		text(w, http.StatusUnauthorized, "No token provided")
		return
	}
	var who claims
	_, err := jwt.ParseWithClaims(token, &who, func(*jwt.Token) (any, error) { return l.key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		text(w, http.StatusForbidden, "Invalid token")
		return
	}
	text(w, http.StatusOK, fmt.Sprintf("Hello %s, this is your token profile.", who.Name))
}

// text answers in plain text, so that no name in it is ever read as HTML.
func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprint(w, s)
}
