package doctor

import (
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// removed has everything on servers.
func removed(t *testing.T, database, sessions string) config.Config {
	c := settings(t)
	c.Store.URL, c.Store.Sessions = config.DSN(database), config.DSN(sessions)
	c.Secrets = []config.Secret{config.Secret("0123456789abcdefghijklmnopqrstuvwxyz")}
	return c
}

const nobody = "127.0.0.1:9" // the port of a service that has not been used for decades (RFC 863)

func TestServers(t *testing.T) {
	careless := testbed.PostgresDSN(t) // its commits do not wait for the disk
	cache := "valkey://" + testbed.ValkeyAddr(t) + "/"
	forgetful, err := testbed.StartValkey(t.TempDir(), "maxmemory-policy allkeys-lru")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = forgetful.Kill() })

	for _, c := range []struct {
		name, database, sessions string
		what                     string
		level                    Level
		says                     string
	}{
		{"nothing there yet", careless, cache, "keys", OK, "not there yet"},
		{"no folder is needed", careless, cache, "data", OK, "no folder"},
		{"writes that do not wait for the disk", careless, cache, "database", Fail, "fsync is off"},
		{"a good server of sessions", careless, cache, "sessions", OK, "answer"},
		{"a server that forgets sessions", careless, "valkey://" + forgetful.Addr() + "/", "sessions", Fail, "noeviction"},
		{"no server of sessions", careless, "valkey://:hunter2@" + nobody + "/", "sessions", Fail, "refused"},
		{"no database", "postgres://ana:hunter2@" + nobody + "/x", cache, "database", Fail, "refused"},
		{"what is no address", "postgres://ana:hunter2@[/x", cache, "database", Fail, "store.url"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := removed(t, c.database, c.sessions)
			f := worst(t, cfg, c.what)
			if f.Level != c.level || !strings.Contains(f.Detail+f.Mend, c.says) || strings.Contains(f.Detail, "hunter2") {
				t.Errorf("got %+v", f)
			}
			if _, err := os.Stat(cfg.Data); err == nil {
				t.Error("the doctor made a data folder")
			}
		})
	}
}

func TestSchemaOfAServer(t *testing.T) {
	cfg := removed(t, testbed.PostgresDSN(t), "")
	schema := func() Finding {
		t.Helper()
		for f := range Examine(t.Context(), cfg) {
			if f.What == "database" {
				return f
			}
		}
		t.Fatal("nothing about the database")
		return Finding{}
	}
	if f := schema(); f.Level != Warn || !strings.Contains(f.Mend, "migrate up") {
		t.Errorf("got %+v", f)
	}
	if f := schema(); f.Level != Warn {
		t.Errorf("the doctor made the schema: %+v", f)
	}
	if err := server.MigrateServer(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if f := schema(); f.Level != OK {
		t.Errorf("got %+v", f)
	}
	moveIn(t, cfg)
	if f := worst(t, cfg, "keys"); f.Level != OK || !strings.Contains(f.Detail, "ES256") {
		t.Errorf("got %+v", f)
	}
}
