package argon

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cheap is for tests of what goes around the hash.
var cheap = Params{Memory: 64, Time: 1, Threads: 1}

func pool(t testing.TB, c Config) *Pool {
	t.Helper()
	if c.Params == (Params{}) {
		c.Params = cheap
	}
	p, err := NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHashAndVerify(t *testing.T) {
	ctx := t.Context()
	p := pool(t, Config{})
	phc, err := p.Hash(ctx, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := p.Hash(ctx, []byte("secret"))
	if phc == again {
		t.Error("two hashes of one password are the same: no salt")
	}
	h, err := Parse(phc)
	if err != nil {
		t.Fatalf("Parse(%q): %v", phc, err)
	}
	for secret, want := range map[string]bool{"secret": true, "Secret": false, "secret\x00": false, "": false} {
		v, err := p.Verify(ctx, h, []byte(secret))
		if err != nil || v.OK != want || v.Fresh != "" {
			t.Errorf("Verify(%q) = %+v, %v; want OK %v and nothing fresh", secret, v, err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	p, err := NewPool(Config{})
	if err != nil {
		t.Fatal(err)
	}
	workers := max(1, runtime.GOMAXPROCS(0)-1)
	if p.Params() != Default || p.Stats().Workers != workers || p.queue.max != 64*workers {
		t.Errorf("params %v, %d workers, queue of %d", p.Params(), p.Stats().Workers, p.queue.max)
	}
	for _, c := range []Config{
		{Workers: -1}, {Queue: -1},
		{Params: Params{Memory: 1 << 20, Time: 1, Threads: 1}},
		{Params: Params{Memory: 1 << 10, Threads: 1}},
	} {
		if _, err := NewPool(c); err == nil {
			t.Errorf("%+v: want an error", c)
		}
	}
}

func TestVerifyReplaces(t *testing.T) {
	strong := Params{Memory: 128, Time: 2, Threads: 1}
	old, err := pool(t, Config{}).Hash(t.Context(), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	h, _ := Parse(old)
	p := pool(t, Config{Params: strong})

	v, err := p.Verify(t.Context(), h, []byte("secret"))
	if err != nil || !v.OK {
		t.Fatalf("Verify = %+v, %v", v, err)
	}
	fresh, err := Parse(v.Fresh)
	if err != nil || fresh.Params != strong || !fresh.Matches([]byte("secret")) {
		t.Errorf("fresh is %v, %v; want %v of the same password", fresh, err, strong)
	}
	if v, err := p.Verify(t.Context(), h, []byte("wrong")); err != nil || v != (Verdict{}) {
		t.Errorf("wrong password: %+v, %v", v, err)
	}
	if done := p.Stats().Done; done != 2 {
		t.Errorf("%d turns, want 2: the new hash is made in the turn of the old", done)
	}
}

// What lies in the memory afterwards tells what was hashed. The outdated hash has more memory and less work than ours, so
// both can be seen: its last blocks, and those at the beginning over its own.
func TestVerifyWorksAlike(t *testing.T) {
	p := pool(t, Config{Params: Params{Memory: 256, Time: 4, Threads: 1}, Workers: 1})
	own := p.Params().hash(make([]block, 256), []byte("secret"))
	weak := Params{Memory: 512, Time: 1, Threads: 1}.hash(make([]block, 512), []byte("secret"))
	for name, c := range map[string]struct {
		do       func() error
		old      Hash   // that is verified
		with     string // password
		replaced bool
	}{
		"burn":            {func() error { return p.Burn(t.Context(), []byte("secret")) }, Hash{}, "", true},
		"right":           {verify(t, p, own, "secret"), own, "secret", false},
		"wrong":           {verify(t, p, own, "wrong"), own, "wrong", false},
		"right, outdated": {verify(t, p, weak, "secret"), weak, "secret", true},
		"wrong, outdated": {verify(t, p, weak, "wrong"), weak, "wrong", true},
	} {
		want, got := dirty(weak.Params), dirty(weak.Params)
		p.shelf.kept = [][]block{got}
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if c.old.Sum != nil {
			c.old.matches(want, []byte(c.with))
		}
		for i := range got {
			if fresh := c.replaced && i < 256; fresh == (got[i] == want[i]) {
				t.Errorf("%s: block %d belongs to a new hash: %v, want %v", name, i, !fresh, fresh)
				break
			}
		}
	}
}

func verify(t *testing.T, p *Pool, h Hash, secret string) func() error {
	return func() error {
		_, err := p.Verify(t.Context(), h, []byte(secret))
		return err
	}
}

// hold takes the room of memory until the returned function is called.
func hold(t *testing.T, p *Pool, memory int) (free func()) {
	gate := make(chan struct{})
	go func() {
		if err := p.Do(context.Background(), memory, func() { <-gate }); err != nil {
			t.Errorf("hold: %v", err)
		}
	}()
	synctest.Wait()
	return sync.OnceFunc(func() { close(gate); synctest.Wait() })
}

func TestNeverMoreThanWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, Config{Workers: 3, Queue: 100})
		var mu sync.Mutex
		now, most := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			now += n
			most = max(most, now)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				err := p.Do(t.Context(), 64, func() { count(1); time.Sleep(time.Millisecond); count(-1) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if s := p.Stats(); s.Running != 3 || s.Queued != 47 {
			t.Errorf("%+v, want 3 running and 47 queued", s)
		}
		wg.Wait()
		want := Stats{Workers: 3, Done: 50, Worked: 50 * time.Millisecond}
		got := p.Stats()
		if got.Waited < 300*time.Millisecond { // 0 + 3·1 + 3·2 + … + 2·16 ms
			t.Errorf("waited %v", got.Waited)
		}
		if got.Waited = 0; got != want || most != 3 {
			t.Errorf("%+v, at most %d at once; want %+v and 3", got, most, want)
		}
	})
}

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, Config{Workers: 1, Queue: 10})
		free := hold(t, p, 64)
		var order []int // only the one whose turn it is writes
		for i := range 10 {
			go p.Do(t.Context(), 64, func() { order = append(order, i) })
			synctest.Wait()
		}
		free()
		if !slices.IsSorted(order) || len(order) != 10 {
			t.Errorf("order %v", order)
		}
	})
}

func TestLargeIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, Config{Workers: 2, Queue: 10})
		free := hold(t, p, 64)
		var order []string
		go p.Do(t.Context(), 1000, func() { order = append(order, "large") }) // wants both workers
		synctest.Wait()
		go p.Do(t.Context(), 64, func() { order = append(order, "small") })
		synctest.Wait()
		if len(order) > 0 {
			t.Errorf("%v went while there was no room for the first in the queue", order)
		}
		free()
		if !slices.Equal(order, []string{"large", "small"}) {
			t.Errorf("order %v", order)
		}
	})
}

func TestSlots(t *testing.T) {
	p := pool(t, Config{Workers: 3})
	for memory, want := range map[int]int{0: 1, 1: 1, 64: 1, 65: 2, 128: 2, 129: 3, 1 << 18: 3} {
		if got := p.slots(memory); got != want {
			t.Errorf("%d KiB: %d slots, want %d", memory, got, want)
		}
	}
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, Config{Workers: 1, Queue: 2})
		_ = p.Do(t.Context(), 64, func() { time.Sleep(80 * time.Second) }) // so a turn takes about ten seconds, it learns
		free := hold(t, p, 64)
		for range 2 {
			go p.Do(t.Context(), 64, func() {})
		}
		synctest.Wait()

		ran, start := false, time.Now()
		err := p.Do(t.Context(), 64, func() { ran = true })
		busy, ok := errors.AsType[*BusyError](err)
		if !ok || ran || time.Since(start) != 0 {
			t.Fatalf("Do = %v after %v, ran: %v; want BusyError at once", err, time.Since(start), ran)
		}
		if busy.RetryAfter < 25*time.Second || busy.RetryAfter > 35*time.Second || busy.RetryAfter%time.Second != 0 {
			t.Errorf("again in %v, want about three turns of ten seconds", busy.RetryAfter)
		}
		if _, err := p.Hash(t.Context(), nil); !errors.As(err, &busy) {
			t.Errorf("Hash = %v", err)
		}
		if _, err := p.Verify(t.Context(), Hash{Params: p.Params()}, nil); !errors.As(err, &busy) {
			t.Errorf("Verify = %v", err)
		}
		free()
		if err := p.Do(t.Context(), 64, func() {}); err != nil {
			t.Errorf("room again, but: %v", err)
		}
		if s := p.Stats(); s.Busy != 3 || s.Done != 5 || s.Queued != 0 || s.Running != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(t, Config{Workers: 2, Queue: 2})
		free := hold(t, p, 64)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- p.Do(ctx, 128, func() { t.Error("ran after it left") }) }()
		synctest.Wait()
		behind := false
		go p.Do(t.Context(), 64, func() { behind = true })
		synctest.Wait()
		if behind {
			t.Error("overtaken")
		}

		cancel()
		synctest.Wait()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("Do = %v", err)
		}
		if !behind {
			t.Error("who stood behind the one that left fits, and still waits")
		}
		free()
		if p.queue.free != 2 || p.Stats().Queued != 0 {
			t.Errorf("%d free, %d queued at the end", p.queue.free, p.Stats().Queued)
		}
		if err := p.Do(ctx, 64, func() { t.Error("ran for nobody") }); !errors.Is(err, context.Canceled) {
			t.Errorf("Do = %v, want that ctx ended before", err)
		}
	})
}

