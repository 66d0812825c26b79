package config

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strings"
)

// PasskeyDomain is the domain that passkeys belong to, Passkey.RPID or the host of Base; empty: there are no passkeys.
func (c Config) PasskeyDomain() string {
	host := c.baseHost()
	if c.Passkey.Enabled == "false" || !isDomain(host) {
		return ""
	}
	if c.Passkey.RPID != "" {
		return c.Passkey.RPID
	}
	return host
}

// rpFits reports whether pages of the server may ask for passkeys of Passkey.RPID (WebAuthn §5.1.3).
func (c Config) rpFits() bool {
	host, unknown := c.baseHost(), c.BaseURL == "" && c.broken["listen"]
	return c.Passkey.RPID == "" || unknown || host == c.Passkey.RPID || strings.HasSuffix(host, "."+c.Passkey.RPID)
}

// isDomain reports whether browsers make passkeys for a host: a domain with a dot in it, or localhost.
func isDomain(host string) bool {
	_, notAddress := netip.ParseAddr(host)
	return host == "localhost" || notAddress != nil && isHost(host) && strings.Contains(host, ".") && !strings.Contains(host, "_")
}

func parseRPID(text string) (string, error) {
	name := strings.ToLower(text)
	if !isDomain(name) {
		return "", refuse("write a domain such as example.com, or leave it out for the host of base_url", "%s is not a domain", quote(text))
	}
	return name, nil
}

// androidApp is how the origin of an app begins; the SHA-256 of its certificate in base64url follows.
const androidApp = "android:apk-key-hash:"

// parsePasskeyOrigin reads an origin from which browsers take passkeys.
func parsePasskeyOrigin(text string) (string, error) {
	if hash, found := strings.CutPrefix(text, androidApp); found {
		if sum, err := base64.RawURLEncoding.DecodeString(hash); err != nil || len(sum) != 32 {
			return "", refuse("write the SHA-256 of the certificate in base64url", "is not the hash of an app's certificate")
		}
		return text, nil
	}
	o, err := parseOrigin(text)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(o)
	switch {
	case err != nil || !isDomain(u.Hostname()):
		return "", refuse("write it like https://app.example.com", "is not at a domain, and browsers have no passkeys there")
	case u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == "localhost"):
		return "", refuse("write it like https://app.example.com", "is not https, and browsers have no passkeys there but for localhost")
	}
	return o, nil
}

// RelatedPasskeys splits Passkey.Origins into those at PasskeyDomain or below it, and those of other domains.
func (c Config) RelatedPasskeys() (own, related []string) {
	domain := c.PasskeyDomain()
	for _, o := range c.Passkey.Origins {
		u, err := url.Parse(o)
		host := ""
		if err == nil {
			host = u.Hostname()
		}
		if host == domain || strings.HasSuffix(host, "."+domain) || strings.HasPrefix(o, androidApp) {
			own = append(own, o)
		} else {
			related = append(related, o)
		}
	}
	return own, related
}
