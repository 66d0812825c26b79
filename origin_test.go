package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

const admin = "https://admin.example.org"

func TestCrossSite(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{Origins: []string{admin}})
	ana := signedIn(t, room, secure, "")
	ran := 0
	mux := http.NewServeMux()
	mux.Handle("/", front(room))
	mux.Handle("/transfer", room.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { ran++ }))
	ana.handler = mux
	site, origin := func(s string) func(*http.Request) { return with("Sec-Fetch-Site", s) }, func(o string) func(*http.Request) { return with("Origin", o) }

	refused := func(t *testing.T, method string, edits ...func(*http.Request)) {
		t.Helper()
		before := ran
		a := ana.twin().send(method, "/transfer", edits...)
		a.silent(t)
		if a.StatusCode != 403 || ran != before || !strings.Contains(a.text, `"code":"cross_origin"`) {
			t.Errorf("%s: %d, ran %d times: %s", method, a.StatusCode, ran-before, a.text)
		}
	}
	served := func(t *testing.T, method string, edits ...func(*http.Request)) {
		t.Helper()
		before := ran
		if a := ana.twin().send(method, "/transfer", edits...); a.StatusCode != 200 || ran != before+1 {
			t.Errorf("%s: %d, ran %d times: %s", method, a.StatusCode, ran-before, a.text)
		}
	}

	t.Run("S221 another site's page cannot use the cookie", func(t *testing.T) {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			refused(t, method, site("cross-site"))
			refused(t, method, site("same-site"))
			refused(t, method, site("cross-site"), origin("https://evil.example"))
		}
	})
	t.Run("S222 nor where a browser sends only Origin", func(t *testing.T) {
		for _, o := range []string{"https://evil.example", "null", "https://app.example.com.evil.example", "https://app.example.com:8443", admin + ".evil.example", "http://admin.example.org"} {
			refused(t, "POST", origin(o))
		}
	})
	t.Run("S222 two origins are none, whichever comes first", func(t *testing.T) {
		for _, two := range [][]string{{secure, "https://evil.example"}, {"https://evil.example", secure}, {admin, secure}, {secure, secure}} {
			refused(t, "POST", with("Origin", two...))
		}
	})
	t.Run("V120 whatever form the body has", func(t *testing.T) {
		for _, form := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""} {
			refused(t, "POST", with("Content-Type", form), site("cross-site"))
			refused(t, "POST", with("Content-Type", form), origin("https://evil.example"))
		}
	})
	t.Run("the same origin, a listed one, and programs that are no browser are served", func(t *testing.T) {
		served(t, "POST")
		served(t, "POST", site("same-origin"))
		served(t, "POST", site("none"))
		served(t, "POST", origin(secure))
		served(t, "POST", origin(admin))
		served(t, "POST", site("cross-site"), origin(admin))
	})
	t.Run("following a link from another site is served", func(t *testing.T) {
		served(t, "GET", site("cross-site"))
		served(t, "HEAD", site("cross-site"))
	})
	t.Run("S224 a bearer is exempt: no page can send it unasked", func(t *testing.T) {
		app := signedIn(t, room, secure, "delivery=bearer")
		app.handler = mux
		before := ran
		a := app.post("/transfer", site("cross-site"), origin("https://evil.example"))
		if a.StatusCode != 200 || ran != before+1 {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Run("S227 V120 signing in or beginning a session is checked without any cookie", func(t *testing.T) {
		room.Forget()
		for _, path := range []string{"/login?email=ana@example.com", "/cart"} {
			for _, edit := range []func(*http.Request){site("cross-site"), site("same-site"), origin("https://evil.example"), origin("null")} {
				for _, form := range []string{"application/x-www-form-urlencoded", "text/plain"} {
					v := visiting(t, mux, secure)
					a := v.post(path, edit, with("Content-Type", form))
					a.silent(t)
					if a.StatusCode != 403 {
						t.Errorf("%s: %d", path, a.StatusCode)
					}
				}
			}
		}
		if n := len(room.Events()); n != 0 {
			t.Errorf("events %v", room.Events())
		}
		if a := visiting(t, mux, secure).post("/login?email=ana@example.com", origin(admin)); a.StatusCode != 200 {
			t.Errorf("from a listed origin: %d", a.StatusCode)
		}
	})
	t.Run("signing out by another site's page is refused and ends nothing", func(t *testing.T) {
		if a := ana.twin().post("/logout", site("cross-site")); a.StatusCode != 403 {
			t.Errorf("%d", a.StatusCode)
		} else {
			a.silent(t)
		}
		ana.wants("/me", 200, "ana@example.com")
	})
	t.Run("a refusal asks nobody about the session", func(t *testing.T) {
		room, store := watched(t, cloakroom.Config{})
		v := signedIn(t, room, secure, "")
		before := store.count(everyVerb...)
		if a := v.post("/me", site("cross-site")); a.StatusCode != 403 || store.count(everyVerb...) != before {
			t.Errorf("%d, asked %d times", a.StatusCode, store.count(everyVerb...)-before)
		}
	})
	t.Run("the origin of BaseURL is ours, also when a proxy changes the host", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{BaseURL: "https://App.Example.com"})
		v := signedIn(t, room, "http://10.0.0.7:8080", "")
		if a := v.post("/me", origin(secure)); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.text)
		}
		if a := v.post("/me", origin("https://evil.example")); a.StatusCode != 403 {
			t.Errorf("another: %d", a.StatusCode)
		}
	})
}

