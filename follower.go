package cloakroom

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// A node that remembers sessions must hear when they end. The follower reads the feed without rest and knows two things:
// how long ago it was last heard to its end, and which subjects it told of, so that what was read from the store before is
// not believed after.

const (
	defaultStaleness = time.Second
	minStaleness     = 20 * time.Millisecond
	maxStaleness     = time.Minute

	// The feed is asked so many times within the staleness: often where nobody wakes the follower, seldom where
	// somebody does and asking only makes up for what he missed.
	pollsAlone = 40
	pollsWoken = 4

	idlePause  = time.Minute // between two readings at most, while nobody asks
	wakerPause = time.Second // after a Waker gave up
	tellAge    = time.Minute // between two marks of the age of what is remembered
	tellAges   = 5           // so many of them old, nothing is believed any more
)

// follower follows one feed.
type follower struct {
	directory Directory
	staleness time.Duration
	graves    *graves // what is dead for certain; nil where the store itself forgets it for certain
	told      func(entries []Revocation)
	lags      *lags

	start    time.Time     // of the monotonic clock that heard is read from: a wall clock may jump
	heard    atomic.Int64  // when the last reading to the end began, in nanoseconds since start; 0: never
	catching chan struct{} // holds one: the right to read on
	cursor   string        // of whoever has that right

	poke    chan struct{} // holds one: read now
	wanted  atomic.Bool   // somebody has asked since the last reading
	asked   time.Duration // when that was seen last; of follow
	resting atomic.Bool   // nobody has asked for a while, so the feed is read seldom
	waiters atomic.Int32  // so many wait for news

	// Everything that is told gets a number, greater than those before. A reader of the store notes the number first.
	number atomic.Uint64
	floor  atomic.Uint64 // what was read before this number is too old
	// marks has, for each subject, the number at which it was last told of; subjects share places, so that it takes
	// constant memory and no lock. To share one only means to ask the store once more.
	marks [1 << 16]atomic.Uint64
}

// place is where marks has a subject.
type place uint16

func placeOf(subject [32]byte) place { return place(binary.LittleEndian.Uint16(subject[:])) }

func newFollower(d Directory, staleness time.Duration) *follower {
	return &follower{
		directory: d, staleness: staleness, start: time.Now(),
		catching: make(chan struct{}, 1), poke: make(chan struct{}, 1),
	}
}

// lately reports whether the feed was heard to its end within the staleness, at a time since start. To ask keeps the follower
// at work.
func (f *follower) lately(at time.Duration) bool {
	if !f.wanted.Load() {
		f.wanted.Store(true)
	}
	heard := f.heard.Load()
	return heard != 0 && at-time.Duration(heard) < f.staleness
}

// fresh reports whether what is remembered may be believed at a time since start: the feed was heard lately, by a follower
// that is at work. One that rests may be late by all of the staleness, and then the store is quicker.
func (f *follower) fresh(at time.Duration) bool {
	if f.lately(at) && !f.resting.Load() {
		return true
	}
	f.hurry()
	return false
}

// hurry lets the follower read now.
func (f *follower) hurry() {
	select {
	case f.poke <- struct{}{}:
	default: // it will
	}
}

// listen is for who waits for news: the follower is at work until the returned function is called.
func (f *follower) listen() (end func()) {
	f.waiters.Add(1)
	f.hurry()
	return func() { f.waiters.Add(-1) }
}

func (f *follower) elapsed() time.Duration { return f.since(time.Now()) }

// since is how long after start a time was that time.Now gave. It is never 0.
func (f *follower) since(now time.Time) time.Duration { return now.Sub(f.start) + 1 }

// silence is how long the feed was not heard.
func (f *follower) silence() time.Duration { return f.elapsed() - time.Duration(f.heard.Load()) }

// now is the number to note before the store is read.
func (f *follower) now() uint64 { return f.number.Load() }

// believable reports whether nothing was told of these subjects since this number, and it is not too long ago.
func (f *follower) believable(asOf uint64, subjects ...place) bool {
	if asOf < f.floor.Load() {
		return false
	}
	if asOf == f.number.Load() { // nothing was told at all
		return true
	}
	for _, p := range subjects {
		if f.marks[p].Load() > asOf {
			return false
		}
	}
	return true
}

