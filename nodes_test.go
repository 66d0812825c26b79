package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// Two processes on one file, as far as each can tell: a store, a writer and an engine of its own for both.
func TestTwoNodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	node := func() *world {
		store, err := sqlite.Open(path)
		done(t, err)
		t.Cleanup(func() { done(t, store.Shutdown()) })
		return newWorld(t, cloakroom.Config{Store: store, Cache: -1})
	}
	one, two := node(), node()
	ana := one.User("ana@example.com")
	for name, end := range map[string]func(*device, *cloakroom.Session) error{
		"a log-out":          func(d *device, _ *cloakroom.Session) error { return d.signOut(cloakroom.ThisSession) },
		"a revoked session":  func(_ *device, s *cloakroom.Session) error { return one.Sessions().Revoke(t.Context(), ana.ID, s.ID) },
		"all sessions ended": func(_ *device, s *cloakroom.Session) error { return one.Sessions().RevokeAll(t.Context(), ana.ID) },
		"a changed password": func(_ *device, s *cloakroom.Session) error {
			return one.Users().SetSecret(t.Context(), ana.ID, "", nextSecret)
		},
	} {
		t.Run("V64 "+name+" on one node is true on the other at its next request, if it remembers nothing", func(t *testing.T) {
			grant, err := one.Admit(httptest.NewRecorder(), one.program().request(), ana.ID, cloakroom.Admission{Method: "test", Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer}})
			done(t, err)
			here, there := one.program(), two.program()
			here.token, there.token = grant.Tokens.Access.Reveal(), grant.Tokens.Access.Reveal()
			there.answers(http.StatusOK, "the other node, before")
			done(t, end(here, grant.Session))
			there.answers(http.StatusUnauthorized, "the other node, after")
			here.answers(http.StatusUnauthorized, "this node")
		})
	}
}

// S94: an account that may not sign in says so only to who has the right password.
func TestS94BannedIsToldOnlyAfterTheRightPassword(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	done(t, w.Users().Ban(t.Context(), ana.ID))
	_, wrong := w.browser().trySignIn(ana.Email, "wrong")
	fails(t, wrong, cloakroom.ErrInvalidCredentials, "a wrong password")
	_, right := w.browser().trySignIn(ana.Email, authtest.Secret)
	fails(t, right, cloakroom.ErrBanned, "the right one")
}
