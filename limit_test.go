package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// from is a stranger's browser at an address.
func (w *world) from(address string) *device {
	d := w.browser()
	d.address = netip.AddrPortFrom(netip.MustParseAddr(address), 40000).String()
	return d
}

// guess makes wrong guesses and returns the error of the last one.
func (d *device) guess(n int, email string) (err error) {
	for range n {
		_, err = d.trySignIn(email, "wrong password")
	}
	return err
}

func TestLoginLimits(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		world := func(t *testing.T, realm string) *world {
			return newWorld(t, cloakroom.Config{Store: store, Realm: realm})
		}

		t.Run("S107 S111 V122 after 10 failures for an account from an address: 429, at first even with the right password", func(t *testing.T) {
			w := world(t, "s107")
			w.User("ana@example.com")
			d := w.from("192.0.2.1")
			start := w.Clock.Now()
			fails(t, d.guess(10, "ana@example.com"), cloakroom.ErrInvalidCredentials, "the tenth guess")
			w.Clock.Advance(time.Minute)
			w.Forget()
			_, err := d.trySignIn("ana@example.com", authtest.Secret)
			l := limited(t, err, "the eleventh, which is right")
			if *l != (cloakroom.LimitError{Policy: "login", Limit: 10, Window: 15 * time.Minute, RetryAfter: 14 * time.Minute}) {
				t.Errorf("it says %+v", *l)
			}
			w.happened(cloakroom.LimitReached)
			d.answers(http.StatusUnauthorized, "without a session")
			d.guess(60, "ana@example.com") // what is refused does not lengthen it, and counts nowhere else
			fails(t, d.guess(1, "bob@example.com"), cloakroom.ErrInvalidCredentials, "another account from this address")
			w.Clock.Advance(start.Add(15*time.Minute).Sub(w.Clock.Now()) - time.Microsecond)
			limited(t, d.guess(1, "ana@example.com"), "a microsecond too early")
			w.Clock.Advance(time.Microsecond)
			d.signIn("ana@example.com")
		})
		t.Run("V19 S101 all spellings of an e-mail are one account", func(t *testing.T) {
			w := world(t, "v19")
			w.User("zoë@example.com")
			d := w.from("192.0.2.1")
			for _, spelling := range []string{"zoë@example.com", "ZOË@example.com", " zoë@Example.com", "zoe\u0308@example.com", "ZOE\u0308@EXAMPLE.COM\t"} {
				fails(t, d.guess(2, spelling), cloakroom.ErrInvalidCredentials, spelling)
				if _, err := w.from("198.51.100.7").trySignIn(spelling, authtest.Secret); err != nil {
					t.Errorf("%q does not sign in: %v", spelling, err)
				}
			}
			limited(t, d.guess(1, "zoë@example.com"), "the eleventh in all")
		})
		t.Run("S107 an unknown account is limited like a known one", func(t *testing.T) {
			w := world(t, "unknown")
			d := w.from("192.0.2.1")
			fails(t, d.guess(10, "nobody@example.com"), cloakroom.ErrInvalidCredentials, "the tenth guess")
			limited(t, d.guess(1, "nobody@example.com"), "the eleventh")
		})
		t.Run("S108 50 failures from an address over many accounts", func(t *testing.T) {
			w := world(t, "s108")
			w.User("ana@example.com")
			d := w.from("192.0.2.1")
			for i := range 50 {
				fails(t, d.guess(1, fmt.Sprintf("user%d@example.com", i)), cloakroom.ErrInvalidCredentials, "a guess")
			}
			if l := limited(t, d.guess(1, "another@example.com"), "the fifty-first"); l.Limit != 50 {
				t.Errorf("it says %+v", l)
			}
			w.from("192.0.2.2").signIn("ana@example.com") // the neighbour
		})
		t.Run("S110 a success clears the account at this address, and only that", func(t *testing.T) {
			w := world(t, "s110")
			w.User("ana@example.com")
			d := w.from("192.0.2.1")
			for range 5 {
				fails(t, d.guess(9, "ana@example.com"), cloakroom.ErrInvalidCredentials, "the ninth guess")
				d.signIn("ana@example.com")
			}
			fails(t, d.guess(5, "ana@example.com"), cloakroom.ErrInvalidCredentials, "the fiftieth failure from the address")
			limited(t, d.guess(1, "ana@example.com"), "the fifty-first")
		})
		t.Run("only failures count: 200 sign-ins in a row", func(t *testing.T) {
			w := world(t, "ok")
			w.User("ana@example.com")
			d := w.from("192.0.2.1")
			for range 200 {
				d.signIn("ana@example.com")
			}
		})
		t.Run("S109 many addresses exhaust an account, its owner gets in from where they have been", func(t *testing.T) {
			w := world(t, "s109")
			w.User("ana@example.com")
			home := w.from("198.51.100.7")
			home.signIn("ana@example.com")
			attack := func() {
				for i := range 25 {
					w.from(fmt.Sprintf("203.0.113.%d", i)).guess(4, "ana@example.com")
				}
			}
			attack()
			if l := limited(t, w.from("203.0.113.99").guess(1, "ana@example.com"), "a new address"); l.Limit != 100 || l.Window != time.Hour {
				t.Errorf("it says %+v", l)
			}
			home.signIn("ana@example.com")
			w.from("198.51.100.7").signIn("ana@example.com") // a browser without any cookie
			// The owner signs in every week; the attack never ends.
			for range 20 {
				w.Clock.Advance(7 * 24 * time.Hour)
				attack()
				home.signIn("ana@example.com")
			}
			w.Clock.Advance(31 * 24 * time.Hour)
			attack()
			_, err := home.trySignIn("ana@example.com", authtest.Secret)
			limited(t, err, "an address unused for a month")
			w.Clock.Advance(time.Hour)
			home.signIn("ana@example.com")
		})
		t.Run("S109 where somebody signed up is theirs from the start", func(t *testing.T) {
			w := world(t, "s109-signup")
			home := w.from("198.51.100.7")
			done(t, second(home.signUp(cloakroom.SignUp{Email: "Ana@example.com", Secret: authtest.Secret})))
			for i := range 25 {
				w.from(fmt.Sprintf("203.0.113.%d", i)).guess(4, "ana@example.com")
			}
			limited(t, w.from("203.0.113.99").guess(1, "ana@example.com"), "a new address")
			w.from("198.51.100.7").signIn("ana@example.com")
		})
		t.Run("a /64 of IPv6 is one address, a mapped IPv4 address is that IPv4 address", func(t *testing.T) {
			w := world(t, "net")
			for i := range 5 {
				w.from(fmt.Sprintf("2001:db8:0:1::%d", i)).guess(2, "ana@example.com")
				w.from("192.0.2.1").guess(1, "bob@example.com")
				w.from("::ffff:192.0.2.1").guess(1, "bob@example.com")
			}
			limited(t, w.from("2001:db8:0:1:ffff::1").guess(1, "ana@example.com"), "the same /64")
			fails(t, w.from("2001:db8:0:2::1").guess(1, "ana@example.com"), cloakroom.ErrInvalidCredentials, "the next /64")
			limited(t, w.from("192.0.2.1").guess(1, "bob@example.com"), "the IPv4 address")
			limited(t, w.from("::ffff:192.0.2.1").guess(1, "bob@example.com"), "the mapped one")
		})
		t.Run("what was not evaluated does not count", func(t *testing.T) {
			w := world(t, "fields")
			w.User("ana@example.com")
			d := w.from("192.0.2.1")
			for range 30 {
				_, err := d.trySignIn("ana@example.com", strings.Repeat("x", 2000))
				if _, ok := errors.AsType[cloakroom.FieldErrors](err); !ok {
					t.Fatalf("a password of 2,000 bytes: %v", err)
				}
			}
			d.signIn("ana@example.com")
		})
	})
}

