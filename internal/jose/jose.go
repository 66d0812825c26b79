// Package jose makes the keys of signed tokens and signs with them: compact JWS (RFC 7515) and public JWKs (RFC 7517).
//
//	key, err := jose.Generate(jose.ES256)                         // keep key.Private sealed
//	signer, err := jose.NewSigner(key.Algorithm, key.ID, key.Private) // once per key
//	token, err := signer.Sign("at+jwt", payload)
//	body := jose.Set(key.Public, next.Public)                     // what /.well-known/jwks.json serves
//
// One key has one [Algorithm], and a [Signer] puts exactly alg, kid and typ into a header. The payload is bytes: what
// they claim, and until when, is the caller's business.
//
// It refuses a private key that does not fit its algorithm: elliptic curves other than P-256, RSA below 2048 bits.
//
// Not here: checking signatures, which is package verify's; claims and clocks; keeping and rotating keys; encryption
// (JWE). No other package imports a JOSE library.
package jose

import "fmt"

// Algorithm is how a key signs, by the name it has in the header of a token (RFC 7518 §3.1, RFC 8037 §3.1).
type Algorithm string

const (
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256
	EdDSA Algorithm = "EdDSA" // Ed25519
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256, for verifiers that know nothing else
)

// ParseAlgorithm reads the name of an algorithm as it is written in configuration and in headers. Case counts.
func ParseAlgorithm(name string) (Algorithm, error) {
	a := Algorithm(name)
	if !a.Valid() {
		return "", fmt.Errorf("signing algorithm %q is not ES256, EdDSA or RS256", name)
	}
	return a, nil
}

// Valid reports whether keys can be made for a.
func (a Algorithm) Valid() bool { return a == ES256 || a == EdDSA || a == RS256 }
