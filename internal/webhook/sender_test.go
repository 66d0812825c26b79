package webhook_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

var (
	someSecret = webhook.NewSecret()
	someTime   = time.Unix(1700000000, 0)
	loopback   = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
)

func delivery(url string) webhook.Delivery {
	return webhook.Delivery{URL: url, Secrets: []webhook.Secret{someSecret}, ID: "evt_1", At: someTime, Body: []byte(`{"type":"user.created"}`)}
}

// refused asserts that err is a Refusal, as every error of Send is.
func refused(t *testing.T, err error) *webhook.Refusal {
	t.Helper()
	refusal, ok := errors.AsType[*webhook.Refusal](err)
	if !ok {
		t.Fatalf("%v (%T) is no refusal", err, err)
	}
	return refusal
}

// receiver starts a server on loopback that answers with h.
func receiver(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func portOf(t *testing.T, a net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// quiet is a listener that nobody should connect to.
type quiet struct{ net.Listener }

func listenQuietly(t *testing.T, address string) quiet {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return quiet{l}
}

// assertNobodyCame connects to q itself. Connections queue up in the order in which they came, so if the first of them is
// this one, there was none before.
func (q quiet) assertNobodyCame(t *testing.T) {
	t.Helper()
	own, err := net.Dial("tcp", q.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	first, err := q.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != own.LocalAddr().String() {
		t.Errorf("somebody connected to %s", q.Addr())
	}
}

func TestSend(t *testing.T) {
	var problem atomic.Value
	r := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := webhook.Verify([]webhook.Secret{someSecret}, r.Header, body, someTime, 0); err != nil {
			problem.Store(err.Error())
		}
		for name, want := range map[string]string{
			"Content-Type": "application/json", "User-Agent": "cloakroom-webhook", "Webhook-Id": "evt_1", "Webhook-Timestamp": "1700000000",
			"Cookie": "", "Authorization": "", "Accept-Encoding": "",
		} {
			if got := r.Header.Get(name); got != want {
				problem.Store(name + ": " + got)
			}
		}
		if r.Method != http.MethodPost || r.RequestURI != "/hook?key=1" || !r.Close || string(body) != `{"type":"user.created"}` {
			problem.Store(r.Method + " " + r.RequestURI + " " + string(body))
		}
		w.WriteHeader(http.StatusAccepted)
	})
	s := &webhook.Sender{Allow: loopback}
	if err := s.Send(t.Context(), delivery(r.URL+"/hook?key=1")); err != nil {
		t.Fatal(err)
	}
	if p := problem.Load(); p != nil {
		t.Error(p)
	}
}

func TestSendNow(t *testing.T) {
	r := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if webhook.Verify([]webhook.Secret{someSecret}, r.Header, body, time.Now(), time.Minute) != nil || r.UserAgent() != "acme/1" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	d := delivery(r.URL)
	d.At = time.Time{}
	if err := (&webhook.Sender{Allow: loopback, UserAgent: "acme/1"}).Send(t.Context(), d); err != nil {
		t.Error(err)
	}
}

func TestDeliveriesThatAreWrong(t *testing.T) {
	q := listenQuietly(t, "127.0.0.1:0")
	for name, spoil := range map[string]func(*webhook.Delivery){
		"no URL":                  func(d *webhook.Delivery) { d.URL = "" },
		"no secret":               func(d *webhook.Delivery) { d.Secrets = nil },
		"the zero secret":         func(d *webhook.Delivery) { d.Secrets = []webhook.Secret{{}} },
		"no id":                   func(d *webhook.Delivery) { d.ID = "" },
		"a full stop in the id":   func(d *webhook.Delivery) { d.ID = "evt.1" },
		"a line break in the id":  func(d *webhook.Delivery) { d.ID = "evt\r\nX-Evil: 1" },
		"http without permission": func(d *webhook.Delivery) { d.URL = "http://10.0.0.1/" },
	} {
		d := delivery("http://" + q.Addr().String())
		spoil(&d)
		if refusal := refused(t, (&webhook.Sender{Allow: loopback}).Send(t.Context(), d)); !refusal.Permanent || refusal.Status != 0 {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
	q.assertNobodyCame(t)
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		after  string
		want   *webhook.Refusal
	}{
		{200, "", nil},
		{204, "", nil},
		{299, "60", nil},
		{300, "", &webhook.Refusal{Status: 300}},
		{304, "", &webhook.Refusal{Status: 304}},
		{400, "", &webhook.Refusal{Status: 400}},
		{401, "", &webhook.Refusal{Status: 401}},
		{404, "", &webhook.Refusal{Status: 404}},
		{410, "", &webhook.Refusal{Status: 410, Permanent: true}},
		{410, "60", &webhook.Refusal{Status: 410, Permanent: true}},
		{429, "60", &webhook.Refusal{Status: 429, RetryAfter: time.Minute}},
		{500, "", &webhook.Refusal{Status: 500}},
		{503, "", &webhook.Refusal{Status: 503}},
		{503, "0", &webhook.Refusal{Status: 503}},
		{503, "120", &webhook.Refusal{Status: 503, RetryAfter: 2 * time.Minute}},
		{503, "86400", &webhook.Refusal{Status: 503, RetryAfter: 24 * time.Hour}},
		{503, "86401", &webhook.Refusal{Status: 503, RetryAfter: 24 * time.Hour}},
		{503, "99999999999999999999999", &webhook.Refusal{Status: 503, RetryAfter: 24 * time.Hour}},
		{503, "-60", &webhook.Refusal{Status: 503}},
		{503, "+60", &webhook.Refusal{Status: 503}},
		{503, "1.5", &webhook.Refusal{Status: 503}},
		{503, "soon", &webhook.Refusal{Status: 503}},
		{503, "Tue, 14 Nov 2023 22:14:20 GMT", &webhook.Refusal{Status: 503, RetryAfter: time.Minute}},
		{503, "Tuesday, 14-Nov-23 22:14:20 GMT", &webhook.Refusal{Status: 503, RetryAfter: time.Minute}},
		{503, "Tue Nov 14 22:14:20 2023", &webhook.Refusal{Status: 503, RetryAfter: time.Minute}},
		{503, "Tue, 14 Nov 2023 22:12:20 GMT", &webhook.Refusal{Status: 503}},
		{503, "Wed, 14 Nov 2096 22:13:20 GMT", &webhook.Refusal{Status: 503, RetryAfter: 24 * time.Hour}},
		{999, "", &webhook.Refusal{Status: 999}},
	} {
		r := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", c.after)
			w.WriteHeader(c.status)
		})
		err := (&webhook.Sender{Allow: loopback}).Send(t.Context(), delivery(r.URL))
		if c.want == nil {
			if err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
			continue
		}
		if got := refused(t, err); *got != *c.want {
			t.Errorf("%d, Retry-After %q: %+v, not %+v", c.status, c.after, got, c.want)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		q := listenQuietly(t, "127.0.0.1:0")
		r := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://"+q.Addr().String()+"/admin")
			w.WriteHeader(status)
		})
		err := (&webhook.Sender{Allow: loopback}).Send(t.Context(), delivery(r.URL)) // even where both are allowed
		if got := refused(t, err); *got != (webhook.Refusal{Status: status}) {
			t.Errorf("%d: %+v", status, got)
		}
		q.assertNobodyCame(t)
	}
}

