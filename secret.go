package cloakroom

import (
	"encoding/hex"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// minSecret is the least length of a Secret in bytes: as long as the key of the HMAC-SHA-256 it serves.
const minSecret = 32

// Secret is key material from which the keys of tokens are derived: 32 random bytes or more. It prints as [redacted] in
// fmt, slog and JSON.
type Secret []byte

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter, so that no verb shows the bytes.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// weak says why s cannot be a secret, or "".
func (s Secret) weak() string {
	if len(s) < minSecret {
		return fmt.Sprintf("has %d bytes, needs at least %d", len(s), minSecret)
	}
	seen := map[byte]bool{}
	for _, b := range s {
		seen[b] = true
	}
	if len(seen) < 8 {
		return "has fewer than 8 different bytes, so it is not random"
	}
	return ""
}

// ParseSecret reads a secret written in hexadecimal or in base64url (RFC 4648 §5, padding optional).
func ParseSecret(text string) (Secret, error) {
	if b, err := hex.DecodeString(text); err == nil {
		return checkedSecret(b)
	}
	if b, err := decodeBase64URL(text); err == nil {
		return checkedSecret(b)
	}
	return nil, fmt.Errorf("a secret is written in hexadecimal or base64url")
}

func checkedSecret(b []byte) (Secret, error) {
	if why := Secret(b).weak(); why != "" {
		return nil, fmt.Errorf("the secret %s", why)
	}
	return b, nil
}
