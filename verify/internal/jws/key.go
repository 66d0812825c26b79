package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
)

// The algorithms that are taken (RFC 7518 §3.1, RFC 8037 §3.1).
const (
	ES256 = "ES256"
	EdDSA = "EdDSA"
	RS256 = "RS256"
)

// Key is a public key with the one algorithm it serves. It does not change.
type Key struct {
	ID        string
	Algorithm string
	public    any      // *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey
	print     [32]byte // hash of algorithm and key
}

// Same reports whether other is this key for this algorithm, whatever it is called.
func (k *Key) Same(other *Key) bool { return k.print == other.print }

// Signed reports whether t names the algorithm of the key and bears a signature made with it.
func (k *Key) Signed(t Token) bool {
	if t.Algorithm != k.Algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		return signedES256(public, t)
	case ed25519.PublicKey:
		return ed25519.Verify(public, []byte(t.signed), t.signature)
	case *rsa.PublicKey:
		sum := sha256.Sum256([]byte(t.signed))
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], t.signature) == nil
	}
	return false
}

// signedES256 takes the two numbers in 32 bytes each, and no other encoding (RFC 7518 §3.4).
func signedES256(public *ecdsa.PublicKey, t Token) bool {
	const half = 32
	if len(t.signature) != 2*half {
		return false
	}
	r := new(big.Int).SetBytes(t.signature[:half])
	s := new(big.Int).SetBytes(t.signature[half:])
	sum := sha256.Sum256([]byte(t.signed))
	return ecdsa.Verify(public, sum[:], r, s)
}
