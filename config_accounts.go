package cloakroom

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	minFreshFor       = time.Minute
	maxFreshFor       = 24 * time.Hour
	minDeleteAfter    = time.Hour // a mail takes its time
	maxDeleteAfter    = slipSerial
	maxRememberDevice = maxCookieAge // RFC 6265bis §5.6.1
)

// accounts checks what is about mail, second factors and the end of accounts.
func (m *mistakes) accounts(c *Config) {
	m.mailed(c)
	if d := c.FreshFor; d != 0 && (d < minFreshFor || d > maxFreshFor) {
		m.add("FreshFor", d.String()+" is out of range", "use 1 min to 24 h")
	}
	if d := c.DeleteAfter; d > 0 && (d < minDeleteAfter || d > maxDeleteAfter) {
		m.add("DeleteAfter", d.String()+" is out of range", "use 1 h to 2160 h (90 days), or less than zero for no grace")
	}
	if d := c.MFA.RememberDevice; d > maxRememberDevice {
		m.add("MFA.RememberDevice", d.String()+" is longer than browsers keep a cookie", "use at most 9600 h (400 days)")
	}
	if (c.MFA.All || len(c.MFA.Roles) > 0) && len(c.SecondFactors) == 0 && !slices.ContainsFunc(c.Methods, binds) {
		m.add("MFA", "demands a second factor, and there is none that anybody could add", "set SecondFactors, or demand none")
	}
	if slices.ContainsFunc(c.MFA.Roles, func(r string) bool { return !validRole(r) }) {
		m.add("MFA.Roles", "has a name that no role can have", "use 1 to 64 letters, digits or ._:-")
	}
}

func binds(m Method) bool {
	_, ok := m.(Binder)
	return ok
}

// mailed checks what lives by mail.
func (m *mistakes) mailed(c *Config) {
	switch {
	case c.Mailer == nil:
		m.mailless(c)
	case absent(c.Mailer):
		m.add("Mailer", "is a nil pointer", "look at the error of making it, or leave it nil")
	case c.BaseURL == "":
		m.add("BaseURL", "is missing: links in mails would lead nowhere", "set it to where the app is reached, such as https://app.example.com")
	}
	if c.MailCode.SignUp && !c.MailCode.Allowed {
		m.add("MailCode.SignUp", "is set though MailCode.Allowed is not", "set both, or none")
	}
	if l := c.Mail.Locale; l != "" && !validLocale(l) {
		m.add("Mail.Locale", fmt.Sprintf("%q is no language tag", l), "write it like de or de-AT")
	}
	for name, path := range c.Mail.Links {
		if _, known := linkPaths[name]; !known {
			m.add("Mail.Links", fmt.Sprintf("%q is no letter with a link", name), "use verify_email, verify_new_email, reset_password, mailcode, deletion or notice")
		}
		if !validLinkPath(path) {
			m.add("Mail.Links", fmt.Sprintf("%q is no path of this site", path), "write it like /account/reset, below BaseURL")
		}
	}
}

// mailless tells what cannot be without a Mailer.
func (m *mistakes) mailless(c *Config) {
	for _, need := range []struct {
		field string
		set   bool
	}{{"VerifyFirst", c.VerifyFirst}, {"MailCode.Allowed", c.MailCode.Allowed}} {
		if need.set {
			m.add(need.field, "needs mails, and there is no Mailer", "set Mailer, or leave it false")
		}
	}
}

// validLinkPath holds for a path that stays on its site, whatever is put behind it.
func validLinkPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") && !strings.ContainsFunc(p, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '\\' || r == '#'
	})
}
