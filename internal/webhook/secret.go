package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const (
	redacted     = "[redacted]"
	secretPrefix = "whsec_"

	// Standard Webhooks, "Signature scheme": 192 to 512 bits.
	minSecret = 24
	maxSecret = 64

	newSecret = 32 // as long as the output of the hash it keys (RFC 2104 §3)
)

// Secret is the key that the sender and one receiver share. It prints as [redacted] in fmt, slog and JSON; Reveal gives
// it out. The zero Secret signs and verifies nothing.
type Secret struct{ key []byte }

// NewSecret returns 32 fresh random bytes.
func NewSecret() Secret {
	key := make([]byte, newSecret)
	_, _ = rand.Read(key)
	return Secret{key}
}

// ParseSecret reads what Reveal wrote: whsec_ and the base64 (RFC 4648 §4, padded) of 24 to 64 bytes. Its errors do not
// quote the text.
func ParseSecret(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(text, secretPrefix)
	if !found {
		return Secret{}, errors.New("webhook secret: does not begin with " + secretPrefix)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder would skip
		return Secret{}, errors.New("webhook secret: is not base64 after " + secretPrefix)
	}
	if len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, fmt.Errorf("webhook secret: has %d bytes, needs %d to %d", len(key), minSecret, maxSecret)
	}
	return Secret{key}, nil
}

// Reveal returns the secret itself, for the receiver it was made for and for a sealed store. It is "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(s.key)
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return len(s.key) == 0 }

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter, so that no verb shows the bytes.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
