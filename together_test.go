package cloakroom_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/store/storetest"
)

// The pair keeps the law of a store.
func TestTogether(t *testing.T) {
	storetest.Test(t, func(t testing.TB, previous cloakroom.Store) cloakroom.Store {
		if previous != nil {
			return previous
		}
		return cloakroom.Together(memory.New(), memory.New())
	})
}

// amnesiac is a Ledger that says it has ended what then lives on, as one that was restored from an older state or lost its
// last writes in a failover.
type amnesiac struct {
	cloakroom.Ledger
	forgets bool
}

func (f *amnesiac) Close(ctx context.Context, ref cloakroom.SessionRef, end cloakroom.Ending) (bool, error) {
	if f.forgets {
		return true, nil
	}
	return f.Ledger.Close(ctx, ref, end)
}

func (f *amnesiac) CloseUser(ctx context.Context, bucket uint16, userID, keep string, end cloakroom.Ending) ([]string, error) {
	if !f.forgets {
		return f.Ledger.CloseUser(ctx, bucket, userID, keep, end)
	}
	page, err := f.SessionsOf(ctx, bucket, userID, "", 1000)
	var ids []string
	for _, s := range page {
		if s.ID != keep {
			ids = append(ids, s.ID)
		}
	}
	return ids, err
}

func (f *amnesiac) Renew(ctx context.Context, r cloakroom.Renewal) error {
	if f.forgets {
		return nil
	}
	return f.Ledger.Renew(ctx, r)
}

// apart is an Auth whose sessions live elsewhere, and what it stands on.
type apart struct {
	*world
	directory *wrapped
	ledger    *amnesiac
}

func newApart(t *testing.T) *apart {
	a := &apart{directory: wrap(memory.New()), ledger: &amnesiac{Ledger: memory.New()}}
	a.world = newWorld(t, cloakroom.Config{Store: a.directory, Ledger: a.ledger, BaseURL: "http://localhost:8080"})
	return a
}

// restarted is another process on the same stores, which remembers nothing.
func (a *apart) restarted(t *testing.T) *world {
	return newWorld(t, cloakroom.Config{
		Store: a.directory, Ledger: a.ledger, BaseURL: "http://localhost:8080", Now: a.Clock.Now,
	})
}

func TestWhatWasRevokedStaysDeadWhateverTheLedgerBelieves(t *testing.T) {
	ends := map[string]func(a *apart, d *device, s *cloakroom.Session) error{
		"sign-out": func(_ *apart, d *device, _ *cloakroom.Session) error { return d.signOut(cloakroom.ThisSession) },
		"revoke one": func(a *apart, _ *device, s *cloakroom.Session) error {
			return a.Sessions().Revoke(a.t.Context(), s.User.ID, s.ID)
		},
		"revoke the others": func(a *apart, _ *device, s *cloakroom.Session) error {
			other := a.browser()
			return a.Sessions().RevokeOthers(a.t.Context(), other.signIn(s.User.Email))
		},
		"revoke all": func(a *apart, _ *device, s *cloakroom.Session) error {
			return a.Sessions().RevokeAll(a.t.Context(), s.User.ID)
		},
		"a ban": func(a *apart, _ *device, s *cloakroom.Session) error { return a.Users().Ban(a.t.Context(), s.User.ID) },
		"a new password": func(a *apart, _ *device, s *cloakroom.Session) error {
			return a.Users().SetSecret(a.t.Context(), s.User.ID, "", "another good secret")
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			a := newApart(t)
			a.User("ana@example.com")
			d := a.browser()
			s := d.signIn("ana@example.com")
			if _, err := d.session(); err != nil {
				t.Fatal(err)
			}
			copied := *d // of the token, which the browser forgets at a sign-out
			a.ledger.forgets = true
			done(t, end(a, d, s))
			for where, w := range map[string]*world{"here": a.world, "in another process": a.restarted(t)} {
				there := copied
				there.world = w
				if _, err := there.session(); !errors.Is(err, cloakroom.ErrInvalidToken) && !errors.Is(err, cloakroom.ErrBanned) {
					t.Errorf("%s the token still opens a session: %v", where, err)
				}
				if name == "a ban" {
					continue
				}
				if ids := w.listed(s.User.ID); slices.Contains(ids, s.ID) {
					t.Errorf("%s the session is still listed", where)
				}
			}
		})
	}
}

