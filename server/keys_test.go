package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

func TestOneOfManyMakesTheKeys(t *testing.T) {
	t.Run("S171 servers that start at once have one key that signs", func(t *testing.T) {
		cfg := served(t)
		var wait sync.WaitGroup
		var mu sync.Mutex
		sets := map[string]int{}
		for range 4 {
			wait.Go(func() {
				s, err := assemble(cfg, config.Production, (&logbook{}).logger(), quick, cheap)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = s.Close(context.Background()) }()
				mu.Lock()
				defer mu.Unlock()
				sets[ask(s.handler, "GET", "/.well-known/jwks.json").Body.String()]++
			})
		}
		wait.Wait()
		if len(sets) != 1 {
			t.Fatalf("they differ: %v", sets)
		}
		for set := range sets {
			if strings.Count(set, `"kid"`) != 2 {
				t.Errorf("more than the one that signs and the next: %s", set)
			}
		}
	})
	t.Run("two servers on one file take each other's tokens", func(t *testing.T) {
		cfg := served(t)
		a, b := running(t, cfg, quick), running(t, cfg, quick)
		access, refresh := a.do("POST", "/auth/signup", signedBear).pair(t)
		if me := b.do("GET", "/auth/me", "", "Authorization", "Bearer "+access); me.status != 200 {
			t.Error(me)
		}
		access, _ = b.refresh(refresh).pair(t)
		if me := a.do("GET", "/auth/me", "", "Authorization", "Bearer "+access); me.status != 200 {
			t.Error(me)
		}
	})
}

// state is the one key that is in this state.
func state(t *testing.T, s *Server, want cloakroom.KeyState) cloakroom.SigningKey {
	t.Helper()
	keys, err := s.engine.Auth.Keys().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(k cloakroom.SigningKey) bool { return k.State(time.Now()) != want })
	if len(keys) != 1 {
		t.Fatalf("%d keys are %s", len(keys), want)
	}
	return keys[0]
}

