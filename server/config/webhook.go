package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

// Webhook is an address that is told of events. It prints without its secrets and without the path of its URL, which
// often is one.
type Webhook struct {
	Name    string // letters, digits and ._-
	URL     string
	Secrets []webhook.Secret
	Events  []string       // empty: all that are kept
	Allow   []netip.Prefix // reached though they are not public
}

// webhookText is a Webhook as it is written.
type webhookText struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Secrets []string `json:"secrets"`
	Events  []string `json:"events,omitempty"`
	Allow   []string `json:"allow,omitempty"`
}

func (w Webhook) text() string { return w.written(w.URL, webhook.Secret.Reveal) }

// String shows all that is not secret, as JSON.
func (w Webhook) String() string { return w.written(w.site(), webhook.Secret.String) }

func (w Webhook) LogValue() slog.Value         { return slog.StringValue(w.String()) }
func (w Webhook) MarshalJSON() ([]byte, error) { return []byte(w.String()), nil }
func (w Webhook) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, w.String()) }

func (w Webhook) written(url string, secret func(webhook.Secret) string) string {
	t := webhookText{Name: w.Name, URL: url, Secrets: []string{}, Events: w.Events}
	for _, s := range w.Secrets {
		t.Secrets = append(t.Secrets, secret(s))
	}
	for _, p := range w.Allow {
		t.Allow = append(t.Allow, p.String())
	}
	text, _ := json.Marshal(t) // it always marshals
	return string(text)
}

// site is the URL up to its path.
func (w Webhook) site() string {
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" {
		return redacted
	}
	if u.Path == "" && u.RawQuery == "" {
		return w.URL
	}
	return u.Scheme + "://" + u.Host + "/" + redacted
}

// webhooks makes the key of a list of webhooks, each a mapping of its own.
func webhooks(name string, field func(*Config) *[]Webhook) key {
	each := func(c *Config, write func(Webhook) string) []string {
		texts := []string{}
		for _, w := range *field(c) {
			texts = append(texts, write(w))
		}
		return texts
	}
	return key{
		name: name, list: true, mappings: true,
		set: func(c *Config, texts []string) (errs []error) {
			var list []Webhook
			for i, text := range texts {
				w, faults := parseWebhook(text)
				for _, f := range faults {
					errs = append(errs, refuse(f.mend, "entry %d: %s", i+1, f.reason))
				}
				list = append(list, w)
			}
			if len(errs) == 0 {
				*field(c) = list
			}
			return errs
		},
		text: func(c *Config) []string { return each(c, Webhook.text) },
		show: func(c *Config) []string { return each(c, Webhook.String) },
	}
}

// parseWebhook reads a webhook from JSON, and tells all that is wrong with it.
func parseWebhook(text string) (w Webhook, faults []fault) {
	bad := func(err error) {
		if f, isFault := errors.AsType[fault](err); isFault {
			faults = append(faults, f)
		}
	}
	var t webhookText
	if err := decodeWebhook(text, &t); err != nil {
		bad(err)
		return w, faults
	}
	w.Name, w.URL, w.Events = t.Name, t.URL, t.Events
	if !isName(t.Name) {
		bad(refuse("give it a short name that stays", "has a name that is not 1 to 64 letters, digits and characters of ._-"))
	}
	allowed := true
	for _, text := range t.Allow {
		p, err := parseAllowed(text)
		bad(err)
		w.Allow, allowed = append(w.Allow, p), allowed && err == nil
	}
	if allowed { // or nobody can tell what may be reached
		bad(checkWebhookURL(t.URL, w.Allow))
	}
	for _, text := range t.Secrets {
		s, err := parseWebhookSecret(text)
		bad(err)
		w.Secrets = append(w.Secrets, s)
	}
	if len(t.Secrets) == 0 {
		bad(refuse(webhookSecretMend, "has no secrets"))
	}
	for _, e := range t.Events {
		if e == "" || strings.Trim(e, "abcdefghijklmnopqrstuvwxyz_") != "" {
			bad(refuse("write names such as user_created", "has an event that is none: %s", quote(e)))
		}
	}
	return w, faults
}

// decodeWebhook reads the members. What stands in for them in an error is no secret: names of ours only, or short.
func decodeWebhook(text string, t *webhookText) error {
	const mend = "write name, url, secrets, and perhaps events and allow; see docs/configuration.md"
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(t)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		member, _, _ := strings.Cut(wrong.Field, ".")
		return refuse(mend, "%s is not what belongs there: secrets, events and allow are lists, name and url are not", member)
	}
	if err != nil {
		if unknown, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return refuse(mend, "has a member that is not known: %s", quote(strings.Trim(unknown, `"`)))
		}
		return refuse(mend, "is not a mapping, or one that has a member twice or more than texts and lists of them")
	}
	return nil
}

func isName(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("._-", r) })
}

// parseAllowed reads a network that is not public and is reached nevertheless.
func parseAllowed(text string) (netip.Prefix, error) {
	const mend = "write networks in CIDR notation, such as 10.1.2.0/24"
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || p != p.Masked() || p.Addr().Is4In6():
		return netip.Prefix{}, refuse(mend, "allows %s, which is not a network", quote(text))
	case p.Bits() == 0:
		return netip.Prefix{}, refuse("allow only the networks where receivers live", "allows %s, so that its address could lead anywhere", quote(text))
	}
	return p, nil
}

func checkWebhookURL(text string, allow []netip.Prefix) error {
	if err := webhook.CheckURL(text, allow); err != nil {
		_, why, _ := strings.Cut(err.Error(), ": ")
		return refuse("give an https address that the world can reach, or list its network in allow", "url cannot be: %s", cmp.Or(why, "it is forbidden"))
	}
	return nil
}

const webhookSecretMend = "make one with: echo whsec_$(openssl rand -base64 32)"

func parseWebhookSecret(text string) (webhook.Secret, error) {
	s, err := webhook.ParseSecret(text)
	if err != nil {
		return s, refuse(webhookSecretMend, "has a secret that %s", strings.TrimPrefix(err.Error(), "webhook secret: "))
	}
	return s, nil
}
