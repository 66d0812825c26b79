package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/verify"
)

const (
	issuer        = "https://auth.example.com"
	service       = "orders"
	serviceSecret = "0b47c1a1 f8/3d+: of 128 bits" // with what must be form-encoded
)

// signed lets a world have signed tokens, and a client that may ask about them.
func signed(c *cloakroom.Config) {
	c.Token.Issuer = issuer
	c.Clients = []cloakroom.Client{{ID: service, SecretHash: sha256.Sum256([]byte(serviceSecret))}}
	c.Delivery.Allow = []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth}
}

// basic is the header of a client (RFC 6749 §2.3.1).
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// service is the client of signed.
func (w *world) service() *client {
	return w.client().with("Authorization", basic(service, serviceSecret))
}

// signIn signs in for signed tokens and keeps those that the body has.
func (c *client) signIn(email, delivery string) *client {
	c.w.t.Helper()
	c.keep(c.login(email, `,"token":"signed","delivery":"`+delivery+`"`))
	return c
}

// keep takes over the tokens of a body.
func (c *client) keep(a answer) answer {
	c.w.t.Helper()
	if access, ok := a.at("tokens", "access_token").(string); ok && a.status < 300 {
		c.bearer = access
		c.refresh, _ = a.at("tokens", "refresh_token").(string)
	}
	return a
}

// renew refreshes as this client does: by the body if it has a refresh token to put there, else by cookie.
func (c *client) renew() answer {
	c.w.t.Helper()
	if c.refresh == "" {
		return c.post("/auth/refresh", "")
	}
	return c.keep(c.post("/auth/refresh", `{"refresh_token":"`+c.refresh+`"}`))
}

// renewOn is renew with more members in the body. It keeps no token of it.
func (c *client) renewOn(members string) answer {
	c.w.t.Helper()
	if c.refresh != "" {
		members += `,"refresh_token":"` + c.refresh + `"`
	}
	return c.post("/auth/refresh", "{"+members+"}")
}

// page is what a browser has of this client, and app what a program has.
func (c *client) page() *client {
	p := c.again()
	p.bearer, p.refresh = "", ""
	return p
}

func (c *client) app() *client {
	a := c.again()
	a.cookies = map[string]string{}
	return a
}

// set lists the cookies of an answer, as "name path", in order.
func (a answer) set() (names []string, lines map[string]*http.Cookie) {
	lines = map[string]*http.Cookie{}
	for _, k := range (&http.Response{Header: a.header}).Cookies() {
		name := k.Name + " " + k.Path
		names, lines[name] = append(names, name), k
	}
	slices.Sort(names)
	return names, lines
}

