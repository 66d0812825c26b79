package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	c, err := Load(Source{
		Path:    write(t, "c.yaml", "session:\n  idle: 7d\n"),
		Environ: []string{"CLOAKROOM_SECRETS=" + secretHex + "," + secretBase64, "CLOAKROOM_COOKIE_NAME=sid"},
		Flags:   map[string]string{"origins": "https://a.example,http://[::1]:3000"},
	})
	taken(t, err)
	var out bytes.Buffer
	taken(t, c.YAML(&out))
	for _, line := range []string{
		"listen: 127.0.0.1:8400  # default",
		"base_url: http://127.0.0.1:8400  # default",
		"store:",
		"  url: sqlite:cloakroom-data/cloakroom.db  # default",
		`secrets: ["[redacted]", "[redacted]"]  # CLOAKROOM_SECRETS`,
		"  name: sid  # CLOAKROOM_COOKIE_NAME",
		`  domain: ""  # default`,
		"  allow: [cookie, bearer]  # default",
		`origins: [https://a.example, "http://[::1]:3000"]  # flag`,
		"  login: on  # default",
	} {
		if !slices.Contains(strings.Split(out.String(), "\n"), line) {
			t.Errorf("no line %q in\n%s", line, out.String())
		}
	}
	if !strings.Contains(out.String(), "c.yaml:2\n") {
		t.Errorf("the line of the file is not told:\n%s", out.String())
	}
	for _, k := range keys {
		name := k.name[strings.LastIndex(k.name, ".")+1:]
		if !strings.Contains(out.String(), name+": ") {
			t.Errorf("%s is not printed", k.name)
		}
	}
}

func TestPrintedIsReadAgain(t *testing.T) {
	again(t, Default())
	c, err := Load(Source{Path: "testdata/every-key.yaml"})
	taken(t, err)
	again(t, c)
	for _, data := range []string{"null", "~", "true", "a: b", "a #b", "- a", "[x]", "'", `"`, " a ", "ä\u2028", "*x", "&x", "|", "%", "@", "0x10", "1e3", ":", "a:", "<b>"} {
		c := Default()
		c.Data = data
		again(t, c)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	c := Default()
	c.Secrets = []Secret{mustSecret(t, secretHex)}
	c.Store = Store{URL: "postgres://user:hunter2@db/x?password=hunter2", Sessions: "valkey://:hunter2@a:1"}
	c.Introspection.Clients = []Client{{ID: "app", SHA256: [32]byte(c.Secrets[0])}}
	c.Mail = Mail{URL: "smtp://me@localhost", Password: "hunter2", From: "a@b.example", Locale: "en"}
	c.Webhooks = []Webhook{{Name: "crm", URL: "https://hooks.example.com/hunter2?key=hunter2", Secrets: hookSecrets(t, hookSecret)}}
	raw := fmt.Sprint([]byte(c.Secrets[0]))

	var out bytes.Buffer
	taken(t, c.YAML(&out))
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("all", "config", c, "secret", c.Secrets[0], "store", c.Store.URL, "client", c.Introspection.Clients[0],
		"password", c.Mail.Password, "webhook", c.Webhooks[0])
	for _, v := range []any{c, &c, c.Settings(), c.Secrets[0], c.Store.URL, c.Introspection.Clients[0], c.Mail.Password, c.Webhooks[0]} {
		asJSON, err := json.Marshal(v)
		taken(t, err)
		out.Write(asJSON)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	fmt.Fprintln(&out, c.Validate(Production))
	shown := strings.ToLower(out.String())
	for _, s := range []string{secretHex, "hunter2", fmt.Sprintf("%x", "hunter2"), strings.ToLower(hookSecret[6:]), strings.Trim(raw, "[]"), "7b 1f 0a", "0x7b, 0x1f"} {
		if strings.Contains(shown, s) {
			t.Errorf("%q is shown", s)
		}
	}
	if !strings.Contains(shown, "postgres://[redacted]") || !strings.Contains(shown, "app:[redacted]") {
		t.Error("what is not secret is not shown")
	}
}

func TestProblemsNeverShowSecrets(t *testing.T) {
	weak := "hunter2hunter2hunter2hunter2hunter2hunter2zzz" // what somebody took for a secret
	for _, text := range []string{
		"secrets: [%s]", "secrets: %s", "secrets: {%s: x}", "secrets: {%[1]s: x, %[1]s: y}", "secrets: [%s", "secrets: [\"%s]", "secrets: [&%s]", "secrets: [*%s]",
		"secrets: [!%s x]", "secrets: |%s\n  x", "secrets:\n - %s\n  - x: [", "secrets:\n\t- %s", "secrets: [\"\\%s\"]",
		"introspection: {clients: [\"app:%s\"]}", "webhooks: [%s]", "webhooks: [{name: %s}]", "webhooks: [{%s: x}]", "webhooks: [{url: \"https://u:%s@a.example\"}]",
		"webhooks: [{secrets: [\"%s\"], events: [\"%[1]s\"], allow: [\"%[1]s\"]}]", "webhooks: %s", "mail: {url: \"smtp://u:%s@h\"}", "mail: {password: [%s]}", "password: {breached: \"http://%s/\"}", "store: {url: \"mysql://u:%s@h\"}", "store: {sessions: \"%s\"}",
		"base_url: https://u:%s@a.example", "origins: [\"https://u:%s@a.example/\"]", "session: {idle: %s}", "limits: {login: %s}", "listen: %s",
	} {
		t.Run(text, func(t *testing.T) {
			path := write(t, "c.yaml", fmt.Sprintf(text, weak))
			_, err := Load(Source{Path: path})
			if err == nil {
				t.Fatal("taken")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("is shown: %v", err)
			}
		})
	}
}

func TestSecretInPlaceOfItsFileIsNotShown(t *testing.T) {
	_, err := Load(Source{Environ: []string{"CLOAKROOM_SECRETS_FILE=" + secretHex}})
	refused(t, err, "secrets", "CLOAKROOM_SECRETS_FILE", "no such file")
	if strings.Contains(err.Error(), secretHex) {
		t.Errorf("is shown: %v", err)
	}
}

func TestProblemIsOneLine(t *testing.T) {
	p := Problem{Where: "a\nb", Key: "c\x1b[0m", Reason: "is", Mend: "mend\r"}
	if got := p.String(); got != "a�b: c�[0m: is; mend�" {
		t.Errorf("got %q", got)
	}
}
