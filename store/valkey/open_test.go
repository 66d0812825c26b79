package valkey_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/testbed"
	"github.com/cloakroom-auth/cloakroom/store/valkey"
)

const secret = "hunter2-§/@:"

func TestParseURL(t *testing.T) {
	for url, want := range map[string]valkey.Config{
		"valkey://localhost":                  {Addresses: []string{"localhost:6379"}},
		"redis://10.0.0.1:7000/":              {Addresses: []string{"10.0.0.1:7000"}},
		"valkey://[::1]:7000,[fe80::1]/":      {Addresses: []string{"[::1]:7000", "[fe80::1]:6379"}},
		"valkey://h1:1,h2:2,h3/5":             {Addresses: []string{"h1:1", "h2:2", "h3:6379"}, Database: 5},
		"valkey://ana@h1:1":                   {Addresses: []string{"h1:1"}, Username: "ana"},
		"redis://:p%40ss%2Fw%3Ard@h1:1/0":     {Addresses: []string{"h1:1"}, Password: "p@ss/w:rd"},
		"valkey://a%3Ana:unescaped@@h1:1,h2/": {Addresses: []string{"h1:1", "h2:6379"}, Username: "a:na", Password: "unescaped@"},
	} {
		got, err := valkey.ParseURL(url)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v", url, got, err)
		}
	}
	for _, url := range []string{"valkeys://h1", "rediss://h1"} {
		if got, err := valkey.ParseURL(url); err != nil || got.TLS == nil || got.TLS.MinVersion < tls.VersionTLS12 || got.TLS.InsecureSkipVerify {
			t.Errorf("%s: got TLS %v, %v", url, got.TLS, err)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "http://localhost", "unix:///tmp/socket", "valkey://", "valkey:///0", "valkey://h1,,h2",
		"valkey://h1:0", "valkey://h1:70000", "valkey://h1:port", "valkey://::1", "valkey://h1/x", "valkey://h1/-1", "valkey://h1/0?x=y",
		"valkey://h1?x=y", "valkey://ana:" + secret + "%zz@h1", "valkey://ana:" + secret + "@h1:x",
		"other://ana:" + secret + "@h1", secret + "%zz://x", "valkey://ana:" + secret + "@h1/x",
	} {
		if got, err := valkey.ParseURL(url); err == nil {
			t.Errorf("%s: got %+v, want an error", url, got)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", url, err)
		}
	}
}

func TestPasswordIsNeverShown(t *testing.T) {
	c := valkey.Config{Addresses: []string{"h1:1"}, Username: "ana", Password: secret}
	asJSON, err := json.Marshal(c.Password)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("connected", "to", c, "with", c.Password)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, c), fmt.Sprintf("%s %q %x %d", c.Password, c.Password, c.Password, c.Password),
		string(asJSON), log.String(),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("the password is shown: %s", text)
		}
	}
}

