package verify_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// desk is a service behind a Verifier.
type desk struct {
	*issuer
	v    *verify.Verifier
	now  time.Time
	need []verify.Requirement
}

func newDesk(t *testing.T, change func(*verify.Verifier)) *desk {
	i := newIssuer()
	return &desk{issuer: i, now: time.Now(), v: i.verifier(t, change)}
}

// get is a GET of the desk with headers in pairs.
func (d *desk) get(headers ...string) *http.Response { return d.do("GET", headers...) }

func (d *desk) do(method string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "https://orders.example.com/orders", nil)
	for n := 0; n < len(headers); n += 2 {
		r.Header.Add(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	d.v.Require(d.need...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := verify.FromContext(r.Context())
		_, _ = fmt.Fprint(w, ok, " ", c.Subject)
	})).ServeHTTP(w, r)
	return w.Result()
}

func (d *desk) wants(t *testing.T, a *http.Response, status int, code, challenge string) {
	t.Helper()
	var problem struct {
		Code   string
		Status int
	}
	if status != 200 {
		if err := json.NewDecoder(a.Body).Decode(&problem); err != nil || a.Header.Get("Content-Type") != "application/problem+json" || problem.Status != status {
			t.Errorf("not a problem document: %v %v", err, a.Header)
		}
	}
	if a.StatusCode != status || problem.Code != code || a.Header.Get("WWW-Authenticate") != challenge {
		t.Errorf("%d %q %q, not %d %q %q", a.StatusCode, problem.Code, a.Header.Get("WWW-Authenticate"), status, code, challenge)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Vary") != "Cookie, Authorization" || len(a.Header["Set-Cookie"]) > 0 {
		t.Errorf("%v", a.Header)
	}
	if got := a.Header.Get("Retry-After") != ""; got != (status == 503) {
		t.Errorf("Retry-After: %v", got)
	}
}

const (
	none    = `Bearer`
	invalid = `Bearer error="invalid_token"`
)

