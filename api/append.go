package api

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// appendState appends what json.Marshal makes of stateJSON, without its reflection: it is what every page asks first.
func appendState(b []byte, s *cloakroom.Session) []byte {
	if s == nil {
		return append(b, `{"session":null,"user":null}`...)
	}
	b = appendSession(append(b, `{"session":`...), s)
	b = append(b, `,"user":`...)
	if s.User == nil {
		return append(b, `null}`...)
	}
	return append(appendUser(b, s.User), '}')
}

func appendSession(b []byte, s *cloakroom.Session) []byte {
	b = appendString(append(b, `{"id":`...), s.ID)
	b = appendTime(append(b, `,"created_at":`...), s.CreatedAt)
	b = appendTime(append(b, `,"last_seen_at":`...), s.LastSeenAt)
	b = appendTime(append(b, `,"expires_at":`...), s.ExpiresAt)
	b = append(b, `,"authenticated_at":`...)
	if s.AuthenticatedAt.IsZero() {
		b = append(b, `null`...)
	} else {
		b = appendTime(b, s.AuthenticatedAt)
	}
	b = appendList(append(b, `,"methods":`...), s.Methods)
	b = strconv.AppendInt(append(b, `,"level":`...), int64(s.Level), 10)
	b = strconv.AppendBool(append(b, `,"anonymous":`...), s.Anonymous())
	b = strconv.AppendBool(append(b, `,"current":`...), s.Current)
	b = appendString(append(b, `,"ip":`...), s.IP)
	b = appendString(append(b, `,"user_agent":`...), s.UserAgent)
	b = appendString(append(b, `,"device":`...), s.Device())
	if s.Actor != "" {
		b = appendString(append(b, `,"actor":`...), s.Actor)
	}
	return append(b, '}')
}

func appendUser(b []byte, u *cloakroom.User) []byte {
	b = appendString(append(b, `{"id":`...), u.ID)
	b = appendString(append(b, `,"email":`...), u.Email)
	b = strconv.AppendBool(append(b, `,"email_verified":`...), u.EmailVerified)
	b = appendString(append(b, `,"name":`...), u.Name)
	b = appendList(append(b, `,"roles":`...), u.Roles)
	b = appendTime(append(b, `,"created_at":`...), u.CreatedAt)
	return append(b, '}')
}

func appendList(b []byte, items []string) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, item)
	}
	return append(b, ']')
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendString leaves what needs escaping to encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
