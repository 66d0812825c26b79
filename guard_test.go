package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestGuards(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	ana := signedIn(t, room, secure, "")
	nobody := visiting(t, front(room), secure)

	t.Run("Protect lets the user through and refuses everybody else", func(t *testing.T) {
		ana.wants("/me", 200, "ana@example.com")
		a := nobody.wants("/me", 401, "")
		if got := a.Header.Get("WWW-Authenticate"); got != "Bearer" {
			t.Errorf("WWW-Authenticate %q", got)
		}
	})
	t.Run("Optional is the only one whose session may be nil", func(t *testing.T) {
		ana.wants("/page", 200, "ana@example.com")
		nobody.wants("/page", 200, "nobody")
	})
	t.Run("V8 a guest is refused by Protect and keeps its session", func(t *testing.T) {
		guest := visiting(t, front(room), secure)
		began := guest.get("/cart").text
		guest.wants("/me", 401, "").silent(t)
		guest.wants("/page", 200, began)
	})
	t.Run("Require puts the session in the context", func(t *testing.T) {
		inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, ok := cloakroom.FromContext(r.Context())
			fmt.Fprint(w, ok, " ")
			describe(w, s)
		})
		ana := ana.twin()
		ana.handler = room.Require()(inner)
		ana.wants("/any", 200, "true ana@example.com")
		visiting(t, ana.handler, secure).wants("/any", 401, "")
		visiting(t, inner, secure).wants("/any", 200, "false nobody")
	})
	t.Run("Authenticate writes nothing and names each error", func(t *testing.T) {
		r := httptest.NewRequest("GET", secure, nil)
		if _, err := room.Authenticate(r); !errors.Is(err, cloakroom.ErrUnauthenticated) {
			t.Errorf("no credential: %v", err)
		}
		r.Header.Set("Authorization", "Bearer junk")
		if _, err := room.Authenticate(r); !errors.Is(err, cloakroom.ErrInvalidToken) {
			t.Errorf("junk: %v", err)
		}
		r.Header.Add("Authorization", "Bearer junk")
		if _, err := room.Authenticate(r); !errors.Is(err, cloakroom.ErrAmbiguous) {
			t.Errorf("two headers: %v", err)
		}
		r = room.ByBearer(httptest.NewRequest("GET", secure, nil), room.User("bea@example.com"))
		s, err := room.Authenticate(r)
		if err != nil || s.User.Email != "bea@example.com" || !s.Current {
			t.Errorf("a good bearer: %v, %v", s, err)
		}
		if err := room.Users().Ban(t.Context(), s.User.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := room.Authenticate(r); !errors.Is(err, cloakroom.ErrBanned) {
			t.Errorf("banned: %v", err)
		}
	})
	t.Run("Enter and Visit decide as Protect and Optional do, and answer nothing", func(t *testing.T) {
		guest := visiting(t, front(room), secure)
		guest.get("/cart")
		for name, c := range map[string]struct {
			edit                func(*http.Request)
			entered             error
			visited             bool
			setCookie, wwwAuthn int
		}{
			"a user":        {with("Cookie", secureName+"="+ana.cookies[secureName]), nil, true, 0, 0},
			"a guest":       {with("Cookie", secureName+"="+guest.cookies[secureName]), cloakroom.ErrUnauthenticated, true, 0, 0},
			"nobody":        {with("X"), cloakroom.ErrUnauthenticated, false, 0, 0},
			"a dead cookie": {with("Cookie", secureName+"=junk"), cloakroom.ErrInvalidToken, false, 1, 0},
			"a dead bearer": {with("Authorization", "Bearer junk"), cloakroom.ErrInvalidToken, false, 0, 1},
		} {
			r := httptest.NewRequest("GET", secure, nil)
			c.edit(r)
			enter, visit := httptest.NewRecorder(), httptest.NewRecorder()
			entered, err := room.Enter(enter, r)
			if !errors.Is(err, c.entered) || (entered != nil) != (c.entered == nil) {
				t.Errorf("%s: Enter: %v, %v", name, entered, err)
			}
			visited, err := room.Visit(visit, r)
			if err != nil || (visited != nil) != c.visited {
				t.Errorf("%s: Visit: %v, %v", name, visited, err)
			}
			if got := len(visit.Header()["Www-Authenticate"]); got != c.wwwAuthn {
				t.Errorf("%s: %d challenges", name, got)
			}
			for _, w := range []*httptest.ResponseRecorder{enter, visit} {
				if got := len(w.Header()["Set-Cookie"]); got != c.setCookie || w.Body.Len() > 0 {
					t.Errorf("%s: %d cookies, body %q", name, got, w.Body)
				}
			}
		}
		if _, err := room.Enter(httptest.NewRecorder(), room.ByCookie(httptest.NewRequest("GET", secure, nil), room.User("dora@example.com")), cloakroom.Role("admin")); !errors.Is(err, cloakroom.ErrForbidden) {
			t.Errorf("Enter with a requirement that is not met: %v", err)
		}
	})
	t.Run("a handler's session and user are copies", func(t *testing.T) {
		h := room.Protect(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			s.User.Email, s.Methods[0], s.Level = "mallory@example.com", "forged", 9
		})
		vandal := ana.twin()
		vandal.handler = h
		vandal.get("/")
		ana.wants("/me", 200, "ana@example.com")
		r := room.ByCookie(httptest.NewRequest("GET", secure, nil), room.User("cleo@example.com"))
		if s, err := room.Authenticate(r); err != nil || s.Methods[0] == "forged" {
			t.Errorf("%v, %v", s, err)
		}
	})
	t.Run("a nil handler does not stop the program when it is mounted", func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("/nil", room.Protect(nil))
		mux.Handle("/none", room.Require()(nil))
		v := visiting(t, mux, secure)
		v.wants("/nil", 401, "")
		v.wants("/none", 401, "")
	})
	t.Run("the answer of a guard is not for caches", func(t *testing.T) {
		for _, path := range []string{"/me", "/page"} {
			h := ana.get(path).Header
			if h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Cookie, Authorization" {
				t.Errorf("%s: Cache-Control %q, Vary %q", path, h["Cache-Control"], h["Vary"])
			}
		}
	})
	t.Run("marking an answer does not spoil the next one", func(t *testing.T) {
		h := room.Protect(func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
			w.Header().Add("Vary", "Accept")
			w.Header().Add("Cache-Control", "private")
		})
		v := ana.twin()
		v.handler = h
		for range 2 {
			if got := v.get("/").Header; len(got["Vary"]) != 2 || len(got["Cache-Control"]) != 2 {
				t.Errorf("Vary %q, Cache-Control %q", got["Vary"], got["Cache-Control"])
			}
		}
	})
}

func TestOnFail(t *testing.T) {
	var got error
	var room *authtest.Room
	room = authtest.New(t, cloakroom.Config{OnFail: func(w http.ResponseWriter, r *http.Request, err error) {
		got = err
		if errors.Is(err, cloakroom.ErrUnauthenticated) {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		}
		room.Fail(w, r, err)
	}})
	v := visiting(t, front(room), secure)
	if a := v.get("/me"); a.StatusCode != 303 || a.Header.Get("Location") != "/sign-in" || !errors.Is(got, cloakroom.ErrUnauthenticated) {
		t.Errorf("%d to %q after %v", a.StatusCode, a.Header.Get("Location"), got)
	}
	v.bearer = "junk"
	v.wants("/me", 401, "")
	if !errors.Is(got, cloakroom.ErrInvalidToken) {
		t.Errorf("OnFail was told %v", got)
	}
}

// 401 means certainly dead, 503 means cannot know.
func TestStoreFails(t *testing.T) {
	for _, terms := range []string{"delivery=cookie", "delivery=bearer"} {
		room, store := watched(t, cloakroom.Config{})
		ana := signedIn(t, room, secure, terms)
		onFire := errors.New("disk on fire at /var/secret/path")
		store.hook(func(verb string) error {
			if slices.Contains(reads, verb) {
				return onFire
			}
			return nil
		})
		room.Forget()
		t.Run("S51 V65 a store that fails on reading ends no session: "+terms, func(t *testing.T) {
			for _, path := range []string{"/me", "/page", "/cart"} {
				a := ana.wants(path, 503, "")
				a.silent(t)
				if a.Header.Get("Retry-After") != "1" || a.Header.Get("WWW-Authenticate") != "" {
					t.Errorf("%s: %v", path, a.Header)
				}
				if strings.Contains(a.text, "disk") {
					t.Errorf("the cause left the process: %s", a.text)
				}
			}
			if a := ana.post("/logout"); a.StatusCode != 503 {
				t.Errorf("sign-out: %d", a.StatusCode)
			} else {
				a.silent(t)
			}
			if n := len(room.Events(cloakroom.GuestBegan, cloakroom.SessionRevoked, cloakroom.SignedOut)); n > 0 {
				t.Errorf("%d sessions began or ended", n)
			}
			for _, e := range room.Events(cloakroom.RequestFailed) {
				if !errors.Is(e.Err, onFire) || e.RequestID == "" {
					t.Errorf("event %+v", e)
				}
			}
			if n := len(room.Events(cloakroom.RequestFailed)); n != 4 {
				t.Errorf("%d events request_failed, want 4", n)
			}
			store.down()
			ana.wants("/me", 200, "ana@example.com")
		})
	}
	for _, verbs := range [][]string{{"Open"}, writes} {
		t.Run(fmt.Sprintf("S52 a store that fails on %d verbs of writing lets no token out", len(verbs)), func(t *testing.T) {
			room, store := watched(t, cloakroom.Config{Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"}})
			v := visiting(t, front(room), secure)
			room.User("ana@example.com")
			store.down(verbs...)
			for _, path := range []string{"/cart", "/login?email=ana@example.com", "/login?email=ana@example.com&delivery=bearer"} {
				a := v.post(path)
				a.silent(t)
				if a.StatusCode != 503 || a.Header.Get("Some-Auth-Token") != "" || strings.Contains(a.text, "crs_") {
					t.Errorf("%s: %d %v %s", path, a.StatusCode, a.Header, a.text)
				}
			}
			if n := len(room.Events(cloakroom.GuestBegan, cloakroom.SignedIn)); n > 0 {
				t.Errorf("%d sessions are said to have begun", n)
			}
		})
	}
}

func TestHandlerPanics(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	cart := cloakroom.NewKey[[]string]("cart")
	v := visiting(t, room.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
		s, err := room.Begin(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		items, err := cart.Update(r.Context(), s, func(items []string) ([]string, error) {
			items = append(items, r.URL.Path)
			if r.URL.Path == "/boom" {
				panic("boom")
			}
			return items, nil
		})
		fmt.Fprint(w, items, err)
	}), secure)
	v.wants("/apple", 200, "[/apple] <nil>")
	t.Run("S54 a change that panics is not committed, and the session goes on", func(t *testing.T) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			v.get("/boom")
		}()
		v.wants("/pear", 200, "[/apple /pear] <nil>")
	})
}

// A session is durable before the first byte of the answer leaves: another request that has the cookie sees it.
func TestDurableBeforeTheAnswer(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	room.User("ana@example.com")
	app := front(room)
	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := room.SignIn(w, r, cloakroom.SignIn{Email: "ana@example.com", Secret: authtest.Secret}); err != nil {
			t.Error(err)
		}
		http.Redirect(w, r, "/me", http.StatusSeeOther)
	})
	t.Run("S47 sign-in, then redirect", func(t *testing.T) {
		w := &eager{ResponseRecorder: httptest.NewRecorder()}
		w.before = func() {
			other := visiting(t, app, secure)
			for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
				other.cookies[c.Name] = c.Value
			}
			other.wants("/me", 200, "ana@example.com")
		}
		login.ServeHTTP(w, httptest.NewRequest("POST", secure+"/login", nil))
		if w.Code != 303 || !w.written {
			t.Errorf("status %d, headers written: %v", w.Code, w.written)
		}
	})
}

// eager calls before at the moment headers are written.
type eager struct {
	*httptest.ResponseRecorder
	before  func()
	written bool
}

func (e *eager) WriteHeader(status int) {
	e.written = true
	e.before()
	e.ResponseRecorder.WriteHeader(status)
}