func TestMiddleware(t *testing.T) {
	withCookie := func(v *verify.Verifier) { v.Cookie = "access" }
	bubble(t, "bearer only", func(t *testing.T) {
		d := newDesk(t, nil)
		good := d.token(d.now, nil)
		d.wants(t, d.get(), 401, "unauthenticated", none)
		d.wants(t, d.get("Authorization", "Bearer "+good), 200, "", "")
		d.wants(t, d.get("Authorization", "bEARER \t"+good+" "), 200, "", "")
		d.wants(t, d.get("Authorization", "Bearer "+flip(good)), 401, "invalid_token", invalid)
		d.wants(t, d.get("Authorization", "Bearer"), 401, "invalid_token", invalid)
		d.wants(t, d.get("Authorization", "Bearer "), 401, "invalid_token", invalid)
		d.wants(t, d.get("Authorization", "Bearer "+good+" "+good), 401, "invalid_token", invalid)
		d.wants(t, d.get("Authorization", "Bearer "+good+", Bearer "+good), 401, "invalid_token", invalid)
		d.wants(t, d.get("Authorization", "Bearer:"+good), 401, "unauthenticated", none)
		d.wants(t, d.get("Authorization", good), 401, "unauthenticated", none)
		d.wants(t, d.get("Authorization", "Basic YTpi"), 401, "unauthenticated", none)
		d.wants(t, d.get("Authorization", "Bearer "+good, "Authorization", "Bearer "+good), 400, "ambiguous_credentials", "")
		d.wants(t, d.get("Authorization", "Basic YTpi", "Authorization", "Bearer "+good), 400, "ambiguous_credentials", "")
		d.wants(t, d.get("Cookie", "access="+good), 401, "unauthenticated", none)
	})
	bubble(t, "S178 the bearer wins, good or bad", func(t *testing.T) {
		d := newDesk(t, withCookie)
		good, other := d.token(d.now, nil), d.token(d.now, object{"sub": "usr_bob"})
		d.wants(t, d.get("Cookie", "access="+good), 200, "", "")
		a := d.get("Cookie", "access="+good, "Authorization", "Bearer "+other)
		if body, _ := io.ReadAll(a.Body); string(body) != "true usr_bob" {
			t.Errorf("%q", body)
		}
		d.wants(t, d.get("Cookie", "access="+good, "Authorization", "Bearer "+flip(other)), 401, "invalid_token", invalid)
		d.wants(t, d.get("Cookie", "access="+good, "Authorization", "Bearer"), 401, "invalid_token", invalid)
		d.wants(t, d.get("Cookie", "access="+flip(good), "Authorization", "Bearer "+other), 200, "", "")
		d.wants(t, d.get("Cookie", "access="+good, "Authorization", "Basic YTpi"), 200, "", "")
		d.wants(t, d.do("POST", "Sec-Fetch-Site", "cross-site", "Authorization", "Bearer "+other), 200, "", "")
	})
	bubble(t, "cookies", func(t *testing.T) {
		d := newDesk(t, withCookie)
		good, other := d.token(d.now, nil), d.token(d.now, object{"sub": "usr_bob"})
		d.wants(t, d.get("Cookie", "Access="+good), 401, "unauthenticated", none)
		d.wants(t, d.get("Cookie", "access=junk"), 401, "invalid_token", invalid)
		d.wants(t, d.get("Cookie", "access=junk; access="+good+"; access="+flip(other)), 200, "", "")
		d.wants(t, d.get("Cookie", "access="+good+"; access="+good), 200, "", "")
		d.wants(t, d.get("Cookie", "access="+good+"; access="+other), 401, "invalid_token", invalid)
		d.wants(t, d.get("Cookie", "access="+strings.Repeat("junk; access=", 200)+good), 200, "", "")
	})
	bubble(t, "a cookie is held to the CSRF rule", func(t *testing.T) {
		d := newDesk(t, func(v *verify.Verifier) { withCookie(v); v.Origins = []string{"https://shop.example.com"} })
		cookie := "access=" + d.token(d.now, nil)
		d.wants(t, d.do("POST", "Cookie", cookie, "Sec-Fetch-Site", "same-origin"), 200, "", "")
		d.wants(t, d.do("POST", "Cookie", cookie, "Sec-Fetch-Site", "cross-site"), 403, "cross_origin", "")
		d.wants(t, d.do("POST", "Cookie", cookie, "Origin", "https://evil.example.com"), 403, "cross_origin", "")
		d.wants(t, d.do("POST", "Cookie", cookie, "Sec-Fetch-Site", "same-site", "Origin", "https://shop.example.com"), 200, "", "")
		d.wants(t, d.do("POST", "Cookie", cookie, "Origin", "https://shop.example.com", "Origin", "https://evil.example.com"), 403, "cross_origin", "")
		d.wants(t, d.get("Cookie", cookie, "Sec-Fetch-Site", "cross-site"), 200, "", "")
		d.wants(t, d.get("Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Upgrade", "websocket"), 403, "cross_origin", "")
	})
	bubble(t, "503 when it cannot be known", func(t *testing.T) {
		d := newDesk(t, withCookie)
		d.broken = true
		good := d.token(d.now, nil)
		d.wants(t, d.get("Authorization", "Bearer "+good), 503, "unavailable", "")
		d.wants(t, d.get("Cookie", "access="+good), 503, "unavailable", "")
		d.wants(t, d.get("Cookie", "access="+good+"; access=junk"), 503, "unavailable", "")
		d.wants(t, d.get("Authorization", "Bearer "+d.token(d.now, object{"exp": 1})), 401, "invalid_token", invalid)
	})
	bubble(t, "503 when the feed is forged: that says nothing against the token", func(t *testing.T) {
		d := newDesk(t, nil)
		d.tamper = func(header, _ object) { header["typ"] = "at+jwt" }
		d.wants(t, d.get("Authorization", "Bearer "+d.token(d.now, nil)), 503, "unavailable", "")
	})
	bubble(t, "a junk cookie of an unknown key locks nobody out while the keys are out of reach", func(t *testing.T) {
		d := newDesk(t, withCookie)
		good := d.token(d.now, nil)
		d.wants(t, d.get("Cookie", "access="+good), 200, "", "")
		d.change(func() { d.keysGone = true })
		time.Sleep(3 * time.Minute)
		d.wants(t, d.get("Cookie", "access="+newSigner("k9", "EdDSA").token(d.now, nil)+"; access="+good), 200, "", "")
	})
	bubble(t, "503 for a Verifier that lacks something", func(t *testing.T) {
		d := newDesk(t, func(v *verify.Verifier) { withCookie(v); v.Audience = "" })
		d.wants(t, d.get("Authorization", "Bearer "+d.token(d.now, nil)), 503, "unavailable", "")
		d.wants(t, d.get("Cookie", "access="+d.token(d.now, nil)), 503, "unavailable", "")
		d.wants(t, d.get(), 401, "unauthenticated", none)
	})
	bubble(t, "guests", func(t *testing.T) {
		d := newDesk(t, nil)
		guest := d.token(d.now, object{"sub": "ses_1", "auth_time": nil, "roles": nil})
		d.wants(t, d.get("Authorization", "Bearer "+guest), 401, "unauthenticated", none)
		if c, err := d.v.Verify(t.Context(), guest); err != nil || !c.Guest() {
			t.Errorf("%v", err)
		}
		d = newDesk(t, func(v *verify.Verifier) { v.AllowGuests = true })
		guest = d.token(d.now, object{"sub": "ses_1", "auth_time": nil, "roles": nil})
		d.wants(t, d.get("Authorization", "Bearer "+guest), 200, "", "")
		d.need = []verify.Requirement{verify.Role("clerk")}
		d.wants(t, d.get("Authorization", "Bearer "+guest), 403, "forbidden", `Bearer error="insufficient_scope"`)
	})
	t.Run("Vary of others stays", func(t *testing.T) {
		d := newDesk(t, nil)
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Origin")
		d.v.Middleware(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if vary := strings.Join(w.Header()["Vary"], ", "); vary != "Origin, Cookie, Authorization" {
			t.Error(vary)
		}
	})
}

func TestRequire(t *testing.T) {
	const insufficient = `Bearer error="insufficient_scope"`
	for _, c := range []struct {
		name      string
		need      []verify.Requirement
		status    int
		challenge string
	}{
		{"nothing", nil, 200, ""},
		{"a role", []verify.Requirement{verify.Role("clerk")}, 200, ""},
		{"one of two roles", []verify.Requirement{verify.Role("boss", "clerk")}, 200, ""},
		{"both of two roles", []verify.Requirement{verify.Role("boss"), verify.Role("clerk")}, 403, insufficient},
		{"a role of another case", []verify.Requirement{verify.Role("Clerk")}, 403, insufficient},
		{"no role named", []verify.Requirement{verify.Role()}, 403, insufficient},
		{"scopes", []verify.Requirement{verify.Scope("read", "write")}, 200, ""},
		{"a scope more", []verify.Requirement{verify.Scope("read", "delete")}, 403, insufficient + `, scope="read delete"`},
		{"a scope that cannot be quoted", []verify.Requirement{verify.Scope("x\"\r\nSet-Cookie: a=b")}, 403, insufficient},
		{"no scope named", []verify.Requirement{verify.Scope()}, 403, insufficient},
		{"fresh enough", []verify.Requirement{verify.MaxAge(2 * time.Minute)}, 200, ""},
		{"not fresh enough", []verify.Requirement{verify.MaxAge(time.Minute)}, 401, `Bearer error="insufficient_user_authentication", max_age=60`},
		{"the zero value", []verify.Requirement{{}}, 403, insufficient},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, nil)
				d.need = c.need
				code := map[int]string{401: "step_up_required", 403: "forbidden"}[c.status]
				d.wants(t, d.get("Authorization", "Bearer "+d.token(d.now, nil)), c.status, code, c.challenge)
				d.wants(t, d.get(), 401, "unauthenticated", none)
			})
		})
	}
}
