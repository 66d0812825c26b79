package config

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parseAddress reads an address to listen at. Without a host it is on loopback, so that nothing is open to the network
// that nobody asked to open.
func parseAddress(text string) (string, error) {
	const mend = "write host:port, such as 127.0.0.1:8400 or [::1]:8400"
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", refuse(mend, "%s is not an address", quote(text))
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", refuse(mend, "%s has a port that is not a number from 0 to 65535", quote(text))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if !isHost(host) {
		return "", refuse(mend, "%s has a host that is neither a name nor an IP address", quote(text))
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.FormatUint(port, 10)), nil
}

// parseBaseURL is parseOrigin for http and https, with a slash at the end or not.
func parseBaseURL(text string) (string, error) {
	base, err := parseOrigin(strings.TrimSuffix(text, "/"))
	if err == nil && !strings.HasPrefix(base, "https://") && !strings.HasPrefix(base, "http://") {
		return "", refuse("write https://host", "is neither http nor https")
	}
	return base, err
}

// parseOrigin reads an origin as browsers write it in the header Origin (RFC 6454 §6.2), so that it can be compared
// byte by byte. The text is not repeated in errors: people put passwords in URLs.
func parseOrigin(text string) (string, error) {
	const mend = "write scheme://host or scheme://host:port, such as https://app.example.com"
	if strings.Contains(text, "*") {
		return "", refuse("list each origin by itself", "has a wildcard")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return "", refuse(mend, "is not a URL with a scheme and a host")
	case u.User != nil:
		return "", refuse(mend, "names a user")
	case u.Scheme+"://"+strings.ToLower(u.Host) != strings.ToLower(text):
		return "", refuse(mend, "has more than a scheme, a host and a port")
	case !isHost(u.Hostname()):
		return "", refuse(mend+", international names in punycode", "has a host that is neither a name nor an IP address")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return "", refuse(mend, "has a port that is not a number from 1 to 65535")
	case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
		return "", refuse("leave the port out, as browsers do", "has the port that its scheme has anyway")
	}
	return strings.ToLower(text), nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0 && text[0] != '0'
}

// isHost reports whether text is an IP address or the ASCII form of a host name.
func isHost(text string) bool {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Zone() == ""
	}
	labels := strings.Split(text, ".")
	if digits := labels[len(labels)-1]; len(text) > 253 || strings.Trim(digits, "0123456789") == "" {
		return false // what ends in a number would be taken for an IP address
	}
	return !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return r != '-' && r != '_' && !isAlphanumeric(r) })
	})
}

// parseDomain reads the Domain attribute of a cookie. A dot before it has no meaning (RFC 6265 §5.2.3).
func parseDomain(text string) (string, error) {
	const mend = "write a domain with a dot in it, such as example.com, or nothing for the host alone"
	name := strings.ToLower(strings.TrimPrefix(text, "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return "", refuse(mend, "%s is an IP address, for which browsers take no domain", quote(text))
	}
	if !isHost(name) {
		return "", refuse(mend, "%s is not a domain", quote(text))
	}
	if !strings.Contains(name, ".") {
		return "", refuse(mend, "%s has no dot, and browsers refuse such a domain", quote(text))
	}
	if (&http.Cookie{Name: "session", Domain: name}).Valid() != nil { // an underscore, say: fit for a host only
		return "", refuse(mend, "%s is not a domain that a cookie can have", quote(text))
	}
	return name, nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	const mend = "write a network in CIDR notation, such as 10.0.0.0/8 or 2001:db8::/32"
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.Prefix{}, refuse("write "+netip.PrefixFrom(ip, ip.BitLen()).String(), "%s is an address, not a network", quote(text))
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, refuse(mend, "%s is not a network", quote(text))
	case p.Addr().Is4In6():
		return netip.Prefix{}, refuse("write it as an IPv4 network", "%s is an IPv4 network in IPv6 notation, which matches nobody", quote(text))
	case p.Bits() == 0:
		return netip.Prefix{}, refuse("list only the networks of your proxies", "%s is everybody, who could then forge any address", quote(text))
	case p != p.Masked():
		return netip.Prefix{}, refuse("write "+p.Masked().String(), "%s has bits set behind its mask", quote(text))
	}
	return p, nil
}

