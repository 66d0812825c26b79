package cloakroom

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// check collects every mistake of the Config.
func (c *Config) check() error {
	var m mistakes
	if absent(c.Store) {
		m.add("Store", "is missing", "give a store, such as sqlite.Open(\"app.db\"), and look at the error of opening it")
	} else if _, keeps := c.Store.(SecretKeeper); c.Secrets == nil && !keeps {
		m.add("Secrets", "are missing, and this store keeps none", "give at least one secret of 32 random bytes, the same on every node")
	}
	if c.Ledger != nil && absent(c.Ledger) {
		m.add("Ledger", "is a nil pointer", "look at the error of opening it, or leave it nil")
	}
	if c.Secrets != nil {
		m.join(checkSecrets(c.Secrets))
	}
	m.methods("Methods", c.Methods)
	m.methods("SecondFactors", c.SecondFactors)
	m.roles(c.RoleIncludes)
	if strings.ContainsFunc(c.Realm, func(r rune) bool { return r <= ' ' || r > '~' }) {
		m.add("Realm", fmt.Sprintf("%q has spaces or other than ASCII", c.Realm), "use a short name, such as staff")
	}
	base := m.address("BaseURL", c.BaseURL)
	m.cookie(c, base)
	m.bearer(c)
	m.delivery(c)
	m.token(c)
	m.clients(c.Clients)
	m.webhooks(c.Webhooks)
	m.accounts(c)
	m.lifetime(c.Session)
	m.limits(c.Limits)
	if c.Staleness != 0 && (c.Staleness < minStaleness || c.Staleness > maxStaleness) {
		m.add("Staleness", c.Staleness.String()+" is out of range", "use 20 ms to 1 min")
	}
	if c.KeepEvents != 0 && c.KeepEvents < 24*time.Hour {
		m.add("KeepEvents", c.KeepEvents.String()+" is less than a day", "use 24 h or more")
	}
	for _, o := range c.Origins {
		m.origin(o)
	}
	for _, p := range c.TrustedProxies {
		if !p.IsValid() || p.Bits() == 0 {
			m.add("TrustedProxies", fmt.Sprintf("%v would let everybody forge addresses", p), "list the networks of your proxies")
		}
	}
	for _, d := range c.ClearSiteData {
		if !slices.Contains([]string{"*", "cache", "clientHints", "cookies", "executionContexts", "prefetchCache", "prerenderCache", "storage"}, d) {
			m.add("ClearSiteData", fmt.Sprintf("%q is no directive", d), "use cache, cookies, storage, or * for all")
		}
	}
	return errors.Join(m...)
}

type mistakes []error

func (m *mistakes) add(field, reason, mend string) {
	*m = append(*m, &ConfigError{Field: field, Reason: reason, Mend: mend})
}

func (m *mistakes) join(err error) {
	if err != nil {
		*m = append(*m, err)
	}
}

func checkSecrets(secrets []Secret) error {
	var m mistakes
	if len(secrets) == 0 {
		m.add("Secrets", "the list is empty", "give at least one secret of 32 random bytes, or leave it nil")
	}
	for i, s := range secrets {
		if why := s.weak(); why != "" {
			m.add("Secrets", fmt.Sprintf("number %d %s", i+1, why), "make one with: openssl rand -hex 32")
		}
	}
	return errors.Join(m...)
}

// absent reports whether v is nil, or a nil pointer in an interface: what is left of an error that nobody looked at.
func absent(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// methods checks names, and lets each method that has a Check tell its own mistakes.
func (m *mistakes) methods(field string, list []Method) {
	seen := map[string]bool{}
	for _, method := range list {
		if absent(method) {
			m.add(field, "has a nil method", "remove it")
			continue
		}
		name := method.Name()
		if name == "" || seen[name] {
			m.add(field, fmt.Sprintf("has the name %q twice, or an empty one", name), "give each method a name of its own")
		}
		seen[name] = true
		if c, ok := method.(interface{ Check() error }); ok {
			m.join(c.Check())
		}
	}
}

// address checks the address of a site.
func (m *mistakes) address(field, s string) *url.URL {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		m.add(field, fmt.Sprintf("%q is no address of a site", s), "write it like https://app.example.com")
		return nil
	}
	if u.Scheme == "http" && !loopbackHost(u.Host) {
		m.add(field, s+" is plain http, where cookies and tokens can be read on the way", "use https; plain http is for loopback only")
	}
	return u
}