// S245, S246: X-Forwarded-For counts only from a trusted proxy, and there the rightmost hop that is not one.
func TestLimitsBehindProxies(t *testing.T) {
	guess := func(w *world, peer, forwarded string) error {
		d := w.from(peer)
		r := d.request()
		r.Header.Set("X-Forwarded-For", forwarded)
		_, err := w.SignIn(httptest.NewRecorder(), r, cloakroom.SignIn{Email: "ana@example.com", Secret: "wrong password"})
		return err
	}
	t.Run("S245 nobody's header is believed by default", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		for i := range 10 {
			_ = guess(w, "192.0.2.1", fmt.Sprintf("203.0.113.%d", i))
		}
		limited(t, guess(w, "192.0.2.1", "203.0.113.99"), "another forged address")
	})
	t.Run("S246 of a trusted proxy's header the rightmost untrusted hop", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		for i := range 10 {
			_ = guess(w, "10.0.0.1", fmt.Sprintf("203.0.113.%d, 198.51.100.7, 10.0.0.2", i))
		}
		limited(t, guess(w, "10.0.0.1", "203.0.113.99, 198.51.100.7, 10.0.0.2"), "another forged first hop")
		fails(t, guess(w, "10.0.0.1", "198.51.100.8"), cloakroom.ErrInvalidCredentials, "another client of the proxy")
	})
}

