package webhook_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

// Each network by its first and last address, and each disguise.
var forbidden = []string{
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
	"127.0.0.0", "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254", "169.254.255.255",
	"172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.1", "192.88.99.1",
	"192.168.0.0", "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.7",
	"224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255",

	"::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a9fe:a9fe",
	"::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::0.0.0.0",
	"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:8.8.8.8", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
	"2001:2::1", "2001:20::1", "2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "3fff:fff::1",
	"5f00::1", "4000::1", "fc00::1", "fd00:ec2::254", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1",
}

// The neighbours of those networks, which are anybody's.
var public = []string{
	"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
	"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
	"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "223.255.255.255",
	"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2000::1", "2001:200::1", "2001:4860:4860::8888", "2003::1", "2a00::1", "3ffe::1", "3fff:1000::1",
}

func TestLiteralAddresses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // for a broken gate would knock at all of them; what is forbidden is said before ctx is asked
	for _, address := range forbidden {
		url := "https://" + netip.AddrPortFrom(netip.MustParseAddr(address), 443).String() + "/hook"
		if err := webhook.CheckURL(url, nil); !errors.Is(err, webhook.ErrForbidden) {
			t.Errorf("CheckURL(%s): %v", address, err)
		}
		err := new(webhook.Sender).Send(ctx, delivery(url))
		if refusal := refused(t, err); !refusal.Permanent || !errors.Is(err, webhook.ErrForbidden) {
			t.Errorf("Send to %s: %v", address, err)
		}
	}
	for _, address := range public {
		url := "https://" + netip.AddrPortFrom(netip.MustParseAddr(address), 443).String() + "/hook"
		if err := webhook.CheckURL(url, nil); err != nil {
			t.Errorf("CheckURL(%s): %v", address, err)
		}
	}
}

// What the URL hides from CheckURL, the gate sees at the socket: every forbidden address, behind a name.
func TestNamesOfForbiddenAddresses(t *testing.T) {
	for _, address := range forbidden {
		if strings.HasPrefix(address, "::ffff:") && netip.MustParseAddr(address).Is4In6() {
			continue // what a resolver makes of it is IPv4, which stands in the list for itself
		}
		names := &zone{answers: map[string][][]string{"hook.test.": {{address}}}}
		s := &webhook.Sender{Resolver: names.resolver(), Timeout: time.Second}
		err := s.Send(t.Context(), delivery("https://hook.test/"))
		if refusal := refused(t, err); refusal.Permanent || !errors.Is(err, webhook.ErrForbidden) {
			t.Errorf("a name of %s: %v", address, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}
	for _, c := range []struct {
		url   string
		allow []netip.Prefix
		fine  bool
	}{
		{"https://example.com", nil, true},
		{"https://example.com/hook?key=1", nil, true},
		{"HTTPS://EXAMPLE.COM:8443/", nil, true},
		{"https://example.com./", nil, true},
		{"https://bücher.example/", nil, true},
		{"https://8.8.8.8.example/", nil, true},
		{"https://example.com/", loopback, true},
		{"https://127.0.0.1:8443/", loopback, true},
		{"http://127.0.0.1:3000/", loopback, true},
		{"http://[::ffff:127.0.0.1]:3000/", loopback, true},
		{"http://localhost:3000/", loopback, true},
		{"https://localhost/", loopback, true},
		{"http://hook.localhost/", loopback, true},
		{"http://receiver.internal/", loopback, true}, // what it leads to is judged when it is dialled

		{"", nil, false},
		{"example.com/hook", nil, false},
		{"/hook", nil, false},
		{"https://", nil, false},
		{"https:///hook", nil, false},
		{"https:example.com", nil, false},
		{"http://example.com/", nil, false},
		{"http://127.0.0.1/", nil, false},
		{"http://8.8.8.8/", loopback, false},
		{"ftp://example.com/", loopback, false},
		{"file:///etc/passwd", loopback, false},
		{"gopher://127.0.0.1/", loopback, false},
		{"javascript:alert(1)", nil, false},
		{"https://ana@example.com/", nil, false},
		{"https://ana:pass@example.com/", nil, false},
		{"https://@example.com/", nil, false},
		{"https://example.com/#part", nil, false},
		{"https://example.com/#", nil, false},
		{"https://example.com:0/", nil, false},
		{"https://example.com:65536/", nil, false},
		{"https://example.com:http/", nil, false},
		{"https://localhost/", nil, false},
		{"https://LocalHost./", nil, false},
		{"https://a.localhost/", nil, false},
		{"https://127.0.0.1:8443/", nil, false},
		{"https://10.0.0.1/", loopback, false},
		{"https://[::1]/", loopback, false},
		{"https://[fe80::1%25eth0]/", loopback, false},
		{"https://2130706433/", loopback, false},
		{"https://0x7f000001/", nil, false},
		{"https://0X7F.1/", nil, false},
		{"https://0177.0.0.01/", nil, false},
		{"https://127.1/", nil, false},
		{"https://127.0.0.1./", nil, false},
		{"https://256.256.256.256/", nil, false},
		{"https://example.com\r\nX: y/", nil, false},
		{"https://exa mple.com/", nil, false},
		{"https://example.com/" + strings.Repeat("a", 2048), nil, false},
	} {
		err := webhook.CheckURL(c.url, c.allow)
		if (err == nil) != c.fine || err != nil && !errors.Is(err, webhook.ErrForbidden) {
			t.Errorf("CheckURL(%.60q, %v): %v", c.url, c.allow, err)
		}
	}
}

func TestErrorsDoNotQuoteTheURL(t *testing.T) {
	for _, url := range []string{
		"https://ana:hunter2@example.com/", "https://10.0.0.1/hunter2", "https://example.com:x/hunter2", "http://example.com/hunter2",
		"https://example.com/%zz/hunter2", "https://example.com/\x00hunter2", "https://example.com/#hunter2", "https://hook.test/hunter2",
	} {
		names := &zone{} // which knows no name
		err := (&webhook.Sender{Resolver: names.resolver()}).Send(t.Context(), delivery(url))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://example.com/", "https://[::ffff:127.0.0.1]:1/", "https://0x7f.1/", "http://localhost", "https://a@b/#c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if webhook.CheckURL(url, nil) != nil {
			return
		}
		if !strings.EqualFold(url[:min(len(url), 8)], "https://") {
			t.Errorf("accepted %q", url)
		}
		// Whatever CheckURL accepts, a Sender can at least ask for: with no time left it ends in the context's error.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if refusal := refused(t, new(webhook.Sender).Send(ctx, delivery(url))); refusal.Permanent {
			t.Errorf("%q is accepted, and never sent to: %v", url, refusal)
		}
	})
}
