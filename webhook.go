package cloakroom

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

// Webhook is an address that is told of events, in the format of Standard Webhooks: a POST of JSON, signed with HMAC-SHA-256
// in the headers webhook-id, webhook-timestamp and webhook-signature. What is not answered with 2xx comes again, less and
// less often, for three days, and not before the answer's Retry-After; after 410 (Gone) it does not. The id is the same at every try.
//
//	{"type": "signed_in", "timestamp": "2026-01-01T00:00:00Z",
//	 "data": {"user_id": "usr_…", "session_id": "ses_…", "ip": "…", "user_agent": "…", "request_id": "…"}}
//
// data may also have realm, reason and details, see Event, and lacks what is empty.
type Webhook struct {
	Name string // 1 to 64 letters, digits or ._:-, and stable: waiting deliveries go by it
	URL  string // https, or an address of Allow
	// Secrets sign, all of them: to replace one, give both for a while. Each reads whsec_ and 24 to 64 bytes in base64.
	Secrets []string
	// Events are the types that it is told of. Empty: all that are kept, but for WebhookFailed, which no webhook is told of.
	Events []EventType
	// Allow are networks that are reached though they are private, loopback or link-local. Empty: none, so that no address can
	// be used to reach what only this machine can.
	Allow []netip.Prefix
}

// webhooks checks them, and quotes neither an address nor a secret: both open something.
func (m *mistakes) webhooks(list []Webhook) {
	seen := map[string]bool{}
	for i, w := range list {
		if !validRole(w.Name) || seen[w.Name] {
			m.add("Webhooks", fmt.Sprintf("number %d has the name %q, which another has, or which cannot be", i+1, w.Name),
				"give each a name of its own: 1 to 64 letters, digits or ._:-")
		}
		seen[w.Name] = true
		m.webhook(w)
	}
}

func (m *mistakes) webhook(w Webhook) {
	const makeSecret = "make one with: echo whsec_$(openssl rand -base64 32)"
	if err := webhook.CheckURL(w.URL, w.Allow); err != nil {
		m.add("Webhooks.URL", fmt.Sprintf("of %q: %v", w.Name, err), "give a public https address, or list its network in Allow")
	}
	if len(w.Secrets) == 0 {
		m.add("Webhooks.Secrets", fmt.Sprintf("of %q are missing: its receiver could not tell us from others", w.Name), makeSecret)
	}
	for _, text := range w.Secrets {
		if _, err := webhook.ParseSecret(text); err != nil {
			m.add("Webhooks.Secrets", fmt.Sprintf("of %q: %v", w.Name, err), makeSecret)
		}
	}
	for _, t := range w.Events {
		if !slices.Contains(hookEvents, t) {
			m.add("Webhooks.Events", fmt.Sprintf("of %q: %q is no event that webhooks are told of", w.Name, t),
				"use an EventType that is kept, or leave Events empty for all")
		}
	}
	if slices.ContainsFunc(w.Allow, func(p netip.Prefix) bool { return !p.IsValid() }) {
		m.add("Webhooks.Allow", fmt.Sprintf("of %q has a network that is none", w.Name), "write it like 10.1.0.0/16")
	}
}

// hookEvents are the types of the events that are kept, which is what webhooks can be told of. The others are for
// Config.OnEvent alone: they come with every other request, or tell of what went wrong here. WebhookFailed is kept, but
// telling it would have no end.
var hookEvents = []EventType{
	UserCreated, UserImported, UserUpdated, UserBanned, UserUnbanned, UserDeleted, CredentialChanged, SignedIn, SignInFailed, SignedOut,
	SessionRenewed, SessionRevoked, SessionsRevoked, RefreshReused, RefreshMismatch,
	SignUpRequested, SignUpKnown, VerificationRequested, EmailVerified, EmailChangeRequested, EmailChanged, PasswordForgotten, PasswordReset,
	PasswordSet, ResetRequired, CodeRequested, CodeApproved, NewDevice, SteppedUp, FactorAdded, FactorRemoved, FactorRenamed, FactorLocked,
	FactorsReset, CredentialSuspect, RecoveryCodesChanged, RecoveryCodeUsed, DeviceRemembered, DeletionRequested, DeletionUndone,
	UserExported, Disowned, APIKeyCreated, APIKeyRotated, APIKeyRevoked, ImpersonationBegun, ImpersonationEnded, SetupLinkMade,
	MailFailed, SigningKeyCreated, SigningKeyRotated, SigningKeyWithdrawn,
}
