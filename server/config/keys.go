package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// keys is every key of the configuration, in the order in which it is printed. A key and its field have the same name:
// base_url is BaseURL, session.idle is Session.Idle. What a key means stands at the field.
var keys = []key{
	one("listen", func(c *Config) *string { return &c.Listen }, address),
	one("base_url", func(c *Config) *string { return &c.BaseURL }, optional(baseURL)).or(Config.Base),
	one("data", func(c *Config) *string { return &c.Data }, some),
	one("store.url", func(c *Config) *DSN { return &c.Store.URL }, optional(database)).or(func(c Config) string { return c.Database().String() }),
	one("store.sessions", func(c *Config) *DSN { return &c.Store.Sessions }, optional(ledger)).or(func(c Config) string { return c.sessions().String() }),
	one("store.poll_only", func(c *Config) *bool { return &c.Store.PollOnly }, boolean("true", "false")),
	one("store.distributed", func(c *Config) *bool { return &c.Store.Distributed }, boolean("true", "false")),
	many("secrets", func(c *Config) *[]Secret { return &c.Secrets }, secret).notEmpty("leave the key out, and one is made on first run"),
	one("session.idle", func(c *Config) *time.Duration { return &c.Session.Idle }, duration(time.Minute, 3650*day)),
	one("session.absolute", func(c *Config) *time.Duration { return &c.Session.Absolute }, duration(time.Minute, 3650*day)),
	one("session.limit", func(c *Config) *int { return &c.Session.Limit }, integer(0, 1_000_000)),
	one("session.fresh", func(c *Config) *time.Duration { return &c.Session.Fresh }, duration(time.Minute, day)),
	one("cookie.name", func(c *Config) *string { return &c.Cookie.Name }, optional(cookie)),
	one("cookie.refresh_name", func(c *Config) *string { return &c.Cookie.RefreshName }, optional(cookie)),
	one("cookie.domain", func(c *Config) *string { return &c.Cookie.Domain }, optional(domain)),
	one("cookie.same_site", func(c *Config) *string { return &c.Cookie.SameSite }, word("lax", "strict", "none")),
	one("cookie.secure", func(c *Config) *string { return &c.Cookie.Secure }, word("auto", "true", "false")),
	one("bearer.response_header", func(c *Config) *string { return &c.Bearer.ResponseHeader }, optional(header)),
	many("delivery.allow", func(c *Config) *[]string { return &c.Delivery.Allow }, word("cookie", "bearer", "both")).notEmpty("list at least one"),
	one("delivery.default", func(c *Config) *string { return &c.Delivery.Default }, word("cookie", "bearer", "both")),
	many("token.allow", func(c *Config) *[]string { return &c.Token.Allow }, word("opaque", "signed")).notEmpty("list at least one"),
	one("token.default", func(c *Config) *string { return &c.Token.Default }, word("opaque", "signed")),
	one("token.access_ttl", func(c *Config) *time.Duration { return &c.Token.AccessTTL }, duration(time.Second, time.Hour)),
	one("token.refresh_grace", func(c *Config) *time.Duration { return &c.Token.RefreshGrace }, duration(time.Second, 10*time.Minute)),
	one("token.algorithm", func(c *Config) *string { return &c.Token.Algorithm }, word("ES256", "EdDSA", "RS256")),
	one("token.key_age", func(c *Config) *time.Duration { return &c.Token.KeyAge }, duration(time.Hour, 3650*day)),
	one("token.audience", func(c *Config) *string { return &c.Token.Audience }, optional(audience)).or(Config.Audience),
	one("signup.open", func(c *Config) *bool { return &c.Signup.Open }, boolean("true", "false")),
	one("signup.verification", func(c *Config) *string { return &c.Signup.Verification }, word("optional", "required")),
	one("password.min_length", func(c *Config) *int { return &c.Password.MinLength }, integer(8, 64)),
	one("password.history", func(c *Config) *int { return &c.Password.History }, integer(0, 24)),
	one("password.breached", func(c *Config) *string { return &c.Password.Breached }, offOr(mirror)),
	one("password.breached_fail_closed", func(c *Config) *bool { return &c.Password.BreachedFailClosed }, boolean("true", "false")),
	one("login.mail_code", func(c *Config) *string { return &c.Login.MailCode }, word("off", "sign_in", "sign_up")),
	one("passkey.enabled", func(c *Config) *string { return &c.Passkey.Enabled }, word("auto", "true", "false")),
	one("passkey.rp_id", func(c *Config) *string { return &c.Passkey.RPID }, optional(rpID)).or(Config.PasskeyDomain),
	many("passkey.origins", func(c *Config) *[]string { return &c.Passkey.Origins }, passkeyOrigin),
	one("passkey.enroll_page", func(c *Config) *string { return &c.Passkey.EnrollPage }, optional(page)),
	one("passkey.manage_page", func(c *Config) *string { return &c.Passkey.ManagePage }, optional(page)),
	many("mfa.required", func(c *Config) *[]string { return &c.MFA.Required }, role),
	one("mfa.remember_device", func(c *Config) *time.Duration { return &c.MFA.RememberDevice }, offOr(duration(time.Hour, 365*day))),
	one("account.delete_after", func(c *Config) *time.Duration { return &c.Account.DeleteAfter }, offOr(duration(time.Hour, 365*day))),
	one("mail.url", func(c *Config) *string { return &c.Mail.URL }, optional(mailServer)),
	one("mail.password", func(c *Config) *MailPassword { return &c.Mail.Password }, optional(mailPassword)),
	one("mail.from", func(c *Config) *string { return &c.Mail.From }, optional(sender)),
	one("mail.site", func(c *Config) *string { return &c.Mail.Site }, optional(site)).or(Config.Site),
	one("mail.templates", func(c *Config) *string { return &c.Mail.Templates }, optional(some)),
	one("mail.locale", func(c *Config) *string { return &c.Mail.Locale }, locale),
	many("mail.links", func(c *Config) *[]Link { return &c.Mail.Links }, link),
	webhooks("webhooks", func(c *Config) *[]Webhook { return &c.Webhooks }),
	one("admin.http", func(c *Config) *bool { return &c.Admin.HTTP }, boolean("true", "false")),
	one("limits.login", func(c *Config) *bool { return &c.Limits.Login }, boolean("on", "off")),
	one("limits.signup", func(c *Config) *bool { return &c.Limits.Signup }, boolean("on", "off")),
	many("trusted_proxies", func(c *Config) *[]netip.Prefix { return &c.TrustedProxies }, network),
	many("origins", func(c *Config) *[]string { return &c.Origins }, origin),
	many("introspection.clients", func(c *Config) *[]Client { return &c.Introspection.Clients }, client),
	one("revocation.staleness", func(c *Config) *time.Duration { return &c.Revocation.Staleness }, duration(20*time.Millisecond, time.Minute)),
	one("cache.size", func(c *Config) *int64 { return &c.Cache.Size }, offOr(size(1<<20, 1<<40))),
	one("events.keep", func(c *Config) *time.Duration { return &c.Events.Keep }, duration(day, 3650*day)),
	one("log.format", func(c *Config) *string { return &c.Log.Format }, word("auto", "text", "json")),
	one("log.level", func(c *Config) *string { return &c.Log.Level }, word("debug", "info", "warn", "error")),
	one("metrics.listen", func(c *Config) *string { return &c.Metrics.Listen }, offOr(address)),
}

