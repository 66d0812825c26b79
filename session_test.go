package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

func TestSessionRules(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := cloakroom.Session{ExpiresAt: now, AuthenticatedAt: now.Add(-time.Minute)}
	if s.Live(now) || !s.Live(now.Add(-1)) {
		t.Error("a session lives until the moment of its end, and not in it")
	}
	if s.Fresh(now, time.Minute) || !s.Fresh(now, time.Minute+1) {
		t.Error("a proof is fresh for less than the time asked for")
	}
	if guest := (cloakroom.Session{}); !guest.Anonymous() || guest.Fresh(now, 1<<62) {
		t.Error("a guest has proven something")
	}
}

func TestLifetime(t *testing.T) {
	const idle, absolute = 10 * time.Minute, time.Hour
	config := func(store cloakroom.Store) cloakroom.Config {
		return cloakroom.Config{Store: store, Session: cloakroom.Lifetime{Idle: idle, Absolute: absolute}}
	}
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, config(store))
		w.User("ana@example.com")

		t.Run("S42 V59 V60 a request inside the idle time extends it, without anything written; at its end the session is over", func(t *testing.T) {
			d := w.browser()
			d.signIn("ana@example.com")
			for range 5 {
				w.Clock.Advance(idle - time.Microsecond)
				d.answers(http.StatusOK, "a microsecond before the idle end")
			}
			want := w.Clock.Now().Add(idle)
			if s := d.live(); !s.ExpiresAt.Equal(want) {
				t.Errorf("the session says it ends %v, want %v", s.ExpiresAt, want)
			}
			w.Clock.Advance(idle)
			answer := httptest.NewRecorder()
			w.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { t.Error("let in") }).ServeHTTP(answer, d.request())
			if answer.Code != http.StatusUnauthorized {
				t.Errorf("at the idle end the answer is %d", answer.Code)
			}
			if c := answer.Result().Cookies(); len(c) != 1 || c[0].MaxAge >= 0 {
				t.Errorf("the browser keeps a dead cookie: %v", c)
			}
		})
		t.Run("S43 V63 at the absolute end an active session is over", func(t *testing.T) {
			d := w.browser()
			created := d.signIn("ana@example.com").CreatedAt
			for w.Clock.Now().Before(created.Add(absolute - 5*time.Minute)) {
				w.Clock.Advance(5 * time.Minute)
				d.answers(http.StatusOK, "in use")
			}
			if s := d.live(); !s.ExpiresAt.Equal(created.Add(absolute)) {
				t.Errorf("the session says it ends %v, want %v", s.ExpiresAt, created.Add(absolute))
			}
			w.Clock.Advance(5*time.Minute - time.Microsecond)
			d.answers(http.StatusOK, "a microsecond before the absolute end")
			w.Clock.Advance(time.Microsecond)
			d.answers(http.StatusUnauthorized, "at the absolute end")
		})
		t.Run("a new token does not move the absolute end", func(t *testing.T) {
			d := w.browser()
			created := d.signIn("ana@example.com").CreatedAt
			for range 6 {
				w.Clock.Advance(absolute/6 - time.Microsecond)
				d.renew()
			}
			if s := d.live(); !s.CreatedAt.Equal(created) || !s.ExpiresAt.Equal(created.Add(absolute)) {
				t.Errorf("created %v, ends %v; want %v and %v", s.CreatedAt, s.ExpiresAt, created, created.Add(absolute))
			}
			w.Clock.Advance(6 * time.Microsecond)
			d.answers(http.StatusUnauthorized, "at the absolute end")
		})
		t.Run("S53 an expired row opens nothing, is not adopted, and is swept", func(t *testing.T) {
			d := w.browser()
			old := d.begin()
			dead := d.token
			w.Clock.Advance(idle)
			if _, err := d.session(); err == nil {
				t.Fatal("the expired session is alive")
			}
			fresh := d.begin()
			if fresh.ID == old.ID || d.token == dead {
				t.Error("the expired session was taken up again")
			}
			w.Clock.Advance(time.Hour)
			if n, err := w.Sweep(t.Context()); err != nil || n == 0 {
				t.Errorf("swept %d, %v", n, err)
			}
			if n, err := w.Sweep(t.Context()); err != nil || n != 0 {
				t.Errorf("a second sweep finds %d, %v", n, err)
			}
		})
	})
}
