package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
)

// A peer that greets everybody would look fast.
func TestWorldsKnowWhoAsks(t *testing.T) {
	t.Parallel()
	for kind := range kinds(servers{}) {
		t.Run(kind, func(t *testing.T) {
			w, err := open(kind, t.TempDir(), serversFor(t, kind))
			if err != nil {
				t.Fatal(err)
			}
			if w.close != nil {
				defer func() {
					if err := w.close(); err != nil {
						t.Error(err)
					}
				}()
			}
			for _, field := range w.credentials {
				if status, body := ask(w, field); status != http.StatusOK || !strings.HasPrefix(body, greeting) {
					t.Fatalf("%s answers %d %q", field, status, body)
				}
			}
			if kind == "trivial" {
				return
			}
			for what, field := range map[string]string{"nothing": "X-Nothing: 1", "a forged credential": forged(w)} {
				if status, body := ask(w, field); status != http.StatusUnauthorized || strings.Contains(body, userName) {
					t.Errorf("%s is answered %d %q", what, status, body)
				}
			}
		})
	}
}

// serversFor are what a kind needs, empty.
func serversFor(t *testing.T, kind string) (at servers) {
	switch kind {
	case "cloakroom-postgres", "cloakroom-node", "scs-postgres":
		at.postgres = testbed.PostgresDSN(t)
	case "cloakroom-valkey":
		at.postgres, at.valkey = testbed.PostgresDSN(t), testbed.ValkeyAddr(t)
	case "cloakroom-valkey-alone", "scs-redis":
		at.valkey = testbed.ValkeyAddr(t)
	}
	return at
}

func ask(w *world, field string) (status int, body string) {
	name, value, _ := strings.Cut(field, ": ")
	r := httptest.NewRequest("GET", "http://127.0.0.1"+hello, nil)
	r.Header.Set(name, value)
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// forged is a credential that nobody has given out.
func forged(w *world) string {
	if len(w.credentials) == 0 {
		return "Cookie: session=crs_unknown"
	}
	return forge(w.credentials[0])
}

// forge changes a letter in the middle of the credential.
func forge(field string) string {
	i := len(field) * 2 / 3
	other := "x"
	if field[i] == 'x' {
		other = "y"
	}
	return field[:i] + other + field[i+1:]
}

func TestUnknownKind(t *testing.T) {
	if _, err := open("express", t.TempDir(), servers{}); err == nil || !strings.Contains(err.Error(), "gorilla") {
		t.Errorf("%v", err)
	}
}