// A key is one line of the configuration. Values are texts here: one, or any number when it is a list.
type key struct {
	name string
	list bool
	// mappings says that the entries of the list are mappings, written as JSON in texts.
	mappings bool
	set      func(c *Config, texts []string) []error // faults, one for each text that cannot be; then c is as it was
	text     func(c *Config) []string                // as set reads it
	show     func(c *Config) []string                // as people may see it
	derived  func(c Config) string                   // what an empty value stands for
	refused  string                                  // what to do instead of giving an empty list, where that is refused
}

// one makes the key of a field with one value.
func one[T any](name string, field func(*Config) *T, k kind[T]) key {
	return key{
		name: name,
		set: func(c *Config, texts []string) []error {
			v, err := k.read(texts[0])
			if err != nil {
				return []error{err}
			}
			*field(c) = v
			return nil
		},
		text: func(c *Config) []string { return []string{k.text(*field(c))} },
		show: func(c *Config) []string { return []string{k.shown(*field(c))} },
	}
}

// many makes the key of a field that is a list.
func many[T any](name string, field func(*Config) *[]T, k kind[T]) key {
	each := func(c *Config, write func(T) string) []string {
		texts := []string{}
		for _, v := range *field(c) {
			texts = append(texts, write(v))
		}
		return texts
	}
	return key{
		name: name,
		list: true,
		set: func(c *Config, texts []string) (errs []error) {
			var list []T
			for i, text := range texts {
				v, err := k.read(text)
				if f, ok := err.(fault); ok {
					errs = append(errs, refuse(f.mend, "entry %d: %s", i+1, f.reason))
				}
				list = append(list, v)
			}
			if len(errs) == 0 {
				*field(c) = list
			}
			return errs
		},
		text: func(c *Config) []string { return each(c, k.text) },
		show: func(c *Config) []string { return each(c, k.shown) },
	}
}

