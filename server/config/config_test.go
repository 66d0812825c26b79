package config

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	secretHex       = "7b1f0a52c39d4e86a1b7c4d2e9f03816557a90cbde4321f08899aabbccddeeff"
	secretBase64    = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k"
	clientSum       = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	otherHookSecret = "whsec_HxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4="
	hookSecret      = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	otherSum        = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
)

// write makes a file for one test and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// errorsOf is the list of problems that an error is.
func errorsOf(t *testing.T, err error) Errors {
	t.Helper()
	if err == nil {
		return nil
	}
	errs, ok := err.(Errors)
	if !ok || len(errs) == 0 {
		t.Fatalf("%T is not a list of problems: %v", err, err)
	}
	return errs
}

// refused demands exactly one problem, about key, whose line has all of parts.
func refused(t *testing.T, err error, key string, parts ...string) {
	t.Helper()
	errs := errorsOf(t, err)
	if len(errs) != 1 || errs[0].Key != key {
		t.Fatalf("want one problem about %q, got:\n%v", key, err)
	}
	if errs[0].Reason == "" || errs[0].Mend == "" {
		t.Errorf("no reason or no mend: %+v", errs[0])
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

// told are the keys of the problems of err, in order.
func told(t *testing.T, err error) []string {
	t.Helper()
	list := []string{}
	for _, p := range errorsOf(t, err) {
		list = append(list, p.Key)
	}
	return list
}

func taken(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("refused:\n%v", err)
	}
}

func TestDefaultIsValid(t *testing.T) {
	for _, mode := range []Mode{Production, Development} {
		taken(t, Default().Validate(mode))
		if w := Default().Warnings(mode); len(w) > 0 {
			t.Errorf("warnings about the defaults: %v", w)
		}
	}
	loaded, err := Load(Source{})
	taken(t, err)
	if !reflect.DeepEqual(loaded.Settings(), Default().Settings()) {
		t.Error("nothing was loaded, and it is not the default")
	}
}

// A field without a key could not be configured, and a key that shares a field would hide another.
func TestEveryFieldHasOneKey(t *testing.T) {
	c := Default()
	fields := map[string]int{}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			name := path + strings.ToLower(f.Name)
			if f.Type.Kind() == reflect.Struct {
				walk(name+".", v.Field(i))
			} else {
				fields[name] = 0
			}
		}
	}
	walk("", reflect.ValueOf(&c).Elem())
	for _, k := range keys {
		name := fieldName(k.name)
		if _, ok := fields[name]; !ok {
			t.Errorf("key %s has no field", k.name)
		}
		fields[name]++
	}
	for name, n := range fields {
		if n != 1 {
			t.Errorf("field %s has %d keys", name, n)
		}
	}
}

func TestContractKeys(t *testing.T) {
	// Those of the contract, and six of our own: cookie.refresh_name, token.key_age, store.poll_only, store.distributed, cache.size and events.keep;
	// behind those, what came with mail, second factors and administration.
	contract := `listen base_url data store.url store.sessions store.poll_only store.distributed secrets session.idle session.absolute session.limit
		cookie.name cookie.refresh_name cookie.domain cookie.same_site cookie.secure bearer.response_header delivery.allow delivery.default
		token.allow token.default token.access_ttl token.refresh_grace token.algorithm token.key_age token.audience signup.open
		signup.verification password.min_length limits.login limits.signup trusted_proxies origins introspection.clients
		revocation.staleness cache.size events.keep log.format log.level metrics.listen
		session.fresh login.mail_code password.history password.breached password.breached_fail_closed passkey.enabled passkey.rp_id passkey.origins passkey.enroll_page passkey.manage_page
		mfa.required mfa.remember_device account.delete_after mail.url mail.password mail.from mail.site mail.templates mail.locale mail.links
		webhooks admin.http`
	want := strings.Fields(contract)
	for _, name := range want {
		if _, ok := keyNamed(name); !ok {
			t.Errorf("no key %s", name)
		}
	}
	if len(keys) != len(want) {
		t.Errorf("%d keys, the contract has %d", len(keys), len(want))
	}
}

func TestDerivedValues(t *testing.T) {
	for _, test := range []struct {
		name           string
		change         func(*Config)
		base, database string
		secure         bool
	}{
		{"defaults", func(*Config) {}, "http://127.0.0.1:8400", "sqlite:cloakroom-data/cloakroom.db", false},
		{"data", func(c *Config) { c.Data = "/srv/x" }, "http://127.0.0.1:8400", "sqlite:/srv/x/cloakroom.db", false},
		{"port not picked yet", func(c *Config) { c.Listen = "127.0.0.1:0" }, "", "sqlite:cloakroom-data/cloakroom.db", false},
		{"not on loopback", func(c *Config) { c.Listen = "0.0.0.0:80" }, "", "sqlite:cloakroom-data/cloakroom.db", false},
		{"IPv6", func(c *Config) { c.Listen = "[::1]:8400" }, "http://[::1]:8400", "sqlite:cloakroom-data/cloakroom.db", false},
		{"https", func(c *Config) { c.BaseURL = "https://a.example" }, "https://a.example", "sqlite:cloakroom-data/cloakroom.db", true},
		{"not secure", func(c *Config) { c.BaseURL, c.Cookie.Secure = "https://a.example", "false" }, "https://a.example", "sqlite:cloakroom-data/cloakroom.db", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Default()
			test.change(&c)
			if issuer := cmp.Or(test.base, "http://"+c.Listen); c.Issuer() != issuer {
				t.Errorf("issuer %q, want %q", c.Issuer(), issuer)
			}
			if c.Base() != test.base || c.Audience() != test.base || string(c.Database()) != test.database || c.SecureCookies() != test.secure {
				t.Errorf("got %q %q %v", c.Base(), string(c.Database()), c.SecureCookies())
			}
		})
	}
}
