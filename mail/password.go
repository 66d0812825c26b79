package mail

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Password is what a server wants for a Username. It prints as [redacted] in fmt, slog and JSON.
type Password string

func (Password) String() string               { return redacted }
func (Password) GoString() string             { return redacted }
func (Password) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements fmt.Formatter, so that no verb shows the text.
func (Password) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }
