package cloakroom_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

const (
	secure   = "https://app.example.com"
	loopback = "http://localhost:8080"
	plain    = "http://app.example.com"

	secureName = "__Host-Http-session"
)

// front is a small app: what a guard answers is seen at /me and /page, sessions begin at /cart and /login.
func front(room *authtest.Room) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/me", room.Protect(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { describe(w, s) }))
	mux.Handle("/page", room.Optional(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { describe(w, s) }))
	mux.Handle("/cart", room.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
		s, err := room.Begin(w, r)
		if err != nil {
			room.Fail(w, r, err)
			return
		}
		describe(w, s)
	}))
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		terms := cloakroom.Terms{Delivery: cloakroom.Delivery(q.Get("delivery")), Token: cloakroom.TokenForm(q.Get("token")), Remember: q.Has("remember")}
		g, err := room.SignIn(w, r, cloakroom.SignIn{Email: q.Get("email"), Secret: authtest.Secret, Terms: terms})
		if err != nil {
			room.Fail(w, r, err)
			return
		}
		if g.Tokens != nil {
			fmt.Fprint(w, g.Tokens.Access.Reveal())
		}
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := room.SignOut(w, r, cloakroom.ThisSession); err != nil {
			room.Fail(w, r, err)
		}
	})
	return room.CORS(mux)
}

func describe(w io.Writer, s *cloakroom.Session) {
	switch {
	case s == nil:
		fmt.Fprint(w, "nobody")
	case s.Anonymous():
		fmt.Fprint(w, "guest ", s.ID)
	default:
		fmt.Fprint(w, s.User.Email)
	}
}

// visitor is a browser, or an app that keeps a bearer token.
type visitor struct {
	tb      testing.TB
	handler http.Handler
	site    string // scheme and host
	cookies map[string]string
	bearer  string
}

func visiting(tb testing.TB, h http.Handler, site string) *visitor {
	return &visitor{tb: tb, handler: h, site: site, cookies: map[string]string{}}
}

// twin is another visitor with the same credentials.
func (v *visitor) twin() *visitor {
	w := *v
	w.cookies = maps.Clone(v.cookies)
	return &w
}

// answer is a response whose body was read.
type answer struct {
	*http.Response
	text string
}

// send sends a request with the visitor's credentials and keeps the cookies it is given.
func (v *visitor) send(method, path string, edits ...func(*http.Request)) answer {
	v.tb.Helper()
	r := httptest.NewRequest(method, v.site+path, nil)
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if v.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+v.bearer)
	}
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	a := answer{w.Result(), w.Body.String()}
	for _, c := range a.Cookies() {
		if v.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return a
}

func (v *visitor) get(path string, edits ...func(*http.Request)) answer {
	v.tb.Helper()
	return v.send("GET", path, edits...)
}

func (v *visitor) post(path string, edits ...func(*http.Request)) answer {
	v.tb.Helper()
	return v.send("POST", path, edits...)
}

// wants fails unless the visitor's next GET of a path has this status and, if it is 200, this text.
func (v *visitor) wants(path string, status int, text string) answer {
	v.tb.Helper()
	a := v.get(path)
	if a.StatusCode != status || status == 200 && a.text != text {
		v.tb.Errorf("GET %s: %d %q, want %d %q", path, a.StatusCode, a.text, status, text)
	}
	return a
}

func with(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

// silent fails if the answer touches a cookie.
func (a answer) silent(tb testing.TB) {
	tb.Helper()
	if lines := a.Header["Set-Cookie"]; len(lines) > 0 {
		tb.Errorf("Set-Cookie: %q, want none", lines)
	}
}

// cookie returns the one cookie that the answer sets or clears.
func (a answer) cookie(tb testing.TB) *http.Cookie {
	tb.Helper()
	list := a.Cookies()
	if len(list) != 1 {
		tb.Fatalf("%d cookies in the answer %d, want one: %q", len(list), a.StatusCode, a.Header["Set-Cookie"])
	}
	return list[0]
}

// signedIn is a visitor of front who has just signed in as ana@example.com on these terms, written as a query.
func signedIn(tb testing.TB, room *authtest.Room, site, terms string) *visitor {
	tb.Helper()
	if _, err := room.Users().ByEmail(tb.Context(), "ana@example.com"); err != nil {
		room.User("ana@example.com")
	}
	v := visiting(tb, front(room), site)
	a := v.post("/login?email=ana@example.com&" + terms)
	if a.StatusCode != 200 {
		tb.Fatalf("sign-in: %d %s", a.StatusCode, a.text)
	}
	v.bearer = a.text
	return v
}

// watched is a room over a store that counts and fails when told.
func watched(tb testing.TB, c cloakroom.Config) (*authtest.Room, *wrapped) {
	tb.Helper()
	store := wrap(memory.New())
	c.Store = store
	return authtest.New(tb, c), store
}

// everyVerb is all that a request can ask of a store: the feed is read by the node itself.
var everyVerb = slices.DeleteFunc(slices.Concat(reads, writes), func(verb string) bool { return verb == "Revocations" })

// secret is key material that is different for each n.
func secret(n byte) cloakroom.Secret {
	s := make(cloakroom.Secret, 32)
	for i := range s {
		s[i] = n*31 + byte(i)
	}
	return s
}
