package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestBegin(t *testing.T) {
	t.Run("S35 V3 a session begins when a handler asks, and is kept", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		v := visiting(t, front(room), secure)
		a := v.post("/cart")
		if a.StatusCode != 200 || !strings.HasPrefix(a.text, "guest ses_") || !a.cookie(t).HttpOnly || a.cookie(t).MaxAge != 0 {
			t.Errorf("%d %s %v", a.StatusCode, a.text, a.Header)
		}
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %q", a.Header.Get("Cache-Control"))
		}
		v.wants("/page", 200, a.text)
		began := room.Events()
		if len(began) != 1 || began[0].Type != cloakroom.GuestBegan || "guest "+began[0].SessionID != a.text || began[0].UserID != "" {
			t.Errorf("events %+v", began)
		}
		t.Run("V7 the next request that begins is in the same session, and the token is not sent again", func(t *testing.T) {
			for range 3 {
				v.wants("/cart", 200, a.text).silent(t)
			}
			if n := len(room.Events()); n != 1 {
				t.Errorf("%d events, want the first alone", n)
			}
		})
	})
	t.Run("V2 V4 what does not ask begins nothing", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		v := visiting(t, front(room), secure)
		v.wants("/page", 200, "nobody").silent(t)
		a := v.wants("/me", 401, "")
		a.silent(t)
		if !strings.Contains(a.text, `"code":"unauthenticated"`) || len(room.Events()) > 0 {
			t.Errorf("%s, events %v", a.text, room.Events())
		}
	})
	t.Run("a user's session is what Begin finds", func(t *testing.T) {
		v := signedIn(t, authtest.New(t, cloakroom.Config{}), secure, "")
		v.wants("/cart", 200, "ana@example.com").silent(t)
	})
	t.Run("a dead cookie gives way to a new session, in one Set-Cookie", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		v := visiting(t, front(room), secure)
		first := v.post("/cart").text
		stale := v.twin()
		v.post("/logout")
		a := stale.post("/cart")
		if a.cookie(t).MaxAge != 0 || a.text == first {
			t.Errorf("%s, %v", a.text, a.Header["Set-Cookie"])
		}
		stale.wants("/page", 200, a.text)
	})
	t.Run("terms are kept, and refused by field", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		w := httptest.NewRecorder()
		_, err := room.BeginOn(w, httptest.NewRequest("POST", secure, nil), cloakroom.Terms{Delivery: "pigeon", Token: "signed"})
		var fields cloakroom.FieldErrors
		if !errors.As(err, &fields) || len(fields) != 2 || len(w.Header()) > 0 {
			t.Errorf("%v, %v", err, w.Header())
		}
		g, err := room.BeginOn(w, httptest.NewRequest("POST", secure, nil), cloakroom.Terms{Delivery: "bearer"})
		if err != nil || g.Tokens == nil || g.Tokens.ExpiresIn != 336*60*60*1e9 || w.Header().Get("Set-Cookie") != "" {
			t.Fatalf("%+v, %v, %v", g, err, w.Header())
		}
		v := visiting(t, front(room), secure)
		v.bearer = g.Tokens.Access.Reveal()
		v.wants("/page", 200, "guest "+g.Session.ID)
	})
}

