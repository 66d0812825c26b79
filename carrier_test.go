package cloakroom_test

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

const day = 24 * time.Hour

var (
	proxies   = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // where httptest's requests come from
	elsewhere = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
)

// What a sign-in sets, whole, and that the next request with it is recognised.
func TestCookieAttributes(t *testing.T) {
	forwarded := with("X-Forwarded-Proto", "https")
	for _, c := range []struct {
		name   string
		config cloakroom.Config
		site   string
		terms  string
		edit   func(*http.Request)
		want   string // with $ for the token
	}{
		{name: "S17 V24 over https", site: secure, want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "S18 V23 over http on loopback", site: loopback, want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "S18 Secure switched off", site: plain, config: cloakroom.Config{Cookie: cloakroom.Cookie{Secure: cloakroom.SecureNever}}, want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "loopback by address", site: "http://127.0.0.1:8080", want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "loopback by IPv6 address", site: "http://[::1]:8080", want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "loopback by name below localhost", site: "http://app.LOCALHOST", want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "what only looks like loopback", site: "http://127.0.0.1.evil.example", want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "https BaseURL behind a loopback address", site: loopback, config: cloakroom.Config{BaseURL: secure}, want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "http BaseURL on loopback", site: plain, config: cloakroom.Config{BaseURL: loopback}, want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "V24 https as a trusted proxy says", site: loopback, edit: forwarded, config: cloakroom.Config{TrustedProxies: proxies}, want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "https as nobody says whom we trust", site: loopback, edit: forwarded, want: "session=$; Path=/; HttpOnly; SameSite=Lax"},
		{name: "S22 a domain, with its leading dot", site: secure, config: cloakroom.Config{Cookie: cloakroom.Cookie{Domain: ".example.com"}}, want: "__Http-session=$; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax"},
		{name: "S23 no domain, no Domain", site: secure, want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "S24 a name of the app's own", site: secure, config: cloakroom.Config{Cookie: cloakroom.Cookie{Name: "sid"}}, want: "sid=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "V26 everything configured", site: secure, config: cloakroom.Config{Cookie: cloakroom.Cookie{Name: "sid", Domain: "example.com", SameSite: http.SameSiteStrictMode}}, want: "sid=$; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Strict"},
		{name: "SameSite=None", site: secure, config: cloakroom.Config{BaseURL: secure, Cookie: cloakroom.Cookie{SameSite: http.SameSiteNoneMode}}, want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=None"},
		{name: "a prefix that demands Secure gets it", site: loopback, config: cloakroom.Config{Cookie: cloakroom.Cookie{Name: "__Host-sid"}}, want: "__Host-sid=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "S33 V20 not remembered: no Max-Age, no Expires", site: secure, want: "__Host-Http-session=$; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{name: "V21 remembered: the idle time", site: secure, terms: "remember", want: "__Host-Http-session=$; Path=/; Max-Age=1209600; HttpOnly; Secure; SameSite=Lax"},
		{name: "remembered: never over 400 days", site: secure, terms: "remember", config: cloakroom.Config{Session: cloakroom.Lifetime{Idle: 500 * day, Absolute: 900 * day}}, want: "__Host-Http-session=$; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.edit == nil {
				c.edit = func(*http.Request) {}
			}
			room := authtest.New(t, c.config)
			room.User("ana@example.com")
			v := visiting(t, front(room), c.site)
			a := v.post("/login?email=ana@example.com&"+c.terms, c.edit)
			line := a.Header.Get("Set-Cookie")
			if got := strings.Replace(line, a.cookie(t).Value, "$", 1); got != c.want {
				t.Errorf("Set-Cookie:\n got %s\nwant %s", got, c.want)
			}
			if a := v.get("/me", c.edit); a.StatusCode != 200 || a.text != "ana@example.com" {
				t.Errorf("the next request: %d %s", a.StatusCode, a.text)
			}
		})
	}
}

// A clearing cookie that differs in one attribute clears nothing.
func TestClearingRepeatsEveryAttribute(t *testing.T) {
	for name, c := range map[string]cloakroom.Cookie{
		"defaults": {},
		"all set":  {Name: "sid", Domain: "example.com", SameSite: http.SameSiteStrictMode, Secure: cloakroom.SecureAlways},
	} {
		for _, site := range []string{secure, loopback} {
			room := authtest.New(t, cloakroom.Config{Cookie: c})
			room.User("ana@example.com")
			v := visiting(t, front(room), site)
			set := v.post("/login?remember&email=ana@example.com").cookie(t)
			stale := v.twin()
			same := func(t *testing.T, a answer) {
				t.Helper()
				got, want := *a.cookie(t), *set
				if got.MaxAge != -1 || got.Value != "" { // -1 is Max-Age=0 on the wire
					t.Errorf("value %q, Max-Age %d", got.Value, got.MaxAge)
				}
				want.Value, want.MaxAge, want.Raw, got.MaxAge, got.Raw = "", 0, "", 0, ""
				if got.String() != want.String() {
					t.Errorf("cleared %s, set %s", got.String(), want.String())
				}
			}
			t.Run("S26 sign-out, "+name+" at "+site, func(t *testing.T) { same(t, v.post("/logout")) })
			for _, path := range []string{"/me", "/page"} {
				t.Run("V30 a dead cookie at "+path+", "+name+" at "+site, func(t *testing.T) { same(t, stale.twin().get(path)) })
				t.Run("V30 an altered cookie at "+path+", "+name+" at "+site, func(t *testing.T) {
					altered := stale.twin()
					altered.cookies[set.Name] += "x"
					same(t, altered.get(path))
				})
			}
		}
	}
}

func TestCookieIsSetAndClearedOnce(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	v := signedIn(t, room, secure, "")
	t.Run("S45 a request that changes nothing sets no cookie", func(t *testing.T) {
		for range 3 {
			v.wants("/me", 200, "ana@example.com").silent(t)
			v.wants("/page", 200, "ana@example.com").silent(t)
		}
	})
	t.Run("S56 a handler that signs out ends the session and clears the cookie", func(t *testing.T) {
		copied := v.twin()
		if c := v.post("/logout").cookie(t); c.MaxAge >= 0 {
			t.Errorf("Max-Age %d", c.MaxAge)
		}
		copied.wants("/me", 401, "")
		copied.wants("/page", 200, "nobody").silent(t)
	})
}

func TestInsecureTransport(t *testing.T) {
	for _, c := range []struct {
		name   string
		config cloakroom.Config
		site   string
		edit   func(*http.Request)
		events int
	}{
		{"S19 Secure over plain http is kept and told", cloakroom.Config{}, plain, with("X"), 1},
		{"S19 also when Secure is set on loopback", cloakroom.Config{Cookie: cloakroom.Cookie{Secure: cloakroom.SecureAlways}}, loopback, with("X"), 1},
		{"https is fine", cloakroom.Config{}, secure, with("X"), 0},
		{"so is a trusted proxy", cloakroom.Config{TrustedProxies: proxies}, plain, with("X-Forwarded-Proto", "https"), 0},
		{"so is a cookie that is not Secure", cloakroom.Config{}, loopback, with("X"), 0},
		{"S19 a trusted proxy that was spoken to in plain", cloakroom.Config{TrustedProxies: proxies}, plain, with("X-Forwarded-Proto", "http"), 1},
		{"S19 a trusted proxy that does not say", cloakroom.Config{TrustedProxies: proxies, BaseURL: secure}, plain, with("X"), 1},
		{"S19 whoever comes past the proxies", cloakroom.Config{TrustedProxies: elsewhere}, plain, with("X-Forwarded-Proto", "https"), 1},
		{"an https BaseURL without proxies: who ends TLS is not known", cloakroom.Config{BaseURL: secure}, plain, with("X"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			room := authtest.New(t, c.config)
			v := visiting(t, front(room), c.site)
			a := v.get("/cart", c.edit)
			if got := len(room.Events(cloakroom.InsecureTransport)); got != c.events {
				t.Errorf("%d events insecure_transport, want %d", got, c.events)
			}
			if c.events > 0 && !a.cookie(t).Secure {
				t.Error("the cookie lost its Secure")
			}
		})
	}
}

func TestCookieIsOpaque(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	v := signedIn(t, room, secure, "")
	ana, err := room.Users().ByEmail(t.Context(), "ana@example.com")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("V28 the value is a token and tells nothing", func(t *testing.T) {
		value := v.cookies[secureName]
		if !regexp.MustCompile(`^crs_[A-Za-z0-9_-]{67}$`).MatchString(value) {
			t.Errorf("value %q", value)
		}
		raw, err := base64.RawURLEncoding.DecodeString(value[4:])
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{ana.ID, ana.ID[4:], ana.Email, "ana", ana.Name} {
			if strings.Contains(string(raw), secret) || strings.Contains(value, secret) {
				t.Errorf("%q is in it", secret)
			}
		}
	})
	t.Run("S24 under another name it is nothing", func(t *testing.T) {
		for _, name := range []string{"session", "__Http-session", "__host-http-session", "sid"} {
			visiting(t, front(room), secure).get("/me", with("Cookie", name+"="+v.cookies[secureName]))
			a := visiting(t, front(room), secure).get("/me", with("Cookie", name+"="+v.cookies[secureName]))
			if a.silent(t); a.StatusCode != 401 {
				t.Errorf("%s: %d", name, a.StatusCode)
			}
		}
	})
}

func TestRememberedCookieIsIssuedAgain(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{Session: cloakroom.Lifetime{Idle: 14 * day, Absolute: 20 * day}})
	v := signedIn(t, room, secure, "remember")
	browser := signedIn(t, room, secure, "")
	token := v.cookies[secureName]
	use := func(v *visitor) answer { return v.wants("/me", 200, "ana@example.com") }

	use(v).silent(t)
	room.Clock.Advance(7 * day)
	use(v).silent(t)
	use(browser).silent(t)
	room.Clock.Advance(time.Second)
	t.Run("V22 past half of its life the cookie is issued again, once", func(t *testing.T) {
		c := use(v).cookie(t)
		if c.Value != token || c.MaxAge != int((13*day-time.Second)/time.Second) {
			t.Errorf("Max-Age %v, want the 13 days up to the absolute end", time.Duration(c.MaxAge)*time.Second)
		}
		use(v).silent(t)
		if err := room.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		use(v).silent(t)
	})
	t.Run("V22 an answer that refuses the guest or the role still issues it", func(t *testing.T) {
		room.Clock.Advance(7 * day)
		refused := v.twin()
		refused.handler = room.Protect(nil, cloakroom.Role("nobody"))
		if a := refused.get("/"); a.StatusCode != 403 || a.cookie(t).MaxAge <= 0 {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Run("S33 a cookie that ends with the browser is not issued again, and its session has an idle limit", func(t *testing.T) {
		use(browser).silent(t)
		idle := signedIn(t, room, secure, "")
		room.Clock.Advance(14 * day)
		idle.wants("/me", 401, "")
	})
}

func TestSecretsRotateWhileRunning(t *testing.T) {
	older, newer := secret(1), secret(2)
	rotate := func(t *testing.T, room *authtest.Room, secrets ...cloakroom.Secret) {
		t.Helper()
		if err := room.SetSecrets(secrets); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("S27 V34 a cookie of an old secret is accepted and issued anew under the new one", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Secrets: []cloakroom.Secret{older}})
		v := signedIn(t, room, secure, "remember")
		stale := v.twin()
		rotate(t, room, newer, older)
		c := v.wants("/me", 200, "ana@example.com").cookie(t)
		if c.Value == stale.cookies[secureName] || c.MaxAge <= 0 {
			t.Errorf("the cookie is as it was, Max-Age %d", c.MaxAge)
		}
		v.wants("/me", 200, "ana@example.com").silent(t)
		rotate(t, room, newer)
		v.wants("/me", 200, "ana@example.com").silent(t)
		t.Run("S28 after the old secret is gone its cookie is signed out", func(t *testing.T) {
			stale.twin().wants("/page", 200, "nobody")
			if a := stale.wants("/me", 401, ""); a.cookie(t).MaxAge >= 0 {
				t.Error("the dead cookie is not cleared")
			}
		})
	})
	t.Run("S27 both tags of one session are one session, not a duplicate", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Secrets: []cloakroom.Secret{older}})
		v := signedIn(t, room, secure, "")
		before := v.cookies[secureName]
		rotate(t, room, newer, older)
		after := v.get("/me").cookie(t).Value
		a := visiting(t, v.handler, secure).get("/me", with("Cookie", secureName+"="+before+"; "+secureName+"="+after))
		if a.StatusCode != 200 || len(room.Events(cloakroom.DuplicateCookie)) > 0 {
			t.Errorf("%d, events %v", a.StatusCode, room.Events(cloakroom.DuplicateCookie))
		}
	})
	t.Run("S27 a bearer of an old secret gets the new tag by the response header", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Secrets: []cloakroom.Secret{older}, Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"}})
		v := signedIn(t, room, secure, "delivery=bearer")
		rotate(t, room, newer, older)
		a := v.wants("/me", 200, "ana@example.com")
		a.silent(t)
		fresh := a.Header.Get("some-auth-token")
		if fresh == "" || fresh == v.bearer {
			t.Fatalf("header %q", fresh)
		}
		v.bearer = fresh
		if a := v.wants("/me", 200, "ana@example.com"); a.Header.Get("some-auth-token") != "" {
			t.Error("a token that is not new was sent")
		}
	})
	t.Run("S29 a weak list is refused and the one in force stays", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Secrets: []cloakroom.Secret{older}})
		v := signedIn(t, room, secure, "")
		for _, bad := range [][]cloakroom.Secret{nil, {}, {[]byte("keyboard cat")}, {older, nil}, {make(cloakroom.Secret, 32)}} {
			wantMistakes(t, room.SetSecrets(bad), "Secrets")
		}
		v.wants("/me", 200, "ana@example.com").silent(t)
	})
}

