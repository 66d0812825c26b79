package server

import (
	"context"
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/internal/argon"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/method/totp"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// methods are the ways to begin a sign-in, and those to complete one.
func (p parts) methods(cfg config.Config, pool *argon.Pool) (first, second []cloakroom.Method) {
	first = []cloakroom.Method{password.Method{
		MinLength: cfg.Password.MinLength, History: cfg.Password.History, Words: words(cfg), Breached: breached(cfg, p.unasked), Pool: pool,
	}}
	second = []cloakroom.Method{totp.Method{Issuer: appName(cfg)}}
	if cfg.PasskeyDomain() != "" {
		passkeys := passkeysOf(cfg)
		first, second = append(first, passkeys), append(second, passkeys)
	}
	return first, append(second, recovery.Method{})
}

// breached is who knows the passwords of breaches, nil if nobody is asked.
func breached(cfg config.Config, unasked func(context.Context, error)) password.Checker {
	r := password.Range{URL: cfg.Password.Breached, FailClosed: cfg.Password.BreachedFailClosed, Skipped: unasked}
	switch cfg.Password.Breached {
	case "":
		return nil
	case "public":
		r.URL = ""
	}
	return r
}

// appName is the name over the codes of authenticator apps. They read a colon as its end, so that an IPv6 address is none.
func appName(cfg config.Config) string {
	if strings.Contains(cfg.Site(), ":") {
		return ""
	}
	return short(cfg.Site())
}

func passkeysOf(cfg config.Config) passkey.Method {
	m := passkey.For(cfg.Issuer())
	own, related := cfg.RelatedPasskeys()
	m.RPID, m.Site, m.Related = cfg.PasskeyDomain(), short(cfg.Site()), related
	m.Origins = append(m.Origins, own...)
	return m
}

// told is what the site tells about its passkeys.
func told(cfg config.Config) (p api.Passkeys) {
	if cfg.PasskeyDomain() == "" {
		return p
	}
	at := func(page string) string {
		if page == "" {
			return ""
		}
		return cfg.Issuer() + page
	}
	p.Related = passkeysOf(cfg).RelatedOrigins()
	p.Enroll, p.Manage = at(cfg.Passkey.EnrollPage), at(cfg.Passkey.ManagePage)
	return p
}

// short is a name that authenticators show whole, or nothing, for the name that they have anyway: hosts may be longer.
func short(name string) string {
	if len(name) > 64 {
		return ""
	}
	return name
}

// words are names around the service that nobody may use as a password: the product's and the site's. Short labels of a
// host, such as www and com, are nobody's name.
func words(cfg config.Config) []string {
	list := []string{"cloakroom"}
	if strings.ContainsFunc(cfg.Mail.Site, unicode.IsLetter) {
		list = append(list, cfg.Mail.Site)
	}
	u, err := url.Parse(cfg.Base())
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return list
	}
	for label := range strings.SplitSeq(u.Hostname(), ".") {
		if len(label) > 3 && strings.ContainsFunc(label, unicode.IsLetter) {
			list = append(list, label)
		}
	}
	return list
}
