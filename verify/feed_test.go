package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// bubble runs a subtest in which time is not the world's.
func bubble(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// wants fails the test unless the verdict is want; nil stands for a good token.
func wants(t *testing.T, v *verify.Verifier, raw string, want error) {
	t.Helper()
	c, err := v.Verify(t.Context(), raw)
	certain := errors.Is(err, verify.ErrInvalid) == errors.Is(want, verify.ErrInvalid)
	if !errors.Is(err, want) || !certain || (err == nil) != (want == nil) || (c == nil) != (err != nil) {
		t.Errorf("at %s: %v, not %v", time.Now().Format("15:04:05.000"), err, want)
	}
}

func TestLogOutIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		now := time.Now()
		ana, same := i.token(now, nil), i.token(now, object{"jti": "tok_2"})
		other := i.token(now, object{"sid": "ses_2"})
		for _, raw := range []string{ana, same, other} {
			wants(t, v, raw, nil)
		}
		time.Sleep(time.Hour / 20)
		i.revoke(overSession("ses_1", now.Add(time.Hour)))
		synctest.Wait() // no time goes by: the feed was waiting for this
		wants(t, v, ana, verify.ErrRevoked)
		wants(t, v, same, verify.ErrRevoked)
		wants(t, v, other, nil)
		wants(t, v, i.token(now, object{"jti": "never seen before"}), verify.ErrRevoked)
		if s := v.Stats(); s.Revocations != 1 || s.Refused["revoked"] != 3 || s.FeedMisses != 0 || s.FeedLag < 0 || s.FeedLag > time.Second/4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestEpoch(t *testing.T) {
	bubble(t, "S165 a role change: lazy, the old token stands; at once, with an epoch, it is refused", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		now := time.Now()
		third, fourth, fifth := i.token(now, nil), i.token(now, object{"epoch": 4}), i.token(now, object{"epoch": 5})
		bob := i.token(now, object{"sub": "usr_bob", "epoch": nil})
		time.Sleep(5 * time.Minute)
		wants(t, v, third, nil)
		wants(t, v, fourth, nil)
		i.revoke(overUser("usr_ana", 4, now.Add(time.Hour)))
		i.revoke(overUser("usr_ana", 2, now.Add(time.Hour))) // an older line does not undo it
		time.Sleep(time.Second)
		wants(t, v, third, verify.ErrRevoked)
		wants(t, v, fourth, nil)
		wants(t, v, fifth, nil)
		wants(t, v, bob, nil)
	})
}

// TestSilence: the bound on a log-out holds when the network is cut in the moment of it, and nobody is told 401 for it.
func TestSilence(t *testing.T) {
	for _, staleness := range []time.Duration{0, 50 * time.Millisecond, time.Minute} {
		bubble(t, fmt.Sprint("staleness ", staleness), func(t *testing.T) {
			bound := staleness
			if bound == 0 {
				bound = time.Second
			}
			i := newIssuer()
			v := i.verifier(t, func(v *verify.Verifier) { v.Staleness = staleness })
			now := time.Now()
			until := object{"exp": now.Add(time.Hour).Unix()}
			raw := i.token(now, until)
			gone := i.token(now, object{"sid": "ses_9", "exp": until["exp"]})
			short := i.token(now, object{"exp": now.Add(-20 * time.Second).Unix()})
			i.revoke(overSession("ses_9", now.Add(time.Hour)))
			wants(t, v, short, nil)
			wants(t, v, gone, verify.ErrRevoked)
			time.Sleep(bound / 3)

			i.change(func() { i.silent = true })
			i.revoke(overSession("ses_1", now.Add(time.Hour)))
			cut := time.Now()
			for time.Since(cut) < bound {
				_, err := v.Verify(t.Context(), raw)
				if err != nil && !errors.Is(err, verify.ErrUnavailable) && !errors.Is(err, verify.ErrRevoked) {
					t.Fatal(err)
				}
				time.Sleep(bound / 50)
			}
			for time.Since(cut) < 20*bound {
				wants(t, v, raw, verify.ErrUnavailable)
				time.Sleep(bound)
			}
			wants(t, v, gone, verify.ErrRevoked) // a certain no stays one
			time.Sleep(15 * time.Second)
			wants(t, v, short, verify.ErrExpired)

			i.change(func() { i.silent = false })
			back := time.Now()
			for _, err := v.Verify(t.Context(), raw); errors.Is(err, verify.ErrUnavailable); _, err = v.Verify(t.Context(), raw) {
				time.Sleep(10 * time.Millisecond)
			}
			wants(t, v, raw, verify.ErrRevoked)
			wants(t, v, i.token(time.Now(), object{"sid": "ses_2"}), nil)
			if d := time.Since(back); d > 3*bound+5*time.Second {
				t.Errorf("back after %v", d)
			}
		})
	}
}

