package cloakroom_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// nodes are two processes on one store, both of which remember sessions, in a bubble of time: what they do on their own
// happens while the test sleeps.
type nodes struct {
	here, there *world
	store       *wrapped // what there asks
}

const staleness = time.Second

func twoNodes(t *testing.T, life ...cloakroom.Lifetime) *nodes {
	shared := memory.New()
	n := &nodes{store: wrap(shared)}
	c := cloakroom.Config{Store: shared, Now: time.Now, Staleness: staleness, Secrets: []cloakroom.Secret{secret(1)}}
	for _, c.Session = range life {
	}
	n.here = newWorld(t, c)
	c.Store = n.store
	n.there = newWorld(t, c)
	synctest.Wait() // both have heard the feed
	return n
}

// at is the same device before the other node.
func (n *nodes) at(d *device) *device {
	other := *d
	other.world = n.there
	return &other
}

// remembered makes sure that there knows a device's session without asking.
func (n *nodes) remembered(t *testing.T, d *device) {
	t.Helper()
	n.at(d).live()
	before := n.store.count("Session", "Find", "User")
	n.at(d).live()
	if n.store.count("Session", "Find", "User") != before {
		t.Fatal("the other node asks its store each time")
	}
}

func TestCache(t *testing.T) {
	t.Run("a session that was seen is not asked of the store again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := twoNodes(t)
			n.here.User("ana@example.com", "editor")
			d := n.here.browser()
			want := d.signIn("ana@example.com")
			n.remembered(t, d)
			got := n.at(d).live()
			if got.ID != want.ID || got.User.Email != "ana@example.com" || !got.User.Is("editor") || got.Level != 1 ||
				got.IP != want.IP || got.UserAgent != want.UserAgent || !got.CreatedAt.Equal(want.CreatedAt) || !got.ExpiresAt.Equal(want.ExpiresAt) {
				t.Errorf("remembered %+v, want %+v", got, want)
			}
			time.Sleep(time.Second) // it is counted aside
			if stats := n.there.CacheStats(); stats.Hits == 0 || stats.Entries == 0 || stats.Bytes == 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	})
	t.Run("a handler's copy is its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := twoNodes(t)
			n.here.User("ana@example.com", "editor")
			d := n.here.browser()
			d.signIn("ana@example.com")
			n.remembered(t, d)
			s := n.at(d).live()
			s.User.Roles[0], s.Methods[0], s.User.Name = "admin", "none", "Eve"
			if s := n.at(d).live(); s.User.Is("admin") || s.Methods[0] != "password" || s.User.Name == "Eve" {
				t.Errorf("a change of one copy shows in the next: %+v %+v", s, s.User)
			}
		})
	})
	t.Run("off, every request asks the store", func(t *testing.T) {
		store := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: store, Cache: -1})
		w.User("ana@example.com")
		d := w.browser()
		d.signIn("ana@example.com")
		before := store.count("Session")
		for range 3 {
			d.live()
		}
		if asked := store.count("Session") - before; asked != 3 {
			t.Errorf("three requests asked %d times", asked)
		}
	})
}

