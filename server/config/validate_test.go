package config

import (
	"net/netip"
	"strings"
	"testing"
)

// set reads keys and values, "key=value" each, as if they were flags, and variables as such.
func set(pairs ...string) Source {
	source := Source{Flags: map[string]string{}}
	for _, pair := range pairs {
		if strings.HasPrefix(pair, variables) {
			source.Environ = append(source.Environ, pair)
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		source.Flags[name] = value
	}
	return source
}

const https = "base_url=https://app.example.com"

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		mode Mode
		set  []string
		key  string
	}{
		{"development for strangers", Development, []string{"listen=0.0.0.0:8400", https}, "listen"},
		{"development metrics for strangers", Development, []string{"metrics.listen=0.0.0.0:9400"}, "metrics.listen"},
		{"metrics on the same address", Production, []string{"metrics.listen=127.0.0.1:8400"}, "metrics.listen"},
		{"metrics on the same port everywhere", Production, []string{"metrics.listen=0.0.0.0:8400"}, "metrics.listen"},
		{"no base_url", Production, []string{"listen=0.0.0.0:8400"}, "base_url"},
		{"base_url http", Production, []string{"listen=0.0.0.0:8400", "base_url=http://app.example.com"}, "base_url"},
		{"base_url http behind a proxy", Production, []string{"base_url=http://app.example.com"}, "base_url"},
		{"base_url http on loopback for strangers", Production, []string{"listen=0.0.0.0:8400", "base_url=http://localhost:8400"}, "base_url"},
		{"base_url http in development", Development, []string{"base_url=http://app.example.com"}, "base_url"},

		{"S20 SameSite=None without Secure is refused", Production, []string{"cookie.same_site=none", "cookie.secure=false"}, "cookie.same_site"},
		{"V27 SameSite=None over http is refused", Production, []string{"cookie.same_site=none"}, "cookie.same_site"},
		{"V27 SameSite=None with any origin is refused", Production, []string{https, "cookie.same_site=none", "origins=*"}, "origins"},
		{"S21 __Host- with a domain is refused", Production, []string{https, "cookie.name=__Host-s", "cookie.domain=example.com"}, "cookie.name"},
		{"S21 __host- in any case with a domain is refused", Production, []string{https, "cookie.name=__hOSt-s", "cookie.domain=example.com"}, "cookie.name"},
		{"S21 __Host-Http- with a domain is refused", Production, []string{https, "cookie.name=__Host-Http-s", "cookie.domain=example.com"}, "cookie.name"},
		{"__Host- without Secure", Production, []string{"cookie.name=__Host-s"}, "cookie.name"},
		{"__Secure- without Secure", Production, []string{"cookie.name=__secure-s"}, "cookie.name"},
		{"__Http- without Secure", Production, []string{"cookie.name=__Http-s"}, "cookie.name"},
		{"Secure over http", Production, []string{"cookie.secure=true"}, "cookie.secure"},
		{"not Secure over https", Production, []string{https, "cookie.secure=false"}, "cookie.secure"},
		{"domain of another", Production, []string{https, "cookie.domain=example.org"}, "cookie.domain"},
		{"domain of a child", Production, []string{https, "cookie.domain=a.app.example.com"}, "cookie.domain"},
		{"domain that ends alike", Production, []string{https, "cookie.domain=ample.com"}, "cookie.domain"},
		{"domain on loopback", Production, []string{"cookie.domain=example.com"}, "cookie.domain"},

		{"idle over absolute", Production, []string{"session.absolute=24h"}, "session.idle"},
		{"delivery not allowed", Production, []string{"delivery.default=both"}, "delivery.default"},
		{"a header for what is never delivered", Production, []string{"delivery.allow=cookie", "bearer.response_header=some-auth-token"}, "bearer.response_header"},
		{"domain with an underscore", Production, []string{"base_url=https://my_app.example.com", "cookie.domain=my_app.example.com"}, "cookie.domain"},
		{"token not allowed", Production, []string{"token.default=signed", "token.allow=opaque"}, "token.default"},
		{"sessions in another file", Production, []string{"store.sessions=sqlite:/else/where.db"}, "store.sessions"},

		{"sessions in another database", Production, []string{"store.url=postgres://db/x", "store.sessions=postgres://db/y", "secrets=" + secretHex}, "store.sessions"},
		{"sessions on a server without secrets", Production, []string{"store.sessions=valkey://a:1"}, "secrets"},
		{"verification without mail", Production, []string{"signup.verification=required"}, "signup.verification"},
		{"codes by mail without mail", Production, []string{"login.mail_code=sign_in"}, "login.mail_code"},
		{"mail from nobody", Production, []string{"mail.url=smtp://localhost:25"}, "mail.from"},
		{"a password for nobody", Production, []string{"mail.url=smtp://localhost:25", "mail.from=a@b.example", "CLOAKROOM_MAIL_PASSWORD=x"}, "mail.password"},
		{"a password without mail", Production, []string{"CLOAKROOM_MAIL_PASSWORD=x"}, "mail.password"},
		{"a user without a password", Production, []string{"mail.url=smtp://me@localhost:25", "mail.from=a@b.example"}, "mail.url"},
		{"a password in mail.url", Production, []string{"mail.url=smtp://me:hunter2@localhost:25", "mail.from=a@b.example", "CLOAKROOM_MAIL_PASSWORD=x"}, "mail.url"},
		{"passkeys for an IP address", Production, []string{"passkey.enabled=true"}, "passkey.enabled"},
		{"passkeys of another domain", Production, []string{https, "passkey.rp_id=example.org"}, "passkey.rp_id"},
		{"passkeys of a child", Production, []string{https, "passkey.rp_id=a.app.example.com"}, "passkey.rp_id"},
		{"all and some", Production, []string{"mfa.required=all,admin"}, "mfa.required"},
		{"two pages for one letter", Production, []string{"mail.links=notice:/a,notice:/b"}, "mail.links"},
		{"two webhooks of one name", Production, []string{"CLOAKROOM_WEBHOOKS=[" + hook("a", "") + "," + hook("a", "") + "]"}, "webhooks"},
		{"two clients of one id", Production, []string{"introspection.clients=app:" + clientSum + ",app:" + otherSum}, "introspection.clients"},
		{"__Host- on the refresh cookie", Production, []string{https, "cookie.refresh_name=__Host-r"}, "cookie.refresh_name"},
		{"__Http- on the refresh cookie without Secure", Production, []string{"cookie.refresh_name=__Http-r"}, "cookie.refresh_name"},
		{"one name for two cookies", Production, []string{"cookie.name=a", "cookie.refresh_name=a"}, "cookie.refresh_name"},
		{"the name of the other's default", Production, []string{"cookie.refresh_name=session"}, "cookie.refresh_name"},
		{"the other's name by default", Production, []string{https, "cookie.name=__Http-refresh"}, "cookie.refresh_name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Check(set(test.set...), test.mode)
			refused(t, err, test.key)
		})
	}
	t.Run("V35 no stable secret where nodes share a store is refused", func(t *testing.T) {
		_, err := Check(set("store.url=postgres://u:p@db/x"), Production)
		errs := errorsOf(t, err)
		if errs[0].Key != "secrets" || !strings.Contains(errs[0].Mend, "openssl rand") {
			t.Errorf("got:\n%v", err)
		}
	})
}

