package webhook

import (
	"errors"
	"net/netip"
	"testing"
)

// What a dialer hands over that no URL and no name server can bring about.
func TestControl(t *testing.T) {
	g := gate{allow: []netip.Prefix{netip.MustParsePrefix("fe80::/10")}}
	for address, want := range map[string]error{
		"8.8.8.8:443":               nil,
		"[fe80::1%eth0]:443":        nil, // allowed, whatever its zone
		"[fec0::1%eth0]:443":        ErrForbidden,
		"[2001:db8::1%eth0]:443":    ErrForbidden,
		"[::ffff:10.0.0.1%eth0]:80": ErrForbidden,
		"example.com:443":           ErrForbidden,
		"":                          ErrForbidden,
	} {
		if err := g.control(t.Context(), "tcp6", address, nil); !errors.Is(err, want) {
			t.Errorf("%q: %v, not %v", address, err, want)
		}
	}
	if err := g.check(netip.Addr{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("no address at all: %v", err)
	}
}
