package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Mode is how careful to be. The zero Mode is Production.
type Mode int

const (
	Production  Mode = iota // cloakroom serve
	Development             // bare cloakroom: loopback only
)

// Validate reports every value, and every combination of values, that cannot be: an Errors, or nil. It passes over
// what Load has told already, so that the problems of both make one list.
func (c Config) Validate(mode Mode) error { return c.problems(mode).err() }

// Warnings reports what can be, and is probably not meant.
func (c Config) Warnings(mode Mode) []Problem { return c.judge(warnings, mode) }

func (c Config) problems(mode Mode) Errors { return append(c.unreadable(), c.judge(rules, mode)...) }

// unreadable finds values that no source could have given, in a Config that was made by hand.
func (c Config) unreadable() Errors {
	var errs Errors
	for _, k := range keys {
		texts := k.text(&c)
		if c.broken[k.name] || k.list && len(texts) == 0 {
			continue
		}
		for _, err := range k.set(&Config{}, texts) {
			errs = append(errs, problemOf(c.source(k.name), k.name, err))
		}
	}
	return errs
}

// judge applies the rules whose keys all have values that could be read.
func (c Config) judge(rules []rule, mode Mode) Errors {
	var errs Errors
	for _, r := range rules {
		about := strings.Fields(r.about)
		if slices.ContainsFunc(about, func(name string) bool { return c.broken[name] }) {
			continue
		}
		if r.broken(c, mode) {
			errs = append(errs, Problem{Where: c.source(about...), Key: about[0], Reason: r.reason, Mend: r.mend})
		}
	}
	return errs
}

// source is where the value of a key came from; of several keys, of the first that was given one.
func (c Config) source(names ...string) string {
	for _, name := range names {
		if where, ok := c.sources[name]; ok {
			return where
		}
	}
	return "default"
}

// A rule is one thing that must not be.
type rule struct {
	about        string // the keys without which it cannot judge; the first is told of
	broken       func(c Config, mode Mode) bool
	reason, mend string
}

