package cloakroom_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestTokenPolicyMistakes(t *testing.T) {
	opaque, signed := cloakroom.Opaque, cloakroom.Signed
	policy := func(p cloakroom.TokenPolicy) cloakroom.Config { return cloakroom.Config{BaseURL: secure, Token: p} }
	cookie := func(c cloakroom.Cookie) cloakroom.Config { return cloakroom.Config{Cookie: c} }
	good := cloakroom.Client{ID: "orders", SecretHash: sha256.Sum256([]byte("secret"))}
	for _, c := range []struct {
		name   string
		config cloakroom.Config
		fields []string // none: it is good
	}{
		{"an unknown form", policy(cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{"jwt", opaque}}), []string{"Token.Allow"}},
		{"a default that is not allowed", policy(cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{opaque}, Default: signed}), []string{"Token.Default"}},
		{"signed without an issuer", cloakroom.Config{Token: cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{signed}}}, []string{"Token.Issuer"}},
		{"signed with sessions apart", cloakroom.Config{BaseURL: secure, Ledger: memory.New(), Token: cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{signed}}}, nil},
		{"sessions apart, nothing asked for", cloakroom.Config{BaseURL: secure, Ledger: memory.New()}, nil},
		{"signed by default without an issuer", cloakroom.Config{Token: cloakroom.TokenPolicy{Default: signed}}, []string{"Token.Default"}},
		{"no issuer, nothing asked for", cloakroom.Config{}, nil},
		{"an issuer of its own", cloakroom.Config{Token: cloakroom.TokenPolicy{Issuer: "https://auth.example.com"}}, nil},
		{"an issuer with a path", cloakroom.Config{Token: cloakroom.TokenPolicy{Issuer: "https://auth.example.com/a"}}, nil},
		{"an issuer with a slash", policy(cloakroom.TokenPolicy{Issuer: secure + "/"}), []string{"Token.Issuer"}},
		{"an issuer over plain http", policy(cloakroom.TokenPolicy{Issuer: plain}), []string{"Token.Issuer"}},
		{"an issuer with a query", policy(cloakroom.TokenPolicy{Issuer: secure + "?a"}), []string{"Token.Issuer"}},
		{"an issuer that is no address", policy(cloakroom.TokenPolicy{Issuer: "me"}), []string{"Token.Issuer"}},
		{"an audience with a space", policy(cloakroom.TokenPolicy{Audience: "a b"}), []string{"Token.Audience"}},
		{"an audience that is too long", policy(cloakroom.TokenPolicy{Audience: strings.Repeat("a", 257)}), []string{"Token.Audience"}},
		{"an unknown algorithm", policy(cloakroom.TokenPolicy{Algorithm: "HS256"}), []string{"Token.Algorithm"}},
		{"an algorithm in lower case", policy(cloakroom.TokenPolicy{Algorithm: "es256"}), []string{"Token.Algorithm"}},
		{"tokens that live too short", policy(cloakroom.TokenPolicy{AccessTTL: time.Second - 1}), []string{"Token.AccessTTL"}},
		{"tokens that live too long", policy(cloakroom.TokenPolicy{AccessTTL: time.Hour + 1}), []string{"Token.AccessTTL"}},
		{"no time at all", policy(cloakroom.TokenPolicy{AccessTTL: -1}), []string{"Token.AccessTTL"}},
		{"too short a grace", policy(cloakroom.TokenPolicy{RefreshGrace: time.Second - 1}), []string{"Token.RefreshGrace"}},
		{"too long a grace", policy(cloakroom.TokenPolicy{RefreshGrace: 10*time.Minute + 1}), []string{"Token.RefreshGrace"}},
		{"keys that change all the time", policy(cloakroom.TokenPolicy{KeyAge: time.Hour - 1}), []string{"Token.KeyAge"}},
		{"the least of all", policy(cloakroom.TokenPolicy{AccessTTL: time.Second, RefreshGrace: time.Second, KeyAge: time.Hour, Algorithm: "EdDSA"}), nil},
		{"the most of all", policy(cloakroom.TokenPolicy{AccessTTL: time.Hour, RefreshGrace: 10 * time.Minute, KeyAge: 10 * 365 * 24 * time.Hour, Algorithm: "RS256"}), nil},
		{"all mistakes at once", cloakroom.Config{
			Token: cloakroom.TokenPolicy{
				Allow: []cloakroom.TokenForm{"jwt"}, Default: signed, Issuer: "me", Audience: "a b", Algorithm: "none",
				AccessTTL: time.Nanosecond, RefreshGrace: time.Hour, KeyAge: time.Minute,
			},
			Clients: []cloakroom.Client{{ID: "a b", SecretHash: good.SecretHash}},
			Cookie:  cloakroom.Cookie{RefreshName: "a b", RefreshPaths: []string{"refresh"}},
		}, []string{
			"Token.Allow", "Token.Default", "Token.Issuer", "Token.Audience", "Token.Algorithm", "Token.AccessTTL", "Token.RefreshGrace", "Token.KeyAge",
			"Clients", "Cookie.RefreshName", "Cookie.RefreshPaths",
		}},
		{"a client", cloakroom.Config{Clients: []cloakroom.Client{good, {ID: "a.b_c-1", SecretHash: good.SecretHash}}}, nil},
		{"a client twice", cloakroom.Config{Clients: []cloakroom.Client{good, good}}, []string{"Clients"}},
		{"a client without an id", cloakroom.Config{Clients: []cloakroom.Client{{SecretHash: good.SecretHash}}}, []string{"Clients"}},
		{"a client with a colon", cloakroom.Config{Clients: []cloakroom.Client{{ID: "a:b", SecretHash: good.SecretHash}}}, []string{"Clients"}},
		{"a client with a long id", cloakroom.Config{Clients: []cloakroom.Client{{ID: strings.Repeat("a", 65), SecretHash: good.SecretHash}}}, []string{"Clients"}},
		{"a client without a secret", cloakroom.Config{Clients: []cloakroom.Client{{ID: "a"}}}, []string{"Clients"}},
		{"a client with an empty secret", cloakroom.Config{Clients: []cloakroom.Client{{ID: "a", SecretHash: sha256.Sum256(nil)}}}, []string{"Clients"}},
		{"a refresh cookie that is no name", cookie(cloakroom.Cookie{RefreshName: "a;b"}), []string{"Cookie.RefreshName"}},
		{"a refresh cookie of the same name", cookie(cloakroom.Cookie{Name: "a", RefreshName: "a"}), []string{"Cookie.RefreshName"}},
		{"a refresh cookie with the default name of the other", cookie(cloakroom.Cookie{RefreshName: "session"}), []string{"Cookie.RefreshName"}},
		{"a session cookie with the default name of the other", cookie(cloakroom.Cookie{Name: "__Http-refresh"}), []string{"Cookie.Name"}},
		{"a refresh cookie with __Host-", cookie(cloakroom.Cookie{RefreshName: "__Host-refresh"}), []string{"Cookie.RefreshName"}},
		{"a refresh cookie with __host-http-", cookie(cloakroom.Cookie{RefreshName: "__host-Http-refresh"}), []string{"Cookie.RefreshName"}},
		{"a refresh cookie that demands Secure", cloakroom.Config{BaseURL: loopback, Cookie: cloakroom.Cookie{RefreshName: "__Secure-r"}}, []string{"Cookie.RefreshName"}},
		{"the same with Secure", cloakroom.Config{BaseURL: secure, Cookie: cloakroom.Cookie{RefreshName: "__Secure-r", RefreshPaths: []string{"/a/b", "/c"}}}, nil},
		{"a path without a slash", cookie(cloakroom.Cookie{RefreshPaths: []string{"/a", "b"}}), []string{"Cookie.RefreshPaths"}},
		{"all paths", cookie(cloakroom.Cookie{RefreshPaths: []string{"/"}}), []string{"Cookie.RefreshPaths"}},
		{"a path that would end the attribute", cookie(cloakroom.Cookie{RefreshPaths: []string{"/a;Domain=b"}}), []string{"Cookie.RefreshPaths"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Store = memory.New()
			if err := made(t, c.config); c.fields != nil {
				wantMistakes(t, err, c.fields...)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// What a sign-in asks for and may not have is named.
func TestTermsOfTokens(t *testing.T) {
	c := signing(nil)
	c.Token = cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{cloakroom.Opaque}}
	w := newWorld(t, c)
	ana := w.User("ana@example.com")
	for form, code := range map[cloakroom.TokenForm]string{"jwt": "unknown_value", "SIGNED": "unknown_value", cloakroom.Signed: "not_allowed"} {
		_, err := w.app().trySignIn(ana.Email, cloakroom.Terms{Delivery: "pigeon", Token: form})
		f, ok := err.(cloakroom.FieldErrors)
		if !ok || len(f) != 2 || f[0].Field != "delivery" || f[1].Field != "token" || f[1].Code != code {
			t.Errorf("%s: %v", form, err)
		}
	}
	for name, policy := range map[string]cloakroom.TokenPolicy{
		"opaque": {},
		"signed": {Allow: []cloakroom.TokenForm{cloakroom.Signed}},
	} {
		c.Token, c.Store = policy, nil
		w := newWorld(t, c)
		h := w.app()
		h.signIn(w.User("ana@example.com").Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer})
		if got := form(h.access); got != name {
			t.Errorf("by default the token is %s, want %s", got, name)
		}
		h.answers(http.StatusOK, "with it")
	}
}

// A response header has no place for a refresh token, so what begins by it is opaque, whatever the default.
func TestBeginByHeaderIsOpaque(t *testing.T) {
	c := signing(nil)
	c.Bearer.ResponseHeader = "some-auth-token"
	c.Delivery = cloakroom.DeliveryPolicy{Default: cloakroom.DeliverBearer}
	w := newWorld(t, c)
	h := w.app()
	r, answer := h.request("/"), httptest.NewRecorder()
	s, err := w.Begin(answer, r)
	done(t, err)
	h.access = answer.Header().Get("some-auth-token")
	if form(h.access) != "opaque" || h.current().ID != s.ID {
		t.Errorf("token %s", form(h.access))
	}
	t.Run("S77 a signed token goes out by it where the refresh token goes another way", func(t *testing.T) {
		h := w.app()
		h.signIn(w.User("ana@example.com").Email)
		if got := h.answer.Header().Get("some-auth-token"); got != h.access || form(got) != "signed" {
			t.Errorf("header %q", got)
		}
		h.exchanged()
		if got := h.answer.Header().Get("some-auth-token"); got != h.access {
			t.Errorf("after a refresh: header %q", got)
		}
		h.status()
		if got, sent := h.answer.Header()["Some-Auth-Token"]; sent {
			t.Errorf("a token that is not new is sent: %q", got)
		}
	})
}
