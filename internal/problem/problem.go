// Package problem writes errors as RFC 9457 problem documents. The codes stand in one table, from which the docs page
// and clients are made: a code, once published, keeps its meaning.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Code is a stable name for what went wrong, with the status and the title that belong to it.
type Code struct {
	Name   string
	Status int
	Title  string
	Help   string // what a client should do, for the docs
}

// The codes of the wire. Keep the list in order of status.
var (
	InvalidJSON          = Code{"invalid_json", 400, "Malformed JSON", "Send one JSON object, UTF-8, with fields of the documented types."}
	AmbiguousCredentials = Code{"ambiguous_credentials", 400, "More than one credential", "Send one Authorization header."}
	InvalidRequest       = Code{"invalid_request", 400, "Malformed request", "Mend the request; it was not understood."}
	WrongAnswer          = Code{"wrong_answer", 400, "Answer not right", "Nothing was changed; let the user try again."}
	Unauthenticated      = Code{"unauthenticated", 401, "Not signed in", "Sign in."}
	InvalidToken         = Code{"invalid_token", 401, "Token not valid", "The session is certainly over, or its signed token has expired: refresh that, or drop it and sign in."}
	InvalidCredentials   = Code{"invalid_credentials", 401, "Credentials not right", "Let the user try again; it is not told what was wrong."}
	InvalidChallenge     = Code{"invalid_challenge", 401, "Sign-in attempt over", "Start the sign-in again."}
	RefreshTokenMissing  = Code{"refresh_token_missing", 401, "No refresh token", "Send it as refresh_token in the body, or in its cookie; otherwise sign in."}
	InvalidRefreshToken  = Code{"invalid_refresh_token", 401, "Refresh token not valid", "The session is certainly over. Drop all tokens and sign in."}
	RefreshTokenReused   = Code{"refresh_token_reused", 401, "Refresh token used before", "Two clients held this token, so its session was ended. Sign in again."}
	RefreshTokenMismatch = Code{"refresh_token_mismatch", 401, "Cookies of two sessions", "The session of the refresh cookie was ended. Sign in again, unless the other session is the one you want."}
	InvalidClient        = Code{"invalid_client", 401, "Unknown client or wrong secret", "Authenticate with HTTP Basic as a client of the configuration."}
	StepUpRequired       = Code{"step_up_required", 401, "Stronger sign-in needed", "Ask for a fresh or second proof, as WWW-Authenticate says (RFC 9470)."}
	CrossOrigin          = Code{"cross_origin", 403, "Cross-origin request refused", "Call from the same origin, or list the origin in the configuration."}
	Forbidden            = Code{"forbidden", 403, "Not allowed", "Whoever asks may not do this, and signing in again does not change it."}
	UserBanned           = Code{"user_banned", 403, "Account banned", "Tell the user to contact the operator."}
	EmailNotVerified     = Code{"email_not_verified", 403, "E-mail not verified", "A mail with a link was sent; the account opens when the link was followed."}
	ResetRequired        = Code{"password_reset_required", 403, "Password must be reset", "Reset the password by mail."}
	Impersonated         = Code{"impersonated", 403, "Not while acting as somebody else", "End the impersonation first."}
	SignupClosed         = Code{"signup_closed", 403, "Sign-up is closed", "Accounts are made by the operator."}
	NotFound             = Code{"not_found", 404, "Not found", "Nothing is here, or nothing that is yours."}
	MethodNotAllowed     = Code{"method_not_allowed", 405, "Method not allowed", "Use a method of the Allow header."}
	EmailTaken           = Code{"email_taken", 409, "E-mail has an account", "Sign in instead."}
	PasswordSet          = Code{"password_already_set", 409, "Account has a password", "Change it, or reset it by mail."}
	FactorExists         = Code{"factor_exists", 409, "Factor is there already", "Remove the one there is first. Of recovery codes: others were made or used at the same moment; ask for new ones if you hold none that are good."}
	LastMethod           = Code{"last_method", 409, "Only way to sign in", "Add another way first."}
	LastAdmin            = Code{"last_admin", 409, "Last administrator", "Make somebody else an administrator first."}
	InvalidLink          = Code{"invalid_link", 410, "Link no longer valid", "The link was used, or a newer one was sent. Ask for a new one."}
	ExpiredLink          = Code{"expired_link", 410, "Link too old", "Ask for a new one."}
	PayloadTooLarge      = Code{"payload_too_large", 413, "Body too large", "Send at most 64 KiB."}
	UnsupportedMediaType = Code{"unsupported_media_type", 415, "Unsupported media type", "Send Content-Type: application/json; introspection takes a form, too."}
	ValidationFailed     = Code{"validation_failed", 422, "Fields cannot be taken", "The member errors names each field."}
	RateLimited          = Code{"rate_limited", 429, "Too many tries", "Wait as long as Retry-After says."}
	FactorLocked         = Code{"mfa_locked", 429, "Too many wrong codes", "No code is taken for this account before Retry-After, right or wrong."}
	Internal             = Code{"internal", 500, "Internal error", "Report the request_id to the operator."}
	Unavailable          = Code{"unavailable", 503, "Temporarily unavailable", "No session was opened or ended. Try again after Retry-After; after a sign-up the account may exist already: sign in then."}
)

