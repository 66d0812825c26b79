package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/api"
)

const form = "application/x-www-form-urlencoded"

// introspect asks as RFC 7662 §2.1 has it.
func (w *world) introspect(token string) answer {
	w.t.Helper()
	a := w.service().doAs(form, "POST", "/auth/introspect", url.Values{"token": {token}}.Encode()).is(200)
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		w.t.Errorf("Cache-Control %q", got)
	}
	return a
}

const inactive = `{"active":false}`

func TestIntrospect(t *testing.T) {
	ctx := context.Background()
	t.Run("S173 off while no client is configured", func(t *testing.T) {
		w := open(t)
		for _, c := range []*client{w.client(), w.service()} {
			c.doAs(form, "POST", "/auth/introspect", "token=x").fails(404, "not_found")
			c.get("/auth/revocations").fails(404, "not_found")
		}
	})
	onEachStore(t, func(t *testing.T, w *world) {
		id := w.user("ana@example.com", "clerk")
		app, opaque := w.client().signIn("ana@example.com", "bearer"), w.client().bearing("ana@example.com")

		t.Run("S173 without the credential of a client: 401", func(t *testing.T) {
			body := "token=" + app.bearer
			for name, c := range map[string]*client{
				"none":                w.client(),
				"a user's":            app,
				"a user's cookie":     w.client().signIn("ana@example.com", "cookie"),
				"wrong secret":        w.client().with("Authorization", basic(service, "wrong")),
				"empty secret":        w.client().with("Authorization", basic(service, "")),
				"unknown client":      w.client().with("Authorization", basic("nobody", serviceSecret)),
				"not form-encoded":    w.client().with("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(service+":"+serviceSecret))),
				"the secret's digest": w.client().with("Authorization", basic(service, digest(serviceSecret))),
				"two headers":         w.service().with("Authorization", basic(service, "wrong")),
			} {
				for _, a := range []answer{
					c.again().doAs(form, "POST", "/auth/introspect", body),
					c.again().get("/auth/revocations?wait=0"),
				} {
					a.fails(401, "invalid_client").says("invalid_client")
					if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
						t.Errorf("%s: WWW-Authenticate %q", name, got)
					}
				}
			}
		})
		t.Run("S174 after several refreshes, with the roles of now: as a form and as JSON", func(t *testing.T) {
			for range 3 {
				w.pass(11 * time.Minute)
				app.renew().is(200)
			}
			if _, err := w.auth.Users().SetRoles(ctx, id, "clerk", "auditor"); err != nil {
				t.Fatal(err)
			}
			audits := func(a answer) bool {
				roles, _ := a.at("roles").([]any)
				return len(roles) == 2 && slices.Contains(roles, any("auditor"))
			}
			asJSON := w.service().post("/auth/introspect", `{"token":"`+app.bearer+`","token_type_hint":"access_token"}`).is(200)
			hinted := w.service().doAs(form, "POST", "/auth/introspect", "token_type_hint=refresh_token&token="+app.bearer).is(200)
			for _, a := range []answer{w.introspect(app.bearer), asJSON, hinted} {
				if a.at("active") != true || !audits(a) || a.at("sub") != id || a.at("iss") != issuer || a.at("token_type") != "Bearer" ||
					a.at("sid") != app.get("/auth/session").at("session", "id") || a.at("aud", 0) != issuer || a.at("exp") != payload(t, app.bearer)["exp"] {
					t.Errorf("%s", a.text)
				}
			}
			for _, token := range []string{opaque.bearer, app.refresh} {
				if a := w.introspect(token); a.at("active") != true || !audits(a) {
					t.Errorf("%s", a.text)
				}
			}
			if !app.signedIn() {
				t.Error("looking at a refresh token used it up")
			}
			app.renew().is(200)
		})
		t.Run("S175 whatever is not alive is inactive, and nothing else is said", func(t *testing.T) {
			w.user("eve@example.com")
			eve, _ := w.auth.Users().ByEmail(ctx, "eve@example.com")
			in := func() (c, o *client) {
				return w.client().signIn("eve@example.com", "bearer"), w.client().bearing("eve@example.com")
			}
			dead := map[string][]string{"garbage": {"x", "crs_", "crr_x", "eyJ", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a", 9000), "ü\x00"}}
			forged, _ := in()
			parts := strings.Split(forged.bearer, ".")
			dead["forged"] = []string{parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), forged.bearer + "A", forged.refresh[:70]}

			out, o := in()
			out.post("/auth/logout", "").is(204)
			o.post("/auth/logout", "").is(204)
			dead["revoked"] = []string{out.bearer, out.refresh, o.bearer}

			bumped, o := in()
			if err := w.auth.Sessions().RevokeAll(ctx, eve.ID); err != nil {
				t.Fatal(err)
			}
			dead["version bump"] = []string{bumped.bearer, bumped.refresh, o.bearer}

			spent, o := in()
			old := spent.again()
			spent.renew().is(200)
			dead["exchanged"] = []string{old.refresh}
			if err := w.auth.Users().Ban(ctx, eve.ID); err != nil {
				t.Fatal(err)
			}
			dead["banned"] = []string{spent.bearer, spent.refresh, o.bearer}

			expired := app.again()
			w.pass(11 * time.Minute)
			dead["expired"] = []string{expired.bearer}
			for why, tokens := range dead {
				for _, token := range tokens {
					if got := strings.TrimSpace(w.introspect(token).text); got != inactive {
						t.Errorf("%s: %.40s: %s", why, token, got)
					}
				}
			}
		})
		t.Run("what is no question", func(t *testing.T) {
			ask := func(media, body string) answer { return w.service().doAs(media, "POST", "/auth/introspect", body) }
			token := "token=" + opaque.bearer
			for _, body := range []string{"", "token=", "token_type_hint=x", "Token=x", token + "&" + token, token + "&x=1&x=2", "token=%zz", token + ";x=1"} {
				w.service().with("Content-Type", form).do("POST", "/auth/introspect", body).fails(400, "invalid_request").says("invalid_request")
			}
			for _, body := range []string{`{}`, `{"Token":"x"}`, `{"token_type_hint":"access_token"}`} {
				ask("application/json", body).fails(400, "invalid_request").says("invalid_request")
			}
			ask("application/json", `{"token":1}`).blames("token", "wrong_type").says("invalid_request")
			if got := strings.TrimSpace(ask("application/json", `{"token":""}`).is(200).text); got != inactive {
				t.Errorf("%s", got)
			}
			ask("application/json", `{"token":"a","token":"b"}`).fails(400, "invalid_json").says("invalid_request")
			for _, media := range []string{"text/plain", "multipart/form-data; boundary=x", form + "; charset=latin1", "application/jwt"} {
				a := ask(media, token).fails(415, "unsupported_media_type").says("invalid_request")
				if a.at("title") != "Unsupported media type" {
					t.Errorf("%s", a.text)
				}
			}
			ask(form+"; charset=UTF-8", token).is(200)
			ask(form, token+"&x="+strings.Repeat("a", api.MaxBody)).fails(413, "payload_too_large").says("invalid_request")
			w.service().get("/auth/introspect?"+token).fails(405, "method_not_allowed")
			w.service().doAs(form, "POST", "/auth/introspect?"+token, "x=1").fails(400, "invalid_request")
		})
	}, signed)
}

// says asserts the code of RFC 6749 §5.2 in a problem.
func (a answer) says(oauth string) answer {
	a.t.Helper()
	if a.at("error") != oauth {
		a.t.Errorf("error %v, want %s; body: %s", a.at("error"), oauth, a.text)
	}
	return a
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return string(sum[:])
}
