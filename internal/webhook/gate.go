package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrForbidden says that a URL leads where a webhook may not go.
var ErrForbidden = errors.New("forbidden webhook target")

var (
	// nat64 is the well-known prefix of RFC 6052 §2.1. The IPv4 address in its last four bytes is where a packet ends up.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// global6 is all of IPv6 that IANA gives out as global unicast.
	global6 = netip.MustParsePrefix("2000::/3")
)

// reserved lists the networks of the IANA special-purpose address registries (RFC 6890) that no receiver lives in.
var reserved = []struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified (RFC 1122)"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private (RFC 1918)"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by a carrier (RFC 6598)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback (RFC 1122)"},
	{netip.MustParsePrefix("168.63.129.16/32"), "the host of an Azure machine, public as it looks"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local (RFC 3927)"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private (RFC 1918)"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols (RFC 6890)"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay of 6to4 (RFC 7526)"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private (RFC 1918)"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks (RFC 2544)"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast (RFC 5771)"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast (RFC 1112, RFC 919)"},

	{netip.MustParsePrefix("2001::/23"), "Teredo or another protocol assignment (RFC 4380, RFC 2928)"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation (RFC 3849)"},
	{netip.MustParsePrefix("2002::/16"), "6to4 (RFC 7526)"},
	{netip.MustParsePrefix("3fff::/20"), "documentation (RFC 9637)"},
}

// gate decides which addresses may be connected to.
type gate struct {
	allow []netip.Prefix
	plain bool // http: only what allow names
}

// control is the ControlContext of a net.Dialer: it sees the very address that its socket is about to connect to.
func (g gate) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q is no address", ErrForbidden, address)
	}
	return g.check(target.Addr())
}

func (g gate) check(a netip.Addr) error {
	a = a.Unmap().WithZone("") // a prefix never contains an address with a zone
	if slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	if g.plain {
		return fmt.Errorf("%w: http reaches allowed networks only, and %s is in none", ErrForbidden, a)
	}
	if what := special(a); what != "" {
		return fmt.Errorf("%w: %s is %s", ErrForbidden, a, what)
	}
	return nil
}

// special says why nobody's receiver has this address, or "". Whatever it does not recognise in IPv6 is special, for
// most of that space is nobody's.
func special(a netip.Addr) string {
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, r := range reserved {
		if r.net.Contains(a) {
			return r.what
		}
	}
	if !a.Is4() && !global6.Contains(a) {
		return "not global unicast (RFC 4291 §2.4)"
	}
	return ""
}