// A late request of a browser that has the new cookie by now must not take it away.
func TestMovedToken(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	room.User("ana@example.com")
	v := visiting(t, front(room), secure)
	v.get("/cart")
	late := v.twin()
	v.post("/login?email=ana@example.com")
	t.Run("S49 the old token is refused and its cookie not cleared", func(t *testing.T) {
		for _, path := range []string{"/me", "/page"} {
			late.twin().get(path).silent(t)
		}
		late.wants("/me", 401, "")
		late.wants("/page", 200, "nobody")
		v.wants("/me", 200, "ana@example.com")
	})
	t.Run("S49 it begins no session in place of the one that its browser has by now", func(t *testing.T) {
		for name, begin := range map[string]http.Handler{
			"behind Optional": front(room),
			"behind nothing": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s, err := room.Begin(w, r)
				unknowable(t, err, "Begin")
				if s != nil {
					t.Errorf("it began %s", s.ID)
				}
				room.Fail(w, r, err)
			}),
		} {
			room.Forget()
			again := late.twin()
			again.handler = begin
			a := again.post("/cart")
			a.silent(t)
			if a.StatusCode != 503 || a.Header.Get("Retry-After") == "" || len(room.Events(cloakroom.GuestBegan)) > 0 {
				t.Errorf("%s: %d %v, events %v", name, a.StatusCode, a.Header, room.Events())
			}
		}
	})
	t.Run("a sign-in with it works", func(t *testing.T) {
		again := late.twin()
		if a := again.post("/login?email=ana@example.com"); a.StatusCode != 200 || a.cookie(t).MaxAge < 0 {
			t.Errorf("%d %s", a.StatusCode, a.text)
		}
		again.wants("/me", 200, "ana@example.com")
		v.wants("/me", 200, "ana@example.com")
	})
	t.Run("V30 a minute later it is only dead, and cleared", func(t *testing.T) {
		room.Clock.Advance(time.Minute)
		if c := late.twin().wants("/me", 401, "").cookie(t); c.MaxAge >= 0 {
			t.Errorf("Max-Age %d", c.MaxAge)
		}
	})
}
