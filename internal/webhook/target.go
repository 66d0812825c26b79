package webhook

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL is the greatest length of a URL in bytes.
const maxURL = 2048

// CheckURL says, when an endpoint is configured, why no delivery to it could succeed: a scheme other than https (or http,
// while allow names networks), a user or password, a fragment, a port that is none, a literal address that a Sender with
// this Allow refuses, localhost likewise, or an old spelling of an IPv4 address such as 0x7f.1. It asks no name service,
// so what it accepts may still be refused by Send. Its errors wrap ErrForbidden, and do not quote the URL, whose
// path is often a secret.
func CheckURL(raw string, allow []netip.Prefix) error {
	_, err := parseTarget(raw, allow)
	return err
}

func parseTarget(raw string, allow []netip.Prefix) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > maxURL:
		return nil, fmt.Errorf("%w: no URL, or longer than %d bytes", ErrForbidden, maxURL)
	case u.Scheme != "https" && (u.Scheme != "http" || len(allow) == 0):
		return nil, fmt.Errorf("%w: the scheme must be https", ErrForbidden)
	case u.User != nil:
		return nil, fmt.Errorf("%w: a user or password does not belong into the URL", ErrForbidden)
	case strings.Contains(raw, "#"):
		return nil, fmt.Errorf("%w: a fragment is never sent", ErrForbidden)
	case u.Port() != "" && !validPort(u.Port()):
		return nil, fmt.Errorf("%w: the port must be 1 to 65535", ErrForbidden)
	}
	return u, checkHost(u.Hostname(), gate{allow: allow, plain: u.Scheme == "http"})
}

func checkHost(host string, g gate) error {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return fmt.Errorf("%w: a zone means something on one machine only", ErrForbidden)
		}
		return g.check(a)
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	last := name[strings.LastIndex(name, ".")+1:]
	// Resolvers of C read such a host as an address (inet_aton); no top-level domain looks like it (RFC 3696 §2).
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return fmt.Errorf("%w: no host name", ErrForbidden)
	}
	if last != "localhost" { // RFC 6761 §6.3: every name below it, too, is loopback
		return nil
	}
	if g.check(netip.IPv6Loopback()) == nil {
		return nil
	}
	return g.check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}