// Guesses are counted before they are evaluated, so that many at once are no more than many in a row.
func TestParallelGuesses(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		var evaluated atomic.Int32
		wrong := fake{name: "slow", prove: func(context.Context, cloakroom.Claim) (cloakroom.Proof, error) {
			evaluated.Add(1)
			return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
		}}
		t.Run("S107 of 200 guesses at once at most 10 are evaluated", func(t *testing.T) {
			wide := cloakroom.Rate{Max: 1000, Window: time.Hour} // so that the pair alone decides
			w := newWorld(t, cloakroom.Config{
				Store: store, Methods: []cloakroom.Method{wrong}, Limits: cloakroom.Limits{Address: wide, Account: wide},
			})
			d := w.browser()
			atOnce(200, func(int) error { return second(d.holding("").trySignIn("ana@example.com", "x")) })
			if n := evaluated.Load(); n == 0 || n > 10 {
				t.Errorf("%d were evaluated", n)
			}
			_ = d.guess(30, "ana@example.com")
			if n := evaluated.Load(); n != 10 {
				t.Errorf("%d were evaluated in the end, want just as many as the limit has", n)
			}
		})
		t.Run("S109 nor more than 100 from 200 addresses", func(t *testing.T) {
			evaluated.Store(0)
			w := newWorld(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{wrong}})
			atOnce(200, func(i int) error {
				return second(w.from(fmt.Sprintf("203.0.113.%d", i)).trySignIn("bob@example.com", "x"))
			})
			if n := evaluated.Load(); n == 0 || n > 100 {
				t.Errorf("%d were evaluated", n)
			}
		})
	})
}

// parking is a store that holds back the answers of its counters while it is told to.
type parking struct {
	*wrapped
	holds        atomic.Bool
	parked, open chan struct{}
}

func (p *parking) Count(ctx context.Context, key [32]byte, n int, window time.Duration, now time.Time) (cloakroom.Tally, error) {
	tally, err := p.wrapped.Count(ctx, key, n, window, now)
	if n > 0 && p.holds.Load() {
		p.parked <- struct{}{}
		<-p.open
	}
	return tally, err
}

// What is given back too late does not add to what the next window allows.
func TestGiveBackAcrossWindows(t *testing.T) {
	onEachStore(t, func(t *testing.T, s cloakroom.Store) {
		t.Run("S107 never more than 10 guesses are evaluated in a window", func(t *testing.T) {
			const late, counters = 20, 3
			var evaluated atomic.Int32
			wrong := fake{name: "counted", prove: func(context.Context, cloakroom.Claim) (cloakroom.Proof, error) {
				evaluated.Add(1)
				return cloakroom.Proof{}, cloakroom.ErrInvalidCredentials
			}}
			store := &parking{wrapped: wrap(s), parked: make(chan struct{}), open: make(chan struct{})}
			w := newWorld(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{wrong}})
			d := w.browser()
			_ = d.guess(10, "ana@example.com")
			w.Clock.Advance(15*time.Minute - time.Millisecond)
			store.holds.Store(true)
			var refused sync.WaitGroup
			for range late {
				refused.Go(func() { _ = d.holding("").guess(1, "ana@example.com") })
			}
			for range late * counters {
				<-store.parked
			}
			store.holds.Store(false)
			w.Clock.Advance(2 * time.Millisecond)
			evaluated.Store(0)
			_ = d.guess(10, "ana@example.com") // all that the new window has
			close(store.open)
			refused.Wait()
			limited(t, d.guess(10, "ana@example.com"), "more of them")
			if n := evaluated.Load(); n != 10 {
				t.Errorf("%d were evaluated in one window", n)
			}
		})
	})
}