func (m *mistakes) cookie(c *Config, base *url.URL) {
	k := c.Cookie
	name := strings.ToLower(k.Name)
	if k.Name != "" && !validCookieName(k.Name) {
		m.add("Cookie.Name", fmt.Sprintf("%q is no cookie name", k.Name), "use letters, digits, - and _")
	}
	if strings.HasPrefix(name, "__host-") && k.Domain != "" {
		m.add("Cookie.Name", k.Name+" cannot go with a Domain: browsers drop __Host- cookies that have one", "drop the prefix or the Domain")
	}
	insecure := k.Secure == SecureNever || k.Secure == SecureAuto && base != nil && base.Scheme == "http"
	if insecure && demandsSecure(name) {
		m.add("Cookie.Name", k.Name+" needs Secure: browsers drop it otherwise", "drop the prefix, or serve over https")
	}
	switch k.SameSite {
	case 0, http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		if k.Secure != SecureAlways && (base == nil || base.Scheme != "https") {
			m.add("Cookie.SameSite", "None without Secure is dropped by browsers", "set Cookie.Secure to SecureAlways or an https BaseURL, or use Lax")
		}
	default:
		m.add("Cookie.SameSite", "is not a mode that can be stated", "use Lax, Strict or None")
	}
	switch {
	case k.Secure < SecureAuto || k.Secure > SecureNever:
		m.add("Cookie.Secure", "is unknown", "use SecureAuto, SecureAlways or SecureNever")
	case k.Secure == SecureNever && base != nil && base.Scheme == "https":
		m.add("Cookie.Secure", "is SecureNever though BaseURL is https", "leave it SecureAuto")
	case k.Secure == SecureAlways && base != nil && base.Scheme == "http" && len(c.TrustedProxies) == 0:
		m.add("Cookie.Secure", "is SecureAlways on plain http without a trusted proxy: browsers drop the cookie", "leave it SecureAuto, set an https BaseURL, or list TrustedProxies")
	}
	if k.Domain != "" {
		m.cookieDomain(k.Domain, base)
	}
	m.refreshCookie(k, insecure)
}

func (m *mistakes) refreshCookie(k Cookie, insecure bool) {
	switch name := strings.ToLower(k.RefreshName); {
	case name == "" && slices.Contains(refreshNames, k.Name):
		m.add("Cookie.Name", k.Name+" is also the name of the refresh cookie", "give each a name of its own")
	case name == "":
	case !validCookieName(name):
		m.add("Cookie.RefreshName", fmt.Sprintf("%q is no cookie name", k.RefreshName), "use letters, digits, - and _")
	case k.RefreshName == k.Name, k.Name == "" && slices.Contains(sessionNames, k.RefreshName):
		m.add("Cookie.RefreshName", "is also the name of the session cookie", "give each a name of its own")
	case strings.HasPrefix(name, "__host-"):
		m.add("Cookie.RefreshName", k.RefreshName+" would need Path=/: browsers drop it with any other", "use the prefix __Http- or __Secure-, or none")
	case insecure && demandsSecure(name):
		m.add("Cookie.RefreshName", k.RefreshName+" needs Secure: browsers drop it otherwise", "drop the prefix, or serve over https")
	}
	for _, p := range k.RefreshPaths {
		if !strings.HasPrefix(p, "/") || p == "/" || (&http.Cookie{Name: "refresh", Path: p}).Valid() != nil {
			m.add("Cookie.RefreshPaths", fmt.Sprintf("%q is no path of an endpoint", p), "write it like /auth/refresh")
		}
	}
}

func (m *mistakes) cookieDomain(domain string, base *url.URL) {
	d := strings.ToLower(strings.TrimPrefix(domain, "."))
	_, notAddress := netip.ParseAddr(d)
	if notAddress == nil || !strings.Contains(d, ".") || strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") ||
		(&http.Cookie{Name: "session", Domain: d}).Valid() != nil {
		m.add("Cookie.Domain", fmt.Sprintf("%q is no domain that browsers take", domain), "use a registered domain, such as example.com")
		return
	}
	if base != nil && !strings.HasSuffix("."+strings.ToLower(base.Hostname()), "."+d) {
		m.add("Cookie.Domain", domain+" does not cover the host of BaseURL: browsers drop the cookie", "use the host or a parent of it")
	}
}

