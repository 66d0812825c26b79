package jws

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/cloakroom-auth/cloakroom/verify/internal/exact"
)

const (
	maxSet  = 256 << 10 // bytes of a key set
	maxKeys = 100
)

var errNoKey = errors.New("no key that could sign a token of ours")

// ParseSet reads a JWK set (RFC 7517 §5): its usable keys by kid.
//
// Keys for other uses, or of kinds and algorithms that this package does not know, are passed over, for an issuer may
// list them for others. A key of a known algorithm that is not as it should be spoils the whole set: too short, off its
// curve, of another type than its algorithm, without a kid, with the kid of another, or with its secret half. Such a
// document is not what the issuer meant to say; to drop only that key would declare good tokens dead.
func ParseSet(doc []byte) (map[string]*Key, error) {
	if len(doc) > maxSet {
		return nil, ErrSize
	}
	top, err := exact.Object(doc)
	if err != nil {
		return nil, err
	}
	var entries []json.RawMessage
	if list := exact.Find(top, "keys"); len(list) == 0 || list[0] != '[' || json.Unmarshal(list, &entries) != nil {
		return nil, errors.New("no list of keys")
	}
	if len(entries) > maxKeys {
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	set := make(map[string]*Key, len(entries))
	for i, entry := range entries {
		key, err := parseKey(entry)
		switch {
		case err != nil:
			return nil, fmt.Errorf("key %d: %w", i, err)
		case key == nil:
		case set[key.ID] != nil:
			return nil, fmt.Errorf("key %d: the kid of another", i)
		default:
			set[key.ID] = key
		}
	}
	if len(set) == 0 {
		return nil, errNoKey
	}
	return set, nil
}

// parseKey reads one JWK. It returns nil for a key that is not for us.
func parseKey(doc []byte) (*Key, error) {
	members, err := exact.Object(doc)
	if err != nil {
		return nil, err
	}
	algorithm, _ := exact.String(exact.Find(members, "alg"))
	build := builderOf(algorithm)
	if build.key == nil || !forSignatures(members) {
		return nil, nil
	}
	for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if exact.Find(members, secret) != nil {
			return nil, errors.New("has its secret half")
		}
	}
	if kty, _ := exact.String(exact.Find(members, "kty")); kty != build.kty {
		return nil, errors.New("its type is not that of its algorithm")
	}
	id, ok := exact.String(exact.Find(members, "kid"))
	if !ok || id == "" {
		return nil, errors.New("no kid")
	}
	key := &Key{ID: id, Algorithm: algorithm}
	var material []byte
	key.public, material, err = build.key(members)
	key.print = sha256.Sum256(append([]byte(algorithm+"."), material...))
	return key, err
}

// forSignatures is false if the key says that it is for something else (RFC 7517 §4.2, §4.3).
func forSignatures(members []exact.Member) bool {
	if use := exact.Find(members, "use"); use != nil {
		if text, _ := exact.String(use); text != "sig" {
			return false
		}
	}
	if ops := exact.Find(members, "key_ops"); ops != nil {
		texts, _ := exact.Strings(ops)
		return slices.Contains(texts, "verify")
	}
	return true
}

// builder makes public keys of one algorithm. material is what tells one key from another.
type builder struct {
	kty string
	key func([]exact.Member) (public any, material []byte, err error)
}

func builderOf(algorithm string) builder {
	switch algorithm {
	case ES256:
		return builder{"EC", p256}
	case EdDSA:
		return builder{"OKP", ed25519Key}
	case RS256:
		return builder{"RSA", rsaKey}
	}
	return builder{}
}

func p256(members []exact.Member) (any, []byte, error) {
	const size = 32
	if crv, _ := exact.String(exact.Find(members, "crv")); crv != "P-256" {
		return nil, nil, errors.New("its curve is not that of its algorithm")
	}
	x, errX := member(members, "x")
	y, errY := member(members, "y")
	if err := errors.Join(errX, errY); err != nil {
		return nil, nil, err
	}
	if len(x) != size || len(y) != size { // RFC 7518 §6.2.1.2
		return nil, nil, errors.New("a coordinate has not 32 bytes")
	}
	point := slices.Concat([]byte{4}, x, y)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, nil, errors.New("not a point of its curve")
	}
	return public, point, nil
}

func ed25519Key(members []exact.Member) (any, []byte, error) {
	crv, _ := exact.String(exact.Find(members, "crv"))
	x, err := member(members, "x")
	switch {
	case err != nil:
		return nil, nil, err
	case crv != "Ed25519":
		return nil, nil, errors.New("its curve is not that of its algorithm")
	case len(x) != ed25519.PublicKeySize:
		return nil, nil, errors.New("x has not 32 bytes")
	}
	return ed25519.PublicKey(x), x, nil
}

func rsaKey(members []exact.Member) (any, []byte, error) {
	const minBits, maxBits = 2048, 8192 // RFC 7518 §3.3; beyond the upper one a check takes a millisecond
	n, errN := member(members, "n")
	e, errE := member(members, "e")
	if err := errors.Join(errN, errE); err != nil {
		return nil, nil, err
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	switch {
	case modulus.BitLen() < minBits || modulus.BitLen() > maxBits || modulus.Bit(0) == 0:
		return nil, nil, errors.New("n is not a modulus of 2048 to 8192 bits")
	case exponent.BitLen() < 17 || exponent.BitLen() > 31 || exponent.Bit(0) == 0: // FIPS 186-5 §5.1: over 2^16
		return nil, nil, errors.New("e is not an exponent from 65537 to 2^31")
	case n[0] == 0 || e[0] == 0: // RFC 7518 §6.3.1: as few bytes as can be
		return nil, nil, errors.New("n or e begins with a zero")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, slices.Concat([]byte{byte(len(e))}, e, n), nil
}

// member reads the base64url of one member.
func member(members []exact.Member, name string) ([]byte, error) {
	text, ok := exact.String(exact.Find(members, name))
	if !ok || text == "" {
		return nil, fmt.Errorf("no %s", name)
	}
	b, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not base64url", name)
	}
	return b, nil
}
