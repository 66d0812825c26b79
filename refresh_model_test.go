package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

const modelAbsolute = 3 * time.Hour

// chainModel is what must be true of the refresh tokens of one carrier: token n+1 is what n was exchanged for, whoever
// asked and how often.
type chainModel struct {
	tokens []string    // as handed out; empty: the answer was lost
	claims []string    // of the access token that came with each
	at     []time.Time // when token n was exchanged
}

func (c *chainModel) last() int { return len(c.tokens) - 1 }

// sessionModel is a session and all tokens that it ever had.
type sessionModel struct {
	id      string
	created time.Time
	ended   bool
	chains  []*chainModel
	void    []string  // tokens from before a change of privilege
	moved   time.Time // when the last of them was
}

// refreshModel holds an Auth, and another one on its store, against what was promised of refresh tokens.
type refreshModel struct {
	w, other *world // two processes on a store that may fail
	watch    *world // a third, on the store itself
	store    *wrapped
	user     *cloakroom.User
	banned   bool
	slots    [2]*sessionModel // one with a page and an app, one with an app
	deep     bool             // look at every token after each step, not only at the newest
}

func (m *refreshModel) now() time.Time { return m.w.Clock.Now() }

func (m *refreshModel) dead(s *sessionModel) bool {
	return s.ended || !m.now().Before(s.created.Add(modelAbsolute))
}

// open puts a new session into a slot.
func (m *refreshModel) open(t *rapid.T, slot int) {
	if m.banned || m.slots[slot] != nil && !m.dead(m.slots[slot]) {
		return
	}
	by := []cloakroom.Delivery{cloakroom.DeliverBoth, cloakroom.DeliverBearer}[slot]
	answer := httptest.NewRecorder()
	g, err := m.w.Admit(answer, m.w.app().request("/"), m.user.ID, cloakroom.Admission{Method: "test", Terms: cloakroom.Terms{Delivery: by, Token: cloakroom.Signed}})
	if err != nil {
		t.Fatal(err)
	}
	s := &sessionModel{id: g.Session.ID, created: g.Session.CreatedAt}
	s.chains = append(s.chains, &chainModel{tokens: []string{g.Tokens.Refresh.Reveal()}, claims: []string{""}})
	for _, c := range answer.Result().Cookies() {
		if c.Name == refreshName && c.Path == "/auth/refresh" {
			s.chains = append(s.chains, &chainModel{tokens: []string{c.Value}, claims: []string{""}})
		}
	}
	if len(s.chains) != 2-slot || len(s.chains) == 2 && s.chains[0].tokens[0] == s.chains[1].tokens[0] {
		t.Fatalf("%d chains by %s, or one token on both", len(s.chains), by)
	}
	m.slots[slot] = s
}

// show refreshes with a token at either process, and returns the pair.
func (m *refreshModel) show(t *rapid.T, token string, cookie bool) (access, refresh string, err error) {
	w := m.w
	if rapid.Bool().Draw(t, "elsewhere") {
		w = m.other
	}
	r, body := w.app().request("/auth/refresh"), token
	if cookie {
		r.AddCookie(&http.Cookie{Name: refreshName, Value: token})
		body = ""
	}
	answer := httptest.NewRecorder()
	g, err := w.Refresh(answer, r, body)
	switch {
	case err != nil:
		return "", "", err
	case !cookie:
		return g.Tokens.Access.Reveal(), g.Tokens.Refresh.Reveal(), nil
	}
	for _, c := range answer.Result().Cookies() {
		if c.Name == secureName {
			access = c.Value
		} else {
			refresh = c.Value
		}
	}
	return access, refresh, nil
}