// Slots that come in the same moment as the end of ctx must not be lost.
func TestLeaveAndTurnRace(t *testing.T) {
	p := pool(t, Config{Workers: 1, Queue: 64})
	var wg sync.WaitGroup
	for range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { _ = p.Do(ctx, 64, runtime.Gosched) })
		wg.Go(cancel)
	}
	wg.Wait()
	if p.queue.free != 1 || p.Stats().Queued != 0 {
		t.Errorf("%d free, %d queued", p.queue.free, p.Stats().Queued)
	}
}

func TestPanicGivesTheSlotBack(t *testing.T) {
	p := pool(t, Config{Workers: 1})
	func() {
		defer func() { _ = recover() }()
		_ = p.Do(t.Context(), 64, func() { panic("oh") })
	}()
	if p.queue.free != 1 || p.Stats().Running != 0 {
		t.Errorf("%d free, %+v", p.queue.free, p.Stats())
	}
}

func TestZeroPoolHasNoRoom(t *testing.T) {
	var p Pool
	_, err := p.Hash(t.Context(), []byte("secret"))
	if _, ok := errors.AsType[*BusyError](err); !ok {
		t.Errorf("Hash = %v", err)
	}
	_ = p.Stats()
}

func TestErrorsHoldNoHash(t *testing.T) {
	_, err := Parse(strings.Replace(horse, "t=3", "t=x", 1))
	if err == nil || strings.Contains(fmt.Sprint(err), "BPLy") {
		t.Errorf("error %v", err)
	}
}

// BenchmarkDo is what the pool adds to a hash of 20 ms.
func BenchmarkDo(b *testing.B) {
	p := pool(b, Config{Workers: 2})
	b.ReportAllocs()
	for b.Loop() {
		_ = p.Do(b.Context(), 64, func() {})
	}
}

// BenchmarkDoContended has eight callers for each worker: the cost of a place in the queue.
func BenchmarkDoContended(b *testing.B) {
	p := pool(b, Config{Workers: 1, Queue: 1000})
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = p.Do(b.Context(), 64, func() {})
		}
	})
}