// rules are what Validate refuses.
var rules = []rule{
	{"listen", func(c Config, mode Mode) bool { return mode == Development && !loopback(c.Listen) },
		"is not on loopback, and the development server is not for strangers", "listen at 127.0.0.1, or run: cloakroom serve"},
	{"metrics.listen", func(c Config, mode Mode) bool {
		return mode == Development && c.Metrics.Listen != "" && !loopback(c.Metrics.Listen)
	}, "is not on loopback, and the development server is not for strangers", "listen at 127.0.0.1, or run: cloakroom serve"},
	{"metrics.listen listen", func(c Config, _ Mode) bool { return collide(c.Listen, c.Metrics.Listen) },
		"is the address of listen", "choose another port, or off"},

	{"base_url listen", func(c Config, _ Mode) bool { return c.BaseURL == "" && !loopback(c.Listen) },
		"is missing, and listen is not on loopback", "set it to the https address by which people reach the server"},
	{"base_url", func(c Config, _ Mode) bool {
		return c.BaseURL != "" && !c.https() && !(loopbackHost(c.baseHost()) && (c.broken["listen"] || loopback(c.Listen)))
	}, "is http, so that passwords and sessions would travel in clear", "write an https address, and have a proxy end TLS"},

	{"cookie.name cookie.domain", func(c Config, _ Mode) bool { return hasPrefix(c.Cookie.Name, "__Host-") && c.Cookie.Domain != "" },
		"begins with __Host-, and cookie.domain is set: browsers refuse such a cookie", "take another name, or leave cookie.domain empty"},
	{"cookie.name cookie.secure", func(c Config, _ Mode) bool {
		return hasPrefix(c.Cookie.Name, "__Host-", "__Secure-", "__Http-") && c.bareCookies()
	}, "has a prefix for Secure cookies, and cookies are not Secure: browsers refuse such a cookie", "take another name, or an https base_url"},
	{"cookie.refresh_name cookie.secure", func(c Config, _ Mode) bool {
		return hasPrefix(c.Cookie.RefreshName, "__Secure-", "__Http-") && c.bareCookies()
	}, "has a prefix for Secure cookies, and cookies are not Secure: browsers refuse such a cookie", "take another name, or an https base_url"},
	{"cookie.refresh_name", func(c Config, _ Mode) bool { return hasPrefix(c.Cookie.RefreshName, "__Host-") },
		"begins with __Host-, which browsers take with Path=/ only, and this cookie goes to fewer paths", "begin it with __Http-, or with no prefix"},
	{"cookie.refresh_name cookie.name", func(c Config, _ Mode) bool { return c.sameCookie() },
		"is the name of the session cookie, too", "give each a name of its own"},
	{"cookie.same_site cookie.secure", func(c Config, _ Mode) bool { return c.Cookie.SameSite == "none" && c.bareCookies() },
		"is none, and cookies are not Secure: browsers refuse such a cookie", "write lax, or take an https base_url"},
	{"cookie.secure base_url trusted_proxies", func(c Config, _ Mode) bool {
		return c.Cookie.Secure == "true" && !c.https() && len(c.TrustedProxies) == 0
	}, "is true, and base_url is http with no proxy before it: browsers would not send the cookie", "write auto, or an https base_url"},
	{"cookie.secure base_url", func(c Config, _ Mode) bool { return c.Cookie.Secure == "false" && c.https() },
		"is false, and base_url is https: cookies would travel in clear", "write auto"},
	{"cookie.domain base_url", func(c Config, _ Mode) bool { return !c.domainFits() },
		"is neither the host of base_url nor a parent of it: browsers refuse such a cookie", "write the host of base_url, a parent of it, or nothing"},

	{"bearer.response_header delivery.allow", func(c Config, _ Mode) bool {
		return c.Bearer.ResponseHeader != "" && !slices.ContainsFunc(c.Delivery.Allow, func(d string) bool { return d != "cookie" })
	}, "would never be sent: delivery.allow has cookie only", "allow bearer or both, or leave it empty"},
	{"session.idle session.absolute", func(c Config, _ Mode) bool { return c.Session.Idle > c.Session.Absolute },
		"is more than session.absolute", "make it at most as long"},
	{"delivery.default delivery.allow", func(c Config, _ Mode) bool { return !slices.Contains(c.Delivery.Allow, c.Delivery.Default) },
		"is not in delivery.allow", "add it there, or choose one that is"},
	{"token.default token.allow", func(c Config, _ Mode) bool { return !slices.Contains(c.Token.Allow, c.Token.Default) },
		"is not in token.allow", "add it there, or choose one that is"},
	{"introspection.clients", func(c Config, _ Mode) bool { return c.sharedClient() },
		"has two clients of one id", "give each an id of its own"},

	{"store.sessions store.url", func(c Config, _ Mode) bool { return c.Cluster() == "" && c.sessions() != c.Database() },
		"is another database than store.url", "leave it out"},
	{"secrets store.url store.sessions", func(c Config, _ Mode) bool {
		return len(c.Secrets) == 0 && !(c.Database().Local() && c.sessions().Local())
	}, "are missing, and the store is not a local file: every node would have others", "give all nodes the same, made with: openssl rand -hex 32"},

	// What the configuration can say and this version cannot do.
	{"signup.verification", func(c Config, _ Mode) bool { return c.Signup.Verification == "required" },
		"is required, which needs mail, and mail is not in this version", "write optional"},
}

