package api

import (
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

type logoutJSON struct {
	Scope        string `json:"scope,omitempty" enum:"this,others,all" doc:"which sessions end; default this"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"ends its session, where no other credential is at hand"`
}

type refreshJSON struct {
	RefreshToken string `json:"refresh_token,omitempty" doc:"wins over the refresh cookie; without either: 401"`
	Delivery     string `json:"delivery,omitempty" enum:"cookie,bearer" doc:"need not be said: the new pair goes out as the refresh token came, bearer being the body; anything else is refused"`
	Token        string `json:"token,omitempty" enum:"signed" doc:"need not be said: what is refreshed is signed; anything else is refused"`
}

// check refuses terms that are not those by which the session goes on anyway.
func (in refreshJSON) check() error {
	came := cloakroom.DeliverCookie
	if in.RefreshToken != "" {
		came = cloakroom.DeliverBearer
	}
	var bad cloakroom.FieldErrors
	switch cloakroom.Delivery(in.Delivery) {
	case "", came:
	case cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth:
		bad = append(bad, cloakroom.FieldError{Field: "delivery", Code: "not_allowed", Message: "a refresh token in the body is renewed by bearer, one in a cookie by cookie"})
	default:
		bad = append(bad, cloakroom.FieldError{Field: "delivery", Code: "unknown_value", Message: "must be cookie or bearer"})
	}
	switch cloakroom.TokenForm(in.Token) {
	case "", cloakroom.Signed:
	case cloakroom.Opaque:
		bad = append(bad, cloakroom.FieldError{Field: "token", Code: "not_allowed", Message: "what is refreshed stays signed"})
	default:
		bad = append(bad, cloakroom.FieldError{Field: "token", Code: "unknown_value", Message: "must be signed"})
	}
	if bad != nil {
		return bad
	}
	return nil
}

// refreshedJSON is a session that goes on with new tokens.
type refreshedJSON struct {
	Tokens  *tokensJSON  `json:"tokens,omitempty" doc:"absent when the refresh token came in a cookie: the new pair does, too"`
	Session *sessionJSON `json:"session" null:"never"`
}

type tokenJSON struct {
	Audience string `json:"audience,omitempty" doc:"the service that the token is for, 1 to 256 visible ASCII characters; the configuration has the default"`
}

type sessionJSON struct {
	ID              string     `json:"id"`
	CreatedAt       time.Time  `json:"created_at"`
	LastSeenAt      time.Time  `json:"last_seen_at"`
	ExpiresAt       time.Time  `json:"expires_at"`
	AuthenticatedAt *time.Time `json:"authenticated_at" doc:"null for a guest, and after an impersonation until a step-up"`
	Methods         []string   `json:"methods"`
	Level           int        `json:"level" doc:"0 a guest, 1 proven by one factor, 2 by two"`
	Anonymous       bool       `json:"anonymous" doc:"true for a guest, who has not signed in"`
	Current         bool       `json:"current" doc:"the session of this request"`
	IP              string     `json:"ip"`
	UserAgent       string     `json:"user_agent"`
	Device          string     `json:"device" doc:"the user agent in words, such as Firefox on Linux; may be empty"`
	Actor           string     `json:"actor,omitempty" doc:"the id of the administrator who acts as the user"`
}

// stateJSON is the answer to "who is there?".
type stateJSON struct {
	Session *sessionJSON `json:"session"`
	User    *userJSON    `json:"user"`
}

// pageJSON is one page of a list.
type pageJSON struct {
	Items      []sessionJSON `json:"items"`
	NextCursor *string       `json:"next_cursor" doc:"for the next page; null on the last one"`
}

func sessionOf(s *cloakroom.Session) *sessionJSON {
	if s == nil {
		return nil
	}
	j := &sessionJSON{
		ID: s.ID, CreatedAt: s.CreatedAt.UTC(), LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		Methods: list(s.Methods), Level: s.Level, Anonymous: s.Anonymous(), Current: s.Current,
		IP: s.IP, UserAgent: s.UserAgent, Device: s.Device(), Actor: s.Actor,
	}
	if !s.AuthenticatedAt.IsZero() {
		at := s.AuthenticatedAt.UTC()
		j.AuthenticatedAt = &at
	}
	return j
}
