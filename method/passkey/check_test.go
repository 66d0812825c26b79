package passkey_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
)

const androidApp = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"

func TestCheck(t *testing.T) {
	with := func(rpID string, origins ...string) passkey.Method {
		return passkey.Method{RPID: rpID, Origins: origins}
	}
	related := func(origins ...string) passkey.Method {
		m := passkey.For(site)
		m.Related = origins
		return m
	}
	named := func(name string) passkey.Method {
		m := passkey.For(site)
		m.Site = name
		return m
	}
	for name, test := range map[string]struct {
		method passkey.Method
		wrong  []string // fields
	}{
		"for a site":             {passkey.For(site), nil},
		"for a site with a port": {passkey.For("https://APP.example.com:443/"), nil},
		"for localhost":          {passkey.For("http://localhost:8080"), nil},
		"below localhost":        {passkey.For("http://app.localhost:8080"), nil},
		"a parent domain":        {with("example.com", "https://app.example.com", "https://example.com:8443"), nil},
		"an app":                 {with("example.com", androidApp), nil},
		"a related site":         {related("https://app.example.org"), nil},
		"a name":                 {named("Žižek & Söhne"), nil},

		"nothing":               {passkey.Method{}, []string{"RPID", "Origins"}},
		"for no address":        {passkey.For("://"), []string{"RPID", "Origins"}},
		"for an IP address":     {passkey.For("http://127.0.0.1:8080"), []string{"RPID", "Origins"}},
		"for an IPv6 address":   {passkey.For("https://[2001:db8::1]"), []string{"RPID", "Origins"}},
		"for plain http":        {passkey.For("http://app.example.com"), []string{"Origins"}},
		"a whole TLD":           {with("com", site), []string{"RPID"}},
		"with a port":           {with("example.com:443", site), []string{"RPID", "Origins"}},
		"with a scheme":         {with(site, site), []string{"RPID", "Origins"}},
		"capitals":              {with("Example.com", site), []string{"RPID", "Origins"}},
		"letters past ASCII":    {with("bücher.example", "https://bücher.example"), []string{"RPID", "Origins"}},
		"an empty label":        {with("example..com", "https://example..com"), []string{"RPID", "Origins"}},
		"a domain too long":     {with(strings.Repeat("a.", 127)+"com", site), []string{"RPID", "Origins"}},
		"another site":          {with("example.com", "https://example.org"), []string{"Origins"}},
		"another site, alike":   {with("example.com", "https://badexample.com"), []string{"Origins"}},
		"a parent of RPID":      {with("app.example.com", "https://example.com"), []string{"Origins"}},
		"an origin with a path": {with("example.com", site+"/"), []string{"Origins"}},
		"an origin in capitals": {with("example.com", "https://App.example.com"), []string{"Origins"}},
		"a default port":        {with("example.com", site+":443"), []string{"Origins"}},
		"an empty port":         {with("example.com", site+":"), []string{"Origins"}},
		"a user":                {with("example.com", "https://user@app.example.com"), []string{"Origins"}},
		"a wildcard":            {with("example.com", "https://*.example.com"), []string{"Origins"}},
		"another scheme":        {with("example.com", "ftp://app.example.com"), []string{"Origins"}},
		"a bad app":             {with("example.com", "android:apk-key-hash:short"), []string{"Origins"}},
		"two mistakes":          {with("example.com", "http://example.com", "https://example.org"), []string{"Origins", "Origins"}},
		"related by itself":     {related("https://x.app.example.com"), []string{"Related"}},
		"related over http":     {related("http://app.example.org"), []string{"Related"}},
		"a related app":         {related(androidApp), []string{"Related"}},
		"a name too long":       {named(strings.Repeat("x", 65)), []string{"Site"}},
		"a name of two lines":   {named("Acme\nInc"), []string{"Site"}},
	} {
		var wrong []string
		if err := test.method.Check(); err != nil {
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				c, ok := errors.AsType[*cloakroom.ConfigError](e)
				if !ok || c.Reason == "" || c.Mend == "" {
					t.Fatalf("%s: %v", name, e)
				}
				wrong = append(wrong, strings.TrimPrefix(c.Field, "passkey.Method."))
			}
		}
		if !slices.Equal(wrong, test.wrong) {
			t.Errorf("%s: %v", name, test.method.Check())
		}
	}
}

func TestFor(t *testing.T) {
	for address, want := range map[string][2]string{
		"https://app.example.com":      {"app.example.com", "https://app.example.com"},
		"https://App.Example.com/auth": {"app.example.com", "https://app.example.com"},
		"https://example.com:443":      {"example.com", "https://example.com"},
		"https://example.com:8443/":    {"example.com", "https://example.com:8443"},
		"http://localhost:8080":        {"localhost", "http://localhost:8080"},
		"HTTP://localhost:80":          {"localhost", "http://localhost"},
	} {
		if m := passkey.For(address); m.RPID != want[0] || !slices.Equal(m.Origins, want[1:]) {
			t.Errorf("%s: %+v", address, m)
		}
	}
}

// Pages of several origins use the same passkeys, among them another domain that RPID lists at /.well-known/webauthn.
func TestOrigins(t *testing.T) {
	d := newDesk(t)
	d.method = passkey.Method{
		RPID:    "example.com",
		Origins: []string{site, "https://example.com:8443", androidApp},
		Related: []string{"https://app.example.org"},
	}
	d.register()
	for origin, good := range map[string]bool{
		site: true, "https://example.com:8443": true, androidApp: true, "https://app.example.org": true,
		"https://example.com": false, "https://example.org": false, androidApp + "x": false,
	} {
		d.device.Origin = origin
		if _, err := d.signIn(first); (err == nil) != good {
			t.Errorf("S-93 %s: %v", origin, err)
		}
	}
	list := d.method.RelatedOrigins()
	if !slices.Equal(list, []string{"https://app.example.org"}) || passkey.For(site).RelatedOrigins() != nil {
		t.Errorf("%v", list)
	}
	list[0] = "https://evil.example"
	if d.method.Related[0] != "https://app.example.org" {
		t.Error("the list is the method's own")
	}
}

func TestNameAndKind(t *testing.T) {
	if m := passkey.For(site); m.Name() != "passkey" || !m.Unguessable() {
		t.Errorf("%q, %v", m.Name(), m.Unguessable())
	}
}

// The name that a device shows.
func TestSite(t *testing.T) {
	for _, m := range []passkey.Method{passkey.For(site), {RPID: "app.example.com", Site: "Acme"}} {
		o, err := m.Offer(t.Context(), cloakroom.Binding{User: ana})
		if err != nil {
			t.Fatal(err)
		}
		d := newDesk(t)
		shown, _ := d.offered(o, nil)
		want := `"rp":{"name":"app.example.com",`
		if m.Site != "" {
			want = `"rp":{"name":"Acme",`
		}
		if !strings.Contains(shown, want) {
			t.Error(shown)
		}
	}
}
