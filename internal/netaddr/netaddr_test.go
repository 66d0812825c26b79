package netaddr

import (
	"crypto/tls"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClient(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		peer    string
		xff     []string
		want    string
	}{
		"S245 no trusted proxy: X-Forwarded-For is ignored":         {nil, "203.0.113.9:1", []string{"1.2.3.4"}, "203.0.113.9"},
		"S246 rightmost untrusted hop":                              {proxies, "10.0.0.1:1", []string{"6.6.6.6, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		"S246 several header lines are one list":                    {proxies, "10.0.0.1:1", []string{"6.6.6.6", "198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		"an untrusted peer is not believed though it names a chain": {proxies, "203.0.113.9:1", []string{"1.2.3.4"}, "203.0.113.9"},
		"nothing forwarded: the proxy itself":                       {proxies, "10.0.0.1:1", nil, "10.0.0.1"},
		"all hops trusted: the outermost":                           {proxies, "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"junk ends the search at the last believable hop":           {proxies, "10.0.0.1:1", []string{"1.2.3.4, unknown, 10.0.0.2"}, "10.0.0.2"},
		"mapped IPv4 is IPv4":                                       {nil, "[::ffff:203.0.113.9]:1", nil, "203.0.113.9"},
		"a zone is dropped":                                         {nil, "[fe80::1%eth0]:1", nil, "fe80::1"},
		"an entry may carry a port":                                 {proxies, "10.0.0.1:1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		"a bracketed IPv6 entry":                                    {proxies, "[fd00::1]:1", []string{"[2001:db8::5]"}, "2001:db8::5"},
		"a Unix socket has no address":                              {nil, "@", nil, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.xff
			if got := Client(r, c.trusted).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSecure(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-Proto", "https")
	r.RemoteAddr = "203.0.113.9:1"
	if Secure(r, proxies) {
		t.Error("X-Forwarded-Proto of a stranger was believed")
	}
	r.RemoteAddr = "10.0.0.1:1"
	if !Secure(r, proxies) {
		t.Error("X-Forwarded-Proto of a trusted proxy was not believed")
	}
	r.Header.Del("X-Forwarded-Proto")
	if Secure(r, proxies) {
		t.Error("plain http taken for https")
	}
	r.TLS = &tls.ConnectionState{}
	if !Secure(r, nil) {
		t.Error("TLS taken for plain http")
	}
}

func TestGroup(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.9":          "203.0.113.9/32",
		"::ffff:203.0.113.9":   "203.0.113.9/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
	} {
		if got := Group(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("Group(%s) = %s, want %s", in, got, want)
		}
	}
	if Group(netip.Addr{}).IsValid() {
		t.Error("no address has no group")
	}
}

func FuzzClient(f *testing.F) {
	f.Add("10.0.0.1:1", "1.2.3.4, 10.0.0.2")
	f.Add("[::1]:1", "[::ffff:1.2.3.4]:5,,unknown")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	f.Fuzz(func(t *testing.T, peer, xff string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = []string{xff}
		if a := Client(r, trusted); a.Is4In6() || a.Zone() != "" {
			t.Errorf("%v is not one spelling of an address", a)
		}
	})
}
