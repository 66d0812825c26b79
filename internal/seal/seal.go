// Package seal encrypts what must be read again and must not be read in a dump: signing keys, one-time password
// secrets, tokens of others. What only has to be compared is hashed instead, elsewhere.
//
//	ring, err := seal.New(secrets) // the first seals, all open
//	place := seal.Place{Table: "keys", Column: "private", Row: kid}
//	sealed := ring.Seal(place, private)
//	private, stale, err := ring.Open(place, sealed)
//
// A [Keyring] uses AES-256-GCM under keys derived from the secrets by HKDF-SHA-256 (RFC 5869) with a label of its own,
// so the same secrets may serve other purposes beside. An envelope is bound to its [Place]: moved to another row,
// column or table it does not open, so whoever can write to the database cannot give one row the key of another.
// Secrets rotate: put the new one first, and seal again whatever Open reports as stale; when nothing is, drop the old.
//
// An envelope reads
//
//	version (1 byte, 1) ‖ hint of the secret (4 bytes) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)
//
// [SealUnder] and [OpenUnder] are for what only the holder of a token may read: the key is made of the token.
//
// It refuses secrets shorter than 32 bytes, and every envelope that is not exactly as it was made, with one error that
// says nothing of the reason.
//
// Not here: keeping the secrets, wiping memory, hiding how long the plain text is, and noticing that an envelope was
// put back as it was earlier in the same place.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	version   = 1
	minSecret = 32 // bytes: as long as the key made of it
	hintSize  = 4
	header    = 1 + hintSize
)

// ErrOpen means that an envelope does not open here: it is of another place or secret, or it is not as it was made.
var ErrOpen = errors.New("sealed value does not open")

// Place is where an envelope is kept. Any text will do; places are equal only when all three fields are.
type Place struct{ Table, Column, Row string }

// Keyring seals under the first of its secrets and opens under all. It never changes: rotation makes a new one. Safe
// for concurrent use.
//
// Nonces are random, so one secret may seal 2^32 times (NIST SP 800-38D §8.3) before it must be rotated.
type Keyring struct{ keys []key }

type key struct {
	hint [hintSize]byte // which secret, for telling them apart without trying each; gives nothing away
	aead cipher.AEAD
}

// New makes a keyring of secrets, newest first: at least one, each of at least 32 random bytes. An error names the
// secret by its number, counted from one, never by its bytes.
func New(secrets [][]byte) (*Keyring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("no secret to seal under")
	}
	ring := &Keyring{keys: make([]key, len(secrets))}
	for i, s := range secrets {
		if len(s) < minSecret {
			return nil, fmt.Errorf("secret %d has %d bytes, needs at least %d", i+1, len(s), minSecret)
		}
		ring.keys[i].aead = newAEAD(s, "cloakroom seal")
		copy(ring.keys[i].hint[:], derive(s, "cloakroom seal hint", hintSize))
	}
	return ring, nil
}

// Seal encrypts plain, of any length, for place. The envelope is 33 bytes longer. Each call gives another.
func (k *Keyring) Seal(place Place, plain []byte) []byte {
	first := k.keys[0]
	envelope := make([]byte, 0, header+first.aead.Overhead()+len(plain))
	envelope = append(envelope, version)
	envelope = append(envelope, first.hint[:]...)
	return first.aead.Seal(envelope, nil, plain, place.bound())
}

// Open returns what was sealed for place. stale reports that it was sealed under an older secret and should be sealed
// again. The only error is ErrOpen.
func (k *Keyring) Open(place Place, sealed []byte) (plain []byte, stale bool, err error) {
	if len(sealed) < header || sealed[0] != version {
		return nil, false, ErrOpen
	}
	hint, body, bound := [hintSize]byte(sealed[1:]), sealed[header:], place.bound()
	for i, key := range k.keys {
		if key.hint != hint {
			continue
		}
		if plain, err := key.aead.Open(nil, nil, body, bound); err == nil {
			return plain, i > 0, nil
		}
	}
	return nil, false, ErrOpen
}

// bound is the place as additional authenticated data.
func (p Place) bound() []byte { return join(p.Table, p.Column, p.Row) }

// join puts texts in a row, each behind its length: lists that differ never come out the same.
func join(texts ...string) []byte {
	var b []byte
	for _, t := range texts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(t)))
		b = append(b, t...)
	}
	return b
}

// newAEAD makes the AES-256-GCM of secret for one purpose. It draws the nonce and puts it before the ciphertext.
func newAEAD(secret []byte, label string) cipher.AEAD {
	block, err := aes.NewCipher(derive(secret, label, 32))
	if err != nil {
		panic(err) // 32 bytes are a key of AES-256
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size of GCM
	}
	return aead
}

func derive(secret []byte, label string, size int) []byte {
	b, err := hkdf.Key(sha256.New, secret, nil, label, size)
	if err != nil {
		panic(err) // HKDF gives up to 255 × 32 bytes
	}
	return b
}
