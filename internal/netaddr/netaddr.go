// Package netaddr finds out who sent a request. Forwarded headers are believed only when they come from a proxy that the
// configuration names; everybody else could write there what they like.
package netaddr

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how many entries of X-Forwarded-For are looked at.
const maxHops = 32

// Client returns the address of the client: the peer itself, or, when the peer is a trusted proxy, the rightmost hop
// of X-Forwarded-For that is not one. An entry that is no address ends the search at the last hop that could be
// believed. An unknown peer (a Unix socket) is the zero Addr.
func Client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	hop := parse(r.RemoteAddr)
	if len(trusted) == 0 {
		return hop
	}
	chain := hops(r)
	for i := len(chain) - 1; i >= 0 && i >= len(chain)-maxHops && contains(trusted, hop); i-- {
		next := parse(strings.TrimSpace(chain[i]))
		if !next.IsValid() {
			break
		}
		hop = next
	}
	return hop
}

// Secure reports whether the client spoke HTTPS, to us or to a trusted proxy.
func Secure(r *http.Request, trusted []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	return len(trusted) > 0 && contains(trusted, parse(r.RemoteAddr)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// Group returns the network that one party commands: a single IPv4 address, or the /64 of an IPv6 one. An IPv4
// address mapped into IPv6 is the IPv4 address.
func Group(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p
	}
	if !a.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, a.BitLen())
}

func hops(r *http.Request) []string {
	var all []string
	for _, line := range r.Header.Values("X-Forwarded-For") {
		all = append(all, strings.Split(line, ",")...)
	}
	return all
}

func parse(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}
