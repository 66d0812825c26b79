package archive

import (
	"crypto/sha256"
	"encoding/hex"
)

const (
	nameHeader = "header"
	nameTotals = "totals"

	// Format is the number of the form that this program writes, and the newest that it reads.
	Format = 1

	maxLine = 256 << 20 // bytes; a session or a user is never so large
	sumSize = 16        // bytes of a line's sum
)

// chain is the sums of lines, each of the one before it and its own text.
type chain [sha256.Size]byte

// next returns the sum of a line that says this, in hexadecimal.
func (c *chain) next(said []byte) string {
	h := sha256.New()
	h.Write(c[:])
	h.Write(said)
	h.Sum(c[:0])
	return hex.EncodeToString(c[:sumSize])
}
