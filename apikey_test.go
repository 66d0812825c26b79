package cloakroom_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// issue makes an API key as an operator would, and a program that calls by it.
func (w *world) issue(n cloakroom.NewAPIKey) (*cloakroom.APIKey, *device) {
	w.t.Helper()
	if n.Name == "" {
		n.Name = "robot"
	}
	key, token, err := w.APIKeys().Create(w.t.Context(), n)
	done(w.t, err)
	return key, w.program().holding(token.Reveal())
}

// asks is the answer to a request for what a guard protects.
func (d *device) asks(need ...cloakroom.Requirement) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	d.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, need...).ServeHTTP(answer, d.request())
	return answer
}

func (d *device) gets(want int, what string, need ...cloakroom.Requirement) {
	d.t.Helper()
	if got := d.asks(need...).Code; got != want {
		d.t.Errorf("%s: answers %d, want %d", what, got, want)
	}
}

// all reads an iterator to its end.
func all[T any](t testing.TB, list iter.Seq2[T, error]) (items []T) {
	t.Helper()
	for item, err := range list {
		done(t, err)
		items = append(items, item)
	}
	return items
}

func TestAPIKey(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		realm := 0
		fresh := func(t *testing.T) *world {
			realm++
			return newWorld(t, cloakroom.Config{Store: store, Realm: fmt.Sprint(realm)})
		}
		t.Run("S238 a key opens what asks for one of its scopes, and nothing else", func(t *testing.T) {
			w := fresh(t)
			_, robot := w.issue(cloakroom.NewAPIKey{Scopes: []string{"orders:read", "stock:read"}})
			robot.gets(http.StatusOK, "inside", cloakroom.Scope("orders:read"))
			robot.gets(http.StatusOK, "both scopes", cloakroom.Scope("orders:read", "stock:read"))
			robot.gets(http.StatusForbidden, "outside", cloakroom.Scope("orders:write"))
			robot.gets(http.StatusForbidden, "one inside, one outside", cloakroom.Scope("orders:read", "orders:write"))
			robot.gets(http.StatusForbidden, "a guard that asks for no scope")
			robot.gets(http.StatusForbidden, "a scope of no name", cloakroom.Scope())
			robot.gets(http.StatusForbidden, "a fresh proof", cloakroom.Scope("orders:read"), cloakroom.MaxAge(time.Hour))
			robot.gets(http.StatusForbidden, "two factors", cloakroom.Scope("orders:read"), cloakroom.MFA)
			robot.gets(http.StatusForbidden, "the person", cloakroom.Scope("orders:read"), cloakroom.Sensitive)
		})
		t.Run("V111 a key acts as its own principal with its roles", func(t *testing.T) {
			w := fresh(t)
			key, robot := w.issue(cloakroom.NewAPIKey{Name: "stock robot", Roles: []string{"editor"}, Scopes: []string{"stock"}})
			robot.gets(http.StatusOK, "its role", cloakroom.Role("editor"), cloakroom.Scope("stock"))
			robot.gets(http.StatusForbidden, "another role", cloakroom.Role("admin"), cloakroom.Scope("stock"))
			s := robot.live()
			if s.ID != key.ID || s.User.ID != key.UserID || s.User.Name != "stock robot" || s.User.Email != "" || !slices.Equal(s.User.Roles, []string{"editor"}) ||
				!slices.Equal(s.Methods, []string{"api_key"}) || s.Level != 1 || !s.AuthenticatedAt.IsZero() || !s.Current || !s.Live(w.Clock.Now().AddDate(100, 0, 0)) {
				t.Errorf("session of the key: %+v of %+v", s, s.User)
			}
			if n := len(w.listed(key.UserID)); n != 0 {
				t.Errorf("the key has %d sessions in the list", n)
			}
		})
		t.Run("a key of a user acts as that user, with the roles of the moment", func(t *testing.T) {
			w := fresh(t)
			ana := w.User("ana@example.com")
			_, robot := w.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"stock"}})
			robot.gets(http.StatusForbidden, "no role", cloakroom.Role("editor"), cloakroom.Scope("stock"))
			_, err := w.Users().SetRoles(t.Context(), ana.ID, "editor")
			done(t, err)
			robot.gets(http.StatusOK, "a new role", cloakroom.Role("editor"), cloakroom.Scope("stock"))
			if s := robot.live(); s.User.ID != ana.ID {
				t.Errorf("acts as %s", s.User.ID)
			}
		})
		t.Run("KeyScope lets keys in beside people of two factors", func(t *testing.T) {
			w := fresh(t)
			guard := []cloakroom.Requirement{cloakroom.Role("support"), cloakroom.MFA, cloakroom.MaxAge(time.Minute), cloakroom.KeyScope("users:read")}
			_, robot := w.issue(cloakroom.NewAPIKey{Roles: []string{"support"}, Scopes: []string{"users:read"}})
			_, narrow := w.issue(cloakroom.NewAPIKey{Roles: []string{"support"}, Scopes: []string{"users:write"}})
			_, alien := w.issue(cloakroom.NewAPIKey{Scopes: []string{"users:read"}})
			robot.gets(http.StatusOK, "a key with the role and the scope", guard...)
			narrow.gets(http.StatusForbidden, "a key without the scope", guard...)
			alien.gets(http.StatusForbidden, "a key without the role", guard...)
			robot.gets(http.StatusForbidden, "no scope named", cloakroom.KeyScope())
			robot.gets(http.StatusOK, "what is sensitive", append(guard, cloakroom.Sensitive)...)
			narrow.gets(http.StatusForbidden, "what is sensitive, without the scope", append(guard, cloakroom.Sensitive)...)
			robot.gets(http.StatusForbidden, "what is sensitive, with a scope for people", cloakroom.Scope("users:read"), cloakroom.Sensitive)
			one := w.program()
			one.signIn(w.User("one@example.com", "support").Email)
			one.gets(http.StatusUnauthorized, "one factor", guard...)
			r := w.ByBearer(httptest.NewRequest(http.MethodGet, "/", nil), w.User("two@example.com", "support"))
			answer := httptest.NewRecorder()
			w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, guard...).ServeHTTP(answer, r)
			if answer.Code != http.StatusOK {
				t.Errorf("two factors: answers %d", answer.Code)
			}
		})
		t.Run("S239 an expired, a revoked and an unknown key are 401 invalid_token", func(t *testing.T) {
			w := fresh(t)
			_, expired := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}, ExpiresAt: w.Clock.Now().Add(time.Hour)})
			key, revoked := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			expired.gets(http.StatusOK, "before its end", cloakroom.Scope("stock"))
			done(t, w.APIKeys().Revoke(t.Context(), key.ID))
			w.Clock.Advance(time.Hour)
			for name, d := range map[string]*device{"expired": expired, "revoked": revoked, "unknown": w.program().holding("crk_" + strings.Repeat("A", 67))} {
				answer := d.asks(cloakroom.Scope("stock"))
				if got := answer.Header().Get("WWW-Authenticate"); answer.Code != http.StatusUnauthorized || got != `Bearer error="invalid_token"` {
					t.Errorf("%s: %d, %q", name, answer.Code, got)
				}
				if cookies := answer.Result().Cookies(); len(cookies) > 0 {
					t.Errorf("%s: cookies %v", name, cookies)
				}
			}
			fails(t, w.APIKeys().Revoke(t.Context(), key.ID), cloakroom.ErrNotFound, "revoking twice")
		})
		t.Run("S240 a key is shown once, has its prefix, is stored as a hash, and tells when it was used", func(t *testing.T) {
			w := fresh(t)
			w.Forget()
			key, token, err := w.APIKeys().Create(t.Context(), cloakroom.NewAPIKey{Name: "  robot ", Scopes: []string{"b", "a", "b"}})
			done(t, err)
			w.happened(cloakroom.UserCreated, cloakroom.APIKeyCreated)
			if !strings.HasPrefix(token.Reveal(), "crk_") || !strings.HasPrefix(key.ID, "key_") {
				t.Errorf("token %.8s…, id %s", token.Reveal(), key.ID)
			}
			listed := all(t, w.APIKeys().All(t.Context()))
			if len(listed) != 1 || listed[0].ID != key.ID || listed[0].Name != "robot" || !slices.Equal(listed[0].Scopes, []string{"a", "b"}) || !listed[0].LastUsedAt.IsZero() {
				t.Errorf("listed %+v", listed)
			}
			body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token.Reveal(), "crk_"))
			done(t, err)
			kept := w.keyRecord(key.ID)
			text, err := json.Marshal(kept)
			done(t, err)
			if bytes.Contains(text, []byte(token.Reveal()[8:])) || bytes.Contains(kept.Token.Hash[:], body[2:10]) {
				t.Error("the store has the key itself")
			}
			robot := w.program().holding(token.Reveal())
			robot.gets(http.StatusOK, "a use", cloakroom.Scope("a"))
			at := w.Clock.Now()
			if again, err := w.APIKeys().Get(t.Context(), key.ID); err != nil || !again.LastUsedAt.Equal(at) {
				t.Errorf("used at %v, told %+v, %v", at, again, err)
			}
			if written := w.keyRecord(key.ID).LastUsedAt; !written.IsZero() {
				t.Error("a request wrote")
			}
			done(t, w.Flush(t.Context()))
			w.Clock.Advance(59 * time.Second)
			robot.gets(http.StatusOK, "within the minute", cloakroom.Scope("a"))
			done(t, w.Flush(t.Context()))
			if kept := w.keyRecord(key.ID); !kept.LastUsedAt.Equal(at) || kept.Revision != 2 {
				t.Errorf("used at %v, kept %+v", at, kept)
			}
			w.Clock.Advance(time.Second)
			robot.gets(http.StatusOK, "a minute later", cloakroom.Scope("a"))
			done(t, w.Flush(t.Context()))
			if kept := w.keyRecord(key.ID); !kept.LastUsedAt.Equal(w.Clock.Now()) {
				t.Errorf("used at %v, kept %v", w.Clock.Now(), kept.LastUsedAt)
			}
		})
		t.Run("V113 what the store has of a key opens nothing", func(t *testing.T) {
			w := fresh(t)
			key, robot := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			hash := w.keyRecord(key.ID).Token.Hash
			body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(robot.token, "crk_"))
			done(t, err)
			for _, forged := range []string{
				hex.EncodeToString(hash[:]), base64.RawURLEncoding.EncodeToString(hash[:]), "crk_" + hex.EncodeToString(hash[:]),
				"crk_" + base64.RawURLEncoding.EncodeToString(hash[:]),
				"crk_" + base64.RawURLEncoding.EncodeToString(append(append(body[:2:2], hash[:]...), body[34:]...)),
				key.ID, "crk_" + key.ID,
			} {
				robot.holding(forged).gets(http.StatusUnauthorized, forged, cloakroom.Scope("stock"))
			}
		})
		t.Run("V115 a rotated and a deleted key are refused at once, on every node", func(t *testing.T) {
			w := fresh(t)
			other := w.beside(cloakroom.Config{Realm: fmt.Sprint(realm)})
			elsewhere := func(d *device) *device { return other.program().holding(d.token) }
			key, old := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}, Roles: []string{"editor"}, ExpiresAt: w.Clock.Now().Add(48 * time.Hour)})
			elsewhere(old).gets(http.StatusOK, "the key, elsewhere", cloakroom.Scope("stock"))
			w.Clock.Advance(24 * time.Hour)
			w.Forget()
			next, token, err := w.APIKeys().Rotate(t.Context(), key.ID, 0)
			done(t, err)
			w.happened(cloakroom.APIKeyRotated)
			now := w.program().holding(token.Reveal())
			old.gets(http.StatusUnauthorized, "the old key", cloakroom.Scope("stock"))
			elsewhere(old).gets(http.StatusUnauthorized, "the old key, elsewhere", cloakroom.Scope("stock"))
			now.gets(http.StatusOK, "the new key", cloakroom.Scope("stock"), cloakroom.Role("editor"))
			if next.ID == key.ID || next.Name != key.Name || next.UserID != key.UserID || !slices.Equal(next.Scopes, key.Scopes) || !next.ExpiresAt.Equal(w.Clock.Now().Add(48*time.Hour)) {
				t.Errorf("successor %+v of %+v", next, key)
			}
			_, _, err = w.APIKeys().Rotate(t.Context(), key.ID, 0)
			fails(t, err, cloakroom.ErrNotFound, "rotating what has ended")
			w.Clock.Advance(time.Second)
			w.Forget()
			done(t, w.APIKeys().Revoke(t.Context(), next.ID))
			w.happened(cloakroom.APIKeyRevoked)
			now.gets(http.StatusUnauthorized, "the deleted key", cloakroom.Scope("stock"))
			elsewhere(now).gets(http.StatusUnauthorized, "the deleted key, elsewhere", cloakroom.Scope("stock"))
			var told []string
			for _, e := range w.history(key.UserID) {
				if e.Type == cloakroom.UserCreated || e.Type == cloakroom.APIKeyCreated { // of one moment, in no order
					continue
				}
				told = append(told, string(e.Type)+" "+e.Details["key"]+" "+e.Details["from"])
			}
			want := []string{"api_key_rotated " + next.ID + " " + key.ID, "api_key_revoked " + next.ID + " "}
			if !slices.Equal(told, want) {
				t.Errorf("kept events %q, want %q", told, want)
			}
		})
		t.Run("an overlap lets both keys live, and no key longer than it would have", func(t *testing.T) {
			w := fresh(t)
			key, old := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			short, brief := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}, ExpiresAt: w.Clock.Now().Add(time.Minute)})
			next, token, err := w.APIKeys().Rotate(t.Context(), key.ID, time.Hour)
			done(t, err)
			_, _, err = w.APIKeys().Rotate(t.Context(), short.ID, time.Hour)
			done(t, err)
			now := w.program().holding(token.Reveal())
			w.Clock.Advance(time.Hour - time.Microsecond)
			old.gets(http.StatusOK, "the old key in the overlap", cloakroom.Scope("stock"))
			brief.gets(http.StatusUnauthorized, "one that has reached its own end", cloakroom.Scope("stock"))
			w.Clock.Advance(time.Microsecond)
			old.gets(http.StatusUnauthorized, "the old key after it", cloakroom.Scope("stock"))
			now.gets(http.StatusOK, "the new key", cloakroom.Scope("stock"))
			if !next.ExpiresAt.IsZero() {
				t.Errorf("the successor of a key without an end ends at %v", next.ExpiresAt)
			}
			for _, overlap := range []time.Duration{-1, 30*24*time.Hour + 1} {
				_, _, err := w.APIKeys().Rotate(t.Context(), next.ID, overlap)
				refuses(t, err, "overlap")
			}
		})
		t.Run("of many rotations at once without an overlap one succeeds", func(t *testing.T) {
			w := fresh(t)
			key, _ := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			if n := atOnce(64, func(int) error { _, _, err := w.APIKeys().Rotate(t.Context(), key.ID, 0); return err }); n != 1 {
				t.Errorf("%d rotations succeeded", n)
			}
			if n := len(all(t, w.APIKeys().Of(t.Context(), key.UserID))); n != 2 {
				t.Errorf("%d keys, want the old and the new one", n)
			}
		})
		t.Run("a banned, a leaving and a deleted user has no key that opens anything", func(t *testing.T) {
			w := fresh(t)
			ana := w.User("ana@example.com")
			_, robot := w.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"stock"}})
			done(t, w.Users().Ban(t.Context(), ana.ID))
			robot.gets(http.StatusForbidden, "banned", cloakroom.Scope("stock"))
			_, err := robot.session()
			fails(t, err, cloakroom.ErrBanned, "banned")
			done(t, w.Users().Unban(t.Context(), ana.ID))
			robot.gets(http.StatusOK, "unbanned", cloakroom.Scope("stock"))
			leaving, err := w.Users().Get(t.Context(), ana.ID)
			done(t, err)
			leaving.LeavesAt = w.Clock.Now().Add(time.Hour)
			done(t, store.UpdateUser(t.Context(), cloakroom.UserChange{User: *leaving}))
			robot.gets(http.StatusUnauthorized, "leaving", cloakroom.Scope("stock"))
			leaving.LeavesAt, leaving.Revision = time.Time{}, leaving.Revision+1
			done(t, store.UpdateUser(t.Context(), cloakroom.UserChange{User: *leaving}))
			robot.gets(http.StatusOK, "staying", cloakroom.Scope("stock"))
			done(t, w.Users().Delete(t.Context(), ana.ID))
			robot.gets(http.StatusUnauthorized, "deleted", cloakroom.Scope("stock"))
			if keys := all(t, w.APIKeys().All(t.Context())); len(keys) != 0 {
				t.Errorf("keys %v outlive their user", keys)
			}
		})
		t.Run("V110 nobody gives more than their own rights", func(t *testing.T) {
			w := fresh(t)
			boss, editor, bob := w.User("boss@example.com", "admin", "stocker"), w.User("ed@example.com", "editor"), w.User("bob@example.com")
			ofBoss, ofEditor := w.program(), w.program()
			ofBoss.signIn(boss.Email)
			ofEditor.signIn(editor.Email)
			_, ofRobot := w.issue(cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"keys", "stock"}})
			machine, _ := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			bobs, _ := w.issue(cloakroom.NewAPIKey{UserID: bob.ID, Scopes: []string{"stock"}})                  // an operator may
			g, err := w.browser().external(cloakroom.External{Issuer: "https://idp.example.com", Subject: "7"}) // has no e-mail here
			done(t, err)
			signsIn := g.Session.User
			keyed, err := w.Users().Create(t.Context(), cloakroom.NewUser{Name: "no e-mail", Secret: authtest.Secret})
			done(t, err)
			strong, _ := w.issue(cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"everything"}})
			for what, c := range map[string]struct {
				by   *device
				n    cloakroom.NewAPIKey
				want error
			}{
				"a role of one's own":                       {ofEditor, cloakroom.NewAPIKey{Roles: []string{"editor"}, Scopes: []string{"stock"}}, nil},
				"a role that one has not":                   {ofEditor, cloakroom.NewAPIKey{Roles: []string{"admin"}, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"one's own and another":                     {ofEditor, cloakroom.NewAPIKey{Roles: []string{"editor", "support"}, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"a key of one's own":                        {ofEditor, cloakroom.NewAPIKey{UserID: editor.ID, Scopes: []string{"stock"}}, nil},
				"a key of a mightier user":                  {ofEditor, cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"a key of a user who has nothing":           {ofEditor, cloakroom.NewAPIKey{UserID: bob.ID, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"a key of nobody":                           {ofEditor, cloakroom.NewAPIKey{UserID: "usr_nobody", Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"an administrator's, of another person":     {ofBoss, cloakroom.NewAPIKey{UserID: bob.ID, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"an administrator's, of whoever signs in":   {ofBoss, cloakroom.NewAPIKey{UserID: signsIn.ID, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"an administrator's, of who has a factor":   {ofBoss, cloakroom.NewAPIKey{UserID: keyed.ID, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"an administrator's, of a machine":          {ofBoss, cloakroom.NewAPIKey{UserID: machine.UserID, Scopes: []string{"stock"}}, nil},
				"an administrator's, of nobody":             {ofBoss, cloakroom.NewAPIKey{UserID: "usr_nobody", Scopes: []string{"stock"}}, cloakroom.ErrNotFound},
				"an administrator's, of a role that is not": {ofBoss, cloakroom.NewAPIKey{UserID: editor.ID, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"an administrator's, who administers":       {ofBoss, cloakroom.NewAPIKey{Roles: []string{"admin"}, Scopes: []string{"stock"}}, nil},
				"a key's, of its own scopes":                {ofRobot, cloakroom.NewAPIKey{Roles: []string{"stocker"}, Scopes: []string{"stock"}}, nil},
				"a key's, of another scope":                 {ofRobot, cloakroom.NewAPIKey{Roles: []string{"stocker"}, Scopes: []string{"stock", "users"}}, cloakroom.ErrForbidden},
				"a key's, who administers":                  {ofRobot, cloakroom.NewAPIKey{Roles: []string{"admin"}, Scopes: []string{"stock"}}, cloakroom.ErrForbidden},
				"a key's, for its own user":                 {ofRobot, cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"stock"}}, nil},
			} {
				c.n.Name = what
				before := len(all(t, w.Users().All(t.Context(), "")))
				_, token, err := w.APIKeys().By(c.by.live()).Create(t.Context(), c.n)
				if !errors.Is(err, c.want) || token.IsZero() == (err == nil) {
					t.Errorf("%s: %v, want %v", what, err, c.want)
				}
				if after := len(all(t, w.Users().All(t.Context(), ""))); err != nil && after != before {
					t.Errorf("%s: refused, and left a user behind", what)
				}
			}
			_, _, err = w.APIKeys().By(ofBoss.live()).Rotate(t.Context(), bobs.ID, 0)
			fails(t, err, cloakroom.ErrForbidden, "rotating the key of another person, to act as that one")
			_, _, err = w.APIKeys().By(ofBoss.live()).Rotate(t.Context(), machine.ID, 0)
			done(t, err)
			done(t, w.APIKeys().By(ofBoss.live()).Revoke(t.Context(), bobs.ID))
			_, _, err = w.APIKeys().By(ofRobot.live()).Rotate(t.Context(), strong.ID, 0)
			fails(t, err, cloakroom.ErrForbidden, "rotating a key of more scopes, to learn its successor")
			_, _, err = w.APIKeys().By(ofEditor.live()).Rotate(t.Context(), strong.ID, 0)
			fails(t, err, cloakroom.ErrNotFound, "rotating the key of somebody else")
			fails(t, w.APIKeys().By(ofEditor.live()).Revoke(t.Context(), strong.ID), cloakroom.ErrNotFound, "revoking the key of somebody else")
			_, err = w.APIKeys().By(ofEditor.live()).Get(t.Context(), strong.ID)
			fails(t, err, cloakroom.ErrNotFound, "reading the key of somebody else")
			for _, err := range w.APIKeys().By(ofEditor.live()).All(t.Context()) {
				fails(t, err, cloakroom.ErrForbidden, "listing all keys")
			}
			for _, err := range w.APIKeys().By(nil).All(t.Context()) {
				fails(t, err, cloakroom.ErrUnauthenticated, "listing all keys by nobody")
			}
			if mine := all(t, w.APIKeys().By(ofEditor.live()).Of(t.Context(), editor.ID)); len(mine) != 1 || mine[0].CreatedBy != editor.ID {
				t.Errorf("one's own keys: %+v", mine)
			}
			_, _, err = w.APIKeys().By(nil).Create(t.Context(), cloakroom.NewAPIKey{Name: "x", Scopes: []string{"x"}})
			fails(t, err, cloakroom.ErrUnauthenticated, "by nobody")
			if _, err := w.APIKeys().Get(t.Context(), strong.ID); err != nil {
				t.Errorf("the key of somebody else: %v", err)
			}
		})
		t.Run("a key of one realm is nothing in another", func(t *testing.T) {
			w := fresh(t)
			key, robot := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			other := w.beside(cloakroom.Config{Realm: "another"})
			other.program().holding(robot.token).gets(http.StatusUnauthorized, "another realm", cloakroom.Scope("stock"))
			_, err := other.APIKeys().Get(t.Context(), key.ID)
			fails(t, err, cloakroom.ErrNotFound, "its record")
			fails(t, other.APIKeys().Revoke(t.Context(), key.ID), cloakroom.ErrNotFound, "revoking it")
			robot.gets(http.StatusOK, "its own realm", cloakroom.Scope("stock"))
		})
	})
}

// keyRecord is what the store has of a key.
func (w *world) keyRecord(id string) cloakroom.APIKeyRecord {
	w.t.Helper()
	user, err := w.APIKeys().Get(w.t.Context(), id)
	done(w.t, err)
	owner, err := w.Users().Get(w.t.Context(), user.UserID)
	done(w.t, err)
	keys, err := w.Store().APIKeys(w.t.Context(), cloakroom.APIKeyQuery{Realm: owner.Realm, UserID: owner.ID, Max: 100})
	done(w.t, err)
	i := slices.IndexFunc(keys, func(k cloakroom.APIKeyRecord) bool { return k.ID == id })
	if i < 0 {
		w.t.Fatalf("no record of %s", id)
	}
	return keys[i]
}

// refuses checks for FieldErrors about this field.
func refuses(t testing.TB, err error, field string) {
	t.Helper()
	fields, ok := errors.AsType[cloakroom.FieldErrors](err)
	if !ok || !slices.ContainsFunc(fields, func(f cloakroom.FieldError) bool { return f.Field == field }) {
		t.Errorf("error %v, want one about %s", err, field)
	}
}

func TestNewAPIKeyIsChecked(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	scopes := []string{"a"}
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint("scope", i)
	}
	for field, list := range map[string][]cloakroom.NewAPIKey{
		"name": {
			{Scopes: scopes}, {Name: "  ", Scopes: scopes}, {Name: "a\nb", Scopes: scopes}, {Name: "\xff", Scopes: scopes},
			{Name: strings.Repeat("ü", 101), Scopes: scopes},
		},
		"scopes":     {{Name: "x"}, {Name: "x", Scopes: []string{""}}, {Name: "x", Scopes: []string{"a b"}}, {Name: "x", Scopes: many}},
		"roles":      {{Name: "x", Scopes: scopes, Roles: []string{"a b"}}, {Name: "x", Scopes: scopes, Roles: []string{"editor"}, UserID: ana.ID}},
		"expires_at": {{Name: "x", Scopes: scopes, ExpiresAt: w.Clock.Now()}},
	} {
		for _, n := range list {
			_, _, err := w.APIKeys().Create(t.Context(), n)
			refuses(t, err, field)
		}
	}
	if n := len(all(t, w.Users().All(t.Context(), ""))); n != 1 {
		t.Errorf("%d users, want ana alone", n)
	}
	for i := range 100 {
		_, _, err := w.APIKeys().Create(t.Context(), cloakroom.NewAPIKey{Name: fmt.Sprint(i), UserID: ana.ID, Scopes: scopes})
		done(t, err)
	}
	_, _, err := w.APIKeys().Create(t.Context(), cloakroom.NewAPIKey{Name: strings.Repeat("ü", 100), UserID: ana.ID, Scopes: scopes})
	refuses(t, err, "name")
}

func TestAPIKeyAltered(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	_, robot := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
	t.Run("V112 a key that is altered in any one character is refused, and no store is asked", func(t *testing.T) {
		asked := []string{"APIKey", "APIKeys", "Session", "User", "Users", "Credentials"}
		before := store.count(asked...)
		for i := range robot.token {
			for _, c := range "Ab0_" {
				altered := robot.token[:i] + string(c) + robot.token[i+1:]
				if altered == robot.token {
					continue
				}
				if _, err := robot.holding(altered).session(); !errors.Is(err, cloakroom.ErrInvalidToken) {
					t.Fatalf("position %d: %v", i, err)
				}
			}
		}
		for _, altered := range []string{robot.token[:len(robot.token)-1], robot.token + "A", robot.token + "=", "crk_", strings.ToUpper(robot.token)} {
			if _, err := robot.holding(altered).session(); !errors.Is(err, cloakroom.ErrInvalidToken) {
				t.Fatalf("%d characters: %v", len(altered), err)
			}
		}
		if n := store.count(asked...) - before; n != 0 {
			t.Errorf("the store was asked %d times", n)
		}
		robot.gets(http.StatusOK, "the key itself", cloakroom.Scope("stock"))
	})
	t.Run("a token of one kind is none of another", func(t *testing.T) {
		ana := w.program()
		ana.signIn(w.User("ana@example.com").Email)
		for _, token := range []string{"crk_" + ana.token[4:], "crs_" + robot.token[4:], "crr_" + robot.token[4:], "crt_" + robot.token[4:]} {
			_, err := robot.holding(token).session()
			fails(t, err, cloakroom.ErrInvalidToken, token[:4])
		}
	})
}

func TestAPIKeyCost(t *testing.T) {
	store := wrap(memory.New())
	proofs := 0
	w := newWorld(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{fake{name: "password", prove: func(context.Context, cloakroom.Claim) (cloakroom.Proof, error) {
		proofs++
		return cloakroom.Proof{}, nil
	}}}})
	_, robot := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
	t.Run("V114 a thousand requests are a point read of the key and of its user each, and no slow hash", func(t *testing.T) {
		asked, keys, users := store.count(append(slices.Clone(reads), writes...)...), store.count("APIKey"), store.count("User")
		for range 1000 {
			robot.gets(http.StatusOK, "the key", cloakroom.Scope("stock"))
		}
		asked, keys, users = store.count(append(slices.Clone(reads), writes...)...)-asked, store.count("APIKey")-keys, store.count("User")-users
		if keys != 1000 || users != 1000 || asked-store.count("Revocations") > 2000 || proofs != 0 {
			t.Errorf("%d calls, %d of them for keys and %d for users; %d proofs", asked, keys, users, proofs)
		}
	})
}

// BenchmarkAPIKey is what a request by an API key costs with the store in memory.
func BenchmarkAPIKey(b *testing.B) {
	w := newWorld(b, cloakroom.Config{})
	_, token, err := w.APIKeys().Create(context.Background(), cloakroom.NewAPIKey{Name: "robot", Scopes: []string{"stock"}})
	done(b, err)
	h := w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, cloakroom.Scope("stock"))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestAPIKeyIsNoSession(t *testing.T) {
	c := signing(memory.New())
	c.Methods = nil
	w := newWorld(t, c)
	ana := w.User("ana@example.com", "admin")
	bob := w.User("bob@example.com")
	_, robot := w.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"stock"}})
	t.Run("V116 a sign-out has no effect on a key", func(t *testing.T) {
		for _, extent := range []cloakroom.Extent{"", cloakroom.OtherSessions, cloakroom.AllSessions} {
			mine := w.program()
			mine.signIn(ana.Email)
			w.Forget()
			answer := httptest.NewRecorder()
			done(t, w.SignOut(answer, robot.request(), extent))
			w.happened()
			if len(answer.Header()["Set-Cookie"]) > 0 {
				t.Errorf("cookies %v", answer.Header()["Set-Cookie"])
			}
			robot.gets(http.StatusOK, "the key after a sign-out", cloakroom.Scope("stock"))
			mine.answers(http.StatusOK, "a session of the key's user")
		}
	})
	t.Run("V117 a key anywhere but in the Bearer header is ignored", func(t *testing.T) {
		guard := w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, cloakroom.Scope("stock"))
		for name, put := range map[string]func(*http.Request){
			"X-API-Key":           func(r *http.Request) { r.Header.Set("X-API-Key", robot.token) },
			"Api-Key":             func(r *http.Request) { r.Header.Set("Api-Key", robot.token) },
			"Proxy-Authorization": func(r *http.Request) { r.Header.Set("Proxy-Authorization", "Bearer "+robot.token) },
			"query":               func(r *http.Request) { r.URL.RawQuery = "access_token=" + robot.token + "&api_key=" + robot.token },
			"Basic":               func(r *http.Request) { r.SetBasicAuth("api", robot.token) },
			"ApiKey":              func(r *http.Request) { r.Header.Set("Authorization", "ApiKey "+robot.token) },
			"cookie":              func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__Host-Http-session", Value: robot.token}) },
		} {
			r := httptest.NewRequest(http.MethodGet, secure+"/", nil)
			put(r)
			answer := httptest.NewRecorder()
			guard.ServeHTTP(answer, r)
			if answer.Code != http.StatusUnauthorized {
				t.Errorf("%s: answers %d", name, answer.Code)
			}
		}
		r := httptest.NewRequest(http.MethodGet, secure+"/", nil)
		r.Header.Set("Authorization", "bearer  "+robot.token)
		answer := httptest.NewRecorder()
		if guard.ServeHTTP(answer, r); answer.Code != http.StatusOK || len(answer.Header()["Set-Cookie"]) > 0 {
			t.Errorf("the Bearer header: answers %d with %v", answer.Code, answer.Header()["Set-Cookie"])
		}
	})
	t.Run("nothing changes its session, its user or a credential", func(t *testing.T) {
		s := robot.live()
		answer, r := httptest.NewRecorder(), robot.request()
		key := cloakroom.NewKey[string]("note")
		_, renewed := w.Renew(answer, r, s)
		_, changed := w.ChangeSecret(answer, r, s, cloakroom.Change{Current: "correct horse battery staple", Next: nextSecret})
		_, stepped := w.StepUp(answer, r, s)
		_, acting := w.Impersonate(answer, r, s, cloakroom.Impersonation{UserID: bob.ID, Reason: "why"})
		_, stopped := w.StopImpersonating(answer, r, s)
		_, issued := w.Issue(t.Context(), s, "")
		_, offered := w.OfferFactor(r, s, "totp")
		for what, err := range map[string]error{
			"Renew": renewed, "ChangeSecret": changed, "StepUp": stepped, "Impersonate": acting, "StopImpersonating": stopped, "Issue": issued,
			"OfferFactor": offered, "session data": key.Set(t.Context(), s, "x"),
		} {
			fails(t, err, cloakroom.ErrForbidden, what)
		}
		if _, there, err := key.Get(t.Context(), s); there || err != nil {
			t.Errorf("session data of a key: %v, %v", there, err)
		}
		if len(answer.Header()["Set-Cookie"]) > 0 {
			t.Errorf("cookies %v", answer.Header()["Set-Cookie"])
		}
		robot.gets(http.StatusOK, "the key", cloakroom.Scope("stock"))
	})
	t.Run("Begin, Optional, Visit and Authenticate give the key's session", func(t *testing.T) {
		begun, err := w.Begin(httptest.NewRecorder(), robot.request())
		done(t, err)
		visited, err := w.Visit(httptest.NewRecorder(), robot.request())
		done(t, err)
		if known := robot.live(); begun.ID != known.ID || visited.ID != known.ID {
			t.Errorf("begun %s, visited %s, known %s", begun.ID, visited.ID, known.ID)
		}
	})
	t.Run("a sign-in beside a key opens a session of its own and replaces nothing", func(t *testing.T) {
		w.Forget()
		d := robot.holding(robot.token)
		s := d.signIn(bob.Email)
		w.happened(cloakroom.SignedIn)
		if s.User.ID != bob.ID || len(s.Scopes) != 0 || d.token == robot.token {
			t.Errorf("session %+v", s)
		}
		robot.gets(http.StatusOK, "the key", cloakroom.Scope("stock"))
		d.answers(http.StatusOK, "the new session")
	})
	t.Run("introspection tells of a key with its scopes, and is no use of it", func(t *testing.T) {
		key, quiet := w.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"b", "a"}})
		ending, short := w.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"a"}, ExpiresAt: w.Clock.Now().Add(time.Hour)})
		in := w.active(quiet.token)
		if !in.Active || in.Subject != ana.ID || in.Session != key.ID || in.Scope != "a b" || in.Expires != 0 || in.AuthTime != 0 || !slices.Equal(in.Roles, []string{"admin"}) || !slices.Equal(in.Methods, []string{"api_key"}) {
			t.Errorf("introspection %+v", in)
		}
		if in := w.active(short.token); in.Expires != ending.ExpiresAt.Unix() {
			t.Errorf("introspection %+v of a key that ends at %v", in, ending.ExpiresAt)
		}
		if got, err := w.APIKeys().Get(t.Context(), key.ID); err != nil || !got.LastUsedAt.IsZero() {
			t.Errorf("key %+v, %v", got, err)
		}
		done(t, w.APIKeys().Revoke(t.Context(), key.ID))
		if in := w.active(quiet.token); in.Active {
			t.Errorf("introspection of a revoked key %+v", in)
		}
	})
	t.Run("where sign-ins are delivered by cookie alone, keys still work", func(t *testing.T) {
		other := w.beside(cloakroom.Config{Secrets: c.Secrets, Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{cloakroom.DeliverCookie}}})
		other.program().holding(robot.token).gets(http.StatusOK, "the key", cloakroom.Scope("stock"))
	})
	t.Run("a request is answered 503 while the store is down", func(t *testing.T) {
		broken := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: broken})
		_, robot := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
		for _, verb := range []string{"APIKey", "User"} {
			broken.down(verb)
			robot.gets(http.StatusServiceUnavailable, verb, cloakroom.Scope("stock"))
		}
		broken.down("SwapAPIKeys")
		users := len(all(t, w.Users().All(t.Context(), "")))
		_, _, err := w.APIKeys().Create(t.Context(), cloakroom.NewAPIKey{Name: "x", Scopes: []string{"x"}})
		unknowable(t, err, "a new key")
		robot.gets(http.StatusOK, "the use", cloakroom.Scope("stock"))
		unknowable(t, w.Flush(t.Context()), "writing the use down")
		broken.down()
		if n := len(all(t, w.Users().All(t.Context(), ""))); n != users {
			t.Errorf("%d users, want the %d of before", n, users)
		}
		done(t, w.Flush(t.Context()))
		if key := all(t, w.APIKeys().All(t.Context()))[0]; !key.LastUsedAt.Equal(w.Clock.Now()) {
			t.Errorf("used at %v", key.LastUsedAt)
		}
	})
}

