package cloakroom

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeFeed is a Directory that only has a feed.
type fakeFeed struct {
	Directory
	mu      sync.Mutex
	entries []Revocation
	down    error
	asked   atomic.Int64
	page    int // entries of a page; 0: any number
}

func (f *fakeFeed) append(subjects ...[32]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range subjects {
		f.entries = append(f.entries, Revocation{Subject: s, Until: time.Now().Add(time.Hour)})
	}
}

func (f *fakeFeed) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = err
}

func (f *fakeFeed) Revocations(_ context.Context, after string, max int, _ time.Time) (Revocations, error) {
	f.asked.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return Revocations{}, f.down
	}
	var at int
	_, _ = fmt.Sscanf(after, "%d", &at)
	if f.page > 0 {
		max = f.page
	}
	end := min(len(f.entries), at+max)
	return Revocations{Entries: f.entries[at:end], Cursor: fmt.Sprint(end), More: end < len(f.entries)}, nil
}

func numbered(n int) [32]byte { return sha256.Sum256(fmt.Append(nil, n)) }

// following runs a follower until the test ends; ask keeps it at work as a guard does.
func following(t *testing.T, d Directory, staleness time.Duration) *follower {
	f := newFollower(d, staleness)
	f.graves = newGraves()
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { f.follow(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
	return f
}

func TestFollower(t *testing.T) {
	t.Run("is fresh only while it hears", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &fakeFeed{}
			if newFollower(feed, time.Second).fresh(1) {
				t.Error("fresh before anything was heard")
			}
			f := following(t, feed, time.Second)
			synctest.Wait()
			for range 100 { // somebody asks all the time
				if !f.fresh(f.elapsed()) {
					t.Fatal("not fresh though the feed answers")
				}
				time.Sleep(100 * time.Millisecond)
			}
			feed.fail(errors.New("gone"))
			time.Sleep(1100 * time.Millisecond)
			if f.fresh(f.elapsed()) {
				t.Error("fresh a second after the feed fell silent")
			}
			feed.fail(nil)
			time.Sleep(100 * time.Millisecond)
			if !f.fresh(f.elapsed()) {
				t.Error("not fresh though the feed answers again")
			}
		})
	})
	t.Run("what was read before a subject was told of is not believed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &fakeFeed{page: 2}
			f := following(t, feed, time.Second)
			defer f.listen()()
			before := f.now()
			feed.append(numbered(1), numbered(2), numbered(3), numbered(4), numbered(5))
			time.Sleep(time.Second)
			for n := 1; n <= 5; n++ {
				if f.believable(before, placeOf(numbered(n))) {
					t.Errorf("subject %d is believed, it was told of", n)
				}
				if !f.believable(f.now(), placeOf(numbered(n))) {
					t.Errorf("subject %d is not believed, it was read after", n)
				}
				if !f.graves.has(numbered(n)) {
					t.Errorf("subject %d has no grave", n)
				}
			}
			if !f.believable(before, placeOf(numbered(9))) || f.graves.has(numbered(9)) {
				t.Error("subject 9 is doubted, nothing was told of it")
			}
		})
	})
	t.Run("what is some minutes old is not believed, whatever was told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := following(t, &fakeFeed{}, time.Second)
			n := f.now()
			time.Sleep(tellAge)
			if !f.believable(n, placeOf(numbered(1))) {
				t.Error("not believed after a minute")
			}
			time.Sleep((tellAges + 1) * tellAge)
			if f.believable(n, placeOf(numbered(1))) {
				t.Error("believed after seven minutes")
			}
		})
	})
	t.Run("one that rested is not believed before it has read again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := following(t, &fakeFeed{}, time.Second)
			synctest.Wait()
			if !f.fresh(f.elapsed()) {
				t.Error("not fresh though it has just read")
			}
			time.Sleep(600 * time.Millisecond)
			if f.fresh(f.elapsed()) {
				t.Error("fresh after a rest, in which it may have missed for half a second what was told")
			}
			synctest.Wait()
			if !f.fresh(f.elapsed()) {
				t.Error("not fresh though it was asked and has read")
			}
		})
	})
	t.Run("rests while nobody asks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &fakeFeed{}
			following(t, feed, time.Second)
			time.Sleep(24 * time.Hour)
			if n := feed.asked.Load(); n > 24*60+60 {
				t.Errorf("the feed was read %d times on a quiet day, want about once a minute", n)
			}
		})
	})
	t.Run("hears within a fraction of the staleness", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &fakeFeed{}
			f := following(t, feed, time.Second)
			defer f.listen()()
			synctest.Wait()
			before := f.now()
			feed.append(numbered(1))
			time.Sleep(time.Second/pollsAlone + time.Millisecond)
			if f.believable(before, placeOf(numbered(1))) {
				t.Error("not heard within one pause")
			}
		})
	})
	t.Run("a Waker is heard at once, and asking makes up for what it misses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &wakingFeed{ring: make(chan func(), 1)}
			f := following(t, feed, time.Second)
			defer f.listen()()
			ring := <-feed.ring
			synctest.Wait()
			time.Sleep(10 * time.Second)
			before := f.now()
			feed.append(numbered(1))
			ring()
			synctest.Wait()
			if f.believable(before, placeOf(numbered(1))) {
				t.Error("not heard though it rang")
			}
			before = f.now()
			feed.append(numbered(1)) // and this time it does not ring
			time.Sleep(time.Second/pollsWoken + time.Millisecond)
			if f.believable(before, placeOf(numbered(1))) {
				t.Error("not heard without ringing")
			}
		})
	})
	t.Run("a Waker that gives up is asked again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &wakingFeed{ring: make(chan func(), 9), gives: errors.New("connection lost")}
			following(t, feed, time.Second)
			time.Sleep(3*wakerPause + time.Millisecond)
			if n := len(feed.ring); n != 4 {
				t.Errorf("it was asked %d times in three pauses, want 4", n)
			}
		})
	})
}

// wakingFeed hands the bell of each Wake to the test.
type wakingFeed struct {
	fakeFeed
	ring  chan func()
	gives error
}

func (w *wakingFeed) Wake(ctx context.Context, ring func()) error {
	ring()
	w.ring <- ring
	if w.gives != nil {
		return w.gives
	}
	<-ctx.Done()
	return ctx.Err()
}

// While many tell and read at once, nobody believes after a tell returned what was read before it.
func TestTellRace(t *testing.T) {
	f := newFollower(&fakeFeed{}, time.Second)
	var truth, told [8]atomic.Uint64 // what the store has of each subject, and what of it was told
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 20_000 {
				s := (i + w) % len(truth)
				n := truth[s].Add(1)
				f.tell(numbered(s))
				raise(&told[s], n)
			}
		})
		all.Go(func() {
			for i := range 20_000 {
				s := (i * 3) % len(truth)
				asOf := f.now()
				read := truth[s].Load()
				known := told[s].Load()
				if read < known && f.believable(asOf, placeOf(numbered(s))) {
					t.Errorf("believed %d after %d was told", read, known)
					return
				}
			}
		})
	}
	all.Wait()
}
