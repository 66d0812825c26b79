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
	// open nothing, and "session_ip" and "session_user_agent" of who signed in.
	Details map[string]string
}

// emit hands an event to Config.OnEvent. The hook must not break what it is told about: a panic in it is dropped.
func (a *Auth) emit(ctx context.Context, e Event) {
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
	return e
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
