package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// mistakesIn lists what New complains of, and fails when a complaint has no field, reason or mend.
func mistakesIn(tb testing.TB, err error) []*cloakroom.ConfigError {
	tb.Helper()
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*cloakroom.ConfigError
		for _, e := range several.Unwrap() {
			all = append(all, mistakesIn(tb, e)...)
		}
		return all
	}
	var one *cloakroom.ConfigError
	if !errors.As(err, &one) {
		tb.Fatalf("not a *ConfigError: %v", err)
	}
	if one.Field == "" || one.Reason == "" || one.Mend == "" {
		tb.Errorf("field %q, reason %q, mend %q", one.Field, one.Reason, one.Mend)
	}
	for _, part := range []string{one.Field, one.Reason, one.Mend} {
		if !strings.Contains(err.Error(), part) {
			tb.Errorf("%q does not say %q", err, part)
		}
	}
	return []*cloakroom.ConfigError{one}
}

// wantMistakes fails unless err complains of exactly these fields.
func wantMistakes(tb testing.TB, err error, fields ...string) {
	tb.Helper()
	if err == nil {
		tb.Errorf("accepted, want a complaint about %v", fields)
		return
	}
	var got []string
	for _, m := range mistakesIn(tb, err) {
		got = append(got, m.Field)
	}
	slices.Sort(got)
	slices.Sort(fields)
	if got = slices.Compact(got); !slices.Equal(got, fields) {
		tb.Errorf("complaints about %v, want %v: %v", got, fields, err)
	}
}

// made makes an Auth and closes it with the test.
func made(tb testing.TB, c cloakroom.Config) error {
	tb.Helper()
	auth, err := cloakroom.New(c)
	if (auth == nil) != (err != nil) {
		tb.Fatalf("New: %v, %v", auth, err)
	}
	if auth != nil {
		tb.Cleanup(func() { _ = auth.Close(context.Background()) })
	}
	return err
}

