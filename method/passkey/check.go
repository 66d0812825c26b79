package passkey

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"github.com/cloakroom-auth/cloakroom"
)

const (
	maxDomain = 253 // bytes (RFC 1035 §2.3.4, without the dots at the ends)
	maxLabel  = 63
	maxSite   = 64 // bytes; authenticators may cut what is longer (WebAuthn §6.4.1)

	androidApp = "android:apk-key-hash:" // and SHA-256 of its certificate in base64url
)

// Check reports every field that cannot be, each as a *cloakroom.ConfigError. cloakroom.New asks it.
func (m Method) Check() error {
	var bad []error
	wrong := func(field, reason, mend string) {
		bad = append(bad, &cloakroom.ConfigError{Field: "passkey.Method." + field, Reason: reason, Mend: mend})
	}
	m.checkRPID(wrong)
	if len(m.Site) > maxSite || strings.ContainsFunc(m.Site, unicode.IsControl) {
		wrong("Site", "is no name that authenticators show", "use at most 64 bytes without control characters")
	}
	if len(m.Origins) == 0 {
		wrong("Origins", "are missing", "list the origin of the site, or make the method with passkey.For")
	}
	for _, o := range m.Origins {
		if isAndroidApp(o) {
			continue
		}
		if host, why := originHost(o); why != "" {
			wrong("Origins", fmt.Sprintf("%q %s", o, why), "write it like https://app.example.com")
		} else if !m.covers(host) {
			wrong("Origins", fmt.Sprintf("%q is not at %s or below it: browsers refuse", o, m.RPID), "set RPID to a parent domain of both, or list it in Related")
		}
	}
	for _, o := range m.Related {
		if host, why := originHost(o); why != "" {
			wrong("Related", fmt.Sprintf("%q %s", o, why), "write it like https://app.example.org")
		} else if m.covers(host) {
			wrong("Related", fmt.Sprintf("%q is at %s or below it", o, m.RPID), "list it in Origins")
		}
	}
	return errors.Join(bad...)
}

func (m Method) checkRPID(wrong func(field, reason, mend string)) {
	_, notAddress := netip.ParseAddr(m.RPID)
	switch {
	case m.RPID == "":
		wrong("RPID", "is missing", "set the domain of the site, or make the method with passkey.For")
	case notAddress == nil:
		wrong("RPID", m.RPID+" is an IP address: browsers make no passkeys for it", "use a domain; on one's own machine, open http://localhost instead")
	case !isDomain(m.RPID):
		wrong("RPID", fmt.Sprintf("%q is no domain as browsers write it", m.RPID), "use lower case and punycode, without scheme, port and path")
	case !strings.Contains(m.RPID, ".") && m.RPID != "localhost":
		wrong("RPID", m.RPID+" is a whole top-level domain: browsers refuse", "use a registered domain, such as example.com")
	}
}

// covers reports whether a page of this host may use the RP id (WebAuthn §5.1.3, step 8).
func (m Method) covers(host string) bool {
	return m.RPID != "" && (host == m.RPID || strings.HasSuffix(host, "."+m.RPID))
}

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(label, "-") != label {
			return false
		}
	}
	return len(s) <= maxDomain
}

// originHost returns the host of an origin, or why that is none from which browsers give passkeys.
func originHost(origin string) (host, why string) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return "", "is not exactly one origin"
	}
	host = u.Hostname()
	switch {
	case u.Scheme == "http" && host != "localhost" && !strings.HasSuffix(host, ".localhost"):
		return "", "is plain http, where browsers have no passkeys but for localhost"
	case u.Scheme != "https" && u.Scheme != "http":
		return "", "is not https"
	case !isDomain(host), u.Port() == defaultPorts[u.Scheme], strings.HasSuffix(u.Host, ":"):
		return "", "is not how browsers write it, so it would never match"
	}
	return host, ""
}

func isAndroidApp(origin string) bool {
	hash, ok := strings.CutPrefix(origin, androidApp)
	sum, err := base64.RawURLEncoding.DecodeString(hash)
	return ok && err == nil && len(sum) == 32
}
