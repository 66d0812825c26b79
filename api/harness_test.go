package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/internal/requestid"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// plain is a method of sign-in that keeps its secret as it is and counts how often it is asked: a real one would hash
// as often.
type plain struct{ asked *atomic.Int64 }

var _ cloakroom.Enroller = plain{}

func (plain) Name() string { return "password" }

func (p plain) Prove(_ context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	p.asked.Add(1)
	if c.User == nil || len(c.Credentials) == 0 || string(c.Credentials[0].Data) != c.Secret {
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	return cloakroom.Proof{}, nil
}

func (p plain) Enroll(_ context.Context, e cloakroom.Enrolment) ([]byte, error) {
	p.asked.Add(1)
	if len(e.Secret) < 8 {
		return nil, cloakroom.FieldErrors{{Field: "password", Code: "too_short", Message: "must have 8 bytes or more"}}
	}
	return []byte(e.Secret), nil
}

// second is a second factor.
type second struct{ plain }

func (second) Name() string { return "totp" }

// world is a program that serves the API, and what can be seen of its inside.
type world struct {
	t     testing.TB
	auth  *cloakroom.Auth
	api   *api.API
	store *watched
	asked atomic.Int64
	url   string

	mu     sync.Mutex
	now    time.Time
	events []cloakroom.Event
	met    met
}

// fixedRequest names every request alike, so that answers can be compared byte by byte.
const fixedRequest = "X-Test-Request-Id"

// open starts a world. change may edit its Config.
func open(t testing.TB, change ...func(*cloakroom.Config)) *world {
	t.Helper()
	return openOn(t, memory.New(), change...)
}

// onEachStore runs a test in a world on each kind of store.
func onEachStore(t *testing.T, test func(t *testing.T, w *world), change ...func(*cloakroom.Config)) {
	t.Run("memory", func(t *testing.T) { test(t, open(t, change...)) })
	t.Run("sqlite", func(t *testing.T) {
		store, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Shutdown() })
		test(t, openOn(t, store, change...))
	})
}

func openOn(t testing.TB, store backend, change ...func(*cloakroom.Config)) *world {
	t.Helper()
	w := &world{t: t, store: &watched{backend: store}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), met: met{}}
	config := cloakroom.Config{
		Store: w.store, Methods: []cloakroom.Method{plain{&w.asked}},
		Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		},
		OnEvent: func(_ context.Context, e cloakroom.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	}
	for _, c := range change {
		c(&config)
	}
	auth, err := cloakroom.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.auth, w.api = auth, &api.API{Auth: auth, Admin: true}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/", func(rw http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(fixedRequest); id != "" {
			r = r.WithContext(requestid.With(r.Context(), id))
		}
		w.api.ServeHTTP(rw, r)
	})
	mux.HandleFunc("/.well-known/", func(rw http.ResponseWriter, r *http.Request) { w.api.ServeHTTP(rw, r) })
	mux.Handle("POST /renew", auth.Protect(func(rw http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		if _, err := auth.Renew(rw, r, s); err != nil {
			auth.Fail(rw, r, err)
		}
	}))
	mux.Handle("POST /act", auth.Protect(func(rw http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		var in struct{ User string }
		err := json.NewDecoder(r.Body).Decode(&in)
		if err == nil {
			_, err = auth.Impersonate(rw, r, s, cloakroom.Impersonation{UserID: in.User, Reason: "a test"})
		}
		if err != nil {
			auth.Fail(rw, r, err)
		}
	}))
	server := httptest.NewServer(mux)
	w.url = server.URL
	t.Cleanup(func() {
		server.Close()
		if err := auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// told counts the events of a type.
func (w *world) told(kind cloakroom.EventType) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// user makes an account and returns its id.
func (w *world) user(email string, roles ...string) string {
	w.t.Helper()
	u, err := w.auth.Users().Create(context.Background(), cloakroom.NewUser{Email: email, Name: "Ana", Secret: password, Roles: roles})
	if err != nil {
		w.t.Fatal(err)
	}
	return u.ID
}

// enrolSecond gives a user a credential of the method second.
func (w *world) enrolSecond(email string) {
	w.t.Helper()
	u, err := w.auth.Users().ByEmail(context.Background(), email)
	if err != nil {
		w.t.Fatal(err)
	}
	totp := cloakroom.Credential{UserID: u.ID, Method: "totp", Data: []byte("123456")}
	if err := w.store.UpdateUser(context.Background(), cloakroom.UserChange{User: *u, Credentials: []cloakroom.Credential{totp}}); err != nil {
		w.t.Fatal(err)
	}
}

const password = "correct horse battery"

// client is a browser or an app: it keeps cookies, and sends a bearer token if it has one.
type client struct {
	w       *world
	cookies map[string]string
	bearer  string
	refresh string // its refresh token, in bearer delivery
	headers http.Header
}

func (w *world) client() *client {
	return &client{w: w, cookies: map[string]string{}, headers: http.Header{}}
}

// with returns a copy that sends one more header.
func (c *client) with(name, value string) *client {
	other := &client{w: c.w, cookies: map[string]string{}, bearer: c.bearer, refresh: c.refresh, headers: c.headers.Clone()}
	for k, v := range c.cookies {
		other.cookies[k] = v
	}
	other.headers.Add(name, value)
	return other
}

// again is a client that holds the same tokens, now.
func (c *client) again() *client {
	other := c.with("X-Nothing", "")
	other.headers.Del("X-Nothing")
	return other
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	text   string
}

// do sends a request. body is JSON text; "" sends none.
func (c *client) do(method, path, body string) answer {
	c.w.t.Helper()
	return c.doAs("application/json", method, path, body)
}

// doAs is do for a body of another media type.
func (c *client) doAs(media, method, path, body string) answer {
	c.w.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, c.w.url+path, in)
	if err != nil {
		c.w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", media)
	}
	return c.send(r)
}

func (c *client) send(r *http.Request) answer {
	c.w.t.Helper()
	for name, value := range c.cookies {
		r.Header.Add("Cookie", name+"="+value)
	}
	if c.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for name, values := range c.headers {
		r.Header[name] = values
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	// Not a http.Client: it would follow, refuse and normalise.
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		c.w.t.Fatal(err)
	}
	for _, k := range res.Cookies() {
		if c.cookies[k.Name] = k.Value; k.MaxAge < 0 {
			delete(c.cookies, k.Name)
		}
	}
	a := answer{c.w.t, res.StatusCode, res.Header, text.String()}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.met.hold(a, r.Method, r.URL.Path)
	return a
}

func (c *client) get(path string) answer        { c.w.t.Helper(); return c.do("GET", path, "") }
func (c *client) post(path, body string) answer { c.w.t.Helper(); return c.do("POST", path, body) }

// login signs in and fails the test if that does not succeed. extra is more JSON members, with a leading comma.
func (c *client) login(email, extra string) answer {
	c.w.t.Helper()
	return c.post("/auth/login", `{"email":"`+email+`","password":"`+password+`"`+extra+`}`).is(200)
}

// bearing signs in and keeps the token.
func (c *client) bearing(email string) *client {
	c.w.t.Helper()
	c.bearer = c.login(email, `,"delivery":"bearer"`).at("tokens", "access_token").(string)
	return c
}

// signedIn asks, in a request of its own, whether this client is somebody.
func (c *client) signedIn() bool {
	c.w.t.Helper()
	a := c.get("/auth/me")
	if a.status != 200 && a.status != 401 {
		c.w.t.Errorf("GET me: %d %s", a.status, a.text)
	}
	return a.status == 200
}

// is asserts the status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d; body: %s", a.status, status, a.text)
	}
	return a
}