func TestTaken(t *testing.T) {
	for name, pairs := range map[string][]string{
		"a proxy before it":             {"listen=0.0.0.0:8400", https, "trusted_proxies=10.0.0.0/8"},
		"a proxy on this machine":       {https},
		"http on loopback":              {"base_url=http://localhost:8400"},
		"any port":                      {"listen=:0", "metrics.listen=:0"},
		"no metrics":                    {"metrics.listen=off"},
		"metrics on another address":    {"listen=127.0.0.1:8400", "metrics.listen=127.0.0.2:8400"},
		"SameSite=None over https":      {https, "cookie.same_site=none"},
		"__Host- over https":            {https, "cookie.name=__Host-s"},
		"__Secure- with a domain":       {https, "cookie.name=__Secure-s", "cookie.domain=example.com"},
		"a domain with a dot before it": {https, "cookie.domain=.app.Example.com"},
		"Secure behind a proxy":         {"cookie.secure=true", "trusted_proxies=127.0.0.0/8"},
		"idle that is absolute":         {"session.idle=1h", "session.absolute=1h"},
		"a header for both":             {"delivery.allow=both", "delivery.default=both", "bearer.response_header=some-auth-token"},
		"sessions shorter than a token": {"session.idle=2m", "session.absolute=5m"},
		"both":                          {"delivery.allow=both", "delivery.default=both"},
		"names for two cookies":         {https, "cookie.name=refresh", "cookie.refresh_name=session"},
		"signed alone":                  {"token.allow=signed", "token.default=signed"},
		"opaque alone":                  {"token.allow=opaque"},
		"two clients":                   {"introspection.clients=app:" + clientSum + ",shop:" + clientSum},
		"sessions in the same file":     {"store.url=sqlite:/a.db", "store.sessions=sqlite:/a.db"},
		"PostgreSQL":                    {"store.url=postgres://u:p@db/x", "secrets=" + secretHex},
		"PostgreSQL for both":           {"store.url=postgres://db/x", "store.sessions=postgres://db/x", "secrets=" + secretHex},
		"PostgreSQL and Valkey":         {"store.url=postgres://db/x", "store.sessions=valkey://:p@a:1,b:2/0", "secrets=" + secretHex},
		"PgBouncer":                     {"store.url=postgres://db/x", "store.poll_only=true", "secrets=" + secretHex},
		"CockroachDB":                   {"store.url=postgres://db/x", "store.distributed=true", "secrets=" + secretHex},
		"a file and Valkey":             {"store.sessions=valkey://a:1", "secrets=" + secretHex},
		"no cache":                      {"cache.size=off"},
		"mail and what lives by it":     {"mail.url=smtp://localhost", "mail.from=a@b.example", "signup.verification=required", "login.mail_code=sign_up"},
		"mail for a user":               {"mail.url=smtps://me%40b.example@smtp.b.example", "mail.from=B <a@b.example>", "CLOAKROOM_MAIL_PASSWORD=hunter2"},
		"passkeys on localhost":         {"listen=localhost:8400", "passkey.enabled=true"},
		"passkeys of a parent":          {https, "passkey.rp_id=Example.com", "passkey.origins=https://shop.example.com"},
		"passkeys where they can be":    {"passkey.enabled=auto"},
		"a second factor for all":       {"mfa.required=all"},
		"two webhooks":                  {"CLOAKROOM_WEBHOOKS=[" + hook("a", "") + "," + hook("b", "") + "]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Check(set(pairs...), Production)
			taken(t, err)
		})
	}
}

