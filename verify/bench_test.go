package verify_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/verify"
)

// BenchmarkFirstSight is one token whose signature is checked.
func BenchmarkFirstSight(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		b.Run(alg, func(b *testing.B) {
			s := newSigner("k1", alg)
			keys, raw := parseKeys(b, s), s.token(noon, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Verify(raw, rules(), noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefused is what a forger pays for by sending, and we by reading.
func BenchmarkRefused(b *testing.B) {
	s := newSigner("k1", "ES256")
	keys := parseKeys(b, s)
	for _, name := range []string{"dots", "jku", "payload deep", "payload of many claims", "S161 unknown kid"} {
		b.Run(name, func(b *testing.B) {
			raw := hostile(s)[name].raw
			b.ReportAllocs()
			for b.Loop() {
				if _, err := keys.Verify(raw, rules(), noon); err == nil {
					b.Fatal("taken")
				}
			}
		})
	}
}

// BenchmarkRemembered is one token seen before, with the feed followed.
func BenchmarkRemembered(b *testing.B) {
	i := newIssuer()
	v := i.verifier(b, nil)
	raw := i.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMiddleware is the same behind a handler, beside the bare handler.
func BenchmarkMiddleware(b *testing.B) {
	i := newIssuer()
	v := i.verifier(b, nil)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	raw := i.token(time.Now(), object{"exp": time.Now().Add(time.Hour).Unix()})
	for name, h := range map[string]http.Handler{"bare": bare, "remembered": v.Middleware(bare), "role": v.Require(verify.Role("clerk"))(bare)} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Authorization", "Bearer "+raw)
			w := blank{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.Header())
				h.ServeHTTP(w, r)
			}
		})
	}
}

// blank is a ResponseWriter that costs nothing.
type blank struct{ header http.Header }

func (b blank) Header() http.Header         { return b.header }
func (b blank) Write(p []byte) (int, error) { return len(p), nil }
func (b blank) WriteHeader(int)             {}