// refresh shows a token of some age and says what must come of it.
func (m *refreshModel) refresh(t *rapid.T) {
	s := m.draw(t)
	c := s.chains[rapid.IntRange(0, len(s.chains)-1).Draw(t, "chain")]
	n := c.last() - min(c.last(), rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 40)).Draw(t, "age"))
	if c.tokens[n] == "" {
		return // nobody has it
	}
	fault := rapid.SampledFrom([]string{"", "", "before", "after"}).Draw(t, "fault")
	m.w.Forget()
	m.other.Forget()
	switch fault {
	case "before":
		m.store.down("Rotate")
	case "after":
		m.store.lose("Rotate")
	}
	cookie := rapid.Bool().Draw(t, "by cookie")
	access, next, err := m.show(t, c.tokens[n], cookie)
	m.store.down()
	m.store.lose()

	switch {
	case m.dead(s):
		m.want(t, err, cloakroom.ErrInvalidRefresh)
	case m.banned:
		m.want(t, err, cloakroom.ErrBanned)
	case n == c.last() && fault == "before":
		m.unknown(t, err)
	case n == c.last():
		c.at = append(c.at, m.now())
		c.tokens, c.claims = append(c.tokens, next), append(c.claims, "")
		if fault == "after" {
			m.unknown(t, err)
			return
		}
		m.want(t, err, nil, cloakroom.RefreshRotated)
		c.learn(t, n+1, access, next)
	case m.now().Sub(c.at[n]) < refreshGrace && n >= c.last()-32:
		m.want(t, err, nil, cloakroom.RefreshReplayed)
		if cookie { // a browser gets the one in force, not the successor
			n = c.last() - 1
		}
		c.learn(t, n+1, access, next)
	default:
		m.want(t, err, cloakroom.ErrRefreshReused, cloakroom.RefreshReused)
		s.ended = true
	}
}

// learn holds what came with a successor against what came with it before.
func (c *chainModel) learn(t *rapid.T, n int, access, token string) {
	claims, err := payload(access)
	if err != nil {
		t.Fatal(err)
	}
	if c.tokens[n] == "" || c.claims[n] == "" {
		c.tokens[n], c.claims[n] = token, claims
	}
	if c.tokens[n] != token || c.claims[n] != claims {
		t.Fatalf("another pair: %s, at first %s", claims, c.claims[n])
	}
}

func (m *refreshModel) want(t *rapid.T, err, want error, events ...cloakroom.EventType) {
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	var got []cloakroom.EventType
	for _, e := range append(m.w.Events(), m.other.Events()...) {
		got = append(got, e.Type)
	}
	if fmt.Sprint(got) != fmt.Sprint(events) {
		t.Fatalf("events %v, want %v", got, events)
	}
}

func (m *refreshModel) unknown(t *rapid.T, err error) {
	if _, ok := errors.AsType[*cloakroom.UnavailableError](err); !ok {
		t.Fatalf("error %v, want an UnavailableError", err)
	}
}

func (m *refreshModel) draw(t *rapid.T) *sessionModel {
	return m.slots[rapid.IntRange(0, 1).Draw(t, "slot")]
}

