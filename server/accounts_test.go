package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/smtpsink"
	"github.com/cloakroom-auth/cloakroom/internal/webhook"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
	"github.com/cloakroom-auth/cloakroom/method/password"
	"github.com/cloakroom-auth/cloakroom/method/totp"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// configured is a good configuration with these keys.
func configured(t *testing.T, flags map[string]string) config.Config {
	t.Helper()
	all := map[string]string{"listen": "127.0.0.1:0", "metrics.listen": "127.0.0.1:0", "data": filepath.Join(t.TempDir(), "data")}
	for key, value := range flags {
		all[key] = value
	}
	c, err := config.Check(config.Source{Flags: all}, config.Production)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMailGoesOut(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{Users: map[string]string{"cloak": "room"}})
	h := running(t, configured(t, map[string]string{
		"mail.url": "smtp://cloak@" + sink.Addr(), "mail.password": "room", "mail.from": "Example <no-reply@example.com>", "mail.links": "verify_email:/welcome",
		"signup.verification": "required",
	}), quick)
	up := h.do("POST", "/auth/signup", ana)
	if up.status != 202 {
		t.Fatal(up)
	}
	until(t, "the mail has arrived", func() bool { return len(sink.Mails()) == 1 })
	m := sink.Mails()[0]
	if m.From != "no-reply@example.com" || !slices.Equal(m.To, []string{"ana@example.com"}) || m.User != "cloak" {
		t.Errorf("got %+v", m)
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(m.Data), "=\r\n", ""), "=3D", "=")
	link := regexp.MustCompile(`http://` + regexp.QuoteMeta(h.at.HTTP) + `/welcome\?token=([A-Za-z0-9_-]+)`).FindStringSubmatch(text)
	if link == nil {
		t.Fatalf("no link in\n%s", text)
	}
	var waits struct{ Challenge struct{ ID string } }
	if err := json.Unmarshal([]byte(up.body), &waits); err != nil {
		t.Fatal(err)
	}
	verified := h.do("POST", "/auth/email/verify", `{"token":"`+link[1]+`","challenge":"`+waits.Challenge.ID+`"}`)
	if verified.status != 200 {
		t.Errorf("the link is good for nothing: %v", verified)
	}
	if log := h.log.String(); strings.Contains(log, link[1]) || strings.Contains(log, "ana@example.com") || strings.Contains(log, waits.Challenge.ID) {
		t.Errorf("the log has what is in the mail:\n%s", log)
	}
	wants(t, h.metrics(), map[string]float64{
		`cloakroom_mails_total{result="sent"}`: 1, `cloakroom_mails_total{result="failed"}`: 0,
		`cloakroom_account_events_total{event="email_verified"}`: 1,
	})
}

func TestMailThatFailsIsTold(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{Reply: func(line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return "550 5.1.1 no such person"
		}
		return ""
	}})
	h := running(t, configured(t, map[string]string{"mail.url": "smtp://" + sink.Addr(), "mail.from": "a@example.com"}), quick)
	h.do("POST", "/auth/signup", ana)
	h.do("POST", "/auth/password/forgot", `{"email":"ana@example.com"}`)
	until(t, "it is given up", func() bool { return len(h.log.lines(t, "mail_failed")) > 0 })
	if line := h.log.lines(t, "mail_failed")[0]; line["level"] != "WARN" || line["reason"] == nil {
		t.Errorf("got %v", line)
	}
	if strings.Contains(h.log.String(), "ana@example.com") {
		t.Errorf("the log has an address:\n%s", h.log)
	}
	m := h.metrics()
	if figure(m, `cloakroom_mails_total{result="rejected"}`) < 1 || figure(m, `cloakroom_account_events_total{event="mail_failed"}`) < 1 {
		t.Errorf("not counted:\n%s", m)
	}
}

func TestWebhookIsTold(t *testing.T) {
	secret := webhook.NewSecret()
	type call struct {
		header http.Header
		body   string
	}
	calls := make(chan call, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r.Header, string(body)}
	}))
	defer receiver.Close()
	cfg := settings(t)
	cfg.Webhooks = []config.Webhook{{
		Name: "crm", URL: receiver.URL + "/in", Secrets: []webhook.Secret{secret}, Events: []string{"user_created"},
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}}
	h := running(t, cfg, quick)
	h.do("POST", "/auth/signup", ana)
	select {
	case c := <-calls:
		if err := webhook.Verify([]webhook.Secret{secret}, c.header, []byte(c.body), time.Now(), 0); err != nil || !strings.Contains(c.body, `"type":"user_created"`) {
			t.Errorf("%v: %s", err, c.body)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
	}
}

