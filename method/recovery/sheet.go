package recovery

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

const (
	version = 1
	perUser = 10
)

// sheet is the hashes of a user's codes, zero in place of a used one: no code has that hash.
type sheet [perUser]hash

type hash = [sha256.Size]byte

// without returns the sheet with one code used up. It compares all, right or wrong, and works on a copy.
func (s sheet) without(h hash) (rest sheet, found bool) {
	hits := 0
	for i := range s {
		hit := subtle.ConstantTimeCompare(s[i][:], h[:])
		used := hash{}
		subtle.ConstantTimeCopy(hit, s[i][:], used[:])
		hits += hit
	}
	return s, hits > 0
}

func (s sheet) remaining() (n int) {
	for _, h := range s {
		if h != (hash{}) {
			n++
		}
	}
	return n
}

// data is the stored form: version, hashes.
func (s sheet) data() []byte {
	b := append(make([]byte, 0, 1+perUser*sha256.Size), version)
	for _, h := range s {
		b = append(b, h[:]...)
	}
	return b
}

// open is the opposite of data. Its error does not quote, and comes with an empty sheet.
func open(data []byte) (s sheet, err error) {
	if len(data) != 1+len(s)*sha256.Size || data[0] != version {
		return sheet{}, errors.New("data is not of a known form")
	}
	for i := range s {
		s[i] = hash(data[1+i*sha256.Size:][:sha256.Size])
	}
	return s, nil
}
