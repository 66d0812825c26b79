package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

func TestCrossSite(t *testing.T) {
	w := open(t, mailing)
	w.user("ana@example.com")
	credentials := `{"email":"ana@example.com","password":"` + password + `"}`
	victim := w.client()
	victim.login("ana@example.com", "")
	other := w.client()
	other.login("ana@example.com", "")

	attacks := map[string]func(*client) *client{
		"S221 Sec-Fetch-Site cross-site": func(c *client) *client { return c.with("Sec-Fetch-Site", "cross-site") },
		"S221 Sec-Fetch-Site same-site":  func(c *client) *client { return c.with("Sec-Fetch-Site", "same-site") },
		"S222 foreign Origin":            func(c *client) *client { return c.with("Origin", "https://evil.example") },
		"S222 null Origin":               func(c *client) *client { return c.with("Origin", "null") },
	}
	for name, from := range attacks {
		t.Run(name+" with a cookie", func(t *testing.T) {
			for _, line := range table {
				if line.CSRF == "safe" || line.CSRF == "client" || line.CSRF == "media" || strings.HasPrefix(line.Path, "/admin/") {
					continue
				}
				body := bodyOf(line, "ana@example.com", "x")
				path := strings.Replace(line.URL, "{id}", other.get("/auth/session").at("session", "id").(string), 1)
				a := from(victim).do(line.Method, path, body).fails(403, "cross_origin")
				if a.cookie() != "" {
					t.Errorf("%s %s: cookie %q", line.Method, path, a.cookie())
				}
			}
			if !victim.signedIn() || !other.signedIn() {
				t.Error("a session was ended")
			}
		})
		t.Run("S227 V120 "+name+" with nothing, on what opens a session", func(t *testing.T) {
			asked, begun := w.asked.Load(), w.told(cloakroom.GuestBegan)
			for _, path := range []string{"/auth/login", "/auth/signup", "/auth/anonymous"} {
				from(w.client()).post(path, credentials).fails(403, "cross_origin")
			}
			if w.asked.Load() != asked || w.told(cloakroom.GuestBegan) != begun {
				t.Error("something was done")
			}
		})
		t.Run("S224 "+name+" with a bearer", func(t *testing.T) {
			app := w.client().bearing("ana@example.com")
			from(app).post("/auth/logout", "").is(204)
			if app.signedIn() {
				t.Error("the log-out had no effect")
			}
		})
	}
	t.Run("S223 without any of the headers, as programs are, it takes a JSON body", func(t *testing.T) {
		w.client().post("/auth/login", credentials).is(200)
	})
	t.Run("S99 S223 V120 forms and text are no JSON", func(t *testing.T) {
		asked := w.asked.Load()
		for _, media := range []string{
			"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "", "application/jsonp",
			"text/plain; application/json", "application/json, text/plain", "application/json; charset=latin1", "application/json; =",
		} {
			for _, path := range []string{"/auth/login", "/auth/signup", "/auth/anonymous", "/auth/logout", "/auth/refresh", "/auth/token"} {
				r, err := http.NewRequest("POST", w.url+path, strings.NewReader(credentials))
				if err != nil {
					t.Fatal(err)
				}
				if media != "" {
					r.Header.Set("Content-Type", media)
				}
				if a := victim.again().send(r).fails(415, "unsupported_media_type"); a.cookie() != "" {
					t.Errorf("%s as %q: cookie %q", path, media, a.cookie())
				}
			}
		}
		if w.asked.Load() != asked || !victim.signedIn() {
			t.Error("something was done")
		}
	})
	t.Run("JSON may have parameters", func(t *testing.T) {
		for _, media := range []string{"application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"", "application/json; profile=x"} {
			r, err := http.NewRequest("POST", w.url+"/auth/login", strings.NewReader(credentials))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", media)
			w.client().send(r).is(200)
		}
	})
}

func TestCORS(t *testing.T) {
	const page = "https://shop.example.com"
	w := open(t, func(c *cloakroom.Config) { c.Origins = []string{page} })
	w.user("ana@example.com")
	preflight := func(origin string) answer {
		return w.client().with("Origin", origin).with("Access-Control-Request-Method", "POST").do("OPTIONS", "/auth/login", "")
	}
	t.Run("S85 a listed origin", func(t *testing.T) {
		c := w.client().with("Origin", page).with("Sec-Fetch-Site", "cross-site")
		for _, a := range []answer{preflight(page).is(204), c.login("ana@example.com", ""), c.get("/auth/me").is(200), c.get("/auth/nowhere").is(404)} {
			if a.header.Get("Access-Control-Allow-Origin") != page || a.header.Get("Access-Control-Allow-Credentials") != "true" ||
				!slices.Contains(a.header.Values("Vary"), "Origin") {
				t.Errorf("headers %v", a.header)
			}
		}
		c.do("DELETE", "/auth/sessions", "").is(204)
	})
	t.Run("a listed origin can read what an answer says beside its body", func(t *testing.T) {
		for _, a := range []answer{w.client().with("Origin", page).get("/auth/session").is(200), w.client().with("Origin", page).get("/auth/me").is(401)} {
			for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate", "X-Request-Id"} {
				if !exposes(a, name) {
					t.Errorf("%s is not in %q", name, a.header.Values("Access-Control-Expose-Headers"))
				}
			}
		}
		if a := w.client().with("Origin", "https://evil.example").get("/auth/session").is(200); a.header.Get("Access-Control-Expose-Headers") != "" {
			t.Errorf("another origin: %q", a.header.Values("Access-Control-Expose-Headers"))
		}
	})
	t.Run("S86 V121 any other origin", func(t *testing.T) {
		for _, origin := range []string{"https://evil.example", "http://shop.example.com", "https://shop.example.com.evil.example", "https://shop.example.com:8443", "null"} {
			for name := range preflight(origin).header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s gets %s", origin, name)
				}
			}
		}
	})
	t.Run("S77 S86 the header of a bearer is exposed, but not by the preflight of another origin", func(t *testing.T) {
		w := open(t, func(c *cloakroom.Config) {
			c.Origins, c.Bearer.ResponseHeader = []string{page}, "some-auth-token"
		})
		if a := w.client().with("Origin", page).get("/auth/session").is(200); !exposes(a, "Some-Auth-Token") {
			t.Errorf("exposed %q", a.header.Values("Access-Control-Expose-Headers"))
		}
		foreign := w.client().with("Origin", "https://evil.example").with("Access-Control-Request-Method", "POST")
		for name := range foreign.do("OPTIONS", "/auth/login", "").is(204).header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("another origin gets %s", name)
			}
		}
	})
}

// exposes reports whether scripts of the asking origin may read this header of the answer. Names know no case.
func exposes(a answer, name string) bool {
	for listed := range strings.SplitSeq(strings.Join(a.header.Values("Access-Control-Expose-Headers"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(listed), name) {
			return true
		}
	}
	return false
}
