package server

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// shared are settings of a node among several. An empty database is a file.
func shared(t *testing.T, database string, sessions ...string) config.Config {
	c := served(t)
	c.Store.URL = config.DSN(database)
	if len(sessions) > 0 {
		c.Store.Sessions = config.DSN("valkey://" + strings.Join(sessions, ",") + "/")
	}
	c.Secrets = []config.Secret{config.Secret("0123456789abcdefghijklmnopqrstuvwxyz")}
	return c
}

// TestNodesShareStores has two nodes on the same stores, as two processes on two machines, and clients that go to either.
func TestNodesShareStores(t *testing.T) {
	for name, settings := range map[string]func(*testing.T) config.Config{
		"a file":     func(t *testing.T) config.Config { return shared(t, "") },
		"PostgreSQL": func(t *testing.T) config.Config { return shared(t, testbed.PostgresDSN(t)) },
		"PostgreSQL without wake-ups": func(t *testing.T) config.Config {
			c := shared(t, testbed.PostgresDSN(t))
			c.Store.PollOnly = true
			return c
		},
		"a file and Valkey": func(t *testing.T) config.Config { return shared(t, "", testbed.ValkeyAddr(t)) },
		"PostgreSQL and Valkey": func(t *testing.T) config.Config {
			return shared(t, testbed.PostgresDSN(t), testbed.ValkeyAddr(t))
		},
		"PostgreSQL and Valkey Cluster": func(t *testing.T) config.Config {
			return shared(t, testbed.PostgresDSN(t), testbed.ValkeyClusterAddrs(t)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t)
			a, b := pairOf(t, cfg)
			t.Run("a log-out on one is heard on the other", func(t *testing.T) { logOutIsHeard(t, a, b) })
			t.Run("what the command line does is heard, too", func(t *testing.T) { commandIsHeard(t, cfg, b) })
			t.Run("one refresh token has one successor on both", func(t *testing.T) { oneSuccessor(t, a, b) })
			t.Run("a service hears from one what ended on the other", func(t *testing.T) { serviceHears(t, a, b) })
		})
	}
}

// signUp makes an account of this name and returns its bearer token.
func (h *house) signUp(name string) string {
	h.t.Helper()
	return "Bearer " + h.do("POST", "/auth/signup", strings.Replace(bear, "ana@", name+"@", 1)).token(h.t)
}

// me is the status of a request with a bearer token.
func (h *house) me(bearer string) int {
	h.t.Helper()
	return h.do("GET", "/auth/me", "", "Authorization", bearer).status
}

// remembers lets a node answer from memory.
func (h *house) remembers(t *testing.T, bearer string) {
	t.Helper()
	before := figure(h.metrics(), "cloakroom_session_cache_hits_total")
	until(t, "a session is answered from memory", func() bool {
		if status := h.me(bearer); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return figure(h.metrics(), "cloakroom_session_cache_hits_total") > before
	})
}

func logOutIsHeard(t *testing.T, a, b *house) {
	bearer := a.signUp("bea")
	b.remembers(t, bearer)
	if out := a.do("POST", "/auth/logout", "", "Authorization", bearer); out.status != http.StatusNoContent {
		t.Fatal(out)
	}
	if status := a.me(bearer); status != http.StatusUnauthorized {
		t.Errorf("status %d where it was ended", status)
	}
	until(t, "the other node has heard of it", func() bool { return b.me(bearer) == http.StatusUnauthorized })
	until(t, "it is measured how long that took", func() bool {
		return figure(b.metrics(), "cloakroom_revocation_lag_seconds_count") >= 1
	})
}