func TestNewRefuses(t *testing.T) {
	cookie := func(c cloakroom.Cookie) cloakroom.Config { return cloakroom.Config{Cookie: c} }
	none, always, never := http.SameSiteNoneMode, cloakroom.SecureAlways, cloakroom.SecureNever
	for _, c := range []struct {
		name   string
		config cloakroom.Config
		fields []string
	}{
		{"S20 V27 SameSite=None with Secure switched off", cookie(cloakroom.Cookie{SameSite: none, Secure: never}), []string{"Cookie.SameSite"}},
		{"V27 SameSite=None where Secure is not certain", cookie(cloakroom.Cookie{SameSite: none}), []string{"Cookie.SameSite"}},
		{"V27 SameSite=None on plain http", cloakroom.Config{BaseURL: loopback, Cookie: cloakroom.Cookie{SameSite: none}}, []string{"Cookie.SameSite"}},
		{"V27 any origin at all", cloakroom.Config{Origins: []string{"*"}}, []string{"Origins"}},
		{"SameSite without a mode", cookie(cloakroom.Cookie{SameSite: http.SameSiteDefaultMode}), []string{"Cookie.SameSite"}},
		{"SameSite unknown", cookie(cloakroom.Cookie{SameSite: 9}), []string{"Cookie.SameSite"}},
		{"S21 __Host- with a Domain", cookie(cloakroom.Cookie{Name: "__Host-sid", Domain: "example.com"}), []string{"Cookie.Name"}},
		{"S21 in whatever case", cookie(cloakroom.Cookie{Name: "__hOST-Http-sid", Domain: "example.com"}), []string{"Cookie.Name"}},
		{"__Host- without Secure", cookie(cloakroom.Cookie{Name: "__HOST-sid", Secure: never}), []string{"Cookie.Name"}},
		{"__Secure- without Secure", cookie(cloakroom.Cookie{Name: "__Secure-sid", Secure: never}), []string{"Cookie.Name"}},
		{"__Http- on plain http", cloakroom.Config{BaseURL: loopback, Cookie: cloakroom.Cookie{Name: "__http-sid"}}, []string{"Cookie.Name"}},
		{"a name that is none", cookie(cloakroom.Cookie{Name: "my session"}), []string{"Cookie.Name"}},
		{"a name with =", cookie(cloakroom.Cookie{Name: "a=b"}), []string{"Cookie.Name"}},
		{"Secure unknown", cookie(cloakroom.Cookie{Secure: 3}), []string{"Cookie.Secure"}},
		{"Secure below", cookie(cloakroom.Cookie{Secure: -1}), []string{"Cookie.Secure"}},
		{"V25 Secure on plain http without a proxy", cloakroom.Config{BaseURL: loopback, Cookie: cloakroom.Cookie{Secure: always}}, []string{"Cookie.Secure"}},
		{"not Secure on https", cloakroom.Config{BaseURL: secure, Cookie: cloakroom.Cookie{Secure: never}}, []string{"Cookie.Secure"}},
		{"a domain that is an address", cookie(cloakroom.Cookie{Domain: "192.0.2.1"}), []string{"Cookie.Domain"}},
		{"a domain that is a whole top level", cookie(cloakroom.Cookie{Domain: ".com"}), []string{"Cookie.Domain"}},
		{"a domain with a port", cookie(cloakroom.Cookie{Domain: "example.com:8080"}), []string{"Cookie.Domain"}},
		{"a domain with a scheme", cookie(cloakroom.Cookie{Domain: "https://example.com"}), []string{"Cookie.Domain"}},
		{"a domain with two dots", cookie(cloakroom.Cookie{Domain: "a..example.com"}), []string{"Cookie.Domain"}},
		{"a domain with two leading dots", cookie(cloakroom.Cookie{Domain: "..example.com"}), []string{"Cookie.Domain"}},
		{"a domain with a trailing dot", cookie(cloakroom.Cookie{Domain: "example.com."}), []string{"Cookie.Domain"}},
		{"a domain with what is no letter", cookie(cloakroom.Cookie{Domain: "exa_mple!.com"}), []string{"Cookie.Domain"}},
		{"a domain that is not the site's", cloakroom.Config{BaseURL: secure, Cookie: cloakroom.Cookie{Domain: "example.org"}}, []string{"Cookie.Domain"}},
		{"a domain that only ends alike", cloakroom.Config{BaseURL: "https://badexample.com", Cookie: cloakroom.Cookie{Domain: "example.com"}}, []string{"Cookie.Domain"}},
		{"a domain below the site", cloakroom.Config{BaseURL: "https://example.com", Cookie: cloakroom.Cookie{Domain: "app.example.com"}}, []string{"Cookie.Domain"}},

		{"S29 no secret in the list", cloakroom.Config{Secrets: []cloakroom.Secret{}}, []string{"Secrets"}},
		{"S29 an empty secret", cloakroom.Config{Secrets: []cloakroom.Secret{{}}}, []string{"Secrets"}},
		{"S29 a short secret", cloakroom.Config{Secrets: []cloakroom.Secret{secret(1)[:31]}}, []string{"Secrets"}},
		{"S29 a weak secret second in the list", cloakroom.Config{Secrets: []cloakroom.Secret{secret(1), []byte("keyboard cat keyboard cat ")}}, []string{"Secrets"}},
		{"S29 a secret of zeros", cloakroom.Config{Secrets: []cloakroom.Secret{make(cloakroom.Secret, 64)}}, []string{"Secrets"}},
		{"V35 no secret, and a store that keeps none", cloakroom.Config{Store: keepless{memory.New()}}, []string{"Secrets"}},
		{"a store that has lost its secrets", cloakroom.Config{Store: forgetful{memory.New()}}, []string{"Secrets"}},

		{"a ledger that is a nil pointer", cloakroom.Config{Ledger: (*memory.Store)(nil)}, []string{"Ledger"}},
		{"a nil method", cloakroom.Config{Methods: []cloakroom.Method{nil}}, []string{"Methods"}},
		{"a method that is a nil pointer", cloakroom.Config{Methods: []cloakroom.Method{(*fake)(nil)}}, []string{"Methods"}},
		{"a second factor that is a nil pointer", cloakroom.Config{SecondFactors: []cloakroom.Method{(*fake)(nil)}}, []string{"SecondFactors"}},
		{"two methods of one name", cloakroom.Config{Methods: []cloakroom.Method{fake{name: "a"}, fake{name: "a"}}}, []string{"Methods"}},
		{"a method without a name", cloakroom.Config{Methods: []cloakroom.Method{fake{}}}, []string{"Methods"}},

		{"a realm with a space", cloakroom.Config{Realm: "my staff"}, []string{"Realm"}},
		{"a realm with NUL", cloakroom.Config{Realm: "staff\x00"}, []string{"Realm"}},
		{"a base URL without a scheme", cloakroom.Config{BaseURL: "app.example.com"}, []string{"BaseURL"}},
		{"a base URL of another scheme", cloakroom.Config{BaseURL: "ftp://app.example.com"}, []string{"BaseURL"}},
		{"a base URL with a query", cloakroom.Config{BaseURL: secure + "/?a=b"}, []string{"BaseURL"}},
		{"a base URL with a password", cloakroom.Config{BaseURL: "https://a:b@example.com"}, []string{"BaseURL"}},
		{"a base URL of plain http", cloakroom.Config{BaseURL: plain}, []string{"BaseURL"}},

		{"an origin with a path", cloakroom.Config{Origins: []string{"https://admin.example.com/"}}, []string{"Origins"}},
		{"an origin without a scheme", cloakroom.Config{Origins: []string{"admin.example.com"}}, []string{"Origins"}},
		{"an origin with a wildcard", cloakroom.Config{Origins: []string{"https://*.example.com"}}, []string{"Origins"}},
		{"the origin null", cloakroom.Config{Origins: []string{"null"}}, []string{"Origins"}},
		{"an empty origin", cloakroom.Config{Origins: []string{""}}, []string{"Origins"}},
		{"an origin in capitals would never match", cloakroom.Config{Origins: []string{"https://Admin.example.com"}}, []string{"Origins"}},
		{"an origin with the port of its scheme would never match", cloakroom.Config{Origins: []string{"https://admin.example.com:443", "http://localhost:80"}}, []string{"Origins"}},

		{"a proxy that is everybody", cloakroom.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, []string{"TrustedProxies"}},
		{"a proxy that is everybody, IPv6", cloakroom.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::/0")}}, []string{"TrustedProxies"}},
		{"S247 a network that is none", cloakroom.Config{TrustedProxies: []netip.Prefix{{}}}, []string{"TrustedProxies"}},

		{"a response header that is none", cloakroom.Config{Bearer: cloakroom.Bearer{ResponseHeader: "auth token"}}, []string{"Bearer.ResponseHeader"}},
		{"a response header with another use", cloakroom.Config{Bearer: cloakroom.Bearer{ResponseHeader: "WWW-authenticate"}}, []string{"Bearer.ResponseHeader"}},
		{"a response header that nothing would use", cloakroom.Config{Bearer: cloakroom.Bearer{ResponseHeader: "x-token"}, Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"cookie"}}}, []string{"Bearer.ResponseHeader"}},
		{"an unknown delivery", cloakroom.Config{Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"cookie", "pigeon"}}}, []string{"Delivery.Allow"}},
		{"a default delivery that is not allowed", cloakroom.Config{Delivery: cloakroom.DeliveryPolicy{Default: "both"}}, []string{"Delivery.Default"}},

		{"an idle time of seconds", cloakroom.Config{Session: cloakroom.Lifetime{Idle: time.Second}}, []string{"Session.Idle"}},
		{"a negative idle time", cloakroom.Config{Session: cloakroom.Lifetime{Idle: -time.Hour}}, []string{"Session.Idle"}},
		{"an idle time over the absolute one", cloakroom.Config{Session: cloakroom.Lifetime{Idle: 2 * time.Hour, Absolute: time.Hour}}, []string{"Session.Idle"}},
		{"a negative limit of sessions", cloakroom.Config{Session: cloakroom.Lifetime{Limit: -1}}, []string{"Session.Limit"}},
		{"a rate without a window", cloakroom.Config{Limits: cloakroom.Limits{Pair: cloakroom.Rate{Max: 5}}}, []string{"Limits.Pair"}},
		{"rates without a maximum", cloakroom.Config{Limits: cloakroom.Limits{
			Account: cloakroom.Rate{Window: time.Hour}, Address: cloakroom.Rate{Max: -1, Window: time.Hour}, Signup: cloakroom.Rate{Max: 1, Window: 1},
			Guest: cloakroom.Rate{Max: -1, Window: time.Minute},
		}}, []string{"Limits.Account", "Limits.Address", "Limits.Signup", "Limits.Guest"}},
		{"a directive that is none", cloakroom.Config{ClearSiteData: []string{"cookies", "everything"}}, []string{"ClearSiteData"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.config.Store == nil {
				c.config.Store = memory.New()
			}
			wantMistakes(t, made(t, c.config), c.fields...)
		})
	}
	t.Run("no store", func(t *testing.T) { wantMistakes(t, made(t, cloakroom.Config{}), "Store") })
	t.Run("a store that is a nil pointer: nobody looked at the error of opening it", func(t *testing.T) {
		wantMistakes(t, made(t, cloakroom.Config{Store: (*memory.Store)(nil)}), "Store")
	})
	t.Run("what a method says of itself", func(t *testing.T) {
		mistake := &cloakroom.ConfigError{Field: "fake.Size", Reason: "is too small", Mend: "make it larger"}
		wantMistakes(t, made(t, cloakroom.Config{Store: memory.New(), Methods: []cloakroom.Method{checked{fake{name: "a"}, mistake}}}), "fake.Size")
	})
}

