package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// quiet is an Auth on a store that nobody listens to.
func quiet(t *testing.T, store cloakroom.Store) *world {
	auth, err := cloakroom.New(cloakroom.Config{Store: store, Methods: []cloakroom.Method{authtest.Password(t)}})
	done(t, err)
	t.Cleanup(func() { done(t, auth.Close(context.Background())) })
	return &world{&authtest.Room{Auth: auth}, t}
}

// history is what is kept of a user, or of all if userID is empty, oldest first.
func (w *world) history(userID string) (kept []cloakroom.Event) {
	w.t.Helper()
	for e, err := range w.Auth.Events().Of(w.t.Context(), userID) {
		done(w.t, err)
		kept = append(kept, e)
	}
	slices.Reverse(kept)
	return kept
}

func typesOf(events []cloakroom.Event) (types []cloakroom.EventType) {
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// kept holds the types of all events of a user that are kept against what a test expects.
func (w *world) kept(userID string, want ...cloakroom.EventType) {
	w.t.Helper()
	if got := typesOf(w.history(userID)); !slices.Equal(got, want) {
		w.t.Errorf("kept %v, want %v", got, want)
	}
}

func TestEventsAreKept(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		t.Run("also when nobody listens, newest first", func(t *testing.T) {
			w := quiet(t, store)
			ana, err := w.Users().Create(t.Context(), cloakroom.NewUser{Email: "quiet@example.com", Secret: authtest.Secret})
			done(t, err)
			d := w.browser()
			d.signIn(ana.Email)
			d.renew()
			done(t, second(w.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Name = "Ana"; return nil })))
			done(t, d.signOut(cloakroom.ThisSession))
			done(t, w.Users().Delete(t.Context(), ana.ID))
			w.kept(ana.ID, cloakroom.UserCreated, cloakroom.SignedIn, cloakroom.SessionRenewed, cloakroom.UserUpdated,
				cloakroom.SignedOut, cloakroom.UserDeleted)
		})
		t.Run("as they are told, with an id", func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now})
			ana := w.User("told@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			done(t, second(d.change(authtest.Secret, nextSecret)))
			done(t, d.signOut(cloakroom.ThisSession))
			done(t, w.Users().Ban(t.Context(), ana.ID))
			told, kept := w.Events(), w.history(ana.ID)
			if !slices.Equal(typesOf(kept), typesOf(told)) || len(kept) < 5 {
				t.Fatalf("kept %v, told %v", typesOf(kept), typesOf(told))
			}
			ids := map[string]bool{}
			for i, e := range kept {
				ids[e.ID] = true
				e.ID, told[i].Time = "", told[i].Time.UTC().Truncate(time.Microsecond)
				if got, want := fmt.Sprintf("%+v", e), fmt.Sprintf("%+v", told[i]); got != want {
					t.Errorf("kept %s, told %s", got, want)
				}
			}
			if len(ids) != len(kept) || ids[""] {
				t.Errorf("the ids are %v", ids)
			}
		})
		t.Run("S241 a sign-in that failed for an account that exists, and for no other", func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now})
			ana := w.User("failed@example.com")
			_ = w.browser().guess(2, ana.Email)
			_ = w.browser().guess(2, "nobody@example.com")
			done(t, w.Close(t.Context())) // when what was put aside is recorded
			w.kept(ana.ID, cloakroom.UserCreated, cloakroom.SignInFailed, cloakroom.SignInFailed)
			if e := w.history(ana.ID)[2]; e.Reason != "wrong_secret" || e.IP != "192.0.2.1" || e.UserAgent == "" {
				t.Errorf("kept %+v", e)
			}
			for _, e := range w.history("") {
				if e.Type == cloakroom.SignInFailed && e.UserID == "" {
					t.Errorf("kept %+v, though there is no such account", e)
				}
			}
		})
		t.Run("S243 nothing of a sign-up that was refused", func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now})
			w.User("taken@example.com")
			before := len(w.history(""))
			fails(t, second(w.browser().signUp(cloakroom.SignUp{Email: "taken@example.com", Secret: authtest.Secret})), cloakroom.ErrEmailTaken, "sign-up")
			if after := len(w.history("")); after != before {
				t.Errorf("%d events are kept of it", after-before)
			}
		})
		t.Run("each session that ends for another reason", func(t *testing.T) {
			w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Session: cloakroom.Lifetime{Limit: 2}})
			ana := w.User("limit@example.com")
			first, second := w.browser(), w.browser()
			evicted, mine := first.signIn(ana.Email), second.signIn(ana.Email)
			last := w.program().signIn(ana.Email)
			done(t, w.Sessions().RevokeOthers(t.Context(), last))
			done(t, w.Sessions().RevokeAll(t.Context(), ana.ID))
			w.kept(ana.ID, cloakroom.UserCreated, cloakroom.SignedIn, cloakroom.SignedIn, cloakroom.SignedIn,
				cloakroom.SessionRevoked, cloakroom.SessionRevoked, cloakroom.SessionsRevoked)
			kept := w.history(ana.ID)
			if kept[4].SessionID != evicted.ID || kept[4].Reason != "limit" || kept[5].SessionID != mine.ID || kept[5].Reason != "revoked" {
				t.Errorf("kept %+v", kept[4:6])
			}
		})
		t.Run("of a realm alone, and nothing of guests", func(t *testing.T) {
			shop, staff := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Realm: "shop"}), newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Realm: "staff"})
			ana := shop.User("ana@example.com")
			shop.browser().begin()
			shop.kept("", cloakroom.UserCreated)
			staff.kept("")
			staff.kept(ana.ID)
		})
	})
}

