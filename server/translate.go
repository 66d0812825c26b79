package server

import (
	"net/http"
	"os"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// translate says in the engine's words what the configuration says in the operator's. Stores, secrets and methods are
// the caller's to add.
func translate(c config.Config) cloakroom.Config {
	return cloakroom.Config{
		BaseURL: c.Base(),
		Cookie: cloakroom.Cookie{
			Name: c.Cookie.Name, RefreshName: c.Cookie.RefreshName, Domain: c.Cookie.Domain,
			SameSite: sameSite[c.Cookie.SameSite], Secure: secure[c.Cookie.Secure],
		},
		Bearer:         cloakroom.Bearer{ResponseHeader: c.Bearer.ResponseHeader},
		Delivery:       cloakroom.DeliveryPolicy{Allow: deliveries(c.Delivery.Allow), Default: cloakroom.Delivery(c.Delivery.Default)},
		Token:          tokens(c),
		Clients:        clients(c.Introspection.Clients),
		Session:        cloakroom.Lifetime{Idle: c.Session.Idle, Absolute: c.Session.Absolute, Limit: c.Session.Limit},
		Limits:         cloakroom.Limits{InsecureNoLogin: !c.Limits.Login, InsecureNoSignup: !c.Limits.Signup, InsecureNoGuest: !c.Limits.Signup},
		SignupClosed:   !c.Signup.Open,
		VerifyFirst:    c.Signup.Verification == "required",
		Mail:           mails(c),
		MailCode:       cloakroom.MailCodePolicy{Allowed: c.Login.MailCode != "off", SignUp: c.Login.MailCode == "sign_up"},
		MFA:            secondFactors(c),
		FreshFor:       c.Session.Fresh,
		DeleteAfter:    orNone(c.Account.DeleteAfter),
		Webhooks:       webhooks(c.Webhooks),
		TrustedProxies: c.TrustedProxies,
		Origins:        c.Origins,
		Cache:          orNone(c.Cache.Size),
		Staleness:      c.Revocation.Staleness,
		KeepEvents:     c.Events.Keep,
	}
}

// orNone is a value of the configuration, where 0 is none, as the engine has it, where 0 is the default.
func orNone[T ~int64](value T) T {
	if value == 0 {
		return -1
	}
	return value
}

var sameSite = map[string]http.SameSite{
	"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

var secure = map[string]cloakroom.SecureMode{
	"auto": cloakroom.SecureAuto, "true": cloakroom.SecureAlways, "false": cloakroom.SecureNever,
}

func tokens(c config.Config) cloakroom.TokenPolicy {
	p := cloakroom.TokenPolicy{
		Default: cloakroom.TokenForm(c.Token.Default), Issuer: c.Issuer(), Audience: c.Token.Audience, Algorithm: c.Token.Algorithm,
		AccessTTL: c.Token.AccessTTL, RefreshGrace: c.Token.RefreshGrace, KeyAge: c.Token.KeyAge,
	}
	for _, form := range c.Token.Allow {
		p.Allow = append(p.Allow, cloakroom.TokenForm(form))
	}
	return p
}

func mails(c config.Config) cloakroom.MailPolicy {
	p := cloakroom.MailPolicy{Site: c.Site(), Locale: c.Mail.Locale, Links: map[string]string{}}
	if c.Mail.Templates != "" {
		p.Templates = os.DirFS(c.Mail.Templates)
	}
	for _, l := range c.Mail.Links {
		p.Links[l.Letter] = l.Path
	}
	return p
}

func secondFactors(c config.Config) cloakroom.MFAPolicy {
	p := cloakroom.MFAPolicy{All: c.AllNeedMFA(), RememberDevice: orNone(c.MFA.RememberDevice)}
	if !p.All {
		p.Roles = c.MFA.Required
	}
	return p
}

func webhooks(configured []config.Webhook) []cloakroom.Webhook {
	list := make([]cloakroom.Webhook, len(configured))
	for i, w := range configured {
		list[i] = cloakroom.Webhook{Name: w.Name, URL: w.URL, Allow: w.Allow}
		for _, s := range w.Secrets {
			list[i].Secrets = append(list[i].Secrets, s.Reveal())
		}
		for _, e := range w.Events {
			list[i].Events = append(list[i].Events, cloakroom.EventType(e))
		}
	}
	return list
}

func clients(configured []config.Client) []cloakroom.Client {
	list := make([]cloakroom.Client, len(configured))
	for i, c := range configured {
		list[i] = cloakroom.Client{ID: c.ID, SecretHash: c.SHA256}
	}
	return list
}

func deliveries(names []string) []cloakroom.Delivery {
	list := make([]cloakroom.Delivery, len(names))
	for i, name := range names {
		list[i] = cloakroom.Delivery(name)
	}
	return list
}