// fails asserts a problem document of this status and code.
func (a answer) fails(status int, code string) answer {
	a.t.Helper()
	a.is(status)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("Content-Type %q of an error", got)
	}
	if got := a.at("code"); got != code {
		a.t.Errorf("code %v, want %s; body: %s", got, code, a.text)
	}
	if got := a.at("status"); got != float64(status) {
		a.t.Errorf("status in the document %v, want %d", got, status)
	}
	return a
}

// blames asserts a 422 that names this field with this code.
func (a answer) blames(field, code string) answer {
	a.t.Helper()
	a.fails(422, "validation_failed")
	all, _ := a.at("errors").([]any)
	if !slices.ContainsFunc(all, func(e any) bool {
		m := e.(map[string]any)
		return m["field"] == field && m["code"] == code && m["message"] != ""
	}) {
		a.t.Errorf("errors %v, want %s of %s", all, code, field)
	}
	return a
}

// at digs in the JSON body; nil when there is nothing there.
func (a answer) at(path ...any) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(a.text), &v); err != nil {
		a.t.Fatalf("body is not JSON: %v: %q", err, a.text)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// cookie is the one Set-Cookie line of the answer, or "".
func (a answer) cookie() string {
	a.t.Helper()
	lines := a.header["Set-Cookie"]
	if len(lines) > 1 {
		a.t.Errorf("%d Set-Cookie lines: %q", len(lines), lines)
	}
	if len(lines) == 0 {
		return ""
	}
	return lines[0]
}

// private asserts that no cache keeps the answer.
func (a answer) private() answer {
	a.t.Helper()
	if got := a.header["Cache-Control"]; len(got) != 1 || got[0] != "no-store" {
		a.t.Errorf("Cache-Control %q, want no-store", got)
	}
	if got := a.header.Values("Vary"); !slices.Contains(got, "Cookie, Authorization") {
		a.t.Errorf("Vary %q, want Cookie, Authorization", got)
	}
	if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
		a.t.Errorf("X-Content-Type-Options %q", got)
	}
	return a
}

// record serves one request without a network.
func record(h http.Handler, method, path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec
}

// code is the code of a problem, or "".
func (a answer) code() string {
	if a.header.Get("Content-Type") != "application/problem+json" {
		return ""
	}
	code, _ := a.at("code").(string)
	return code
}