func TestNewTellsAllMistakesAtOnce(t *testing.T) {
	err := made(t, cloakroom.Config{
		Secrets: []cloakroom.Secret{[]byte("short"), make(cloakroom.Secret, 32)},
		Methods: []cloakroom.Method{nil}, Realm: "a b", BaseURL: "nowhere",
		Cookie:         cloakroom.Cookie{Name: "__host-x y", Domain: "com", SameSite: 9, Secure: 9},
		Bearer:         cloakroom.Bearer{ResponseHeader: "Set-Cookie"},
		Delivery:       cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"pigeon"}, Default: "owl"},
		Session:        cloakroom.Lifetime{Idle: time.Second, Limit: -1},
		Limits:         cloakroom.Limits{Pair: cloakroom.Rate{Max: 1}},
		TrustedProxies: []netip.Prefix{{}}, Origins: []string{"*"}, ClearSiteData: []string{"x"},
	})
	wantMistakes(t, err, "Store", "Secrets", "Methods", "Realm", "BaseURL", "Cookie.Name", "Cookie.Domain", "Cookie.SameSite", "Cookie.Secure",
		"Bearer.ResponseHeader", "Delivery.Allow", "Delivery.Default", "Session.Idle", "Session.Limit", "Limits.Pair", "TrustedProxies",
		"Origins", "ClearSiteData")
	if n := len(mistakesIn(t, err)); n < 20 {
		t.Errorf("%d mistakes told, want each secret's and each of the name's too", n)
	}
	if strings.Contains(err.Error(), "short;") || strings.Contains(err.Error(), `"short"`) {
		t.Errorf("a secret is in the error: %v", err)
	}
}

