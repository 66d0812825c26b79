package cache_test

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/cache"
)

func key(n int) cache.Key {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func newCache(bytes int64) *cache.Cache[string] {
	return cache.New(bytes, func(s string) int { return len(s) })
}

func TestGetPutDrop(t *testing.T) {
	c := newCache(1 << 20)
	if v, ok := c.Get(key(1)); ok {
		t.Errorf("an empty cache has %q", v)
	}
	c.Put(key(1), "one")
	c.Put(key(2), "two")
	c.Put(key(2), "three")
	if v, _ := c.Get(key(1)); v != "one" {
		t.Errorf("%q, want one", v)
	}
	if v, _ := c.Get(key(2)); v != "three" {
		t.Errorf("%q, want what was put last", v)
	}
	c.Drop(key(1))
	c.Drop(key(9))
	if v, ok := c.Get(key(1)); ok {
		t.Errorf("%q is there after Drop", v)
	}
}

// However much is put in, the memory stays within its bound once the cache has come to rest.
func TestBound(t *testing.T) {
	const bound = 1 << 20
	c := newCache(bound)
	value := string(make([]byte, 200))
	for n := range 50_000 {
		c.Put(key(n), value)
	}
	eventually(t, func() bool { return c.Bytes() <= bound && c.Bytes() > bound/2 }, "within its bound, and not empty")
	if n := c.Len(); n < 1000 || n > bound/200 {
		t.Errorf("%d entries", n)
	}
}

// Who shows many tokens once each, as an attacker with many guest sessions can, does not push out what others use.
func TestSprayedKeysDoNotFlushIt(t *testing.T) {
	const hot = 500
	c := newCache(1000 * (120 + 200)) // room for a thousand
	value := string(make([]byte, 200))
	ask := func(n int) (hit bool) {
		if _, hit = c.Get(key(n)); !hit {
			c.Put(key(n), value)
		}
		return hit
	}
	for range 20 {
		for n := range hot {
			ask(n)
		}
	}
	sprayed, hits, asked := hot, 0, 0
	for range 200 {
		for range 500 { // 100,000 keys in all, each once
			sprayed++
			ask(sprayed)
		}
		for n := range hot / 10 {
			asked++
			if ask(n * 10) {
				hits++
			}
		}
	}
	if hits < asked*9/10 {
		t.Errorf("%d of %d questions for what is in use were answered while strange keys passed by, want nine of ten", hits, asked)
	}
}

func TestAtOnce(t *testing.T) {
	c := newCache(1 << 16)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for n := range 5000 {
				k := (n * (w + 1)) % 700
				if v, ok := c.Get(key(k)); ok && v != string(rune('a'+k%26)) {
					t.Errorf("key %d has the value of another: %q", k, v)
				}
				c.Put(key(k), string(rune('a'+k%26)))
				if n%50 == 0 {
					c.Drop(key(k))
				}
			}
		})
	}
	all.Wait()
}

func eventually(t *testing.T, is func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %s after ten seconds", what)
		}
	}
}
