package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

func secretOf(t testing.TB, text string) webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func whsec(length int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xa5}, length))
}

func TestParseSecret(t *testing.T) {
	for _, length := range []int{24, 25, 32, 64} {
		text := whsec(length)
		if got := secretOf(t, text).Reveal(); got != text {
			t.Errorf("%d bytes: Reveal gives %q for %q", length, got, text)
		}
	}
	for name, text := range map[string]string{
		"empty":            "",
		"prefix only":      "whsec_",
		"no prefix":        strings.TrimPrefix(whsec(32), "whsec_"),
		"prefix in caps":   strings.Replace(whsec(32), "whsec_", "WHSEC_", 1),
		"a private key":    strings.Replace(whsec(32), "whsec_", "whsk_", 1),
		"23 bytes":         whsec(23),
		"65 bytes":         whsec(65),
		"no padding":       strings.TrimRight(whsec(32), "="),
		"base64url":        "whsec_" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 32)),
		"a line break":     whsec(32)[:20] + "\n" + whsec(32)[20:],
		"a return":         whsec(32) + "\r",
		"a space":          whsec(32) + " ",
		"stray bits":       "whsec_" + strings.Repeat("A", 33) + "B==",
		"hexadecimal text": "whsec_" + strings.Repeat("a5", 32) + "!",
	} {
		s, err := webhook.ParseSecret(text)
		if err == nil || !s.IsZero() {
			t.Errorf("%s: accepted", name)
		} else if rest := strings.TrimPrefix(text, "whsec_"); rest != "" && strings.Contains(err.Error(), rest) {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
}

func TestNewSecret(t *testing.T) {
	a, b := webhook.NewSecret(), webhook.NewSecret()
	if a.Reveal() == b.Reveal() {
		t.Error("two new secrets are one")
	}
	if got := secretOf(t, a.Reveal()).Reveal(); got != a.Reveal() {
		t.Errorf("a new secret comes back as another")
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	s := secretOf(t, whsec(32))
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d\n", s, s, s, s, s, s, s)
	fmt.Fprintf(&out, "%v %+v %#v\n", webhook.Delivery{Secrets: []webhook.Secret{s}}, []webhook.Secret{s}, &s)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secrets", []webhook.Secret{s})
	if err := json.NewEncoder(&out).Encode(map[string]any{"s": s}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, leak := range []string{strings.TrimPrefix(whsec(32), "whsec_")[:8], "165 165", "a5a5", "0xa5", `\xa5`} {
		if strings.Contains(text, leak) {
			t.Errorf("%q in:\n%s", leak, text)
		}
	}
	if n := strings.Count(text, "[redacted]"); n != 13 {
		t.Errorf("[redacted] is there %d times, not 13:\n%s", n, text)
	}
}

func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{whsec(24), whsec(32), whsec(64), whsec(23), "whsec_", "whsec_\n", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := webhook.ParseSecret(text)
		if err != nil {
			if !s.IsZero() || s.Reveal() != "" {
				t.Error("an error, and a secret")
			}
			return
		}
		if s.Reveal() != text {
			t.Errorf("%q reads like %q: one secret has two spellings", text, s.Reveal())
		}
		if n := base64.StdEncoding.DecodedLen(len(text) - len("whsec_")); n < 24 || n > 66 {
			t.Errorf("%d bytes accepted", n)
		}
	})
}