func (m *mistakes) bearer(c *Config) {
	name := c.Bearer.ResponseHeader
	if name == "" {
		return
	}
	reserved := []string{
		"Authorization", "Cookie", "Set-Cookie", "Www-Authenticate", "Content-Type", "Content-Length", "Content-Encoding", "Vary",
		"Cache-Control", "Location", "Connection", "Transfer-Encoding", "Trailer", "Upgrade",
	}
	if !validCookieName(name) || slices.Contains(reserved, http.CanonicalHeaderKey(name)) {
		m.add("Bearer.ResponseHeader", fmt.Sprintf("%q cannot carry a token", name), "use a name of its own, such as some-auth-token")
	}
	if !slices.ContainsFunc(c.Delivery.withDefaults().Allow, Delivery.bearer) {
		m.add("Bearer.ResponseHeader", "would never be sent: Delivery.Allow has cookie only", "allow bearer or both, or leave it empty")
	}
}

func (m *mistakes) delivery(c *Config) {
	for _, d := range c.Delivery.Allow {
		if !d.known() {
			m.add("Delivery.Allow", fmt.Sprintf("%q is unknown", d), "use cookie, bearer, both")
		}
	}
	if d := c.Delivery.Default; d != "" && !slices.Contains(c.Delivery.withDefaults().Allow, d) {
		m.add("Delivery.Default", fmt.Sprintf("%q is not in Delivery.Allow", d), "allow it or choose another")
	}
}

func (m *mistakes) lifetime(l Lifetime) {
	l = l.withDefaults()
	if l.Idle < time.Minute {
		m.add("Session.Idle", l.Idle.String()+" is less than a minute", "use a minute or more")
	}
	if l.Idle > l.Absolute {
		m.add("Session.Idle", fmt.Sprintf("%v is more than Session.Absolute, %v", l.Idle, l.Absolute), "lower Idle or raise Absolute")
	}
	if l.Limit < 0 {
		m.add("Session.Limit", "is negative", "use 0 for no limit")
	}
}

func (m *mistakes) limits(l Limits) {
	for _, r := range []struct {
		name string
		Rate
	}{{"Pair", l.Pair}, {"Account", l.Account}, {"Address", l.Address}, {"Signup", l.Signup}, {"Guest", l.Guest}, {"Begin", l.Begin}, {"Mail", l.Mail}} {
		if r.Rate != (Rate{}) && (r.Max < 1 || r.Window < time.Second) {
			m.add("Limits."+r.name, "is not a rate", "give Max of 1 or more and Window of a second or more, or leave both zero")
		}
	}
}

func (m *mistakes) origin(o string) {
	u, err := url.Parse(o)
	if err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host || strings.Contains(o, "*") {
		m.add("Origins", fmt.Sprintf("%q is not exactly one origin", o), "write it like https://admin.example.com, without a path")
		return
	}
	if o != strings.ToLower(o) || u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		m.add("Origins", fmt.Sprintf("%q is not how browsers write it, so it would never match", o), "use lower case and leave out the port that the scheme implies")
	}
}

// validCookieName holds for a token of RFC 9110 §5.6.2, which names of cookies and of headers are.
func validCookieName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// demandsSecure reports whether browsers drop a cookie of this name unless it is Secure (RFC 6265bis §4.1.3).
func demandsSecure(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "__host-") || strings.HasPrefix(name, "__secure-") || strings.HasPrefix(name, "__http-")
}

// loopbackHost reports whether a Host (with or without port) can only be this machine. It is on the hot path, so only
// what may be a loopback address is parsed as one: an error allocates.
func loopbackHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(inner, "]")
	} else if strings.Count(host, ":") == 1 {
		host, _, _ = strings.Cut(host, ":")
	}
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if !strings.HasPrefix(host, "127.") && !strings.Contains(host, ":") {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
