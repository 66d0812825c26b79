package cloakroom

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/netaddr"
)

// Delivery is where a new token goes.
type Delivery string

const (
	DeliverCookie Delivery = "cookie" // an HttpOnly cookie; no script ever sees the token
	DeliverBearer Delivery = "bearer" // to the program, which sends it in the Authorization header (RFC 6750)
	DeliverBoth   Delivery = "both"   // both at once, for programs that serve a page and an app from one sign-in
)

func (d Delivery) known() bool  { return d == DeliverCookie || d == DeliverBearer || d == DeliverBoth }
func (d Delivery) cookie() bool { return d != DeliverBearer }
func (d Delivery) bearer() bool { return d != DeliverCookie }

// DeliveryPolicy says what a sign-in may ask for.
type DeliveryPolicy struct {
	// Allow lists what may be asked for. Empty means cookie and bearer. A token is accepted only from a carrier
	// that could have delivered it.
	Allow []Delivery
	// Default is used when a sign-in asks for nothing. Empty means cookie, or the first of Allow if cookie is not in it.
	Default Delivery
}

func (p DeliveryPolicy) withDefaults() DeliveryPolicy {
	if len(p.Allow) == 0 {
		p.Allow = []Delivery{DeliverCookie, DeliverBearer}
	}
	if p.Default == "" {
		p.Default = p.Allow[0]
		if slices.Contains(p.Allow, DeliverCookie) {
			p.Default = DeliverCookie
		}
	}
	return p
}

// SecureMode says when a cookie has the Secure attribute.
type SecureMode int

const (
	SecureAuto   SecureMode = iota // always, but on plain http to a loopback host
	SecureAlways                   // always
	SecureNever                    // never; refused with an https BaseURL
)

// Cookie carries a token in a browser. It is always HttpOnly, always has Path=/ and always states SameSite.
type Cookie struct {
	// Name of the cookie. Empty means __Host-Http-session where the cookie is Secure, __Http-session if it also has
	// a Domain, and session on plain http to a loopback host. A name with one of the prefixes __Host-, __Secure- and
	// __Http- makes the cookie Secure everywhere: browsers drop it otherwise.
	Name string
	// Domain makes the cookie visible to all hosts under it. Empty, the safe choice: only to the host that set it. A
	// leading dot is ignored.
	Domain string
	// SameSite. Zero means Lax.
	SameSite http.SameSite
	// Secure. Zero means SecureAuto.
	Secure SecureMode

	// RefreshName of the cookie with the refresh token of a signed session; Name is that of its access token then.
	// Empty means __Http-refresh where the cookie is Secure, and refresh on plain http to a loopback host.
	RefreshName string
	// RefreshPaths are where refreshing and signing out are mounted: the refresh cookie is sent there and nowhere else.
	// Empty means /auth/refresh and /auth/logout.
	RefreshPaths []string
}

// Bearer carries a token in the Authorization header.
type Bearer struct {
	// ResponseHeader, when set, names a header that carries a new token in the response which begins or renews a
	// session for bearer delivery. CORS exposes it.
	ResponseHeader string
}

// delivery is where a token goes that takes the place of one which came this way.
func (c carrier) delivery() Delivery {
	if c == byBearer {
		return DeliverBearer
	}
	return DeliverCookie
}

// carrier is how a request brought its credential.
type carrier uint8

const (
	byNothing carrier = iota
	byCookie
	byBearer
)

// maxCookieAge is the longest life a browser gives a cookie (RFC 6265bis §5.5).
const maxCookieAge = 400 * 24 * time.Hour

// carriers reads and writes tokens on HTTP messages. It knows nothing of sessions.
type carriers struct {
	cookie  Cookie
	header  string // of Bearer, canonical
	policy  DeliveryPolicy
	base    *url.URL
	pinned  bool // the name of a cookie has a prefix that demands Secure
	proxies []netip.Prefix
	cookies bool // cookies are accepted
	bearers bool
}