// Codes returns all codes in order of status.
func Codes() []Code {
	return []Code{
		InvalidJSON, AmbiguousCredentials, InvalidRequest, WrongAnswer, Unauthenticated, InvalidToken, InvalidCredentials,
		InvalidChallenge, RefreshTokenMissing, InvalidRefreshToken, RefreshTokenReused, RefreshTokenMismatch, InvalidClient,
		StepUpRequired, CrossOrigin, Forbidden, UserBanned, EmailNotVerified, ResetRequired, Impersonated, SignupClosed,
		NotFound, MethodNotAllowed, EmailTaken, PasswordSet, FactorExists, LastMethod, LastAdmin, InvalidLink, ExpiredLink,
		PayloadTooLarge, UnsupportedMediaType, ValidationFailed, RateLimited, FactorLocked, Internal, Unavailable,
	}
}

// Doc is where the types of problems are explained.
const Doc = "https://github.com/cloakroom-auth/cloakroom/blob/main/docs/errors.md"

// Document is the body of an error.
type Document struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Error     string `json:"error,omitempty"` // see ForClients
	Errors    any    `json:"errors,omitempty"`
}

// ForClients returns w for an endpoint whose caller is an OAuth client: the documents that Write writes to it have, beside
// their own members, the member error of RFC 6749 §5.2, where that has a code for what went wrong.
func ForClients(w http.ResponseWriter) http.ResponseWriter { return forClients{w} }

type forClients struct{ http.ResponseWriter }

// oauth is the code of RFC 6749 §5.2, or "" if it has none.
func (c Code) oauth() string {
	if c == InvalidClient {
		return c.Name
	}
	switch c.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return InvalidRequest.Name
	}
	return ""
}

// Write answers with the code. Without a detail of its own the document says what to do about the code. Headers that belong to it must be set before.
func Write(w http.ResponseWriter, c Code, detail, requestID string, fields any) {
	if detail == "" {
		detail = c.Help
	}
	document := Document{
		Type: Doc + "#" + c.Name, Title: c.Title, Status: c.Status, Code: c.Name,
		Detail: detail, RequestID: requestID, Errors: fields,
	}
	if _, ok := w.(forClients); ok {
		document.Error = c.oauth()
	}
	body, err := json.Marshal(document)
	if err != nil { // fields are ours and always marshal
		body = fmt.Appendf(nil, `{"status":%d,"code":%q}`, c.Status, c.Name)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(c.Status)
	_, _ = w.Write(append(body, '\n'))
}