// A key needs no second factor, so nobody who needs one comes by it.
func TestAPIKeyMakesNoAdministrator(t *testing.T) {
	w := newWorld(t, cloakroom.Config{RoleIncludes: map[string][]string{"owner": {"root"}, "root": {cloakroom.RoleAdmin}}})
	boss := w.User("boss@example.com", "owner", "stocker")
	key, robot := w.issue(cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"admin"}})
	mighty, _ := w.issue(cloakroom.NewAPIKey{Roles: []string{"root"}, Scopes: []string{"admin"}})
	by := w.APIKeys().By(robot.live())
	for _, role := range []string{cloakroom.RoleAdmin, "root", "owner"} {
		_, _, err := by.Create(t.Context(), cloakroom.NewAPIKey{Name: "x", Roles: []string{"stocker", role}, Scopes: []string{"admin"}})
		fails(t, err, cloakroom.ErrForbidden, role)
	}
	_, _, err := by.Create(t.Context(), cloakroom.NewAPIKey{Name: "x", UserID: mighty.UserID, Scopes: []string{"admin"}})
	fails(t, err, cloakroom.ErrForbidden, "a key of another who administers")
	_, _, err = by.Rotate(t.Context(), mighty.ID, 0)
	fails(t, err, cloakroom.ErrForbidden, "rotating that one's key")
	if users := all(t, w.Users().All(t.Context(), "")); len(users) != 2 {
		t.Errorf("%d users, want the two that were there", len(users))
	}
	_, _, err = by.Create(t.Context(), cloakroom.NewAPIKey{Name: "x", Roles: []string{"stocker"}, Scopes: []string{"admin"}})
	done(t, err)
	_, _, err = by.Rotate(t.Context(), key.ID, 0)
	done(t, err)
	d := w.program()
	d.signIn(boss.Email)
	_, _, err = w.APIKeys().By(d.live()).Create(t.Context(), cloakroom.NewAPIKey{Name: "x", Roles: []string{cloakroom.RoleAdmin}, Scopes: []string{"admin"}})
	done(t, err)
}

