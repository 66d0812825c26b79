package cloakroom_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestIntrospect(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		other := w.beside(signing(nil))
		ana := w.User("ana@example.com", "editor")
		opaque, app := w.app(), w.app()
		opaque.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Opaque})
		s := app.signIn(ana.Email).Session
		for range 5 {
			w.Clock.Advance(time.Minute)
			app.exchanged()
		}
		t.Run("S174 what is told of each kind of token", func(t *testing.T) {
			_, claims := parts(t, app.access)
			opaque.current()
			done(t, w.Flush(t.Context()))
			for name, c := range map[string]struct {
				token, kind, session string
				expires              int64
			}{
				"opaque":  {opaque.access, "Bearer", opaque.current().ID, opaque.current().ExpiresAt.Unix()},
				"signed":  {app.access, "Bearer", s.ID, int64(claims["exp"].(float64))},
				"refresh": {app.refresh, "", s.ID, app.current().ExpiresAt.Unix()},
			} {
				in := other.active(c.token)
				if !in.Active || in.TokenType != c.kind || in.Session != c.session || in.Expires != c.expires || in.Subject != ana.ID || in.Issuer != secure || in.Client != "cloakroom" {
					t.Errorf("%s: %+v", name, in)
				}
				if !slices.Equal(in.Roles, []string{"editor"}) || !slices.Equal(in.Methods, []string{"pwd"}) || in.Level != 1 || in.Class != "1" || in.AuthTime == 0 {
					t.Errorf("%s: %+v", name, in)
				}
			}
			if in := other.active(app.access); in.ID != claims["jti"] || !slices.Equal(in.Audience, []string{secure}) || in.Issued != int64(claims["iat"].(float64)) {
				t.Errorf("signed: %+v", in)
			}
		})
		t.Run("an exchanged refresh token is not active, though it can be repeated", func(t *testing.T) {
			before := app.refresh
			app.exchanged()
			if other.active(before).Active || !other.active(app.refresh).Active {
				t.Error("both, or neither, are active")
			}
		})
		t.Run("a look is no use", func(t *testing.T) {
			before := other.active(opaque.access).Expires
			w.Clock.Advance(time.Hour)
			if got := other.active(opaque.access).Expires; got != before {
				t.Errorf("it ends %d, before the look %d", got, before)
			}
		})
		inactive := func(t *testing.T, when, token string) {
			t.Helper()
			b, err := json.Marshal(other.active(token))
			if done(t, err); string(b) != `{"active":false}` {
				t.Errorf("%s: %s", when, b)
			}
		}
		t.Run("S175 everything else is not active, and nothing is told", func(t *testing.T) {
			for _, junk := range []string{"", "x", "crs_", "crr_", "crt_x", "eyJ", "eyJ..", strings.Repeat("e", 1<<20), strings.Replace(opaque.access, "crs_", "crr_", 1), opaque.access + "x"} {
				inactive(t, "junk", junk)
			}
			ends := map[string]func(*cloakroom.User, *holder) error{
				"a log-out":      func(_ *cloakroom.User, h *holder) error { return h.copied().leaves("") },
				"a ban":          func(u *cloakroom.User, _ *holder) error { return w.Users().Ban(t.Context(), u.ID) },
				"a deleted user": func(u *cloakroom.User, _ *holder) error { return w.Users().Delete(t.Context(), u.ID) },
				"a new epoch":    func(u *cloakroom.User, _ *holder) error { return w.Sessions().RevokeAll(t.Context(), u.ID) },
				"a new password": func(u *cloakroom.User, _ *holder) error {
					return w.Users().SetSecret(t.Context(), u.ID, "", nextSecret)
				},
				"the idle end":    func(*cloakroom.User, *holder) error { w.Clock.Advance(337 * time.Hour); return nil },
				"a new privilege": func(_ *cloakroom.User, h *holder) error { h.copied().privileged(t); return nil },
			}
			for name, end := range ends {
				for _, form := range []cloakroom.TokenForm{cloakroom.Opaque, cloakroom.Signed} {
					user := w.User(strings.ReplaceAll(name, " ", "") + string(form) + "@example.com")
					h := w.app()
					h.signIn(user.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: form})
					if !other.active(h.access).Active {
						t.Fatal("it was not active before")
					}
					done(t, end(user, h))
					inactive(t, name, h.access)
					if form == cloakroom.Signed {
						inactive(t, name, h.refresh)
					}
				}
			}
		})
		t.Run("a guest", func(t *testing.T) {
			h := w.app()
			g, err := h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.BeginOn(rw, r, cloakroom.Terms{Delivery: cloakroom.DeliverBearer})
			})
			done(t, err)
			if in := other.active(h.access); !in.Active || in.Subject != g.Session.ID || in.Roles != nil || in.AuthTime != 0 || in.Level != 0 || in.Class != "" {
				t.Errorf("%+v", in)
			}
		})
	})
}
