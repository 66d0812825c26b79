package webhook

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds how long a receiver may put us off.
const maxRetryAfter = 24 * time.Hour

// Refusal says why a delivery did not arrive, and what to do about it. It is for the log of the operator: the owner of
// the endpoint should see no more than Status, or Send becomes a way to look around in this network.
type Refusal struct {
	// Status is what the receiver answered, or 0 when there was no answer.
	Status int
	// Permanent means never again: the receiver said 410 Gone, or the Delivery itself is wrong. Everything else may be
	// better at the next attempt.
	Permanent bool
	// RetryAfter is the least time to wait before the next attempt, as the receiver asked (RFC 9110 §10.2.3), at most 24 hours. Zero
	// leaves it to the sender's own schedule.
	RetryAfter time.Duration
	// Err is the cause when there was no answer: ErrForbidden, context.DeadlineExceeded, or one from net and crypto/tls. It
	// does not have the URL, but may quote up to 16 KiB of what a receiver sent instead of HTTP.
	Err error
}

func (r *Refusal) Error() string {
	if r.Err != nil {
		return "webhook not delivered: " + r.Err.Error()
	}
	return fmt.Sprintf("webhook not accepted: status %d", r.Status)
}

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// verdict reads an answer: Standard Webhooks, "Delivery success and failure".
func verdict(status int, h http.Header, now time.Time) error {
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusGone:
		return &Refusal{Status: status, Permanent: true}
	}
	return &Refusal{Status: status, RetryAfter: retryAfter(h.Get("Retry-After"), now)}
}

// retryAfter reads both forms of RFC 9110 §10.2.3, seconds and a date. What is neither, or past, is zero.
func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	} else if digits := strings.TrimLeft(value, "0123456789"); value != "" && digits == "" {
		seconds, err := strconv.ParseInt(value, 10, 32)
		wait = time.Duration(seconds) * time.Second
		if err != nil {
			wait = maxRetryAfter // so many digits that only the cap can be meant
		}
	}
	return min(max(wait, 0), maxRetryAfter)
}