// Every rule must be broken by some test, or nobody knows that it can be.
func TestEveryRuleIsBroken(t *testing.T) {
	broken := map[string]bool{}
	for _, test := range []struct {
		mode Mode
		set  []string
	}{
		{Development, []string{"listen=0.0.0.0:8400", "metrics.listen=0.0.0.0:8400", "cookie.name=__Host-s", "cookie.domain=example.com",
			"cookie.same_site=none", "session.absolute=5m", "delivery.default=bearer", "delivery.allow=cookie", "bearer.response_header=a", "token.allow=signed", "cookie.refresh_name=__Host-s",
			"store.url=postgres://db/x", "introspection.clients=app:" + clientSum + ",app:" + clientSum}},
		{Production, []string{"listen=0.0.0.0:8400", "base_url=http://a.example", "cookie.secure=true", "store.sessions=valkey://a:1"}},
		{Production, []string{"base_url=https://a.example", "cookie.secure=false", "cookie.refresh_name=__Http-r", "store.sessions=sqlite:/x"}},
		{Production, []string{"signup.verification=required", "login.mail_code=sign_up", "CLOAKROOM_MAIL_PASSWORD=x", "passkey.enabled=true", "passkey.rp_id=a.example",
			"mfa.required=admin,all", "mail.links=notice:/a,notice:/b", "CLOAKROOM_WEBHOOKS=[" + hook("a", "") + "," + hook("a", "") + "]"}},
		{Production, []string{"mail.url=smtp://me@localhost"}},
	} {
		_, err := Check(set(test.set...), test.mode)
		for _, p := range errorsOf(t, err) {
			broken[p.Key+p.Reason] = true
		}
	}
	for _, r := range rules {
		if name := strings.Fields(r.about)[0]; !broken[name+r.reason] {
			t.Errorf("nobody breaks: %s %s", name, r.reason)
		}
	}
	for _, r := range append(rules, warnings...) {
		for _, name := range strings.Fields(r.about) {
			if _, known := keyNamed(name); !known {
				t.Errorf("a rule is about %s, which is no key", name)
			}
		}
	}
}

