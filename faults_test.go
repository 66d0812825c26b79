package cloakroom_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// everyFault runs an operation while the first call to the store fails, then while the second does, and so on, until
// it is done before one fails. Whatever fails is an UnavailableError, and check says what else must hold then.
func everyFault(t *testing.T, store *wrapped, arrange func(n int) (operation func() error, check func(t *testing.T))) {
	t.Helper()
	for n := 1; ; n++ {
		operation, check := arrange(n)
		var calls atomic.Int64
		var failed atomic.Value
		store.hook(func(verb string) error {
			if calls.Add(1) != int64(n) {
				return nil
			}
			failed.Store(verb)
			return fmt.Errorf("%s: %w", verb, errDown)
		})
		err := operation()
		store.down()
		verb, _ := failed.Load().(string)
		switch {
		case verb == "" && err != nil:
			t.Fatalf("without a fault: %v", err)
		case verb == "":
			if n < 2 {
				t.Error("the store was not asked at all")
			}
			return
		case err != nil:
			t.Run(fmt.Sprintf("call %d, %s", n, verb), func(t *testing.T) {
				unknowable(t, err, "the operation")
				check(t)
			})
		}
	}
}

func TestStoreFaults(t *testing.T) {
	store := wrap(memory.New())
	w, _ := factors(t, cloakroom.Config{Store: store, Cache: -1})
	person := 0
	// arrive makes a user who is signed in on one device, at an address of their own.
	arrive := func(by cloakroom.Delivery) (*device, *cloakroom.User) {
		person++
		user := w.User(fmt.Sprintf("user%d@example.com", person))
		d := w.from(fmt.Sprintf("203.0.113.%d", person%250))
		d.by = by
		d.signIn(user.Email)
		d.put("tea")
		w.Forget()
		return d, user
	}
	// untouched holds when the device's session is what it was.
	untouched := func(t *testing.T, d *device, token string) {
		t.Helper()
		if d.token != token {
			t.Error("the device has another token")
		}
		d.answers(http.StatusOK, "after the fault")
		d.hasCart("tea", "after the fault")
	}

	for _, by := range []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer} {
		t.Run("S51 by "+string(by)+" a store that does not answer is 503, and neither ends nor replaces a session", func(t *testing.T) {
			d, _ := arrive(by)
			token := d.token
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				answer := httptest.NewRecorder()
				operation := func() error {
					var err error
					w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}).ServeHTTP(answer, d.request())
					if answer.Code != http.StatusOK {
						err = &cloakroom.UnavailableError{}
					}
					return err
				}
				return operation, func(t *testing.T) {
					if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || len(answer.Result().Cookies()) > 0 {
						t.Errorf("answer %d %v", answer.Code, answer.Header())
					}
					untouched(t, d, token)
				}
			})
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				w.Forget()
				operation := func() error {
					return second(d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
						return w.BeginOn(rw, r, d.terms())
					}))
				}
				return operation, func(t *testing.T) { untouched(t, d, token); w.happened() }
			})
		})
		t.Run("S52 by "+string(by)+" a sign-in that cannot be stored lets no cookie or token out", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				d, user := arrive(by)
				token := d.token
				return func() error { return second(d.trySignIn(user.Email, authtest.Secret)) }, func(t *testing.T) {
					untouched(t, d, token)
					if len(w.Events(cloakroom.SignedIn)) > 0 || len(w.listed(user.ID)) != 1 {
						t.Errorf("events %v, sessions %v", w.Events(), w.listed(user.ID))
					}
				}
			})
		})
		t.Run("by "+string(by)+" a guest outlives a sign-in that cannot be stored, with its data", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				_, user := arrive(by)
				d := w.from("198.51.100.1")
				d.by = by
				guest := d.begin()
				d.put("tea")
				return func() error { return second(d.trySignIn(user.Email, authtest.Secret)) }, func(t *testing.T) {
					if s := d.live(); s.ID != guest.ID {
						t.Error("the guest's session was replaced")
					}
					d.hasCart("tea", "after the fault")
				}
			})
		})
		t.Run("by "+string(by)+" a second factor", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				d := w.from("198.51.100.2")
				d.by = by
				c := d.challenge("ana@example.com")
				w.Forget()
				return func() error { return second(d.answer(c, "totp", "totp")) }, func(t *testing.T) {
					if d.token != "" || len(w.Events(cloakroom.SignedIn)) > 0 {
						t.Error("it signed in")
					}
				}
			})
		})
		t.Run("by "+string(by)+" a new token", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				d, _ := arrive(by)
				token, s := d.token, d.live()
				operation := func() error {
					return second(d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return w.Renew(rw, r, s) }))
				}
				return operation, func(t *testing.T) { untouched(t, d, token) }
			})
		})
		t.Run("by "+string(by)+" a new password", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				d, user := arrive(by)
				token, s := d.token, d.live()
				return func() error { return second(d.changeIn(s, authtest.Secret, nextSecret)) }, func(t *testing.T) {
					untouched(t, d, token)
					if len(w.Events(cloakroom.CredentialChanged)) > 0 {
						t.Error("it is told as done")
					}
					w.from("198.51.100.3").signIn(user.Email) // with the old one
				}
			})
		})
		for _, extent := range []cloakroom.Extent{cloakroom.ThisSession, cloakroom.OtherSessions, cloakroom.AllSessions} {
			t.Run("by "+string(by)+" a sign-out of "+string(extent)+" that fails ends nothing and clears no cookie", func(t *testing.T) {
				everyFault(t, store, func(int) (func() error, func(*testing.T)) {
					d, user := arrive(by)
					there := w.from("198.51.100.4")
					there.signIn(user.Email)
					token := d.token
					return func() error { return d.signOut(extent) }, func(t *testing.T) {
						untouched(t, d, token)
						there.answers(http.StatusOK, "the other device")
					}
				})
			})
		}
	}
	t.Run("S243 a sign-up that cannot be stored lets no cookie or token out, and tells of no account that is not", func(t *testing.T) {
		everyFault(t, store, func(n int) (func() error, func(*testing.T)) {
			d := w.from("198.51.100.5")
			email := fmt.Sprintf("new%d@example.com", n)
			w.Forget()
			return func() error { return second(d.signUp(cloakroom.SignUp{Email: email, Secret: authtest.Secret})) }, func(t *testing.T) {
				_, err := w.Users().ByEmail(t.Context(), email)
				if made := err == nil; made != (len(w.Events(cloakroom.UserCreated)) == 1) || len(w.Events(cloakroom.SignedIn)) > 0 || d.token != "" {
					t.Errorf("made %v, events %v", made, w.Events())
				}
			}
		})
	})
	for name, change := range map[string]func(context.Context, *cloakroom.User) error{
		"SetSecret": func(ctx context.Context, u *cloakroom.User) error {
			return w.Users().SetSecret(ctx, u.ID, "", nextSecret)
		},
		"Ban":       func(ctx context.Context, u *cloakroom.User) error { return w.Users().Ban(ctx, u.ID) },
		"Delete":    func(ctx context.Context, u *cloakroom.User) error { return w.Users().Delete(ctx, u.ID) },
		"RevokeAll": func(ctx context.Context, u *cloakroom.User) error { return w.Sessions().RevokeAll(ctx, u.ID) },
	} {
		t.Run(name+" happens, or it does not", func(t *testing.T) {
			everyFault(t, store, func(int) (func() error, func(*testing.T)) {
				d, user := arrive(cloakroom.DeliverCookie)
				token := d.token
				return func() error { return change(t.Context(), user) }, func(t *testing.T) {
					untouched(t, d, token)
					w.happened()
				}
			})
		})
		t.Run(name+" holds though the dead sessions could not be dropped", func(t *testing.T) {
			d, user := arrive(cloakroom.DeliverCookie)
			store.down("CloseUser")
			done(t, change(t.Context(), user))
			store.down()
			if d.status() == http.StatusOK {
				t.Error("the session is alive")
			}
			if n := len(w.Events(cloakroom.RequestFailed)); (n == 1) != (name != "Ban") {
				t.Errorf("told %d times that it could not", n)
			}
		})
	}
}

