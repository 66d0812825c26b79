package cloakroom

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
)

const codeDigits = 8

// codeMACs are what the store may have of a code: one under each secret, the first in force.
func (k *keyring) codeMACs(at TokenID, code string) [][]byte {
	macs := make([][]byte, len(k.code))
	for i, key := range k.code {
		m := hmac.New(sha256.New, key)
		m.Write(at.Hash[:])
		m.Write([]byte(code))
		macs[i] = m.Sum(nil)
	}
	return macs
}

// numbers are what another browser may choose from: the right one and two others, always the same for an attempt, for to ask
// again must not tell which it is.
func (k *keyring) numbers(at *attempt) []string {
	list := []string{at.Mail.Number}
	for i := 0; len(list) < 3; i++ {
		sum := k.codeMACs(at.ticket.ID, fmt.Sprintf("decoy %d", i))[0]
		if n := numberOf(int64(binary.BigEndian.Uint16(sum) % 100)); !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

func numberOf(n int64) string { return numberWith(2, n) }

func numberWith(digits int, n int64) string { return fmt.Sprintf("%0*d", digits, n) }

// randomBelow is evenly spread.
func randomBelow(n int64) int64 {
	v, _ := rand.Int(rand.Reader, big.NewInt(n)) // crypto/rand ends the process rather than fail
	return v.Int64()
}