func TestNewAccepts(t *testing.T) {
	for name, c := range map[string]cloakroom.Config{
		"nothing but a store": {},
		"a Secure cookie on http behind a proxy": {
			BaseURL: loopback, TrustedProxies: proxies, Cookie: cloakroom.Cookie{Secure: cloakroom.SecureAlways},
		},
		"SameSite=None where Secure is certain":           {Cookie: cloakroom.Cookie{SameSite: http.SameSiteNoneMode, Secure: cloakroom.SecureAlways}},
		"a domain above the site, in whatever case":       {BaseURL: "https://App.Example.com", Cookie: cloakroom.Cookie{Domain: ".EXAMPLE.com"}},
		"a domain that is the site, in whatever case":     {BaseURL: "https://App.Example.com", Cookie: cloakroom.Cookie{Domain: "app.example.com"}},
		"origins of apps and of development":              {Origins: []string{"https://a.example", "http://localhost:5173", "capacitor://localhost", "chrome-extension://abcdef"}},
		"both deliveries and nothing else":                {Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{"both"}}},
		"a store that keeps no secrets but is given some": {Store: keepless{memory.New()}, Secrets: []cloakroom.Secret{secret(1), secret(2)}},
		"idle up to the absolute end":                     {Session: cloakroom.Lifetime{Idle: time.Hour, Absolute: time.Hour}},
		"a ledger of its own":                             {Ledger: memory.New()},
	} {
		t.Run(name, func(t *testing.T) {
			if c.Store == nil {
				c.Store = memory.New()
			}
			if err := made(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// The least Config works: sessions begin, are found and end, and each Auth over the store accepts them.
func TestZeroConfigWorks(t *testing.T) {
	store := memory.New()
	room := authtest.New(t, cloakroom.Config{Store: store, Methods: []cloakroom.Method{}})
	v := visiting(t, front(room), secure)
	guest := v.get("/cart").text
	if !strings.HasPrefix(guest, "guest ses_") {
		t.Fatalf("Begin: %s", guest)
	}
	v.wants("/page", 200, guest)
	v.handler = front(authtest.New(t, cloakroom.Config{Store: store}))
	v.wants("/page", 200, guest)
	v.post("/logout")
	v.wants("/page", 200, "nobody")
	if a := visiting(t, front(room), secure).post("/login?email=ana@example.com"); a.StatusCode != 422 {
		t.Errorf("sign-in without a method: %d %s", a.StatusCode, a.text)
	}
}

// keepless is a store that keeps no secrets.
type keepless struct{ cloakroom.Store }

// forgetful is a store that should keep secrets and cannot.
type forgetful struct{ cloakroom.Store }

func (forgetful) Secrets(context.Context) ([]cloakroom.Secret, error) {
	return nil, errors.New("secrets file is gone")
}

// checked is a method that finds a mistake in itself.
type checked struct {
	fake
	mistake error
}

func (c checked) Check() error { return c.mistake }
