package sqlite

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"zombiezen.com/go/sqlite"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/archive"
)

// older is the program before step 5: it knows the first four, and writes as it always has.
type older struct {
	*testing.T
	conn  *sqlite.Conn
	known []step
}

func newOlder(t *testing.T, path string) older {
	t.Helper()
	known, err := steps(migrations)
	if err != nil {
		t.Fatal(err)
	}
	if err := makeFile(path); err != nil {
		t.Fatal(err)
	}
	conn, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	o := older{t, conn, known[:4]}
	o.opens()
	return o
}

func (o older) opens() {
	o.Helper()
	if err := migrate(o.conn, o.known); err != nil {
		o.Errorf("the older program opens the file: %v", err)
	}
}

func (o older) exec(sql string, args ...any) {
	o.Helper()
	if n, err := exec(o.conn, sql, args...); err != nil || n != 1 {
		o.Fatalf("%s: %d rows, %v", sql, n, err)
	}
}

func (o older) writes(u cloakroom.User, r cloakroom.SessionRecord) {
	o.Helper()
	o.exec(`INSERT INTO users (id, realm, email, email_verified, name, roles, created_at, updated_at, banned_at, epoch, revision)
		VALUES (?1, ?2, ?3, 1, ?4, '', ?5, ?5, ?6, 0, 1)`, u.ID, u.Realm, u.Email, u.Name, u.CreatedAt, time.Time{})
	l := byEmail(u.Realm, u.Email)
	o.exec(`INSERT INTO logins (login, user_id) VALUES (?1, ?2)`, l[:], u.ID)
	o.exec(`INSERT INTO credentials (user_id, method, id, data, revision, created_at, updated_at)
		VALUES (?1, 'password', '', x'00', 1, ?2, ?2)`, u.ID, u.CreatedAt)
	o.exec(`INSERT INTO sessions (key, tail, id, realm, user_id, epoch, created_at, authenticated_at, last_seen_at,
		issued_at, expires_at, methods, level, scopes, remember, ip, agent, refresh, data_bytes)
		VALUES (?1, ?2, ?3, 'default', ?4, 0, 0, 0, 0, 0, 0, '', 0, '', 0, '', '', NULL, 0)`, key(r.Token), tail(&r.Token), r.ID, u.ID)
}

// TestBesideAnOlderProgram: what the program before step 5 has written, and still writes, into the file works; and what this
// one has written of the new stays when that one changes the rest.
func TestBesideAnOlderProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	o := newOlder(t, path)
	users := []cloakroom.User{newUser(), newUser()}
	records := []cloakroom.SessionRecord{record(epoch), record(epoch)}
	for i := range users {
		users[i].Email, users[i].EmailVerified, users[i].Name = []string{"ana@example.com", "bob@example.com"}[i], true, "ÄLTER"
		users[i].CreatedAt, users[i].UpdatedAt, users[i].Revision = epoch, epoch, 1
	}
	o.writes(users[0], records[0])
	s := openStore(t, Config{Path: path})
	o.writes(users[1], records[1])
	o.opens()
	for i, u := range users {
		if got, err := s.UserByEmail(t.Context(), u.Realm, u.Email); err != nil || !gocmp.Equal(got, u, cmpopts.EquateEmpty()) {
			t.Errorf("a user of the older program: %+v, %v, want %+v", got, err, u)
		}
		creds, err := s.Credentials(t.Context(), u.ID)
		if err != nil || len(creds) != 1 || creds[0].Name != "" || creds[0].Method != "password" {
			t.Errorf("its credential: %+v, %v", creds, err)
		}
		got, err := s.Session(t.Context(), records[i].Token, epoch)
		if err != nil || got.ID != records[i].ID || got.Refresh != nil || got.Actor != nil || !got.EndsAt.IsZero() {
			t.Errorf("a session of the older program: %+v, %v", got, err)
		}
	}
	for q, want := range map[cloakroom.UserQuery]int{
		{Search: "älter"}: 2, {Search: "ana"}: 1, {LeavingBefore: epoch.AddDate(100, 0, 0)}: 0,
	} {
		q.Realm, q.Max = users[0].Realm, 10
		if got, err := s.Users(t.Context(), q); err != nil || len(got) != want {
			t.Errorf("%+v finds %v, %v, want %d", q, got, err, want)
		}
	}
}

// TestOlderProgramLeavesTheNewAlone: it changes a row by its own columns.
func TestOlderProgramLeavesTheNewAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	o, s := newOlder(t, path), openStore(t, Config{Path: path})
	u, r := newUser(), record(epoch)
	u.Locale, u.MFA, u.LeavesAt, u.ExternalID = "de-AT", true, epoch, "legacy"
	r.UserID, r.EndsAt, r.Actor = u.ID, epoch, &cloakroom.Actor{UserID: "usr_admin"}
	change := cloakroom.UserChange{User: u, Credentials: []cloakroom.Credential{{Method: "passkey", ID: "a", Name: "blue"}}}
	if err := s.CreateUser(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), cloakroom.Opening{Session: r, Now: epoch}); err != nil {
		t.Fatal(err)
	}
	o.exec(`UPDATE users SET name = 'RENÉ', email = '', revision = revision + 1 WHERE id = ?1`, u.ID)
	o.exec(`UPDATE credentials SET data = x'01', revision = 2 WHERE user_id = ?1`, u.ID)
	o.exec(`UPDATE sessions SET level = 2 WHERE key = ?1`, key(r.Token))

	u.Name, u.Email, u.Revision = "RENÉ", "", 2
	found, err := s.Users(t.Context(), cloakroom.UserQuery{Realm: u.Realm, Search: "rené", Max: 1})
	if err != nil || len(found) != 1 || !gocmp.Equal(found[0], u, cmpopts.EquateEmpty()) {
		t.Errorf("found by the new name: %+v, %v, want %+v", found, err, u)
	}
	creds, err := s.Credentials(t.Context(), u.ID)
	if err != nil || len(creds) != 1 || creds[0].Name != "blue" {
		t.Errorf("its credential: %+v, %v", creds, err)
	}
	got, err := s.Session(t.Context(), r.Token, epoch)
	if err != nil || !got.EndsAt.Equal(epoch) || got.Actor == nil || *got.Actor != *r.Actor {
		t.Errorf("its session: %+v, %v", got, err)
	}
}

// TestExportOfAnOlderFile: migrating changes no item of it, so a copy that was made before it is a copy still.
func TestExportOfAnOlderFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	o, u, r := newOlder(t, path), newUser(), record(epoch)
	o.writes(u, r)
	s := openStore(t, Config{Path: path})
	var kinds []archive.Kind
	err := s.Export(t.Context(), sink(func(i archive.Item) error {
		kinds = append(kinds, i.Kind())
		switch i := i.(type) {
		case archive.User:
			if i.LeavesAt != nil || i.Locale != "" || i.ExternalID != "" || i.MFA || i.Credentials[0].Name != "" {
				t.Errorf("a user of the older program is exported as %+v", i)
			}
		case archive.Session:
			if i.EndsAt != nil || i.Actor != nil {
				t.Errorf("a session of the older program is exported as %+v", i)
			}
		}
		return nil
	}))
	if want := []archive.Kind{archive.KindUser, archive.KindSession}; err != nil || !slices.Equal(kinds, want) {
		t.Errorf("exported %v, %v, want %v", kinds, err, want)
	}
}