func TestWebhookThatFailsIsCounted(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	defer receiver.Close()
	cfg := settings(t)
	cfg.Webhooks = []config.Webhook{{
		Name: "crm", URL: receiver.URL + "/in-4711", Secrets: []webhook.Secret{webhook.NewSecret()}, Events: []string{"user_created"},
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}}
	h := running(t, cfg, quick)
	h.do("POST", "/auth/signup", ana)
	until(t, "it is given up", func() bool { return figure(h.metrics(), `cloakroom_webhook_failures_total{result="gave_up"}`) == 1 })
	if line := h.log.lines(t, "webhook_failed"); len(line) != 1 || line[0]["level"] != "WARN" || line[0]["reason"] != "crm" || strings.Contains(h.log.String(), "in-4711") {
		t.Errorf("got %v", line)
	}
}

func TestBreachServiceThatIsSilent(t *testing.T) {
	silent := httptest.NewServer(http.NotFoundHandler())
	silent.Close()
	t.Run("a password passes, with a word", func(t *testing.T) {
		h := running(t, configured(t, map[string]string{"password.breached": silent.URL}), quick)
		if up := h.do("POST", "/auth/signup", ana); up.status != 201 {
			t.Error(up)
		}
		if figure(h.metrics(), "cloakroom_breach_checks_skipped_total") != 1 || strings.Contains(h.log.String(), "wisteria") {
			t.Errorf("got\n%s", h.log)
		}
	})
	t.Run("or none is taken", func(t *testing.T) {
		h := running(t, configured(t, map[string]string{"password.breached": silent.URL, "password.breached_fail_closed": "true"}), quick)
		if up := h.do("POST", "/auth/signup", ana); up.status != 503 {
			t.Error(up)
		}
	})
}

func TestMethods(t *testing.T) {
	kinds := func(cfg config.Config) string {
		first, second := parts{}.methods(cfg, nil)
		var names []string
		for _, m := range append(first, second...) {
			names = append(names, m.Name())
			if c, ok := m.(interface{ Check() error }); ok {
				if err := c.Check(); err != nil {
					t.Error(err)
				}
			}
		}
		return strings.Join(names, " ")
	}
	for base, want := range map[string]string{
		"http://127.0.0.1:8400":        "password totp recovery_code",
		"http://[::1]:8400":            "password totp recovery_code",
		"http://localhost:8400":        "password passkey totp passkey recovery_code",
		"https://auth.example.com":     "password passkey totp passkey recovery_code",
		"https://auth.example.com:444": "password passkey totp passkey recovery_code",
		"https://" + strings.Repeat(strings.Repeat("a", 60)+".", 2) + "example": "password passkey totp passkey recovery_code",
	} {
		if got := kinds(configured(t, map[string]string{"base_url": base})); got != want {
			t.Errorf("%s: %s", base, got)
		}
	}
	if got := kinds(configured(t, map[string]string{"base_url": "https://auth.example.com", "passkey.enabled": "false"})); strings.Contains(got, "passkey") {
		t.Errorf("got %s", got)
	}

	cfg := configured(t, map[string]string{
		"base_url": "https://auth.example.com", "passkey.rp_id": "example.com", "passkey.origins": "https://shop.example.com,https://example.org",
		"mail.site": "Example", "password.history": "3", "password.breached": "public", "password.min_length": "15",
	})
	first, second := parts{}.methods(cfg, nil)
	keys := first[1].(passkey.Method)
	if keys.RPID != "example.com" || keys.Site != "Example" || !slices.Equal(keys.Origins, []string{"https://auth.example.com", "https://shop.example.com"}) ||
		!slices.Equal(keys.Related, []string{"https://example.org"}) || second[0].(totp.Method).Issuer != "Example" {
		t.Errorf("got %+v and %+v", keys, second[0])
	}
	if p := first[0].(password.Method); p.History != 3 || p.MinLength != 15 || p.Breached.(password.Range).URL != "" || !slices.Contains(p.Words, "Example") {
		t.Errorf("got %+v", p)
	}
}

