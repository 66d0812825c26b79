package mail_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/mail"
)

func TestCheck(t *testing.T) {
	good := mail.SMTP{Addr: "smtp.example.com:587", From: "no-reply@example.com"}
	for _, from := range []string{"no-reply@example.com", "Example <no-reply@example.com>", `"Äpfel, \"frisch\"" <a@xn--pfel-koa.example>`} {
		s := good
		s.From = from
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
	for field, breaks := range map[string]func(*mail.SMTP){
		"SMTP.Addr without anything": func(s *mail.SMTP) { s.Addr = "" },
		"SMTP.Addr without port":     func(s *mail.SMTP) { s.Addr = "smtp.example.com" },
		"SMTP.Addr without host":     func(s *mail.SMTP) { s.Addr = ":587" },
		"SMTP.Addr by name of port":  func(s *mail.SMTP) { s.Addr = "smtp.example.com:smtp" },
		"SMTP.Addr past all ports":   func(s *mail.SMTP) { s.Addr = "smtp.example.com:65536" },
		"SMTP.Addr as URL":           func(s *mail.SMTP) { s.Addr = "unix:///run/smtp:1" },
		"SMTP.From missing":          func(s *mail.SMTP) { s.From = "" },
		"SMTP.From of two":           func(s *mail.SMTP) { s.From = "a@example.com, b@example.com" },
		"SMTP.From with a line":      func(s *mail.SMTP) { s.From = "a@example.com\r\nBcc: b@example.com" },
		"SMTP.From not ASCII":        func(s *mail.SMTP) { s.From = "a@äpfel.example" },
		"SMTP.From with a hidden line": func(s *mail.SMTP) {
			s.From = "=?utf-8?q?a=0D=0ABcc:_b?= <a@example.com>"
		},
		"SMTP.Username missing":       func(s *mail.SMTP) { s.Password = "x" },
		"SMTP.Password missing":       func(s *mail.SMTP) { s.Username = "x" },
		"SMTP.Password of a file":     func(s *mail.SMTP) { s.Username, s.Password = "x", "x\n" },
		"SMTP.TLS unknown":            func(s *mail.SMTP) { s.TLS = 7 },
		"SMTP.TLS negative":           func(s *mail.SMTP) { s.TLS = -1 },
		"SMTP.Hello with two words":   func(s *mail.SMTP) { s.Hello = "a b" },
		"SMTP.Hello with other lines": func(s *mail.SMTP) { s.Hello = "a\r\nMAIL" },
	} {
		s := good
		breaks(&s)
		err := s.Check()
		want, _, _ := strings.Cut(field, " ")
		if mistake, ok := errors.AsType[*cloakroom.ConfigError](err); !ok || mistake.Field != want {
			t.Errorf("%s: %v", field, err)
		}
		if err := s.Send(t.Context(), letter); err == nil || errors.Is(err, cloakroom.ErrRejected) {
			t.Errorf("%s: sent, %v", field, err)
		}
	}
	all := mail.SMTP{Addr: "x", Username: "x", TLS: 9, Hello: " "}.Check()
	for _, field := range []string{"SMTP.Addr", "SMTP.From", "SMTP.Password", "SMTP.TLS", "SMTP.Hello"} {
		if !strings.Contains(all.Error(), field) {
			t.Errorf("%s is not told in %v", field, all)
		}
	}
}

func TestParseURL(t *testing.T) {
	for url, want := range map[string]mail.SMTP{
		"smtp://smtp.example.com":                  {Addr: "smtp.example.com:587"},
		"smtp://smtp.example.com:2525/":            {Addr: "smtp.example.com:2525"},
		"smtp://app@smtp.example.com:587":          {Addr: "smtp.example.com:587", Username: "app"},
		"smtps://app%40example.com@mx.example.com": {Addr: "mx.example.com:465", Username: "app@example.com", TLS: mail.Implicit},
		"smtps://[2001:db8::1]:4650":               {Addr: "[2001:db8::1]:4650", TLS: mail.Implicit},
		"smtp://127.0.0.1:1025":                    {Addr: "127.0.0.1:1025"},
	} {
		if got, err := mail.ParseURL(url); err != nil || got != want {
			t.Errorf("%s: %+v, %v", url, got, err)
		}
	}
	for _, url := range []string{
		"", "smtp.example.com:587", "smtp:smtp.example.com", "smtp://", "smtp://:587", "http://smtp.example.com", "smtp://a:hunter2@smtp.example.com",
		"smtp://a:@smtp.example.com", "smtp://smtp.example.com/x", "smtp://smtp.example.com?tls=off", "smtp://smtp.example.com#x", "smtp://smtp.example.com:0",
		"smtp://smtp.example.com:99999", "smtp://a:hunter2@smtp.example.com:x", "smtp://a:hunter2%zz@smtp.example.com", "smtp://a:hunter2@[::1",
	} {
		_, err := mail.ParseURL(url)
		if _, ok := errors.AsType[*cloakroom.ConfigError](err); !ok || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// The password shows in no print of the configuration, however it is printed.
func TestPasswordIsSilent(t *testing.T) {
	s := mail.SMTP{Addr: "smtp.example.com:587", Username: "app", Password: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "smtp", s, "password", s.Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "smtp", s, "password", s.Password)
	j, err := json.Marshal(s.Password)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{
		fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %q %x %v", s, s, s.Password, s.Password, s.Password, &s), log.String(), string(j), s.Password.String(),
	} {
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, fmt.Sprintf("%x", "hunter2")) || !strings.Contains(printed, "[redacted]") {
			t.Errorf("printed %s", printed)
		}
	}
}

func ExampleParseURL() {
	server, err := mail.ParseURL("smtp://app@smtp.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	server.From, server.Password = "Example <no-reply@example.com>", "from a file"
	fmt.Println(server.Addr, server.Username, server.Password, server.Check())

	_, err = mail.ParseURL("smtp://app:password@smtp.example.com")
	fmt.Println(err)
	// Output:
	// smtp.example.com:587 app [redacted] <nil>
	// URL: has a password in it, which would be seen in logs and lists of processes; leave it out, and give the password by its own setting
}

func ExampleSMTP() {
	server := mail.SMTP{Addr: "smtp.example.com", From: "Example <no-reply@example.com>", Username: "app", Password: "from a file"}
	fmt.Println(server.Check())

	server.Addr = "smtp.example.com:587"
	fmt.Println(server.Check())
	// Output:
	// SMTP.Addr: "smtp.example.com" is no host and port; write it like smtp.example.com:587
	// <nil>
}
