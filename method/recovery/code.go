package recovery

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode"
)

const (
	codeSize = 15  // bytes: 120 bits
	symbols  = 24  // each five bits
	group    = 4   // symbols between dashes
	maxTyped = 256 // bytes that are looked at, spaces and dashes included
)

// crockford is his base32: no I, L, O and U, see www.crockford.com/base32.html. He counts bits from the end; with 120 there
// is no difference.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// code is one recovery code as it is meant, however it is written.
type code [codeSize]byte

func newCode() (c code) {
	_, _ = rand.Read(c[:]) // it ends the program rather than fail
	return c
}

// String writes a code in groups, as it is shown.
func (c code) String() string {
	text := crockford.EncodeToString(c[:])
	groups := make([]string, 0, symbols/group)
	for ; text != ""; text = text[group:] {
		groups = append(groups, text[:group])
	}
	return strings.Join(groups, "-")
}

// parse reads a code as people type it. One that cannot be is the zero code and false.
func parse(typed string) (c code, ok bool) {
	if len(typed) > maxTyped {
		return code{}, false
	}
	bare := strings.Map(meant, typed)
	if len(bare) != symbols { // package base32 does not mind one too many
		return code{}, false
	}
	raw, err := crockford.DecodeString(bare)
	if err != nil {
		return code{}, false
	}
	return code(raw), true
}

// meant is the symbol that somebody had in mind, none for what only separates. Other characters stay and are refused.
func meant(r rune) rune {
	switch {
	case unicode.IsSpace(r) || unicode.Is(unicode.Dash, r):
		return -1
	case 'a' <= r && r <= 'z':
		r += 'A' - 'a'
	}
	switch r {
	case 'O':
		return '0'
	case 'I', 'L':
		return '1'
	case 'U':
		return 'V'
	}
	return r
}

// label keeps these hashes apart from every other use of SHA-256.
const label = "cloakroom recovery code 1\x00"

// hash is what is stored of a code. The parts before the user's id have a fixed length, so no two inputs are the same.
func (c code) hash(userID string) hash {
	return sha256.Sum256([]byte(label + string(c[:]) + userID))
}
