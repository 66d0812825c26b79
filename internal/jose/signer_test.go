package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
)

func signerOf(t testing.TB, k Key) *Signer {
	t.Helper()
	s, err := NewSigner(k.Algorithm, k.ID, k.Private)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verified checks a compact JWS against a public JWK with the standard library alone, and that the header is exactly
// alg, kid and typ. It returns the payload.
func verified(t testing.TB, k Key, typ, token string) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q has %d parts, want 3", token, len(parts))
	}
	want := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, k.Algorithm, k.ID, typ)
	if header := string(decoded(t, parts[0])); header != want {
		t.Errorf("header %s, want %s", header, want)
	}
	input, signature := []byte(parts[0]+"."+parts[1]), decoded(t, parts[2])
	if !checks(publicKey(t, k.Public), input, signature) {
		t.Errorf("the standard library refuses the signature of %s", token)
	}
	if checks(publicKey(t, k.Public), append(input, 'A'), signature) {
		t.Fatal("the check of this test takes anything")
	}
	return decoded(t, parts[1])
}

func checks(public crypto.PublicKey, input, signature []byte) bool {
	sum := sha256.Sum256(input)
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 { // RFC 7518 §3.4: r and s in full, leading zeros kept
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(public, sum[:], r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, input, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

func TestSign(t *testing.T) {
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			k := generated(t, alg)
			s := signerOf(t, k)
			if s.Algorithm() != alg || s.KeyID() != k.ID || !bytes.Equal(s.PublicJWK(), k.Public) {
				t.Errorf("signer %s %s %s, want those of %v", s.Algorithm(), s.KeyID(), s.PublicJWK(), k)
			}
			for _, typ := range []string{"at+jwt", "revocations+jwt", "at+jwt"} {
				for _, payload := range []string{`{"sub":"usr_1"}`, "", "\x00 not JSON \xff", strings.Repeat("x", 1<<16)} {
					token, err := s.Sign(typ, []byte(payload))
					if err != nil {
						t.Fatal(err)
					}
					if got := verified(t, k, typ, token); string(got) != payload {
						t.Errorf("payload %.40q came out as %.40q", payload, got)
					}
				}
			}
		})
	}
}

// One signature in 128 has an r or s that begins with a zero byte, which must not be cut off.
func TestShortSignatures(t *testing.T) {
	k := generated(t, ES256)
	s, short := signerOf(t, k), 0
	for i := range 4000 {
		token, err := s.Sign("at+jwt", fmt.Append(nil, i))
		if err != nil {
			t.Fatal(err)
		}
		signature := decoded(t, token[strings.LastIndexByte(token, '.')+1:])
		if len(signature) != 64 {
			t.Fatalf("signature of %d bytes, want 64", len(signature))
		}
		if signature[0] == 0 || signature[32] == 0 {
			verified(t, k, "at+jwt", token)
			if short++; short == 3 {
				return
			}
		}
	}
	t.Error("no short signature among 4000: the test proves nothing")
}

func TestSignWithoutTyp(t *testing.T) {
	if token, err := signerOf(t, generated(t, EdDSA)).Sign("", []byte("{}")); err == nil || token != "" {
		t.Errorf("Sign = %q, %v; want an error", token, err)
	}
}

// What PublicJWK gives away is the caller's to change.
func TestPublicJWKIsACopy(t *testing.T) {
	k := generated(t, EdDSA)
	s := signerOf(t, k)
	clear(s.PublicJWK())
	if !bytes.Equal(s.PublicJWK(), k.Public) {
		t.Error("a caller changed the signer's public key")
	}
}

func TestSignerPrintsNoPrivateKey(t *testing.T) {
	seed := []byte("a seed of thirty-two bytes, known")[:ed25519.SeedSize]
	s, err := NewSigner(EdDSA, "kid-1", pkcs8(t, ed25519.NewKeyFromSeed(seed)))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, out := range []string{fmt.Sprintf(verb, s), fmt.Sprintf(verb, struct{ S *Signer }{s})} {
			for _, form := range []string{"a seed of", "612073656564", "97 32 115", "0x61, 0x20"} {
				if strings.Contains(out, form) {
					t.Errorf("%s shows the private key: %s", verb, out)
				}
			}
		}
	}
}

func TestNewSignerRefuses(t *testing.T) {
	keys := map[string][]byte{
		"P-224":  ecdsaOn(t, elliptic.P224()),
		"P-384":  ecdsaOn(t, elliptic.P384()),
		"P-521":  ecdsaOn(t, elliptic.P521()),
		"X25519": x25519(t),
		"RSA":    pkcs8(t, weakRSA(t)),
		"none":   nil,
		"junk":   []byte("junk"),
		"cut":    generated(t, ES256).Private[:60],
		"SEC 1":  sec1(t),
	}
	for _, alg := range algorithms {
		for name, private := range keys {
			if s, err := NewSigner(alg, "k", private); err == nil || s != nil {
				t.Errorf("NewSigner(%s) takes a key that is %s", alg, name)
			}
		}
		for _, other := range append(algorithms, "", "none", "HS256", "PS256", "ES384") {
			if _, err := NewSigner(other, "k", generated(t, alg).Private); (err == nil) != (other == alg) {
				t.Errorf("NewSigner(%q) with a key for %s: %v", other, alg, err)
			}
		}
		if _, err := NewSigner(alg, "", generated(t, alg).Private); err == nil {
			t.Errorf("NewSigner(%s) takes an empty kid", alg)
		}
	}
}

func TestNewSignerSaysWhy(t *testing.T) {
	for _, c := range []struct {
		alg     Algorithm
		private []byte
		says    string
	}{
		{ES256, ecdsaOn(t, elliptic.P384()), "on curve P-384 does not fit ES256"},
		{RS256, pkcs8(t, weakRSA(t)), "rsa key has 1024 bits, needs at least 2048"},
		{EdDSA, generated(t, RS256).Private, "*rsa.PrivateKey does not fit EdDSA"},
		{ES256, []byte("junk"), "PKCS #8"},
		{"none", generated(t, ES256).Private, `"none" is unknown`},
	} {
		_, err := NewSigner(c.alg, "kid-1", c.private)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "kid-1") {
			t.Errorf("NewSigner = %v; want it to name kid-1 and say %q", err, c.says)
		}
	}
}

func TestConcurrentSigning(t *testing.T) {
	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			k := generated(t, alg)
			s := signerOf(t, k)
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					typ, payload := fmt.Sprintf("type-%d+jwt", i%3), fmt.Sprint("payload of ", i)
					for range 5 {
						token, err := s.Sign(typ, []byte(payload))
						if err != nil {
							t.Error(err)
							return
						}
						if got := verified(t, k, typ, token); string(got) != payload {
							t.Errorf("payload %q came out as %q", payload, got)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func x25519(t testing.TB) []byte {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, key)
}

func weakRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sec1(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What an access token of some 400 bytes costs, beside the bare signature of the standard library.
func BenchmarkSign(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 400)
	sum := sha256.Sum256(payload)
	for _, alg := range algorithms {
		k := generated(b, alg)
		b.Run(string(alg)+"/ours", func(b *testing.B) {
			s := signerOf(b, k)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Sign("at+jwt", payload)
			}
		})
		b.Run(string(alg)+"/bare", func(b *testing.B) {
			private := signerOf(b, k).private
			opts, input := crypto.SignerOpts(crypto.SHA256), sum[:]
			if alg == EdDSA {
				opts, input = crypto.Hash(0), payload
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = private.Sign(rand.Reader, input, opts)
			}
		})
	}
}
