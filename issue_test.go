package cloakroom_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// claimsHook is a TokenPolicy.Claims that needs no context.
func claimsHook(f func(*cloakroom.Session) (map[string]any, error)) func(context.Context, *cloakroom.Session) (map[string]any, error) {
	return func(_ context.Context, s *cloakroom.Session) (map[string]any, error) { return f(s) }
}

// current is the session of a holder's access token.
func (h *holder) current() *cloakroom.Session {
	h.t.Helper()
	s, err := h.Authenticate(h.request("/"))
	done(h.t, err)
	return s
}

func TestS160Claims(t *testing.T) {
	const pii = "ana@example.com, Test user, 192.0.2.1, Mozilla"
	everybody := []string{"aud", "client_id", "epoch", "exp", "iat", "iss", "jti", "sid", "sub", "tkt"}
	users := append(slices.Clone(everybody), "acr", "amr", "auth_time")
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		c := signing(nil)
		c.Token.Algorithm = alg
		w := newWorld(t, c)
		ana := w.User("ana@example.com", "editor", "author")
		signIn, guest, scoped := w.app(), w.app(), w.app()
		s := signIn.signIn(ana.Email).Session
		g, err := guest.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.BeginOn(rw, r, cloakroom.Terms{Delivery: cloakroom.DeliverBearer})
		})
		done(t, err)
		_, err = scoped.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.Admit(rw, r, w.User("bob@example.com").ID, cloakroom.Admission{
				Method: "code", Factors: 2, Scopes: []string{"read", "write"}, Terms: cloakroom.Terms{Delivery: cloakroom.DeliverBearer},
			})
		})
		done(t, err)
		for _, k := range []struct {
			name   string
			token  string
			claims []string
			want   map[string]any
		}{
			{"of a sign-in", signIn.access, append(slices.Clone(users), "roles"), map[string]any{
				"sub": ana.ID, "sid": s.ID, "acr": "1", "amr": []any{"pwd"}, "roles": []any{"author", "editor"}, "auth_time": float64(w.Clock.Now().Unix()),
			}},
			{"of a guest", guest.access, everybody, map[string]any{"sub": g.Session.ID, "sid": g.Session.ID}},
			{"with scopes and two factors", scoped.access, append(slices.Clone(users), "scope"), map[string]any{"scope": "read write", "acr": "2", "amr": []any{"code", "mfa"}}},
		} {
			t.Run("S160 a token "+k.name+" by "+alg+" has exactly these claims", func(t *testing.T) {
				header, claims := parts(t, k.token)
				if fmt.Sprint(slices.Sorted(maps.Keys(header))) != "[alg kid typ]" || header["alg"] != alg || header["typ"] != "at+jwt" || header["kid"] != w.keyIDs(cloakroom.KeyActive)[0] {
					t.Errorf("header %v", header)
				}
				slices.Sort(k.claims)
				if got := slices.Sorted(maps.Keys(claims)); !slices.Equal(got, k.claims) {
					t.Errorf("claims %v, want exactly %v", got, k.claims)
				}
				now := w.Clock.Now()
				maps.Copy(k.want, map[string]any{
					"iss": secure, "aud": secure, "client_id": "cloakroom", "epoch": 0.0, "iat": float64(now.Unix()), "exp": float64(now.Add(10 * time.Minute).Unix()),
				})
				for name, want := range k.want {
					if fmt.Sprint(claims[name]) != fmt.Sprint(want) {
						t.Errorf("%s is %v, want %v", name, claims[name], want)
					}
				}
				if len(claims["jti"].(string)) < 22 {
					t.Errorf("jti %v", claims["jti"])
				}
				for private := range strings.SplitSeq(pii, ", ") {
					if strings.Contains(said(t, k.token), private) {
						t.Errorf("it tells %s", private)
					}
				}
				if _, err := w.published().Verify(k.token, verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: secure}, now); err != nil {
					t.Errorf("a verifier says: %v", err)
				}
			})
		}
	}
}

