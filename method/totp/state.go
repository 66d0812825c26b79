package totp

import (
	"crypto/subtle"
	"encoding/binary"
)

const (
	version    = 1
	secretSize = 20 // bytes: 160 bits
	dataSize   = 1 + 8 + secretSize
	never      = -1 // as state.last: no code was accepted yet
	skew       = 1  // steps before and after the present one
)

// state is what is on file: the secret that the app has too, and the step of the last code that was accepted.
type state struct {
	secret []byte
	last   int64
}

// accepts reports whether what was typed is the code of a step about now that is not used up, and of which. It takes as long
// for a wrong code as for a right one, and for one code as for another.
func (s state) accepts(typed string, now int64) (step int64, ok bool) {
	given, found := read(typed), 0
	for at := now - skew; at <= now+skew; at++ {
		want := codeOf(s.secret, at)
		right := subtle.ConstantTimeCompare(want[:], given[:])
		if at > s.last { // no secret: it depends on the clock
			found |= right
			step += int64(right) * (at - step) // the latest, should two steps have one code
		}
	}
	return step, found == 1
}

// data is the stored form: version, last step (big endian), secret.
func (s state) data() []byte {
	b := make([]byte, 0, dataSize)
	b = append(b, version)
	b = binary.BigEndian.AppendUint64(b, uint64(s.last))
	return append(b, s.secret...)
}

// parse is the opposite of data. Its error does not quote.
func parse(data []byte) (state, error) {
	if len(data) != dataSize || data[0] != version {
		return state{}, errData
	}
	s := state{last: int64(binary.BigEndian.Uint64(data[1:])), secret: data[9:]}
	if s.last < 0 { // Bind stores none
		return state{}, errData
	}
	return s, nil
}
