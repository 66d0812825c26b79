package verify

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify/internal/jws"
)

const (
	maxKeySet     = 256 << 10
	fetchTimeout  = 10 * time.Second
	maxKeysAge    = 5 * time.Minute // a set is read again after this, whatever the issuer allows
	minKeysAge    = 10 * time.Second
	failurePause  = time.Second // between two tries, at least
	maxPause      = 30 * time.Second
	strangerPause = time.Minute            // between two readings for the sake of a kid that a token names
	feedPause     = 100 * time.Millisecond // for the sake of one that the feed names: the issuer, no stranger
)

// keySource keeps the issuer's keys: the last good set, read again in the background, and at once for a kid that is not
// in it, but no oftener than its pause. A set replaces the one before: a key that is no longer listed is withdrawn.
type keySource struct {
	crew      *crew
	client    *http.Client
	url       string
	staleness time.Duration
	set       atomic.Pointer[keySet]
	hurry     chan struct{} // wakes keepFresh
	fetches   atomic.Uint64

	mu       sync.Mutex
	flight   chan struct{} // closed when the reading under way is over; nil: none is
	tried    time.Time     // when the last reading began
	stranger time.Time     // when the last reading for the sake of a kid began
	failure  error         // of the last reading
}

// keySet is one answer of the issuer.
type keySet struct {
	keys  *Keys
	asked time.Time // when the request for it was sent
	next  time.Duration
}

var errNoKeys = errors.New("no keys of the issuer yet")

func newKeySource(c *crew, client *http.Client, url string, staleness time.Duration) *keySource {
	return &keySource{crew: c, client: client, url: url, staleness: staleness, hurry: make(chan struct{}, 1)}
}

// current is the last good set, or nil when there is none or it is too old.
func (s *keySource) current() *Keys {
	set := s.set.Load()
	if set == nil || age(set.asked, time.Now()) > s.staleness {
		return nil
	}
	return set.keys
}

// hold reports whether a key that was once found is still in force.
func (s *keySource) hold(key *jws.Key) bool {
	now := s.current().key(key.ID)
	return now == key || now != nil && now.Same(key)
}

// find returns the key of a kid. For one that is not in the set it reads the set again, unless that was done less than
// pause ago. All who wait share one reading. Errors: ErrUnknownKey, ErrUnavailable.
func (s *keySource) find(ctx context.Context, kid string, pause time.Duration) (*jws.Key, error) {
	if key := s.current().key(kid); key != nil {
		return key, nil
	}
	err := s.readAgain(ctx, pause)
	if key := s.current().key(kid); key != nil {
		return key, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return nil, ErrUnknownKey
}

// readAgain returns when a reading is over, or at once when it is too early for one. It is nil if the set in hand may
// be believed when it lacks a key.
func (s *keySource) readAgain(ctx context.Context, pause time.Duration) error {
	s.mu.Lock()
	flight := s.flight
	if flight == nil {
		now := time.Now()
		if s.tooEarly(now, pause) {
			defer s.mu.Unlock()
			return s.verdict()
		}
		if s.current() != nil {
			s.stranger = now
		}
		flight = s.depart(now)
	}
	s.mu.Unlock()
	return s.arrival(ctx, flight)
}

// tooEarly reports whether the last reading is so near that another would be one too many. s.mu is held.
func (s *keySource) tooEarly(now time.Time, pause time.Duration) bool {
	last := s.stranger
	if s.failure != nil || s.current() == nil {
		last, pause = s.tried, failurePause
	}
	return !last.IsZero() && now.Sub(last) < pause
}

// arrival waits for a reading.
func (s *keySource) arrival(ctx context.Context, flight <-chan struct{}) error {
	select {
	case <-flight:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.verdict()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// verdict is nil if the last reading went well. After a long sleep of the machine, its set may be too old all the same.
// s.mu is held.
func (s *keySource) verdict() error {
	if s.failure == nil && s.current() == nil {
		return errNoKeys
	}
	return s.failure
}

// depart begins a reading. It belongs to the crew, not to the caller who happened to need it. s.mu is held.
func (s *keySource) depart(now time.Time) (flight chan struct{}) {
	flight = make(chan struct{})
	s.flight, s.tried = flight, now
	joined := s.crew.join(func(ctx context.Context) {
		set, err := s.read(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.failure = err; err == nil {
			s.set.Store(set)
		}
		s.flight = nil
		close(flight)
	})
	if !joined {
		s.flight, s.failure = nil, errClosed
		close(flight)
	}
	return flight
}

func (s *keySource) read(ctx context.Context) (*keySet, error) {
	s.fetches.Add(1)
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	r.Header.Set("Cache-Control", "no-cache") // a copy on the way may still list a withdrawn key
	asked := time.Now()
	body, header, err := fetch(s.client, r, maxKeySet, "application/json", "application/jwk-set+json")
	if err != nil {
		return nil, err
	}
	keys, err := ParseKeys(body)
	if err != nil {
		return nil, err
	}
	return &keySet{keys, asked, min(max(maxAge(header), minKeysAge), maxKeysAge, s.staleness/2)}, nil
}

// keepFresh waits for the first reading, and begins another whenever the time of the set is over, until ctx is.
func (s *keySource) keepFresh(ctx context.Context, first <-chan struct{}) {
	failures := 0
	for flight := first; ctx.Err() == nil; flight = s.departure() {
		pause := maxPause
		if s.arrival(ctx, flight) == nil {
			failures = 0
			next := s.set.Load().next
			pause = next - backOff(0, next/8, next/8) // a little early, and not in step with others
		} else {
			pause = backOff(failures, 2*failurePause, maxPause)
			failures++
		}
		rest(ctx, failurePause)
		select {
		case <-time.After(pause - failurePause):
		case <-s.hurry:
		case <-ctx.Done():
		}
	}
}

// departure is the reading under way, or a new one.
func (s *keySource) departure() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight
	}
	return s.depart(time.Now())
}

// readings is for Stats.
func (s *keySource) readings() (n uint64, failure error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches.Load(), s.failure
}

// soon has the set read again without waiting for it.
func (s *keySource) soon() {
	select {
	case s.hurry <- struct{}{}:
	default: // somebody has said so
	}
}

// maxAge reads how long an answer may be kept (RFC 9111 §5.2.2.1). Without a word: the most we would.
func maxAge(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if n, err := strconv.ParseUint(value, 10, 31); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return maxKeysAge
}
