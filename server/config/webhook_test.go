package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// hook is a good webhook as JSON, with more members perhaps.
func hook(name, more string) string {
	return fmt.Sprintf(`{"name":%q,"url":"https://hooks.example.com/in","secrets":[%q]%s}`, name, hookSecret, more)
}

func TestWebhooks(t *testing.T) {
	const good = `name: a, url: "https://hooks.example.com/in", secrets: [` + hookSecret + `]`
	for _, test := range []struct{ name, entry, part string }{
		{"no mapping", `crm`, "is not a mapping"},
		{"nothing", `{}`, "has a name that is not"},
		{"a member twice", `{` + good + `, name: b}`, "has a member twice"},
		{"an unknown member", `{` + good + `, colour: red}`, `not known: "colour"`},
		{"a name with spaces", `{name: "a b", url: "https://hooks.example.com/in", secrets: [` + hookSecret + `]}`, "has a name that is not"},
		{"no secrets", `{name: a, url: "https://hooks.example.com/in"}`, "has no secrets"},
		{"one secret outside a list", `{name: a, url: "https://hooks.example.com/in", secrets: ` + hookSecret + `}`, "secrets is not what belongs there"},
		{"a secret without its prefix", `{name: a, url: "https://hooks.example.com/in", secrets: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]}`, "does not begin with whsec_"},
		{"a short secret", `{name: a, url: "https://hooks.example.com/in", secrets: [whsec_AAEC]}`, "has 3 bytes"},
		{"no address", `{name: a, secrets: [` + hookSecret + `]}`, "url cannot be"},
		{"plain http", `{name: a, url: "http://hooks.example.com/in", secrets: [` + hookSecret + `]}`, "the scheme must be https"},
		{"this machine", `{name: a, url: "https://127.0.0.1/in", secrets: [` + hookSecret + `]}`, "loopback"},
		{"the metadata of a cloud", `{name: a, url: "https://169.254.169.254/in", secrets: [` + hookSecret + `]}`, "link-local"},
		{"a password in the address", `{name: a, url: "https://me:hunter2@hooks.example.com/in", secrets: [` + hookSecret + `]}`, "does not belong into the URL"},
		{"everything allowed", `{` + good + `, allow: [0.0.0.0/0]}`, "lead anywhere"},
		{"no network", `{` + good + `, allow: [10.0.0.1/8]}`, "not a network"},
		{"no event", `{` + good + `, events: ["User Created"]}`, "an event that is none"},
		{"no list of events", `{` + good + `, events: user_created}`, "events is not what belongs there"},
		{"mappings in it", `{` + good + `, events: [{a: b}]}`, "is not a mapping"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for source, read := range map[string]func() (Config, error){
				"file": func() (Config, error) { return Load(Source{Path: write(t, "c.yaml", "webhooks: ["+test.entry+"]")}) },
				"variable": func() (Config, error) {
					return Load(Source{Environ: []string{"CLOAKROOM_WEBHOOKS=[" + test.entry + "]"}})
				},
			} {
				_, err := read()
				if err == nil || !strings.Contains(err.Error(), "webhooks: entry 1: ") || !strings.Contains(err.Error(), test.part) {
					t.Errorf("%s: got %v", source, err)
				}
				for _, secret := range []string{"hunter2", "AAECAwQF", "hooks.example.com/in"} {
					if err != nil && strings.Contains(err.Error(), secret) {
						t.Errorf("%s: shows %s: %v", source, secret, err)
					}
				}
			}
		})
	}
	t.Run("all that is wrong is told at once", func(t *testing.T) {
		_, err := Load(Source{Path: write(t, "c.yaml", "webhooks:\n- {name: a b, url: ftp://x, secrets: [x, y], events: [A]}\n- {}\n")})
		if errs := errorsOf(t, err); len(errs) != 8 {
			t.Errorf("%d problems:\n%v", len(errs), err)
		}
	})
	for _, text := range []string{"crm", "{a: b}", "[", "[a]\n---\n[b]"} {
		_, err := Load(Source{Environ: []string{"CLOAKROOM_WEBHOOKS=" + text}})
		if err == nil || strings.Count(err.Error(), "webhooks") != 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWebhooksFromAFile(t *testing.T) {
	const text = `# ours
- name: crm
  url: https://hooks.example.com/in
  secrets:
    - ` + hookSecret + `
- name: audit
  url: http://localhost:9000
  secrets: [` + hookSecret + `]
  allow: [127.0.0.0/8, "::1/128"]
  events: [signed_in]
`
	c, err := Check(Source{Environ: []string{"CLOAKROOM_WEBHOOKS_FILE=" + write(t, "webhooks.yaml", text)}}, Production)
	taken(t, err)
	if len(c.Webhooks) != 2 || c.Webhooks[0].Secrets[0].Reveal() != hookSecret || c.Webhooks[1].Events[0] != "signed_in" ||
		c.Webhooks[1].Allow[1] != netip.MustParsePrefix("::1/128") || len(c.Warnings(Production)) > 0 {
		t.Errorf("got %v and %v", c.Webhooks, c.Warnings(Production))
	}
	none, err := Load(Source{Environ: []string{"CLOAKROOM_WEBHOOKS="}})
	taken(t, err)
	if len(none.Webhooks) != 0 {
		t.Errorf("got %v", none.Webhooks)
	}
}

func TestWebhookShowsNoSecret(t *testing.T) {
	c, err := Load(set("CLOAKROOM_WEBHOOKS=[" + hook("crm", `,"events":["signed_in"]`) + "]"))
	taken(t, err)
	shown := fmt.Sprintf("%v %+v %#v %s %q %x", c.Webhooks, c, c.Webhooks[0], c.Webhooks[0], c.Webhooks[0], c.Webhooks[0]) + fmt.Sprint(c.Settings())
	if strings.Contains(shown, hookSecret[6:]) || strings.Contains(shown, "/in") {
		t.Errorf("shows a secret: %s", shown)
	}
	if want := `{"name":"crm","url":"https://hooks.example.com/[redacted]","secrets":["[redacted]"],"events":["signed_in"]}`; c.Webhooks[0].String() != want {
		t.Errorf("got  %s\nwant %s", c.Webhooks[0], want)
	}
}