// isToken reports whether text is a token of RFC 9110 §5.6.2, as names of cookies and headers are.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func parseToken(text string) (string, error) {
	if !isToken(text) {
		return "", refuse("write letters, digits, dashes and underscores", "%s has characters that a name cannot have (RFC 9110 §5.6.2)", quote(text))
	}
	return text, nil
}

// reserved are headers that mean something else in a response, or that a browser or proxy would act upon; what ends in
// a dash is all that begin with it.
var reserved = []string{
	"access-control-", "age", "allow", "alt-svc", "authorization", "cache-control", "clear-site-data", "connection",
	"content-", "cookie", "cross-origin-", "date", "etag", "expires", "host", "keep-alive", "last-modified", "link",
	"location", "origin", "permissions-policy", "pragma", "proxy-", "ratelimit", "referrer-policy", "refresh",
	"retry-after", "sec-", "server", "set-cookie", "strict-transport-security", "te", "trailer", "transfer-encoding",
	"upgrade", "vary", "via", "www-authenticate", "x-content-type-options", "x-forwarded-", "x-frame-options", "x-request-id",
}

func parseHeader(text string) (string, error) {
	name := strings.ToLower(text)
	if slices.ContainsFunc(reserved, func(r string) bool {
		return name == r || strings.HasSuffix(r, "-") && strings.HasPrefix(name, r)
	}) {
		return "", refuse("choose a name of your own, such as some-auth-token", "%s is a header with a meaning of its own", quote(text))
	}
	return parseToken(text)
}

// parseAudience reads the name of an audience (RFC 7519 §4.1.3).
func parseAudience(text string) (string, error) {
	if text == "" || len(text) > 256 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", refuse("write a name such as https://api.example.com", "is not 1 to 256 visible ASCII characters")
	}
	return text, nil
}

// parseDatabase reads store.url. What stands behind the scheme of a server is for the store to understand.
func parseDatabase(text string) (DSN, error) {
	const mend = "write sqlite:<path> or postgres://user@host/database"
	path, isFile := strings.CutPrefix(text, "sqlite:")
	switch {
	case isFile && (path == "" || strings.HasPrefix(path, ":memory:")):
		return "", refuse(mend, "names no file, so that nothing would last")
	case isFile || isURL(text, "postgres") || isURL(text, "postgresql"):
		return DSN(text), nil
	}
	return "", refuse(mend, "is not the URL of a store")
}

// ledgers are the schemes of stores for sessions alone; those that end in s stand for TLS.
var ledgers = []string{"valkey", "valkeys", "redis", "rediss"}

// parseLedger reads store.sessions, which may also be what store.url may.
func parseLedger(text string) (DSN, error) {
	if slices.ContainsFunc(ledgers, func(scheme string) bool { return isURL(text, scheme) }) {
		return DSN(text), nil
	}
	d, err := parseDatabase(text)
	if err != nil {
		return "", refuse("write valkey://host:port,host:port/, or leave it out", "is not the URL of a store")
	}
	return d, nil
}

func isURL(text, scheme string) bool {
	rest, found := strings.CutPrefix(text, scheme+"://")
	return found && strings.Trim(rest, "/") != ""
}

// parseMirror reads password.breached: public, or what comes before /range/ of a mirror. It may hold a key, and is not repeated.
func parseMirror(text string) (string, error) {
	const mend = "write off, public, or the https address of a mirror"
	if text == "public" {
		return text, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", refuse(mend, "is neither off nor public nor the address of a mirror")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())):
		return "", refuse(mend, "is not https")
	}
	return text, nil
}

// parsePage reads a path below base_url, with a query or a fragment perhaps.
func parsePage(text string) (string, error) {
	if !strings.HasPrefix(text, "/") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return "", refuse("write a path such as /account/password", "has a path that does not begin with a slash, or has more than visible ASCII")
	}
	return text, nil
}

// parseRole reads the name of a role.
func parseRole(text string) (string, error) {
	if text == "" || len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("._:-", r) }) {
		return "", refuse("write names of roles, or all", "%s is not the name of a role, 1 to 64 letters, digits and characters of ._:-", quote(text))
	}
	return text, nil
}