func newCarriers(c Config) carriers {
	k := carriers{cookie: c.Cookie, policy: c.Delivery.withDefaults(), proxies: c.TrustedProxies}
	if c.Bearer.ResponseHeader != "" {
		k.header = http.CanonicalHeaderKey(c.Bearer.ResponseHeader)
	}
	if len(k.cookie.RefreshPaths) == 0 {
		k.cookie.RefreshPaths = []string{"/auth/refresh", "/auth/logout"}
	}
	if k.cookie.SameSite == 0 {
		k.cookie.SameSite = http.SameSiteLaxMode
	}
	if c.BaseURL != "" {
		k.base, _ = url.Parse(c.BaseURL) // checked by New
	}
	k.pinned = demandsSecure(k.cookie.Name) || demandsSecure(k.cookie.RefreshName)
	for _, d := range k.policy.Allow {
		k.cookies = k.cookies || d.cookie()
		k.bearers = k.bearers || d.bearer()
	}
	return k
}

// bearer returns the token of the Authorization header. present is true for any Bearer header, also one with a bad or
// empty token: then it alone decides. Other schemes are not ours.
func (k *carriers) bearer(h http.Header) (text string, present bool, err error) {
	lines := h["Authorization"]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 {
		return "", false, ErrAmbiguous
	}
	scheme, rest := lines[0], ""
	if i := strings.IndexAny(scheme, " \t"); i >= 0 {
		scheme, rest = scheme[:i], scheme[i:]
	}
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: schemes are case-insensitive
		return "", false, nil
	}
	return strings.TrimSpace(rest), true, nil
}

// cookieScan reads the values of the cookies of one name, one after the other, without allocating.
type cookieScan struct {
	name    string
	lines   []string // of the Cookie header
	rest    string   // of the line at hand
	checked int      // how many looked like ours, see maxCookies
	forged  int      // how many of these had a wrong signature
}

func scanCookies(h http.Header, name string) cookieScan {
	return cookieScan{name: name, lines: h["Cookie"]}
}

// next returns the next value, as sent.
func (s *cookieScan) next() (value string, ok bool) {
	for {
		if s.rest == "" {
			if len(s.lines) == 0 {
				return "", false
			}
			s.rest, s.lines = s.lines[0], s.lines[1:]
		}
		var pair string
		pair, s.rest, _ = strings.Cut(s.rest, ";")
		// Only what RFC 6265 calls white space: with more, a name that browsers do not guard would become ours.
		if key, value, ok := strings.Cut(strings.Trim(pair, " \t"), "="); ok && key == s.name {
			return value, true
		}
	}
}

// secure reports whether the cookie of this request must have Secure.
func (k *carriers) secure(r *http.Request) bool {
	switch {
	case k.cookie.Secure == SecureAlways || k.pinned:
		return true
	case k.cookie.Secure == SecureNever:
		return false
	case k.base != nil:
		return k.base.Scheme == "https"
	}
	return netaddr.Secure(r, k.proxies) || !loopbackHost(r.Host)
}

// The names that cookies have unless they are given others.
var (
	sessionNames = []string{"__Host-Http-session", "__Http-session", "session"}
	refreshNames = []string{"__Http-refresh", "refresh"}
)

func (k *carriers) cookieName(r *http.Request) string {
	switch {
	case k.cookie.Name != "":
		return k.cookie.Name
	case !k.secure(r):
		return "session"
	case k.cookie.Domain != "":
		return "__Http-session"
	}
	return "__Host-Http-session"
}

func (k *carriers) refreshName(r *http.Request) string {
	switch {
	case k.cookie.RefreshName != "":
		return k.cookie.RefreshName
	case k.secure(r):
		return "__Http-refresh" // not __Host-: that would need Path=/
	}
	return "refresh"
}

// setCookie writes the token into the response. A zero age makes a cookie that ends with the browser, see cookieAge.
func (k *carriers) setCookie(w http.ResponseWriter, r *http.Request, t Token, age time.Duration) {
	c := k.blank(r)
	c.Value = t.Reveal()
	c.MaxAge = int(age / time.Second)
	k.write(w, c)
}