// renew changes the tokens of a session as a change of privilege does.
func (m *refreshModel) renew(t *rapid.T) {
	s := m.draw(t)
	c := s.chains[0]
	if m.dead(s) || m.banned || c.tokens[c.last()] == "" {
		return
	}
	access, next, err := m.show(t, c.tokens[c.last()], false)
	if err != nil {
		t.Fatal(err)
	}
	h := m.w.app()
	h.access = access
	g, err := h.call("/", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		session, err := h.Authenticate(r)
		if err != nil {
			return nil, err
		}
		return h.Renew(w, r, session)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range s.chains {
		s.void = append(s.void, old.tokens...)
	}
	s.void, s.moved = append(s.void, next), m.now()
	s.chains = []*chainModel{{tokens: []string{g.Tokens.Refresh.Reveal()}, claims: []string{""}}}
}

// late shows a token from before a change of privilege: it opens nothing and ends nothing, and a browser may have a newer
// one by now.
func (m *refreshModel) late(t *rapid.T) {
	s := m.draw(t)
	if len(s.void) == 0 {
		return
	}
	token := rapid.SampledFrom(s.void).Draw(t, "void")
	if token == "" {
		return
	}
	m.w.Forget()
	m.other.Forget()
	cookie := rapid.Bool().Draw(t, "by cookie")
	_, _, err := m.show(t, token, cookie)
	if _, unknown := errors.AsType[*cloakroom.UnavailableError](err); unknown && cookie && m.now().Sub(s.moved) < time.Minute {
		return
	}
	m.want(t, err, cloakroom.ErrInvalidRefresh)
}

// leave signs out with a token of any age.
func (m *refreshModel) leave(t *rapid.T) {
	s := m.draw(t)
	token := rapid.SampledFrom(s.chains[0].tokens).Draw(t, "token")
	if token == "" || m.banned {
		return
	}
	if err := m.w.SignOutBy(httptest.NewRecorder(), m.w.app().request("/auth/logout"), cloakroom.ThisSession, token); err != nil {
		t.Fatal(err)
	}
	s.ended = true
}

func (m *refreshModel) ban(t *rapid.T) {
	act := m.w.Users().Ban
	if m.banned {
		act = m.w.Users().Unban
		for _, s := range m.slots {
			s.ended = true
		}
	}
	m.banned = !m.banned
	if err := act(t.Context(), m.user.ID); err != nil {
		t.Fatal(err)
	}
}

// check asks the other process what each token is worth: at most one of a chain is in force, and it is the newest.
func (m *refreshModel) check(t *rapid.T) {
	for _, s := range m.slots {
		for _, c := range s.chains {
			first := 0
			if !m.deep {
				first = max(0, c.last()-2)
			}
			for n := first; n <= c.last(); n++ {
				if c.tokens[n] == "" {
					continue
				}
				in, err := m.watch.Introspect(t.Context(), c.tokens[n])
				if want := n == c.last() && !m.dead(s) && !m.banned; err != nil || in.Active != want {
					t.Fatalf("token %d of %d is in force: %v, %v; want %v", n, c.last(), in.Active, err, want)
				}
				if in.Active && (in.Session != s.id || in.Expires != s.created.Add(modelAbsolute).Unix()) {
					t.Fatalf("%+v, want session %s of %v", in, s.id, s.created)
				}
			}
		}
	}
}

func TestRefreshModel(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		wrapped := wrap(store)
		w := newWorld(t, lasting(wrapped, modelAbsolute, modelAbsolute))
		other := w.beside(lasting(nil, modelAbsolute, modelAbsolute))
		c := lasting(store, modelAbsolute, modelAbsolute)
		c.Now = w.Clock.Now
		watch := newWorld(t, c)
		var people atomic.Int64
		_, fast := store.(*memory.Store)
		t.Run("S150 S151 S153 S156 S157 S158 S159 whatever happens in whatever order, one successor lives at most", rapid.MakeCheck(func(t *rapid.T) {
			m := &refreshModel{w: w, other: other, watch: watch, store: wrapped, deep: fast}
			m.user = w.User(fmt.Sprintf("user%d@example.com", people.Add(1)))
			m.open(t, 0)
			m.open(t, 1)
			t.Repeat(map[string]func(*rapid.T){
				"":          m.check,
				"refresh":   m.refresh,
				"retry":     m.refresh,
				"once more": m.refresh,
				"hurry": func(t *rapid.T) {
					for range 6 {
						m.refresh(t)
					}
				},
				"wait": func(t *rapid.T) {
					w.Clock.Advance(rapid.SampledFrom([]time.Duration{
						time.Second, 10 * time.Second, refreshGrace - time.Microsecond, refreshGrace, 5 * time.Minute, time.Hour,
					}).Draw(t, "time"))
				},
				"renew": m.renew,
				"late":  m.late,
				"leave": m.leave,
				"ban":   m.ban,
				"open":  func(t *rapid.T) { m.open(t, rapid.IntRange(0, 1).Draw(t, "slot")) },
				"sweep": func(t *rapid.T) {
					if _, err := w.Sweep(t.Context()); err != nil {
						t.Fatal(err)
					}
				},
			})
		}))
	})
}
