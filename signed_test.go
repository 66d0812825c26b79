package cloakroom_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/jose"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

func encoded(part any) string {
	b, _ := json.Marshal(part)
	return base64.RawURLEncoding.EncodeToString(b)
}

// edited is a payload with other claims; nil removes one.
func edited(claims map[string]any, edits map[string]any) []byte {
	claims = maps.Clone(claims)
	maps.Copy(claims, edits)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	b, _ := json.Marshal(claims)
	return b
}

// Whatever is not exactly a token of ours is 401, costs no session and, where its form tells, no look at any store.
func TestSignedTokensAreStrict(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, signing(store))
	ana := w.User("ana@example.com")
	h := w.app()
	h.signIn(ana.Email)
	thief := w.thief()
	header, claims := parts(t, h.access)
	segments := strings.Split(h.access, ".")
	now := w.Clock.Now()
	sign := func(typ string, edits map[string]any) string {
		text, err := thief.Sign(typ, edited(claims, edits))
		done(t, err)
		return text
	}
	with := func(edits map[string]any) string { // the true payload and signature under another header
		head := maps.Clone(header)
		maps.Copy(head, edits)
		return encoded(head) + "." + segments[1] + "." + segments[2]
	}
	document, _, err := w.JWKS(t.Context())
	done(t, err)
	foreign, err := jose.Generate(jose.ES256)
	done(t, err)
	foreignSigner, err := jose.NewSigner(jose.ES256, header["kid"].(string), foreign.Private)
	done(t, err)
	otherKey, err := foreignSigner.Sign(verify.AccessToken, edited(claims, nil))
	done(t, err)
	mac := hmac.New(sha256.New, document)
	hs := encoded(map[string]any{"alg": "HS256", "kid": header["kid"], "typ": "at+jwt"}) + "." + segments[1]
	mac.Write([]byte(hs))

	if good := sign(verify.AccessToken, nil); !w.active(good).Active {
		t.Fatal("the thief cannot sign: the test proves nothing")
	}
	for name, token := range map[string]string{
		"S161 alg none":                          with(map[string]any{"alg": "none"}),
		"S161 alg none, no signature":            encoded(map[string]any{"alg": "none", "typ": "at+jwt"}) + "." + segments[1] + ".",
		"S161 HS256 with the public keys":        hs + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
		"S161 another algorithm":                 with(map[string]any{"alg": "RS256"}),
		"S161 an unknown kid":                    with(map[string]any{"kid": "unknown"}),
		"S161 a kid that is a path":              with(map[string]any{"kid": "../../../../dev/null"}),
		"S161 a kid that is SQL":                 with(map[string]any{"kid": "' OR 1=1 --"}),
		"S161 no kid":                            with(map[string]any{"kid": ""}),
		"S161 its own key inside":                with(map[string]any{"jwk": json.RawMessage(foreign.Public)}),
		"S161 the address of its own keys":       with(map[string]any{"jku": "https://evil.example/jwks"}),
		"S161 a critical header":                 with(map[string]any{"crit": []string{"exp"}}),
		"S161 signed with another key":           otherKey,
		"S161 another payload":                   segments[0] + "." + base64.RawURLEncoding.EncodeToString(edited(claims, map[string]any{"exp": 1 << 40})) + "." + segments[2],
		"S161 four parts":                        h.access + ".x",
		"S161 padded":                            h.access + "=",
		"S162 of another issuer":                 sign("at+jwt", map[string]any{"iss": "https://evil.example"}),
		"S162 of our issuer with a slash":        sign("at+jwt", map[string]any{"iss": secure + "/"}),
		"S162 for another audience":              sign("at+jwt", map[string]any{"aud": "orders"}),
		"S162 without an audience":               sign("at+jwt", map[string]any{"aud": nil}),
		"S162 without an end":                    sign("at+jwt", map[string]any{"exp": nil}),
		"S162 with an end in words":              sign("at+jwt", map[string]any{"exp": "tomorrow"}),
		"S162 not valid yet":                     sign("at+jwt", map[string]any{"nbf": now.Add(time.Hour).Unix()}),
		"S162 made in the future":                sign("at+jwt", map[string]any{"iat": now.Add(time.Hour).Unix()}),
		"S162 of another session":                sign("at+jwt", map[string]any{"sid": "ses_other"}),
		"S162 of a guest":                        sign("at+jwt", map[string]any{"sub": claims["sid"]}),
		"S162 without a ticket":                  sign("at+jwt", map[string]any{"tkt": nil}),
		"S162 with a ticket that was never":      sign("at+jwt", map[string]any{"tkt": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}),
		"S162 with a ticket that is none":        sign("at+jwt", map[string]any{"tkt": "x"}),
		"S163 an ID token":                       sign("JWT", nil),
		"S163 an ID token that says so":          sign("id_token", nil),
		"S163 a log-out token":                   sign("logout+jwt", nil),
		"S163 an answer of the feed":             sign("revocations+jwt", nil),
		"S163 a token of introspection":          sign("token-introspection+jwt", nil),
		"S163 with the long name of its typ":     sign("application/at+jwt", nil),
		"S163 a refresh token":                   h.refresh,
		"S163 a refresh token that looks signed": "eyJ" + h.refresh,
		"S163 of another kind":                   strings.Replace(h.refresh, "crr_", "crs_", 1),
		"S163 of a kind of one-time ticket":      strings.Replace(h.refresh, "crr_", "crt_", 1),
		"huge":                                   "eyJ" + strings.Repeat("a", 1<<16),
		"dots":                                   "eyJ" + strings.Repeat(".", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"page", "app"} {
				bad := w.holder(kind)
				if bad.access = token; bad.jar != nil {
					bad.plant(secureName, "/", token)
				}
				if strings.Count(token, "") > 4096 && bad.jar != nil {
					continue
				}
				before := store.count(writes...)
				if got := bad.status(); got != http.StatusUnauthorized {
					t.Errorf("%s: answer %d", kind, got)
				}
				if got := bad.answer.Header().Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
					t.Errorf("%s: WWW-Authenticate %q", kind, got)
				}
				if store.count(writes...) != before {
					t.Errorf("%s: something was written", kind)
				}
			}
			if token != h.refresh {
				if in := w.active(token); in.Active && !strings.Contains(name, "audience") {
					t.Errorf("introspection: %+v", in)
				}
			}
		})
	}
	t.Run("S163 an access token refreshes nothing, and neither does an opaque one", func(t *testing.T) {
		opaque := w.app()
		opaque.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Opaque})
		for _, token := range []string{h.access, opaque.access, strings.Replace(opaque.access, "crs_", "crr_", 1), strings.Replace(h.refresh, "crr_", "crt_", 1)} {
			stale := w.app()
			stale.refresh = token
			stale.refuses(cloakroom.ErrInvalidRefresh, token[:4])
		}
	})
	t.Run("invented keys cost ten looks a second", func(t *testing.T) {
		w.Clock.Advance(time.Minute)
		h.exchanged()
		before := store.count("KeySet")
		bad := w.app()
		for n := range 1000 {
			w.Clock.Advance(time.Millisecond)
			bad.access = with(map[string]any{"kid": fmt.Sprint("invented", n)})
			bad.status()
		}
		if n := store.count("KeySet") - before; n > 11 {
			t.Errorf("%d looks in a second", n)
		}
	})
	t.Run("S67 where signed tokens are not allowed they are nothing", func(t *testing.T) {
		c := signing(nil)
		c.Token = cloakroom.TokenPolicy{Allow: []cloakroom.TokenForm{cloakroom.Opaque}}
		opaque := w.beside(c)
		h.at(opaque).answers(http.StatusUnauthorized, "an access token")
		h.at(opaque).refuses(cloakroom.ErrInvalidRefresh, "a refresh token")
		page := w.page()
		page.signIn(ana.Email)
		page.at(opaque).refuses(cloakroom.ErrInvalidRefresh, "a refresh cookie")
		if opaque.active(h.access).Active || opaque.active(h.refresh).Active {
			t.Error("introspection says that they are alive")
		}
		if _, _, err := opaque.JWKS(t.Context()); !errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("the JWKS: %v", err)
		}
		if _, err := opaque.Feed(t.Context(), cloakroom.FeedQuery{}); !errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("the feed: %v", err)
		}
		if _, err := opaque.Issue(t.Context(), h.current(), ""); err == nil {
			t.Error("a token was issued")
		}
		if _, err := opaque.app().trySignIn(ana.Email); err == nil {
			t.Error("a sign-in got the signed form")
		}
	})
	t.Run("another realm on the same store takes none of it", func(t *testing.T) {
		c := signing(nil)
		c.Realm = "staff"
		staff := w.beside(c)
		staff.published()
		h.at(staff).answers(http.StatusUnauthorized, "an access token")
		h.at(staff).refuses(cloakroom.ErrInvalidRefresh, "a refresh token")
		if staff.active(h.access).Active || staff.active(h.refresh).Active {
			t.Error("introspection tells of another realm")
		}
		h.exchanged()
	})
}

