package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestDelivery(t *testing.T) {
	all := cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"cookie", "bearer", "both"}}
	bearerOnly := cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"bearer"}}
	cookieOnly := cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"cookie"}}
	header := cloakroom.Bearer{ResponseHeader: "some-auth-token"}

	t.Run("S67 bearer only: no cookie at all", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Delivery: bearerOnly})
		room.User("ana@example.com")
		v := visiting(t, front(room), secure)
		a := v.post("/login?email=ana@example.com")
		a.silent(t)
		v.bearer = a.text
		v.wants("/me", 200, "ana@example.com").silent(t)
		t.Run("S68 V44 a cookie of the same token is not even read", func(t *testing.T) {
			a := visiting(t, v.handler, secure).get("/me", with("Cookie", secureName+"="+v.bearer))
			if a.silent(t); a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%d %q", a.StatusCode, a.Header.Get("WWW-Authenticate"))
			}
		})
	})
	t.Run("V44 cookie only: a bearer of the same token opens nothing", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Delivery: cookieOnly})
		v := signedIn(t, room, secure, "")
		app := visiting(t, v.handler, secure)
		app.bearer = v.cookies[secureName]
		app.wants("/me", 401, "")
		app.wants("/page", 200, "nobody")
	})
	t.Run("S69 S79 V45 both: the cookie and the token are one session", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Delivery: all, Bearer: header})
		room.User("ana@example.com")
		browser := visiting(t, front(room), secure)
		a := browser.post("/login?email=ana@example.com&delivery=both")
		app := visiting(t, browser.handler, secure)
		app.bearer = a.text
		if a.cookie(t).Value != a.text || a.Header.Get("some-auth-token") != a.text || a.text == "" {
			t.Errorf("cookie %.9q…, header %.9q…, body %.9q…", a.cookie(t).Value, a.Header.Get("some-auth-token"), a.text)
		}
		browser.wants("/me", 200, "ana@example.com")
		app.wants("/me", 200, "ana@example.com")
		app.post("/logout")
		browser.wants("/me", 401, "")
		app.wants("/me", 401, "")
	})
	t.Run("S70 cookie: no program on the page sees the token", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Bearer: header})
		room.User("ana@example.com")
		a := visiting(t, front(room), secure).post("/login?email=ana@example.com")
		if a.text != "" || a.Header.Get("some-auth-token") != "" || !a.cookie(t).HttpOnly {
			t.Errorf("body %q, header %q", a.text, a.Header.Get("some-auth-token"))
		}
	})
	t.Run("V49 bearer asked for on a server of both: no cookie", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Delivery: all})
		room.User("ana@example.com")
		v := visiting(t, front(room), secure)
		v.post("/login?email=ana@example.com&delivery=bearer").silent(t)
	})
	t.Run("V49 a guest by bearer who signs in gets the new token by bearer", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Delivery: all, Bearer: header})
		room.User("ana@example.com")
		v := visiting(t, front(room), secure)
		g, err := room.BeginOn(httptest.NewRecorder(), httptest.NewRequest("POST", secure, nil), cloakroom.Terms{Delivery: "bearer"})
		if err != nil {
			t.Fatal(err)
		}
		v.bearer = g.Tokens.Access.Reveal()
		a := v.post("/login?email=ana@example.com")
		a.silent(t)
		if fresh := a.Header.Get("some-auth-token"); fresh == "" || fresh == v.bearer || fresh != a.text {
			t.Errorf("header %q, body %q", fresh, a.text)
		}
		v.wants("/me", 401, "")
		v.bearer = a.text
		v.wants("/me", 200, "ana@example.com")
	})
	t.Run("what is not allowed or unknown is refused by field", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		room.User("ana@example.com")
		v := visiting(t, front(room), secure)
		for terms, want := range map[string]string{
			"delivery=both":                `"field":"delivery","code":"not_allowed"`,
			"delivery=pigeon":              `"field":"delivery","code":"unknown_value"`,
			"token=signed":                 `"field":"token","code":"not_allowed"`,
			"token=paseto":                 `"field":"token","code":"unknown_value"`,
			"delivery=pigeon&token=paseto": `"field":"token","code":"unknown_value"`,
		} {
			a := v.post("/login?email=ana@example.com&" + terms)
			a.silent(t)
			if a.StatusCode != 422 || !strings.Contains(a.text, want) {
				t.Errorf("%s: %d %s", terms, a.StatusCode, a.text)
			}
		}
		if n := len(room.Events(cloakroom.SignedIn)); n > 0 {
			t.Errorf("%d sessions began", n)
		}
		v.post("/login?email=ana@example.com&token=opaque&delivery=cookie")
		v.wants("/me", 200, "ana@example.com")
	})
}

