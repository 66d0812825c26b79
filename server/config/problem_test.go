package config

import (
	"slices"
	"strings"
	"testing"
)

func TestAllProblemsAtOnce(t *testing.T) {
	path := write(t, "c.yaml", "listen: nowhere\nsesion:\n  idle: 1h\nlimits:\n  logn: off\n  signup: no\norigins: [https://a.example, 'https://*.example']\n")
	_, err := Check(Source{
		Path:    path,
		Environ: []string{"CLOAKROOM_SESSION_IDLE=soon", "CLOAKROOM_COOKIE_SAMESITE=lax", "CLOAKROOM_DATA_FILE=/does/not/exist"},
		Flags:   map[string]string{"log.level": "loud", "lock.level": "info", "cookie.same_site": "none"},
	}, Production)
	want := []string{
		path + `:1: listen: "nowhere" is not an address; write host:port`,
		path + `:2: sesion: is not a known key; did you mean session?`,
		path + `:5: limits.logn: is not a known key; did you mean limits.login?`,
		path + `:6: limits.signup: "no" is not one of its values; write on or off`,
		path + `:7: origins: entry 2: has a wildcard; list each origin by itself`,
		`CLOAKROOM_DATA_FILE: data: the file cannot be read: no such file or directory; `,
		`CLOAKROOM_SESSION_IDLE: session.idle: "soon" is not a duration; write a duration from 1m to 87600h`,
		`environment: CLOAKROOM_COOKIE_SAMESITE: is not a known variable; did you mean CLOAKROOM_COOKIE_SAME_SITE?`,
		`flag: lock.level: is not a known key; did you mean log.level?`,
		`flag: log.level: "loud" is not one of its values; write debug, info, warn or error`,
		`flag: cookie.same_site: is none, and cookies are not Secure`,
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%v", len(got), len(want), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, got[i], want[i])
		}
	}
}

// TestRulesAreJudgedBesideWhatCannotBeRead: a rule is withheld only if a value that it needs is the one that cannot be read.
func TestRulesAreJudgedBesideWhatCannotBeRead(t *testing.T) {
	for _, test := range []struct {
		name, text string
		flags      []string
		want       string // the keys told of, in order
	}{
		{"token.default", "token: {allow: [opaque], default: signed, refresh_grace: 99h}", nil, "token.refresh_grace token.default"},
		{"its own section", "session: {idle: 3000h, limit: x}", nil, "session.limit session.idle"},
		{"cookies", "cookie: {refresh_name: session, same_site: none}\nlog: {level: loud}", nil, "log.level cookie.refresh_name cookie.same_site"},
		{"cookies that are not Secure anyway", "base_url: x\ncookie: {secure: 'false', same_site: none, name: __Host-a, refresh_name: __Http-b}", nil,
			"base_url cookie.name cookie.refresh_name cookie.same_site"},
		{"cookies that may be Secure", "base_url: x\ncookie: {same_site: none, name: __Host-a, refresh_name: __Http-b}", nil, "base_url"},
		{"cookies of which nobody knows", "cookie: {secure: x, same_site: none, name: __Host-a}", nil, "cookie.secure"},
		{"http for strangers, wherever it listens", "listen: x\nbase_url: http://app.example.com", nil, "listen base_url"},
		{"http on loopback, if it listens there", "listen: x\nbase_url: http://localhost:8400", nil, "listen"},
		{"the domain of another, wherever it listens", "listen: x\nbase_url: https://app.example.com\ncookie: {domain: example.org}", nil, "listen cookie.domain"},
		{"a domain that may be that of listen", "listen: x\ncookie: {domain: example.org}", nil, "listen"},
		{"Secure over http, wherever it listens", "listen: x\ncookie: {secure: 'true'}", nil, "listen cookie.secure"},
		{"not Secure over https", "trusted_proxies: [x]\nbase_url: https://a.example\ncookie: {secure: 'false'}", nil, "trusted_proxies cookie.secure"},
		{"one half of a rule", "session: {absolute: x, idle: 3000h}", nil, "session.absolute"},
		{"a list that is half of a rule", "delivery: {allow: [bearer, x]}", nil, "delivery.allow"},
		{"what a flag overrides", "session: {absolute: x}", []string{"session.absolute=24h"}, "session.absolute session.idle"},
		{"a flag that overrides", "session: {absolute: 24h}", []string{"session.absolute=x"}, "session.absolute"},
		{"an unknown key", "colour: red\ntoken: {allow: [opaque], default: signed}", nil, "colour token.default"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := set(test.flags...)
			source.Path = write(t, "c.yaml", test.text)
			_, err := Check(source, Production)
			if got := strings.Join(told(t, err), " "); got != test.want {
				t.Errorf("got %s, want %s:\n%v", got, test.want, err)
			}
		})
	}
}

func TestEveryBadEntryIsTold(t *testing.T) {
	network := func(text string) string { return `"` + text + `" is not a network` }
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"origins", `origins: ["*", "https://a.example/path", "https://good.example", "app.example"]`,
			[]string{"entry 1: has a wildcard", "entry 2: has more than", "entry 4: is not a URL"}},
		{"introspection.clients", `introspection: {clients: ["orders:abc", "good:` + clientSum + `", "a b:` + clientSum + `", "x"]}`,
			[]string{"entry 1: is not an id", "entry 3: has an id", "entry 4: is not an id"}},
		{"trusted_proxies", "trusted_proxies: [x, 10.0.0.0/8, y, 0.0.0.0/0]", []string{"entry 1: " + network("x"), "entry 3: " + network("y"), "entry 4: "}},
		{"delivery.allow", "delivery: {allow: [sms, cookie, '']}", []string{`entry 1: "sms"`, `entry 3: ""`}},
		{"token.allow", "token: {allow: [jwt, opaque, paseto]}", []string{`entry 1: "jwt"`, `entry 3: "paseto"`}},
		{"secrets", "secrets: [short, " + secretHex + ", '']", []string{"entry 1: is neither", "entry 3: is empty"}},
		{"origins", "origins: [[a], https://good.example, {a: b}, '*', \"a\\u0007\"]",
			[]string{"entry 1: has a value that is not plain text", "entry 3: has a value that is not plain text", "entry 4: has a wildcard", "entry 5: has bytes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Check(Source{Path: write(t, "c.yaml", test.text)}, Production)
			reasons := []string{}
			for _, p := range errorsOf(t, err) {
				if p.Key != test.name || p.Mend == "" || !strings.HasSuffix(p.Where, "c.yaml:1") {
					t.Errorf("about another, without a mend or from elsewhere: %+v", p)
				}
				reasons = append(reasons, p.Reason)
			}
			if !slices.EqualFunc(reasons, test.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", reasons, test.want)
			}
		})
	}
	t.Run("in a Config made by hand", func(t *testing.T) {
		c := Default()
		c.Origins = []string{"*", "https://good.example", "x"}
		if got := told(t, c.Validate(Production)); !slices.Equal(got, []string{"origins", "origins"}) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("in a variable", func(t *testing.T) {
		_, err := Check(Source{Environ: []string{"CLOAKROOM_DELIVERY_ALLOW=,"}}, Production)
		if got := told(t, err); !slices.Equal(got, []string{"delivery.allow", "delivery.allow"}) {
			t.Errorf("got %q", got)
		}
	})
}