func TestEventsOfKeys(t *testing.T) {
	w := newWorld(t, signing(nil))
	w.published()
	done(t, second(w.Keys().Rotate(t.Context())))
	w.Clock.Advance(time.Second)
	lost := w.keyIDs(cloakroom.KeyActive)[0]
	done(t, w.Keys().Withdraw(t.Context(), lost))
	told := slices.DeleteFunc(w.history(""), func(e cloakroom.Event) bool { return e.Type == cloakroom.SigningKeyCreated })
	if types := typesOf(told); !slices.Equal(types, []cloakroom.EventType{cloakroom.SigningKeyRotated, cloakroom.SigningKeyWithdrawn}) {
		t.Fatalf("kept %v", types)
	}
	if e := told[1]; e.Reason != lost || e.UserID != "" {
		t.Errorf("kept %+v, want the id %s", e, lost)
	}
}

// An event that cannot be written is told, and the answer is what it would have been.
func TestEventsThatCannotBeKept(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	ana := w.User("ana@example.com")
	w.Forget()
	store.down("Append")
	fails(t, w.browser().guess(1, ana.Email), cloakroom.ErrInvalidCredentials, "a wrong password")
	done(t, w.Close(t.Context())) // when what was put aside is recorded
	if e := w.Events(cloakroom.RequestFailed); len(e) != 1 || !errors.Is(e[0].Err, errDown) || len(w.Events(cloakroom.SignInFailed)) != 1 {
		t.Errorf("told %+v", w.Events())
	}
	store.down("Events")
	for _, err := range w.Auth.Events().Of(t.Context(), ana.ID) {
		unknowable(t, err, "reading events")
	}
}

func TestPagesOfEvents(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	const n = 450
	records := make([]cloakroom.EventRecord, n)
	for i := range records {
		records[i] = cloakroom.EventRecord{
			Type: cloakroom.SignedIn, At: w.Clock.Now().Add(time.Duration(i) * time.Millisecond),
			UserID: "usr_ana", SessionID: fmt.Sprint(i), Data: []byte("{}"),
		}
	}
	done(t, w.Store().Append(t.Context(), nil, records))
	all := w.history("usr_ana")
	for i, e := range all {
		if e.SessionID != fmt.Sprint(i) {
			t.Fatalf("event %d is that of session %s", i, e.SessionID)
		}
	}
	if len(all) != n {
		t.Fatalf("%d events, want %d", len(all), n)
	}
	want := 99
	for e, err := range w.Auth.Events().Before(t.Context(), "usr_ana", all[100].ID) {
		done(t, err)
		if e.SessionID != fmt.Sprint(want) {
			t.Fatalf("before event 100 comes %s, want %d", e.SessionID, want)
		}
		if want--; want == 50 {
			break
		}
	}
}

// outbox is a Deliver that remembers, in a bubble of time.
type outbox struct {
	mu      sync.Mutex
	batches [][]cloakroom.Event
	refuse  func(batch int) error // nil: nothing
}

func (o *outbox) deliver(_ context.Context, events []cloakroom.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batches = append(o.batches, slices.Clone(events))
	if o.refuse == nil {
		return nil
	}
	return o.refuse(len(o.batches))
}

// got is what was handed over, in order.
func (o *outbox) got() []cloakroom.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Concat(o.batches...)
}

// times is how often each event was handed over.
func (o *outbox) times() map[string]int {
	n := map[string]int{}
	for _, e := range o.got() {
		n[e.ID]++
	}
	return n
}