func TestAReplacedTokenStaysDeadWhateverTheLedgerBelieves(t *testing.T) {
	a := newApart(t)
	a.User("ana@example.com")
	d := a.browser()
	d.signIn("ana@example.com")
	old := *d
	a.ledger.forgets = true
	d.renew()
	_, err := old.session()
	fails(t, err, cloakroom.ErrInvalidToken, "the old token")
}

// The feed comes first: where it cannot be written, nothing has ended, and nobody was told so.
func TestNothingEndsThatTheFeedCannotTell(t *testing.T) {
	a := newApart(t)
	a.User("ana@example.com")
	d := a.browser()
	d.signIn("ana@example.com")
	a.directory.down("Append")
	unknowable(t, d.signOut(cloakroom.ThisSession), "a sign-out without the feed")
	a.directory.down()
	if _, err := d.session(); err != nil {
		t.Errorf("the session has ended: %v", err)
	}
	copied := *d
	done(t, d.signOut(cloakroom.ThisSession))
	_, err := copied.session()
	fails(t, err, cloakroom.ErrInvalidToken, "after the second try")
}

// Ids of sessions are public: whoever knows one must not get it into the feed.
func TestNobodyEndsTheSessionOfAnotherByItsID(t *testing.T) {
	a := newApart(t)
	ana, bob := a.User("ana@example.com"), a.User("bob@example.com")
	d := a.browser()
	s := d.signIn("ana@example.com")
	if err := a.Sessions().Revoke(t.Context(), bob.ID, s.ID); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("error %v, want not found", err)
	}
	if _, err := d.session(); err != nil {
		t.Errorf("%s was signed out: %v", ana.Email, err)
	}
}

// A Ledger that answers says nothing while the feed is silent: what it believes may be dead.
func TestTheLedgerAloneIsNotBelieved(t *testing.T) {
	a := newApart(t)
	a.User("ana@example.com")
	d := a.browser()
	d.signIn("ana@example.com")
	a.directory.down("Revocations")
	other := a.restarted(t)
	there := *d
	there.world = other
	_, err := there.session()
	unknowable(t, err, "while the feed is silent")
	a.directory.down()
	if _, err := there.session(); err != nil {
		t.Errorf("the feed is back: %v", err)
	}
}

// replaced is a Ledger in whose place another may come.
type replaced struct{ cloakroom.Ledger }

// What the Ledger has lost, other nodes may remember. Whoever ends such a session ends it there too.
func TestALostSessionThatIsEndedIsForgottenEverywhere(t *testing.T) {
	ends := map[string]func(w *world, d *device, s *cloakroom.Session) error{
		"sign-out": func(_ *world, d *device, _ *cloakroom.Session) error { return d.signOut(cloakroom.ThisSession) },
		"revoke one": func(w *world, _ *device, s *cloakroom.Session) error {
			err := w.Sessions().Revoke(w.t.Context(), s.User.ID, s.ID)
			if !errors.Is(err, cloakroom.ErrNotFound) {
				return errors.New("it was found")
			}
			return nil
		},
		"sign-out of the others": func(w *world, _ *device, s *cloakroom.Session) error {
			other := w.program()
			other.signIn(s.User.Email)
			return other.signOut(cloakroom.OtherSessions)
		},
		"revoke all": func(w *world, _ *device, s *cloakroom.Session) error {
			return w.Sessions().RevokeAll(w.t.Context(), s.User.ID)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger := &replaced{memory.New()}
				c := cloakroom.Config{Store: memory.New(), Ledger: ledger, Now: time.Now, Secrets: []cloakroom.Secret{secret(1)}}
				here, there := newWorld(t, c), newWorld(t, c)
				synctest.Wait()
				here.User("ana@example.com")
				d := here.browser()
				s := d.signIn("ana@example.com")
				copied := *d
				copied.world = there
				copied.live()
				ledger.Ledger = memory.New()
				copied.live() // remembered
				done(t, end(here, d, s))
				time.Sleep(50 * time.Millisecond)
				_, err := copied.session()
				fails(t, err, cloakroom.ErrInvalidToken, "on the other node")
			})
		})
	}
}
