package api

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

type userJSON struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Name          string    `json:"name"`
	Roles         []string  `json:"roles"`
	CreatedAt     time.Time `json:"created_at"`
}

func userOf(u *cloakroom.User) *userJSON {
	if u == nil {
		return nil
	}
	return &userJSON{u.ID, u.Email, u.EmailVerified, u.Name, list(u.Roles), u.CreatedAt.UTC()}
}

// meJSON is who asks.
type meJSON struct {
	userJSON
	MFA       bool   `json:"mfa_enabled" doc:"a sign-in asks for a second factor"`
	SessionID string `json:"session_id"`
}

func meOf(s *cloakroom.Session) meJSON { return meJSON{*userOf(s.User), s.User.MFA, s.ID} }

// accountJSON is all that an account says about its owner.
type accountJSON struct {
	meJSON
	Locale   string     `json:"locale" doc:"the language of mails (BCP 47); may be empty"`
	Picture  string     `json:"picture" doc:"an https address; may be empty"`
	Phone    string     `json:"phone_number" doc:"E.164, not verified; may be empty"`
	LeavesAt *time.Time `json:"leaves_at" doc:"when the account is deleted; null: it stays"`
}

func accountOf(s *cloakroom.Session) accountJSON {
	u := s.User
	j := accountJSON{meJSON: meOf(s), Locale: u.Locale, Picture: u.Picture, Phone: u.Phone}
	if u.Leaving() {
		at := u.LeavesAt.UTC()
		j.LeavesAt = &at
	}
	return j
}

// accountPatchJSON is a merge patch of an account.
type accountPatchJSON struct {
	Name    clearable `json:"name,omitempty" doc:"at most 200 characters"`
	Locale  clearable `json:"locale,omitempty" doc:"BCP 47, such as de-AT"`
	Picture clearable `json:"picture,omitempty" doc:"an https address"`
	Phone   clearable `json:"phone_number,omitempty" doc:"with the code of its country, such as +4366012345678"`
}

// leavingJSON is an account that can still be kept.
type leavingJSON struct {
	Status   string    `json:"status" enum:"leaving"`
	LeavesAt time.Time `json:"leaves_at" doc:"until then the link in a mail keeps the account"`
}

// activityJSON is one page of what happened.
type activityJSON struct {
	Items      []eventJSON `json:"items"`
	NextCursor *string     `json:"next_cursor" doc:"for the next page; null on the last one"`
}

type eventJSON struct {
	ID        string            `json:"id"`
	Type      string            `json:"type" doc:"such as signed_in"`
	Time      time.Time         `json:"time"`
	IP        string            `json:"ip"`
	UserAgent string            `json:"user_agent"`
	Device    string            `json:"device" doc:"the user agent in words, such as Firefox on Linux; may be empty"`
	Reason    string            `json:"reason" doc:"a short stable word; may be empty"`
	Details   map[string]string `json:"details,omitempty"`
	SessionID string            `json:"session_id" doc:"may be empty"`
	Current   bool              `json:"current" doc:"it happened in the session of this request"`
}
