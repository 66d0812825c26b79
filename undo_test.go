package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// guards are the ways to put a handler behind a guard that sees its end.
func (w *world) guards() map[string]func(cloakroom.Handler) http.Handler {
	return map[string]func(cloakroom.Handler) http.Handler{
		"Protect":  func(h cloakroom.Handler) http.Handler { return w.Protect(h) },
		"Optional": w.Optional,
		"Require": func(h cloakroom.Handler) http.Handler {
			return w.Require()(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
				s, _ := cloakroom.FromContext(r.Context())
				h(answer, r, s)
			}))
		},
	}
}

// crash sends a request to a handler that does not return, on a goroutine that may end with it, and returns the panic.
func crash(t testing.TB, h http.Handler, r *http.Request) (p any, answer *httptest.ResponseRecorder) {
	t.Helper()
	answer = httptest.NewRecorder()
	var wait sync.WaitGroup
	returned := false
	wait.Add(1)
	go func() {
		defer wait.Done()
		defer func() { p = recover() }()
		h.ServeHTTP(answer, r)
		returned = true
	}()
	wait.Wait()
	if returned {
		t.Error("the handler returned")
	}
	return p, answer
}

// holds checks, with a request of its own, what a key holds; an empty string means nothing.
func (d *device) holds(key cloakroom.Key[string], want, when string) {
	d.t.Helper()
	got, ok, err := key.Get(d.t.Context(), d.live())
	if err != nil || got != want || ok != (want != "") {
		d.t.Errorf("%s: it holds %.40q, %v, %v, want %.40q", when, got, ok, err, want)
	}
}

