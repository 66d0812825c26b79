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
	{"introspection.clients", func(c Config, _ Mode) bool {
		return repeats(c.Introspection.Clients, func(k Client) string { return k.ID })
	},
		"has two clients of one id", "give each an id of its own"},

	{"store.sessions store.url", func(c Config, _ Mode) bool { return c.Cluster() == "" && c.sessions() != c.Database() },
		"is another database than store.url", "leave it out"},
	{"secrets store.url store.sessions", func(c Config, _ Mode) bool {
		return len(c.Secrets) == 0 && !(c.Database().Local() && c.sessions().Local())
	}, "are missing, and the store is not a local file: every node would have others", "give all nodes the same, made with: openssl rand -hex 32"},

	// What the configuration can say and this version cannot do.
	{"signup.verification mail.url", func(c Config, mode Mode) bool { return c.Signup.Verification == "required" && c.noMail(mode) },
		"is required, which needs mail, and mail.url is empty", "set mail.url, or write optional"},
	{"login.mail_code mail.url", func(c Config, mode Mode) bool { return c.Login.MailCode != "off" && c.noMail(mode) },
		"needs mail, and mail.url is empty", "set mail.url, or write off"},
	{"mail.from mail.url", func(c Config, _ Mode) bool { return c.Mail.URL != "" && c.Mail.From == "" },
		"is missing, and mail.url is set", "write the address that mail comes from, such as Example <no-reply@example.com>"},
	{"mail.password mail.url", func(c Config, _ Mode) bool { return c.Mail.Password != "" && c.mailUser() == "" },
		"is set, and mail.url names no user", "write mail.url like smtp://user@smtp.example.com:587, or leave the password out"},
	{"mail.url mail.password", func(c Config, _ Mode) bool { return c.Mail.Password == "" && c.mailUser() != "" },
		"names a user, and there is no mail.password", "put it in a file that CLOAKROOM_MAIL_PASSWORD_FILE names"},
	{"passkey.enabled base_url listen", func(c Config, _ Mode) bool { return c.Passkey.Enabled == "true" && !isDomain(c.baseHost()) },
		"is true, and base_url is at no domain, for which browsers make no passkeys", "reach the server by a name, or write auto"},
	{"passkey.rp_id base_url", func(c Config, _ Mode) bool { return !c.rpFits() },
		"is neither the host of base_url nor a parent of it: browsers refuse", "write the host of base_url, a parent of it, or nothing"},
	{"mfa.required", func(c Config, _ Mode) bool {
		return len(c.MFA.Required) > 1 && slices.Contains(c.MFA.Required, everyone)
	}, "has roles beside all, which is everybody", "write all alone, or the roles alone"},
	{"mail.links", func(c Config, _ Mode) bool { return repeats(c.Mail.Links, func(l Link) string { return l.Letter }) },
		"has two paths for one letter", "keep one of them"},
	{"webhooks", func(c Config, _ Mode) bool { return repeats(c.Webhooks, func(w Webhook) string { return w.Name }) },
		"have two of one name, by which deliveries that wait are told apart", "give each a name of its own"},
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
	{"mail.password", func(c Config, _ Mode) bool { return c.onCommandLine("mail.password") },
		"is on the command line, which every user of the machine can read", "put it in a file that CLOAKROOM_MAIL_PASSWORD_FILE names"},
	{"webhooks", func(c Config, _ Mode) bool { return c.onCommandLine("webhooks") },
		"are on the command line, which every user of the machine can read, and have secrets", "put them in a file that CLOAKROOM_WEBHOOKS_FILE names"},
	{"password.breached_fail_closed password.breached", func(c Config, _ Mode) bool { return c.Password.BreachedFailClosed && c.Password.Breached == "" },
		"is true, and nobody is asked: password.breached is off", "set password.breached, or leave it out"},
	{"login.mail_code signup.open", func(c Config, _ Mode) bool { return c.Login.MailCode == "sign_up" && !c.Signup.Open },
		"is sign_up, and nobody may sign up: signup.open is false", "write sign_in"},
	{"passkey.origins passkey.enabled base_url", func(c Config, _ Mode) bool { return len(c.Passkey.Origins) > 0 && c.PasskeyDomain() == "" },
		"are set, and there are no passkeys", "write passkey.enabled: true, and reach the server by a name"},
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

// repeats reports whether two entries of a list have one name.
func repeats[T any](list []T, name func(T) string) bool {
	seen := map[string]bool{}
	for _, entry := range list {
		if seen[name(entry)] {
			return true
		}
		seen[name(entry)] = true
	}
	return false
}

// noMail reports whether there is nobody who takes our mail: the development server keeps it.
func (c Config) noMail(mode Mode) bool { return c.Mail.URL == "" && mode != Development }

// everyone is the word for all users in MFA.Required.
const everyone = "all"

// AllNeedMFA reports whether everybody must have a second factor, and not the holders of certain roles.
func (c Config) AllNeedMFA() bool { return slices.Contains(c.MFA.Required, everyone) }

// onCommandLine reports whether the value of a key that counts came from a flag.
func (c Config) onCommandLine(name string) bool { return c.sources[name] == fromFlag }