// However often Begin is called for one request, it opens one session.
func TestBeginOnce(t *testing.T) {
	header := cloakroom.Bearer{ResponseHeader: "some-auth-token"}
	room := authtest.New(t, cloakroom.Config{Bearer: header})
	const callers = 32
	together := func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		var ids sync.Map
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				s, err := room.Begin(w, r)
				if err != nil {
					t.Error(err)
					return
				}
				ids.Store(s.ID, true)
			})
		}
		all.Wait()
		ids.Range(func(id, _ any) bool { fmt.Fprint(w, id, " "); return true })
		if s, ok := cloakroom.FromContext(r.Context()); !ok || !s.Anonymous() {
			t.Error("the context does not have the session that began")
		}
	}
	twice := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 2 {
			s, err := room.Begin(w, r)
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(w, s.ID, " ")
		}
	})
	for _, c := range []struct {
		name   string
		edit   func(*http.Request)
		tokens func(http.Header) []string
	}{
		{"by cookie", with("X"), func(h http.Header) []string { return h["Set-Cookie"] }},
		{"in place of a dead cookie", with("Cookie", secureName+"=junk"), func(h http.Header) []string { return h["Set-Cookie"] }},
		{"V52 in place of a dead bearer", with("Authorization", "Bearer junk"), func(h http.Header) []string { return h["Some-Auth-Token"] }},
	} {
		t.Run("V5 from many goroutines behind Optional, "+c.name, func(t *testing.T) {
			room.Forget()
			a := visiting(t, room.Optional(together), secure).get("/", c.edit)
			if strings.Count(a.text, "ses_") != 1 || len(room.Events(cloakroom.GuestBegan)) != 1 || len(c.tokens(a.Header)) != 1 {
				t.Errorf("sessions %s, events %v, tokens %d", a.text, room.Events(cloakroom.GuestBegan), len(c.tokens(a.Header)))
			}
		})
		t.Run("V5 twice in a row without any guard, "+c.name, func(t *testing.T) {
			room.Forget()
			a := visiting(t, twice, secure).get("/", c.edit)
			ids := strings.Fields(a.text)
			if len(ids) != 2 || ids[0] != ids[1] || len(room.Events(cloakroom.GuestBegan)) != 1 || len(c.tokens(a.Header)) != 1 {
				t.Errorf("sessions %v, events %v, tokens %d", ids, room.Events(cloakroom.GuestBegan), len(c.tokens(a.Header)))
			}
		})
	}
	t.Run("V5 behind Optional also where the token goes out by the grant alone", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		visiting(t, room.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
			first, err := room.BeginOn(w, r, cloakroom.Terms{Delivery: "bearer"})
			if err != nil || first.Tokens == nil {
				t.Fatalf("%+v, %v", first, err)
			}
			again, err := room.BeginOn(w, r, cloakroom.Terms{Delivery: "bearer"})
			if err != nil || again.Session.ID != first.Session.ID || again.Tokens != nil {
				t.Errorf("%+v, %v, want session %s without its token", again, err, first.Session.ID)
			}
		}), secure).get("/").silent(t)
		if n := len(room.Events(cloakroom.GuestBegan)); n != 1 {
			t.Errorf("%d sessions began", n)
		}
	})
	t.Run("who is told of it in the middle may ask who it is", func(t *testing.T) {
		asked := 0
		room := authtest.New(t, cloakroom.Config{OnEvent: func(ctx context.Context, _ cloakroom.Event) {
			cloakroom.FromContext(ctx) // must not wait for the Begin that waits for this
			asked++
		}})
		visiting(t, front(room), secure).get("/cart").cookie(t)
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
	t.Run("after a sign-out in the same request it begins another", func(t *testing.T) {
		for name, guard := range map[string]func(*authtest.Room, cloakroom.Handler) http.Handler{
			"behind Optional": func(room *authtest.Room, h cloakroom.Handler) http.Handler { return room.Optional(h) },
			"behind nothing": func(_ *authtest.Room, h cloakroom.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r, nil) })
			},
		} {
			room := authtest.New(t, cloakroom.Config{})
			v := signedIn(t, room, secure, "")
			before := v.twin()
			v.handler = guard(room, func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
				if err := room.SignOut(w, r, cloakroom.ThisSession); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					s, err := room.Begin(w, r)
					if err != nil || !s.Anonymous() {
						t.Fatalf("%s: %+v, %v", name, s, err)
					}
					fmt.Fprint(w, s.ID, " ")
				}
			})
			ids := strings.Fields(v.post("/").text)
			if len(ids) != 2 || ids[0] != ids[1] {
				t.Errorf("%s: sessions %v", name, ids)
			}
			v.handler = front(room)
			v.wants("/page", 200, "guest "+ids[0])
			before.wants("/me", 401, "")
		}
	})
	t.Run("behind Require it finds the user's session", func(t *testing.T) {
		room.Forget()
		v := signedIn(t, room, secure, "")
		v.handler = room.Require()(twice)
		room.Forget()
		if ids := strings.Fields(v.get("/").text); len(ids) != 2 || ids[0] != ids[1] || len(room.Events()) > 0 {
			t.Errorf("sessions %v, events %v", ids, room.Events())
		}
	})
	t.Run("it fails every time while the store does, and begins one when it is back", func(t *testing.T) {
		room, store := watched(t, cloakroom.Config{})
		store.down("Open")
		h := room.Optional(func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
			for i := range 3 {
				if i == 2 {
					store.down()
				}
				_, err := room.Begin(w, r)
				var unavailable *cloakroom.UnavailableError
				if errors.As(err, &unavailable) != (i < 2) {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
		visiting(t, h, secure).get("/").cookie(t)
	})
}

// How long a token lasts is told to the second, however long it took to make.
func TestExpiresIn(t *testing.T) {
	var clock *authtest.Clock
	room := authtest.New(t, cloakroom.Config{Now: func() time.Time {
		if clock == nil {
			clock = authtest.NewClock(time.Now())
		}
		clock.Advance(7 * time.Millisecond)
		return clock.Now()
	}})
	room.User("ana@example.com")
	bearer := cloakroom.Terms{Delivery: cloakroom.DeliverBearer}
	in := cloakroom.SignIn{Email: "ana@example.com", Secret: authtest.Secret, Terms: bearer}
	for name, open := range map[string]func(http.ResponseWriter, *http.Request) (*cloakroom.Grant, error){
		"a guest's": func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return room.BeginOn(w, r, bearer)
		},
		"a sign-in's": func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return room.SignIn(w, r, in) },
	} {
		g, err := open(httptest.NewRecorder(), httptest.NewRequest("POST", secure, nil))
		if err != nil || g.Tokens.ExpiresIn != 336*time.Hour {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// A token that nobody would ever hold is not made.
func TestBeginThatCannotSend(t *testing.T) {
	bearerOnly := cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"bearer"}}
	cookieOnly := cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"cookie"}}
	for name, c := range map[string]struct {
		policy cloakroom.DeliveryPolicy
		bearer string
		want   error
	}{
		"a dead bearer, no response header":           {cloakroom.DeliveryPolicy{}, "junk", cloakroom.ErrInvalidToken},
		"a bearer where only cookies are":             {cookieOnly, "junk", cloakroom.ErrInvalidToken},
		"no credential, bearer only, and no header":   {bearerOnly, "", cloakroom.ErrUnauthenticated},
		"a dead bearer, bearer only, and no header":   {bearerOnly, "junk", cloakroom.ErrInvalidToken},
		"no credential, where a cookie carries it":    {cloakroom.DeliveryPolicy{}, "", nil},
		"no credential, where both carry it together": {cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"both"}}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			room := authtest.New(t, cloakroom.Config{Delivery: c.policy})
			r := httptest.NewRequest("POST", secure, nil)
			if c.bearer != "" {
				r.Header.Set("Authorization", "Bearer "+c.bearer)
			}
			w := httptest.NewRecorder()
			_, err := room.Begin(w, r)
			if !errors.Is(err, c.want) || len(room.Events(cloakroom.GuestBegan)) != len(w.Header()["Set-Cookie"]) || (err == nil) != (len(w.Header()["Set-Cookie"]) == 1) {
				t.Errorf("%v, events %v, cookies %v", err, room.Events(), w.Header()["Set-Cookie"])
			}
		})
	}
	t.Run("a live bearer is found without any header", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{})
		v := signedIn(t, room, secure, "delivery=bearer")
		v.wants("/cart", 200, "ana@example.com")
	})
	t.Run("where every sign-in asks for both, a bearer is answered by bearer", func(t *testing.T) {
		room := authtest.New(t, cloakroom.Config{
			Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"both"}}, Bearer: cloakroom.Bearer{ResponseHeader: "some-auth-token"},
		})
		a := visiting(t, front(room), secure).post("/cart", with("Authorization", "Bearer junk"))
		a.silent(t)
		v := visiting(t, front(room), secure)
		v.bearer = a.Header.Get("some-auth-token")
		v.wants("/page", 200, a.text)
	})
}

