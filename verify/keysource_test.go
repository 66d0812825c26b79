package verify_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

func TestUnknownKeys(t *testing.T) {
	strange := func(n int) string { return newSigner(fmt.Sprint("random", n), "EdDSA").token(time.Now(), nil) }
	flood := func(t *testing.T, v *verify.Verifier, times int) {
		var all sync.WaitGroup
		for n := range times {
			raw := strange(n)
			all.Go(func() { wants(t, v, raw, verify.ErrUnknownKey) })
		}
		all.Wait()
	}
	bubble(t, "S176 a flood of random kids costs one reading a minute", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		wants(t, v, i.token(time.Now(), nil), nil)
		for range 10 {
			flood(t, v, 100)
			time.Sleep(6 * time.Second)
		}
		if asks, _ := i.asks(); asks > 2 {
			t.Errorf("%d readings", asks)
		}
		time.Sleep(time.Second)
		flood(t, v, 100)
		if asks, _ := i.asks(); asks > 3 {
			t.Errorf("%d readings", asks)
		}
	})
	bubble(t, "S176 a new kid is found at once", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		wants(t, v, i.token(time.Now(), nil), nil)
		next := newSigner("k2", "EdDSA")
		i.change(func() { i.listed = append(i.listed, next) })
		wants(t, v, next.token(time.Now(), nil), nil)
	})
	bubble(t, "S176 a new kid is found within the staleness amid a flood, for the feed is signed with it", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		flood(t, v, 50)
		time.Sleep(2 * time.Second)
		next := newSigner("k2", "ES256")
		i.change(func() { i.listed, i.signer = append(i.listed, next), next })
		for range 4 {
			flood(t, v, 20)
			time.Sleep(time.Second / 4)
		}
		wants(t, v, next.token(time.Now(), nil), nil)
		if asks, _ := i.asks(); asks > 3 {
			t.Errorf("%d readings", asks)
		}
	})
	bubble(t, "a key that is listed ahead is known before it signs", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		wants(t, v, i.token(time.Now(), nil), nil)
		next := newSigner("k2", "EdDSA")
		i.change(func() { i.listed = append(i.listed, next) })
		time.Sleep(5 * time.Minute)
		i.change(func() { i.broken = true })
		wants(t, v, next.token(time.Now(), nil), nil)
	})
	bubble(t, "an unknown key is no certain no while the issuer does not answer", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		wants(t, v, i.token(time.Now(), nil), nil)
		i.change(func() { i.broken = true })
		before, _ := i.asks()
		for n := range 100 {
			wants(t, v, strange(n), verify.ErrUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		if asks, _ := i.asks(); asks-before > 20 { // one a second for the tokens, and the verifier's own
			t.Errorf("%d tries in ten seconds", asks-before)
		}
		next := newSigner("k2", "EdDSA")
		i.change(func() { i.listed, i.broken = append(i.listed, next), false })
		time.Sleep(time.Second)
		wants(t, v, next.token(time.Now(), nil), nil)
	})
}

func TestWithdrawnKeys(t *testing.T) {
	bubble(t, "S170 the current key: refused as soon as the feed is signed with another", func(t *testing.T) {
		i := newIssuer()
		old, next := i.signer, newSigner("k2", "ES256")
		i.listed = append(i.listed, next)
		v := i.verifier(t, nil)
		raw := old.token(time.Now(), nil)
		wants(t, v, raw, nil)
		time.Sleep(10 * time.Second)
		i.change(func() { i.listed, i.signer = []*signer{next}, next })
		time.Sleep(time.Second)
		wants(t, v, raw, verify.ErrUnknownKey)
		wants(t, v, old.token(time.Now(), object{"jti": "another"}), verify.ErrUnknownKey)
		wants(t, v, next.token(time.Now(), nil), nil)
	})
	bubble(t, "S170 an old key: refused within the cache time, also for remembered tokens", func(t *testing.T) {
		i := newIssuer()
		old := newSigner("k0", "EdDSA")
		i.listed = append(i.listed, old)
		v := i.verifier(t, noFeed)
		raw := old.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
		wants(t, v, raw, nil)
		i.change(func() { i.listed = i.listed[:1] })
		time.Sleep(5 * time.Minute)
		wants(t, v, raw, verify.ErrUnknownKey)
	})
	bubble(t, "S170 another key under the old kid does not vouch for old tokens", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		raw := i.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
		wants(t, v, raw, nil)
		i.change(func() { i.listed = []*signer{newSigner("k1", "ES256")} })
		time.Sleep(5 * time.Minute)
		wants(t, v, raw, verify.ErrSignature)
	})
}

