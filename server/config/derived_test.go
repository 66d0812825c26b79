package config

import (
	"slices"
	"testing"
)

func TestPasskeyDomain(t *testing.T) {
	for _, test := range []struct{ baseURL, listen, enabled, rpID, want string }{
		{"https://app.example.com", "127.0.0.1:8400", "auto", "", "app.example.com"},
		{"https://app.example.com:8443", "127.0.0.1:8400", "true", "example.com", "example.com"},
		{"https://app.example.com", "127.0.0.1:8400", "false", "example.com", ""},
		{"", "localhost:8400", "auto", "", "localhost"},
		{"", "localhost:0", "auto", "", "localhost"},
		{"", "127.0.0.1:8400", "auto", "", ""},
		{"", "[::1]:8400", "auto", "", ""},
		{"https://192.0.2.1", "127.0.0.1:8400", "auto", "", ""},
		{"https://intranet", "127.0.0.1:8400", "auto", "", ""},
		{"https://my_app.example.com", "127.0.0.1:8400", "auto", "", ""},
	} {
		c := Default()
		c.BaseURL, c.Listen, c.Passkey.Enabled, c.Passkey.RPID = test.baseURL, test.listen, test.enabled, test.rpID
		if got := c.PasskeyDomain(); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestRelatedPasskeys(t *testing.T) {
	const app = "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	c, err := Check(set(https, "passkey.rp_id=example.com", "passkey.origins=https://example.com,https://example.org,https://badexample.com,https://a.b.example.com:1,"+app), Production)
	taken(t, err)
	own, related := c.RelatedPasskeys()
	if !slices.Equal(own, []string{"https://example.com", "https://a.b.example.com:1", app}) || !slices.Equal(related, []string{"https://example.org", "https://badexample.com"}) {
		t.Errorf("got %q and %q", own, related)
	}
}

func TestSite(t *testing.T) {
	c := Default()
	if got := c.Site(); got != "127.0.0.1" {
		t.Errorf("got %q", got)
	}
	if c.Mail.Site = "Example"; c.Site() != "Example" {
		t.Errorf("got %q", c.Site())
	}
}
