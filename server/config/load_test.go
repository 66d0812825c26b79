package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/secretfile"
	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

func TestSampleSetsEveryKey(t *testing.T) {
	c, err := Check(Source{Path: "testdata/every-key.yaml"}, Production)
	taken(t, err)
	for _, s := range c.Settings() {
		if !strings.HasPrefix(s.Source, "testdata/every-key.yaml:") {
			t.Errorf("%s came from %s", s.Key, s.Source)
		}
	}
	got := c
	got.sources, got.broken = nil, nil
	want := Config{
		Listen: "127.0.0.1:8401", BaseURL: "https://app.example.com", Data: "/var/lib/cloakroom",
		Store:    Store{URL: "postgres://cloakroom@db.internal/cloakroom", Sessions: "valkey://cache-1.internal:6379,cache-2.internal:6379/", PollOnly: true, Distributed: true},
		Secrets:  []Secret{mustSecret(t, secretHex), mustSecret(t, secretBase64)},
		Session:  Session{Idle: 168 * time.Hour, Absolute: 720 * time.Hour, Limit: 10, Fresh: 5 * time.Minute},
		Cookie:   Cookie{Name: "__Secure-example", RefreshName: "__Http-again", Domain: "example.com", SameSite: "none", Secure: "true"},
		Bearer:   Bearer{ResponseHeader: "some-auth-token"},
		Delivery: Delivery{Allow: []string{"cookie", "bearer", "both"}, Default: "both"},
		Token:    Token{Allow: []string{"signed"}, Default: "signed", AccessTTL: 5 * time.Minute, RefreshGrace: 10 * time.Second, Algorithm: "EdDSA", KeyAge: 30 * day, Audience: "https://api.example.com"},
		Signup:   Signup{Open: false, Verification: "required"},
		Login:    Login{MailCode: "sign_in"},
		Password: Password{MinLength: 15, History: 5, Breached: "https://range.example.com/hibp", BreachedFailClosed: true},
		Passkey: Passkey{Enabled: "true", RPID: "example.com", Origins: []string{
			"https://shop.example.com", "https://example.org", "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		}, EnrollPage: "/account/passkeys/new", ManagePage: "/account/passkeys"},
		MFA:     MFA{Required: []string{"admin", "staff"}},
		Account: Account{DeleteAfter: 7 * day},
		Mail: Mail{
			URL: "smtp://cloakroom@smtp.example.com:587", Password: "an example", From: "Example <no-reply@example.com>", Site: "Example",
			Templates: "/etc/cloakroom/letters", Locale: "de-AT",
			Links: []Link{{"verify_email", "/welcome"}, {"reset_password", "/account/password?from=mail"}},
		},
		Webhooks: []Webhook{
			{Name: "crm", URL: "https://hooks.example.net/in/4711", Secrets: hookSecrets(t, hookSecret, otherHookSecret), Events: []string{"user_created", "user_deleted"}},
			{Name: "audit", URL: "http://10.1.2.3:9000/", Secrets: hookSecrets(t, hookSecret), Allow: []netip.Prefix{mustNetwork(t, "10.1.2.0/24")}},
		},
		Admin:          Admin{HTTP: true},
		TrustedProxies: []netip.Prefix{mustNetwork(t, "10.0.0.0/8"), mustNetwork(t, "2001:db8::/32")},
		Origins:        []string{"https://www.example.com", "https://shop.example.com:8443"},
		Introspection:  Introspection{Clients: []Client{mustClient(t, "app:"+clientSum), mustClient(t, "shop.2:"+otherSum)}},
		Revocation:     Revocation{Staleness: 500 * time.Millisecond},
		Cache:          Cache{Size: 256 << 20},
		Events:         Events{Keep: 400 * day},
		Log:            Log{Format: "json", Level: "debug"},
		Metrics:        Metrics{Listen: "[::1]:9401"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func mustSecret(t *testing.T, text string) Secret {
	t.Helper()
	s, err := parseSecret(text)
	taken(t, err)
	return s
}

func mustClient(t *testing.T, text string) Client {
	t.Helper()
	c, err := parseClient(text)
	taken(t, err)
	return c
}

func hookSecrets(t *testing.T, texts ...string) (list []webhook.Secret) {
	t.Helper()
	for _, text := range texts {
		s, err := webhook.ParseSecret(text)
		taken(t, err)
		list = append(list, s)
	}
	return list
}

func mustNetwork(t *testing.T, text string) netip.Prefix {
	t.Helper()
	p, err := parseNetwork(text)
	taken(t, err)
	return p
}

// samples are the values of the sample file as a variable has them.
func samples(t *testing.T) map[string]string {
	t.Helper()
	c, err := Load(Source{Path: "testdata/every-key.yaml"})
	taken(t, err)
	texts := map[string]string{}
	for _, k := range keys {
		texts[k.name] = joined(k, &c)
	}
	return texts
}

// joined is the value of a key as a variable has it.
func joined(k key, c *Config) string {
	text := strings.Join(k.text(c), ",")
	if k.mappings {
		return "[" + text + "]"
	}
	return text
}

func TestEveryKeyFromEverySource(t *testing.T) {
	texts := samples(t)
	for _, k := range keys {
		for source, read := range map[string]func() (Config, error){
			k.env(): func() (Config, error) {
				return Load(Source{Environ: []string{k.env() + "=" + texts[k.name]}})
			},
			k.env() + "_FILE": func() (Config, error) {
				return Load(Source{Environ: []string{k.env() + "_FILE=" + write(t, "value", texts[k.name]+"\n")}})
			},
			"flag": func() (Config, error) {
				return Load(Source{Flags: map[string]string{k.name: texts[k.name]}})
			},
		} {
			t.Run(k.name+" from "+source, func(t *testing.T) {
				c, err := read()
				taken(t, err)
				if got := joined(k, &c); got != texts[k.name] {
					t.Errorf("got %q, want %q", got, texts[k.name])
				}
				for _, s := range c.Settings() {
					if want := map[bool]string{true: source, false: "default"}[s.Key == k.name]; s.Source != want {
						t.Errorf("%s came from %q, want %q", s.Key, s.Source, want)
					}
				}
			})
		}
	}
}

func TestNamesOfVariables(t *testing.T) {
	for name, want := range map[string]string{
		"session.idle": "CLOAKROOM_SESSION_IDLE", "base_url": "CLOAKROOM_BASE_URL",
		"bearer.response_header": "CLOAKROOM_BEARER_RESPONSE_HEADER", "trusted_proxies": "CLOAKROOM_TRUSTED_PROXIES",
	} {
		if k, _ := keyNamed(name); k.env() != want {
			t.Errorf("%s is %s, want %s", name, k.env(), want)
		}
	}
	all := names(key.env)
	slices.Sort(all)
	if len(slices.Compact(all)) != len(keys) {
		t.Error("two keys have one variable")
	}
}

func TestPrecedence(t *testing.T) {
	source := Source{
		Path:    write(t, "c.yaml", "session: {idle: 1h, absolute: 2h, limit: 3}\n"),
		Environ: []string{"PATH=/bin", "CLOAKROOM_SESSION_IDLE=30m", "CLOAKROOM_SESSION_ABSOLUTE=90m"},
		Flags:   map[string]string{"session.idle": "10m"},
	}
	c, err := Load(source)
	taken(t, err)
	if want := (Session{Idle: 10 * time.Minute, Absolute: 90 * time.Minute, Limit: 3, Fresh: 10 * time.Minute}); c.Session != want {
		t.Errorf("got %+v, want %+v", c.Session, want)
	}
}

func TestFile(t *testing.T) {
	for _, test := range []struct {
		name, text, key string
		parts           []string
	}{
		{"unknown", "colour: red", "colour", []string{":1: ", "see all of them with: cloakroom config print"}},
		{"unknown in a section", "log:\n\n  levle: info", "log.levle", []string{":3: ", "did you mean log.level?"}},
		{"twice", "data: a\nlog: {}\ndata: b", "data", []string{":3: ", "is given twice"}},
		{"twice, once with a dot", "log: {level: info}\nlog.level: warn", "log.level", []string{":2: ", "is given twice"}},
		{"section with a value", "log: info", "log", []string{"is not a mapping"}},
		{"section with a list", "log: [info]", "log", []string{"is not a mapping"}},
		{"value with a section", "data: {path: x}", "data", []string{"is not plain text"}},
		{"value with a list", "data: [a]", "data", []string{"is not plain text"}},
		{"value that is missing", "data:", "data", []string{"is empty"}},
		{"list with a value", "origins: https://a.example", "origins", []string{"takes a list"}},
		{"list with a mapping", "origins: {a: b}", "origins", []string{"takes a list"}},
		{"list of lists", "origins: [[a]]", "origins", []string{"is not plain text"}},
		{"anchor", "data: &a x", "data", []string{"is not plain text"}},
		{"tag", "data: !!str x", "data", []string{"is not plain text"}},
		{"not a mapping", "- a", "", []string{"is not a mapping"}},
		{"two documents", "data: a\n---\ndata: b", "", []string{":3: ", "second document"}},
		{"not YAML", "data: a\n  b: [", "", []string{"is not YAML"}},
		{"too large", strings.Repeat("#", maxFile+1), "", []string{"more than 65536 bytes"}},
		{"control characters", `data: "a\u0007"`, "data", []string{"not printable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "c.yaml", test.text)
			_, err := Load(Source{Path: path})
			refused(t, err, test.key, append(test.parts, path)...)
		})
	}
	t.Run("missing", func(t *testing.T) {
		_, err := Load(Source{Path: filepath.Join(t.TempDir(), "none.yaml")})
		refused(t, err, "", "cannot be read", "none.yaml")
	})
}

func TestFileTakes(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":            "",
		"comments":           "# nothing\n",
		"a document mark":    "---\n",
		"an empty section":   "log:\n  # level: info\n",
		"an empty list":      "origins:\n",
		"dotted keys":        "log.level: info",
		"quotes":             "\"log\": {'level': \"info\"}",
		"json":               `{"log": {"level": "info"}, "origins": []}`,
		"a byte order mark":  "\ufefflog:\n  level: info\n",
		"windows line ends":  "log:\r\n  level: info\r\nlimits:\r\n  login: on\r\n",
		"words that look so": "limits: {login: on}\nsignup: {open: true}\nsession: {limit: 0}\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load(Source{Path: write(t, "c.yaml", text)})
			taken(t, err)
			c.sources = nil
			if !reflect.DeepEqual(c.Settings(), Default().Settings()) {
				t.Errorf("is not the default: %v", c.Settings())
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Run("lists", func(t *testing.T) {
		c, err := Load(Source{Environ: []string{"CLOAKROOM_DELIVERY_ALLOW= cookie, both", "CLOAKROOM_ORIGINS="}})
		taken(t, err)
		if !slices.Equal(c.Delivery.Allow, []string{"cookie", "both"}) || len(c.Origins) != 0 {
			t.Errorf("got %q %q", c.Delivery.Allow, c.Origins)
		}
	})
	t.Run("the last one counts", func(t *testing.T) {
		c, err := Load(Source{Environ: []string{"CLOAKROOM_DATA=a", "CLOAKROOM_DATA=b"}})
		taken(t, err)
		if c.Data != "b" {
			t.Errorf("got %q", c.Data)
		}
	})
	t.Run("a file loses one newline", func(t *testing.T) {
		for text, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", " a \n": " a "} {
			c, err := Load(Source{Environ: []string{"CLOAKROOM_DATA_FILE=" + write(t, "v", text)}})
			taken(t, err)
			if c.Data != want {
				t.Errorf("got %q, want %q", c.Data, want)
			}
		}
		_, err := Load(Source{Environ: []string{"CLOAKROOM_DATA_FILE=" + write(t, "v", "a\n\n")}})
		refused(t, err, "data", "not printable")
	})
	t.Run("a file may have a list line by line", func(t *testing.T) {
		const a, b, c = "https://a.example", "https://b.example", "https://c.example"
		for _, text := range []string{a + "," + b + "," + c, a + "\n" + b + "\n" + c + "\n", "# ours\r\n\r\n" + a + ", " + b + "\r\n  # theirs, too\r\n " + c} {
			got, err := Load(Source{Environ: []string{"CLOAKROOM_ORIGINS_FILE=" + write(t, "v", text)}})
			taken(t, err)
			if !slices.Equal(got.Origins, []string{a, b, c}) {
				t.Errorf("%q: got %q", text, got.Origins)
			}
		}
		_, err := Load(Source{Environ: []string{"CLOAKROOM_ORIGINS_FILE=" + write(t, "v", a+"\n\nnowhere\n")}})
		refused(t, err, "origins", "entry 2")
		_, err = Load(Source{Environ: []string{"CLOAKROOM_SECRETS_FILE=" + write(t, "v", "# nothing\n")}})
		refused(t, err, "secrets", "empty list")
	})
	t.Run("what has a password may be in a file, and is not shown", func(t *testing.T) {
		const url, sessions = "postgres://cloakroom:hunter2@db/cloakroom", "valkey://:hunter2@a:1,b:2/"
		c, err := Check(Source{Environ: []string{
			"CLOAKROOM_STORE_URL_FILE=" + write(t, "url", url+"\n"), "CLOAKROOM_STORE_SESSIONS_FILE=" + write(t, "sessions", sessions),
			"CLOAKROOM_SECRETS=" + secretHex,
		}}, Production)
		taken(t, err)
		if string(c.Store.URL) != url || string(c.Store.Sessions) != sessions || len(c.Warnings(Production)) > 0 {
			t.Errorf("got %d and %d bytes, and %v", len(c.Store.URL), len(c.Store.Sessions), c.Warnings(Production))
		}
		if shown := fmt.Sprint(c, c.Settings()); strings.Contains(shown, "hunter2") {
			t.Errorf("is shown: %s", shown)
		}
	})
	t.Run("a secrets file of ours may be given as it is", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "secrets")
		made, err := secretfile.Load(path)
		if err == nil {
			err = secretfile.Rotate(path, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := Load(Source{Environ: []string{"CLOAKROOM_SECRETS_FILE=" + path}})
		taken(t, err)
		if len(c.Secrets) != 2 || !bytes.Equal(c.Secrets[1], made[0]) {
			t.Errorf("%d secrets, or others", len(c.Secrets))
		}
	})
	for _, test := range []struct {
		name    string
		environ []string
		key     string
		part    string
	}{
		{"empty", []string{"CLOAKROOM_LIMITS_LOGIN="}, "limits.login", "write on or off"},
		{"value and file", []string{"CLOAKROOM_DATA=a", "CLOAKROOM_DATA_FILE=b"}, "data", "together with CLOAKROOM_DATA_FILE"},
		{"unknown", []string{"CLOAKROOM_SESION_IDLE=1h"}, "CLOAKROOM_SESION_IDLE", "did you mean CLOAKROOM_SESSION_IDLE?"},
		{"unknown file", []string{"CLOAKROOM_SECRET_FILE=x"}, "CLOAKROOM_SECRET_FILE", "did you mean CLOAKROOM_SECRETS_FILE?"},
		{"large file", []string{"CLOAKROOM_DATA_FILE=/dev/zero"}, "data", "more than 65536 bytes"},
		{"empty entry", []string{"CLOAKROOM_ORIGINS=https://a.example,"}, "origins", "entry 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(Source{Environ: test.environ})
			refused(t, err, test.key, test.part)
		})
	}
	t.Run("the environment of the process is not looked at", func(t *testing.T) {
		t.Setenv("CLOAKROOM_DATA", "elsewhere")
		if c, _ := Load(Source{}); c.Data != Default().Data {
			t.Errorf("got %q", c.Data)
		}
	})
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]int{"": 5, "idle": 1, "idel": 2, "inlet": 2} {
		if d := distance(name, "idlee"); d != want {
			t.Errorf("distance of %q is %d, want %d", name, d, want)
		}
	}
	long := strings.Repeat("x", 1<<20)
	if near := nearest(long, names(key.env)); near != "" {
		t.Errorf("%s is near to a million bytes", near)
	}
	for _, far := range []string{"colour", "port", "database_url", "x", ""} {
		_, err := Load(Source{Flags: map[string]string{far: "1"}, Environ: []string{"CLOAKROOM_" + strings.ToUpper(far) + "=1"}})
		if strings.Contains(err.Error(), "did you mean") || strings.Count(err.Error(), "see all of them") != 2 {
			t.Errorf("%s: %v", far, err)
		}
	}
	for _, k := range keys { // one slip of the finger is always understood
		_, err := Load(Source{Flags: map[string]string{k.name + "x": "1"}})
		refused(t, err, k.name+"x", "did you mean "+k.name+"?")
	}
}

func FuzzLoad(f *testing.F) {
	sample, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sample)
	for _, text := range []string{"", "a", "a: [", "listen: &x 1\nbase_url: *x", "? a\n: b", "<<: {a: b}", "secrets: {" + secretHex + ": x}",
		"log: !!map {level: info}", "%YAML 1.2\n---\na: b\n", "store:\n\turl: x", "data: |\n  a\n", "[[[[", "{{{{", "a: b\n---\n- c", "null", "~: ~", "session: {idle: 1d, limit: 0x10}"} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Source{Path: path})
		if err != nil {
			if lines := strings.Count(err.Error(), "\n") + 1; lines != len(errorsOf(t, err)) {
				t.Errorf("%d lines for %d problems", lines, len(errorsOf(t, err)))
			}
			return
		}
		again(t, c)
		_ = c.Validate(Production)
	})
}

// again prints a configuration and reads what was printed.
func again(t *testing.T, c Config) {
	t.Helper()
	c.Secrets, c.Introspection.Clients, c.Webhooks = nil, nil, nil // are redacted
	var out bytes.Buffer
	taken(t, c.YAML(&out))
	text := strings.Replace(out.String(), "secrets: []", "", 1)
	back, err := Load(Source{Path: write(t, "again.yaml", text)})
	if err != nil {
		t.Fatalf("%v\nof\n%s", err, out.String())
	}
	for i, s := range back.Settings() {
		if want := c.Settings()[i]; !slices.Equal(s.Values, want.Values) && !(len(s.Values) == 0 && len(want.Values) == 0) {
			t.Errorf("%s is %q, was %q", s.Key, s.Values, want.Values)
		}
	}
}