// A WebSocket handshake is a GET that a browser sends to any site, with cookies and without asking.
func TestWebSocketHandshake(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{Origins: []string{admin}})
	user := room.User("ana@example.com")
	for name, c := range map[string]struct {
		sign   func(*http.Request, *cloakroom.User) *http.Request
		origin string
		want   error
	}{
		"a cookie from the same origin":  {room.ByCookie, secure, nil},
		"a cookie from a listed origin":  {room.ByCookie, admin, nil},
		"a cookie from a foreign origin": {room.ByCookie, "https://evil.example", cloakroom.ErrCrossOrigin},
		"a cookie from a sandboxed page": {room.ByCookie, "null", cloakroom.ErrCrossOrigin},
		"a bearer from a foreign origin": {room.ByBearer, "https://evil.example", nil},
		"a cookie without an origin":     {room.ByCookie, "", nil},
	} {
		for _, upgrade := range []string{"websocket", "WebSocket"} {
			t.Run(name+", Upgrade: "+upgrade, func(t *testing.T) {
				r := c.sign(httptest.NewRequest("GET", secure+"/socket", nil), user)
				r.Header.Set("Connection", "Upgrade")
				r.Header.Set("Upgrade", upgrade)
				if c.origin != "" {
					r.Header.Set("Origin", c.origin)
				}
				s, err := room.Authenticate(r)
				if !errors.Is(err, c.want) || (s == nil) != (c.want != nil) {
					t.Errorf("Authenticate: %v, %v, want %v", s, err, c.want)
				}
				w := httptest.NewRecorder()
				room.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}).ServeHTTP(w, r)
				if (w.Code == 200) != (c.want == nil) {
					t.Errorf("Protect: %d", w.Code)
				}
				if r.Method != "GET" {
					t.Errorf("the request was changed to %s", r.Method)
				}
			})
		}
	}
}

func TestCORS(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{Origins: []string{admin}, Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"}})
	ana := signedIn(t, room, secure, "")
	cors := func(h http.Header) (found []string) {
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				found = append(found, name)
			}
		}
		slices.Sort(found)
		return found
	}
	preflight := func(method string) func(*http.Request) { return with("Access-Control-Request-Method", method) }

	t.Run("S85 a listed origin is named exactly, with credentials", func(t *testing.T) {
		before := ana.send("OPTIONS", "/me", with("Origin", admin), preflight("POST"), with("Access-Control-Request-Headers", "content-type"))
		actual := ana.post("/me", with("Origin", admin), with("Sec-Fetch-Site", "cross-site"))
		if before.StatusCode != 204 || before.text != "" || actual.StatusCode != 200 || actual.text != "ana@example.com" {
			t.Errorf("preflight %d %q, request %d %q", before.StatusCode, before.text, actual.StatusCode, actual.text)
		}
		for name, h := range map[string]http.Header{"preflight": before.Header, "request": actual.Header} {
			if !slices.Equal(h["Access-Control-Allow-Origin"], []string{admin}) || h.Get("Access-Control-Allow-Credentials") != "true" || !slices.Contains(h["Vary"], "Origin") {
				t.Errorf("%s: %v", name, h)
			}
		}
		for name, want := range map[string]string{"Methods": "DELETE", "Headers": "Content-Type", "Max-Age": "7200"} {
			key := "Access-Control-Allow-" + name
			if name == "Max-Age" {
				key = "Access-Control-Max-Age"
			}
			if !strings.Contains(before.Header.Get(key), want) {
				t.Errorf("%s: %q", key, before.Header.Get(key))
			}
		}
	})
	t.Run("S86 V121 an origin that is not listed gets no CORS header at its preflight", func(t *testing.T) {
		for _, o := range []string{"https://evil.example", "null", "", strings.ToUpper(admin), admin + ":443", admin + "/", "http://admin.example.org", "*"} {
			a := ana.send("OPTIONS", "/me", with("Origin", o), preflight("POST"))
			if got := cors(a.Header); len(got) > 0 || a.StatusCode != 204 {
				t.Errorf("%q: %d %v", o, a.StatusCode, got)
			}
			if !slices.Contains(a.Header["Vary"], "Origin") {
				t.Errorf("%q: Vary %q", o, a.Header["Vary"])
			}
		}
	})
	t.Run("V121 nor does its request name it or allow credentials", func(t *testing.T) {
		a := ana.get("/me", with("Origin", "https://evil.example"))
		if got := cors(a.Header); !slices.Equal(got, []string{"Access-Control-Expose-Headers"}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("what a listed origin may read stands beside what the app exposes", func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Expose-Headers", "X-Total")
			front(room).ServeHTTP(w, r)
		})
		a := visiting(t, h, secure).get("/page", with("Origin", admin))
		all := strings.Join(a.Header["Access-Control-Expose-Headers"], ", ")
		for _, name := range []string{"X-Total", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate", "X-Request-Id", "Some-Auth-Token"} {
			if !slices.Contains(strings.Split(all, ", "), name) {
				t.Errorf("%s is not exposed: %s", name, all)
			}
		}
	})
	t.Run("a preflight does not reach the handler, other OPTIONS requests do", func(t *testing.T) {
		ran := 0
		v := visiting(t, room.CORS(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ })), secure)
		v.send("OPTIONS", "/", with("Origin", admin), preflight("POST"))
		if ran != 0 {
			t.Error("the handler ran for a preflight")
		}
		v.send("OPTIONS", "/", with("Origin", admin))
		if ran != 1 {
			t.Errorf("the handler ran %d times, want 1", ran)
		}
	})
	t.Run("without origins there is no CORS", func(t *testing.T) {
		v := visiting(t, front(authtest.New(t, cloakroom.Config{})), secure)
		for _, a := range []answer{v.send("OPTIONS", "/page", with("Origin", admin), preflight("POST")), v.get("/page", with("Origin", admin))} {
			if got := cors(a.Header); len(got) > 0 || slices.Contains(a.Header["Vary"], "Origin") {
				t.Errorf("%v", a.Header)
			}
		}
	})
}
