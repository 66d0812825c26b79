package totp

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

// FuzzRead: a code is taken only if nothing but six ASCII digits remains once spaces and dashes are gone, and is those.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"", "123456", "123 456", "12-34-56", "１２３４５６", "1234567", "12345\xff", strings.Repeat(" ", 99), "\u2212123456",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got := read(typed)
		var kept []rune
		for _, r := range typed {
			if !unicode.IsSpace(r) && !unicode.Is(unicode.Dash, r) {
				kept = append(kept, r)
			}
		}
		plain := len(typed) <= maxCode && len(kept) == digits
		for _, r := range kept {
			plain = plain && '0' <= r && r <= '9'
		}
		switch {
		case plain && string(got[:]) != string(kept):
			t.Errorf("read(%q) = %q", typed, got)
		case !plain && got != code{}:
			t.Errorf("read(%q) = %q, want none", typed, got)
		}
	})
}

// FuzzParse: what is read is written again as it was, and nothing on file makes the method panic or accept the zero code.
func FuzzParse(f *testing.F) {
	f.Add([]byte(nil), int64(0))
	f.Add(state{secret: make([]byte, secretSize), last: 59_000_000}.data(), int64(59_000_001))
	f.Add(bytes.Repeat([]byte{0xff}, dataSize), int64(-1))
	f.Fuzz(func(t *testing.T, data []byte, now int64) {
		s, err := parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(s.data(), data) || len(s.secret) != secretSize || s.last < 0 {
			t.Errorf("%x is read as %+v", data, s)
		}
		now %= 1 << 40
		for at := now - 3; at <= now+3; at++ {
			c := codeOf(s.secret, at)
			step, ok := s.accepts(string(c[:]), now)
			if ok && (step <= s.last || step < now-skew || step > now+skew || codeOf(s.secret, step) != c) {
				t.Errorf("%s accepted for step %d at %d after %d", c, step, now, s.last)
			}
			if must := at > s.last && at >= now-skew && at <= now+skew; must && !ok {
				t.Errorf("%s of step %d refused at %d after %d", c, at, now, s.last)
			}
		}
		if _, ok := s.accepts("", now); ok {
			t.Error("an empty code is right")
		}
	})
}