// payload is what a signed token says, unchecked.
func payload(t testing.TB, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no signed token", token)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// keys fetches the public keys as a verifier does.
func (w *world) keys() *verify.Keys {
	w.t.Helper()
	keys, err := verify.ParseKeys([]byte(w.client().get("/.well-known/jwks.json").is(200).text))
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// judged is what a service for this audience makes of a token.
func (w *world) judged(token, audience string) (*verify.Claims, error) {
	w.t.Helper()
	w.mu.Lock()
	now := w.now
	w.mu.Unlock()
	return w.keys().Verify(token, verify.Rules{Type: verify.AccessToken, Issuer: issuer, Audience: audience}, now)
}

var (
	noCookies  = []string(nil)
	oneCookie  = []string{"session /"}
	allCookies = []string{"refresh /auth/logout", "refresh /auth/refresh", "session /"}
)

func TestDeliveryAndForm(t *testing.T) {
	for _, row := range []struct {
		name, delivery, form string
		cookies              []string
		body                 bool
	}{
		{"S70 cookie", "cookie", "opaque", oneCookie, false},
		{"S67 bearer", "bearer", "opaque", noCookies, true},
		{"S69 both", "both", "opaque", oneCookie, true},
		{"S70 cookie", "cookie", "signed", allCookies, false},
		{"S67 bearer", "bearer", "signed", noCookies, true},
		{"S69 both", "both", "signed", allCookies, true},
	} {
		t.Run(row.name+" "+row.form, func(t *testing.T) {
			w := open(t, signed)
			w.user("ana@example.com")
			terms := `"delivery":"` + row.delivery + `","token":"` + row.form + `"`
			check := func(a answer) {
				t.Helper()
				a.private()
				names, lines := a.set()
				if !slices.Equal(names, row.cookies) {
					t.Errorf("cookies %q, want %q", names, row.cookies)
				}
				for name, k := range lines {
					if !k.HttpOnly || k.Secure || k.Domain != "" || k.SameSite != http.SameSiteLaxMode || k.MaxAge != 0 || !k.Expires.IsZero() {
						t.Errorf("%s: %s", name, k.Raw)
					}
					if !row.body && strings.Contains(a.text, k.Value) {
						t.Errorf("the body has the token of %s: %s", name, a.text)
					}
				}
				tokens, _ := a.at("tokens").(map[string]any)
				if (tokens != nil) != row.body {
					t.Fatalf("body %s", a.text)
				}
				refresh, given := tokens["refresh_token"].(string)
				if given != (row.body && row.form == "signed") || given && !strings.HasPrefix(refresh, "crr_") {
					t.Errorf("refresh token %q", refresh)
				}
				life := 336 * time.Hour
				if row.form == "signed" {
					life = 10 * time.Minute
				}
				if row.body && (tokens["token_type"] != "Bearer" || tokens["expires_in"] != life.Seconds()) {
					t.Errorf("tokens %v", tokens)
				}
			}
			who := w.client()
			opened := who.keep(who.post("/auth/login", `{"email":"ana@example.com","password":"`+password+`",`+terms+`}`).is(200))
			check(opened)
			check(w.client().post("/auth/signup", `{"email":"eve@example.com","password":"`+password+`",`+terms+`}`).is(201))
			check(w.client().post("/auth/anonymous", `{`+terms+`}`).is(201))

			// Whatever was handed out is the one session, on its carrier and nowhere else.
			session := opened.at("session", "id")
			for carrier, c := range map[string]*client{"cookie": who.page(), "bearer": who.app()} {
				handed := row.delivery == "both" || row.delivery == carrier
				if got := c.get("/auth/session").at("session", "id"); handed && got != session || !handed && got != nil {
					t.Errorf("S79 by %s: session %v, want %v", carrier, got, session)
				}
			}
		})
	}
}

func TestSignedCookies(t *testing.T) {
	t.Run("the names over https, each with what its prefix asks for", func(t *testing.T) {
		w := open(t, signed, func(c *cloakroom.Config) { c.BaseURL = issuer })
		w.user("ana@example.com")
		names, lines := w.client().login("ana@example.com", `,"token":"signed"`).set()
		if want := []string{"__Host-Http-session /", "__Http-refresh /auth/logout", "__Http-refresh /auth/refresh"}; !slices.Equal(names, want) {
			t.Errorf("cookies %q, want %q", names, want)
		}
		for name, k := range lines {
			if !k.Secure || !k.HttpOnly || k.Domain != "" {
				t.Errorf("%s: %s", name, k.Raw)
			}
		}
	})
	t.Run("all names and paths can be chosen, and a log-out clears what a sign-in set", func(t *testing.T) {
		w := open(t, signed, func(c *cloakroom.Config) {
			c.Cookie = cloakroom.Cookie{Name: "at", RefreshName: "rt", RefreshPaths: []string{"/auth/refresh"}, SameSite: http.SameSiteStrictMode}
		})
		w.user("ana@example.com")
		c := w.client()
		names, lines := c.login("ana@example.com", `,"token":"signed"`).set()
		if want := []string{"at /", "rt /auth/refresh"}; !slices.Equal(names, want) {
			t.Errorf("cookies %q, want %q", names, want)
		}
		c.post("/auth/refresh", "").is(200)
		cleared, gone := c.post("/auth/logout", "").is(204).set()
		if !slices.Equal(cleared, names) {
			t.Errorf("cleared %q, want %q", cleared, names)
		}
		for name, k := range gone {
			if k.MaxAge >= 0 || k.SameSite != lines[name].SameSite || k.HttpOnly != lines[name].HttpOnly || k.Value != "" {
				t.Errorf("%s: %s", name, k.Raw)
			}
		}
	})
	t.Run("a browser sends the refresh cookie to refresh and log out, and nowhere else", func(t *testing.T) {
		w := open(t, signed)
		w.user("ana@example.com")
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{Jar: jar, Transport: http.DefaultTransport}
		ask := func(path, body string, status int) {
			t.Helper()
			res, err := browser.Post(w.url+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != status {
				t.Errorf("%s: %d, want %d", path, res.StatusCode, status)
			}
		}
		ask("/auth/login", `{"email":"ana@example.com","password":"`+password+`","token":"signed"}`, 200)
		for path, want := range map[string]bool{
			"/": false, "/auth/": false, "/auth/me": false, "/auth/login": false, "/auth/token": false, "/auth/refreshing": false,
			"/auth/refresh": true, "/auth/logout": true,
		} {
			at, _ := url.Parse(w.url + path)
			sent := slices.ContainsFunc(jar.Cookies(at), func(k *http.Cookie) bool { return k.Name == "refresh" })
			if sent != want {
				t.Errorf("%s: refresh cookie sent %v, want %v", path, sent, want)
			}
		}
		for range 3 {
			w.pass(11 * time.Minute)
			ask("/auth/token", "{}", 401)
			ask("/auth/refresh", "{}", 200)
			ask("/auth/token", "{}", 200)
		}
		ask("/auth/logout", "{}", 204)
		ask("/auth/refresh", "{}", 401)
	})
	t.Run("remember: every cookie has the life of the session, a refresh begins it anew up to the absolute end", func(t *testing.T) {
		w := open(t, signed, func(c *cloakroom.Config) {
			c.Session = cloakroom.Lifetime{Idle: 100 * time.Hour, Absolute: 150 * time.Hour}
		})
		w.user("ana@example.com")
		c := w.client()
		ages := func(a answer, want time.Duration) {
			t.Helper()
			names, lines := a.set()
			if !slices.Equal(names, allCookies) {
				t.Errorf("cookies %q", names)
			}
			for name, k := range lines {
				if k.MaxAge != int(want/time.Second) {
					t.Errorf("%s: Max-Age %d, want %v", name, k.MaxAge, want)
				}
			}
		}
		ages(c.login("ana@example.com", `,"token":"signed","remember":true`), 100*time.Hour)
		w.pass(40 * time.Hour)
		ages(c.renew().is(200), 100*time.Hour)
		w.pass(60 * time.Hour)
		ages(c.renew().is(200), 50*time.Hour)
	})
}

func TestWhatSignedFormRefuses(t *testing.T) {
	t.Run("a form or delivery that is not allowed", func(t *testing.T) {
		w := open(t)
		w.user("ana@example.com")
		credentials := `{"email":"ana@example.com","password":"` + password + `","token":"signed"}`
		w.client().post("/auth/login", credentials).blames("token", "not_allowed")
		w.client().post("/auth/signup", strings.Replace(credentials, "ana", "new", 1)).blames("token", "not_allowed")
		w.client().post("/auth/anonymous", `{"token":"signed"}`).blames("token", "not_allowed")
		w.client().post("/auth/anonymous", `{"token":"jwt"}`).blames("token", "unknown_value")
		w.client().post("/auth/login", strings.Replace(credentials, "}", `,"delivery":"both"}`, 1)).blames("delivery", "not_allowed")
		w.client().get("/.well-known/jwks.json").fails(404, "not_found")
		if w.told(cloakroom.SignedIn)+w.told(cloakroom.GuestBegan) != 0 {
			t.Error("something was opened")
		}
	})
	t.Run("S68 the carrier that is not allowed, with signed tokens", func(t *testing.T) {
		w := open(t, signed, func(c *cloakroom.Config) { c.Delivery.Allow = []cloakroom.Delivery{cloakroom.DeliverBearer} })
		w.user("ana@example.com")
		app := w.client().signIn("ana@example.com", "bearer")
		browser := w.client()
		browser.cookies["session"], browser.cookies["refresh"] = app.bearer, app.refresh
		browser.get("/auth/me").fails(401, "unauthenticated")
		browser.post("/auth/refresh", "").fails(401, "refresh_token_missing")
		if !app.signedIn() {
			t.Error("the session was ended")
		}
	})
	t.Run("no kind of token where another belongs", func(t *testing.T) {
		w := open(t, signed)
		w.user("ana@example.com")
		app, opaque := w.client().signIn("ana@example.com", "bearer"), w.client().bearing("ana@example.com")
		as := func(token string) *client { c := w.client(); c.bearer = token; return c }
		as(app.refresh).get("/auth/me").fails(401, "invalid_token")
		w.client().post("/auth/refresh", `{"refresh_token":"`+app.bearer+`"}`).fails(401, "invalid_refresh_token")
		w.client().post("/auth/refresh", `{"refresh_token":"`+opaque.bearer+`"}`).fails(401, "invalid_refresh_token")
		if !app.signedIn() || !opaque.signedIn() {
			t.Error("a session was ended")
		}
	})
	t.Run("S80 an expired token is told as one", func(t *testing.T) {
		w := open(t, signed)
		w.user("ana@example.com")
		app := w.client().signIn("ana@example.com", "bearer")
		w.pass(11 * time.Minute)
		a := app.get("/auth/me").fails(401, "invalid_token").private()
		if got := a.header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
			t.Errorf("WWW-Authenticate %q", got)
		}
	})
}

func TestResponseHeaderCarriesAccessTokens(t *testing.T) {
	const header = "Some-Auth-Token"
	w := open(t, signed, func(c *cloakroom.Config) {
		c.Origins, c.Bearer.ResponseHeader = []string{"https://shop.example.com"}, header
	})
	w.user("ana@example.com")
	app := w.client().with("Origin", "https://shop.example.com")
	in := app.keep(app.login("ana@example.com", `,"token":"signed","delivery":"bearer"`))
	if got := in.header.Get(header); got != app.bearer || !exposes(in, header) {
		t.Errorf("S77 %q, want the access token; exposed %v", got, exposes(in, header))
	}
	fromHeader := w.client()
	fromHeader.bearer = in.header.Get(header)
	t.Run("S78 the token of the header is the same session", func(t *testing.T) {
		a := fromHeader.get("/auth/session").is(200)
		if a.at("session", "id") != in.at("session", "id") {
			t.Errorf("%s", a.text)
		}
		if a.header.Get(header) != "" {
			t.Error("S77 a token that is not new was sent")
		}
	})
	t.Run("S77 a refresh sends the new one, a failed one and a cookie's none", func(t *testing.T) {
		old := app.bearer
		if a := app.renew().is(200); a.header.Get(header) != app.bearer || app.bearer == old {
			t.Errorf("%q", a.header.Get(header))
		}
		if a := w.client().post("/auth/refresh", `{"refresh_token":"junk"}`).is(401); a.header.Get(header) != "" {
			t.Errorf("%q", a.header.Get(header))
		}
		browser := w.client().signIn("ana@example.com", "cookie")
		if a := browser.renew().is(200); a.header.Get(header) != "" {
			t.Error("a script can read the token of a cookie")
		}
	})
}
