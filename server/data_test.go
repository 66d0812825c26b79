package server

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/server/config"
)

// said are the warnings of a server's start.
func said(t *testing.T, cfg config.Config) string {
	t.Helper()
	s, log := built(t, cfg, config.Production)
	defer func() { _ = s.Close(t.Context()) }()
	var text []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"level":"WARN"`) {
			text = append(text, line)
		}
	}
	return strings.Join(text, "")
}

func TestStartTellsOfTheData(t *testing.T) {
	cfg := settings(t)
	if got := said(t, cfg); got != "" {
		t.Errorf("of a new folder: %s", got)
	}
	if got := said(t, cfg); got != "" {
		t.Errorf("of a good one: %s", got)
	}
	if err := os.Remove(SecretsPath(cfg)); err != nil {
		t.Fatal(err)
	}
	if got := said(t, cfg); !strings.Contains(got, SecretsLost) || strings.Count(got, "\n") != 1 {
		t.Errorf("of lost secrets: %s", got)
	}
	if got := said(t, cfg); got != "" {
		t.Errorf("of secrets that are there again: %s", got)
	}
	if err := os.Chmod(cfg.Data, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := said(t, cfg); !strings.Contains(got, "open to others") || !strings.Contains(got, "0755") || strings.Count(got, "\n") != 1 {
		t.Errorf("of an open folder: %s", got)
	}
}

// TestLostSecretsSignOutAllButSignedTokens: what the warning says is what happens.
func TestLostSecretsSignOutAllButSignedTokens(t *testing.T) {
	cfg := served(t)
	h := running(t, cfg, quick)
	access, refresh := h.do("POST", "/auth/signup", signedBear).pair(t)
	opaque := h.do("POST", "/auth/login", bear).token(t)
	kept, err := os.ReadFile(SecretsPath(cfg))
	if err != nil {
		t.Fatal(err)
	}
	restart := func(change error) *house {
		if err := h.stop(); err != nil || change != nil {
			t.Fatal(err, change)
		}
		return running(t, cfg, quick)
	}
	states := func() map[string]int {
		return map[string]int{
			"opaque":  h.do("GET", "/auth/me", "", "Authorization", "Bearer "+opaque).status,
			"signed":  h.do("GET", "/auth/me", "", "Authorization", "Bearer "+access).status,
			"refresh": h.refresh(refresh).status,
			"new":     h.do("POST", "/auth/login", signedBear).status,
		}
	}
	h = restart(os.Remove(SecretsPath(cfg)))
	if got, want := states(), map[string]int{"opaque": 401, "signed": 200, "refresh": 401, "new": 503}; !maps.Equal(got, want) {
		t.Errorf("without them: got %v, want %v", got, want)
	}
	if len(h.log.lines(t, SecretsLost)) != 1 {
		t.Error("the log does not tell")
	}
	h = restart(os.WriteFile(SecretsPath(cfg), kept, 0o600))
	if got, want := states(), map[string]int{"opaque": 200, "signed": 200, "refresh": 200, "new": 200}; !maps.Equal(got, want) {
		t.Errorf("with them again: got %v, want %v", got, want)
	}
}

func TestOpenTellsOfLostSecrets(t *testing.T) {
	cfg := settings(t)
	for _, lost := range []bool{false, true, false} {
		e, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if e.SecretsLost != lost {
			t.Errorf("lost is %v, want %v", e.SecretsLost, lost)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if !lost {
			if err := os.Remove(SecretsPath(cfg)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestCheckAndStartAgree: what config check takes, the engine takes.
func TestCheckAndStartAgree(t *testing.T) {
	const https = "base_url=https://my-app.example.com"
	good := 0
	for _, pairs := range [][]string{
		{}, {https}, {"base_url=http://app.localhost:8400"}, {"base_url=http://[::1]:8400"}, {"listen=[::1]:0"}, {"listen=localhost:8400"},
		{"base_url=https://my_app.example.com", "cookie.domain=my_app.example.com"},
		{"base_url=https://1-2.3-4", "cookie.domain=1-2.3-4"},
		{https, "cookie.domain=example.com"}, {https, "cookie.domain=.EXAMPLE.com", "cookie.name=__Secure-a"}, {https, "cookie.domain=com"},
		{https, "cookie.name=__Host-Http-a"}, {https, "cookie.name=__host-a", "cookie.domain=example.com"}, {"cookie.name=__http-a"},
		{"listen=127.0.0.1:0", "cookie.name=__Host-a"}, {https, "cookie.name=a|b"}, {https, "cookie.name=a b"},
		{"cookie.same_site=none"}, {https, "cookie.same_site=none"}, {"listen=127.0.0.1:0", "cookie.same_site=none", "cookie.secure=true", "trusted_proxies=10.0.0.0/8"},
		{"cookie.secure=true"}, {"cookie.secure=true", "trusted_proxies=10.0.0.0/8"}, {"cookie.secure=false"}, {https, "cookie.secure=false"},
		{"bearer.response_header=some-auth-token"}, {"bearer.response_header=vary"}, {"bearer.response_header=x|y"},
		{"bearer.response_header=a", "delivery.allow=cookie"}, {"bearer.response_header=a", "delivery.allow=both", "delivery.default=both"},
		{"delivery.allow=bearer"}, {"delivery.allow=bearer", "delivery.default=bearer"}, {"delivery.allow=cookie,cookie"},
		{"session.idle=1m", "session.absolute=1m"}, {"session.idle=2m", "session.absolute=1m"}, {"session.limit=1000000"},
		{"origins=app://a,https://b.example:8443,http://[::1]:1"}, {"origins=https://a.example:443"}, {"origins=null"}, {"origins=HTTPS://A.example"},
		{"trusted_proxies=0.0.0.0/0"}, {"trusted_proxies=::1/128,10.0.0.0/8"},
		{"secrets=" + strings.Repeat("ab", 32)}, {"secrets=" + strings.Repeat("0123456789abcdef", 4)},
		{"token.allow=opaque"}, {"token.allow=signed"}, {"token.allow=signed", "token.default=signed"}, {"token.allow=signed,opaque", "listen=[::1]:0"},
		{"token.algorithm=RS256", "token.access_ttl=1s", "token.refresh_grace=10m", "token.key_age=1h", "token.audience=urn:x"},
		{"token.access_ttl=1h", "token.refresh_grace=1s", "token.key_age=3650d"}, {"token.audience=a b"}, {"token.access_ttl=2h"},
		{"cookie.refresh_name=again"}, {"cookie.refresh_name=session"}, {https, "cookie.refresh_name=__Http-again"}, {"cookie.refresh_name=__Http-again"},
		{https, "cookie.refresh_name=__Host-again"}, {"cookie.name=again", "cookie.refresh_name=again"}, {https, "cookie.refresh_name=__Secure-a", "cookie.domain=example.com"},
		{"introspection.clients=a._-B:" + strings.Repeat("1a", 32)}, {"introspection.clients=a!:" + strings.Repeat("1a", 32)},
		{"introspection.clients=a:" + strings.Repeat("1a", 32) + ",a:" + strings.Repeat("1a", 32)}, {"introspection.clients=a:" + strings.Repeat("00", 32)},
		{"password.min_length=64"}, {"limits.login=off", "limits.signup=off"}, {"signup.open=false"},
	} {
		flags := map[string]string{"data": settings(t).Data}
		for _, pair := range pairs {
			key, value, _ := strings.Cut(pair, "=")
			flags[key] = value
		}
		cfg, err := config.Check(config.Source{Flags: flags}, config.Production)
		if err != nil {
			continue
		}
		good++
		e, err := Open(cfg)
		if err != nil {
			t.Errorf("%v: config check takes it, and the start says %v", pairs, err)
			continue
		}
		if err := e.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if good < 24 {
		t.Errorf("only %d were good: nothing is proven", good)
	}
}