// TestQuietFeedIsHeard: when nothing happens for hours, nothing goes stale.
func TestQuietFeedIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		raw := i.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
		begun := time.Now()
		for time.Since(begun) < 10*time.Minute {
			wants(t, v, raw, nil)
			if lag := v.Stats().FeedLag; lag > time.Second/4 {
				t.Fatalf("lag %v", lag)
			}
			time.Sleep(97 * time.Millisecond)
		}
		if _, asks := i.asks(); asks > 9*600 {
			t.Errorf("%d requests in ten minutes", asks)
		}
	})
}

func TestInsecureWords(t *testing.T) {
	bubble(t, "AcceptSilence", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, func(v *verify.Verifier) { v.InsecureAcceptSilence = true })
		now := time.Now()
		ana, bob := i.token(now, nil), i.token(now, object{"sid": "ses_2"})
		i.revoke(overSession("ses_2", now.Add(time.Hour)))
		wants(t, v, bob, verify.ErrRevoked) // on the first call: it listens before it carries on
		i.change(func() { i.broken = true })
		time.Sleep(5 * time.Minute)
		wants(t, v, ana, nil)
		wants(t, v, bob, verify.ErrRevoked)
		i.change(func() { i.broken = false })
		i.revoke(overSession("ses_1", now.Add(time.Hour)))
		time.Sleep(time.Second)
		wants(t, v, ana, verify.ErrRevoked)
	})
	bubble(t, "SkipRevocations", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, func(v *verify.Verifier) { v.InsecureSkipRevocations, v.ClientID, v.ClientSecret = true, "", "" })
		i.revoke(overSession("ses_1", time.Now().Add(time.Hour)))
		wants(t, v, i.token(time.Now(), nil), nil)
		wants(t, v, i.token(time.Now(), object{"sid": nil}), nil)
		time.Sleep(time.Minute)
		if _, asks := i.asks(); asks != 0 {
			t.Errorf("the feed was asked %d times", asks)
		}
		if lag := v.Stats().FeedLag; lag >= 0 {
			t.Errorf("lag %v of a feed that is not followed", lag)
		}
	})
	bubble(t, "without them a token must name its session", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		wants(t, v, i.token(time.Now(), object{"sid": nil}), verify.ErrMalformed)
		wants(t, v, i.token(time.Now(), object{"sid": ""}), verify.ErrMalformed)
	})
}

// TestFeedIsReadToItsEnd: nothing is judged before everything is known.
func TestFeedIsReadToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		now := time.Now()
		for n := range 2500 {
			i.lines = append(i.lines, overSession(fmt.Sprint("ses_old_", n), now.Add(5*time.Minute)))
		}
		v := i.verifier(t, nil)
		wants(t, v, i.token(now, object{"sid": "ses_old_2499"}), verify.ErrRevoked)
		wants(t, v, i.token(now, nil), nil)
		if s := v.Stats(); s.Revocations != 2500 || s.FeedAnswers != 3 {
			t.Errorf("%d revocations in %d answers", s.Revocations, s.FeedAnswers)
		}
		time.Sleep(5*time.Minute + verify.DefaultLeeway)
		if n := v.Stats().Revocations; n != 2500 {
			t.Errorf("%d are left while a token could live", n)
		}
		time.Sleep(time.Minute)
		if n := v.Stats().Revocations; n != 0 {
			t.Errorf("%d are left when it matters no more", n)
		}
	})
}

