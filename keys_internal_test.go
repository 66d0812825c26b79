package cloakroom

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestSigningKeyState(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before, after := now.Add(-1), now.Add(1)
	for _, c := range []struct {
		name string
		key  SigningKey
		want KeyState
	}{
		{"without a time", SigningKey{}, KeyNext},
		{"to be active in a moment", SigningKey{ActiveAt: after}, KeyNext},
		{"active from now on", SigningKey{ActiveAt: now}, KeyActive},
		{"active, its end is set", SigningKey{ActiveAt: before, RetiredAt: after}, KeyActive},
		{"retired from now on", SigningKey{ActiveAt: before, RetiredAt: now}, KeyRetiring},
		{"withdrawn while next", SigningKey{WithdrawnAt: before}, KeyWithdrawn},
		{"withdrawn while active", SigningKey{ActiveAt: before, WithdrawnAt: now}, KeyWithdrawn},
		{"withdrawn by a clock that is ahead", SigningKey{ActiveAt: before, WithdrawnAt: after}, KeyWithdrawn},
		{"withdrawn while retiring", SigningKey{ActiveAt: before, RetiredAt: before, WithdrawnAt: now}, KeyWithdrawn},
	} {
		if got := c.key.State(now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// keyLife is a set of keys and a clock.
type keyLife struct {
	t    *testing.T
	p    keyPolicy
	now  time.Time
	made int
	keys []SigningKey
}

func newKeyLife(t *testing.T) *keyLife {
	return &keyLife{t: t, p: keyPolicy{"ES256", 24 * time.Hour}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (l *keyLife) fresh() (SigningKey, error) {
	l.made++
	return SigningKey{ID: fmt.Sprint("k", l.made), Algorithm: l.p.algorithm, CreatedAt: l.now}, nil
}

// pass lets time go by and then advances until all is as it should be at this moment. It says whether that changed
// anything.
func (l *keyLife) pass(d time.Duration) (changed bool) {
	l.t.Helper()
	l.now = l.now.Add(d)
	for range 2 { // a key that takes over at once leaves the making of the next one to the next look
		changed = l.advance() || changed
	}
	if l.advance() {
		l.t.Errorf("advanced three times at one moment, and it still changes: %+v", l.keys)
	}
	return changed
}

func (l *keyLife) advance() bool {
	l.t.Helper()
	given := slices.Clone(l.keys)
	before := slices.Clone(l.keys)
	next, changed, err := l.p.advance(given, l.now, l.fresh)
	if err != nil {
		l.t.Fatal(err)
	}
	if !slices.EqualFunc(given, before, sameKey) {
		l.t.Error("the list that was given has changed")
	}
	if changed == slices.EqualFunc(next, before, sameKey) {
		l.t.Errorf("changed is %v, from %+v to %+v", changed, before, next)
	}
	l.keys = next
	return changed
}

func sameKey(a, b SigningKey) bool {
	return a.ID == b.ID && a.CreatedAt.Equal(b.CreatedAt) && a.ActiveAt.Equal(b.ActiveAt) && a.RetiredAt.Equal(b.RetiredAt) && a.WithdrawnAt.Equal(b.WithdrawnAt)
}

// shows holds the states of all keys against "id state, …".
func (l *keyLife) shows(want string) {
	l.t.Helper()
	got := ""
	for i, k := range l.keys {
		if i > 0 {
			got += ", "
		}
		got += k.ID + " " + string(k.State(l.now))
	}
	if got != want {
		l.t.Errorf("%s; want %s", got, want)
	}
}

func (l *keyLife) key(id string) *SigningKey {
	return &l.keys[slices.IndexFunc(l.keys, func(k SigningKey) bool { return k.ID == id })]
}

func TestKeyPolicy(t *testing.T) {
	t.Run("the first start makes one that signs and one that is next", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.shows("k1 active, k2 next")
	})
	t.Run("S169 a key signs for its age, then as soon as everybody can know the next one", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		if l.pass(l.p.age - 1) {
			t.Error("something changed before the key was old")
		}
		l.pass(1) // at once: the next one has been there for long
		l.shows("k1 retiring, k2 active, k3 next")
		for range 5 {
			active := l.keys[slices.IndexFunc(l.keys, func(k SigningKey) bool { return k.State(l.now) == KeyActive })]
			if active.ID != "k1" && active.ActiveAt.Sub(active.CreatedAt) < keyLead {
				t.Errorf("%s signed %v after it was published", active.ID, active.ActiveAt.Sub(active.CreatedAt))
			}
			l.pass(active.ActiveAt.Add(l.p.age).Sub(l.now))
		}
		if l.made != 8 {
			t.Errorf("%d keys were made", l.made)
		}
	})
	t.Run("S168 an old key is listed until its last token is dead", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.pass(l.p.age)
		l.pass(keyLinger - 1)
		l.shows("k1 retiring, k2 active, k3 next")
		l.pass(1)
		l.shows("k2 active, k3 next")
	})
	t.Run("S169 another algorithm waits until its first key is known", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.p.algorithm = "EdDSA"
		l.pass(time.Hour)
		l.shows("k1 active, k2 next, k3 next")
		if at := l.key("k3").ActiveAt; !at.Equal(l.now.Add(keyLead)) || !l.key("k1").RetiredAt.Equal(at) {
			t.Errorf("k3 signs at %v, k1 until %v, want %v", at, l.key("k1").RetiredAt, l.now.Add(keyLead))
		}
		l.pass(keyLead - 1)
		l.shows("k1 active, k2 next, k3 next")
		l.pass(1)
		l.shows("k1 retiring, k2 next, k3 active, k4 next")
		if l.key("k4").Algorithm != "EdDSA" {
			t.Error("the next one is of the old algorithm")
		}
		l.pass(nextAbandoned - keyLead - time.Hour - 1)
		l.shows("k2 next, k3 active, k4 next")
		l.pass(1)
		l.shows("k3 active, k4 next")
	})
	t.Run("back to the algorithm of a next key that is still there", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.p.algorithm = "EdDSA"
		l.pass(time.Hour)
		l.pass(keyLead)
		l.p.algorithm = "ES256"
		l.pass(time.Minute)
		l.shows("k1 retiring, k2 active, k3 retiring, k4 next, k5 next")
	})
	t.Run("S170 a withdrawn key is replaced at once by the one that is next", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.key("k1").WithdrawnAt = l.now
		l.pass(0)
		l.shows("k1 withdrawn, k2 active, k3 next")
		l.pass(keyLinger - 1)
		l.shows("k1 withdrawn, k2 active, k3 next")
		l.pass(1)
		l.shows("k2 active, k3 next")
	})
	t.Run("both are withdrawn at once", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.key("k1").WithdrawnAt, l.key("k2").WithdrawnAt = l.now, l.now
		l.pass(0)
		l.shows("k1 withdrawn, k2 withdrawn, k3 active, k4 next")
	})
	t.Run("nobody ran for a year", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.pass(365 * 24 * time.Hour)
		l.shows("k1 retiring, k2 active, k3 next")
		l.pass(keyLinger)
		l.shows("k2 active, k3 next")
	})
	t.Run("nobody ran while a key took over that had been told to", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.p.schedule(l.keys, 0, l.now)
		l.pass(time.Hour)
		l.shows("k1 retiring, k2 active, k3 next")
	})
	t.Run("S169 also when the next key is withdrawn while it waits to take over", func(t *testing.T) {
		l := newKeyLife(t)
		l.pass(0)
		l.p.schedule(l.keys, 0, l.now)
		l.pass(keyLead / 2)
		l.key("k2").WithdrawnAt = l.now
		for range 20 {
			l.pass(time.Minute)
		}
		if k := l.key("k3"); k.State(l.now) != KeyActive && k.State(l.now) != KeyNext || !k.ActiveAt.IsZero() && k.ActiveAt.Sub(k.CreatedAt) < keyLead {
			t.Errorf("k3 signs %v after it was published, want %v or more", k.ActiveAt.Sub(k.CreatedAt), keyLead)
		}
	})
	t.Run("no key can be made", func(t *testing.T) {
		l := newKeyLife(t)
		broken := errors.New("no randomness")
		_, _, err := l.p.advance(nil, l.now, func() (SigningKey, error) { return SigningKey{}, broken })
		if !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	})
}
