package authtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Secret is the password of every user that Room.User makes.
const Secret = "correct horse battery staple"

// Room is an Auth with everything a test needs around it.
type Room struct {
	*cloakroom.Auth
	Clock *Clock

	tb     testing.TB
	store  cloakroom.Store
	mu     sync.Mutex
	events []cloakroom.Event
}

// New makes a Room from c, in which empty fields get what tests need: a Store in memory, Password as the only Method,
// and a Clock that shows the present. Config.OnEvent is called as well as recorded. The Auth is closed with the test.
func New(tb testing.TB, c cloakroom.Config) *Room {
	tb.Helper()
	room := &Room{tb: tb, Clock: NewClock(time.Now().UTC().Truncate(time.Second))}
	if c.Store == nil {
		c.Store = memory.New()
	}
	if c.Methods == nil {
		c.Methods = []cloakroom.Method{Password(tb)}
	}
	if c.Now == nil {
		c.Now = room.Clock.Now
	}
	c.OnEvent = room.record(c.OnEvent)
	auth, err := cloakroom.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = auth.Close(context.Background()) })
	room.Auth, room.store = auth, c.Store
	return room
}

// Store is where the room keeps everything.
func (m *Room) Store() cloakroom.Store { return m.store }

// User makes a user with this e-mail, verified, who holds these roles and has the password Secret.
func (m *Room) User(email string, roles ...string) *cloakroom.User {
	m.tb.Helper()
	user, err := m.Users().Create(context.Background(), cloakroom.NewUser{
		Email: email, EmailVerified: true, Name: "Test user", Roles: roles, Secret: Secret,
	})
	if err != nil {
		m.tb.Fatal(err)
	}
	return user
}

// ByCookie opens a session for the user and puts its cookie on the request, which it returns. The cookie is good for
// requests of the same scheme and host.
func (m *Room) ByCookie(r *http.Request, user *cloakroom.User) *http.Request {
	m.tb.Helper()
	answer := httptest.NewRecorder()
	m.admit(answer, r, user, cloakroom.DeliverCookie)
	for _, c := range answer.Result().Cookies() {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// ByBearer opens a session for the user and puts its token on the request, which it returns.
func (m *Room) ByBearer(r *http.Request, user *cloakroom.User) *http.Request {
	m.tb.Helper()
	grant := m.admit(httptest.NewRecorder(), r, user, cloakroom.DeliverBearer)
	r.Header.Set("Authorization", "Bearer "+grant.Tokens.Access.Reveal())
	return r
}

// admit opens a session as if the user had given two factors just now.
func (m *Room) admit(w http.ResponseWriter, r *http.Request, user *cloakroom.User, by cloakroom.Delivery) *cloakroom.Grant {
	m.tb.Helper()
	bare := httptest.NewRequest(http.MethodGet, "/", nil)
	bare.Host, bare.TLS, bare.RemoteAddr = r.Host, r.TLS, r.RemoteAddr
	grant, err := m.Admit(w, bare, user.ID, cloakroom.Admission{Method: "test", Factors: 2, Terms: cloakroom.Terms{Delivery: by}})
	if err != nil {
		m.tb.Fatal(err)
	}
	return grant
}

func (m *Room) record(next func(context.Context, cloakroom.Event)) func(context.Context, cloakroom.Event) {
	return func(ctx context.Context, e cloakroom.Event) {
		m.mu.Lock()
		m.events = append(m.events, e)
		m.mu.Unlock()
		if next != nil {
			next(ctx, e)
		}
	}
}

// Events returns what has happened of these types, or of all types if none is given, in order.
func (m *Room) Events(types ...cloakroom.EventType) []cloakroom.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.events), func(e cloakroom.Event) bool {
		return len(types) > 0 && !slices.Contains(types, e.Type)
	})
}

// Forget drops the recorded events.
func (m *Room) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = nil
}
