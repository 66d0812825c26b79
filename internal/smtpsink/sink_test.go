package smtpsink

import (
	"crypto/tls"
	"net/smtp"
	"slices"
	"strings"
	"testing"
)

// The sink is held to the client of the standard library, which shares no code with it.
func TestSink(t *testing.T) {
	config, roots := Certificate(t, "127.0.0.1", "localhost")
	sink := Start(t, Sink{TLS: config, Users: map[string]string{"app": "secret"}})
	c, err := smtp.Dial(sink.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("app@example.com"); err == nil {
		t.Error("a stranger may send")
	}
	if err := c.StartTLS(&tls.Config{ServerName: "127.0.0.1", RootCAs: roots}); err != nil {
		t.Fatal(err)
	}
	if err := c.Auth(smtp.PlainAuth("", "app", "wrong", "127.0.0.1")); err == nil {
		t.Error("a wrong password was taken")
	}
	c = again(t, sink, &tls.Config{ServerName: "127.0.0.1", RootCAs: roots})
	if err := c.Auth(smtp.PlainAuth("", "app", "secret", "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail("app@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"Ana@Example.com", "b+c@example.com"} {
		if err := c.Rcpt(to); err != nil {
			t.Fatal(err)
		}
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	const text = "Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n"
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mails := sink.Mails()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	m := mails[0]
	if m.From != "app@example.com" || !slices.Equal(m.To, []string{"Ana@Example.com", "b+c@example.com"}) ||
		string(m.Data) != text || !m.TLS || m.User != "app" || m.Params != "BODY=8BITMIME" {
		t.Errorf("%+v", m)
	}
	if !slices.Contains(sink.Lines(), "RCPT TO:<Ana@Example.com>") {
		t.Errorf("%q", sink.Lines())
	}
}

func again(t *testing.T, sink *Running, config *tls.Config) *smtp.Client {
	t.Helper()
	c, err := smtp.Dial(sink.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.StartTLS(config); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReply(t *testing.T) {
	sink := Start(t, Sink{Reply: func(line string) string {
		switch {
		case strings.HasPrefix(line, "MAIL FROM:<no"):
			return "451 4.3.0 later"
		case strings.HasPrefix(line, "RCPT"):
			return HangUp
		}
		return ""
	}})
	c, err := smtp.Dial(sink.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("no@example.com"); err == nil || !strings.HasPrefix(err.Error(), "451") {
		t.Error(err)
	}
	if err := c.Mail("yes@example.com"); err != nil {
		t.Error(err)
	}
	if err := c.Rcpt("yes@example.com"); err == nil {
		t.Error("no hanging up")
	}
	sink.Close()
	if _, err := smtp.Dial(sink.Addr()); err == nil {
		t.Error("open after Close")
	}
}
