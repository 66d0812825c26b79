package mail

import (
	"context"
	"fmt"
)

// Greet finds out whether the server would take mail of ours: it opens a connection as Send does, with TLS and EHLO, signs in where there is
// a Username, and leaves. Nothing is sent. Errors: those of Check, or why the server could not be reached, agreed to no TLS or refused us.
func (s SMTP) Greet(ctx context.Context) error {
	if err := s.Check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // go-mail looks at ctx while it dials only
	client, err := s.client(ctx, conn, false)
	if err != nil {
		return err
	}
	dialogue, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	_ = client.CloseWithSMTPClient(dialogue)
	return nil
}
