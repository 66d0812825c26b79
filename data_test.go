package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestKey(t *testing.T) {
	type form struct {
		Name  string
		Steps []int
	}
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		ana := w.User("ana@example.com")
		ctx := t.Context()
		t.Run("set, get, update, delete, by a guest and by a user", func(t *testing.T) {
			key := cloakroom.NewKey[form]("form")
			guest, user := w.browser(), w.program()
			guest.begin()
			user.signIn(ana.Email)
			for _, d := range []*device{guest, user} {
				if v, ok, err := key.Get(ctx, d.live()); ok || err != nil || v.Name != "" {
					t.Errorf("before: %v %v %v", v, ok, err)
				}
				done(t, key.Delete(ctx, d.live())) // nothing there
				done(t, key.Set(ctx, d.live(), form{Name: "a"}))
				v, err := key.Update(ctx, d.live(), func(f form) (form, error) { f.Steps = append(f.Steps, 1); return f, nil })
				if err != nil || v.Name != "a" || len(v.Steps) != 1 {
					t.Errorf("updated to %v, %v", v, err)
				}
				if v, ok, err := key.Get(ctx, d.live()); !ok || err != nil || v.Name != "a" || len(v.Steps) != 1 {
					t.Errorf("after: %v %v %v", v, ok, err)
				}
				done(t, key.Set(ctx, d.live(), form{}))
				if _, ok, err := key.Get(ctx, d.live()); !ok || err != nil {
					t.Errorf("a zero value that was set: %v %v", ok, err)
				}
				done(t, key.Delete(ctx, d.live()))
				if _, ok, err := key.Get(ctx, d.live()); ok || err != nil {
					t.Errorf("deleted: %v %v", ok, err)
				}
			}
		})
		t.Run("S48 64 updates at once lose none", func(t *testing.T) {
			n, other := cloakroom.NewKey[int]("n"), cloakroom.NewKey[int]("other")
			d := w.browser()
			s := d.signIn(ana.Email)
			if ok := atOnce(64, func(i int) error {
				if i%2 == 0 {
					return other.Set(ctx, s, i) // another key never disturbs
				}
				return second(n.Update(ctx, s, func(v int) (int, error) { return v + 1, nil }))
			}); ok != 64 {
				t.Errorf("%d succeeded", ok)
			}
			if v, _, err := n.Get(ctx, d.live()); v != 32 || err != nil {
				t.Errorf("counted %d, %v", v, err)
			}
			if v, ok, err := other.Get(ctx, d.live()); !ok || v%2 != 0 || err != nil {
				t.Errorf("the other key has %d, %v, %v", v, ok, err)
			}
		})
		t.Run("S54 a change that fails or panics writes nothing", func(t *testing.T) {
			key := cloakroom.NewKey[string]("k")
			d := w.browser()
			s := d.signIn(ana.Email)
			done(t, key.Set(ctx, s, "before"))
			no := errors.New("no")
			_, err := key.Update(ctx, s, func(string) (string, error) { return "after", no })
			fails(t, err, no, "Update")
			handler := w.Protect(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				_, _ = key.Update(r.Context(), s, func(string) (string, error) { panic("in the middle") })
			})
			func() {
				defer func() { _ = recover() }()
				handler.ServeHTTP(httptest.NewRecorder(), d.request())
				t.Error("it did not panic")
			}()
			if v, _, err := key.Get(ctx, d.live()); v != "before" || err != nil {
				t.Errorf("it holds %q, %v", v, err)
			}
		})
		t.Run("a value has at most 32 KiB, and not a byte more", func(t *testing.T) {
			key := cloakroom.NewKey[string]("big")
			d := w.browser()
			s := d.signIn(ana.Email)
			fits := strings.Repeat("x", 32<<10-2) // and two quotes
			done(t, key.Set(ctx, s, fits))
			fails(t, key.Set(ctx, s, fits+"x"), cloakroom.ErrTooLarge, "one byte more")
			_, err := key.Update(ctx, s, func(v string) (string, error) { return v + "x", nil })
			fails(t, err, cloakroom.ErrTooLarge, "one byte more by Update")
			if v, _, err := key.Get(ctx, d.live()); v != fits || err != nil {
				t.Errorf("it holds %d bytes, %v", len(v), err)
			}
		})
		t.Run("a session has at most 128 KiB, keys included, and not a byte more", func(t *testing.T) {
			d := w.browser()
			s := d.signIn(ana.Email)
			for _, name := range []string{"a", "b", "c"} {
				done(t, cloakroom.NewKey[string](name).Set(ctx, s, strings.Repeat("x", 32<<10-3)))
			}
			last := cloakroom.NewKey[string]("d")
			done(t, last.Set(ctx, s, strings.Repeat("x", 32<<10-3)))
			one := cloakroom.NewKey[int]("e")
			fails(t, one.Set(ctx, s, 1), cloakroom.ErrTooLarge, "two bytes more")
			fails(t, last.Set(ctx, s, strings.Repeat("x", 32<<10-2)), cloakroom.ErrTooLarge, "one byte more")
			if v, _, err := last.Get(ctx, d.live()); len(v) != 32<<10-3 || err != nil {
				t.Errorf("it holds %d bytes, %v", len(v), err)
			}
			done(t, last.Delete(ctx, s))
			done(t, one.Set(ctx, s, 1))
		})
		t.Run("a value of another type is told by what reads it, and replaced by what does not", func(t *testing.T) {
			number, text := cloakroom.NewKey[int]("type"), cloakroom.NewKey[string]("type")
			d := w.browser()
			s := d.signIn(ana.Email)
			done(t, text.Set(ctx, s, "seven"))
			if _, ok, err := number.Get(ctx, s); ok || err == nil {
				t.Errorf("Get: %v, %v", ok, err)
			}
			if _, err := number.Update(ctx, s, func(n int) (int, error) { return n, nil }); err == nil {
				t.Error("Update took it for a number")
			}
			done(t, number.Set(ctx, s, 7))
			if n, ok, err := number.Get(ctx, d.live()); n != 7 || !ok || err != nil {
				t.Errorf("after Set: %d, %v, %v", n, ok, err)
			}
			done(t, text.Delete(ctx, s))
			if _, ok, err := number.Get(ctx, d.live()); ok || err != nil {
				t.Errorf("after Delete: %v, %v", ok, err)
			}
		})
		t.Run("a session that ended takes nothing and has nothing", func(t *testing.T) {
			key := cloakroom.NewKey[string]("k")
			d := w.browser()
			s := d.signIn(ana.Email)
			done(t, key.Set(ctx, s, "v"))
			done(t, d.signOut(""))
			fails(t, key.Set(ctx, s, "w"), cloakroom.ErrInvalidToken, "Set")
			_, err := key.Update(ctx, s, func(v string) (string, error) { return v + "w", nil })
			fails(t, err, cloakroom.ErrInvalidToken, "Update")
			if v, ok, err := key.Get(ctx, s); ok || v != "" || err != nil {
				t.Errorf("Get: %q, %v, %v", v, ok, err)
			}
			done(t, key.Delete(ctx, s))
		})
	})
}