// A key that was stolen is of use until its end, and leaves no other behind.
func TestAPIKeyLeavesNoneBehind(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, onRealm(store, cloakroom.Config{}))
		boss, end := w.User("boss@example.com", cloakroom.RoleAdmin), w.Clock.Now().Add(time.Hour)
		_, robot := w.issue(cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"admin"}, ExpiresAt: end})
		machine, _ := w.issue(cloakroom.NewAPIKey{Scopes: []string{"admin"}})
		brief, _ := w.issue(cloakroom.NewAPIKey{UserID: machine.UserID, Scopes: []string{"admin"}, ExpiresAt: w.Clock.Now().Add(time.Minute)})
		endless, _ := w.issue(cloakroom.NewAPIKey{UserID: boss.ID, Scopes: []string{"admin"}})
		by := w.APIKeys().By(robot.live())
		for _, user := range []string{boss.ID, machine.UserID, ""} {
			for _, c := range []struct{ asked, want time.Time }{
				{time.Time{}, end}, {end, end}, {end.Add(time.Nanosecond), end}, {end.Add(-time.Second), end.Add(-time.Second)},
			} {
				key, token, err := by.Create(t.Context(), cloakroom.NewAPIKey{Name: "x", UserID: user, Scopes: []string{"admin"}, ExpiresAt: c.asked})
				done(t, err)
				heir := w.program().holding(token.Reveal())
				if !key.ExpiresAt.Equal(c.want) || !w.keyRecord(key.ID).ExpiresAt.Equal(c.want) || !heir.live().ExpiresAt.Equal(c.want) {
					t.Errorf("asked for %v: told %v, kept %v", c.asked, key.ExpiresAt, w.keyRecord(key.ID).ExpiresAt)
				}
			}
			users := len(all(t, w.Users().All(t.Context(), "")))
			_, _, err := by.Create(t.Context(), cloakroom.NewAPIKey{Name: "x", UserID: user, Scopes: []string{"admin"}, ExpiresAt: end.Add(time.Microsecond)})
			refuses(t, err, "expires_at")
			if n := len(all(t, w.Users().All(t.Context(), ""))); n != users {
				t.Errorf("%d users, want the %d of before", n, users)
			}
		}
		for what, old := range map[string]struct {
			id   string
			want time.Time
		}{
			"itself":                           {robot.live().ID, end},
			"one of its user without an end":   {endless.ID, end},
			"one of a machine without an end":  {machine.ID, end},
			"one of a machine that ends first": {brief.ID, w.Clock.Now().Add(time.Minute)},
		} {
			next, _, err := by.Rotate(t.Context(), old.id, time.Minute/2)
			done(t, err)
			if !next.ExpiresAt.Equal(old.want) || !w.keyRecord(next.ID).ExpiresAt.Equal(old.want) {
				t.Errorf("%s: the successor ends at %v, want %v", what, next.ExpiresAt, old.want)
			}
		}
		w.Clock.Advance(time.Hour)
		for _, key := range all(t, w.APIKeys().All(t.Context())) {
			if key.CreatedBy == boss.ID && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(w.Clock.Now())) {
				t.Errorf("%s lives on until %v", key.ID, key.ExpiresAt)
			}
		}
	})
}