// A Config that was made by hand is held to the same limits as one that was read.
func TestValidateByHand(t *testing.T) {
	for key, change := range map[string]func(*Config){
		"session.idle":         func(c *Config) { c.Session.Idle = 1 },
		"secrets":              func(c *Config) { c.Secrets = []Secret{make(Secret, 32)} },
		"cookie.same_site":     func(c *Config) { c.Cookie.SameSite = "" },
		"password.min_length":  func(c *Config) { c.Password.MinLength = 0 },
		"trusted_proxies":      func(c *Config) { c.TrustedProxies = []netip.Prefix{{}} },
		"delivery.default":     func(c *Config) { c.Delivery.Allow = nil },
		"revocation.staleness": func(c *Config) { c.Revocation.Staleness = 0 },
		"cache.size":           func(c *Config) { c.Cache.Size = -1 },
		"passkey.enabled":      func(c *Config) { c.Passkey.Enabled = "" },
		"webhooks":             func(c *Config) { c.Webhooks = []Webhook{{Name: "a", URL: "https://a.example"}} },
		"mail.links":           func(c *Config) { c.Mail.Links = []Link{{"mailcode", "nowhere"}} },
	} {
		c := Default()
		change(&c)
		refused(t, c.Validate(Production), key)
	}
}

// The development server keeps its mails, so it needs nobody who takes them.
func TestDevelopmentNeedsNoMailServer(t *testing.T) {
	_, err := Check(set("signup.verification=required", "login.mail_code=sign_up"), Development)
	taken(t, err)
}

func TestProblemsSayWhereTheyComeFrom(t *testing.T) {
	_, err := Check(Source{Path: write(t, "c.yaml", "session:\n  absolute: 24h\n")}, Production)
	refused(t, err, "session.idle", "c.yaml:2: ")
	c := Default()
	c.Session.Absolute = 24 * 60 * 60 * 1e9
	refused(t, c.Validate(Production), "session.idle", "default: ")
}

func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		set  []string
		mode Mode
		want string
	}{
		{[]string{https}, Production, "trusted_proxies"},
		{[]string{https, "trusted_proxies=10.0.0.0/8"}, Production, ""},
		{[]string{"limits.login=off", "limits.signup=off"}, Production, "limits.login limits.signup"},
		{[]string{"limits.login=off", "limits.signup=off"}, Development, ""},
		{[]string{"store.sessions=valkey://a:1", "CLOAKROOM_SECRETS=" + secretHex}, Production, "store.sessions"},
		{[]string{"store.url=postgres://db/x", "store.sessions=valkey://a:1", "CLOAKROOM_SECRETS=" + secretHex}, Production, ""},
		{[]string{"mail.url=smtp://me@localhost", "mail.from=a@b.example", "mail.password=x"}, Production, "mail.password"},
		{[]string{"webhooks=[" + hook("a", "") + "]"}, Production, "webhooks"},
		{[]string{"password.breached_fail_closed=true"}, Production, "password.breached_fail_closed"},
		{[]string{"login.mail_code=sign_up", "signup.open=false"}, Development, "login.mail_code"},
		{[]string{"passkey.origins=https://a.example"}, Production, "passkey.origins"},
		{[]string{"store.poll_only=true"}, Production, "store.poll_only"},
		{[]string{"store.distributed=true"}, Production, "store.distributed"},
		{[]string{"store.url=postgres://db/x", "store.distributed=true", "CLOAKROOM_SECRETS=" + secretHex}, Production, ""},
		{[]string{"store.url=postgres://u:p@db/x", "secrets=" + secretHex}, Production, "store.url secrets"},
		{[]string{"store.url=postgres://u@db/x?password=p", "CLOAKROOM_SECRETS=" + secretHex}, Production, "store.url"},
		{[]string{"store.url=postgres://db:1/x", "store.sessions=valkey://:p@a:1", "CLOAKROOM_SECRETS=" + secretHex}, Production, "store.sessions"},
		{[]string{"CLOAKROOM_STORE_URL=postgres://u:p@db/x", "CLOAKROOM_STORE_SESSIONS=valkey://:p@a:1", "CLOAKROOM_SECRETS=" + secretHex}, Production, ""},
	} {
		c, err := Check(set(test.set...), test.mode)
		taken(t, err)
		told := []string{}
		for _, p := range c.Warnings(test.mode) {
			told = append(told, p.Key)
		}
		if got := strings.Join(told, " "); got != test.want {
			t.Errorf("%v: got %q, want %q", test.set, got, test.want)
		}
	}
}
