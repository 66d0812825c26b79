package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cloakroom-auth/cloakroom/verify"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(r *http.Request, h http.HandlerFunc) *http.Response {
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result()
}

func noFeed(v *verify.Verifier) { v.InsecureSkipRevocations = true }

func TestRemembered(t *testing.T) {
	bubble(t, "S164 the end of a remembered token is looked at each time", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		raw := i.token(time.Now(), nil)
		first, _ := v.Verify(t.Context(), raw)
		second, _ := v.Verify(t.Context(), raw)
		if first == nil || first != second || v.Stats().Remembered != 1 || v.Stats().Verified != 2 || v.Stats().Tokens != 1 {
			t.Fatalf("%v %v %+v", first, second, v.Stats())
		}
		time.Sleep(time.Until(first.ExpiresAt.Add(verify.DefaultLeeway - 1)))
		wants(t, v, raw, nil)
		time.Sleep(time.Nanosecond)
		wants(t, v, raw, verify.ErrExpired)
	})
	bubble(t, "what is refused is not remembered", func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, noFeed)
		for n := range 100 {
			wants(t, v, flip(i.token(time.Now(), object{"jti": n0(n)})), verify.ErrSignature)
		}
		if n := v.Stats().Tokens; n != 0 {
			t.Errorf("%d tokens", n)
		}
	})
}

func n0(n int) string { return fmt.Sprintf("tok_%d", n) }

func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct{ asked, most int }{{-1, 0}, {1, 16}, {160, 160}} {
		synctest.Test(t, func(t *testing.T) {
			i := newIssuer()
			s := newSigner("ed", "EdDSA")
			i.listed = append(i.listed, s)
			v := i.verifier(t, func(v *verify.Verifier) { noFeed(v); v.MaxRemembered = c.asked })
			for n := range 600 {
				wants(t, v, s.token(time.Now(), object{"jti": n0(n)}), nil)
			}
			if n := v.Stats().Tokens; n > c.most || n < c.most*9/10 {
				t.Errorf("%d tokens of %d", n, c.most)
			}
		})
	}
}

func TestClose(t *testing.T) {
	i := newIssuer()
	served := httptest.NewServer(i)
	defer served.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	v := &verify.Verifier{
		Issuer: issuerName, Audience: service, ClientID: clientID, ClientSecret: secret,
		KeysURL: served.URL + "/.well-known/jwks.json", FeedURL: served.URL + "/auth/revocations",
	}
	raw := i.token(time.Now(), nil)
	wants(t, v, raw, nil)
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	_ = v.Close()
	wants(t, v, raw, verify.ErrUnavailable)
	wants(t, v, i.token(time.Now(), object{"jti": "tok_2"}), verify.ErrUnavailable)
	var unused verify.Verifier
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	if _, err := unused.Verify(t.Context(), raw); !errors.Is(err, verify.ErrUnavailable) {
		t.Errorf("closed before use: %v", err)
	}
}

// TestOverTheWire follows a real server, and a log-out with it: the verifier asks nobody about a token.
func TestOverTheWire(t *testing.T) {
	i := newIssuer()
	served := httptest.NewServer(i)
	defer served.Close()
	v := i.verifier(t, func(v *verify.Verifier) {
		v.Client = nil
		v.KeysURL, v.FeedURL = served.URL+"/.well-known/jwks.json", served.URL+"/auth/revocations"
	})
	raw := i.token(time.Now(), nil)
	for range 1000 {
		wants(t, v, raw, nil)
	}
	i.revoke(overSession("ses_1", time.Now().Add(time.Hour)))
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for deadline.Err() == nil {
		if _, err := v.Verify(t.Context(), raw); err != nil {
			wants(t, v, raw, verify.ErrRevoked)
			return
		}
	}
	t.Error("the log-out was not heard")
}

// TestTogether lets everything happen at once, for the race detector.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIssuer()
		v := i.verifier(t, func(v *verify.Verifier) { v.MaxRemembered = 32 })
		first := i.signer
		for n := range 10 {
			i.listed = append(i.listed, newSigner(fmt.Sprint("next", n), "EdDSA"))
		}
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				for m := range 40 {
					sid := fmt.Sprint("ses_", n, "_", m)
					raw := first.token(time.Now(), object{"sid": sid})
					wants(t, v, raw, nil)
					i.revoke(overSession(sid, time.Now().Add(time.Hour)))
					time.Sleep(100 * time.Millisecond)
					wants(t, v, raw, verify.ErrRevoked)
					_ = v.Stats()
				}
			})
		}
		all.Go(func() {
			for _, next := range i.listed {
				i.change(func() { i.signer = next })
				time.Sleep(400 * time.Millisecond)
			}
		})
		all.Wait()
	})
}

func TestCheck(t *testing.T) {
	good := func() *verify.Verifier {
		return &verify.Verifier{Issuer: issuerName, Audience: service, ClientID: clientID, ClientSecret: secret}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*verify.Verifier){
		"Issuer":        func(v *verify.Verifier) { v.Issuer = "" },
		"Audience":      func(v *verify.Verifier) { v.Audience = "" },
		"ClientID":      func(v *verify.Verifier) { v.ClientID = "" },
		"ClientSecret":  func(v *verify.Verifier) { v.ClientSecret = "" },
		"Cookie":        func(v *verify.Verifier) { v.Cookie = "a b" },
		"Origins":       func(v *verify.Verifier) { v.Origins = []string{"example.com"} },
		"Leeway":        func(v *verify.Verifier) { v.Leeway = time.Hour },
		"Staleness":     func(v *verify.Verifier) { v.Staleness = time.Millisecond },
		"KeysStaleness": func(v *verify.Verifier) { v.KeysStaleness = time.Second },
		"KeysURL":       func(v *verify.Verifier) { v.KeysURL = "http://auth.example.com/keys" },
		"FeedURL":       func(v *verify.Verifier) { v.FeedURL = "ftp://auth.example.com/feed" },
		"https":         func(v *verify.Verifier) { v.Issuer = "auth.example.com" },
	} {
		v := good()
		change(v)
		err := v.Check()
		if !errors.Is(err, verify.ErrConfig) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
		if _, got := v.Verify(t.Context(), "x"); !errors.Is(got, verify.ErrConfig) || errors.Is(got, verify.ErrInvalid) || got.Error() != err.Error() {
			t.Errorf("%s: Verify says %v", field, got)
		}
	}
	t.Run("all at once", func(t *testing.T) {
		if n := strings.Count(new(verify.Verifier).Check().Error(), "\n"); n != 2 {
			t.Errorf("%d lines: %v", n+1, new(verify.Verifier).Check())
		}
	})
	t.Run("plain http", func(t *testing.T) {
		v := good()
		v.Issuer = "http://127.0.0.1:8400"
		if err := v.Check(); err != nil {
			t.Error(err)
		}
		v.Issuer, v.InsecurePlainHTTP = "http://cloakroom:8400", true
		if err := v.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestSecretDoesNotPrint(t *testing.T) {
	v := verify.Verifier{ClientSecret: secret}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "s", v.ClientSecret)
	doc, _ := json.Marshal(v.ClientSecret)
	for _, text := range []string{fmt.Sprint(v.ClientSecret), fmt.Sprintf("%q %x %d %#v", v.ClientSecret, v.ClientSecret, v.ClientSecret, v.ClientSecret), logged.String(), string(doc)} {
		if strings.Contains(text, secret) || !strings.Contains(text, "[redacted]") {
			t.Errorf("%q", text)
		}
	}
}