func TestGuestLimit(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	w.User("ana@example.com")
	begin := func(d *device) error {
		return second(d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.BeginOn(rw, r, d.terms())
		}))
	}
	first := w.from("2001:db8:0:1::1")
	done(t, begin(first))
	for i := range 999 {
		done(t, begin(w.from(fmt.Sprintf("2001:db8:0:1::1:%x", i))))
	}
	w.Forget()
	l := limited(t, begin(w.from("2001:db8:0:1:ffff::1")), "the 1001st of a /64")
	if *l != (cloakroom.LimitError{Policy: "guest", Limit: 1000, Window: time.Hour, RetryAfter: time.Hour}) {
		t.Errorf("it says %+v", *l)
	}
	w.happened(cloakroom.LimitReached)
	done(t, begin(first)) // it is there already
	w.from("2001:db8:0:1::1").signIn("ana@example.com")
	done(t, begin(w.from("2001:db8:0:2::1")))
	w.Clock.Advance(time.Hour)
	done(t, begin(w.from("2001:db8:0:1:ffff::1")))
}

func TestLimitsOff(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Limits: cloakroom.Limits{InsecureNoLogin: true, InsecureNoSignup: true, InsecureNoGuest: true}})
	for range 1001 {
		w.browser().begin()
	}
	fails(t, w.browser().guess(300, "ana@example.com"), cloakroom.ErrInvalidCredentials, "guess 300")
	for i := range 200 {
		_, err := w.SignUp(httptest.NewRecorder(), w.browser().request(), cloakroom.SignUp{Email: fmt.Sprintf("u%d@example.com", i), Secret: authtest.Secret})
		done(t, err)
	}
}

func TestOwnLimits(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Limits: cloakroom.Limits{Pair: cloakroom.Rate{Max: 2, Window: time.Minute}}})
	d := w.browser()
	fails(t, d.guess(2, "ana@example.com"), cloakroom.ErrInvalidCredentials, "the second guess")
	if l := limited(t, d.guess(1, "ana@example.com"), "the third"); l.Limit != 2 || l.Window != time.Minute {
		t.Errorf("it says %+v", l)
	}
}

// The answer to a LimitError says when to come back.
func TestLimitHeaders(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	d := w.browser()
	_ = d.guess(10, "ana@example.com")
	w.Clock.Advance(5*time.Minute + 500*time.Millisecond)
	answer := httptest.NewRecorder()
	w.Fail(answer, d.request(), d.guess(1, "ana@example.com"))
	h := answer.Header()
	if answer.Code != http.StatusTooManyRequests || h.Get("Retry-After") != "600" ||
		h.Get("RateLimit-Policy") != `"login";q=10;w=900` || h.Get("RateLimit") != `"login";r=0;t=600` {
		t.Errorf("status %d, headers %v", answer.Code, h)
	}
}

func TestLimiterDown(t *testing.T) {
	store := wrap(memory.New())
	w := newWorld(t, cloakroom.Config{Store: store})
	w.User("ana@example.com")
	d := w.browser()
	t.Run("S112 without its counters nobody is let in and no account is made", func(t *testing.T) {
		store.down("Count")
		w.Forget()
		_, err := d.trySignIn("ana@example.com", authtest.Secret)
		unknowable(t, err, "sign-in")
		_, err = d.signUp(cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret})
		unknowable(t, err, "sign-up")
		_, err = d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
			return w.BeginOn(rw, r, d.terms())
		})
		unknowable(t, err, "a guest session")
		w.happened()
		if _, err := w.Users().ByEmail(t.Context(), "bob@example.com"); err == nil {
			t.Error("the sign-up made an account")
		}
		if d.token != "" {
			t.Error("a token went out")
		}
	})
	store.down()
	d.signIn("ana@example.com")
}