// TestCursorOfAnotherFeed: an issuer restored from a backup begins at the beginning, and nothing revoked comes back.
func TestCursorOfAnotherFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, nil)
		now := time.Now()
		wants(t, v, i.token(now, nil), nil)
		for n := range 5 {
			i.revoke(overSession(fmt.Sprint("ses_", n), now.Add(time.Hour)))
		}
		time.Sleep(time.Second)
		i.change(func() { i.lines = i.lines[:2] })
		time.Sleep(time.Second)
		i.revoke(overSession("ses_new", now.Add(time.Hour)))
		time.Sleep(time.Second)
		for _, sid := range []string{"ses_0", "ses_4", "ses_new"} {
			wants(t, v, i.token(now, object{"sid": sid}), verify.ErrRevoked)
		}
		wants(t, v, i.token(now, object{"sid": "ses_5"}), nil)
	})
}

// TestFalseAnswersAreSilence: an answer that is not exactly one of the issuer's to this question counts as none.
func TestFalseAnswersAreSilence(t *testing.T) {
	stranger := newSigner("k1", "ES256")
	var real *signer
	for name, tamper := range map[string]func(i *issuer, header, payload object){
		"another type":          func(_ *issuer, h, _ object) { h["typ"] = "at+jwt" },
		"another kid":           func(_ *issuer, h, _ object) { h["kid"] = "k2" },
		"another alg":           func(_ *issuer, h, _ object) { h["alg"] = "EdDSA" },
		"a header more":         func(_ *issuer, h, _ object) { h["crit"] = []string{} },
		"somebody else's key":   func(i *issuer, _, _ object) { real = i.signer; i.signer = stranger },
		"another issuer":        func(_ *issuer, _, p object) { p["iss"] = "https://evil.example.com" },
		"for another client":    func(_ *issuer, _, p object) { p["aud"] = "shop" },
		"another nonce":         func(_ *issuer, _, p object) { p["nonce"] = "n" },
		"no nonce":              func(_ *issuer, _, p object) { delete(p, "nonce") },
		"another cursor's":      func(_ *issuer, _, p object) { p["after"] = "77" },
		"an old one":            func(_ *issuer, _, p object) { p["iat"] = time.Now().Add(-time.Hour).Unix() },
		"one of tomorrow":       func(_ *issuer, _, p object) { p["iat"] = time.Now().Add(time.Hour).Unix() },
		"iat a text":            func(_ *issuer, _, p object) { p["iat"] = "now" },
		"no cursor":             func(_ *issuer, _, p object) { delete(p, "cursor") },
		"more that is no truth": func(_ *issuer, _, p object) { p["more"] = "false" },
		"more of nothing":       func(_ *issuer, _, p object) { p["more"] = true },
		"no entries":            func(_ *issuer, _, p object) { delete(p, "entries") },
		"entries null":          func(_ *issuer, _, p object) { p["entries"] = nil },
		"an entry of no kind":   func(_ *issuer, _, p object) { p["entries"] = []object{{"exp": 1}} },
		"an entry of two kinds": func(_ *issuer, _, p object) { p["entries"] = []object{bothKinds()} },
		"an entry without epoch": func(_ *issuer, _, p object) {
			e := overUser("u", 1, time.Now())
			delete(e, "epoch")
			p["entries"] = []object{e}
		},
		"an entry without exp": func(_ *issuer, _, p object) {
			e := overSession("s", time.Now())
			delete(e, "exp")
			p["entries"] = []object{e}
		},
		"a short hash":          func(_ *issuer, _, p object) { p["entries"] = []object{{"sid": b64(make([]byte, 31)), "exp": 1}} },
		"a long hash":           func(_ *issuer, _, p object) { p["entries"] = []object{{"sid": b64(make([]byte, 33)), "exp": 1}} },
		"an entry that is none": func(_ *issuer, _, p object) { p["entries"] = []any{1} },
		"too many entries": func(_ *issuer, _, p object) {
			p["entries"] = slices.Repeat([]object{overSession("s", time.Now())}, 1001)
		},
	} {
		bubble(t, name, func(t *testing.T) {
			i := newIssuer()
			i.tamper = func(h, p object) { tamper(i, h, p) }
			v := i.verifier(t, nil)
			raw := i.token(time.Now(), nil)
			wants(t, v, raw, verify.ErrUnavailable)
			if s := v.Stats(); s.FeedAnswers != 0 || s.FeedMisses == 0 || s.FeedError == nil || s.Refused["unavailable"] != 1 {
				t.Errorf("%+v", s)
			}
			i.change(func() {
				i.tamper = nil
				if real != nil {
					i.signer, real = real, nil
				}
			})
			time.Sleep(time.Second)
			wants(t, v, raw, nil)
			if err := v.Stats().FeedError; err != nil {
				t.Errorf("still %v", err)
			}
		})
	}
}