func TestTranslateAccounts(t *testing.T) {
	c := translate(configured(t, map[string]string{
		"base_url": "https://auth.example.com", "mail.url": "smtp://localhost", "mail.from": "a@example.com", "mail.locale": "de", "mail.links": "mailcode:/code",
		"mail.templates": t.TempDir(), "signup.verification": "required", "login.mail_code": "sign_up", "mfa.required": "admin,staff", "mfa.remember_device": "off",
		"session.fresh": "5m", "account.delete_after": "off",
	}))
	if !c.VerifyFirst || c.MailCode != (cloakroom.MailCodePolicy{Allowed: true, SignUp: true}) || c.FreshFor != 5*time.Minute || c.DeleteAfter >= 0 {
		t.Errorf("got %+v", c)
	}
	if c.MFA.All || !slices.Equal(c.MFA.Roles, []string{"admin", "staff"}) || c.MFA.RememberDevice >= 0 {
		t.Errorf("got %+v", c.MFA)
	}
	if c.Mail.Site != "auth.example.com" || c.Mail.Locale != "de" || c.Mail.Links["mailcode"] != "/code" || c.Mail.Templates == nil {
		t.Errorf("got %+v", c.Mail)
	}
	all := translate(configured(t, map[string]string{"mfa.required": "all"}))
	if !all.MFA.All || len(all.MFA.Roles) > 0 || all.MFA.RememberDevice != 30*24*time.Hour || all.MailCode.Allowed || all.VerifyFirst || all.Mail.Templates != nil {
		t.Errorf("got %+v", all.MFA)
	}
}

func TestTemplatesThatCannotBe(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "welcome.txt"), []byte("Hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, templates := range []string{folder, filepath.Join(folder, "nowhere")} {
		cfg := settings(t)
		cfg.Mail = config.Mail{URL: "smtp://localhost", From: "a@example.com", Locale: "en", Templates: templates}
		_, err := New(cfg, config.Production, (&logbook{}).logger())
		if err == nil || !strings.Contains(err.Error(), "mail.templates") {
			t.Errorf("%s: %v", templates, err)
		}
	}
}

// A command ends soon: what it orders is sent by a server.
func TestCommandsSendNothing(t *testing.T) {
	sink := smtpsink.Start(t, smtpsink.Sink{})
	cfg := configured(t, map[string]string{"mail.url": "smtp://" + sink.Addr(), "mail.from": "a@example.com"})
	cfg.BaseURL = "http://127.0.0.1:8400"
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Auth.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", Secret: "wisteria-lantern-40"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Auth.ForgotPassword(httptest.NewRequest("POST", "http://127.0.0.1:8400/", nil), "ana@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(sink.Mails()); n > 0 {
		t.Errorf("the command sent %d", n)
	}
	running(t, cfg, quick)
	until(t, "the server has sent it", func() bool { return len(sink.Mails()) == 1 })
}

func TestAccountEventsAreLogged(t *testing.T) {
	s, log := built(t, settings(t), config.Production)
	for event, level := range map[cloakroom.EventType]string{
		cloakroom.CredentialSuspect: "WARN", cloakroom.FactorLocked: "WARN", cloakroom.Disowned: "WARN", cloakroom.MailFailed: "WARN",
		cloakroom.WebhookFailed: "WARN", cloakroom.FactorAdded: "INFO", cloakroom.SetupLinkMade: "DEBUG",
	} {
		s.onEvent(t.Context(), cloakroom.Event{Type: event, UserID: "usr_1", Err: errors.New("why"), Details: map[string]string{"actor": "usr_2", "email": "ana@example.com"}})
		lines := log.lines(t, string(event))
		if len(lines) != 1 || lines[0]["level"] != level || lines[0]["user"] != "usr_1" || lines[0]["actor"] != "usr_2" {
			t.Errorf("%s: %v", event, lines)
		}
	}
	if strings.Contains(log.String(), "ana@example.com") {
		t.Errorf("the log has an address:\n%s", log)
	}
}

func TestAdministrationOverHTTP(t *testing.T) {
	off := running(t, settings(t), quick)
	if r := off.do("GET", "/auth/admin/users", ""); r.status != 404 {
		t.Errorf("off, and yet %v", r)
	}
	on := running(t, configured(t, map[string]string{"admin.http": "true"}), quick)
	if r := on.do("GET", "/auth/admin/users", ""); r.status != 401 {
		t.Errorf("on, and a stranger gets %v", r)
	}
}

func TestWellKnownOfPasskeys(t *testing.T) {
	h := running(t, configured(t, map[string]string{"listen": "localhost:0", "base_url": "http://localhost:8400", "passkey.origins": "https://example.org", "passkey.manage_page": "/me/keys"}), quick)
	if r := h.do("GET", "/.well-known/webauthn", ""); r.status != 200 || !strings.Contains(r.body, `"https://example.org"`) {
		t.Errorf("got %v", r)
	}
	if r := h.do("GET", "/.well-known/passkey-endpoints", ""); r.status != 200 || strings.TrimSpace(r.body) != `{"manage":"http://localhost:8400/me/keys"}` {
		t.Errorf("got %v", r)
	}
	none := running(t, settings(t), quick)
	for _, path := range []string{"/.well-known/webauthn", "/.well-known/passkey-endpoints"} {
		if r := none.do("GET", path, ""); r.status != 404 {
			t.Errorf("%s without passkeys: %v", path, r)
		}
	}
}