func TestIssue(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		ana := w.User("ana@example.com")
		opaque, page := w.app(), w.page()
		opaque.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Opaque})
		page.signIn(ana.Email)
		for name, h := range map[string]*holder{"an opaque session": opaque, "a signed one": page} {
			t.Run("a token for a service from "+name+" is good there and nowhere else", func(t *testing.T) {
				tokens, err := w.Issue(t.Context(), h.current(), "orders")
				done(t, err)
				token := tokens.Access.Reveal()
				if !tokens.Refresh.IsZero() || tokens.ExpiresIn != 10*time.Minute {
					t.Errorf("%+v", tokens)
				}
				rules := verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: "orders"}
				claims, err := w.published().Verify(token, rules, w.Clock.Now())
				done(t, err)
				if claims.SessionID != h.current().ID || claims.Subject != ana.ID {
					t.Errorf("claims %+v", claims)
				}
				thief := w.app()
				thief.access = token
				thief.answers(http.StatusUnauthorized, "S162 our own guard, for another audience")
				in := w.active(token)
				if !in.Active || !slices.Equal(in.Audience, []string{"orders"}) || in.ID != claims.ID || in.Expires != claims.ExpiresAt.Unix() {
					t.Errorf("introspection: %+v", in)
				}
				done(t, h.copied().leaves(""))
				if w.active(token).Active {
					t.Error("it outlives its session")
				}
			})
		}
		t.Run("the default audience is our own", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			tokens, err := w.Issue(t.Context(), h.current(), "")
			done(t, err)
			h.access = tokens.Access.Reveal()
			h.answers(http.StatusOK, "our own guard")
		})
		t.Run("a guest's token opens no page, and says that it is a guest's", func(t *testing.T) {
			h := w.app()
			g, err := h.call("/", func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return w.BeginOn(rw, r, cloakroom.Terms{Delivery: cloakroom.DeliverBearer})
			})
			done(t, err)
			tokens, err := w.Issue(t.Context(), g.Session, "orders")
			done(t, err)
			claims, err := w.published().Verify(tokens.Access.Reveal(), verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: "orders"}, w.Clock.Now())
			if err != nil || !claims.Guest() {
				t.Errorf("%+v, %v", claims, err)
			}
			h.answers(http.StatusUnauthorized, "a protected page")
			if h.current().ID != g.Session.ID {
				t.Error("it opens another session")
			}
		})
		t.Run("a token renews itself no longer than its own end", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			s, end := h.current(), w.Clock.Now().Add(10*time.Minute)
			for range 3 {
				w.Clock.Advance(3 * time.Minute)
				tokens, err := w.Issue(t.Context(), h.current(), "")
				done(t, err)
				if left := end.Sub(w.Clock.Now()); tokens.ExpiresIn != left {
					t.Errorf("expires in %v, want %v", tokens.ExpiresIn, left)
				}
				h.access = tokens.Access.Reveal()
			}
			w.Clock.Advance(time.Minute)
			_, err := w.Issue(t.Context(), s, "")
			fails(t, err, cloakroom.ErrInvalidToken, "at its end")
			w.Clock.Advance(verify.MaxLeeway)
			h.answers(http.StatusUnauthorized, "the last of them")
		})
		t.Run("none for a session that was ended while a request held it", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			s := h.current()
			done(t, h.leaves(""))
			_, err := w.Issue(t.Context(), s, "orders")
			fails(t, err, cloakroom.ErrInvalidToken, "a session that is over")
		})
		t.Run("audiences that cannot be", func(t *testing.T) {
			h := w.app()
			h.signIn(ana.Email)
			for _, name := range []string{" ", "a b", "a\n", "ü", strings.Repeat("a", 257), "\x7f"} {
				_, err := w.Issue(t.Context(), h.current(), name)
				if f, ok := err.(cloakroom.FieldErrors); !ok || f[0].Field != "audience" {
					t.Errorf("%q: %v", name, err)
				}
			}
			_, err := w.Issue(t.Context(), h.current(), strings.Repeat("a", 256))
			done(t, err)
			_, err = w.Issue(t.Context(), nil, "")
			fails(t, err, cloakroom.ErrUnauthenticated, "nobody's session")
		})
	})
}

func TestClaimsOfTheApp(t *testing.T) {
	var claims map[string]any
	c := signing(nil)
	c.Token.Claims = claimsHook(func(s *cloakroom.Session) (map[string]any, error) { return claims, nil })
	w := newWorld(t, c)
	ana := w.User("ana@example.com")
	h := w.app()
	h.signIn(ana.Email)
	t.Run("they are added as they are", func(t *testing.T) {
		claims = map[string]any{"tenant": "t1", "plan": map[string]any{"seats": 5}}
		h.exchanged()
		_, got := parts(t, h.access)
		if fmt.Sprintf("%v %v %v", got["tenant"], got["plan"], got["sub"]) != "t1 map[seats:5] "+ana.ID {
			t.Errorf("claims %v", got)
		}
		h.answers(http.StatusOK, "our own guard")
		read, err := w.published().Verify(h.access, verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: secure}, w.Clock.Now())
		done(t, err)
		var tenant string
		if ok, err := read.Decode("tenant", &tenant); !ok || err != nil || tenant != "t1" {
			t.Errorf("a verifier reads %q, %v, %v", tenant, ok, err)
		}
	})
	t.Run("none is no change", func(t *testing.T) {
		claims = map[string]any{}
		h.exchanged()
		h.answers(http.StatusOK, "our own guard")
	})
	for _, reserved := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "client_id", "auth_time", "amr", "acr", "roles", "scope", "epoch", "tkt", "cnf", "act", "Iss", "EXP", "Sub"} {
		t.Run("the reserved "+reserved+" is refused", func(t *testing.T) {
			claims = map[string]any{reserved: nil, "tenant": "t1"}
			if _, err := h.exchange(); err == nil || !strings.Contains(err.Error(), `"`+reserved+`"`) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("what cannot be written, or is too long", func(t *testing.T) {
		for name, value := range map[string]any{"a function": func() {}, "not JSON": json.RawMessage("{"), "too long": strings.Repeat("x", 3000)} {
			claims = map[string]any{"big": value}
			if _, err := h.exchange(); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		claims = map[string]any{}
		for n := range 60 {
			claims[fmt.Sprint("c", n)] = n
		}
		if _, err := h.exchange(); err == nil {
			t.Error("more claims than a verifier reads: no error")
		}
		claims = map[string]any{"big": strings.Repeat("x", 2000)}
		page := w.page()
		page.signIn(ana.Email)
		page.answers(http.StatusOK, "with a long token")
		claims = nil
		h.exchanged()
	})
}
