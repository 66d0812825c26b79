package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/verify"
)

func TestJWKS(t *testing.T) {
	const path = "/.well-known/jwks.json"
	w := open(t, signed, func(c *cloakroom.Config) { c.Origins = []string{"https://shop.example.com"} })
	w.user("ana@example.com")
	fresh := w.client().get(path).is(200)
	kids := func() (ids []string) {
		t.Helper()
		a := w.client().get(path).is(200)
		for i := range a.at("keys").([]any) {
			ids = append(ids, a.at("keys", i, "kid").(string))
		}
		return ids
	}
	kid := func(token string) string {
		t.Helper()
		text, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		var header struct{ Kid string }
		if err := json.Unmarshal(text, &header); err != nil {
			t.Fatal(err)
		}
		return header.Kid
	}
	listed := kids()
	app := w.client().signIn("ana@example.com", "bearer")

	t.Run("S166 a server that nobody has signed in to has a usable key", func(t *testing.T) {
		keys, err := verify.ParseKeys([]byte(fresh.text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Verify(app.bearer, verify.Rules{Type: verify.AccessToken, Issuer: issuer, Audience: issuer}, w.now); err != nil {
			t.Error(err)
		}
	})
	t.Run("S167 only public members, to be kept for a while by anybody", func(t *testing.T) {
		for _, key := range fresh.at("keys").([]any) {
			for name := range key.(map[string]any) {
				if !slices.Contains([]string{"kty", "kid", "alg", "use", "crv", "x", "y"}, name) {
					t.Errorf("member %s", name)
				}
			}
		}
		h := fresh.header
		if got := h["Cache-Control"]; !slices.Equal(got, []string{"public, max-age=300"}) {
			t.Errorf("Cache-Control %q", got)
		}
		if h.Get("ETag") == "" || h.Get("Content-Type") != "application/jwk-set+json" || h.Get("X-Content-Type-Options") != "nosniff" || len(h["Vary"]) > 0 {
			t.Errorf("headers %v", h)
		}
	})
	t.Run("pages of every origin may read it, without credentials, and it needs none", func(t *testing.T) {
		for _, origin := range []string{"", "https://shop.example.com", "https://other.example"} {
			c := app.again()
			c.cookies["session"] = "junk"
			if origin != "" {
				c = c.with("Origin", origin).with("Sec-Fetch-Site", "cross-site")
			}
			a := c.get(path).is(200)
			if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" || len(a.header["Set-Cookie"]) > 0 {
				t.Errorf("%s: headers %v", origin, a.header)
			}
		}
	})
	t.Run("S167 who has it is told so", func(t *testing.T) {
		etag := fresh.header.Get("ETag")
		for _, tag := range []string{etag, "W/" + etag, `"other", ` + etag, "*"} {
			a := w.client().with("If-None-Match", tag).get(path).is(304)
			if a.text != "" || a.header.Get("ETag") != etag || a.header.Get("Cache-Control") == "no-store" || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %v %q", tag, a.header, a.text)
			}
		}
		for _, tag := range []string{`"other"`, "", strings.Trim(etag, `"`)} {
			w.client().with("If-None-Match", tag).get(path).is(200)
		}
	})
	t.Run("S168 S169 rotation: the next key was listed ahead, the old one stays for its tokens", func(t *testing.T) {
		old := app.again()
		if _, err := w.auth.Keys().Rotate(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.pass(cloakroom.KeyCache + 2*time.Minute)
		app.renew().is(200)
		before, after := kid(old.bearer), kid(app.bearer)
		if before == after || !slices.Contains(listed, after) || !slices.Contains(kids(), before) || !slices.Contains(kids(), after) {
			t.Errorf("%s, then %s; listed first %v, now %v", before, after, listed, kids())
		}
		for _, c := range []*client{old, app} {
			if !c.signedIn() {
				t.Error("the token of one key is refused")
			}
			if _, err := w.judged(c.bearer, issuer); err != nil {
				t.Error(err)
			}
		}
		w.pass(3*time.Minute + verify.DefaultLeeway)
		if old.signedIn() || !app.signedIn() {
			t.Error("a token does not live until its end, or beyond it")
		}
		if a := w.client().with("If-None-Match", fresh.header.Get("ETag")).get(path).is(200); a.header.Get("ETag") == fresh.header.Get("ETag") {
			t.Error("other keys, the same tag")
		}
	})
	t.Run("unknown: 503, which nobody keeps", func(t *testing.T) {
		w.store.down.Store(true)
		defer w.store.down.Store(false)
		w.pass(2 * time.Second)
		a := w.client().get(path).fails(503, "unavailable")
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("ETag") != "" || a.header.Get("Retry-After") == "" {
			t.Errorf("headers %v", a.header)
		}
	})
}