// warnings are what Warnings tells of.
var warnings = []rule{
	{"trusted_proxies base_url", func(c Config, _ Mode) bool { return c.https() && len(c.TrustedProxies) == 0 },
		"is empty, and base_url is https, so a proxy ends TLS: limits take all visitors for that one address", "list the network of the proxy"},
	{"limits.login", func(c Config, mode Mode) bool { return mode == Production && !c.Limits.Login },
		"is off: passwords can be guessed without end", "write on, unless something before the server limits sign-ins"},
	{"limits.signup", func(c Config, mode Mode) bool { return mode == Production && !c.Limits.Signup },
		"is off: accounts can be made without end", "write on, unless something before the server limits sign-ups"},
	{"store.sessions store.url", func(c Config, _ Mode) bool { return c.Cluster() != "" && c.Database().Local() },
		"is a server, and store.url is a file of this machine, so that no other machine can share the sessions", "give a store.url of postgres://, or leave store.sessions out"},
	{"store.poll_only store.url", func(c Config, _ Mode) bool { return c.Store.PollOnly && c.Database().Local() },
		"is for PostgreSQL servers, and store.url is a file", "leave it out"},
	{"store.distributed store.url", func(c Config, _ Mode) bool { return c.Store.Distributed && c.Database().Local() },
		"is for relatives of PostgreSQL, and store.url is a file", "leave it out"},
	{"store.url", func(c Config, _ Mode) bool { return c.onCommandLine("store.url") && c.Store.URL.password() },
		"has a password on the command line, which every user of the machine can read", "put it in a file that CLOAKROOM_STORE_URL_FILE names"},
	{"store.sessions", func(c Config, _ Mode) bool {
		return c.onCommandLine("store.sessions") && c.Store.Sessions.password()
	}, "has a password on the command line, which every user of the machine can read", "put it in a file that CLOAKROOM_STORE_SESSIONS_FILE names"},
	{"secrets", func(c Config, _ Mode) bool { return c.onCommandLine("secrets") },
		"are on the command line, which every user of the machine can read", "put them in a file that CLOAKROOM_SECRETS_FILE names"},
}

// collide reports whether one address cannot be listened at because of the other. An empty one is none.
func collide(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && portA != "0" &&
		(hostA == hostB || everywhere(hostA) || everywhere(hostB))
}

func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

// hasPrefix compares as browsers do, without regard to case (RFC 6265bis §4.1.3).
func hasPrefix(name string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return len(name) >= len(p) && strings.EqualFold(name[:len(p)], p)
	})
}

// bareCookies reports whether cookies are certainly not Secure: a base_url that could not be read may be https.
func (c Config) bareCookies() bool {
	unknown := c.Cookie.Secure == "auto" && c.broken["base_url"]
	return !unknown && !c.SecureCookies()
}

// domainFits reports whether the host of the server may set cookies for Cookie.Domain (RFC 6265 §5.1.3). A host that could
// not be read may.
func (c Config) domainFits() bool {
	host, unknown := c.baseHost(), c.BaseURL == "" && c.broken["listen"]
	return c.Cookie.Domain == "" || unknown || host == c.Cookie.Domain || strings.HasSuffix(host, "."+c.Cookie.Domain)
}

// sameCookie reports whether the cookies of the session and of the refresh token may have one name, given or by default.
func (c Config) sameCookie() bool {
	sessions := orDefaults(c.Cookie.Name, "session", "__Http-session", "__Host-Http-session")
	refreshes := orDefaults(c.Cookie.RefreshName, "refresh", "__Http-refresh")
	return slices.ContainsFunc(sessions, func(name string) bool { return slices.Contains(refreshes, name) })
}

func orDefaults(name string, defaults ...string) []string {
	if name != "" {
		return []string{name}
	}
	return defaults
}

// sharedClient reports whether two clients have one id.
func (c Config) sharedClient() bool {
	seen := map[string]bool{}
	for _, client := range c.Introspection.Clients {
		if seen[client.ID] {
			return true
		}
		seen[client.ID] = true
	}
	return false
}

// onCommandLine reports whether the value of a key that counts came from a flag.
func (c Config) onCommandLine(name string) bool { return c.sources[name] == fromFlag }
