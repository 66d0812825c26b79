package doctor

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/internal/smtpsink"
	"github.com/cloakroom-auth/cloakroom/server"
	"github.com/cloakroom-auth/cloakroom/server/config"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

func settings(t *testing.T) config.Config {
	c := config.Default()
	c.Listen, c.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Data = filepath.Join(t.TempDir(), "data")
	return c
}

// inhabited has a data folder with all that belongs there.
func inhabited(t *testing.T) config.Config {
	t.Helper()
	cfg := settings(t)
	if err := os.Mkdir(cfg.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := secretfile.Load(server.SecretsPath(cfg)); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Migrate(server.DatabasePath(cfg)); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// worst is the worst finding about one thing.
func worst(t *testing.T, cfg config.Config, what string) Finding {
	t.Helper()
	var bad Finding
	seen := false
	for f := range Examine(t.Context(), cfg) {
		if f.What == what && (!seen || f.Level > bad.Level) {
			bad, seen = f, true
		}
		if f.Level != OK && f.Mend == "" {
			t.Errorf("no mend for %+v", f)
		}
	}
	if !seen {
		t.Fatalf("nothing about %s", what)
	}
	return bad
}

func TestHealthy(t *testing.T) {
	cfg := inhabited(t)
	for f := range Examine(t.Context(), cfg) {
		if f.Level == Fail {
			t.Errorf("%+v", f)
		}
	}
}

func TestFreshMachine(t *testing.T) {
	cfg := settings(t)
	for f := range Examine(t.Context(), cfg) {
		if f.Level == Fail {
			t.Errorf("%+v", f)
		}
	}
	if _, err := os.Stat(cfg.Data); err == nil {
		t.Error("the doctor made a data folder")
	}
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name  string
		harm  func(*testing.T, *config.Config)
		what  string
		level Level
		says  string
	}{
		{"open folder", func(t *testing.T, c *config.Config) { chmod(t, c.Data, 0o755) }, "data", Warn, "0755"},
		{"no folder", func(t *testing.T, c *config.Config) { c.Data = server.SecretsPath(*c) }, "data", Fail, "not a folder"},
		{"open secrets", func(t *testing.T, c *config.Config) { chmod(t, server.SecretsPath(*c), 0o644) }, "secrets", Fail, "chmod 600"},
		{"lost secrets", func(t *testing.T, c *config.Config) {
			if err := os.Remove(server.SecretsPath(*c)); err != nil {
				t.Fatal(err)
			}
		}, "secrets", Warn, "backup"},
		{"broken secrets", func(t *testing.T, c *config.Config) { write(t, server.SecretsPath(*c), "xyz\n") }, "secrets", Fail, "line 1"},
		{"open database", func(t *testing.T, c *config.Config) { chmod(t, server.DatabasePath(*c), 0o644) }, "database", Warn, "0644"},
		{"broken database", func(t *testing.T, c *config.Config) {
			write(t, server.DatabasePath(*c), strings.Repeat("this is no database. ", 500))
		}, "database", Fail, "database"},
		{"empty database", func(t *testing.T, c *config.Config) { write(t, server.DatabasePath(*c), "") }, "database", Warn, "migrate up"},
		{"lost keys", func(t *testing.T, c *config.Config) {
			moveIn(t, *c)
			write(t, server.SecretsPath(*c), strings.Repeat("0123456789abcdef", 4)+"\n")
		}, "keys", Fail, "key withdraw"},
		{"no keys needed", func(t *testing.T, c *config.Config) { c.Token.Allow = []string{"opaque"} }, "keys", OK, "none are needed"},
		{"no keys yet", func(t *testing.T, c *config.Config) {}, "keys", OK, "not there yet"},
		{"clients without a feed", func(t *testing.T, c *config.Config) {
			c.Token.Allow, c.Introspection.Clients = []string{"opaque"}, []config.Client{{ID: "shop", SHA256: [32]byte{1}}}
		}, "clients", Warn, "no feed"},
		{"no mail", func(t *testing.T, c *config.Config) {}, "mail", OK, "none is configured"},
		{"nobody takes mail", func(t *testing.T, c *config.Config) {
			c.Mail.URL, c.Mail.From = "smtp://"+nobody, "no-reply@example.com"
		}, "mail", Fail, "refused"},
		{"no server of mail", func(t *testing.T, c *config.Config) {
			c.Mail.URL, c.Mail.From = "smtp://"+taken(t), "no-reply@example.com"
		}, "mail", Fail, "mail.url"},
		{"no letters", func(t *testing.T, c *config.Config) { c.Mail.Templates = c.Data + "/none" }, "mail", Fail, "mail.templates"},
		{"no proxies", func(t *testing.T, c *config.Config) { c.BaseURL = "https://a.example.com" }, "trusted_proxies", Warn, "proxy"},
		{"no limits", func(t *testing.T, c *config.Config) { c.Limits.Login = false }, "limits.login", Warn, "guessed"},
		{"taken address", func(t *testing.T, c *config.Config) { c.Listen = taken(t) }, "listen", Fail, "in use"},
		{"our server", func(t *testing.T, c *config.Config) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
			t.Cleanup(s.Close)
			c.Listen = s.Listener.Addr().String()
		}, "listen", OK, "answers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := inhabited(t)
			c.harm(t, &cfg)
			if f := worst(t, cfg, c.what); f.Level != c.level || !strings.Contains(f.Detail+f.Mend, c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// moveIn starts a server and ends it, so that there are keys.
func moveIn(t *testing.T, cfg config.Config) {
	t.Helper()
	s, err := server.New(cfg, config.Production, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreLookedAtAndLeftAlone(t *testing.T) {
	cfg := inhabited(t)
	moveIn(t, cfg)
	list, err := server.InspectKeys(t.Context(), cfg)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	due := server.NextRotation(list[0], cfg).UTC().Format(time.DateOnly)
	if f := worst(t, cfg, "keys"); f.Level != OK || !strings.Contains(f.Detail, list[0].ID) || !strings.Contains(f.Detail, "on "+due) {
		t.Errorf("got %+v", f)
	}

	// A key that is due to be replaced stays: that is for a server to do.
	cfg.Token.Algorithm = "EdDSA"
	if f := worst(t, cfg, "keys"); f.Level != OK {
		t.Errorf("got %+v", f)
	}
	after, err := server.InspectKeys(t.Context(), cfg)
	if err != nil || !slices.EqualFunc(list, after, func(a, b cloakroom.SigningKey) bool { return a.ID == b.ID && a.RetiredAt.Equal(b.RetiredAt) }) {
		t.Errorf("%v became %v: %v", list, after, err)
	}
}

func TestMailServer(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{})
	cfg := settings(t)
	cfg.Mail.URL, cfg.Mail.From = "smtp://"+sink.Addr(), "no-reply@example.com"
	if f := worst(t, cfg, "mail"); f.Level != OK || !strings.Contains(f.Detail, sink.Addr()) {
		t.Errorf("got %+v", f)
	}
	if sent := sink.Mails(); len(sent) > 0 {
		t.Errorf("the doctor has sent %d mails", len(sent))
	}
}

func TestJudgements(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		got  Finding
		want Level
	}{
		{judgeClock(now, now.Add(-time.Hour)), OK},
		{judgeClock(now, now.Add(time.Hour)), Fail},
		{judgeClock(time.Unix(0, 0), time.Time{}), Fail},
		{judgeHash(20*time.Millisecond, 1), OK},
		{judgeHash(time.Second, 1), Warn},
		{judgeKeys([]cloakroom.SigningKey{{ActiveAt: now}}, nil, config.Default(), now), OK},
		{judgeKeys([]cloakroom.SigningKey{{WithdrawnAt: now}}, nil, config.Default(), now), OK},
		{judgeKeys([]cloakroom.SigningKey{{ActiveAt: now}}, syscall.EIO, config.Default(), now), Fail},
	} {
		if c.got.Level != c.want {
			t.Errorf("%+v, want %v", c.got, c.want)
		}
	}
}

func TestFolderThatCannotBeWrittenTo(t *testing.T) {
	cfg := inhabited(t)
	info, err := os.Stat(cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	if f := judgeFolder(cfg, info, syscall.EROFS); f.Level != Fail || !strings.Contains(f.Detail, "read-only") || f.Mend == "" {
		t.Errorf("got %+v", f)
	}
	if err := cannotWrite(cfg.Data); err != nil {
		t.Errorf("a good folder: %v", err)
	}
}

func TestStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for f := range Examine(ctx, settings(t)) {
		t.Errorf("%+v", f)
	}
}

// taken is an address at which somebody listens who does not speak HTTP.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	for _, stale := range []string{path + "-wal", path + "-shm"} {
		_ = os.Remove(stale)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