func TestDeliver(t *testing.T) {
	// each runs a test in a bubble of time, on a world whose events are handed over.
	each := func(name string, test func(t *testing.T, w *world, store *wrapped, o *outbox)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, o := wrap(memory.New()), &outbox{}
				w := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Deliver: o.deliver})
				test(t, w, store, o)
			})
		})
	}
	// whole holds what was handed over to be what is kept, each the same number of times.
	whole := func(t *testing.T, w *world, o *outbox, times int) {
		t.Helper()
		want := map[string]int{}
		for _, e := range w.history("") {
			want[e.ID] = times
		}
		if got := o.times(); !maps.Equal(got, want) || len(want) == 0 {
			t.Errorf("handed over %v, want %v", got, want)
		}
	}
	live := func(w *world) {
		w.t.Helper()
		d := w.browser()
		d.signIn(w.User("ana@example.com").Email)
		done(w.t, d.signOut(cloakroom.ThisSession))
	}
	each("each event is handed over, once, in order, as it is kept", func(t *testing.T, w *world, _ *wrapped, o *outbox) {
		live(w)
		time.Sleep(10 * time.Minute)
		whole(t, w, o, 1)
		if got, want := fmt.Sprintf("%+v", o.got()), fmt.Sprintf("%+v", w.history("")); got != want {
			t.Errorf("handed over %s, kept %s", got, want)
		}
	})
	each("what it refuses comes again when the lease is over, and not before", func(t *testing.T, w *world, _ *wrapped, o *outbox) {
		o.refuse = func(batch int) error {
			if batch == 1 {
				return errDown
			}
			return nil
		}
		live(w)
		time.Sleep(time.Minute + time.Second)
		whole(t, w, o, 1)
		if e := w.Events(cloakroom.RequestFailed); len(e) != 1 || e[0].Reason != "deliver" || !errors.Is(e[0].Err, errDown) {
			t.Errorf("told %+v", e)
		}
		time.Sleep(10 * time.Minute)
		whole(t, w, o, 2)
	})
	each("what the store did not hear of comes twice: at least once", func(t *testing.T, w *world, store *wrapped, o *outbox) {
		live(w)
		store.down("EventsDelivered")
		time.Sleep(time.Minute + time.Second)
		whole(t, w, o, 1)
		store.down()
		time.Sleep(10 * time.Minute)
		whole(t, w, o, 2)
	})
	each("many wait: at most 100 at a time, and all at once", func(t *testing.T, w *world, _ *wrapped, o *outbox) {
		records := make([]cloakroom.EventRecord, 350)
		for i := range records {
			records[i] = cloakroom.EventRecord{Type: cloakroom.SignedIn, At: time.Now(), Queued: true}
		}
		done(t, w.Store().Append(t.Context(), nil, records))
		time.Sleep(time.Minute + time.Second)
		whole(t, w, o, 1)
		for _, b := range o.batches {
			if len(b) > 100 {
				t.Errorf("%d at a time", len(b))
			}
		}
	})
	each("of two nodes one gets each event", func(t *testing.T, w *world, store *wrapped, o *outbox) {
		other := newWorld(t, cloakroom.Config{Store: store, Now: time.Now, Deliver: o.deliver})
		live(w)
		done(t, other.Users().Ban(t.Context(), w.history("")[0].UserID))
		time.Sleep(10 * time.Minute)
		whole(t, w, o, 1)
	})
	each("what waits stays, however old; what was handed over goes", func(t *testing.T, w *world, _ *wrapped, o *outbox) {
		o.refuse = func(int) error { return errDown }
		live(w)
		kept := len(w.history(""))
		time.Sleep(100 * 24 * time.Hour)
		if now := len(w.history("")); now != kept || kept == 0 {
			t.Fatalf("%d of %d events are left that nobody took", now, kept)
		}
		o.mu.Lock()
		o.refuse = nil
		o.mu.Unlock()
		time.Sleep(time.Hour)
		w.kept("")
	})
	t.Run("without Deliver nothing waits", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		live(w)
		claimed, err := w.Store().ClaimEvents(t.Context(), "", w.Clock.Now(), w.Clock.Now(), 10)
		if err != nil || len(claimed) > 0 {
			t.Errorf("%d events wait for ever: %v", len(claimed), err)
		}
	})
}

func TestKeepEvents(t *testing.T) {
	for _, keep := range []time.Duration{time.Nanosecond, 24*time.Hour - 1, -time.Hour} {
		wantMistakes(t, made(t, cloakroom.Config{Store: memory.New(), KeepEvents: keep}), "KeepEvents")
	}
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		for keep, want := range map[time.Duration]time.Duration{0: 90 * 24 * time.Hour, 24 * time.Hour: 24 * time.Hour} {
			w := newWorld(t, cloakroom.Config{Store: store, KeepEvents: keep, Realm: fmt.Sprint("keeps-", keep)})
			w.User("ana@example.com")
			for _, step := range []struct {
				wait time.Duration
				left int
			}{{want, 1}, {time.Second, 0}} {
				w.Clock.Advance(step.wait)
				done(t, second(w.Sweep(t.Context())))
				if left := len(w.history("")); left != step.left {
					t.Errorf("events kept for %v: %d left, want %d", want, left, step.left)
				}
			}
		}
	})
}

// Before a failed sign-in is answered nothing is recorded: how long that takes would tell whether the account exists. A store
// that records nothing for as long as it likes holds no answer up.
func TestFailedSignInsAreRecordedAside(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	ana := w.User("ana@example.com")
	answered := make(chan struct{})
	store.hook(func(verb string) error {
		if verb == "Append" {
			<-answered
		}
		return nil
	})
	fails(t, w.browser().guess(1, ana.Email), cloakroom.ErrInvalidCredentials, "a wrong password")
	close(answered)
	done(t, w.Close(t.Context()))
	w.kept(ana.ID, cloakroom.UserCreated, cloakroom.SignInFailed)
}
