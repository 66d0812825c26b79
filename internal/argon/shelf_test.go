package argon

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestHashesShareMemory(t *testing.T) {
	p := pool(t, Config{Params: Params{Memory: 1024, Time: 1, Threads: 1}, Workers: 2})
	if _, err := p.Hash(t.Context(), []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if len(p.shelf.kept) != 1 || p.shelf.lent != 0 {
		t.Fatalf("%d kept, %d blocks lent; want the memory of the one hash", len(p.shelf.kept), p.shelf.lent)
	}
	first := &p.shelf.kept[0][0]

	const n = 16
	before := allocated()
	for range n {
		_ = p.Burn(t.Context(), []byte("secret"))
	}
	if each := (allocated() - before) / n; each > 64<<10 {
		t.Errorf("a warm hash allocates %d bytes", each)
	}
	if len(p.shelf.kept) != 1 || &p.shelf.kept[0][0] != first {
		t.Error("another hash, other memory")
	}
}

func TestShelfKeepsWithinItsLimit(t *testing.T) {
	s := shelf{limit: 300}
	sizes := func(want ...int) {
		t.Helper()
		var got []int
		for _, m := range s.kept {
			got = append(got, len(m))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("kept %v, want %v", got, want)
		}
	}
	a, b, c := s.take(100, 100), s.take(100, 100), s.take(100, 100)
	s.put(a)
	s.put(b)
	sizes(100, 100)
	large := s.take(200, 200) // in place of both
	sizes()
	s.put(large)
	s.put(c)
	sizes(200, 100)
	if m := s.take(50, 100); len(m) != 100 {
		t.Errorf("%d blocks for 50 with room for 100, want those that are there", len(m))
	} else {
		s.put(m)
	}
	sizes(200, 100)
	if m := s.take(100, 150); len(m) != 100 {
		t.Errorf("%d blocks, more than there is room for", len(m))
	} else {
		s.put(m)
	}
	huge := s.take(1000, 1<<20) // alone
	sizes()
	s.put(huge)
	sizes(1000)
	s.put(s.take(100, 1<<20)) // alone as well, and may as well use it
	sizes(1000)
	s.put(s.take(100, 100))
	sizes(100)
	if s.lent != 0 {
		t.Errorf("%d blocks lent at the end", s.lent)
	}
}

func TestIdlePoolLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, Config{Workers: 2})
		for range 3 {
			for range 10 { // in use all the time, with pauses
				_ = p.Burn(t.Context(), nil)
				time.Sleep(idle - time.Second)
			}
			synctest.Wait()
			if kept, _ := look(&p.shelf); kept != 1 {
				t.Fatalf("%d kept while in use, want 1", kept)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if kept, minded := look(&p.shelf); kept != 0 || minded {
				t.Fatalf("%d kept after %v of nothing, a timer runs: %v", kept, idle, minded)
			}
		}
	})
}

func look(s *shelf) (kept int, minded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept), s.minded
}

// A hash that takes longer than a minute is in use, not idle.
func TestIdleSparesWhatIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shelf{limit: 200}
		s.put(s.take(100, 100))
		lent := s.take(100, 100)
		time.Sleep(10 * idle)
		synctest.Wait()
		lent[99][127] = 1 // ends the test program if it was let go
		s.put(lent)
		if len(s.kept) != 1 {
			t.Errorf("%d kept", len(s.kept))
		}
	})
}

// TestManyAtOnce: hashes of all sizes go on at once, and none spoils another. Under the race detector too.
func TestManyAtOnce(t *testing.T) {
	p := pool(t, Config{Workers: 3, Queue: 1000})
	var hashes []Hash
	for _, params := range []Params{cheap, {Memory: 64, Time: 2, Threads: 2}, {Memory: 130, Time: 1, Threads: 1}, {Memory: 700, Time: 1, Threads: 4}} {
		hashes = append(hashes, params.hash(make([]block, params.blocks()), []byte("secret")))
	}
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			right := i%3 != 0
			secret := map[bool]string{true: "secret", false: "wrong"}[right]
			v, err := p.Verify(t.Context(), hashes[i%len(hashes)], []byte(secret))
			if err != nil || v.OK != right {
				t.Errorf("%v with %s: %+v, %v", hashes[i%len(hashes)].Params, secret, v, err)
			}
		})
	}
	wg.Wait()
	if all := p.shelf.size(); p.shelf.lent != 0 || all > 700 {
		t.Errorf("%d blocks lent and %d kept, want none and at most the largest", p.shelf.lent, all)
	}
}

func TestPanicGivesTheMemoryBack(t *testing.T) {
	p := pool(t, Config{Workers: 1})
	func() {
		defer func() { _ = recover() }()
		_ = p.hashing(t.Context(), 64, 64, func([]block) { panic("oh") })
	}()
	if p.shelf.lent != 0 || len(p.shelf.kept) != 1 {
		t.Errorf("%d lent, %d kept", p.shelf.lent, len(p.shelf.kept))
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
