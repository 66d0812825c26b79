package webhook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

const (
	defaultTimeout   = 15 * time.Second // Standard Webhooks, "Request timeouts": 15 to 30 seconds
	defaultUserAgent = "cloakroom-webhook"

	maxHeader = 16 << 10
	maxAnswer = 4 << 10
)

// Sender carries deliveries to their receivers. Its zero value is ready and strict. It may be used by several goroutines
// at once, while its fields are not changed.
type Sender struct {
	// Allow lists networks that may be reached although they are not public, over http too: loopback in development, or
	// the part of a private network where receivers live. IPv4 networks are written as IPv4.
	Allow []netip.Prefix
	// Timeout is how long one attempt may take, from the look-up of the name to the end of the answer. Zero or less means
	// 15 s.
	Timeout time.Duration
	// UserAgent is the header of that name. Empty means cloakroom-webhook.
	UserAgent string
	// Resolver looks up the names of receivers. Nil means that of the system. It is not trusted.
	Resolver *net.Resolver
	// Roots are the authorities that vouch for receivers. Nil means those of the system.
	Roots *x509.CertPool
}

// Delivery is one attempt to tell one receiver one thing.
type Delivery struct {
	URL string // as CheckURL accepts it
	// Secrets all sign: more than one while the receiver replaces its own. At least one is needed.
	Secrets []Secret
	// ID is the message's own, the same at every attempt: 1 to 128 visible ASCII characters without a full stop.
	ID string
	// At is the time of this attempt, not of the event. Zero means now.
	At time.Time
	// Body is sent as application/json, byte for byte. Receivers like it below 20 kB.
	Body []byte
}

// Send makes one attempt to deliver. It returns nil when the receiver answered with a status from 200 to 299, and a
// *Refusal in every other case. A cancelled ctx is one of those: the message may or may not have arrived.
func (s *Sender) Send(ctx context.Context, d Delivery) error {
	if d.At.IsZero() {
		d.At = time.Now()
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	req, err := s.request(ctx, d)
	if err != nil {
		return &Refusal{Permanent: true, Err: err}
	}
	transport := s.transport(req.URL.Scheme == "http")
	defer transport.CloseIdleConnections() // ends a dial, too, which the transport goes on with after ctx is over
	// Not a http.Client: that would follow redirects, and write the URL into its errors.
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return &Refusal{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusSwitchingProtocols { // whose body is a connection that no context ends
		// Read a little, for a receiver that is cut off while it writes may take its work for failed.
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	}
	return verdict(resp.StatusCode, resp.Header, d.At)
}

func (s *Sender) timeout() time.Duration {
	if s.Timeout <= 0 {
		return defaultTimeout
	}
	return s.Timeout
}

func (s *Sender) request(ctx context.Context, d Delivery) (*http.Request, error) {
	target, err := parseTarget(d.URL, s.Allow)
	if err != nil {
		return nil, err
	}
	signature := Sign(d.Secrets, d.ID, d.At, d.Body)
	if signature == "" {
		return nil, errors.New("no secret to sign with")
	}
	if !validID(d.ID) {
		return nil, errors.New("an id has 1 to 128 visible ASCII characters and no full stop")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(d.Body))
	if err != nil {
		return nil, errors.New("no URL") // the cause would quote it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", cmp.Or(s.UserAgent, defaultUserAgent))
	req.Header.Set(headerID, d.ID)
	req.Header.Set(headerTimestamp, strconv.FormatInt(d.At.Unix(), 10))
	req.Header.Set(headerSignature, signature)
	return req, nil
}

// transport is made anew for each delivery, so that a connection serves one receiver, once, after one look at its address.
func (s *Sender) transport(plain bool) *http.Transport {
	dialer := &net.Dialer{
		Resolver:       s.Resolver,
		ControlContext: gate{allow: s.Allow, plain: plain}.control,
	}
	dialer.SetMultipathTCP(false) // or the other side could name further addresses to connect to
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: s.Roots},
		MaxResponseHeaderBytes: maxHeader,
		DisableKeepAlives:      true,
		DisableCompression:     true,
	}
}