func bothKinds() object {
	e := overUser("u", 1, time.Now())
	e["sid"] = e["sub"]
	return e
}

// TestFalseTransport: what is wrong below the signed answer is silence too, and the secret goes nowhere else.
func TestFalseTransport(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"401": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		"503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"204": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com/", http.StatusTemporaryRedirect)
		},
		"another type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(200)
		},
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte(strings.Repeat("A", 2<<20)))
		},
		"empty": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/jwt") },
	} {
		bubble(t, name, func(t *testing.T) {
			i := newIssuer()
			front := tripper(func(r *http.Request) (*http.Response, error) {
				switch {
				case r.URL.Host != "auth.example.com":
					t.Errorf("asked %s", r.URL)
				case r.URL.Path == "/auth/revocations":
					return respond(r, answer), nil
				}
				return i.RoundTrip(r)
			})
			v := i.verifier(t, func(v *verify.Verifier) { v.Client.Transport = front })
			wants(t, v, i.token(time.Now(), nil), verify.ErrUnavailable)
			time.Sleep(10 * time.Second)
			wants(t, v, i.token(time.Now(), nil), verify.ErrUnavailable)
			if misses := v.Stats().FeedMisses; misses < 10 || misses > 50 {
				t.Errorf("%d tries in ten seconds", misses)
			}
			if err := v.Stats().FeedError; strings.Contains(fmt.Sprint(err), secret) {
				t.Errorf("the secret is in %v", err)
			}
		})
	}
}

// TestNobodyHoldsTheRequest: an issuer that answers at once is not asked without pause.
func TestNobodyHoldsTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		hasty := tripper(func(r *http.Request) (*http.Response, error) {
			q := r.URL.Query()
			q.Set("wait", "0")
			r = r.Clone(r.Context())
			r.URL.RawQuery = q.Encode()
			return i.RoundTrip(r)
		})
		v := i.verifier(t, func(v *verify.Verifier) { v.Client.Transport = hasty })
		wants(t, v, i.token(time.Now(), nil), nil)
		time.Sleep(time.Minute)
		wants(t, v, i.token(time.Now(), nil), nil)
		if _, asks := i.asks(); asks > 9*60 {
			t.Errorf("%d requests in a minute", asks)
		}
	})
}

// TestSlowAnswersAreOld: an answer speaks of the time at which it was asked for, not of that at which it arrived.
func TestSlowAnswersAreOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const way = 700 * time.Millisecond
		i := newIssuer()
		slow := tripper(func(r *http.Request) (*http.Response, error) {
			a, err := i.RoundTrip(r)
			if r.URL.Path == "/auth/revocations" {
				time.Sleep(way)
			}
			return a, err
		})
		v := i.verifier(t, func(v *verify.Verifier) { v.Client.Transport = slow })
		raw := i.token(time.Now(), nil)
		wants(t, v, raw, nil)
		if lag := v.Stats().FeedLag; lag != way {
			t.Errorf("lag %v", lag)
		}
		time.Sleep(time.Second - way)
		wants(t, v, raw, nil)
		time.Sleep(time.Nanosecond)
		wants(t, v, raw, verify.ErrUnavailable)
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		i.silent = true
		v := i.verifier(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := v.Verify(ctx, i.token(begun, nil))
		if !errors.Is(err, verify.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		time.Sleep(time.Minute)
		begun = time.Now()
		wants(t, v, i.token(begun, nil), verify.ErrUnavailable)
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("without a deadline it took %v", d)
		}
		i.change(func() { i.silent = false })
		time.Sleep(time.Minute)
		wants(t, v, i.token(time.Now(), nil), nil)
	})
}