func TestPanicChangesNothing(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		w.User("ana@example.com")
		ctx := t.Context()
		one, two, three := cloakroom.NewKey[string]("one"), cloakroom.NewKey[string]("two"), cloakroom.NewKey[string]("three")
		oops := errors.New("oops")
		ends := map[string]struct {
			end  func()
			told any
		}{
			"panic":                {func() { panic(oops) }, oops},
			"http.ErrAbortHandler": {func() { panic(http.ErrAbortHandler) }, http.ErrAbortHandler},
			"runtime.Goexit":       {runtime.Goexit, nil},
		}
		arrange := func(t *testing.T) *device {
			d := w.browser()
			s := d.signIn("ana@example.com")
			done(t, one.Set(ctx, s, "first"))
			done(t, two.Set(ctx, s, "second"))
			return d
		}
		for guard, guarded := range w.guards() {
			for name, by := range ends {
				t.Run("S54 what a handler wrote is taken back, "+guard+", "+name, func(t *testing.T) {
					d := arrange(t)
					ctx, cancel := context.WithCancel(ctx)
					told, _ := crash(t, guarded(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
						done(t, one.Set(r.Context(), s, "changed"))
						done(t, one.Set(r.Context(), s, "changed again"))
						done(t, two.Delete(r.Context(), s))
						_, err := three.Update(r.Context(), s, func(string) (string, error) { return "new", nil })
						done(t, err)
						cancel() // the client has gone
						by.end()
					}), d.request().WithContext(ctx))
					if told != by.told {
						t.Errorf("the panic became %v", told)
					}
					d.holds(one, "first", "changed twice")
					d.holds(two, "second", "deleted")
					d.holds(three, "", "made")
				})
			}
			t.Run("what a handler wrote that returns stays, "+guard, func(t *testing.T) {
				d := arrange(t)
				guarded(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
					done(t, one.Set(r.Context(), s, "changed"))
				}).ServeHTTP(httptest.NewRecorder(), d.request())
				d.holds(one, "changed", "after a return")
			})
		}
		t.Run("S54 a copy of the session is watched, too", func(t *testing.T) {
			d := arrange(t)
			crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				other := *s
				done(t, one.Set(r.Context(), &other, "changed"))
				panic(oops)
			}), d.request())
			d.holds(one, "first", "changed through a copy")
		})
		t.Run("what another request wrote meanwhile stays", func(t *testing.T) {
			d := arrange(t)
			crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				done(t, one.Set(r.Context(), s, "ours"))
				done(t, two.Set(r.Context(), s, "ours"))
				done(t, three.Set(r.Context(), s, "ours"))
				other := d.live()
				done(t, one.Set(ctx, other, "theirs"))
				done(t, two.Set(ctx, other, "theirs"))
				done(t, two.Set(r.Context(), s, "ours again"))
				done(t, three.Delete(ctx, other))
				panic(oops)
			}), d.request())
			d.holds(one, "theirs", "theirs after ours")
			d.holds(two, "theirs", "ours after theirs after ours")
			d.holds(three, "", "they deleted ours")
		})
		t.Run("a revision that starts again is not taken for ours", func(t *testing.T) {
			d := arrange(t)
			crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				done(t, three.Set(r.Context(), s, "ours"))
				other := d.live()
				done(t, three.Delete(ctx, other))
				done(t, three.Set(ctx, other, "theirs"))
				panic(oops)
			}), d.request())
			d.holds(three, "theirs", "deleted and made anew")
		})
		t.Run("S54 a value that was deleted and made in turns", func(t *testing.T) {
			d := arrange(t)
			crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				for range 3 {
					done(t, one.Delete(r.Context(), s))
					done(t, one.Set(r.Context(), s, "again"))
					done(t, three.Set(r.Context(), s, "again"))
					done(t, three.Delete(r.Context(), s))
				}
				done(t, three.Set(r.Context(), s, "again"))
				panic(oops)
			}), d.request())
			d.holds(one, "first", "was there")
			d.holds(three, "", "was not there")
		})
		t.Run("S54 values that fill the session change places", func(t *testing.T) {
			d := w.browser()
			s := d.signIn("ana@example.com")
			big := strings.Repeat("x", 32<<10-10)
			full := []string{"a", "b", "c", "d"}
			for _, name := range full {
				done(t, cloakroom.NewKey[string](name).Set(ctx, s, big))
			}
			crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				for _, name := range full {
					done(t, cloakroom.NewKey[string](name).Delete(r.Context(), s))
					done(t, cloakroom.NewKey[string](name+name).Set(r.Context(), s, big))
				}
				for _, name := range full {
					done(t, cloakroom.NewKey[string](name).Set(r.Context(), s, name))
				}
				panic(oops)
			}), d.request())
			for _, name := range full {
				d.holds(cloakroom.NewKey[string](name), big, name)
				d.holds(cloakroom.NewKey[string](name+name), "", name+name)
			}
		})
		t.Run("S54 goroutines of one handler", func(t *testing.T) {
			d := arrange(t)
			n := cloakroom.NewKey[int]("n")
			done(t, n.Set(ctx, d.live(), 7))
			crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				if ok := atOnce(32, func(int) error {
					return errors.Join(
						second(n.Update(r.Context(), s, func(v int) (int, error) { return v + 1, nil })),
						three.Set(r.Context(), s, "made"))
				}); ok != 32 {
					t.Errorf("%d succeeded", ok)
				}
				panic(oops)
			}), d.request())
			if v, _, err := n.Get(ctx, d.live()); v != 7 || err != nil {
				t.Errorf("counted to %d, %v", v, err)
			}
			d.holds(three, "", "made by all")
		})
		t.Run("S54 a guest session that the handler began ends", func(t *testing.T) {
			w.Forget()
			d := w.browser()
			told, answer := crash(t, w.Optional(func(answer http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
				s, err := w.Begin(answer, r)
				done(t, err)
				done(t, one.Set(r.Context(), s, "of a guest"))
				panic(oops)
			}), d.request())
			if told != oops {
				t.Errorf("the panic became %v", told)
			}
			w.happened(cloakroom.GuestBegan, cloakroom.SessionRevoked)
			if d.keep(answer, nil); d.token == "" {
				t.Fatal("the answer had no cookie, so this shows nothing")
			}
			_, err := d.session()
			fails(t, err, cloakroom.ErrInvalidToken, "its token")
		})
		t.Run("a guest session that was there before the handler lives on", func(t *testing.T) {
			d := w.browser()
			done(t, one.Set(ctx, d.begin(), "before"))
			crash(t, w.Optional(func(answer http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
				s, err := w.Begin(answer, r)
				done(t, err)
				done(t, one.Set(r.Context(), s, "after"))
				panic(oops)
			}), d.request())
			d.holds(one, "before", "of a guest")
		})
		t.Run("a sign-in of the handler stays", func(t *testing.T) {
			d := w.browser()
			_, answer := crash(t, w.Optional(func(answer http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
				g, err := w.SignIn(answer, r, cloakroom.SignIn{Email: "ana@example.com", Secret: authtest.Secret, Terms: d.terms()})
				done(t, err)
				done(t, one.Set(r.Context(), g.Session, "of the sign-in"))
				panic(oops)
			}), d.request())
			d.keep(answer, nil)
			d.holds(one, "of the sign-in", "after a sign-in")
		})
		t.Run("a session that ended meanwhile is nothing to take back", func(t *testing.T) {
			w.Forget()
			d := arrange(t)
			w.Forget()
			crash(t, w.Protect(func(answer http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				done(t, one.Delete(r.Context(), s))
				done(t, two.Set(r.Context(), s, "changed"))
				done(t, w.SignOut(answer, r, cloakroom.ThisSession))
				panic(oops)
			}), d.request())
			w.happened(cloakroom.SignedOut)
		})
		t.Run("where no guard sees the end, writes stay", func(t *testing.T) {
			for name, find := range map[string]func(http.ResponseWriter, *http.Request) (*cloakroom.Session, error){
				"Enter":        func(w2 http.ResponseWriter, r *http.Request) (*cloakroom.Session, error) { return w.Enter(w2, r) },
				"Visit":        w.Visit,
				"Authenticate": func(_ http.ResponseWriter, r *http.Request) (*cloakroom.Session, error) { return w.Authenticate(r) },
			} {
				d := arrange(t)
				crash(t, http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
					s, err := find(answer, r)
					done(t, err)
					done(t, one.Set(r.Context(), s, "changed"))
					panic(oops)
				}), d.request())
				d.holds(one, "changed", name)
			}
		})
	})
}

