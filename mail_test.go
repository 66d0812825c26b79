package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// postal is a world with mail.
type postal struct {
	*world
	box *authtest.Outbox
}

func newPostal(t testing.TB, c cloakroom.Config) *postal {
	t.Helper()
	box := &authtest.Outbox{}
	if c.Mailer == nil {
		c.Mailer = box
	}
	c.BaseURL = "http://localhost"
	return &postal{newWorld(t, c), box}
}

// realms gives each world on one store a realm of its own.
var realms atomic.Int64

func onRealm(store cloakroom.Store, c cloakroom.Config) cloakroom.Config {
	c.Store, c.Realm = store, fmt.Sprint("r", realms.Add(1))
	return c
}

// token waits for a letter and returns the token of its link.
func (p *postal) token(to, letter string) string {
	p.t.Helper()
	return tokenOf(p.t, p.box.WaitFor(p.t, to, letter))
}

func tokenOf(t testing.TB, m cloakroom.Mail) string {
	t.Helper()
	u, err := url.Parse(authtest.Link(m))
	done(t, err)
	token := u.Query().Get("token")
	if token == "" {
		t.Fatalf("no token in %s", m.Text)
	}
	return token
}

var sentinels atomic.Int64

// delivered waits until the postman is done with everything that was ordered until now. A first sentinel may overtake what is sent beside it;
// the second is in a later batch.
func (p *postal) delivered() {
	p.t.Helper()
	for range 2 {
		last := p.User(fmt.Sprintf("sentinel%d@example.com", sentinels.Add(1)))
		done(p.t, p.ForgotPassword(p.from("203.0.113.99").request(), last.Email))
		p.box.WaitFor(p.t, last.Email, "reset_password")
	}
}

// mailsTo are the letters that went to an address, once everything was delivered.
func (p *postal) mailsTo(to string) (letters []string) {
	p.t.Helper()
	p.delivered()
	for _, m := range p.box.Sent() {
		if m.To == to {
			letters = append(letters, m.Letter)
		}
	}
	return letters
}

// gets holds what went to an address against what should.
func (p *postal) gets(to string, want ...string) {
	p.t.Helper()
	if got := p.mailsTo(to); !slices.Equal(got, want) {
		p.t.Errorf("%s got %v, want %v", to, got, want)
	}
}

// unverified makes a user with the password authtest.Secret whose e-mail is not proven.
func (p *postal) unverified(email string) *cloakroom.User {
	p.t.Helper()
	user, err := p.Users().Create(p.t.Context(), cloakroom.NewUser{Email: email, Name: "Test user", Secret: authtest.Secret})
	done(p.t, err)
	return user
}

// user reads a user again.
func (w *world) user(id string) *cloakroom.User {
	w.t.Helper()
	user, err := w.Users().Get(w.t.Context(), id)
	done(w.t, err)
	return user
}

func (d *device) verify(in cloakroom.EmailProof) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.VerifyEmail(w, r, in) })
}

func (d *device) confirm(token string) (*cloakroom.Grant, error) {
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.ConfirmEmailChange(w, r, cloakroom.EmailConfirmation{Token: token, Secret: authtest.Secret})
	})
}

// askCode asks for a sign-in by mail.
func (d *device) askCode(email string) *cloakroom.Challenge {
	d.t.Helper()
	c, err := d.SendCode(httptest.NewRecorder(), d.request(), cloakroom.CodeRequest{Email: email, Terms: d.terms()})
	done(d.t, err)
	return c
}

func (d *device) openCode(in cloakroom.CodeAnswer) (g *cloakroom.Grant, state *cloakroom.CodeState, err error) {
	g, err = d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		var g *cloakroom.Grant
		var err error
		g, state, err = d.OpenCode(w, r, in)
		return g, err
	})
	return g, state, err
}

// typeCode types a code into the browser that asked for it.
func (d *device) typeCode(c *cloakroom.Challenge, code string) (*cloakroom.Grant, error) {
	g, _, err := d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Code: code})
	return g, err
}

// elsewhere is a device of another kind, in another part of the net.
func (p *postal) elsewhere() *device {
	d := p.browser()
	d.address = "198.51.100.7:4321"
	return d
}

// admitted is a browser with a fresh session of two factors, and a request of it.
func (p *postal) admitted(email string) (*cloakroom.Session, *http.Request, *device) {
	p.t.Helper()
	user, err := p.Users().ByEmail(p.t.Context(), email)
	done(p.t, err)
	d := p.browser()
	done(p.t, second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.Admit(w, r, user.ID, cloakroom.Admission{Method: "test", Factors: 2, Terms: d.terms()})
	})))
	return d.live(), d.request(), d
}

// holdUp is a Mailer that can be held up.
type holdUp struct {
	box  *authtest.Outbox
	mu   sync.Mutex
	gate chan struct{} // nil: open
	in   chan struct{} // closed when somebody waits at the gate
}

func (m *holdUp) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate, m.in = make(chan struct{}), make(chan struct{})
}

func (m *holdUp) goOn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.gate)
	m.gate = nil
}

// reached waits until a mail is held up.
func (m *holdUp) reached(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	in := m.in
	m.mu.Unlock()
	select {
	case <-in:
	case <-time.After(10 * time.Second):
		t.Fatal("no mail came")
	}
}

func (m *holdUp) Send(ctx context.Context, mail cloakroom.Mail) error {
	m.mu.Lock()
	gate, in := m.gate, m.in
	m.mu.Unlock()
	if gate != nil {
		close(in)
		<-gate
	}
	return m.box.Send(ctx, mail)
}

// undelivered is a store whose parcels nobody gets.
type undelivered struct{ cloakroom.Store }

func (s undelivered) ClaimParcels(context.Context, cloakroom.ParcelQuery) ([]cloakroom.Parcel, error) {
	return nil, nil
}

func (s undelivered) Secrets(ctx context.Context) ([]cloakroom.Secret, error) {
	return s.Store.(cloakroom.SecretKeeper).Secrets(ctx)
}
