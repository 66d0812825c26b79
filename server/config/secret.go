package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const redacted = "[redacted]"

// Secret is one key of Config.Secrets, at least 32 bytes. It prints as [redacted] in fmt, slog and JSON.
type Secret []byte

func (Secret) String() string               { return redacted }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter, so that no verb shows the bytes.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func parseSecret(text string) (Secret, error) {
	const mend = "make one with: openssl rand -hex 32"
	b, err := hex.DecodeString(text)
	if err != nil {
		b, err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	}
	distinct := map[byte]bool{}
	for _, c := range b {
		distinct[c] = true
	}
	switch {
	case text == "":
		return nil, refuse(mend, "is empty")
	case err != nil:
		return nil, refuse(mend, "is neither hexadecimal nor base64url")
	case len(b) < 32:
		return nil, refuse(mend, "has %d bytes, fewer than 32", len(b))
	case len(distinct) < 8:
		return nil, refuse(mend, "repeats the same few bytes, so it is not random")
	}
	return b, nil
}

// DSN is the URL of a store. It may hold a password, so that only the scheme of what is not a local file is printed in
// fmt, slog and JSON; string(d) is all of it.
type DSN string

// Local reports whether it is a file of this machine.
func (d DSN) Local() bool { return strings.HasPrefix(string(d), "sqlite:") }

func (d DSN) String() string {
	scheme, _, found := strings.Cut(string(d), "://")
	if d.Local() || !found {
		return string(d)
	}
	return scheme + "://" + redacted
}

// password reports whether it has one, as far as can be told.
func (d DSN) password() bool {
	user, _, found := strings.Cut(string(d), "@")
	_, user, _ = strings.Cut(user, "://")
	return found && strings.Contains(user, ":") || strings.Contains(string(d), "password=")
}

func (d DSN) LogValue() slog.Value         { return slog.StringValue(d.String()) }
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
func (d DSN) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, d.String()) }

// Client is a service that may ask about tokens: a public id, and SHA-256 of its secret.
type Client struct {
	ID     string
	SHA256 [sha256.Size]byte
}

// String shows the id only.
func (c Client) String() string { return c.ID + ":" + redacted }

func (c Client) LogValue() slog.Value         { return slog.StringValue(c.String()) }
func (c Client) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
func (c Client) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, c.String()) }

func parseClient(text string) (Client, error) {
	const mend = "make one with: cloakroom introspection add ID"
	id, digits, found := strings.Cut(text, ":")
	sum, err := hex.DecodeString(digits)
	switch {
	case !found || err != nil || len(sum) != sha256.Size:
		return Client{}, refuse(mend, "is not an id, a colon and the 64 hexadecimal digits of SHA-256")
	case id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("._-", r) }):
		return Client{}, refuse(mend, "has an id that is not 1 to 64 letters, digits and characters of ._-")
	}
	c := Client{ID: id, SHA256: [sha256.Size]byte(sum)}
	if c.SHA256 == sha256.Sum256(nil) || c.SHA256 == ([sha256.Size]byte{}) {
		return Client{}, refuse(mend, "has no secret: this is the hash of nothing")
	}
	return c, nil
}
