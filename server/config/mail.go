package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/mail"
)

// MailPassword is Config.Mail.Password. It prints as [redacted] in fmt, slog and JSON; string(p) is the password.
type MailPassword string

func (p MailPassword) String() string {
	if p == "" {
		return ""
	}
	return redacted
}

func (p MailPassword) LogValue() slog.Value         { return slog.StringValue(p.String()) }
func (p MailPassword) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Format implements fmt.Formatter, so that no verb shows the text.
func (p MailPassword) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// mailUser is the name under which we sign in to the server of Mail.URL.
func (c Config) mailUser() string {
	server, _ := mail.ParseURL(c.Mail.URL) // which was looked at when it was read
	return server.Username
}

func parseMailServer(text string) (string, error) {
	if _, err := mail.ParseURL(text); err != nil {
		return "", faultOf(err)
	}
	return text, nil
}

func parseSender(text string) (string, error) {
	if err := (mail.SMTP{Addr: "localhost:25", From: text}).Check(); err != nil {
		return "", faultOf(err)
	}
	return text, nil
}

// faultOf says as a fault what package mail found wrong.
func faultOf(err error) error {
	if wrong, ok := errors.AsType[*cloakroom.ConfigError](err); ok {
		return fault{reason: wrong.Reason, mend: wrong.Mend}
	}
	return err
}

// maxSite is how long the name of a site may be, in bytes: what authenticators show of it.
const maxSite = 64

// parseSite reads what the service is called. Authenticator apps read a colon as its end.
func parseSite(text string) (string, error) {
	if len(text) > maxSite || strings.Contains(text, ":") {
		return "", refuse("write a short name, such as Example", "has a colon, or more than %d bytes", maxSite)
	}
	return text, nil
}

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)

func parseLocale(text string) (string, error) {
	if !languageTag.MatchString(text) {
		return "", refuse("write a language such as en or de-AT", "%s is not the tag of a language (BCP 47)", quote(text))
	}
	return text, nil
}

// Link is the page that the link in a letter leads to.
type Link struct {
	Letter string // by the name of its template
	Path   string // below base_url
}

// letters are those that lead to a page with a token.
var letters = []string{"verify_email", "verify_new_email", "reset_password", "mailcode", "deletion", "notice"}

func parseLink(text string) (Link, error) {
	letter, path, found := strings.Cut(text, ":")
	switch {
	case !found:
		return Link{}, refuse("write it like reset_password:/new-password", "%s is not a letter, a colon and a path", quote(text))
	case !slices.Contains(letters, letter):
		return Link{}, refuse("write "+alternatives(letters), "%s is not a letter with a link", quote(letter))
	}
	path, err := parsePage(path)
	return Link{letter, path}, err
}