func TestPassword(t *testing.T) {
	v, _ := started(t)
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, secret+"\nsecond line\n")
	do(t, v, "ACL SETUSER ana on ~cr:* &* +@all -@dangerous +info >"+secret) // what the user of a server needs
	do(t, v, "CONFIG SET requirepass nobody-knows")
	for name, c := range map[string]valkey.Config{
		"in the Config": {Username: "ana", Password: secret},
		"in a file":     {Username: "ana", PasswordFile: file},
	} {
		c.Addresses = []string{v.Addr()}
		l := opened(t, c)
		s := begin(t, l, session(1, "usr_"+name))
		if _, err := l.Session(t.Context(), s.Token, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := l.Close(t.Context(), s.Ref(), cloakroom.Ending{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := l.Sweep(t.Context(), cloakroom.Sweep{Now: now, Max: 10}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]valkey.Config{
		"none":       {},
		"wrong":      {Username: "ana", Password: secret + "!"},
		"wrong user": {Username: "bob", Password: secret},
		"no file":    {Username: "ana", PasswordFile: file + "-not"},
		"two":        {Username: "ana", Password: secret, PasswordFile: file},
	} {
		c.Addresses = []string{v.Addr()}
		if _, err := c.Open(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error without the password", name, err)
		}
	}
}

// A server says so when memory runs short; one that throws sessions away instead signs users out.
func TestEvictionIsRefused(t *testing.T) {
	v, _ := started(t, "maxmemory 100mb")
	for _, policy := range []string{"allkeys-lru", "volatile-ttl", "volatile-lfu", "allkeys-random"} {
		do(t, v, "CONFIG SET maxmemory-policy "+policy)
		_, err := valkey.Open(t.Context(), "valkey://"+v.Addr())
		if err == nil || !strings.Contains(err.Error(), policy) || !strings.Contains(err.Error(), v.Addr()) {
			t.Errorf("%s: got %v, want an error that names it", policy, err)
		}
	}
	opened(t, valkey.Config{Addresses: []string{v.Addr()}, InsecureAllowEviction: true})
	do(t, v, "CONFIG SET maxmemory-policy noeviction")
	opened(t, valkey.Config{Addresses: []string{v.Addr()}})
}

func TestOpenRefuses(t *testing.T) {
	a, _ := started(t)
	b, _ := started(t)
	do(t, b, "REPLICAOF "+strings.Replace(a.Addr(), ":", " ", 1))
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for name, c := range map[string]struct {
		valkey.Config
		words string
	}{
		"no address":        {valkey.Config{}, "no address"},
		"nobody listens":    {valkey.Config{Addresses: []string{gone.Addr().String()}}, "refused"},
		"a replica":         {valkey.Config{Addresses: []string{b.Addr()}}, "replica"},
		"two of no cluster": {valkey.Config{Addresses: []string{a.Addr(), b.Addr()}}, "nodes of one cluster"},
		"braces":            {valkey.Config{Addresses: []string{a.Addr()}, Prefix: "{x}"}, "braces"},
		"no database":       {valkey.Config{Addresses: []string{a.Addr()}, Database: 99}, "range"},
		"a timeout below 0": {valkey.Config{Addresses: []string{a.Addr()}, Timeout: -1}, "timeout"},
	} {
		_, err := c.Open(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.words)
		}
		if err != nil {
			unknown(t, err, name)
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (valkey.Config{Addresses: []string{a.Addr()}}).Open(done); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: got %v", err)
	}
}

func TestDatabasesAndPrefixesAreApart(t *testing.T) {
	v, first := started(t)
	s := begin(t, first, session(1, "usr_ana"))
	for name, c := range map[string]valkey.Config{"another prefix": {Prefix: "other:"}, "another database": {Database: 3}} {
		c.Addresses = []string{v.Addr()}
		l := opened(t, c)
		if _, err := l.Session(t.Context(), s.Token, now); !errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
		begin(t, l, s)
	}
	if keys := do(t, v, "KEYS *"); !strings.Contains(keys, "cr:{1}:s:") || !strings.Contains(keys, "other:{1}:s:") {
		t.Errorf("keys are\n%s", keys)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	roots := certificate(t, dir)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	started(t, "tls-port "+port, "tls-auth-clients no", "tls-cert-file "+dir+"/cert.pem", "tls-key-file "+dir+"/key.pem", "tls-ca-cert-file "+dir+"/cert.pem")
	url := "valkeys://127.0.0.1:" + port
	c, err := valkey.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c.TLS.RootCAs = roots
	l := opened(t, c)
	s := begin(t, l, session(1, "usr_ana"))
	if _, err := l.Session(t.Context(), s.Token, now); err != nil {
		t.Error(err)
	}
	if _, err := valkey.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with a certificate that nobody vouches for: got %v", err)
	}
	if _, err := (valkey.Config{Addresses: c.Addresses, Timeout: time.Second}).Open(t.Context()); err == nil {
		t.Error("without TLS: opened")
	}
}

// certificate writes cert.pem and key.pem for 127.0.0.1.
func certificate(t *testing.T, dir string) *x509.CertPool {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	write(t, filepath.Join(dir, "cert.pem"), text)
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(text))
	return roots
}

// open lets a server that runs as somebody else read a folder of the test.
func open(t *testing.T, dir string) {
	t.Helper()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestShutdown calls every method, so that one added later is not forgotten.
func TestShutdown(t *testing.T) {
	for name, c := range map[string]valkey.Config{
		"server":  {Addresses: []string{testbed.ValkeyAddr(t)}},
		"cluster": {Addresses: testbed.ValkeyClusterAddrs(t)},
	} {
		l := opened(t, c)
		for range 2 {
			if err := l.Shutdown(); err != nil {
				t.Fatal(err)
			}
		}
		v := reflect.ValueOf(l)
		for i := range v.NumMethod() {
			method, verb := v.Method(i), v.Type().Method(i).Name
			if verb == "Shutdown" || verb == "Settled" || verb == "WaitFor" {
				continue
			}
			args := []reflect.Value{reflect.ValueOf(t.Context())}
			for n := 1; n < method.Type().NumIn(); n++ {
				args = append(args, reflect.Zero(method.Type().In(n)))
			}
			if verb == "Touch" {
				args[1] = reflect.ValueOf([]cloakroom.Touch{{}})
			}
			results := method.Call(args)
			err, _ := results[len(results)-1].Interface().(error)
			unknown(t, err, name+": "+verb+" after Shutdown")
		}
	}
}