// One request, one credential.
func TestBearerDecides(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"}})
	app := front(room)
	ana := signedIn(t, room, secure, "remember")
	anaCookie := ana.cookies[secureName]
	room.User("bea@example.com")
	bea := visiting(t, app, secure)
	bea.bearer = bea.post("/login?email=bea@example.com&delivery=bearer").text
	try := func(path string, edits ...func(*http.Request)) answer {
		return visiting(t, app, secure).get(path, edits...)
	}
	cookie := with("Cookie", secureName+"="+anaCookie)
	const invalid = `Bearer error="invalid_token"`

	t.Run("S71 V46 a good bearer wins over a good cookie", func(t *testing.T) {
		a := try("/me", cookie, with("Authorization", "Bearer "+bea.bearer))
		if a.silent(t); a.text != "bea@example.com" {
			t.Errorf("%d %s", a.StatusCode, a.text)
		}
	})
	t.Run("S72 V47 a bad bearer is not rescued by a good cookie, nor is the cookie touched", func(t *testing.T) {
		for _, path := range []string{"/me", "/page"} {
			a := try(path, cookie, with("Authorization", "Bearer junk"))
			a.silent(t)
			if path == "/me" && a.StatusCode != 401 || path == "/page" && a.text != "nobody" || a.Header.Get("WWW-Authenticate") != invalid {
				t.Errorf("%s: %d %s %q", path, a.StatusCode, a.text, a.Header.Get("WWW-Authenticate"))
			}
		}
		ana.wants("/me", 200, "ana@example.com")
	})
	t.Run("S73 another scheme is not ours: the cookie counts, with its CSRF check", func(t *testing.T) {
		basic := with("Authorization", "Basic c3RhZ2luZzpzdGFnaW5n")
		if a := try("/me", cookie, basic); a.text != "ana@example.com" {
			t.Errorf("%d %s", a.StatusCode, a.text)
		}
		a := visiting(t, app, secure).post("/me", cookie, basic, with("Sec-Fetch-Site", "cross-site"))
		if a.StatusCode != 403 {
			t.Errorf("cross-site: %d", a.StatusCode)
		}
	})
	t.Run("S74 V40 the scheme is case-insensitive, the token trimmed", func(t *testing.T) {
		for _, line := range []string{"bearer " + bea.bearer, "bEaReR  " + bea.bearer + " ", "BEARER " + bea.bearer, "Bearer\t" + bea.bearer, "bearer \t " + bea.bearer} {
			if a := try("/me", with("Authorization", line)); a.text != "bea@example.com" {
				t.Errorf("%.9q: %d %s", line, a.StatusCode, a.text)
			}
		}
	})
	t.Run("S75 two Authorization headers are refused, whichever comes first", func(t *testing.T) {
		for _, lines := range [][]string{
			{"Bearer " + bea.bearer, "Bearer junk"}, {"Bearer junk", "Bearer " + bea.bearer}, {"Basic eDp5", "Bearer " + bea.bearer},
			{"Bearer " + bea.bearer, "Bearer " + bea.bearer}, {"", "Bearer " + bea.bearer},
		} {
			for _, path := range []string{"/me", "/page", "/cart"} {
				a := try(path, cookie, with("Authorization", lines...))
				if a.silent(t); a.StatusCode != 400 || !strings.Contains(a.text, "ambiguous_credentials") {
					t.Errorf("%s %.20q: %d", path, lines, a.StatusCode)
				}
			}
		}
	})
	t.Run("S75 two Authorization headers are refused before a password is looked at", func(t *testing.T) {
		room.Forget()
		for _, email := range []string{"ana@example.com", "unknown@example.com"} {
			a := visiting(t, app, secure).post("/login?email="+email, with("Authorization", "Bearer junk", "Bearer junk"))
			if a.silent(t); a.StatusCode != 400 || len(room.Events()) > 0 {
				t.Errorf("%s: %d, events %v", email, a.StatusCode, room.Events())
			}
		}
	})
	t.Run("S75 an empty bearer token is a bad one", func(t *testing.T) {
		for _, line := range []string{"Bearer", "Bearer ", "bearer    ", "Bearer\t", "Bearer\tjunk"} {
			a := try("/me", cookie, with("Authorization", line))
			if a.silent(t); a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != invalid {
				t.Errorf("%q: %d %q", line, a.StatusCode, a.Header.Get("WWW-Authenticate"))
			}
		}
	})
	t.Run("V41 a token without a scheme, or of another, is no credential", func(t *testing.T) {
		for _, line := range []string{bea.bearer, "Basic " + bea.bearer, "Token " + bea.bearer, "Bearer" + bea.bearer, ""} {
			a := try("/me", with("Authorization", line))
			if a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%.12q: %d %q", line, a.StatusCode, a.Header.Get("WWW-Authenticate"))
			}
		}
	})
	t.Run("S76 tokens in a query string or a form are never read", func(t *testing.T) {
		for _, name := range []string{"access_token", "token", "session", secureName} {
			if a := try("/me?" + name + "=" + bea.bearer); a.StatusCode != 401 {
				t.Errorf("query %s: %d", name, a.StatusCode)
			}
			r := httptest.NewRequest("POST", secure+"/me", strings.NewReader(name+"="+bea.bearer))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			if app.ServeHTTP(w, r); w.Code != 401 {
				t.Errorf("form %s: %d", name, w.Code)
			}
		}
	})
	t.Run("V43 the token under the name of the response header is ignored", func(t *testing.T) {
		if a := try("/me", with("some-auth-token", bea.bearer)); a.StatusCode != 401 {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Run("S80 V51 a 401 names invalid_token only when a token was sent", func(t *testing.T) {
		if a := try("/me"); a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%d %q", a.StatusCode, a.Header.Get("WWW-Authenticate"))
		}
		dead := bea.twin()
		dead.bearer = dead.post("/login?email=bea@example.com&delivery=bearer").text
		dead.post("/logout")
		for _, token := range []string{dead.bearer, "junk"} {
			a := try("/me", with("Authorization", "Bearer "+token))
			if _, sent := a.Header["Some-Auth-Token"]; sent || a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != invalid {
				t.Errorf("%d %v", a.StatusCode, a.Header)
			}
		}
		bea.bearer = visiting(t, app, secure).post("/login?email=bea@example.com&delivery=bearer").text
	})
	t.Run("V50 a dead bearer on a public page: served, and told", func(t *testing.T) {
		a := try("/page", with("Authorization", "Bearer junk"))
		if _, sent := a.Header["Some-Auth-Token"]; sent || a.StatusCode != 200 || a.text != "nobody" || a.Header.Get("WWW-Authenticate") != invalid {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
		if got := try("/page", with("Authorization", "Bearer "+bea.bearer)).Header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("a live one: %q", got)
		}
		if got := try("/page", with("Cookie", secureName+"=junk")).Header.Get("WWW-Authenticate"); got != "" {
			t.Errorf("a dead cookie: %q", got)
		}
	})
	t.Run("V48 a request with a bearer neither sets nor clears a cookie", func(t *testing.T) {
		room.Clock.Advance(8 * day) // the remembered cookie would be issued again
		for _, c := range []string{"junk", anaCookie, tokenUnder(t, secret(9))} {
			for _, token := range []string{bea.bearer, "junk"} {
				for _, path := range []string{"/me", "/page", "/cart", "/logout"} {
					v := visiting(t, app, secure)
					if path == "/logout" && token != "junk" {
						continue
					}
					v.post(path, with("Cookie", secureName+"="+c), with("Authorization", "Bearer "+token)).silent(t)
				}
			}
		}
		bea.wants("/me", 200, "bea@example.com")
		ana.wants("/me", 200, "ana@example.com")
	})
	t.Run("S81 an answer with a token is not for caches", func(t *testing.T) {
		a := visiting(t, app, secure).post("/login?email=bea@example.com&delivery=bearer")
		if a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Header.Get("Vary")+strings.Join(a.Header["Vary"], ","), "Authorization") {
			t.Errorf("%v", a.Header)
		}
	})
}

