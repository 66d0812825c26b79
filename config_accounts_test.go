package cloakroom_test

import (
	"context"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestNewRefusesOfAccounts(t *testing.T) {
	out := &authtest.Outbox{}
	links := func(l map[string]string) cloakroom.Config {
		return cloakroom.Config{Mail: cloakroom.MailPolicy{Links: l}}
	}
	for _, c := range []struct {
		name   string
		config cloakroom.Config
		fields []string
	}{
		{"verification without a Mailer", cloakroom.Config{VerifyFirst: true}, []string{"VerifyFirst"}},
		{"codes by mail without a Mailer", cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}}, []string{"MailCode.Allowed"}},
		{"sign-up by a code where none is sent", cloakroom.Config{MailCode: cloakroom.MailCodePolicy{SignUp: true}}, []string{"MailCode.SignUp"}},
		{"a Mailer without a BaseURL", cloakroom.Config{Mailer: out}, []string{"BaseURL"}},
		{"a Mailer that is a nil pointer", cloakroom.Config{Mailer: (*authtest.Outbox)(nil), BaseURL: secure}, []string{"Mailer"}},
		{"a link of no letter", links(map[string]string{"birthday": "/cake"}), []string{"Mail.Links"}},
		{"a link to another site", links(map[string]string{"reset_password": "https://evil.example/reset"}), []string{"Mail.Links"}},
		{"a link without its slash", links(map[string]string{"reset_password": "reset"}), []string{"Mail.Links"}},
		{"an empty link", links(map[string]string{"reset_password": ""}), []string{"Mail.Links"}},
		{"a link that begins a host", links(map[string]string{"reset_password": "//evil.example"}), []string{"Mail.Links"}},
		{"a link with a fragment, where the token would go", links(map[string]string{"reset_password": "/app#/reset"}), []string{"Mail.Links"}},
		{"a link with a space", links(map[string]string{"reset_password": "/re set"}), []string{"Mail.Links"}},
		{"a language that is none", cloakroom.Config{Mail: cloakroom.MailPolicy{Locale: "de_AT"}}, []string{"Mail.Locale"}},
		{"a second factor demanded where there is none", cloakroom.Config{MFA: cloakroom.MFAPolicy{All: true}}, []string{"MFA"}},
		{"a second factor demanded of a role where there is none", cloakroom.Config{MFA: cloakroom.MFAPolicy{Roles: []string{"admin"}}}, []string{"MFA"}},
		{"a role that is none", cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}, MFA: cloakroom.MFAPolicy{Roles: []string{"the boss"}}}, []string{"MFA.Roles"}},
		{"devices remembered longer than cookies live", cloakroom.Config{MFA: cloakroom.MFAPolicy{RememberDevice: 401 * 24 * time.Hour}}, []string{"MFA.RememberDevice"}},
		{"a proof fresh for seconds", cloakroom.Config{FreshFor: 59 * time.Second}, []string{"FreshFor"}},
		{"a proof fresh for days", cloakroom.Config{FreshFor: 25 * time.Hour}, []string{"FreshFor"}},
		{"a proof fresh for less than nothing", cloakroom.Config{FreshFor: -time.Minute}, []string{"FreshFor"}},
		{"a deletion before its mail is there", cloakroom.Config{DeleteAfter: time.Minute}, []string{"DeleteAfter"}},
		{"a deletion in a year", cloakroom.Config{DeleteAfter: 365 * 24 * time.Hour}, []string{"DeleteAfter"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Store = memory.New()
			wantMistakes(t, made(t, c.config), c.fields...)
		})
	}
}

func TestNewAcceptsOfAccounts(t *testing.T) {
	for name, c := range map[string]cloakroom.Config{
		"all that lives by mail": {
			Mailer: &authtest.Outbox{}, BaseURL: secure, VerifyFirst: true, MailCode: cloakroom.MailCodePolicy{Allowed: true, SignUp: true},
			Mail: cloakroom.MailPolicy{Locale: "de-AT", Links: map[string]string{
				"verify_email": "/welcome", "verify_new_email": "/account/email?step=2", "reset_password": "/reset", "mailcode": "/in", "deletion": "/stay", "notice": "/help",
			}},
		},
		"a second factor for all":                      {SecondFactors: []cloakroom.Method{fake{name: "totp"}}, MFA: cloakroom.MFAPolicy{All: true}},
		"times at their limits":                        {FreshFor: time.Minute, DeleteAfter: time.Hour, MFA: cloakroom.MFAPolicy{RememberDevice: 400 * 24 * time.Hour}},
		"times at their other limits":                  {FreshFor: 24 * time.Hour, DeleteAfter: 90 * 24 * time.Hour, MFA: cloakroom.MFAPolicy{RememberDevice: -1}},
		"no grace, and no device is ever trusted":      {DeleteAfter: -1, MFA: cloakroom.MFAPolicy{RememberDevice: -1}},
		"a first factor that counts for two, demanded": {Methods: []cloakroom.Method{binder{fake{name: "passkey"}}}, MFA: cloakroom.MFAPolicy{All: true}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Store = memory.New()
			if err := made(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// binder is a method that is added together with a device.
type binder struct{ cloakroom.Method }

func (binder) Offer(context.Context, cloakroom.Binding) (cloakroom.Offer, error) {
	return cloakroom.Offer{}, nil
}

func (binder) Bind(context.Context, cloakroom.Binding) (cloakroom.Credential, error) {
	return cloakroom.Credential{}, nil
}
