package cloakroom

import (
	"io/fs"
	"slices"
	"time"
)

// MailPolicy says what our mails look like. The zero value is complete.
type MailPolicy struct {
	// Site is what the service is called. Empty means the host of Config.BaseURL.
	Site string
	// Templates take the place of ours, file by file, see package letter in docs/mail.md. Nil: none do.
	Templates fs.FS
	// Locale is the language for who has none, as BCP 47. Empty means English.
	Locale string
	// Links are the pages that links in mails lead to, each a path below Config.BaseURL, by the name of the letter: verify_email,
	// verify_new_email, reset_password, mailcode, deletion, notice. The token is added as the parameter token. Left out, a link
	// leads to the endpoint of the JSON API that takes the token, which answers a browser's GET by changing nothing.
	Links map[string]string
}

// MailCodePolicy is about signing in by mail. An e-mail is no second factor, and where passwords are strong it is the weaker
// proof (NIST SP 800-63B-4 §3.1.3.1): it is off until it is switched on.
type MailCodePolicy struct {
	Allowed bool
	// SignUp makes an account for whoever proves an e-mail that has none, unless SignupClosed.
	SignUp bool
}

// MFAPolicy says of whom a second factor is demanded. Whoever has one is always asked for it. Whoever must have one and has
// none may sign in, and then do nothing but what AnyLevel is for. Guards and Session.Meets hold sessions to it: Protect, Require, Enter;
// Issue and RequestEmailChange do, too. What lets everybody in does not (Optional, Visit, Authenticate), nor does a service that
// checks a signed token of a sign-in by itself: the claim acr tells it the level.
type MFAPolicy struct {
	All   bool
	Roles []string
	// RememberDevice is how long a device that its user trusts is not asked for a second factor again. Zero means 720 h (30
	// days); less than zero means never. Such a session has Level 1: it meets the policy, but neither MFA nor Sensitive. The device
	// holds a cookie: __Host-Http-device (device on plain http to a loopback host), or Cookie.Name with -device behind it. A user
	// has 20 at most; the oldest makes room.
	RememberDevice time.Duration
}

const (
	rememberDevice = 30 * 24 * time.Hour
	freshFor       = 10 * time.Minute
	deleteAfter    = 30 * 24 * time.Hour
)

func (p MFAPolicy) withDefaults() MFAPolicy {
	if p.RememberDevice == 0 {
		p.RememberDevice = rememberDevice
	}
	return p
}

// demands reports whether a session lacks the second factor that the policy asks of its user.
func (p *MFAPolicy) demands(s *Session) bool {
	switch {
	case !p.All && (len(p.Roles) == 0 || !s.auth.holds(s.User, p.Roles...)):
		return false
	case s.Level >= 2:
		return s.outlivesFactor()
	}
	return !slices.Contains(s.Methods, methodDevice)
}

// outlivesFactor reports whether a second factor has proven the session, and its user has none any more. Where an app or another
// system has vouched for two factors the user need not have one here.
func (s *Session) outlivesFactor() bool {
	return !s.User.MFA && slices.ContainsFunc(s.Methods, s.auth.isSecondFactor)
}