// tell says that something has ended or changed. It returns when nobody believes what was read before.
func (f *follower) tell(subjects ...[32]byte) {
	n := f.number.Add(1)
	for _, s := range subjects {
		raise(&f.marks[placeOf(s)], n)
	}
}

func raise(v *atomic.Uint64, to uint64) {
	for {
		if have := v.Load(); have >= to || v.CompareAndSwap(have, to) {
			return
		}
	}
}

// catchUp reads the feed to its end.
func (f *follower) catchUp(ctx context.Context) error {
	select {
	case f.catching <- struct{}{}:
		defer func() { <-f.catching }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.read(ctx)
}

// read is catchUp for who has the right to it.
func (f *follower) read(ctx context.Context) error {
	for {
		began := f.elapsed()
		page, err := f.directory.Revocations(ctx, f.cursor, feedPage, time.Time{})
		if err != nil {
			return err
		}
		if f.heard.Load() != 0 { // what was told before this process began says nothing of how fast it hears
			f.lags.measure(page.Entries)
		}
		f.hear(page.Entries)
		f.cursor = page.Cursor
		if !page.More {
			f.heard.Store(int64(began))
			return nil
		}
	}
}

// hear takes in what the feed tells.
func (f *follower) hear(entries []Revocation) {
	if len(entries) == 0 {
		return
	}
	f.graves.dig(entries) // first: a reader whose number is later must not find alive what is dead
	subjects := make([][32]byte, len(entries))
	for i, e := range entries {
		subjects[i] = e.Subject
	}
	f.tell(subjects...)
	if f.told != nil {
		f.told(entries)
	}
}

// freshen makes sure that the feed was heard within the staleness.
func (f *follower) freshen(ctx context.Context) error {
	if f.lately(f.elapsed()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, f.patience())
	defer cancel()
	select {
	case f.catching <- struct{}{}:
		defer func() { <-f.catching }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.lately(f.elapsed()) { // somebody has read while we waited
		return nil
	}
	return f.read(ctx)
}

// patience is how long one reading may take.
func (f *follower) patience() time.Duration { return max(f.staleness, time.Second) }

// follow reads the feed until ctx ends. An error of the store means only that it was not heard.
func (f *follower) follow(ctx context.Context) {
	var waking atomic.Bool
	if w, ok := f.directory.(Waker); ok {
		done := make(chan struct{})
		defer func() { <-done }()
		go func() {
			defer close(done)
			f.wake(ctx, w, &waking)
		}()
	}
	poll, age := time.NewTimer(0), time.NewTicker(tellAge)
	defer poll.Stop()
	defer age.Stop()
	var ages [tellAges]uint64
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-age.C:
			copy(ages[:], ages[1:])
			ages[tellAges-1] = f.number.Add(1)
			f.floor.Store(ages[0])
			continue
		case <-f.poke:
		case <-poll.C:
		}
		within, cancel := context.WithTimeout(ctx, f.patience())
		err := f.catchUp(within)
		cancel()
		if err != nil { // a store that fails at once is not asked at once again, whoever pokes
			select {
			case <-ctx.Done():
				return
			case <-time.After(f.staleness / pollsAlone):
			}
		}
		pause = f.pause(pause, waking.Load())
		poll.Reset(pause)
	}
}

// pause is how long to wait for the next reading: the longer, the longer nobody asks.
func (f *follower) pause(last time.Duration, waking bool) time.Duration {
	least := f.staleness / pollsAlone
	if waking {
		least = f.staleness / pollsWoken
	}
	now := f.elapsed()
	if f.wanted.Swap(false) || f.waiters.Load() > 0 {
		f.asked = now
	}
	rests := now-f.asked >= f.staleness/2
	f.resting.Store(rests && !waking) // who is woken hears at once, however seldom it looks by itself
	if !rests {
		return least
	}
	return min(max(least, 2*last), idlePause)
}

// wake keeps a Waker at work until ctx ends.
func (f *follower) wake(ctx context.Context, w Waker, waking *atomic.Bool) {
	for ctx.Err() == nil {
		_ = w.Wake(ctx, func() {
			waking.Store(true)
			f.hurry()
		})
		waking.Store(false)
		select {
		case <-ctx.Done():
		case <-time.After(wakerPause):
		}
	}
}