// commandIsHeard bans a user by an engine of its own, as cloakroom user ban does.
func commandIsHeard(t *testing.T, cfg config.Config, h *house) {
	bearer := h.signUp("cleo")
	h.remembers(t, bearer)
	command, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u, err := command.Auth.Users().ByEmail(t.Context(), "cleo@example.com")
	if err == nil {
		err = command.Auth.Users().Ban(t.Context(), u.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the server has heard of the ban", func() bool { return h.me(bearer) == http.StatusForbidden })
	var told []cloakroom.EventType
	for e, err := range command.Auth.Events().Of(t.Context(), u.ID) {
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, e.Type)
	}
	if len(told) < 2 || told[0] != cloakroom.UserBanned || told[len(told)-1] != cloakroom.UserCreated {
		t.Errorf("events %v", told)
	}
	if err := command.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func oneSuccessor(t *testing.T, a, b *house) {
	_, refresh := a.do("POST", "/auth/signup", strings.Replace(signedBear, "ana@", "dora@", 1)).pair(t)
	_, first := a.refresh(refresh).pair(t)
	access, second := b.refresh(refresh).pair(t)
	if first != second {
		t.Error("two nodes gave two successors")
	}
	if status := a.me("Bearer " + access); status != http.StatusOK {
		t.Errorf("a signed token of the other node: %d", status)
	}
}

func serviceHears(t *testing.T, a, b *house) {
	bearer := a.signUp("emma")
	_, cursor := b.news("", "0")
	a.do("POST", "/auth/logout", "", "Authorization", bearer)
	until(t, "the feed tells of it", func() bool {
		entries, next := b.news(cursor, "100")
		cursor = next
		return entries > 0
	})
}

// TestOutage stops a server that things are kept on, and starts it again.
func TestOutage(t *testing.T) {
	t.Run("S51 S52 S250 PostgreSQL", func(t *testing.T) {
		p, err := testbed.StartPostgres(t.TempDir(), "fsync=off")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Kill() })
		outage(t, shared(t, p.DSN("")), p.Stop, p.Start)
	})
	t.Run("S51 S52 S250 Valkey", func(t *testing.T) {
		v, err := testbed.StartValkey(t.TempDir(), "appendonly yes")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Kill() })
		cfg := shared(t, testbed.PostgresDSN(t), v.Addr())
		cfg.Cache.Size = 0
		outage(t, cfg, v.Kill, v.Start)
	})
	t.Run("Valkey, with what is remembered: the feed is heard all the same", func(t *testing.T) {
		v, err := testbed.StartValkey(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Kill() })
		a, b := pairOf(t, shared(t, testbed.PostgresDSN(t), v.Addr()))
		bearer := a.signUp("bea")
		b.remembers(t, bearer)
		if err := v.Kill(); err != nil {
			t.Fatal(err)
		}
		until(t, "it is not ready", func() bool { return b.do("GET", "/readyz", "").status == http.StatusServiceUnavailable })
		if status := b.me(bearer); status != http.StatusOK {
			t.Errorf("status %d of a session that is remembered", status)
		}
	})
}

// pairOf is two nodes on the same stores.
func pairOf(t *testing.T, cfg config.Config) (a, b *house) {
	return running(t, cfg, quick), running(t, cfg, quick)
}

func outage(t *testing.T, cfg config.Config, stop, start func() error) {
	h := running(t, cfg, quick)
	in := h.do("POST", "/auth/signup", ana)
	cookie, _, _ := strings.Cut(in.header.Get("Set-Cookie"), ";")
	me := func() reply { return h.do("GET", "/auth/me", "", "Cookie", cookie) }
	if r := me(); r.status != http.StatusOK {
		t.Fatal(r)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// What it remembers it may still say for as long as it may believe it, and then nothing.
	awaits(t, http.StatusServiceUnavailable, me)
	for _, r := range []reply{
		me(), h.do("GET", "/readyz", ""), h.do("GET", "/auth/session", "", "Cookie", cookie),
		h.do("POST", "/auth/logout", "", "Cookie", cookie), h.do("POST", "/auth/login", ana),
	} {
		if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || r.header.Get("Set-Cookie") != "" {
			t.Errorf("%d %v %s", r.status, r.header, r.body)
		}
	}
	if r := h.do("GET", "/livez", ""); r.status != http.StatusOK {
		t.Errorf("the process lives all the same: %v", r)
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	awaits(t, http.StatusOK, me)
	awaits(t, http.StatusOK, func() reply { return h.do("GET", "/readyz", "") })
}

// awaits asks until it is answered so. Until then the answer is the one from before or 503, and never clears a cookie.
func awaits(t *testing.T, status int, ask func() reply) {
	t.Helper()
	until(t, http.StatusText(status), func() bool {
		r := ask()
		if r.status != http.StatusOK && r.status != http.StatusServiceUnavailable || r.header.Get("Set-Cookie") != "" {
			t.Fatalf("%d %v %s", r.status, r.header, r.body)
		}
		return r.status == status
	})
}

func TestServersOutOfReach(t *testing.T) {
	cfg := shared(t, "postgres://ana:hunter2@"+closed(t)+"/x", ":hunter2@"+closed(t))
	_, err := New(cfg, config.Production, (&logbook{}).logger())
	if err == nil {
		t.Fatal("started")
	}
	for _, key := range []string{"store.url: ", "store.sessions: ", "refused"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("nothing of %q in: %v", key, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("shows the password: %v", err)
	}
	if _, err := os.Stat(cfg.Data); err == nil {
		t.Error("made a data folder that nobody needs")
	}
}

// closed is an address that nobody listens at.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