// or says what the key stands for when it is empty.
func (k key) or(derived func(Config) string) key {
	k.derived = derived
	return k
}

// notEmpty refuses an empty list, which could be read as none or as the default.
func (k key) notEmpty(mend string) key {
	k.refused = mend
	return k
}

// read sets the key from texts that somebody wrote.
func (k key) read(c *Config, texts []string) []error {
	if len(texts) == 0 && k.refused != "" {
		return []error{refuse(k.refused, "is an empty list")}
	}
	return k.set(c, texts)
}

// split cuts the text of a variable or a flag into the entries of a list.
func (k key) split(text string) []string {
	if !k.list {
		return []string{text}
	}
	if k.mappings {
		return mappingsOf(text)
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	texts := strings.Split(text, ",")
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return texts
}

// splitLines is split for the text of a file, in which a list may also stand with an entry to a line. Empty lines and
// those that begin with # say nothing, so that the secrets file of a data folder can be given as it is.
func (k key) splitLines(text string) (texts []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			texts = append(texts, k.split(line)...)
		}
	}
	return texts
}

// env is the name of the key's variable.
func (k key) env() string {
	return variables + strings.ToUpper(strings.ReplaceAll(k.name, ".", "_"))
}

// section is what stands before the last dot, "" for a key at the top.
func (k key) section() string {
	section, _, found := strings.Cut(k.name, ".")
	if !found {
		return ""
	}
	return section
}

func keyNamed(name string) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

// A kind is how values of one sort are read and written.
type kind[T any] struct {
	parse func(text string) (T, error) // its errors are faults
	text  func(T) string
	show  func(T) string // instead of text, where people look; nil means the same
}

func (k kind[T]) shown(v T) string {
	if k.show != nil {
		return k.show(v)
	}
	return k.text(v)
}

// notText stands for a value in a file that is not plain text. No kind takes it.
const notText = "\x00"

// read is parse for texts from outside: nothing that we take has control characters or is not UTF-8.
func (k kind[T]) read(text string) (T, error) {
	if text == notText {
		var none T
		return none, refuse("write it as plain text", "has a value that is not plain text")
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		var none T
		return none, refuse("write it as UTF-8 text on one line", "has bytes that are not printable text")
	}
	return k.parse(text)
}
