package api

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// adminUserJSON is all that is known of an account but for what it is opened by.
type adminUserJSON struct {
	userJSON
	Locale        string     `json:"locale" doc:"the language of mails (BCP 47); may be empty"`
	Picture       string     `json:"picture" doc:"an https address; may be empty"`
	Phone         string     `json:"phone_number" doc:"E.164, not verified; may be empty"`
	MFA           bool       `json:"mfa_enabled" doc:"a sign-in asks for a second factor"`
	ResetRequired bool       `json:"reset_required" doc:"no password counts before it was reset by mail"`
	ExternalID    string     `json:"external_id" doc:"of the system that the account came from; may be empty"`
	UpdatedAt     time.Time  `json:"updated_at"`
	BannedAt      *time.Time `json:"banned_at" doc:"null: not banned"`
	LeavesAt      *time.Time `json:"leaves_at" doc:"when the account is deleted; until then nobody can sign in to it; null: it stays"`
}

func adminUserOf(u *cloakroom.User) adminUserJSON {
	return adminUserJSON{
		*userOf(u), u.Locale, u.Picture, u.Phone, u.MFA, u.ResetRequired, u.ExternalID, u.UpdatedAt.UTC(), timeOrNull(u.BannedAt), timeOrNull(u.LeavesAt),
	}
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// adminUsersJSON is one page of accounts.
type adminUsersJSON struct {
	Items      []adminUserJSON `json:"items"`
	NextCursor *string         `json:"next_cursor" doc:"for the next page; null on the last one"`
}

type newUserJSON struct {
	Email         string   `json:"email" doc:"at most 254 bytes"`
	EmailVerified bool     `json:"email_verified,omitempty" doc:"true: the e-mail is known to be the user's"`
	Name          string   `json:"name,omitempty" doc:"at most 200 characters"`
	Roles         []string `json:"roles,omitempty" doc:"at most 64; an API key gives only roles of its user, and none that administers"`
	Locale        string   `json:"locale,omitempty" doc:"the language of mails (BCP 47), such as de-AT"`
}

// userPatchJSON is a merge patch of an account by an administrator.
type userPatchJSON struct {
	Email         clearable `json:"email,omitempty" doc:"at most 254 bytes; a new one is not verified unless email_verified says so"`
	EmailVerified *bool     `json:"email_verified,omitempty"`
	Name          clearable `json:"name,omitempty" doc:"at most 200 characters"`
	Roles         []string  `json:"roles,omitempty" doc:"exactly these, at most 64; an API key adds only roles of its user, and none that administers"`
	Locale        clearable `json:"locale,omitempty" doc:"BCP 47, such as de-AT"`
}

type impersonateJSON struct {
	Reason string `json:"reason" doc:"for the record: 1 to 500 characters"`
	termsJSON
}

// adminEventsJSON is one page of what happened.
type adminEventsJSON struct {
	Items      []adminEventJSON `json:"items"`
	NextCursor *string          `json:"next_cursor" doc:"for the next page; null on the last one"`
}

type adminEventJSON struct {
	eventJSON
	UserID string `json:"user_id" doc:"may be empty"`
}

// adminKeysJSON is one page of API keys.
type adminKeysJSON struct {
	Items      []keyJSON `json:"items"`
	NextCursor *string   `json:"next_cursor" doc:"for the next page; null on the last one"`
}

type keyJSON struct {
	ID         string     `json:"id"`
	UserID     string     `json:"user_id" doc:"who acts by it"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	CreatedBy  string     `json:"created_by" doc:"the user who made it; empty: an operator"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at" doc:"null: never"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"to the minute; null: not yet"`
}

func keyOf(k *cloakroom.APIKey) keyJSON {
	return keyJSON{
		k.ID, k.UserID, k.Name, list(k.Scopes), k.CreatedBy, k.CreatedAt.UTC(), timeOrNull(k.ExpiresAt), timeOrNull(k.LastUsedAt),
	}
}

// newKeyJSON is an API key that was made.
type newKeyJSON struct {
	Key string `json:"key" doc:"the key itself, crk_…; shown here and never again"`
	keyJSON
}

type keyRequestJSON struct {
	Name      string    `json:"name" doc:"1 to 100 characters"`
	UserID    string    `json:"user_id,omitempty" doc:"who acts by it; left out: a user that is made for it, with this name and roles"`
	Roles     []string  `json:"roles,omitempty" doc:"of the user that is made; none that is not one's own, and by an API key none that administers"`
	Scopes    []string  `json:"scopes" doc:"1 to 64; what the key opens, such as admin or admin:read"`
	ExpiresAt time.Time `json:"expires_at,omitempty" doc:"left out: never; what an API key makes ends with it at the latest"`
}

type rotateJSON struct {
	Overlap int64 `json:"overlap,omitempty" doc:"seconds for which the old key is good still, at most 2592000 (30 days); left out: it ends at once"`
}