// Wherever a new password breaks off, the client's token is good, and whoever was told that it is done has no other
// session left.
func TestChangeSecretFaults(t *testing.T) {
	for name, fails := range map[string]func(call, n int64) bool{
		"one call fails":             func(call, n int64) bool { return call == n },
		"and all that come after it": func(call, n int64) bool { return call >= n },
	} {
		t.Run(name, func(t *testing.T) {
			store := wrap(memory.New())
			w := newWorld(t, cloakroom.Config{Store: store})
			told := 0
			for n := int64(1); ; n++ {
				ana := w.User(fmt.Sprintf("ana%d@example.com", n))
				here, there := w.browser(), w.browser()
				there.signIn(ana.Email)
				s := here.signIn(ana.Email)
				var count atomic.Int64
				store.hook(func(verb string) error {
					if fails(count.Add(1), n) {
						return fmt.Errorf("%s: %w", verb, errDown)
					}
					return nil
				})
				_, err := here.changeIn(s, authtest.Secret, nextSecret)
				store.down()
				calls := count.Load()
				here.answers(http.StatusOK, fmt.Sprintf("call %d of %d, %v: the client", n, calls, err))
				others, secret := http.StatusOK, authtest.Secret
				if err == nil {
					others, secret = http.StatusUnauthorized, nextSecret
					told++
				} else {
					unknowable(t, err, "the change")
				}
				there.answers(others, fmt.Sprintf("call %d of %d, %v: another device", n, calls, err))
				if _, err := w.browser().trySignIn(ana.Email, secret); err != nil {
					t.Errorf("call %d of %d: %v", n, calls, err)
				}
				if calls < n {
					break
				}
			}
			if told < 3 { // without a fault, and when the new token or the dead sessions are all that is missing
				t.Errorf("told as done %d times", told)
			}
		})
	}
}

