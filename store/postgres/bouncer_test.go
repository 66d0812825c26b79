package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// TestBehindPgBouncer: in transaction mode, where each transaction may be on another connection to the server.
func TestBehindPgBouncer(t *testing.T) {
	p := startPostgres(t, fast...)
	b := startBouncer(t, p)
	c := Config{DSN: b.DSN(""), Schema: "behind", StatementTimeout: 3 * time.Second, LockTimeout: 1500 * time.Millisecond}
	s := openStore(t, c)

	t.Run("it is noticed, and nothing is listened to", func(t *testing.T) {
		if s.settings == "" || s.listens {
			t.Error("a pooler was not noticed")
		}
		if err := s.Wake(t.Context(), func() {}); !errors.Is(err, errPollOnly) {
			t.Errorf("Wake: %v", err)
		}
		if direct := openStore(t, Config{DSN: p.DSN(""), Schema: "behind"}); direct.settings != "" || !direct.listens {
			t.Error("a server was taken for a pooler")
		}
	})
	t.Run("each transaction has the settings", func(t *testing.T) {
		wantSettings(t, s, `"behind"`)
		admin := connect(t, b.DSN(""))
		var path string
		if err := admin.QueryRow(t.Context(), "SHOW search_path").Scan(&path); err != nil || path == `"behind"` {
			t.Errorf("the next one has them too: %q, %v", path, err)
		}
	})
	t.Run("no statement stays prepared, no transaction open", func(t *testing.T) {
		r := opened(t, s)
		if _, _, err := s.Find(t.Context(), r.Token, epoch); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Close(t.Context(), r.Ref(), cloakroom.Ending{RevokedUntil: epoch.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			n, _, err := one(t.Context(), s, scalar[int], `SELECT count(*) FROM pg_prepared_statements WHERE name <> ''`)
			if err != nil || n != 0 {
				t.Errorf("%d prepared statements, %v", n, err)
			}
		}
		if n := count(t, s, `pg_stat_activity WHERE state LIKE 'idle in transaction%'`); n != 0 {
			t.Errorf("%d open transactions", n)
		}
	})
	t.Run("another node hears that the feed has grown", func(t *testing.T) {
		direct := openStore(t, Config{DSN: p.DSN(""), Schema: "behind"})
		rings, _ := listening(t, t.Context(), direct)
		before := rings.Load()
		revokeSome(t, s, 1, epoch)
		eventually(t, "it rings", func() bool { return rings.Load() > before })
	})
	t.Run("look-ups travel together", func(t *testing.T) { findTogether(t, s) })
	t.Run("it may restart", func(t *testing.T) {
		r := opened(t, s)
		if err := errors.Join(b.Kill(), b.Start()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the store works again", func() bool {
			_, err := s.Session(t.Context(), r.Token, epoch)
			if err != nil {
				wantUnknown(t, err, "Session")
			}
			return err == nil
		})
	})
}
