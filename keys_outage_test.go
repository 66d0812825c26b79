package cloakroom_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// hourly is signing with keys that take turns each hour.
func hourly(store cloakroom.Store) cloakroom.Config {
	c := signing(store)
	c.Token.KeyAge = time.Hour
	return c
}

func TestKeysThatCannotBeWritten(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, hourly(store))
	ana := w.User("ana@example.com")
	h := w.app()
	h.signIn(ana.Email)
	before, listed := w.keyIDs(cloakroom.KeyActive), w.kids()
	w.Clock.Advance(55 * time.Minute)
	h.exchanged()
	store.down("SwapKeySet")
	w.Clock.Advance(6 * time.Minute) // the next key is due
	w.Forget()
	h.answers(200, "a token, while no key can be written")
	if len(w.Events(cloakroom.RequestFailed)) == 0 {
		t.Error("nobody is told")
	}
	h.exchanged()
	w.app().signIn(ana.Email)
	c := hourly(nil)
	c.Token.Algorithm = "EdDSA" // its first key would have to be made
	if other := w.beside(c).kids(); !slices.Equal(other, listed) {
		t.Errorf("published %q, but only %q are written down", other, listed)
	}
	store.down()
	w.Clock.Advance(time.Second)
	w.published()
	if after := w.keyIDs(cloakroom.KeyActive); len(after) != 1 || after[0] == before[0] {
		t.Errorf("active %q, before %q", after, before)
	}
}

func TestKeysThatCannotBeRead(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, signing(store))
	h := w.app()
	h.signIn(w.User("ana@example.com").Email)
	t.Run("a failure is believed for a moment, not longer", func(t *testing.T) {
		w.Clock.Advance(time.Second)
		store.down("KeySet")
		h.answers(503, "the store is down")
		asked := store.count("KeySet")
		h.answers(503, "at the same moment")
		if store.count("KeySet") != asked {
			t.Error("each request asks a store that is down")
		}
		store.down()
		w.Clock.Advance(100 * time.Millisecond)
		h.answers(200, "a tenth of a second after the store is well")
	})
	t.Run("what took long to read is as fresh as its end", func(t *testing.T) {
		w.Clock.Advance(time.Second)
		store.hook(func(verb string) error {
			if verb == "KeySet" {
				w.Clock.Advance(3 * time.Second)
			}
			return nil
		})
		w.published()
		asked := store.count("KeySet")
		w.published()
		store.hook(nil)
		if store.count("KeySet") != asked {
			t.Error("those who waited would each ask again")
		}
	})
	t.Run("who waits for it goes when its time is over", func(t *testing.T) {
		w.Clock.Advance(time.Second)
		asked, release, waited := make(chan struct{}), make(chan struct{}), make(chan error, 2)
		store.hook(func(verb string) error {
			if verb == "KeySet" {
				close(asked)
				<-release
			}
			return nil
		})
		go func() {
			_, _, err := w.JWKS(context.Background())
			waited <- err
		}()
		<-asked
		store.hook(nil)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		impatient := make(chan error, 1)
		go func() {
			_, _, err := w.JWKS(over)
			impatient <- err
		}()
		select {
		case err := <-impatient:
			unknowable(t, err, "whose time is over")
		case <-time.After(10 * time.Second):
			t.Error("it waits for somebody else's question")
		}
		close(release)
		done(t, <-waited)
	})
}

func TestSecretsInTwoOrders(t *testing.T) {
	turned := func(first, second byte) cloakroom.Config {
		c := hourly(nil)
		c.Secrets = []cloakroom.Secret{secret(first), secret(second)}
		return c
	}
	t.Run("two processes do not seal each other's keys for ever", func(t *testing.T) {
		w := newWorld(t, turned(1, 2))
		other := w.beside(turned(2, 1))
		w.published()
		before, err := w.Store().KeySet(t.Context(), "")
		done(t, err)
		for range 40 {
			w.Clock.Advance(time.Second)
			w.published()
			other.published()
		}
		after, err := w.Store().KeySet(t.Context(), "")
		done(t, err)
		if n := after.Revision - before.Revision; n > 2 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("a key that another process made later is sealed again, too", func(t *testing.T) {
		w := newWorld(t, turned(2, 1))
		ana := w.User("ana@example.com")
		w.published()
		other := w.beside(turned(1, 2))
		w.Clock.Advance(time.Hour)
		for range 3 { // it is the first to see that a key is due, and makes the next
			other.published()
			w.Clock.Advance(time.Second)
		}
		w.published()
		done(t, w.SetSecrets([]cloakroom.Secret{secret(2)}))
		for range 90 {
			w.Clock.Advance(time.Minute)
			w.published()
		}
		w.app().signIn(ana.Email)
	})
}

// A process whose secrets open no key makes none: nobody else could sign with it.
func TestStrangerMakesNoKey(t *testing.T) {
	w := newWorld(t, signing(nil))
	ana := w.User("ana@example.com")
	w.published()
	c := signing(nil)
	c.Secrets = []cloakroom.Secret{secret(3)}
	stranger := w.beside(c)
	w.Clock.Advance(time.Hour)
	stranger.published()
	for range 3 { // keys are due, and the stranger is the first to see it
		w.Clock.Advance(91 * 24 * time.Hour)
		for range 3 {
			_, _, _ = stranger.JWKS(t.Context())
			w.Clock.Advance(time.Second)
		}
		w.app().signIn(ana.Email)
	}
}