// S164: guard, introspection and verifiers agree to the second about the end.
func TestS164End(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		h := w.app()
		h.signIn(w.User("ana@example.com").Email)
		keys := w.published()
		judged := func() string {
			_, err := keys.Verify(h.access, verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: secure}, w.Clock.Now())
			return fmt.Sprint(h.status(), w.active(h.access).Active, errors.Is(err, verify.ErrExpired), err == nil)
		}
		w.Clock.Advance(10*time.Minute + verify.DefaultLeeway - time.Microsecond)
		if got := judged(); got != "200 true false true" {
			t.Errorf("S164 a microsecond before exp and the leeway: %s", got)
		}
		w.Clock.Advance(time.Microsecond)
		if got := judged(); got != "401 false true false" {
			t.Errorf("S164 at exp and the leeway: %s", got)
		}
	})
}

// A signed token never outlives its session, whatever its own life would be.
func TestS156TokenEndsWithItsSession(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, lasting(store, time.Hour, time.Hour))
		h := w.app()
		end := h.signIn(w.User("ana@example.com").Email).Session.CreatedAt.Add(time.Hour)
		for _, left := range []time.Duration{20 * time.Minute, 10 * time.Minute, 10*time.Minute - time.Second, time.Second} {
			w.Clock.Advance(end.Add(-left).Sub(w.Clock.Now()))
			g := h.exchanged()
			_, claims := parts(t, h.access)
			want := min(left, 10*time.Minute)
			if exp := time.Unix(int64(claims["exp"].(float64)), 0); !exp.Equal(w.Clock.Now().Add(want)) || g.Tokens.ExpiresIn != want {
				t.Errorf("%v before the end: it lives %v and says %v, want %v", left, exp.Sub(w.Clock.Now()), g.Tokens.ExpiresIn, want)
			}
			tokens, err := w.Issue(t.Context(), g.Session, "orders")
			if err != nil || tokens.ExpiresIn != want {
				t.Errorf("%v before the end: one for a service lives %v, %v", left, tokens.ExpiresIn, err)
			}
		}
	})
}
