package mail

import (
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strings"
	"unicode"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/mailbox"
)

// Check tells every mistake of the configuration, each a [*cloakroom.ConfigError]. It asks no server.
func (s SMTP) Check() error {
	var mistakes []error
	add := func(field, reason, mend string) {
		mistakes = append(mistakes, &cloakroom.ConfigError{Field: field, Reason: reason, Mend: mend})
	}
	if host, port := s.host(); host == "" || !isPort(port) || strings.ContainsFunc(host, unprintable) || strings.Contains(host, "/") {
		add("SMTP.Addr", fmt.Sprintf("%q is no host and port", s.Addr), "write it like smtp.example.com:587")
	}
	if from, err := netmail.ParseAddress(s.From); err != nil || !mailbox.Valid(from.Address) || !ascii(from.Address) {
		add("SMTP.From", fmt.Sprintf("%q is no address in ASCII", s.From), "write it like Example <no-reply@example.com>, a domain with other letters as xn--")
	} else if strings.ContainsFunc(from.Name, unicode.IsControl) {
		add("SMTP.From", "has control characters", "leave them out")
	}
	switch {
	case s.Username == "" && s.Password != "":
		add("SMTP.Username", "is missing, though there is a password", "give both or none")
	case s.Username != "" && s.Password == "":
		add("SMTP.Password", "is missing, though there is a user name", "give both or none")
	case strings.ContainsFunc(s.Username+string(s.Password), unicode.IsControl):
		add("SMTP.Password", "has control characters, or the user name does", "look for a line break at its end")
	}
	if s.TLS < Auto || s.TLS > Implicit {
		add("SMTP.TLS", "is unknown", "use Auto, StartTLS or Implicit")
	}
	if strings.ContainsFunc(s.Hello, unprintable) {
		add("SMTP.Hello", fmt.Sprintf("%q is no name of a machine", s.Hello), "use a name in DNS, or leave it empty")
	}
	return errors.Join(mistakes...)
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// ParseURL reads the address of a server: smtp://user@host:587, where [Auto] decides on TLS, or smtps://user@host:465 with TLS from
// the first byte on. The user may be left out, and so may the port if it is the one of the example. A user name that is an
// address is written with %40. From and Password come from elsewhere. The error does not repeat s, which may hold a
// password; it is a [*cloakroom.ConfigError].
func ParseURL(s string) (SMTP, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return SMTP{}, badURL("is no address", "write it like smtp://user@smtp.example.com:587")
	}
	if _, set := u.User.Password(); set {
		return SMTP{}, badURL("has a password in it, which would be seen in logs and lists of processes", "leave it out, and give the password by its own setting")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return SMTP{}, badURL("has something behind the host", "leave it out; TLS is always used, but on loopback")
	}
	server := SMTP{Username: u.User.Username()}
	port := "587"
	switch u.Scheme {
	case "smtp":
	case "smtps":
		server.TLS, port = Implicit, "465"
	default:
		return SMTP{}, badURL("begins with neither smtp:// nor smtps://", "write it like smtp://user@smtp.example.com:587")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	server.Addr = net.JoinHostPort(u.Hostname(), port)
	if !isPort(port) {
		return SMTP{}, badURL("has no port that can be", "use 587 or 465 as a rule")
	}
	return server, nil
}

func badURL(reason, mend string) error {
	return &cloakroom.ConfigError{Field: "URL", Reason: reason, Mend: mend}
}
