package cloakroom

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzPresent reads the headers that anybody may write. Whatever they say, only a token that was made is found, a Bearer
// header keeps the cookies from being looked at, and every refusal is one of three.
func FuzzPresent(f *testing.F) {
	ring := ring(f, "", secretOf(1))
	token := ring.sign(kindSession, &[tokenSize]byte{0, 7, 42}) // the same in every process that fuzzes
	good := token.Reveal()
	a := &Auth{carriers: newCarriers(Config{})}
	a.keys.Store(ring)
	f.Add("Bearer "+good, "")
	f.Add("bEaReR\t "+good, "__Host-Http-session=x")
	f.Add("", "a=b; __Host-Http-session="+good+"; __Host-Http-session=junk")
	f.Add("Basic x", "\u2000__Host-Http-session="+good)
	f.Fuzz(func(t *testing.T, authorization, cookie string) {
		r := httptest.NewRequest("GET", "/", nil)
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		r.Header["Cookie"] = []string{cookie}
		cred, err := a.present(r)
		switch {
		case err == nil && cred.token != token:
			t.Errorf("found a token that was never made: %q %q", authorization, cookie)
		case err == nil && cred.carrier == byBearer && !strings.Contains(authorization, good):
			t.Errorf("a bearer token out of nowhere: %q", authorization)
		case err == nil && cred.carrier == byCookie && (bearing(r) || !strings.Contains(cookie, good)):
			t.Errorf("a cookie that should not count: %q %q", authorization, cookie)
		case err != nil && !errors.Is(err, ErrUnauthenticated) && !errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrAmbiguous):
			t.Errorf("%q %q: %v", authorization, cookie, err)
		}
	})
}

func FuzzParseSecret(f *testing.F) {
	f.Add(strings.Repeat("0123456789abcdef", 4))
	f.Add("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSecret(text)
		if err == nil && s.weak() != "" {
			t.Errorf("%q is weak and was taken", text)
		}
	})
}
