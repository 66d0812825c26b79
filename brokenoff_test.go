package cloakroom_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// What breaks off half-way neither signs out who began it nor leaves alive what was ended later.

func TestRenewThatTheFeedCannotTell(t *testing.T) {
	a := newApart(t)
	a.User("ana@example.com")
	d := a.browser()
	d.signIn("ana@example.com")
	s, err := d.session()
	done(t, err)
	a.directory.down("Append")
	_, err = d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return a.Renew(w, r, s) })
	unknowable(t, err, "renew without the feed")
	a.directory.down()
	a.Clock.Advance(2 * time.Minute)
	if _, err := d.session(); err != nil {
		t.Errorf("the client got 503 and keeps its token, which is dead now: %v", err)
	}
}

func TestChangeSecretThatTheFeedCannotTell(t *testing.T) {
	a := newApart(t)
	a.User("ana@example.com")
	d := a.browser()
	d.signIn("ana@example.com")
	s, err := d.session()
	done(t, err)
	a.directory.down("Append")
	_, err = d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return a.ChangeSecret(w, r, s, cloakroom.Change{Current: authtest.Secret, Next: "another good secret"})
	})
	if err != nil {
		unknowable(t, err, "ChangeSecret")
	}
	a.directory.down()
	if _, err := d.session(); err != nil {
		t.Errorf("the session goes on with the token it has? %v", err)
	}
}

func TestChangeSecretWhoseAnswerIsLost(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store, BaseURL: "http://localhost:8080"})
	w.User("ana@example.com")
	d := w.browser()
	d.signIn("ana@example.com")
	s, err := d.session()
	done(t, err)
	n := 0
	store.mu.Lock()
	store.after = func(verb string) error {
		if verb == "Renew" {
			if n++; n == 2 {
				return errDown
			}
		}
		return nil
	}
	store.mu.Unlock()
	_, err = d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return w.ChangeSecret(rw, r, s, cloakroom.Change{Current: authtest.Secret, Next: "another good secret"})
	})
	done(t, err)
	if _, err := d.session(); err != nil {
		t.Errorf("told as done, \"the session goes on with the token it has\": %v", err)
	}
}

// A session that a change of secret left ahead of its user's epoch ends with all others, also if its row cannot be deleted.
func TestASessionLeftAheadEndsWithAll(t *testing.T) {
	store := wrap(memory.New())
	one := newWorld(t, cloakroom.Config{Store: store, BaseURL: "http://localhost:8080"})
	ana := one.User("ana@example.com")
	d := one.browser()
	d.signIn("ana@example.com")
	s, err := d.session()
	done(t, err)
	var out atomic.Bool
	store.hook(func(verb string) error {
		if verb == "UpdateUser" {
			out.Store(true)
		}
		if out.Load() && (verb == "UpdateUser" || verb == "User") {
			return errDown
		}
		return nil
	})
	_, err = d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return one.ChangeSecret(w, r, s, cloakroom.Change{Current: authtest.Secret, Next: "another good secret"})
	})
	unknowable(t, err, "ChangeSecret")
	store.down("CloseUser")
	done(t, one.Sessions().RevokeAll(t.Context(), ana.ID))
	store.down()
	if _, err := d.session(); err == nil {
		t.Error("accepted after RevokeAll answered nil")
	}
}

// lossy is a Ledger whose answer to Open is lost, when it is told so.
type lossy struct {
	*wrapped
	lost atomic.Bool
}

func (l *lossy) Open(ctx context.Context, o cloakroom.Opening) (cloakroom.Opened, error) {
	r, err := l.wrapped.Open(ctx, o)
	if err == nil && l.lost.Load() {
		return cloakroom.Opened{}, errDown
	}
	return r, err
}

// Nobody knows who was evicted by an opening whose answer was lost, so no node goes on with what it remembers.
func TestWhoWasEvictedByALostOpening(t *testing.T) {
	ledger := &lossy{wrapped: wrap(memory.New())}
	dir := memory.New()
	c := cloakroom.Config{Store: dir, Ledger: ledger, BaseURL: "http://localhost:8080", Session: cloakroom.Lifetime{Limit: 1}}
	one := newWorld(t, c)
	c.Now = one.Clock.Now
	two := newWorld(t, c)
	one.User("ana@example.com")
	d := one.browser()
	d.signIn("ana@example.com")
	there := *d
	there.world = two
	for end := time.Now().Add(10 * time.Second); two.CacheStats().Hits == 0; time.Sleep(10 * time.Millisecond) {
		there.live()
		if time.Now().After(end) {
			t.Fatal("it is not remembered")
		}
	}
	one.Clock.Advance(time.Second)
	ledger.lost.Store(true)
	_, err := one.browser().trySignIn("ana@example.com", authtest.Secret)
	unknowable(t, err, "sign in")
	ledger.lost.Store(false)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := there.session(); err != nil {
			fails(t, err, cloakroom.ErrInvalidToken, "on the other node")
			return
		}
		if time.Now().After(end) {
			t.Fatal("the evicted session lives on on the other node")
		}
	}
}
