package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
)

var algorithms = []Algorithm{ES256, EdDSA, RS256}

// members of a public JWK by algorithm, in the order of the alphabet. Any other member could be a secret.
var members = map[Algorithm][]string{
	ES256: {"alg", "crv", "kid", "kty", "use", "x", "y"},
	EdDSA: {"alg", "crv", "kid", "kty", "use", "x"},
	RS256: {"alg", "e", "kid", "kty", "n", "use"},
}

func generated(t testing.TB, alg Algorithm) Key {
	t.Helper()
	k, err := Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func pkcs8(t testing.TB, private any) []byte {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func object(t testing.TB, text []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func decoded(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return b
}

// publicKey reads a public JWK with the standard library alone.
func publicKey(t testing.TB, jwk []byte) crypto.PublicKey {
	t.Helper()
	m := object(t, jwk)
	switch {
	case m["kty"] == "EC" && m["crv"] == "P-256":
		x, y := decoded(t, m["x"]), decoded(t, m["y"])
		if len(x) != 32 || len(y) != 32 { // RFC 7518 §6.2.1.2: full size, leading zeros kept
			t.Fatalf("coordinates of %d and %d bytes, want 32", len(x), len(y))
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			t.Fatal(err)
		}
		return key
	case m["kty"] == "OKP" && m["crv"] == "Ed25519":
		return ed25519.PublicKey(decoded(t, m["x"]))
	case m["kty"] == "RSA":
		e := new(big.Int).SetBytes(decoded(t, m["e"]))
		return &rsa.PublicKey{N: new(big.Int).SetBytes(decoded(t, m["n"])), E: int(e.Int64())}
	}
	t.Fatalf("public JWK %s of an unknown kind", jwk)
	return nil
}

func TestGenerate(t *testing.T) {
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			k := generated(t, alg)
			private, err := x509.ParsePKCS8PrivateKey(k.Private)
			if err != nil {
				t.Fatal(err)
			}
			public := private.(crypto.Signer).Public()
			if !public.(interface{ Equal(crypto.PublicKey) bool }).Equal(publicKey(t, k.Public)) {
				t.Error("the public half is of another key")
			}
			m := object(t, k.Public)
			if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, members[alg]) {
				t.Errorf("public JWK has members %v, want exactly %v", got, members[alg])
			}
			if k.Algorithm != alg || m["alg"] != string(alg) || m["use"] != "sig" || m["kid"] != k.ID || k.ID == "" {
				t.Errorf("key %v with public JWK %s: they disagree", k, k.Public)
			}
			if other := generated(t, alg); other.ID == k.ID || bytes.Equal(other.Private, k.Private) {
				t.Error("the next key is the same key")
			}
		})
	}
}

func TestGenerateUnknown(t *testing.T) {
	for _, alg := range []Algorithm{"", "none", "HS256", "es256", "ES384"} {
		if k, err := Generate(alg); err == nil || k.Private != nil {
			t.Errorf("Generate(%q) = %v, %v; want an error", alg, k, err)
		}
	}
}

// One key in 128 has a coordinate that begins with a zero byte, which must not be cut off.
func TestShortCoordinates(t *testing.T) {
	short := 0
	for range 6000 {
		k := generated(t, ES256)
		key := publicKey(t, k.Public).(*ecdsa.PublicKey) // fails on a coordinate of another size
		point, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if point[1] == 0 || point[33] == 0 {
			if short++; short == 3 {
				return
			}
		}
	}
	t.Error("no short coordinate among 6000 keys: the test proves nothing")
}

func TestPublicJWK(t *testing.T) {
	for _, alg := range algorithms {
		k := generated(t, alg)
		got, err := PublicJWK(alg, k.ID, k.Private)
		if err != nil || !bytes.Equal(got, k.Public) {
			t.Errorf("PublicJWK = %s, %v; want the same as Generate: %s", got, err, k.Public)
		}
		named, err := PublicJWK(alg, `my "key"`, k.Private)
		if err != nil || object(t, named)["kid"] != `my "key"` {
			t.Errorf("PublicJWK = %s, %v; want the kid that was given", named, err)
		}
		if _, err := PublicJWK("HS256", k.ID, k.Private); err == nil {
			t.Error("PublicJWK takes an algorithm that does not fit")
		}
	}
}