// Whoever asks twice would get a successor that lives no longer than the overlap.
func TestAPIKeyIsRotatedOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, onRealm(store, cloakroom.Config{}))
		soon := w.Clock.Now().Add(48 * time.Hour)
		for what, c := range map[string]struct {
			end, heirEnds time.Time
			overlap       time.Duration
		}{
			"one without an end":               {time.Time{}, time.Time{}, 30 * 24 * time.Hour},
			"one that ends after the overlap":  {soon, soon, time.Hour},
			"one that ends before the overlap": {soon, soon, 72 * time.Hour},
		} {
			t.Run(what, func(t *testing.T) {
				key, old := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}, ExpiresAt: c.end})
				next, _, err := w.APIKeys().Rotate(t.Context(), key.ID, c.overlap)
				done(t, err)
				if !next.ExpiresAt.Equal(c.heirEnds) {
					t.Errorf("the successor ends at %v, want %v", next.ExpiresAt, c.heirEnds)
				}
				for _, overlap := range []time.Duration{0, time.Hour} {
					_, _, err = w.APIKeys().Rotate(t.Context(), key.ID, overlap)
					refuses(t, err, "id")
					if !strings.Contains(fmt.Sprint(err), next.ID) {
						t.Errorf("%v does not name %s", err, next.ID)
					}
				}
				old.gets(http.StatusOK, "the old key in its overlap", cloakroom.Scope("stock"))
				done(t, w.APIKeys().Revoke(t.Context(), next.ID))
				_, _, err = w.APIKeys().Rotate(t.Context(), key.ID, time.Hour)
				refuses(t, err, "id")
				if n := len(all(t, w.APIKeys().Of(t.Context(), key.UserID))); n != 1 {
					t.Errorf("%d keys, want the old one alone", n)
				}
			})
		}
		t.Run("of many rotations at once with an overlap one succeeds", func(t *testing.T) {
			key, _ := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}})
			if n := atOnce(16, func(int) error { _, _, err := w.APIKeys().Rotate(t.Context(), key.ID, time.Hour); return err }); n != 1 {
				t.Errorf("%d rotations succeeded", n)
			}
		})
		t.Run("successors are rotated in their turn, and keys with an end of their own", func(t *testing.T) {
			key, _ := w.issue(cloakroom.NewAPIKey{Scopes: []string{"stock"}, ExpiresAt: w.Clock.Now().Add(time.Hour)})
			for range 3 {
				w.Clock.Advance(time.Minute)
				next, _, err := w.APIKeys().Rotate(t.Context(), key.ID, time.Hour)
				done(t, err)
				if !next.ExpiresAt.Equal(w.Clock.Now().Add(time.Hour)) {
					t.Errorf("the successor ends at %v", next.ExpiresAt)
				}
				key = next
			}
		})
	})
}

// S-14: a new key in the place of another is a new key.
func TestAPIKeyRotationIsTold(t *testing.T) {
	p := newPostal(t, cloakroom.Config{})
	ana := p.User("ana@example.com")
	key, _ := p.issue(cloakroom.NewAPIKey{UserID: ana.ID, Scopes: []string{"stock"}})
	p.gets(ana.Email, "notice")
	p.Clock.Advance(2 * time.Minute)
	next, token, err := p.APIKeys().Rotate(t.Context(), key.ID, time.Hour)
	done(t, err)
	p.gets(ana.Email, "notice", "notice")
	m := p.box.WaitFor(t, ana.Email, "notice")
	if !strings.Contains(m.Text, "An API key was made: “robot”.") {
		t.Errorf("told %s", m.Text)
	}
	done(t, p.Disown(p.browser().request(), tokenOf(t, m)))
	p.program().holding(token.Reveal()).gets(http.StatusUnauthorized, "the key that the owner disowns", cloakroom.Scope("stock"))
	_, err = p.APIKeys().Get(t.Context(), next.ID)
	fails(t, err, cloakroom.ErrNotFound, "the key that the owner disowns")
}