func TestSlowReceiver(t *testing.T) {
	r := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices when the sender leaves
		<-r.Context().Done()
	})
	err := (&webhook.Sender{Allow: loopback, Timeout: 50 * time.Millisecond}).Send(t.Context(), delivery(r.URL))
	if refusal := refused(t, err); refusal.Permanent || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// One that takes the connection and says nothing, or not enough. The sender does not leave connections behind with it.
func TestStuckReceivers(t *testing.T) {
	q := listenQuietly(t, "127.0.0.1:0")
	s := &webhook.Sender{Allow: loopback, Timeout: 50 * time.Millisecond}
	for _, scheme := range []string{"http://", "https://"} {
		err := s.Send(t.Context(), delivery(scheme+q.Addr().String()))
		if refusal := refused(t, err); refusal.Permanent || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", scheme, err)
		}
		c, err := q.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c) // ends when the sender closes
		_ = c.Close()
	}
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nand then", // accepted, whatever else it wanted to say
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
	} {
		err := s.Send(t.Context(), delivery(raw(t, answer)))
		if accepted := strings.Contains(answer, "200"); (err == nil) != accepted {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	err := (&webhook.Sender{Allow: loopback}).Send(ctx, delivery(r.URL))
	if refusal := refused(t, err); refusal.Permanent || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// raw starts a server that answers each request with these bytes, and then keeps the connection open without a word.
func raw(t *testing.T, answer string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				_, _ = io.WriteString(c, answer)
				_, _ = io.Copy(io.Discard, c) // until the other side closes
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestAnswersThatAreTooMuch(t *testing.T) {
	s := &webhook.Sender{Allow: loopback, Timeout: time.Minute}
	t.Run("an endless body", func(t *testing.T) {
		ended := make(chan struct{})
		r := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		})
		if err := s.Send(t.Context(), delivery(r.URL)); err != nil {
			t.Error(err)
		}
		<-ended
	})
	t.Run("a huge header", func(t *testing.T) {
		r := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Much", strings.Repeat("a", 32<<10))
		})
		if refusal := refused(t, s.Send(t.Context(), delivery(r.URL))); refusal.Status != 0 || refusal.Permanent {
			t.Errorf("%+v", refusal)
		}
	})
	t.Run("no HTTP", func(t *testing.T) {
		if refusal := refused(t, s.Send(t.Context(), delivery(raw(t, "220 mail.example ESMTP\r\n")))); refusal.Status != 0 || refusal.Permanent {
			t.Errorf("%+v", refusal)
		}
	})
}

func TestConnectionsAreNotShared(t *testing.T) {
	var opened atomic.Int32
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	r.Start()
	defer r.Close()
	s := &webhook.Sender{Allow: loopback}
	for range 3 {
		if err := s.Send(t.Context(), delivery(r.URL)); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 3 {
		t.Errorf("%d connections for 3 deliveries", n)
	}
}

func TestCertificates(t *testing.T) {
	var asked atomic.Int32
	r := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // which reports the broken handshakes
	r.StartTLS()
	defer r.Close()
	roots := x509.NewCertPool()
	roots.AddCert(r.Certificate())
	names := &zone{answers: map[string][][]string{"example.com.": {{"127.0.0.1"}}, "hook.test.": {{"127.0.0.1"}}}}
	port := portOf(t, r.Listener.Addr())

	s := &webhook.Sender{Allow: loopback, Resolver: names.resolver(), Roots: roots}
	if err := s.Send(t.Context(), delivery("https://example.com:"+port)); err != nil {
		t.Errorf("the right name: %v", err)
	}
	err := s.Send(t.Context(), delivery("https://hook.test:"+port))
	if _, ok := errors.AsType[x509.HostnameError](err); !ok || refused(t, err).Permanent {
		t.Errorf("a wrong name: %v", err)
	}
	s.Roots = nil
	err = s.Send(t.Context(), delivery("https://example.com:"+port))
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("an unknown authority: %v", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("%d requests arrived, not the first only", n)
	}
}
