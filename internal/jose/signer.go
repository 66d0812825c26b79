package jose

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// Signer signs with one private key, which is parsed and checked once. Safe for concurrent use.
type Signer struct {
	alg     Algorithm
	kid     string
	private crypto.Signer
	public  []byte
	typed   sync.Map // typ → jose.Signer: the library fixes the header when its signer is made
}

// NewSigner reads a private key in PKCS #8 DER that signs by alg and is known as kid. It refuses an unknown algorithm,
// an empty kid, and a key that does not fit the algorithm: another kind, a curve other than P-256, RSA below 2048 bits.
func NewSigner(alg Algorithm, kid string, private []byte) (*Signer, error) {
	if kid == "" {
		return nil, errors.New("signing key has no id")
	}
	pair, err := parse(alg, private)
	if err != nil {
		return nil, fmt.Errorf("signing key %q: %w", kid, err)
	}
	public, err := publicJWK(alg, kid, pair)
	if err != nil {
		return nil, fmt.Errorf("signing key %q: %w", kid, err)
	}
	return &Signer{alg: alg, kid: kid, private: pair, public: public}, nil
}

// KeyID is the kid in the header of everything that s signs.
func (s *Signer) KeyID() string { return s.kid }

// Algorithm is the alg in the header of everything that s signs.
func (s *Signer) Algorithm() Algorithm { return s.alg }

// PublicJWK is the public half: a JWK in JSON with the public members, kid, alg and use "sig", and nothing else.
func (s *Signer) PublicJWK() []byte { return bytes.Clone(s.public) }

// Format implements fmt.Formatter, so that no verb shows the private key.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%s signer %s", s.alg, s.kid) }

// Sign returns payload as a compact JWS (RFC 7515 §7.1) whose protected header has exactly alg, kid and typ. typ says
// what the payload is ("at+jwt", "revocations+jwt"), so that nothing signed for one purpose passes for another; it may
// not be empty, and comes from a fixed few: s remembers each.
func (s *Signer) Sign(typ string, payload []byte) (string, error) {
	signer, err := s.of(typ)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign with key %q: %w", s.kid, err)
	}
	return signed.CompactSerialize()
}

// of gives the library's signer for one typ, made at its first use.
func (s *Signer) of(typ string) (jose.Signer, error) {
	if known, ok := s.typed.Load(typ); ok {
		return known.(jose.Signer), nil
	}
	if typ == "" {
		return nil, errors.New("nothing is signed without a typ")
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.alg), Key: jose.JSONWebKey{Key: s.private, KeyID: s.kid}},
		new(jose.SignerOptions).WithType(jose.ContentType(typ)),
	)
	if err != nil {
		return nil, fmt.Errorf("signing key %q: %w", s.kid, err)
	}
	s.typed.Store(typ, signer)
	return signer, nil
}
