package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

const tokenHeader = "shop-auth-token"

// counting counts the sessions that are opened, and fails at it when told to.
type counting struct {
	cloakroom.Store
	cloakroom.SecretKeeper
	opened atomic.Int64
	broken atomic.Bool
}

func (c *counting) Open(ctx context.Context, o cloakroom.Opening) (cloakroom.Opened, error) {
	if c.broken.Load() {
		return cloakroom.Opened{}, io.ErrUnexpectedEOF
	}
	c.opened.Add(1)
	return c.Store.Open(ctx, o)
}

// running is a shop that serves on a port of its own.
type running struct {
	*shop
	t     *testing.T
	url   string
	store *counting

	mu     sync.Mutex
	events []cloakroom.Event
}

// start runs a shop whose settings, where the test sets none, are those of the flags' defaults.
func start(t *testing.T, s settings) *running {
	t.Helper()
	mem := memory.New()
	run := &running{t: t, store: &counting{Store: mem, SecretKeeper: mem}}
	s.store, s.onEvent = run.store, run.record
	if s.methods == nil {
		s.methods = []cloakroom.Method{authtest.Password(t)}
	}
	if s.delivery == "" {
		s.delivery = cloakroom.DeliverBearer
	}
	if s.header == "" {
		s.header = tokenHeader
	}
	if s.merge == "" {
		s.merge = "union"
	}
	var err error
	if run.shop, err = open(s); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(run.routes())
	run.url = server.URL + "/graphql"
	t.Cleanup(func() {
		server.Close()
		_ = run.auth.Close(context.Background())
	})
	return run
}

func (run *running) record(_ context.Context, e cloakroom.Event) {
	run.mu.Lock()
	defer run.mu.Unlock()
	run.events = append(run.events, e)
}

// told returns the events of a type.
func (run *running) told(kind cloakroom.EventType) []cloakroom.Event {
	run.mu.Lock()
	defer run.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(run.events), func(e cloakroom.Event) bool { return e.Type != kind })
}

// user makes an account with authtest.Secret as its password.
func (run *running) user(email string, roles ...string) *cloakroom.User {
	run.t.Helper()
	u, err := run.auth.Users().Create(context.Background(), cloakroom.NewUser{Email: email, Roles: roles, Secret: authtest.Secret})
	if err != nil {
		run.t.Fatal(err)
	}
	return u
}

// client keeps the token of the header as client.mjs does, and cookies as a browser does.
type client struct {
	t      *testing.T
	url    string
	header string
	token  string
	http   *http.Client
}

func (run *running) client() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		run.t.Fatal(err)
	}
	return &client{t: run.t, url: run.url, header: tokenHeader, http: &http.Client{Jar: jar, Timeout: time.Minute}}
}

type reply struct {
	status int
	header http.Header
	body   string
	Data   map[string]json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

// send posts a document with further headers, in pairs of name and value.
func (c *client) send(query string, header ...string) reply {
	c.t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest("POST", c.url, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Error(err) // not Fatal: it may not be the test's goroutine
		return reply{}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	a := reply{status: resp.StatusCode, header: resp.Header, body: string(text)}
	if err != nil || json.Unmarshal(text, &a) != nil {
		c.t.Errorf("%d %q, %v", resp.StatusCode, text, err)
	}
	if t := a.header.Get(c.header); t != "" {
		c.token = t
	}
	return a
}

// ask is send for what must succeed.
func (c *client) ask(query string) reply {
	c.t.Helper()
	a := c.send(query)
	if a.status != 200 || a.Errors != nil {
		c.t.Errorf("%s: %d %s", query, a.status, a.body)
	}
	return a
}

// refused is send for what must fail as a whole, with this code.
func (c *client) refused(code, query string) reply {
	c.t.Helper()
	a := c.send(query)
	if a.status != 200 || len(a.Errors) != 1 || a.Errors[0].Extensions["code"] != code {
		c.t.Errorf("%s: want %s, got %d %s", query, code, a.status, a.body)
	}
	for field, value := range a.Data {
		if string(value) != "null" {
			c.t.Errorf("%s is %s, want null", field, value)
		}
	}
	return a
}

// add puts so many of a product into the cart.
func (c *client) add(product, n int) reply {
	c.t.Helper()
	return c.ask(fmt.Sprintf(`mutation { addItem(productId: %d, quantity: %d) { total } }`, product, n))
}

// login signs in with authtest.Secret.
func (c *client) login(email string) reply {
	c.t.Helper()
	return c.ask(loginWith(email, authtest.Secret))
}

func loginWith(email, secret string) string {
	return fmt.Sprintf(`mutation { login(email: %q, password: %q) { id email } }`, email, secret)
}

// holds checks the cart: products and quantities, like "1x2 3x1".
func (c *client) holds(want string) {
	c.t.Helper()
	var shown struct {
		Lines []struct {
			Product  struct{ ID string }
			Quantity int
		}
	}
	a := c.ask(`{ cart { lines { product { id } quantity } } }`)
	if err := json.Unmarshal(a.Data["cart"], &shown); err != nil {
		c.t.Error(err)
	}
	var got []string
	for _, l := range shown.Lines {
		got = append(got, fmt.Sprintf("%sx%d", l.Product.ID, l.Quantity))
	}
	slices.Sort(got)
	if s := strings.Join(got, " "); s != want {
		c.t.Errorf("the cart holds %q, want %q", s, want)
	}
}

// begun checks how many sessions were opened so far.
func (run *running) begun(want int64) {
	run.t.Helper()
	if n := run.store.opened.Load(); n != want {
		run.t.Errorf("%d sessions were opened, want %d", n, want)
	}
}

// carries checks whether an answer brings a token, by header and by cookie.
func (a reply) carries(t *testing.T, header, cookie bool) {
	t.Helper()
	if got := a.header.Get(tokenHeader) != ""; got != header {
		t.Errorf("a token in the header: %v, want %v", got, header)
	}
	if got := len(a.header.Values("Set-Cookie")) > 0; got != cookie {
		t.Errorf("a cookie: %v, want %v", got, cookie)
	}
}