func TestIssuerDown(t *testing.T) {
	bubble(t, "S177 keys are used until KeysStaleness", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, func(v *verify.Verifier) { noFeed(v); v.KeysStaleness = 20 * time.Minute })
		until := object{"exp": time.Now().Add(time.Hour).Unix()}
		raw := i.token(time.Now(), until)
		wants(t, v, raw, nil)
		i.change(func() { i.broken = true })
		time.Sleep(20 * time.Minute)
		wants(t, v, raw, nil)
		wants(t, v, i.token(time.Now(), object{"jti": "not seen before"}), nil)
		time.Sleep(time.Nanosecond)
		wants(t, v, raw, verify.ErrUnavailable)
		wants(t, v, i.token(time.Now(), object{"jti": "nor this"}), verify.ErrUnavailable)
		if err := v.Stats().KeysError; err == nil {
			t.Error("nobody is told why")
		}
		if asks, _ := i.asks(); asks > 70 {
			t.Errorf("%d tries in twenty minutes", asks)
		}
		i.change(func() { i.broken = false })
		time.Sleep(time.Minute)
		wants(t, v, raw, nil)
	})
	bubble(t, "S177 with the feed, until Staleness", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, func(v *verify.Verifier) { v.Staleness = 10 * time.Second })
		raw := i.token(time.Now(), nil)
		wants(t, v, raw, nil)
		i.change(func() { i.broken = true })
		time.Sleep(6 * time.Second)
		wants(t, v, raw, nil)
		time.Sleep(4*time.Second + 1)
		wants(t, v, raw, verify.ErrUnavailable)
	})
	bubble(t, "only the keys are out of reach: the feed goes on", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		raw := i.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
		wants(t, v, raw, nil)
		i.change(func() { i.keysGone = true })
		time.Sleep(30 * time.Minute)
		wants(t, v, raw, nil)
	})
	bubble(t, "down from the start", func(t *testing.T) {
		i := newIssuer()
		i.broken = true
		v := i.verifier(t, nil)
		raw := i.token(time.Now(), nil)
		for range 60 {
			wants(t, v, raw, verify.ErrUnavailable)
			time.Sleep(time.Second)
		}
		i.change(func() { i.broken = false })
		time.Sleep(2 * time.Second)
		wants(t, v, raw, nil)
	})
	bubble(t, "a set that is damaged does not replace a good one", func(t *testing.T) {
		i := newIssuer()
		var damaged atomic.Bool
		front := tripper(func(r *http.Request) (*http.Response, error) {
			if damaged.Load() && r.URL.Path == "/.well-known/jwks.json" {
				return respond(r, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write([]byte(`{"keys":[]}`))
				}), nil
			}
			return i.RoundTrip(r)
		})
		v := i.verifier(t, func(v *verify.Verifier) { noFeed(v); v.Client.Transport = front })
		raw := i.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
		wants(t, v, raw, nil)
		damaged.Store(true)
		time.Sleep(30 * time.Minute)
		wants(t, v, raw, nil)
		if v.Stats().KeysError == nil {
			t.Error("nobody is told")
		}
	})
}

// TestFalseKeySets: what is not a key set from the issuer itself is none.
func TestFalseKeySets(t *testing.T) {
	const isJSON = "application/json"
	say := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, answer := range map[string]func(good string) http.HandlerFunc{
		"another type": func(good string) http.HandlerFunc { return say("text/plain", good) },
		"no type":      func(good string) http.HandlerFunc { return say("", good) },
		"not JSON":     func(string) http.HandlerFunc { return say(isJSON, "<html>") },
		"empty":        func(string) http.HandlerFunc { return say(isJSON, "") },
		"huge":         func(good string) http.HandlerFunc { return say(isJSON, good+strings.Repeat(" ", 1<<20)) },
		"no key":       func(string) http.HandlerFunc { return say(isJSON, `{"keys":[]}`) },
		"404":          func(string) http.HandlerFunc { return http.NotFound },
		"a redirect": func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://evil.example.com/keys", http.StatusFound)
			}
		},
	} {
		bubble(t, name, func(t *testing.T) {
			i := newIssuer()
			h := answer(string(jwks(i.signer)))
			v := i.verifier(t, func(v *verify.Verifier) {
				noFeed(v)
				v.Client.Transport = tripper(func(r *http.Request) (*http.Response, error) {
					if r.URL.Host != "auth.example.com" {
						t.Errorf("asked %s", r.URL)
					}
					return respond(r, h), nil
				})
			})
			wants(t, v, i.token(time.Now(), nil), verify.ErrUnavailable)
			time.Sleep(time.Minute)
			wants(t, v, i.token(time.Now(), nil), verify.ErrUnavailable)
			if s := v.Stats(); s.KeysError == nil || s.KeyReadings > 12 {
				t.Errorf("%v after %d tries", s.KeysError, s.KeyReadings)
			}
		})
	}
}

func TestMaxAge(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"":                               5 * time.Minute,
		"public, max-age=300":            5 * time.Minute,
		"max-age=60":                     time.Minute,
		"public,  MAX-AGE=7 , immutable": 7 * time.Second,
		"s-maxage=7":                     5 * time.Minute,
		"max-age=-1":                     5 * time.Minute,
		"max-age=99999999999999999999":   5 * time.Minute,
		"max-age":                        5 * time.Minute,
	} {
		if got := verify.MaxAgeOf(http.Header{"Cache-Control": {line}}); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