func TestWithdrawnKey(t *testing.T) {
	t.Run("S170 is refused by another server on the data within moments, and its sessions live on", func(t *testing.T) {
		cfg := served(t)
		a, b := running(t, cfg, quick), running(t, cfg, quick)
		access, refresh := a.do("POST", "/auth/signup", signedBear).pair(t)
		status := func() int { return a.do("GET", "/auth/me", "", "Authorization", "Bearer "+access).status }
		if status() != 200 {
			t.Fatal("it is refused before")
		}
		lost := state(t, b.server, cloakroom.KeyActive).ID
		if err := b.server.engine.Auth.Keys().Withdraw(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
		until(t, "the token is refused", func() bool { return status() == 401 })
		if keys := a.do("GET", "/.well-known/jwks.json", ""); strings.Contains(keys.body, lost) {
			t.Error("it is still listed")
		}
		access, _ = a.refresh(refresh).pair(t)
		if status() != 200 {
			t.Error("the session died with the key")
		}
	})
}

func TestReadyNeedsTheKeys(t *testing.T) {
	t.Run("S250 not ready while the key that signs cannot be opened", func(t *testing.T) {
		cfg := served(t)
		s, _ := built(t, cfg, config.Production)
		if w := ask(s.handler, "GET", "/readyz"); w.Code != 200 {
			t.Fatal(w.Code, w.Body)
		}
		cfg.Secrets = []config.Secret{make(config.Secret, 32)}
		_, _ = rand.Read(cfg.Secrets[0])
		other, _ := built(t, cfg, config.Production)
		w := ask(other.handler, "GET", "/readyz")
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "key") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}

		// Where no signed tokens are made, none is missed.
		cfg.Token.Allow = []string{"opaque"}
		opaque, _ := built(t, cfg, config.Production)
		if w := ask(opaque.handler, "GET", "/readyz"); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// TestKeysFollowTheSecrets rotates the secrets until none is left of those under which the keys were first sealed, while
// nobody needs a key.
func TestKeysFollowTheSecrets(t *testing.T) {
	cfg := served(t)
	h := running(t, cfg, quick)
	access, refresh := h.do("POST", "/auth/signup", signedBear).pair(t)
	sealed := func() string {
		set, err := h.server.engine.stores.store.KeySet(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(set.Keys[0].Sealed)
	}
	before := sealed()
	rotate(t, cfg)
	until(t, "the keys are sealed anew", func() bool { return sealed() != before })
	if me := h.do("GET", "/auth/me", "", "Authorization", "Bearer "+access); me.status != 200 {
		t.Errorf("a signed token: %v", me)
	}
	_, refresh = h.refresh(refresh).pair(t)
	onlyTheFirst(t, cfg)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}

	again := running(t, cfg, quick)
	if ready := again.do("GET", "/readyz", ""); ready.status != 200 {
		t.Errorf("the keys are lost with the old secret: %v", ready)
	}
	if me := again.do("GET", "/auth/me", "", "Authorization", "Bearer "+access); me.status != 200 {
		t.Errorf("a signed token of before: %v", me)
	}
	if next := again.refresh(refresh); next.status != 200 {
		t.Errorf("a refresh token of the new secret: %v", next)
	}
}

func TestKeyGauges(t *testing.T) {
	h := running(t, served(t), quick)
	m := h.metrics()
	for series, want := range map[string]float64{
		`cloakroom_signing_keys{state="active"}`: 1, `cloakroom_signing_keys{state="next"}`: 1,
		`cloakroom_signing_keys{state="retiring"}`: 0, `cloakroom_signing_keys{state="withdrawn"}`: 0,
	} {
		if got := figure(m, series); got != want {
			t.Errorf("%s is %v", series, got)
		}
	}
	if err := h.server.engine.Auth.Keys().Withdraw(t.Context(), state(t, h.server, cloakroom.KeyActive).ID); err != nil {
		t.Fatal(err)
	}
	if m = h.metrics(); figure(m, `cloakroom_signing_keys{state="withdrawn"}`) != 1 || figure(m, `cloakroom_signing_keys{state="active"}`) != 1 {
		t.Error("the withdrawal does not show")
	}

	began := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	g := keyGauges{
		func(context.Context) ([]cloakroom.SigningKey, error) {
			return []cloakroom.SigningKey{{ActiveAt: began, RetiredAt: began.Add(2 * time.Hour)}, {ActiveAt: began.Add(2 * time.Hour)}}, nil
		},
		func() time.Time { return began.Add(time.Hour) },
	}
	metrics := newMetrics()
	metrics.registry.MustRegister(g)
	if age := figure(ask(metrics.handler(), "GET", "/metrics").Body.String(), "cloakroom_signing_key_age_seconds"); age != 3600 {
		t.Errorf("the age is %v", age)
	}

	dark := newMetrics()
	dark.registry.MustRegister(keyGauges{func(context.Context) ([]cloakroom.SigningKey, error) { return nil, errors.New("disk") }, time.Now})
	page := ask(dark.handler(), "GET", "/metrics")
	if page.Code != 200 || strings.Contains(page.Body.String(), "cloakroom_signing_keys{") {
		t.Errorf("keys out of reach: %d", page.Code)
	}
}

// TestKeysOfASecretThatIsNews: an operator rotates the secrets and replaces lost keys at once, before a running server has
// looked at the file. It knows the new secret a moment later, and then the keys that are sealed under it.
func TestKeysOfASecretThatIsNews(t *testing.T) {
	n := &neighbours{t, served(t), map[byte]*Server{}, map[byte]*logbook{}}
	n.join('a')
	rotate(t, n.cfg)
	operator, err := Open(n.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = operator.Close(t.Context()) }()
	for range 2 { // the one that signs, and the next
		if err := operator.Auth.Keys().Withdraw(t.Context(), state(t, n.servers['a'], cloakroom.KeyActive).ID); err != nil {
			t.Fatal(err)
		}
	}
	ready := func() int { return ask(n.servers['a'].handler, "GET", "/readyz").Code }
	until(t, "the server has seen keys that it cannot open", func() bool { return ready() == 503 })
	n.servers['a'].lookAtSecrets()
	until(t, "it opens them", func() bool { return ready() == 200 })
}