// What the store could not answer is no guess.
func TestFaultsAreNoGuesses(t *testing.T) {
	for _, verb := range []string{"UserByEmail", "Credentials", "User", "Open"} {
		t.Run(verb, func(t *testing.T) {
			store := wrap(memory.New())
			w := newWorld(t, cloakroom.Config{Store: store})
			w.User("ana@example.com")
			d := w.browser()
			store.down(verb)
			for range 120 {
				_, err := d.trySignIn("ana@example.com", authtest.Secret)
				unknowable(t, err, "sign-in")
			}
			store.down()
			d.signIn("ana@example.com")
		})
	}
	t.Run("some counters", func(t *testing.T) {
		store := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: store})
		w.User("ana@example.com")
		d := w.browser()
		for range 120 {
			var calls atomic.Int64
			store.hook(func(verb string) error {
				if verb == "Count" && calls.Add(1) == 3 { // one to look, three to count
					return errDown
				}
				return nil
			})
			_, err := d.trySignIn("ana@example.com", authtest.Secret)
			unknowable(t, err, "sign-in")
		}
		store.down()
		d.signIn("ana@example.com")
	})
}

// A request that its client gave up signs nobody in and is no guess.
func TestRequestGivenUp(t *testing.T) {
	var cancel context.CancelFunc
	busy := fake{name: "busy", prove: func(ctx context.Context, c cloakroom.Claim) (cloakroom.Proof, error) {
		cancel()
		return cloakroom.Proof{}, ctx.Err()
	}}
	w := newWorld(t, cloakroom.Config{Methods: []cloakroom.Method{authtest.Password(t), busy}})
	ana := w.User("ana@example.com")
	d := w.browser()
	for range 30 {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cancel = stop
		answer := httptest.NewRecorder()
		_, err := w.SignIn(answer, d.request().WithContext(ctx), cloakroom.SignIn{Email: ana.Email, Secret: "x", Method: "busy"})
		unknowable(t, err, "while the method worked")
		_, err = w.SignIn(answer, d.request().WithContext(ctx), cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret})
		unknowable(t, err, "before it began")
		if len(answer.Result().Cookies()) > 0 {
			t.Fatal("a cookie was set")
		}
	}
	d.signIn(ana.Email)
}

// A store that only reads cannot sign anybody in.
func TestReadyWrites(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	done(t, w.Ready(t.Context()))
	done(t, w.Ready(t.Context()))
	store.down(writes...)
	unknowable(t, w.Ready(t.Context()), "S250 Ready of a store whose writes fail")
	store.down(reads...)
	unknowable(t, w.Ready(t.Context()), "S250 Ready of a store whose reads fail")
}

// A store that was closed under us is one that does not answer.
func TestStoreClosed(t *testing.T) {
	store := memory.New()
	w := newWorld(t, cloakroom.Config{Store: store})
	w.User("ana@example.com")
	d := w.browser()
	d.signIn("ana@example.com")
	token := d.token
	done(t, w.Ready(t.Context()))
	done(t, store.Shutdown())
	t.Run("S51 S250 503 for whoever is signed in, and not ready", func(t *testing.T) {
		d.answers(http.StatusServiceUnavailable, "a protected page")
		unknowable(t, w.Ready(t.Context()), "Ready")
		unknowable(t, d.signOut(""), "sign-out")
		_, err := w.browser().trySignIn("ana@example.com", authtest.Secret)
		unknowable(t, err, "S52 sign-in")
		if d.token != token {
			t.Error("the browser lost its cookie")
		}
		w.Clock.Advance(time.Hour)
		_, err = w.Sweep(t.Context())
		unknowable(t, err, "Sweep")
	})
}