func TestBadKeys(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	s := w.browser().begin()
	for _, name := range []string{"", "a b", "é", "a/b", "a\x00", strings.Repeat("x", 65)} {
		key := cloakroom.NewKey[int](name)
		_, _, get := key.Get(t.Context(), s)
		_, update := key.Update(t.Context(), s, func(int) (int, error) { return 1, nil })
		for method, err := range map[string]error{"Get": get, "Set": key.Set(t.Context(), s, 1), "Update": update, "Delete": key.Delete(t.Context(), s)} {
			if err == nil {
				t.Errorf("%s of the key %q succeeded", method, name)
			}
		}
	}
	done(t, cloakroom.NewKey[int]("a.b-c_d:E9"+strings.Repeat("x", 54)).Set(t.Context(), s, 1))
	key := cloakroom.NewKey[int]("k")
	fails(t, key.Set(t.Context(), nil, 1), cloakroom.ErrUnauthenticated, "no session")
	fails(t, key.Set(t.Context(), &cloakroom.Session{}, 1), cloakroom.ErrUnauthenticated, "a session of nobody's making")
	if err := cloakroom.NewKey[func()]("f").Set(t.Context(), s, func() {}); err == nil {
		t.Error("a function was stored")
	}
}

func TestDataFaults(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	d := w.browser()
	s := d.begin()
	key := cloakroom.NewKey[string]("k")
	t.Run("S50 one change is one write", func(t *testing.T) {
		before := store.count(writes...)
		done(t, key.Set(t.Context(), s, "before"))
		if n := store.count(writes...) - before; n != 1 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		for _, verb := range []string{"Datum", "SetDatum"} {
			store.down(verb)
			unknowable(t, key.Set(t.Context(), s, "after"), "Set without "+verb)
			unknowable(t, key.Delete(t.Context(), s), "Delete without "+verb)
		}
		store.down("Datum")
		_, _, err := key.Get(t.Context(), s)
		unknowable(t, err, "Get")
		store.down()
		if v, _, err := key.Get(t.Context(), d.live()); v != "before" || err != nil {
			t.Errorf("it holds %q, %v", v, err)
		}
	})
	t.Run("a request that is given up while others are faster", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store.hook(func(verb string) error {
			if verb == "SetDatum" {
				cancel()
				return cloakroom.ErrConflict
			}
			return nil
		})
		unknowable(t, key.Set(ctx, s, "after"), "Set")
		store.down()
	})
}
