package cloakroom

import (
	"context"
	"net/http"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/requestid"
)

// EventType names what happened. The values are stable.
type EventType string

// What can happen. Each is told once, after it is durable; failures are told too.
const (
	UserCreated       EventType = "user_created"
	UserImported      EventType = "user_imported"
	UserUpdated       EventType = "user_updated"
	UserBanned        EventType = "user_banned"
	UserUnbanned      EventType = "user_unbanned"
	UserDeleted       EventType = "user_deleted"
	CredentialChanged EventType = "credential_changed"
	SignedIn          EventType = "signed_in"
	SignInFailed      EventType = "sign_in_failed"
	SignInChallenged  EventType = "sign_in_challenged"
	SignedOut         EventType = "signed_out"
	GuestBegan        EventType = "guest_began"
	GuestUpgraded     EventType = "guest_upgraded"
	UpgradeFailed     EventType = "upgrade_failed" // OnUpgrade returned Err; both sides keep their data
	SessionRenewed    EventType = "session_renewed"
	SessionRevoked    EventType = "session_revoked"
	SessionsRevoked   EventType = "sessions_revoked" // all of a user, at once
	LimitReached      EventType = "limit_reached"
	DuplicateCookie   EventType = "duplicate_cookie"   // two different good cookies in one request
	InsecureTransport EventType = "insecure_transport" // a Secure cookie was sent over plain http: the browser drops it
	CredentialCorrupt EventType = "credential_corrupt" // a stored credential could not be read
	RequestFailed     EventType = "request_failed"     // answered 500 or 503; Err has the cause

	RefreshRotated  EventType = "refresh_rotated"  // a refresh token was exchanged
	RefreshReplayed EventType = "refresh_replayed" // an exchanged one came again within its grace
	RefreshReused   EventType = "refresh_reused"   // an exchanged one came again later: the session was ended
	RefreshMismatch EventType = "refresh_mismatch" // a refresh cookie came with the cookie of another session: ended, too

	SignUpRequested       EventType = "sign_up_requested"            // where only the mail tells whether there is an account
	SignUpKnown           EventType = "sign_up_known"                // somebody signed up by an e-mail that has an account
	VerificationRequested EventType = "email_verification_requested" // a mail asks for the proof of an e-mail
	EmailVerified         EventType = "email_verified"
	EmailChangeRequested  EventType = "email_change_requested"
	EmailChanged          EventType = "email_changed" // Details: "from", "to"
	PasswordForgotten     EventType = "password_reset_requested"
	PasswordReset         EventType = "password_reset"
	PasswordSet           EventType = "password_set"   // of an account that had none
	ResetRequired         EventType = "reset_required" // no password counts before it was reset
	CodeRequested         EventType = "mail_code_requested"
	CodeApproved          EventType = "mail_code_approved" // from another browser
	NewDevice             EventType = "new_device"         // a sign-in from a kind of device that the account has not seen
	SteppedUp             EventType = "stepped_up"
	FactorAdded           EventType = "factor_added" // Reason has its method, as in the next ones
	FactorRemoved         EventType = "factor_removed"
	FactorRenamed         EventType = "factor_renamed"
	FactorLocked          EventType = "factor_locked" // too many wrong codes
	FactorsReset          EventType = "factors_reset" // all of them, by an administrator
	CredentialSuspect     EventType = "credential_suspect"
	RecoveryCodesChanged  EventType = "recovery_codes_changed"
	RecoveryCodeUsed      EventType = "recovery_code_used" // Details: "remaining"
	DeviceRemembered      EventType = "device_remembered"
	DeletionRequested     EventType = "deletion_requested" // Details: "leaves_at"
	DeletionUndone        EventType = "deletion_undone"
	UserExported          EventType = "user_exported"
	Disowned              EventType = "disowned" // the owner says of a notice: this was not me. Reason has its event

	APIKeyCreated      EventType = "api_key_created" // Details: "key"
	APIKeyRotated      EventType = "api_key_rotated"
	APIKeyRevoked      EventType = "api_key_revoked"
	ImpersonationBegun EventType = "impersonation_begun" // UserID is whom; Details: "actor"; Reason is what the actor gave
	ImpersonationEnded EventType = "impersonation_ended"
	SetupLinkMade      EventType = "setup_link_made"

	MailFailed    EventType = "mail_failed"    // given up; Reason has the letter
	WebhookFailed EventType = "webhook_failed" // given up; Reason has the name of the webhook

	SigningKeyCreated   EventType = "signing_key_created"   // Reason has its id, or those of several
	SigningKeyRotated   EventType = "signing_key_rotated"   // the next key was told to take over
	SigningKeyWithdrawn EventType = "signing_key_withdrawn" // Reason has its id
)

// Event tells what happened to whom. It holds no secret and no token.
type Event struct {
	ID        string // of one that was kept, see Auth.Events; empty in Config.OnEvent
	Type      EventType
	Time      time.Time
	Realm     string
	UserID    string // empty when nobody is known
	SessionID string
	IP        string
	UserAgent string
	RequestID string
	Reason    string // a short stable word, such as "limit", "logout", "wrong_secret"
	Err       error  // for failures, the cause; may be nil
	// Details say more, by stable names. RefreshReused has "presented" and "current", fingerprints of two tokens that
	// open nothing, and "session_ip" and "session_user_agent" of who signed in. Whatever a request of an impersonated session
	// causes has "actor", the id of the administrator; so has what Auth.Administering marks, with "actor_key" if it is done by an API key.
	Details map[string]string
}

// emit hands an event to Config.OnEvent. The hook must not break what it is told about: a panic in it is dropped.
func (a *Auth) emit(ctx context.Context, e Event) {
	a.hurryHooks(e.Type)
	if a.config.OnEvent == nil {
		return
	}
	if e.Time.IsZero() {
		e = a.dated(ctx, e)
	}
	defer func() { _ = recover() }()
	a.config.OnEvent(ctx, e)
}

// emitRequest is emit for what a request did.
func (a *Auth) emitRequest(r *http.Request, e Event) {
	if a.config.OnEvent != nil {
		a.emit(r.Context(), a.requested(r, e))
	}
}

// dated completes an event that happens now.
func (a *Auth) dated(ctx context.Context, e Event) Event {
	e.Time, e.Realm, e.RequestID = a.now(), a.config.Realm, requestid.From(ctx)
	return byActor(ctx, e)
}

// requested completes an event that a request causes now.
func (a *Auth) requested(r *http.Request, e Event) Event {
	e.IP, e.UserAgent = a.clientIP(r), clip(r.UserAgent(), maxAgent)
	return a.dated(r.Context(), e)
}

// maxAgent bounds what is kept of a User-Agent, in bytes.
const maxAgent = 256

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return s
}