func TestUndoFaults(t *testing.T) {
	key := cloakroom.NewKey[string]("k")
	oops := errors.New("oops")
	t.Run("S54 a store that is gone when a write is taken back: told, and the panic goes on", func(t *testing.T) {
		store := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: store})
		w.User("ana@example.com")
		d := w.browser()
		d.signIn("ana@example.com")
		for _, verb := range []string{"Datum", "SetDatum"} {
			w.Forget()
			told, _ := crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				done(t, key.Set(r.Context(), s, "changed"))
				store.down(verb)
				panic(oops)
			}), d.request())
			store.down()
			if told != oops {
				t.Errorf("without %s the panic became %v", verb, told)
			}
			events := w.Events()
			if len(events) != 1 || events[0].Type != cloakroom.RequestFailed || events[0].Reason != "undo" ||
				!errors.Is(events[0].Err, errDown) || events[0].SessionID != d.live().ID {
				t.Errorf("without %s told %+v", verb, events)
			}
			d.holds(key, "changed", "without "+verb)
			done(t, key.Delete(t.Context(), d.live()))
		}
	})
	t.Run("a guest session that cannot be ended is told", func(t *testing.T) {
		store := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: store})
		crash(t, w.Optional(func(answer http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
			_, err := w.Begin(answer, r)
			done(t, err)
			store.down("Close")
			panic(oops)
		}), w.browser().request())
		failed := w.Events(cloakroom.RequestFailed)
		if len(failed) != 1 || failed[0].Reason != "undo" || !errors.Is(failed[0].Err, errDown) {
			t.Errorf("told %+v", failed)
		}
	})
	t.Run("S54 a write whose answer was lost is taken back, too", func(t *testing.T) {
		store := &deaf{Store: memory.New()}
		w := newWorld(t, cloakroom.Config{Store: store, Secrets: []cloakroom.Secret{secret(1)}})
		w.User("ana@example.com")
		d := w.browser()
		done(t, key.Set(t.Context(), d.signIn("ana@example.com"), "before"))
		crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
			store.deaf = true
			unknowable(t, key.Set(r.Context(), s, "after"), "Set")
			store.deaf = false
			if v, _, _ := key.Get(r.Context(), s); v != "after" {
				t.Errorf("it holds %q, so this shows nothing", v)
			}
			panic(oops)
		}), d.request())
		d.holds(key, "before", "after a lost answer")
	})
	t.Run("somebody is faster than the taking back", func(t *testing.T) {
		store := wrap(memory.New())
		w := newWorld(t, cloakroom.Config{Store: store})
		w.User("ana@example.com")
		d := w.browser()
		done(t, key.Set(t.Context(), d.signIn("ana@example.com"), "before"))
		crash(t, w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
			done(t, key.Set(r.Context(), s, "ours"))
			store.hook(func(verb string) error {
				if verb == "SetDatum" { // between the read and the write of taking back
					store.down()
					done(t, key.Set(t.Context(), d.live(), "theirs"))
				}
				return nil
			})
			panic(oops)
		}), d.request())
		d.holds(key, "theirs", "written while ours was taken back")
	})
}

// deaf is a store whose answer to SetDatum may be lost.
type deaf struct {
	cloakroom.Store
	deaf bool
}

func (s *deaf) SetDatum(ctx context.Context, ref cloakroom.SessionRef, d cloakroom.Datum, maxBytes int) error {
	err := s.Store.SetDatum(ctx, ref, d, maxBytes)
	if s.deaf {
		return errDown
	}
	return err
}
