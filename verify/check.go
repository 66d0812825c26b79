package verify

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	defaultStaleness = time.Second
	minStaleness     = 50 * time.Millisecond
	minKeysStaleness = time.Minute
)

// Check returns all that is wrong with the literal at once, as ErrConfig, or nil. It asks nobody.
func (v *Verifier) Check() error {
	return errors.Join(slices.Concat(v.checkNames(), v.checkAddresses(), v.checkNumbers())...)
}

func (v *Verifier) checkNames() (wrong []error) {
	say := func(format string, args ...any) { wrong = append(wrong, misconfigured(format, args...)) }
	if v.Issuer == "" {
		say("Issuer is empty; give the base URL of the issuer, as it stands in iss")
	}
	if v.Audience == "" {
		say("Audience is empty; give the name by which tokens for this service are made")
	}
	if !v.InsecureSkipRevocations && (v.ClientID == "" || v.ClientSecret == "") {
		say("ClientID or ClientSecret is empty; the feed of revocations asks for them, and without it a log-out is not heard of (InsecureSkipRevocations)")
	}
	if v.Cookie != "" && (&http.Cookie{Name: v.Cookie}).Valid() != nil {
		say("Cookie %q is not the name of a cookie", v.Cookie)
	}
	for _, origin := range v.Origins {
		if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
			say("Origins: %v", err)
		}
	}
	return wrong
}

func (v *Verifier) checkAddresses() (wrong []error) {
	for _, a := range []struct {
		field, address string
		unused         bool
	}{
		{"KeysURL", v.keysURL(), v.KeysURL == "" && v.Issuer == ""},
		{"FeedURL", v.feedURL(), v.FeedURL == "" && v.Issuer == "" || v.InsecureSkipRevocations},
	} {
		if a.unused {
			continue
		}
		u, err := url.Parse(a.address)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			wrong = append(wrong, misconfigured("%s (or Issuer, below which it is) must be like https://host/path", a.field))
		case u.Scheme == "http" && !loopback(u.Hostname()) && !v.InsecurePlainHTTP:
			wrong = append(wrong, misconfigured("%s is plain http to %s; use https, or say InsecurePlainHTTP", a.field, u.Host))
		}
	}
	return wrong
}

func (v *Verifier) checkNumbers() (wrong []error) {
	say := func(format string, args ...any) { wrong = append(wrong, misconfigured(format, args...)) }
	if v.Leeway > MaxLeeway {
		say("Leeway is %v; at most %v, or revoked tokens could outlive the memory of their revocation", v.Leeway, MaxLeeway)
	}
	if v.Staleness != 0 && v.Staleness < minStaleness {
		say("Staleness is %v; at least %v, or the feed is asked without pause", v.Staleness, minStaleness)
	}
	if v.KeysStaleness != 0 && v.KeysStaleness < minKeysStaleness {
		say("KeysStaleness is %v; at least %v, or the keys are asked for without pause", v.KeysStaleness, minKeysStaleness)
	}
	return wrong
}

func (v *Verifier) keysURL() string {
	return orElse(v.KeysURL, strings.TrimSuffix(v.Issuer, "/")+"/.well-known/jwks.json")
}

func (v *Verifier) feedURL() string {
	return orElse(v.FeedURL, strings.TrimSuffix(v.Issuer, "/")+"/auth/revocations")
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
