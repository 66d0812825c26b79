package id

import (
	"strings"
	"time"
)

// Series makes ids of one prefix that ascend, those of one moment too (RFC 9562 §6.2, method 2): for things that one step
// makes at once and that are listed in their order. The zero Series is ready. It is not for concurrent use.
type Series struct{ last string }

// New is New with an id that is greater than the one before it, unless now is earlier.
func (s *Series) New(prefix string, now time.Time) string {
	next := New(prefix, now)
	moment := len(prefix) + 16 // digits of time and version
	if len(s.last) == len(next) && s.last[:moment] == next[:moment] && next <= s.last {
		next = s.last[:moment] + following(s.last[moment:])
	}
	s.last = next
	return next
}

// following returns the number after this one in as many hexadecimal digits.
func following(digits string) string {
	const hex, after = "0123456789abcdef", "123456789abcdef0"
	rest := strings.TrimRight(digits, "f")
	if rest == "" {
		return strings.Repeat("0", len(digits))
	}
	last := len(rest) - 1
	digit := after[strings.IndexByte(hex, rest[last])]
	return rest[:last] + string(digit) + strings.Repeat("0", len(digits)-len(rest))
}
