package webhook

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tolerance is what Verify uses when it is given none.
const Tolerance = 5 * time.Minute

// Why Verify refuses.
var (
	// ErrHeader says that a header is missing, repeated or malformed.
	ErrHeader = errors.New("malformed webhook header")
	// ErrTimestamp says that the attempt was made too long ago, or in the future: a replay, or a wrong clock.
	ErrTimestamp = errors.New("webhook timestamp outside of the tolerance")
	// ErrSignature says that no signature was made with any of the secrets over this id, time and body.
	ErrSignature = errors.New("wrong webhook signature")
)

// Verify checks, at the receiver, that the sender of a request knows one of the secrets and that the request was made
// within tolerance of now, before or after; zero or less means Tolerance. The body must be the bytes that were received,
// not a re-encoding. The error is ErrHeader, ErrTimestamp or ErrSignature; answer any of them with 401 or 400. Signatures
// of other versions are passed over. Signatures are compared in constant time.
func Verify(secrets []Secret, h http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	id, timestamp, given := only(h, headerID), only(h, headerTimestamp), only(h, headerSignature)
	seconds, err := strconv.ParseUint(timestamp, 10, 40) // 40 bits outlast any calendar, and overflow no time
	switch {
	case !validID(id):
		return fmt.Errorf("%w: webhook-id", ErrHeader)
	case err != nil:
		return fmt.Errorf("%w: webhook-timestamp", ErrHeader)
	case given == "":
		return fmt.Errorf("%w: webhook-signature", ErrHeader)
	}
	if tolerance <= 0 {
		tolerance = Tolerance
	}
	if now.Sub(time.Unix(int64(seconds), 0)).Abs() > tolerance {
		return ErrTimestamp
	}
	if !meet(strings.Fields(given), signatures(secrets, id, timestamp, body)) {
		return ErrSignature
	}
	return nil
}

// only returns the value of a header that is there once, or "": of two values nobody knows which the next program reads.
func only(h http.Header, name string) string {
	if v := h.Values(name); len(v) == 1 {
		return v[0]
	}
	return ""
}

// meet reports whether the lists have a member in common. How long it takes depends on their lengths only.
func meet(given, wanted []string) bool {
	found := false
	for _, w := range wanted {
		for _, g := range given {
			equal := hmac.Equal([]byte(g), []byte(w))
			found = found || equal
		}
	}
	return found
}
