package totp

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	period  = 30 // seconds (RFC 6238 §5.2)
	digits  = 6
	modulus = 1_000_000
	maxCode = 64 // bytes that are looked at, spaces and dashes included
)

// code is six ASCII digits. The zero code has none and is right never.
type code [digits]byte

// Code returns what an authenticator app shows at a time, given Setup.Secret. It is here for tests and tools: an app
// that computes codes for its users takes the second factor away from them.
func Code(secret string, at time.Time) (string, error) {
	raw, err := letters.DecodeString(secret)
	if err != nil {
		return "", fmt.Errorf("secret is not base32: %w", err)
	}
	c := codeOf(raw, stepAt(at))
	return string(c[:]), nil
}

// stepAt is the number of whole periods since 1970 (RFC 6238 §4.2).
func stepAt(t time.Time) int64 { return t.Unix() / period }

// codeOf is HOTP with the step as its counter (RFC 4226 §5.3).
func codeOf(secret []byte, step int64) (c code) {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes all
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff % modulus
	for i := digits - 1; i >= 0; i-- {
		c[i] = '0' + byte(number%10)
		number /= 10
	}
	return c
}

// read takes a code as people type and copy it: "123 456". Anything else becomes the zero code, which costs the same as
// a wrong one. Digits of other scripts are not taken: no app shows them.
func read(typed string) (c code) {
	if len(typed) > maxCode {
		return code{}
	}
	bare := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Dash, r) {
			return -1
		}
		return r
	}, typed)
	if len(bare) != digits || strings.Trim(bare, "0123456789") != "" {
		return code{}
	}
	return code([]byte(bare))
}
