package password

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/breach"
)

// A Checker knows which passwords others have lost. It must be safe for concurrent use.
type Checker interface {
	// Breached reports whether the password, in NFC, is known from a breach. An error keeps it from being set, as
	// *cloakroom.UnavailableError: a Checker that would rather let it pass says false.
	Breached(ctx context.Context, password string) (bool, error)
}

// Range is a Checker that asks a service over the range protocol of Have I Been Pwned: the first five hexadecimal
// digits of the password's SHA-1 leave the process and nothing else. The zero value asks the public service and lets
// a password pass if that does not answer within a second.
type Range struct {
	// URL is what comes before /range/, of the service or of a mirror. Empty means https://api.pwnedpasswords.com. It must
	// be https, or http to a loopback address.
	URL string
	// Timeout is how long an answer may take, at most ten seconds. Zero means one.
	Timeout time.Duration
	// FailClosed refuses every new password, with *cloakroom.UnavailableError, while the service cannot be asked.
	FailClosed bool
	// Skipped, if not nil, is told why a password was let pass unasked. The error has nothing of the password.
	Skipped func(ctx context.Context, err error)
}

var _ Checker = Range{}

const (
	rangeTimeout    = time.Second
	maxRangeTimeout = 10 * time.Second
)

// Breached asks the service. A ctx that ends is *cloakroom.UnavailableError, FailClosed or not.
func (r Range) Breached(ctx context.Context, password string) (bool, error) {
	within, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, rangeTimeout))
	defer cancel()
	client := breach.Client{URL: strings.TrimRight(cmp.Or(r.URL, breach.Public), "/")}
	known, err := client.Known(within, []byte(password))
	switch {
	case err == nil:
		return known, nil
	case r.FailClosed || ctx.Err() != nil:
		return false, &cloakroom.UnavailableError{Cause: err, RetryAfter: time.Second}
	}
	if r.Skipped != nil {
		r.Skipped(ctx, err)
	}
	return false, nil
}

// Check reports every field that cannot be, each as a *cloakroom.ConfigError.
func (r Range) Check() error {
	var bad []error
	if r.URL != "" && !askable(r.URL) {
		bad = append(bad, &cloakroom.ConfigError{
			Field:  "password.Range.URL",
			Reason: "must be https, or http to a loopback address, and have no query",
			Mend:   "leave it empty for the public service, or give the URL of a mirror, what comes before /range/",
		})
	}
	if r.Timeout < 0 || r.Timeout > maxRangeTimeout {
		bad = append(bad, &cloakroom.ConfigError{
			Field:  "password.Range.Timeout",
			Reason: "must be 0 to 10 s, for somebody waits",
			Mend:   "leave it 0 for one second",
		})
	}
	return errors.Join(bad...)
}

func askable(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// unbreached asks the Checker, if there is one.
func (m Method) unbreached(ctx context.Context, nfc string) error {
	if m.Breached == nil {
		return nil
	}
	known, err := m.Breached.Breached(ctx, nfc)
	if _, already := errors.AsType[*cloakroom.UnavailableError](err); already {
		return err
	}
	switch {
	case err != nil:
		return &cloakroom.UnavailableError{Cause: err, RetryAfter: time.Second}
	case known:
		return refuse("password_pwned", "is known from a breach of another service, so it will be tried")
	}
	return nil
}