// The way of bearer that needs no change in a client's calls: a header of whichever answer has a new token.
func TestResponseHeader(t *testing.T) {
	policy := cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"cookie", "bearer"}, Default: "bearer"}
	room := authtest.New(t, cloakroom.Config{Delivery: policy, Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"}})
	room.User("ana@example.com")
	v := visiting(t, front(room), secure)
	const header = "Some-Auth-Token"
	a := v.post("/cart")
	guest := a.text
	t.Run("S77 V36 it carries the token when a session begins, and CORS exposes it", func(t *testing.T) {
		a.silent(t)
		if !strings.HasPrefix(a.Header.Get(header), "crs_") || !slices.Equal(a.Header["Access-Control-Expose-Headers"], []string{header}) {
			t.Errorf("%v", a.Header)
		}
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %q", a.Header.Get("Cache-Control"))
		}
	})
	t.Run("V37 the header exposes itself, whoever does CORS", func(t *testing.T) {
		w := httptest.NewRecorder()
		if _, err := room.Begin(w, httptest.NewRequest("POST", secure, nil)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.Header()["Access-Control-Expose-Headers"], []string{header}) {
			t.Errorf("%v", w.Header())
		}
	})
	v.bearer = a.Header.Get(header)
	t.Run("S78 V7 with it the same session is found, and the token not sent again", func(t *testing.T) {
		a := v.post("/cart")
		if _, again := a.Header[header]; again || a.text != guest {
			t.Errorf("%s, %v", a.text, a.Header)
		}
	})
	t.Run("V36 a sign-in changes it, the old one is dead", func(t *testing.T) {
		a := v.post("/login?email=ana@example.com")
		old := v.twin()
		v.bearer = a.Header.Get(header)
		v.wants("/me", 200, "ana@example.com")
		old.wants("/me", 401, "")
	})
	t.Run("V37 exposed once, beside the app's own, in whatever form it lists them", func(t *testing.T) {
		for _, own := range [][]string{nil, {"X-Total"}, {"X-Total, some-auth-token"}, {"X-Total", "SOME-AUTH-TOKEN"}} {
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Access-Control-Expose-Headers"] = slices.Clone(own)
				front(room).ServeHTTP(w, r)
			})
			for _, path := range []string{"/cart", "/page"} {
				a := visiting(t, h, secure).get(path)
				all := strings.Join(a.Header["Access-Control-Expose-Headers"], ", ")
				if strings.Count(strings.ToLower(all), "some-auth-token") != 1 || len(own) > 0 && !strings.Contains(all, "X-Total") {
					t.Errorf("%s after %q: %q", path, own, all)
				}
			}
		}
	})
	t.Run("V39 exposed also to origins that are not listed, for CORS that somebody else does", func(t *testing.T) {
		a := visiting(t, front(room), secure).get("/page", with("Origin", "https://elsewhere.example"))
		if a.Header.Get("Access-Control-Expose-Headers") != header || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v", a.Header)
		}
	})
	t.Run("V52 a dead bearer that begins a session gets the new token", func(t *testing.T) {
		for _, path := range []string{"/cart", "/login?email=ana@example.com"} {
			a := visiting(t, front(room), secure).post(path, with("Authorization", "Bearer junk"))
			a.silent(t)
			fresh := visiting(t, front(room), secure)
			fresh.bearer = a.Header.Get(header)
			if a.StatusCode != 200 || fresh.bearer == "" || a.Header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s: %d %v", path, a.StatusCode, a.Header)
			}
			if got := fresh.get("/page").text; got == "nobody" {
				t.Errorf("%s: the new token opens nothing", path)
			}
		}
	})
	t.Run("V38 without a name there is no header, and none is exposed", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{Origins: []string{"https://admin.example.com"}})
		room.User("ana@example.com")
		for _, path := range []string{"/page", "/cart", "/login?email=ana@example.com", "/login?email=ana@example.com&delivery=bearer"} {
			a := visiting(t, front(room), secure).post(path)
			if a.Header.Get(header) != "" || a.Header.Get("Access-Control-Expose-Headers") != "" {
				t.Errorf("%s: %v", path, a.Header)
			}
		}
	})
}

// Pages that nobody has a session on stay free of one.
func TestNothingBeginsByItself(t *testing.T) {
	t.Run("S34 V1 a public page sets nothing and stores nothing", func(t *testing.T) {
		room, store := watched(t, cloakroom.Config{Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"}})
		v := visiting(t, front(room), secure)
		for range 3 {
			a := v.wants("/page", 200, "nobody")
			a.silent(t)
			if a.Header.Get("some-auth-token") != "" {
				t.Error("a token was sent")
			}
		}
		if n := store.count(everyVerb...); n != 0 || len(room.Events()) != 0 {
			t.Errorf("the store was asked %d times, events %v", n, room.Events())
		}
	})
}
