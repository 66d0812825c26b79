package cloakroom_test

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// served is a world whose API is on a real network, and a service that checks its tokens by itself.
func served(t *testing.T) (*world, *verify.Verifier) {
	t.Helper()
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	key := strings.Repeat("k", 32)
	c := signing(nil)
	c.BaseURL, c.Now, c.Session.Limit = srv.URL, time.Now, 2
	c.Token.AccessTTL = 2 * time.Minute // what is never told of shows as expired
	c.Clients = []cloakroom.Client{{ID: "orders", SecretHash: sha256.Sum256([]byte(key))}}
	w := newWorld(t, c)
	handler = api.New(w.Auth)
	v := &verify.Verifier{
		Issuer: srv.URL, Audience: srv.URL, ClientID: "orders", ClientSecret: verify.Secret(key),
		Staleness: 20 * time.Second, // a slow machine is no silent feed
	}
	t.Cleanup(func() { _ = v.Close() })
	return w, v
}

// Whatever ends a session is heard by a service that asks nobody, and what is told of one user stops the feed for no other:
// one verifier goes through all of it.
func TestVerifierHears(t *testing.T) {
	w, v := served(t)
	bystander := w.app()
	bystander.signIn(w.User("bystander@example.com").Email)
	accepts := func(t *testing.T, h *holder, when string) {
		t.Helper()
		if _, err := v.Verify(t.Context(), h.access); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	for _, c := range []struct {
		name string
		end  func(h *holder, s *cloakroom.Session) error
	}{
		{"a deleted user", func(_ *holder, s *cloakroom.Session) error { return w.Users().Delete(t.Context(), s.User.ID) }},
		{"a ban", func(_ *holder, s *cloakroom.Session) error { return w.Users().Ban(t.Context(), s.User.ID) }},
		{"a password that was set", func(_ *holder, s *cloakroom.Session) error {
			return w.Users().SetSecret(t.Context(), s.User.ID, "", nextSecret)
		}},
		{"a password that was changed elsewhere", func(_ *holder, s *cloakroom.Session) error {
			there := w.app()
			there.signIn(s.User.Email)
			_, err := there.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.ChangeSecret(rw, r, there.current(), cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
			})
			if err == nil {
				accepts(t, there, "whoever changed it")
			}
			return err
		}},
		{"a log-out", func(h *holder, _ *cloakroom.Session) error { return h.copied().leaves(cloakroom.ThisSession) }},
		{"the end of all", func(_ *holder, s *cloakroom.Session) error { return w.Sessions().RevokeAll(t.Context(), s.User.ID) }},
		{"a revocation", func(_ *holder, s *cloakroom.Session) error {
			return w.Sessions().Revoke(t.Context(), s.User.ID, s.ID)
		}},
		{"a session too many", func(_ *holder, s *cloakroom.Session) error {
			w.app().signIn(s.User.Email)
			w.app().signIn(s.User.Email)
			return nil
		}},
	} {
		t.Run(c.name+" is refused, and nobody else is", func(t *testing.T) {
			h := w.app()
			s := h.signIn(w.User(strings.ReplaceAll(c.name, " ", ".") + "@example.com").Email).Session
			accepts(t, h, "before")
			done(t, c.end(h, s))
			for {
				_, err := v.Verify(t.Context(), h.access)
				if errors.Is(err, verify.ErrRevoked) {
					break
				}
				if err != nil {
					t.Fatalf("refused, but not as revoked: %v", err)
				}
				time.Sleep(time.Millisecond)
			}
			accepts(t, bystander, "somebody else")
		})
	}
}
