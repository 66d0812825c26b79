package mail_test

import (
	"errors"
	"net"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/smtpsink"
	"github.com/cloakroom-auth/cloakroom/mail"
)

// A greeting finds out what a mail would, and sends none.
func TestGreet(t *testing.T) {
	users := map[string]string{"app@shop.example": "pass word"}
	for name, c := range map[string]struct {
		sink     smtpsink.Sink
		password mail.Password
		welcome  bool
	}{
		"nobody has to sign in":   {smtpsink.Sink{}, "", true},
		"we sign in":              {smtpsink.Sink{Users: users}, "pass word", true},
		"TLS from the first on":   {smtpsink.Sink{Users: users, Implicit: true}, "pass word", true},
		"the password is wrong":   {smtpsink.Sink{Users: users}, "password", false},
		"the server turns us off": {smtpsink.Sink{Reply: to("", "554 5.3.2 not today")}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			sink, server := sealed(t, c.sink)
			if c.password != "" {
				server.Username, server.Password = "app@shop.example", c.password
			}
			if err := server.Greet(t.Context()); (err == nil) != c.welcome {
				t.Errorf("Greet = %v", err)
			}
			if len(sink.Mails()) > 0 {
				t.Error("a mail was sent")
			}
			for _, line := range sink.Lines() {
				if len(line) > 3 && (line[:4] == "MAIL" || line[:4] == "RCPT") {
					t.Errorf("it said %s", line)
				}
			}
		})
	}
	t.Run("STARTTLS is not offered", func(t *testing.T) {
		server := via(smtpsink.Start(t, smtpsink.Sink{}))
		server.TLS = mail.StartTLS
		if err := server.Greet(t.Context()); err == nil {
			t.Error("it would do without")
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if err := (mail.SMTP{Addr: l.Addr().String(), From: "no-reply@example.com"}).Greet(t.Context()); err == nil {
			t.Error("somebody is")
		}
	})
	t.Run("the configuration is wrong", func(t *testing.T) {
		if _, wrong := errors.AsType[*cloakroom.ConfigError](mail.SMTP{}.Greet(t.Context())); !wrong {
			t.Error("it is not told")
		}
	})
}