// What ends or changes a session on one node is true on it at once, and on the other as soon as it hears of it.
func TestCacheHearsOfEveryEnd(t *testing.T) {
	type change struct {
		name string
		do   func(n *nodes, d *device, s *cloakroom.Session) error
		is   func(s *cloakroom.Session, err error) bool // what the token opens afterwards
	}
	dead := func(_ *cloakroom.Session, err error) bool { return errors.Is(err, cloakroom.ErrInvalidToken) }
	ctx := t.Context()
	changes := []change{
		{"sign-out", func(_ *nodes, d *device, _ *cloakroom.Session) error {
			other := *d
			return other.signOut(cloakroom.ThisSession)
		}, dead},
		{"revoke one", func(n *nodes, _ *device, s *cloakroom.Session) error {
			return n.here.Sessions().Revoke(ctx, s.User.ID, s.ID)
		}, dead},
		{"revoke all", func(n *nodes, _ *device, s *cloakroom.Session) error {
			return n.here.Sessions().RevokeAll(ctx, s.User.ID)
		}, dead},
		{"sign-out of the others", func(n *nodes, _ *device, _ *cloakroom.Session) error {
			other := n.here.program()
			other.signIn("ana@example.com")
			return other.signOut(cloakroom.OtherSessions)
		}, dead},
		{"ban", func(n *nodes, _ *device, s *cloakroom.Session) error { return n.here.Users().Ban(ctx, s.User.ID) },
			func(_ *cloakroom.Session, err error) bool { return errors.Is(err, cloakroom.ErrBanned) }},
		{"delete", func(n *nodes, _ *device, s *cloakroom.Session) error { return n.here.Users().Delete(ctx, s.User.ID) }, dead},
		{"roles", func(n *nodes, _ *device, s *cloakroom.Session) error {
			_, err := n.here.Users().SetRoles(ctx, s.User.ID, "auditor")
			return err
		}, func(s *cloakroom.Session, err error) bool {
			return err == nil && s.User.Is("auditor") && !s.User.Is("editor")
		}},
		{"new secret", func(n *nodes, _ *device, s *cloakroom.Session) error {
			return n.here.Users().SetSecret(ctx, s.User.ID, "", "another good secret")
		}, dead},
		{"password changed elsewhere", func(n *nodes, _ *device, _ *cloakroom.Session) error {
			other := n.here.browser()
			other.signIn("ana@example.com")
			_, err := other.change(authtest.Secret, "another good secret")
			return err
		}, dead},
		{"token renewed", func(_ *nodes, d *device, _ *cloakroom.Session) error {
			other := *d
			other.renew()
			return nil
		}, dead},
		{"signed in again", func(_ *nodes, d *device, _ *cloakroom.Session) error {
			other := *d
			other.signIn("ana@example.com")
			return nil
		}, dead},
		{"over the limit", func(n *nodes, _ *device, _ *cloakroom.Session) error {
			for range 2 {
				n.here.program().signIn("ana@example.com")
			}
			return nil
		}, dead},
	}
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := twoNodes(t, cloakroom.Lifetime{Limit: 2})
				n.here.User("ana@example.com", "editor")
				d := n.here.browser()
				s := d.signIn("ana@example.com")
				d.live()
				n.remembered(t, d)
				time.Sleep(time.Millisecond) // later than the sign-in, for the limit goes by age
				if err := c.do(n, d, s); err != nil {
					t.Fatal(err)
				}
				if s, err := d.session(); !c.is(s, err) {
					t.Errorf("at once, on the node that did it: %+v, %v", s, err)
				}
				time.Sleep(50 * time.Millisecond)
				synctest.Wait()
				if s, err := n.at(d).session(); !c.is(s, err) {
					t.Errorf("50 ms later, on the other node: %+v, %v", s, err)
				}
			})
		})
	}
}

// That somebody else has just made the same change is no reason to go on with what was before it.
func TestCacheOfAChangeThatWasMadeAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := twoNodes(t)
		ana := n.here.User("ana@example.com")
		d := n.here.browser()
		d.signIn("ana@example.com")
		n.remembered(t, d)
		done(t, n.here.Users().Ban(t.Context(), ana.ID))
		done(t, n.there.Users().Ban(t.Context(), ana.ID))
		_, err := n.at(d).session()
		fails(t, err, cloakroom.ErrBanned, "at once, on the node that changed nothing")
	})
}

// A node that does not hear the feed believes nothing longer than the staleness; one that reaches no store knows nothing.
func TestCacheWithoutTheFeed(t *testing.T) {
	t.Run("cut off from the feed alone, it asks the store", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := twoNodes(t)
			n.here.User("ana@example.com")
			d := n.here.browser()
			d.signIn("ana@example.com")
			n.remembered(t, d)
			n.store.down("Revocations")
			copied := *d
			done(t, d.signOut(cloakroom.ThisSession))
			time.Sleep(staleness)
			_, err := n.at(&copied).session()
			fails(t, err, cloakroom.ErrInvalidToken, "a staleness after the sign-out elsewhere")
		})
	})
	t.Run("cut off from everything, it says that it cannot know", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := twoNodes(t)
			n.here.User("ana@example.com")
			d := n.here.browser()
			d.signIn("ana@example.com")
			n.remembered(t, d)
			n.store.down(append(reads, writes...)...)
			if _, err := n.at(d).session(); err != nil {
				t.Errorf("within the staleness: %v", err)
			}
			time.Sleep(staleness)
			_, err := n.at(d).session()
			unknowable(t, err, "after the staleness")
			n.at(d).answers(http.StatusServiceUnavailable, "after the staleness")
			n.store.down()
			n.at(d).answers(http.StatusOK, "when the store is back")
			time.Sleep(100 * time.Millisecond)
			n.remembered(t, d)
		})
	})
	t.Run("an outage ends no session", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := twoNodes(t)
			n.here.User("ana@example.com")
			d := n.here.browser()
			d.signIn("ana@example.com")
			n.remembered(t, d)
			n.store.down(append(reads, writes...)...)
			time.Sleep(time.Hour)
			_, err := n.at(d).session()
			unknowable(t, err, "during the outage")
			n.store.down()
			n.at(d).live()
		})
	})
}

// A request that read the store before a sign-out and remembers what it read after it must not bring the session back.
func TestCacheOfALateReader(t *testing.T) {
	store := &slow{wrapped: wrap(memory.New()), read: make(chan struct{}), goOn: make(chan struct{})}
	w := newWorld(t, cloakroom.Config{Store: store})
	w.User("ana@example.com")
	d := w.browser()
	d.signIn("ana@example.com")
	copied := *d
	var late sync.WaitGroup
	store.holds.Store(true)
	late.Go(func() { _, _ = d.session() })
	<-store.read // it has what it asked for
	store.holds.Store(false)
	out := *d
	done(t, out.signOut(cloakroom.ThisSession))
	close(store.goOn)
	late.Wait()
	_, err := copied.session()
	fails(t, err, cloakroom.ErrInvalidToken, "after the sign-out")
}

// A node of which nobody asked anything for a while does not answer from memory what it may have missed meanwhile.
func TestCacheAfterARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := twoNodes(t)
		n.here.User("ana@example.com")
		d := n.here.browser()
		d.signIn("ana@example.com")
		n.remembered(t, d)
		copied := *d
		time.Sleep(600 * time.Millisecond)
		done(t, d.signOut(cloakroom.ThisSession))
		_, err := n.at(&copied).session()
		fails(t, err, cloakroom.ErrInvalidToken, "at once after a sign-out elsewhere")
	})
}

// What is remembered longer than a session's idle time does not keep it from sliding.
func TestCacheSlides(t *testing.T) {
	t.Run("V62 a session in use lives on, though it is remembered longer than its idle time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := twoNodes(t, cloakroom.Lifetime{Idle: 2 * time.Minute})
			n.here.User("ana@example.com")
			d := n.here.browser()
			d.signIn("ana@example.com")
			for range 60 { // half an hour
				time.Sleep(30 * time.Second)
				s := n.at(d).live()
				if left := time.Until(s.ExpiresAt); left != 2*time.Minute {
					t.Fatalf("used now, it ends in %v", left)
				}
			}
			time.Sleep(2*time.Minute + time.Second)
			_, err := n.at(d).session()
			fails(t, err, cloakroom.ErrInvalidToken, "after the idle time")
		})
	})
}

// The idle limit moves by uses elsewhere, so a node that believes a session to be over asks the store.
func TestCacheNeverEndsASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := twoNodes(t, cloakroom.Lifetime{Idle: 4 * time.Minute})
		n.here.User("ana@example.com")
		d := n.here.browser()
		d.signIn("ana@example.com")
		n.remembered(t, d)
		time.Sleep(3 * time.Minute)
		d.live() // used here, and written down within a minute
		time.Sleep(2 * time.Minute)
		n.at(d).live()
	})
}

// A dead token that is shown again and again costs the store one question a second.
func TestCacheOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := twoNodes(t)
		n.here.User("ana@example.com")
		d := n.here.browser()
		d.signIn("ana@example.com")
		copied := *d
		done(t, d.signOut(cloakroom.ThisSession))
		time.Sleep(50 * time.Millisecond)
		before := n.store.count("Session")
		for range 100 {
			_, err := n.at(&copied).session()
			fails(t, err, cloakroom.ErrInvalidToken, "a dead token")
		}
		if asked := n.store.count("Session") - before; asked != 1 {
			t.Errorf("a hundred requests asked the store %d times, want once", asked)
		}
	})
}
