package password_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/password"
)

// lost is a Checker.
type lost func(ctx context.Context, secret string) (bool, error)

func (f lost) Breached(ctx context.Context, secret string) (bool, error) { return f(ctx, secret) }

func TestBreachedIsAskedLast(t *testing.T) {
	m := method(t)
	m.History = 1
	var asked []string
	m.Breached = lost(func(_ context.Context, secret string) (bool, error) {
		asked = append(asked, secret)
		return secret == "café and milk", nil
	})
	data := enroll(t, m, "the first of them")
	if err := change(t, m, &data, "the second of them"); err != nil {
		t.Fatal(err)
	}
	asked = nil
	for secret, want := range map[string]string{
		"tr4veli": "password_too_short", strings.Repeat("x", 1025): "password_too_long", "password1": "password_common",
		"Ana.Garcia": "password_context", "the second of them": "password_unchanged", "the first of them": "password_reused",
	} {
		if got := code(t, change(t, m, &data, secret)); got != want || len(asked) != 0 {
			t.Errorf("%q: %q and %d questions, want %q and none", secret, got, len(asked), want)
		}
	}
	t.Run("V84 S127 a breached one is refused, a signed-in one is not asked about", func(t *testing.T) {
		if got := code(t, change(t, m, &data, norm.NFD.String("café and milk"))); got != "password_pwned" {
			t.Errorf("Enroll: %q", got)
		}
		if _, err := m.Prove(t.Context(), claim(data, "the second of them")); err != nil {
			t.Error(err)
		}
		if len(asked) != 1 || asked[0] != "café and milk" {
			t.Errorf("asked about %+q, want the one in NFC", asked)
		}
	})
}

func TestBreachedThatCannotTell(t *testing.T) {
	broken := errors.New("out of order")
	own := &cloakroom.UnavailableError{Cause: broken, RetryAfter: time.Minute}
	m := method(t)
	for _, given := range []error{broken, own} {
		m.Breached = lost(func(context.Context, string) (bool, error) { return false, given })
		err := enrolError(t, m, "correct horse battery")
		un, ok := errors.AsType[*cloakroom.UnavailableError](err)
		if !ok || !errors.Is(err, broken) || un.RetryAfter < time.Second {
			t.Errorf("Enroll = %v, want an UnavailableError", err)
		}
		if given == error(own) && un != own {
			t.Errorf("Enroll = %v, want the Checker's own", err)
		}
	}
	if done := m.Pool.Stats().Done; done != 0 {
		t.Errorf("%d hashes", done)
	}
}

// printf 'correct horse battery' | sha1sum
const (
	batteryPrefix = "98DEC"
	batterySuffix = "C62ECE399A22ED30D490EF333BE7FDE7385"
)

func TestRange(t *testing.T) {
	t.Run("S-6 S127 a breached password is refused, and only five characters of its hash leave", func(t *testing.T) {
		var asked atomic.Value
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Store(r.URL.String())
			fmt.Fprintf(w, "0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n%s:17\r\n", batterySuffix)
		})
		m := method(t)
		m.Breached = password.Range{URL: url + "/", Timeout: 10 * time.Second}
		if got := code(t, enrolError(t, m, "correct horse battery")); got != "password_pwned" {
			t.Errorf("Enroll: %q", got)
		}
		if got := asked.Load(); got != "/range/"+batteryPrefix {
			t.Errorf("asked for %v", got)
		}
		if err := enrolError(t, m, "correct horse battery staple"); err != nil {
			t.Errorf("another one: %v", err)
		}
	})
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	fails := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	for name, h := range map[string]http.HandlerFunc{"hangs": hangs, "fails": fails} {
		url := serve(t, h)
		t.Run("S127 a service that "+name+" lets pass by default", func(t *testing.T) {
			var skipped []error
			m := method(t)
			m.Breached = password.Range{URL: url, Timeout: 50 * time.Millisecond, Skipped: func(_ context.Context, err error) { skipped = append(skipped, err) }}
			if err := enrolError(t, m, "correct horse battery"); err != nil {
				t.Errorf("Enroll = %v", err)
			}
			if len(skipped) != 1 || skipped[0] == nil || strings.Contains(skipped[0].Error(), batteryPrefix) {
				t.Errorf("told %v, want one reason without any of the hash", skipped)
			}
			m.Breached = password.Range{URL: url, Timeout: 50 * time.Millisecond}
			if err := enrolError(t, m, "correct horse battery"); err != nil {
				t.Errorf("with nobody to tell: %v", err)
			}
		})
		t.Run("S128 a service that "+name+" refuses if it must not be skipped", func(t *testing.T) {
			m := method(t)
			m.Breached = password.Range{URL: url, Timeout: 50 * time.Millisecond, FailClosed: true}
			err := enrolError(t, m, "correct horse battery")
			if un, ok := errors.AsType[*cloakroom.UnavailableError](err); !ok || un.RetryAfter < time.Second {
				t.Errorf("Enroll = %v, want an UnavailableError", err)
			}
		})
	}
	t.Run("who hangs up is not let pass", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := password.Range{URL: serve(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }), Timeout: 10 * time.Second}
		_, err := r.Breached(ctx, "correct horse battery")
		if _, ok := errors.AsType[*cloakroom.UnavailableError](err); !ok || !errors.Is(err, context.Canceled) {
			t.Errorf("Breached = %v", err)
		}
	})
}

func serve(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestRangeCheck(t *testing.T) {
	for _, r := range []password.Range{
		{}, {URL: "https://pwned.acme.example", Timeout: 10 * time.Second}, {URL: "https://acme.example/pwned/"},
		{URL: "http://127.0.0.1:8080"}, {URL: "http://[::1]:8080"}, {URL: "http://localhost"},
	} {
		if err := r.Check(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, url := range []string{
		"http://pwned.acme.example", "http://10.0.0.1", "pwned.acme.example", "ftp://127.0.0.1", "https://", "https://acme.example/?x=1",
		"https://acme.example/#x", "https://acme.example?", "://",
	} {
		if err := (password.Range{URL: url}).Check(); !mentions(err, "password.Range.URL") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, d := range []time.Duration{-1, 11 * time.Second} {
		if err := (password.Range{Timeout: d}).Check(); !mentions(err, "password.Range.Timeout") {
			t.Errorf("%v: %v", d, err)
		}
	}
	err := password.Method{Breached: password.Range{Timeout: -1}}.Check()
	if mistake, ok := errors.AsType[*cloakroom.ConfigError](err); !ok || mistake.Field != "password.Range.Timeout" {
		t.Errorf("the Method does not ask its Checker: %v", err)
	}
}