// One request may begin a session, fill it and sign in: the session that it began is the guest that is upgraded.
func TestSignInAfterBegin(t *testing.T) {
	cart := cloakroom.NewKey[string]("cart")
	for name, guard := range map[string]func(*authtest.Room, cloakroom.Handler) http.Handler{
		"behind Optional": func(room *authtest.Room, h cloakroom.Handler) http.Handler { return room.Optional(h) },
		"behind nothing": func(_ *authtest.Room, h cloakroom.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r, nil) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			var upgraded []string
			room := authtest.New(t, cloakroom.Config{OnUpgrade: func(ctx context.Context, guest, user *cloakroom.Session) error {
				upgraded = append(upgraded, guest.ID, user.ID)
				cloakroom.FromContext(ctx) // must not wait for the sign-in that waits for this
				return nil
			}})
			room.User("ana@example.com")
			v := visiting(t, guard(room, func(w http.ResponseWriter, r *http.Request, _ *cloakroom.Session) {
				guest, err := room.Begin(w, r)
				if err != nil {
					t.Fatal(err)
				}
				if err := cart.Set(r.Context(), guest, "apples"); err != nil {
					t.Fatal(err)
				}
				g, err := room.SignIn(w, r, cloakroom.SignIn{Email: "ana@example.com", Secret: authtest.Secret})
				if err != nil {
					t.Fatal(err)
				}
				s, err := room.Begin(w, r)
				if err != nil || s.ID != g.Session.ID {
					t.Errorf("Begin after the sign-in: %v, %v, want %s", s, err, g.Session.ID)
				}
				if len(upgraded) != 2 || upgraded[0] != guest.ID || upgraded[1] != s.ID {
					t.Errorf("OnUpgrade: %v", upgraded)
				}
				if _, guarded := cloakroom.FromContext(r.Context()); guarded {
					if s, _ := cloakroom.FromContext(r.Context()); s.ID != g.Session.ID {
						t.Errorf("the context has %s", s.ID)
					}
				}
			}), secure)
			v.post("/").cookie(t)
			v.handler = room.Protect(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
				items, _, err := cart.Get(r.Context(), s)
				fmt.Fprint(w, s.User.Email, " has ", items, err)
			})
			v.wants("/", 200, "ana@example.com has apples<nil>")
			if n := len(room.Events(cloakroom.GuestBegan, cloakroom.SignedIn, cloakroom.GuestUpgraded)); n != 3 {
				t.Errorf("events %v", room.Events())
			}
		})
	}
}
