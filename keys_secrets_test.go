package cloakroom_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
	"github.com/cloakroom-auth/cloakroom/verify"
)

// A year (on a disk, a season) in which keys rotate by age and nobody does anything about it.
func TestKeysRotateByAge(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		c := signing(store)
		c.Token.KeyAge = 72 * time.Hour
		c.Session = cloakroom.Lifetime{Idle: 700 * 24 * time.Hour, Absolute: 700 * 24 * time.Hour}
		w := newWorld(t, c)
		c.Store = nil
		other := w.beside(c)
		ana := w.User("ana@example.com")
		h, arrives := w.app(), w.page()
		h.signIn(ana.Email)
		rules := verify.Rules{Type: verify.AccessToken, Issuer: secure, Audience: secure}
		signers, days := map[string]bool{}, 365
		if _, quick := store.(*memory.Store); !quick {
			days = 90
		}
		t.Run("S168 S169 no request fails, and a verifier that keeps the keys for their cache time knows every token", func(t *testing.T) {
			for step := range days * 24 / 10 {
				cached := []*world{w, other}[step%2].published()
				w.Clock.Advance(cloakroom.KeyCache - time.Microsecond)
				old := h.copied().at(other)
				h.exchanged()
				signers[kid(t, h.access)] = true
				if _, err := cached.Verify(h.access, rules, w.Clock.Now()); err != nil {
					t.Fatalf("step %d: a verifier: %v", step, err)
				}
				h.at(other).answers(http.StatusOK, "the new token, elsewhere")
				if step > 0 && step%20 == 0 {
					arrives.signIn(ana.Email)
					arrives.at(other).answers(http.StatusOK, "a sign-in, elsewhere")
				}
				w.Clock.Advance(5*time.Minute + time.Microsecond)
				old.access = h.access
				old.answers(http.StatusOK, "five minutes later, elsewhere")
				w.Clock.Advance(10*time.Hour - cloakroom.KeyCache - 5*time.Minute)
				if t.Failed() {
					t.Fatalf("step %d", step)
				}
			}
		})
		if n := len(signers); n < days/4 || n > days/3+1 {
			t.Errorf("%d keys have signed in %d days", n, days)
		}
		if n := len(w.kids()); n > 3 {
			t.Errorf("%d keys are listed at the end", n)
		}
	})
}

func TestSecretsOfKeysRotate(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		ana := w.User("ana@example.com")
		h := w.app()
		h.signIn(ana.Email)
		before := w.kids()
		t.Run("under a new secret the same keys are sealed again, and then the old one can go", func(t *testing.T) {
			done(t, w.SetSecrets([]cloakroom.Secret{secret(2), secret(1)}))
			w.Clock.Advance(time.Second)
			h.exchanged()
			set, err := store.KeySet(t.Context(), "")
			done(t, err)
			for _, k := range set.Keys {
				w.private(k, secret(2))
			}
			c := signing(nil)
			c.Secrets = []cloakroom.Secret{secret(2)}
			other := w.beside(c)
			if !slices.Equal(other.kids(), before) {
				t.Error("there are other keys")
			}
			h.at(other).answers(http.StatusOK, "a token, without the old secret")
			h = h.at(other)
			h.exchanged()
			fresh := other.app()
			fresh.signIn(ana.Email)
		})
		t.Run("keys that no secret opens are 503, and are not replaced", func(t *testing.T) {
			c := signing(nil)
			c.Secrets = []cloakroom.Secret{secret(3)}
			w.Clock.Advance(time.Second)
			stranger := w.beside(c)
			for range 3 {
				_, err := stranger.app().trySignIn(ana.Email)
				unknowable(t, err, "a sign-in")
				_, err = stranger.Feed(t.Context(), cloakroom.FeedQuery{})
				unknowable(t, err, "the feed")
				w.Clock.Advance(time.Minute)
			}
			if !slices.Equal(stranger.kids(), before) || !slices.Equal(w.kids(), before) {
				t.Error("there are other keys")
			}
		})
	})
}

// Secrets that are put right while the process runs are enough: it needs no restart.
func TestSecretsArePutRight(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	w.published()
	c := signing(nil)
	c.Secrets = []cloakroom.Secret{secret(3)}
	stranger := w.beside(c)
	_, err := stranger.app().trySignIn(ana.Email)
	unknowable(t, err, "with a secret that opens no key")
	done(t, stranger.SetSecrets([]cloakroom.Secret{secret(1)}))
	w.Clock.Advance(time.Second)
	stranger.app().signIn(ana.Email)
}
