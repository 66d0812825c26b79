package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestUnseenTokens(t *testing.T) {
	w, err := open("verify-first", t.TempDir(), servers{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(w.handler)
	defer server.Close()
	fields, err := unseenTokens(t.Context(), server.Listener.Addr().String(), users+5)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range append(fields, w.credentials...) {
		if seen[f] {
			t.Fatalf("%s is there twice", f)
		}
		seen[f] = true
	}
	for _, f := range fields {
		if status, body := ask(w, f); status != http.StatusOK || !strings.HasPrefix(body, greeting) {
			t.Fatalf("%s is answered %d %q", f, status, body)
		}
	}
}

// A peer that leaves out some of the work would look fast.
func TestJWTServiceDoesTheWork(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	s := jwtService{jwt.SigningMethodHS256, key, key}
	w, err := s.world()
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*jwt.Token, *jwtClaims){
		"":                 func(*jwt.Token, *jwtClaims) {},
		"another type":     func(t *jwt.Token, _ *jwtClaims) { t.Header["typ"] = "JWT" },
		"another key":      func(t *jwt.Token, _ *jwtClaims) { t.Header["kid"] = "1" },
		"no key":           func(t *jwt.Token, _ *jwtClaims) { delete(t.Header, "kid") },
		"another issuer":   func(_ *jwt.Token, c *jwtClaims) { c.Issuer += "0" },
		"another audience": func(_ *jwt.Token, c *jwtClaims) { c.Audience = jwt.ClaimStrings{"shop"} },
		"it is over":       func(_ *jwt.Token, c *jwtClaims) { c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute)) },
		"it never ends":    func(_ *jwt.Token, c *jwtClaims) { c.ExpiresAt = nil },
		"nobody's":         func(_ *jwt.Token, c *jwtClaims) { c.Subject = "" },
		"another algorithm": func(t *jwt.Token, _ *jwtClaims) {
			t.Method, t.Header["alg"] = jwt.SigningMethodHS512, jwt.SigningMethodHS512.Alg()
		},
	} {
		token := s.unsigned(time.Now())
		claims := token.Claims.(jwtClaims)
		change(token, &claims)
		token.Claims = claims
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		want := http.StatusUnauthorized
		if what == "" {
			want = http.StatusOK
		}
		if status, _ := ask(w, bearerField(text)); status != want {
			t.Errorf("%q: answered %d", what, status)
		}
	}
}