// The key of RFC 8037, appendix A.1 and A.2.
func TestPublicJWKOfRFC8037(t *testing.T) {
	seed := decoded(t, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	got, err := PublicJWK(EdDSA, "k", pkcs8(t, ed25519.NewKeyFromSeed(seed)))
	if x := object(t, got)["x"]; err != nil || x != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" {
		t.Errorf("x = %s, %v", x, err)
	}
}

func TestKeyID(t *testing.T) {
	for name, c := range map[string]struct{ jwk, want string }{
		"RFC 7638 §3.1": {`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		"RFC 8037 A.3":  {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	} {
		if got, err := KeyID([]byte(c.jwk)); err != nil || got != c.want {
			t.Errorf("%s: KeyID = %q, %v; want %q", name, got, err, c.want)
		}
	}
}

// The thumbprint of a key made here, worked out by the words of RFC 7638 §3 with the standard library alone.
func TestKeyIDOfGenerated(t *testing.T) {
	required := map[Algorithm][]string{ES256: {"crv", "kty", "x", "y"}, EdDSA: {"crv", "kty", "x"}, RS256: {"e", "kty", "n"}}
	for _, alg := range algorithms {
		k := generated(t, alg)
		var parts []string
		for _, name := range required[alg] {
			parts = append(parts, fmt.Sprintf("%q:%q", name, object(t, k.Public)[name]))
		}
		sum := sha256.Sum256([]byte("{" + strings.Join(parts, ",") + "}"))
		want := base64.RawURLEncoding.EncodeToString(sum[:])
		if got, err := KeyID(k.Public); err != nil || got != want || k.ID != want {
			t.Errorf("%s: KeyID = %q, %v and Key.ID = %q; want %q", alg, got, err, k.ID, want)
		}
	}
}

func TestKeyIDRefuses(t *testing.T) {
	for name, jwk := range map[string]string{
		"nothing":   ``,
		"no object": `[]`,
		"no kind":   `{}`,
		"symmetric": `{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}`,
		"private":   `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
		"off curve": `{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`,
	} {
		if id, err := KeyID([]byte(jwk)); err == nil || id != "" {
			t.Errorf("%s: KeyID = %q, %v; want an error", name, id, err)
		} else if strings.Contains(err.Error(), "nWGx") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestKeyPrintsNoPrivateHalf(t *testing.T) {
	k := generated(t, EdDSA)
	k.Private = []byte("PRIVATE")
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", "key", k)
	marshalled, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{logged.String(), string(marshalled)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		shown = append(shown, fmt.Sprintf(verb, k), fmt.Sprintf(verb, &k), fmt.Sprintf(verb, []Key{k}))
	}
	for _, out := range shown {
		for _, form := range []string{"PRIVATE", "50524956", "80 82 73", base64.StdEncoding.EncodeToString(k.Private)} {
			if strings.Contains(out, form) {
				t.Errorf("the private half shows: %s", out)
			}
		}
	}
}

func TestSet(t *testing.T) {
	a, b := generated(t, ES256).Public, generated(t, RS256).Public
	for _, c := range []struct {
		jwks [][]byte
		want string
	}{
		{nil, `{"keys":[]}`},
		{[][]byte{a}, `{"keys":[` + string(a) + `]}`},
		{[][]byte{a, b}, `{"keys":[` + string(a) + `,` + string(b) + `]}`},
	} {
		got := Set(c.jwks...)
		if string(got) != c.want {
			t.Errorf("Set = %s, want %s", got, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("Set = %s: not JSON", got)
		}
	}
}

func TestParseAlgorithm(t *testing.T) {
	for _, alg := range algorithms {
		if got, err := ParseAlgorithm(string(alg)); got != alg || err != nil || !alg.Valid() {
			t.Errorf("ParseAlgorithm(%q) = %q, %v", alg, got, err)
		}
	}
	for _, name := range []string{"", "none", "es256", "HS256", "ES384", "PS256", "Ed25519", " ES256"} {
		if got, err := ParseAlgorithm(name); got != "" || err == nil || Algorithm(name).Valid() {
			t.Errorf("ParseAlgorithm(%q) = %q, %v; want an error", name, got, err)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, alg := range []Algorithm{ES256, EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			for b.Loop() {
				generated(b, alg)
			}
		})
	}
}

func ecdsaOn(t testing.TB, curve elliptic.Curve) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}
