package config

import (
	"strings"
	"testing"
	"time"
)

func TestRefusedValues(t *testing.T) {
	for name, values := range map[string][]string{
		"listen":                        {"", "8400", "localhost", "a b:1", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:http", "::1:80", "[::1%lo]:80", "1.2.3:80", "-a:80", "a..b:80"},
		"base_url":                      {"app.example.com", "ftp://a.example", "https://", "https://a.example/path", "https://a.example?x", "https://a.example#", "https://a.example//", "https://u:p@a.example", "https://a.example:443", "http://a.example:80", "https://a.example:0", "https://a.example:", "https://a.example:99999", "https://a_b.example^", "https://exämple.com", "https:a.example", "//a.example", "https://*"},
		"data":                          {""},
		"store.url":                     {"cloakroom.db", "sqlite:", "sqlite::memory:", "mysql://a", "postgres://", "valkey://a:1"},
		"store.sessions":                {"redis", "valkey://", "valkey:///", "memcached://a:1", "cloakroom.db"},
		"session.idle":                  {"", "1", "59s", "-1h", "3651d", "1w", "d", "1.5d", "-1d", "+1d", "99999999d", "1d24h", "1d-1h", "1h1d", "9999999999h"},
		"session.limit":                 {"", "-1", "1.0", "0x10", "1e3", "many", "1000001", "99999999999999999999"},
		"cookie.name":                   {"a b", "a;b", "a=b", "a,b", "naïve", "\"a\"", "a\tb", "a\x00"},
		"cookie.domain":                 {"com", ".com", "localhost", "127.0.0.1", "::1", "a..example", "example.com.", "*.example.com", "a b.example", "https://example.com"},
		"cookie.same_site":              {"", "Lax", "no"},
		"cookie.secure":                 {"", "yes", "1"},
		"delivery.allow":                {"", "header", "cookie,,bearer"},
		"delivery.default":              {"", "cookie,bearer"},
		"cookie.refresh_name":           {"a b", "a;b"},
		"token.access_ttl":              {"", "0", "999ms", "61m", "25h"},
		"token.key_age":                 {"", "0", "59m", "3651d"},
		"token.audience":                {"a b", "\u00e9", strings.Repeat("a", 257)},
		"token.refresh_grace":           {"", "0s", "999ms", "10m1s"},
		"token.algorithm":               {"", "none", "HS256", "es256"},
		"signup.open":                   {"", "yes", "on", "1"},
		"password.min_length":           {"7", "257"},
		"session.fresh":                 {"", "0", "59s", "25h"},
		"login.mail_code":               {"", "on", "true"},
		"password.history":              {"", "-1", "25"},
		"password.breached":             {"", "on", "true", "http://range.example.com", "https://u:p@range.example.com", "https://range.example.com?key=x", "https://range.example.com#x", "range.example.com", "ftp://localhost"},
		"password.breached_fail_closed": {"", "on"},
		"passkey.enabled":               {"", "on", "yes"},
		"passkey.rp_id":                 {"com", "127.0.0.1", "::1", "https://example.com", "a_b.example", "example.com:8443", "exämple.com"},
		"passkey.origins":               {"https://*.example.com", "http://app.example.com", "https://127.0.0.1", "https://app.example.com/", "android:apk-key-hash:short", "capacitor://localhost"},
		"passkey.enroll_page":           {"account", "https://a.example", "/a b", "/é"},
		"passkey.manage_page":           {"account"},
		"mfa.required":                  {"a b", "admin,,staff", "admin;staff", strings.Repeat("a", 65)},
		"mfa.remember_device":           {"", "0", "59m", "366d"},
		"account.delete_after":          {"", "0", "59m", "366d"},
		"mail.url":                      {"smtp.example.com:587", "http://smtp.example.com", "smtp://", "smtp://h/path", "smtp://h?x=y", "smtp://h:0", "smtp://h:99999", "smtp://u:hunter2@h"},
		"mail.from":                     {"nobody", "Example", "a@b.example, c@d.example", "Exämple <ä@b.example>", "<>"},
		"mail.site":                     {"a: b", strings.Repeat("a", 65)},
		"mail.locale":                   {"", "english!", "e", "de_AT"},
		"mail.links":                    {"verify_email", "verify_email:", "verify_email:https://a.example", "signup_known:/x", "notice:/a b", "notice:\\x", "notice:/é"},
		"admin.http":                    {"", "on"},
		"limits.login":                  {"", "false", "no", "true", "OFF"},
		"limits.signup":                 {"0"},
		"origins":                       {"*", "null", "https://*.example.com", "a.example", "https://a.example/", "https://a.example/x", "https://u@a.example", "https://a.example:443", "file:///x"},
		"introspection.clients": {
			"app", "app:", "app:abc", ":" + clientSum, "a b:" + clientSum, "app:" + clientSum + "00", strings.Repeat("a", 65) + ":" + clientSum, "a!b:" + clientSum,
			"app:" + strings.Repeat("0", 64), "app:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "app:" + clientSum + ",app",
		},
		"revocation.staleness": {"0", "19ms", "2m"},
		"cache.size":           {"", "0", "on", "1023KiB", "1025GiB", "64MB", "64 MiB", "-64MiB", "1.5GiB", "MiB", "64mib", "0x10", "9223372036854775807GiB", "99999999999999999999"},
		"events.keep":          {"", "0", "23h", "3651d"},
		"store.poll_only":      {"", "yes"},
		"store.distributed":    {"", "on"},
		"log.format":           {"xml"},
		"log.level":            {"INFO"},
		"metrics.listen":       {"", "on", "9400"},
	} {
		for _, value := range values {
			t.Run(name+" "+value, func(t *testing.T) {
				_, err := Load(Source{Flags: map[string]string{name: value}})
				refused(t, err, name)
			})
		}
	}
	for _, name := range []string{"Authorization", "set-cookie", "COOKIE", "Www-Authenticate", "Content-Type", "Access-Control-Allow-Origin", "Sec-Fetch-Site", "Vary", "a b", "a:b", "token\r\nx"} {
		t.Run("bearer.response_header "+name, func(t *testing.T) {
			_, err := Load(Source{Flags: map[string]string{"bearer.response_header": name}})
			refused(t, err, "bearer.response_header")
		})
	}
	for _, cidr := range []string{"10.0.0.0", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0/8", "2001:db8::/129", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "0.0.0.0/0", "::/0", "all", "10.0.0.0/8,oops", "::1"} {
		t.Run("S247 bad CIDR is refused: "+cidr, func(t *testing.T) {
			_, err := Load(Source{Flags: map[string]string{"trusted_proxies": cidr}})
			refused(t, err, "trusted_proxies", "entry ")
		})
	}
	for name, text := range map[string]string{
		"empty": `secrets: [""]`, "empty list": "secrets: []", "nothing": "secrets:", "short": "secrets: [" + secretHex[:62] + "]",
		"short base64url": "secrets: [" + secretBase64[:42] + "]", "not random": "secrets: ['" + strings.Repeat("0a", 32) + "']",
		"a password": "secrets: [correct horse battery staple and so on for long]", "second is weak": "secrets: [" + secretHex + ", secret]",
	} {
		t.Run("S29 weak secret is refused: "+name, func(t *testing.T) {
			_, err := Load(Source{Path: write(t, "c.yaml", text)})
			refused(t, err, "secrets")
		})
	}
	t.Run("S29 empty list in the environment is refused", func(t *testing.T) {
		_, err := Load(Source{Environ: []string{"CLOAKROOM_SECRETS="}})
		refused(t, err, "secrets", "is an empty list")
	})
}

func TestTakenValues(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"listen", ":8400", "127.0.0.1:8400"},
		{"listen", "0.0.0.0:08400", "0.0.0.0:8400"},
		{"listen", "[::]:80", "[::]:80"},
		{"listen", "LocalHost:80", "localhost:80"},
		{"base_url", "https://App.example.com/", "https://app.example.com"},
		{"base_url", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"base_url", "", ""},
		{"store.sessions", "valkey://h1:1,h2:2/0", "valkey://h1:1,h2:2/0"},
		{"session.idle", "14d", "336h"},
		{"session.idle", "1d12h30m", "36h30m"},
		{"session.idle", "90s", "1m30s"},
		{"session.absolute", "3650d", "87600h"},
		{"cookie.name", "__Host-my.session", "__Host-my.session"},
		{"cookie.domain", ".Example.com", "example.com"},
		{"bearer.response_header", "vendure-auth-token", "vendure-auth-token"},
		{"origins", "https://a.example, http://localhost:3000, capacitor://localhost", "https://a.example,http://localhost:3000,capacitor://localhost"},
		{"trusted_proxies", "10.0.0.0/8, 192.0.2.1/32, fd00::/8", "10.0.0.0/8,192.0.2.1/32,fd00::/8"},
		{"token.access_ttl", "1s", "1s"},
		{"token.access_ttl", "1h", "1h"},
		{"token.refresh_grace", "1s", "1s"},
		{"token.refresh_grace", "10m", "10m"},
		{"token.key_age", "30d", "720h"},
		{"token.audience", "urn:example:api", "urn:example:api"},
		{"store.url", "postgresql://u:p@db-1,db-2:5433/x?sslmode=verify-full", "postgresql://u:p@db-1,db-2:5433/x?sslmode=verify-full"},
		{"store.sessions", "rediss://a", "rediss://a"},
		{"revocation.staleness", "20ms", "20ms"},
		{"cache.size", "off", "off"},
		{"cache.size", "1048576", "1MiB"},
		{"cache.size", "1024MiB", "1GiB"},
		{"cache.size", "1536KiB", "1536KiB"},
		{"cache.size", "1048577", "1048577"},
		{"cache.size", "1024GiB", "1024GiB"},
		{"events.keep", "1d", "24h"},
		{"introspection.clients", "a.b_c-1:" + strings.ToUpper(clientSum), "a.b_c-1:" + clientSum},
		{"metrics.listen", "off", "off"},
		{"session.fresh", "5m", "5m"},
		{"password.breached", "off", "off"},
		{"password.breached", "public", "public"},
		{"password.breached", "http://localhost:9090/hibp", "http://localhost:9090/hibp"},
		{"passkey.rp_id", "Example.com", "example.com"},
		{"passkey.rp_id", "localhost", "localhost"},
		{"passkey.origins", "https://Shop.example.com:8443, http://localhost:3000", "https://shop.example.com:8443,http://localhost:3000"},
		{"mfa.required", "all", "all"},
		{"mfa.required", "billing:admin, staff", "billing:admin,staff"},
		{"mfa.remember_device", "30d", "720h"},
		{"mfa.remember_device", "off", "off"},
		{"account.delete_after", "off", "off"},
		{"mail.url", "smtps://me%40b.example@smtp.b.example", "smtps://me%40b.example@smtp.b.example"},
		{"mail.from", "Example <a@b.example>", "Example <a@b.example>"},
		{"mail.locale", "zh-Hant-TW", "zh-Hant-TW"},
		{"mail.links", "mailcode:/#/code, notice:/oops?x=1", "mailcode:/#/code,notice:/oops?x=1"},
		{"secrets", secretHex + "," + secretBase64 + "=", secretHex + ",abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"},
	} {
		t.Run(test.name+" "+test.value, func(t *testing.T) {
			c, err := Load(Source{Flags: map[string]string{test.name: test.value}})
			taken(t, err)
			k, _ := keyNamed(test.name)
			if got := strings.Join(k.text(&c), ","); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", time.Second: "1s", time.Minute: "1m", 10 * time.Minute: "10m", time.Hour: "1h",
		100 * time.Hour: "100h", time.Hour + time.Second: "1h0m1s", 61 * time.Minute: "1h1m", 50 * time.Millisecond: "50ms"} {
		if got := durationText(d); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzParsers(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:80", "https://a.example", "14d", "10.0.0.0/8", secretHex, "app:" + clientSum, "on", "64MiB"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range keys {
			c := Config{}
			errs := k.read(&c, k.split(text))
			for _, err := range errs {
				if problem, ok := err.(fault); !ok || problem.reason == "" || problem.mend == "" {
					t.Errorf("%s: %q: no reason or no mend: %v", k.name, text, err)
				}
			}
			if len(errs) > 0 {
				continue
			}
			// What was read is written so that it is read as the same.
			once := k.text(&c)
			if errs := k.set(&c, once); len(errs) > 0 && len(once) > 0 {
				t.Errorf("%s: %q is written as %q, which is refused: %v", k.name, text, once, errs)
			}
			if twice := k.text(&c); strings.Join(once, ",") != strings.Join(twice, ",") {
				t.Errorf("%s: %q is %q, then %q", k.name, text, once, twice)
			}
		}
	})
}
