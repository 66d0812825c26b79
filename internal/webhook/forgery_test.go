package webhook_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

// street has a public house and, at the same port of another address, a private one that nobody should knock at. Both are
// loopback in truth; the Allow of its sender makes the first public.
type street struct {
	sender  *webhook.Sender
	names   *zone
	open    string // the address of the public house
	port    string
	visits  *atomic.Int32
	private quiet
}

func newStreet(t *testing.T) street {
	t.Helper()
	private := listenQuietly(t, "127.0.0.1:0")
	port := portOf(t, private.Addr())
	var visits atomic.Int32
	house := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	_ = house.Listener.Close()
	var open string
	house.Listener, open = listenBeside(t, port)
	house.Start()
	t.Cleanup(house.Close)
	a := netip.MustParseAddr(open)
	names := &zone{answers: map[string][][]string{}}
	return street{
		sender: &webhook.Sender{Allow: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}, Resolver: names.resolver(), Timeout: time.Minute},
		names:  names, open: open, port: port, visits: &visits, private: private,
	}
}

// listenBeside listens at the port on a loopback address that is not 127.0.0.1: not every system has the same.
func listenBeside(t *testing.T, port string) (net.Listener, string) {
	t.Helper()
	var problems []error
	for _, address := range []string{"127.0.0.2", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err == nil {
			return l, address
		}
		problems = append(problems, err)
	}
	t.Fatalf("no second loopback address: %v", errors.Join(problems...))
	return nil, ""
}

func (s street) send(t *testing.T, name string) error {
	t.Helper()
	return s.sender.Send(t.Context(), delivery("http://"+name+":"+s.port))
}

func (s street) assert(t *testing.T, visits int32) {
	t.Helper()
	if n := s.visits.Load(); n != visits {
		t.Errorf("%d deliveries to the public house, not %d", n, visits)
	}
	s.private.assertNobodyCame(t)
}

func TestNameOfPrivate(t *testing.T) {
	s := newStreet(t)
	s.names.answers["hook.test."] = [][]string{{"127.0.0.1"}}
	err := s.send(t, "hook.test")
	if refusal := refused(t, err); !errors.Is(err, webhook.ErrForbidden) || refusal.Permanent {
		t.Errorf("%v", err)
	}
	s.sender.Allow = nil
	if err := s.sender.Send(t.Context(), delivery("https://hook.test:"+s.port)); !errors.Is(err, webhook.ErrForbidden) {
		t.Errorf("over https: %v", err)
	}
	s.assert(t, 0)
}

func TestNameOfPublicAndPrivate(t *testing.T) {
	s := newStreet(t)
	s.names.answers["first.test."] = [][]string{{s.open, "127.0.0.1"}}
	s.names.answers["last.test."] = [][]string{{"127.0.0.1", s.open}}
	for _, name := range []string{"first.test", "last.test"} {
		if err := s.send(t, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.assert(t, 2)
}

// A name that is public when it is looked at, and private a moment later.
func TestRebinding(t *testing.T) {
	s := newStreet(t)
	s.names.answers["hook.test."] = [][]string{{s.open}, {"127.0.0.1"}}
	if err := webhook.CheckURL("http://hook.test:"+s.port, s.sender.Allow); err != nil {
		t.Fatal(err)
	}
	if err := s.send(t, "hook.test"); err != nil {
		t.Fatalf("the first time: %v", err)
	}
	for range 2 {
		if err := s.send(t, "hook.test"); !errors.Is(err, webhook.ErrForbidden) {
			t.Errorf("rebound: %v", err)
		}
	}
	s.assert(t, 1)
}

// A look-up of our own before the dial would let a name answer twice within one delivery.
func TestOneLookUpForEachDelivery(t *testing.T) {
	s := newStreet(t)
	s.names.answers["hook.test."] = [][]string{{s.open}}
	if err := s.send(t, "hook.test"); err != nil {
		t.Fatal(err)
	}
	for key, n := range s.names.asked {
		if n != 1 {
			t.Errorf("%q was asked for %d times", key, n)
		}
	}
	s.assert(t, 1)
}

func TestHTTPStaysInside(t *testing.T) {
	s := newStreet(t)
	s.names.answers["hook.test."] = [][]string{{"8.8.8.8"}} // public, but http goes to Allow only: it is not dialled
	if err := s.send(t, "hook.test"); !errors.Is(err, webhook.ErrForbidden) {
		t.Error(err)
	}
	s.assert(t, 0)
}

// TestMain has set a proxy.
func TestNoProxyFromTheEnvironment(t *testing.T) {
	s := newStreet(t)
	s.names.answers["hook.test."] = [][]string{{s.open}}
	if err := s.send(t, "hook.test"); err != nil {
		t.Error(err)
	}
	s.assert(t, 1)
}