// setRefresh writes a refresh token into the response, once for each path: a cookie has only one.
func (k *carriers) setRefresh(w http.ResponseWriter, r *http.Request, t Token, age time.Duration) {
	for _, path := range k.cookie.RefreshPaths {
		c := k.blank(r)
		c.Name, c.Path, c.Value = k.refreshName(r), path, t.Reveal()
		c.MaxAge = int(age / time.Second)
		k.write(w, c)
	}
}

// setDevice writes the token of a device that is remembered. It is host-only, whatever the domain of the others.
func (k *carriers) setDevice(w http.ResponseWriter, r *http.Request, name string, t Token, age time.Duration) {
	c := k.blank(r)
	c.Name, c.Domain, c.Value = name, "", t.Reveal()
	c.MaxAge = int(age / time.Second)
	k.write(w, c)
}

// clearRefresh makes the browser forget its refresh token.
func (k *carriers) clearRefresh(w http.ResponseWriter, r *http.Request) {
	for _, path := range k.cookie.RefreshPaths {
		c := k.blank(r)
		c.Name, c.Path, c.MaxAge = k.refreshName(r), path, -1
		k.write(w, c)
	}
}

// clearCookie makes the browser forget the token: the same name and attributes, no life.
func (k *carriers) clearCookie(w http.ResponseWriter, r *http.Request) {
	c := k.blank(r)
	c.MaxAge = -1
	k.write(w, c)
}

func (k *carriers) blank(r *http.Request) *http.Cookie {
	return &http.Cookie{
		Name: k.cookieName(r), Path: "/", Domain: k.cookie.Domain,
		HttpOnly: true, Secure: k.secure(r), SameSite: k.cookie.SameSite,
	}
}

// write replaces what this response said before about the same cookie: the last word counts.
func (k *carriers) write(w http.ResponseWriter, c *http.Cookie) {
	h := w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
		return strings.HasPrefix(line, c.Name+"=") && strings.Contains(line+";", "; Path="+c.Path+";")
	})
	http.SetCookie(w, c)
	private(h)
}

// setHeader writes the token into the response header of Bearer, if one is configured.
func (k *carriers) setHeader(w http.ResponseWriter, t Token) {
	if k.header == "" {
		return
	}
	w.Header()[k.header] = []string{t.Reveal()}
	expose(w.Header(), k.header)
	private(w.Header())
}

// sent finds the token that this very response already carries, in its cookie or its header.
func (k *carriers) sent(w http.ResponseWriter, r *http.Request) (text string, by carrier) {
	prefix := k.cookieName(r) + "="
	for _, line := range w.Header()["Set-Cookie"] {
		rest, ours := strings.CutPrefix(line, prefix)
		if text, _, _ = strings.Cut(rest, ";"); ours && text != "" { // empty: it clears the cookie
			return text, byCookie
		}
	}
	if k.header != "" {
		return w.Header().Get(k.header), byBearer
	}
	return "", byNothing
}

// Shared so that marking an answer allocates nothing; nobody writes to them.
var (
	noStore        = []string{"no-store"}
	varyCredential = []string{"Cookie, Authorization"}
)

// private marks an answer that sets or depends on a credential.
func private(h http.Header) {
	h["Cache-Control"] = noStore
	switch vary := h["Vary"]; {
	case len(vary) == 0:
		h["Vary"] = varyCredential
	case !slices.Contains(vary, varyCredential[0]):
		h["Vary"] = append(slices.Clip(vary), varyCredential[0])
	}
}

// expose adds a header to what CORS lets scripts read, once.
func expose(h http.Header, name string) {
	const key = "Access-Control-Expose-Headers"
	for _, line := range h[key] {
		for listed := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(listed), name) {
				return
			}
		}
	}
	h.Add(key, name)
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// clientIP is the address of who sent the request, as far as it can be believed.
func (a *Auth) clientIP(r *http.Request) string {
	ip := netaddr.Client(r, a.config.TrustedProxies)
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}
