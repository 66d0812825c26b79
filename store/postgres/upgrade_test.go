package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cloakroom-auth/cloakroom"
)

// olderProgram writes as programs did that end at migration 2.
type olderProgram struct {
	t    *testing.T
	conn *pgx.Conn
}

func (p olderProgram) exec(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.conn.Exec(p.t.Context(), sql, args...); err != nil {
		p.t.Fatal(err)
	}
}

// signedUp stores a user with a credential and a session.
func (p olderProgram) signedUp(name string) (cloakroom.User, cloakroom.SessionRecord) {
	p.t.Helper()
	u, r := newUser(), record()
	u.Name, u.Email, r.UserID = name, u.ID+"@Example.com", u.ID
	never := time.Time{}.UnixMicro()
	p.exec(`INSERT INTO users (id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch, revision)
		VALUES ($1, $2, $3, false, $4, '{}', $5, $5, $6, 0, 1)`, u.ID, u.Realm, u.Email, u.Name, epoch.UnixMicro(), never)
	p.exec(`INSERT INTO credentials (user_id, method, id, data, revision, created_at, updated_at)
		VALUES ($1, 'password', '', '', 1, $2, $2)`, u.ID, epoch.UnixMicro())
	p.exec(`INSERT INTO sessions (bucket, token, id, realm, user_id, epoch, created_at, authenticated_at, last_seen_at,
		issued_at, expires_at, methods, level, scopes, remember, ip, agent, refresh, data_bytes)
		VALUES ($1, $2, $3, $4, $5, 0, $6, $6, $6, $6, $7, '{}', 1, '{}', false, '', '', NULL, 0)`,
		r.Token.Bucket, r.Token.Hash[:], r.ID, r.Realm, u.ID, epoch.UnixMicro(), r.ExpiresAt.UnixMicro())
	return u, r
}

// TestBesideAnOlderProgram: what the program of migration 2 wrote, before the schema was changed and after, is read with
// nothing where it knew nothing, and it starts again beside the newer schema.
func TestBesideAnOlderProgram(t *testing.T) {
	c := emptySchema(t)
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	start := func() error {
		return c.with(t.Context(), "migrate", func(k *link) error { return k.migrateTo(t.Context(), known[:2]) })
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	older := olderProgram{t, connect(t, c.DSN)}
	older.exec(`SET search_path = ` + pgx.Identifier{c.Schema}.Sanitize())
	before, beforeSession := older.signedUp("Ana Before")
	s := openStore(t, c)
	after, afterSession := older.signedUp("Ana After")
	if err := start(); err != nil {
		t.Errorf("the older program starts again: %v", err)
	}

	for r, u := range map[*cloakroom.SessionRecord]cloakroom.User{&beforeSession: before, &afterSession: after} {
		session, found, err := s.Find(t.Context(), r.Token, epoch)
		if err != nil || found.ID != u.ID || found.Leaving() || found.MFA || found.ResetRequired || found.ExternalID != "" {
			t.Errorf("%s is %+v, %v", u.Name, found, err)
		}
		if !session.EndsAt.IsZero() || session.Actor != nil {
			t.Errorf("its session ends at %v and is used by %v", session.EndsAt, session.Actor)
		}
		if creds, err := s.Credentials(t.Context(), u.ID); err != nil || len(creds) != 1 || creds[0].Name != "" {
			t.Errorf("its credentials are %+v, %v", creds, err)
		}
	}
	all := cloakroom.UserQuery{Realm: "default", Max: 10}
	search := func(what string, want ...string) {
		t.Helper()
		q := all
		q.Search = what
		found, err := s.Users(t.Context(), q)
		var names []string
		for _, u := range found {
			names = append(names, u.Name)
		}
		slices.Sort(names)
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("search for %q finds %q, %v; want %q", what, names, err, want)
		}
	}
	search("ana", "Ana After", "Ana Before")
	search("@example.com", "Ana After", "Ana Before")
	search("ana before", "Ana Before")
	before.Name = "Bea"
	if err := s.UpdateUser(t.Context(), cloakroom.UserChange{User: before}); err != nil {
		t.Fatal(err)
	}
	search("ana", "Ana After")
	search("bea", "Bea")
	leaving := all
	leaving.LeavingBefore = epoch.AddDate(1000, 0, 0)
	if found, err := s.Users(t.Context(), leaving); err != nil || len(found) > 0 {
		t.Errorf("of whom nobody said that they leave, these do: %v, %v", found, err)
	}
}
