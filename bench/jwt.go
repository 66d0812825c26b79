package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cloakroom-auth/cloakroom/internal/id"
)

// jwtService is golang-jwt in a middleware that does what ours does, as far as it can: algorithm, type, key by its id,
// signature, issuer, audience and times are checked, and the claims are put into the context. Nothing can be revoked.
type jwtService struct {
	method          jwt.SigningMethod
	private, public any
}

// jwtClaims are those of our tokens.
type jwtClaims struct {
	jwt.RegisteredClaims
	Client   string   `json:"client_id"`
	Session  string   `json:"sid"`
	AuthTime int64    `json:"auth_time"`
	Methods  []string `json:"amr"`
	Epoch    int64    `json:"epoch"`
	Ticket   string   `json:"tkt"`
}

const (
	jwtIssuer = "http://127.0.0.1:8400"
	jwtKey    = "0199d2a4"
	jwtType   = "at+jwt"
)

func jwtES256(string) (*world, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return jwtService{jwt.SigningMethodES256, key, &key.PublicKey}.world()
}

func jwtRS256(string) (*world, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return jwtService{jwt.SigningMethodRS256, key, &key.PublicKey}.world()
}

func jwtHS256(string) (*world, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return jwtService{jwt.SigningMethodHS256, key, key}.world()
}

func (s jwtService) world() (*world, error) {
	w := &world{handler: on(s.middleware(http.HandlerFunc(greetJWTSubject)))}
	for range users {
		text, err := s.unsigned(time.Now()).SignedString(s.private)
		if err != nil {
			return nil, err
		}
		w.credentials = append(w.credentials, bearerField(text))
	}
	return w, nil
}

// unsigned is a new token with a user and a session of its own.
func (s jwtService) unsigned(now time.Time) *jwt.Token {
	t := jwt.NewWithClaims(s.method, jwtClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: jwtIssuer, Subject: id.New("usr_", now), Audience: jwt.ClaimStrings{orders}, ID: random(16),
			ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)), IssuedAt: jwt.NewNumericDate(now),
		},
		Client: "cloakroom", Session: id.New("ses_", now), AuthTime: now.Unix(), Methods: []string{"pwd"}, Epoch: 1, Ticket: random(32),
	})
	t.Header["typ"], t.Header["kid"] = jwtType, jwtKey
	return t
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

type jwtContext struct{}

func (s jwtService) middleware(next http.Handler) http.Handler {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{s.method.Alg()}), jwt.WithIssuer(jwtIssuer), jwt.WithAudience(orders),
		jwt.WithExpirationRequired(), jwt.WithLeeway(30*time.Second),
	)
	keys := map[string]any{jwtKey: s.public}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		claims := &jwtClaims{}
		if _, err := parser.ParseWithClaims(text, claims, func(t *jwt.Token) (any, error) { return keyOf(keys, t) }); err != nil {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), jwtContext{}, claims)))
	})
}

func keyOf(keys map[string]any, t *jwt.Token) (any, error) {
	if t.Header["typ"] != jwtType {
		return nil, errors.New("no access token")
	}
	name, _ := t.Header["kid"].(string)
	if key, ok := keys[name]; ok {
		return key, nil
	}
	return nil, fmt.Errorf("no key %q", name)
}

func greetJWTSubject(w http.ResponseWriter, r *http.Request) {
	who, ok := r.Context().Value(jwtContext{}).(*jwtClaims)
	if !ok || who.Subject == "" {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	greet(w, userName)
}
