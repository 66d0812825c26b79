package server

import (
	"os"
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
)

func TestSecretsRotateWhileItRuns(t *testing.T) {
	cfg := settings(t)
	h := running(t, cfg, quick)
	bearer := h.do("POST", "/auth/signup", bear).token(t)
	alive := func() bool {
		return h.do("GET", "/auth/me", "", "Authorization", "Bearer "+bearer).status == 200
	}
	changes := func() int { return len(h.log.lines(t, "secrets changed")) }
	if !alive() || changes() != 0 {
		t.Fatal(h.log)
	}

	t.Run("S27 the old secret still verifies", func(t *testing.T) {
		if err := secretfile.Rotate(SecretsPath(cfg), 1); err != nil {
			t.Fatal(err)
		}
		until(t, "the change is seen", func() bool { return changes() == 1 })
		if !alive() {
			t.Error("rotation ended a session")
		}
		fresh := h.do("POST", "/auth/login", bear).token(t)
		if fresh[4:] == bearer[4:] {
			t.Error("no new token")
		}
	})

	t.Run("a broken file changes nothing", func(t *testing.T) {
		good, err := os.ReadFile(SecretsPath(cfg))
		if err != nil {
			t.Fatal(err)
		}
		write(t, SecretsPath(cfg), "a slip of the pen\n")
		until(t, "the slip is seen", func() bool {
			return len(h.log.lines(t, "secrets file cannot be used; the secrets stay as they were")) > 0
		})
		if !alive() {
			t.Error("a broken file ended a session")
		}
		if err := os.Remove(SecretsPath(cfg)); err != nil {
			t.Fatal(err)
		}
		write(t, SecretsPath(cfg), string(good))
		until(t, "the good file is seen", func() bool { return changes() >= 2 })
		if !alive() {
			t.Error("the good file ended a session")
		}
	})

	t.Run("S28 a secret that is gone verifies nothing", func(t *testing.T) {
		for range 2 { // the first one falls off the end
			if err := secretfile.Rotate(SecretsPath(cfg), 1); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "the token is dead", func() bool { return !alive() })
		if s := h.do("GET", "/auth/session", "", "Authorization", "Bearer "+bearer); s.status != 200 {
			t.Errorf("not signed out but %v", s)
		}
	})
}
