package cloakroom

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// What a mail has that is secret, its token and its code, is drawn from the name of the mail. So a mail that is tried again says what it
// said before: the try may have arrived, though nobody told us, and of two copies with one Message-ID a reader may keep either.

// draw gives 256 bits that are the same for these words every time, and that nobody who does not have the secret can tell from random
// ones (HMAC, RFC 2104, under a key for this alone). Under another first secret they are others.
func (k *keyring) draw(words ...string) (bits [sha256.Size]byte) {
	m := hmac.New(sha256.New, k.draws)
	for _, w := range words { // each behind its length: lists that differ never come out the same
		_ = binary.Write(m, binary.BigEndian, uint64(len(w)))
		m.Write([]byte(w))
	}
	m.Sum(bits[:0])
	return bits
}

// drawBelow is a number drawn from words. It is even but for n parts in 2^64.
func (k *keyring) drawBelow(n uint64, words ...string) int64 {
	bits := k.draw(words...)
	return int64(binary.BigEndian.Uint64(bits[:]) % n)
}
