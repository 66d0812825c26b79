package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-jose/go-jose/v4"
)

// rsaBits is the size of an RSA key that is made here, and the least of one that is taken (RFC 7518 §3.3).
const rsaBits = 2048

// Key is a key pair as it is stored. In fmt and slog it shows only its name, and JSON leaves the private half out.
type Key struct {
	ID        string // the kid: the RFC 7638 thumbprint of the public half
	Algorithm Algorithm
	Private   []byte `json:"-"` // PKCS #8 in DER, in the clear
	Public    []byte // a JWK in JSON with the public members, kid, alg and use
}

// Format implements fmt.Formatter, so that no verb shows the private half.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s key %s", k.Algorithm, k.ID) }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// Generate makes a fresh key pair.
func Generate(alg Algorithm) (Key, error) {
	pair, err := generate(alg)
	if err != nil {
		return Key{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return Key{}, fmt.Errorf("%s key: %w", alg, err)
	}
	id, err := thumbprint(jose.JSONWebKey{Key: pair.Public()})
	if err != nil {
		return Key{}, err
	}
	public, err := publicJWK(alg, id, pair)
	if err != nil {
		return Key{}, err
	}
	return Key{ID: id, Algorithm: alg, Private: private, Public: public}, nil
}

func generate(alg Algorithm) (crypto.Signer, error) {
	switch alg {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	}
	return nil, unknown(alg)
}

func unknown(alg Algorithm) error { return fmt.Errorf("signing algorithm %q is unknown", alg) }

// parse reads a private key in PKCS #8 and refuses one that does not fit alg. Errors never show the key.
func parse(alg Algorithm, private []byte) (crypto.Signer, error) {
	if !alg.Valid() {
		return nil, unknown(alg)
	}
	key, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, errors.New("private key is not in PKCS #8 form, or broken")
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if alg == ES256 && key.Curve == elliptic.P256() {
			return key, nil
		}
		return nil, fmt.Errorf("private key on curve %s does not fit %s", key.Params().Name, alg)
	case ed25519.PrivateKey:
		if alg == EdDSA {
			return key, nil
		}
	case *rsa.PrivateKey:
		if alg == RS256 && key.N.BitLen() < rsaBits {
			return nil, fmt.Errorf("rsa key has %d bits, needs at least %d", key.N.BitLen(), rsaBits)
		}
		if alg == RS256 {
			return key, nil
		}
	}
	return nil, fmt.Errorf("private key of type %T does not fit %s", key, alg)
}

// PublicJWK gives the public half of a private key as Key.Public has it. Errors: as NewSigner.
func PublicJWK(alg Algorithm, kid string, private []byte) ([]byte, error) {
	s, err := NewSigner(alg, kid, private)
	if err != nil {
		return nil, err
	}
	return s.PublicJWK(), nil
}

func publicJWK(alg Algorithm, kid string, pair crypto.Signer) ([]byte, error) {
	jwk := jose.JSONWebKey{Key: pair.Public(), KeyID: kid, Algorithm: string(alg), Use: "sig"}
	b, err := jwk.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return b, nil
}

// KeyID gives the kid that Generate would have given to a public JWK: its RFC 7638 thumbprint, SHA-256 in base64url.
// Members that do not make the key (kid, alg, use …) do not count. A private or symmetric key is an error.
func KeyID(public []byte) (string, error) {
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(public); err != nil {
		return "", errors.New("not a JWK of a known kind")
	}
	if !jwk.IsPublic() {
		return "", errors.New("not a public JWK")
	}
	return thumbprint(jwk)
}

func thumbprint(jwk jose.JSONWebKey) (string, error) {
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// Set puts public JWKs, as Key.Public has them, into a JWK Set (RFC 7517 §5) in the order given. Equal keys in equal
// order are equal bytes, so a hash of them serves as an ETag.
func Set(jwks ...[]byte) []byte {
	return append(append([]byte(`{"keys":[`), bytes.Join(jwks, []byte(","))...), "]}"...)
}
