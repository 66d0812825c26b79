package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// onEachStore runs a test over every store there is, each time a fresh one.
func onEachStore(t *testing.T, test func(t *testing.T, store cloakroom.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, memory.New()) })
	t.Run("sqlite", func(t *testing.T) {
		store, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Shutdown() })
		test(t, store)
	})
}

// world is an Auth and what tests ask about it.
type world struct {
	*authtest.Room
	t testing.TB
}

func newWorld(t testing.TB, c cloakroom.Config) *world {
	t.Helper()
	return &world{authtest.New(t, c), t}
}

// happened holds the types of all events since the last call against what a test expects: these, in this order, and
// no others.
func (w *world) happened(want ...cloakroom.EventType) {
	w.t.Helper()
	var got []cloakroom.EventType
	for _, e := range w.Events() {
		got = append(got, e.Type)
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("events %v, want %v", got, want)
	}
	w.Forget()
}

// device is a browser or a program of somebody: it keeps the token that it is given and shows it with every request.
type device struct {
	*world
	by      cloakroom.Delivery
	token   string
	address string
	trust   string // cookie of a browser that is remembered
}

func (w *world) browser() *device {
	return &device{world: w, by: cloakroom.DeliverCookie, address: "192.0.2.1:1234"}
}

func (w *world) program() *device {
	return &device{world: w, by: cloakroom.DeliverBearer, address: "192.0.2.1:1234"}
}

// holding is another device of the same kind with this token: a thief's, or the same one before it heard of a new token.
func (d *device) holding(token string) *device {
	other := *d
	other.token = token
	return &other
}

// request is what the device sends, over http to a loopback host, so that the cookie's name is "session".
func (d *device) request() *http.Request {
	r := httptest.NewRequestWithContext(d.t.Context(), http.MethodPost, "http://localhost/", nil)
	r.RemoteAddr = d.address
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	switch {
	case d.token == "":
	case d.by == cloakroom.DeliverCookie:
		r.AddCookie(&http.Cookie{Name: "session", Value: d.token})
	default:
		r.Header.Set("Authorization", "Bearer "+d.token)
	}
	if d.trust != "" {
		r.AddCookie(&http.Cookie{Name: "device", Value: d.trust})
	}
	return r
}

// keep takes over what an answer says, as the device would.
func (d *device) keep(answer *httptest.ResponseRecorder, g *cloakroom.Grant) {
	if g != nil && g.Tokens != nil {
		d.token = g.Tokens.Access.Reveal()
	}
	for _, c := range answer.Result().Cookies() {
		switch c.Name {
		case "session":
			d.token = c.Value
		case "device":
			d.trust = c.Value
		}
	}
}

// grant sends a request that may open or renew a session.
func (d *device) grant(do func(http.ResponseWriter, *http.Request) (*cloakroom.Grant, error)) (*cloakroom.Grant, error) {
	answer := httptest.NewRecorder()
	g, err := do(answer, d.request())
	if err != nil && len(answer.Result().Cookies()) > 0 {
		d.t.Errorf("error %v came with cookies %v", err, answer.Result().Cookies())
	}
	d.keep(answer, g)
	return g, err
}

func (d *device) terms() cloakroom.Terms { return cloakroom.Terms{Delivery: d.by} }

func (d *device) trySignIn(email, secret string) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.SignIn(w, r, cloakroom.SignIn{Email: email, Secret: secret, Terms: d.terms()})
	})
}

// signIn signs in to an account that room.User made.
func (d *device) signIn(email string) *cloakroom.Session {
	d.t.Helper()
	g, err := d.trySignIn(email, authtest.Secret)
	if err != nil || g.Session == nil {
		d.t.Fatalf("sign-in of %s: %+v, %v", email, g, err)
	}
	return g.Session
}

// begin opens a guest session.
func (d *device) begin() *cloakroom.Session {
	d.t.Helper()
	g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.BeginOn(w, r, d.terms())
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return g.Session
}

func (d *device) signOut(e cloakroom.Extent) error {
	answer := httptest.NewRecorder()
	err := d.SignOut(answer, d.request(), e)
	d.keep(answer, nil)
	return err
}

// session asks, with a request of its own, what the device's token opens.
func (d *device) session() (*cloakroom.Session, error) { return d.Authenticate(d.request()) }

// live is the session of a device that must have one.
func (d *device) live() *cloakroom.Session {
	d.t.Helper()
	s, err := d.session()
	if err != nil {
		d.t.Fatalf("the device's session: %v", err)
	}
	return s
}

// status is the answer to a request for a protected page.
func (d *device) status() int {
	answer := httptest.NewRecorder()
	d.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}).ServeHTTP(answer, d.request())
	return answer.Code
}

// answers checks what a protected page answers the device with.
func (d *device) answers(want int, when string) {
	d.t.Helper()
	if got := d.status(); got != want {
		d.t.Errorf("%s: a protected page answers %d, want %d", when, got, want)
	}
}

// fails holds an error against the one that was promised.
func fails(t testing.TB, err, want error, what string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// unknowable checks for the error that means 503.
func unknowable(t testing.TB, err error, what string) {
	t.Helper()
	if _, ok := errors.AsType[*cloakroom.UnavailableError](err); !ok {
		t.Errorf("%s: error %v, want an UnavailableError", what, err)
	}
}

// limited checks for the error that means 429, and returns it.
func limited(t testing.TB, err error, what string) *cloakroom.LimitError {
	t.Helper()
	l, ok := errors.AsType[*cloakroom.LimitError](err)
	if !ok {
		t.Fatalf("%s: error %v, want a LimitError", what, err)
	}
	return l
}

// done stops the test if an arrangement failed.
func done(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// atOnce calls f from n goroutines that start together, and returns how many of them got no error.
func atOnce(n int, f func(i int) error) (succeeded int) {
	var wait sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, n)
	for i := range n {
		wait.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wait.Wait()
	for _, err := range errs {
		if err == nil {
			succeeded++
		}
	}
	return succeeded
}

// fake is a method of sign-in made of a function. Its secret is its name, unless prove says otherwise.
type fake struct {
	name  string
	prove func(context.Context, cloakroom.Claim) (cloakroom.Proof, error)
}

func (f fake) Name() string { return f.name }

func (f fake) Prove(ctx context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
	if f.prove != nil {
		return f.prove(ctx, c)
	}
	if c.User == nil || len(c.Credentials) == 0 || c.Secret != f.name {
		return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
	}
	return cloakroom.Proof{}, nil
}

func (f fake) Enroll(context.Context, cloakroom.Enrolment) ([]byte, error) {
	return []byte(f.name), nil
}

// enrolled gives a user a credential of a method.
func (w *world) enrolled(user *cloakroom.User, method string) {
	w.t.Helper()
	now, err := w.Users().Get(w.t.Context(), user.ID)
	done(w.t, err)
	done(w.t, w.Store().UpdateUser(w.t.Context(), cloakroom.UserChange{
		User: *now, Credentials: []cloakroom.Credential{{UserID: user.ID, Method: method, Data: []byte("of " + method)}},
	}))
}
