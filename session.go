package cloakroom

import (
	"math"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/device"
)

// Session is the one fact: who, since when, proven by what, on which device, until when. Tokens prove it, carriers
// carry them; when it ends, all of them are dead. A handler gets its own copy.
type Session struct {
	ID   string // "ses_" and a UUIDv7; public, grants nothing
	User *User  // nil for a guest

	CreatedAt       time.Time
	AuthenticatedAt time.Time // the last proof; zero for a guest, and after StopImpersonating
	LastSeenAt      time.Time // to the minute: uses are written together
	ExpiresAt       time.Time // the idle limit or the absolute one, whichever comes first

	Methods   []string // names of the methods that proved it, in order
	Level     int      // 0 guest, 1 one factor, 2 two or more
	Scopes    []string // what it may do, for sessions that are made to do little; empty grants no scope
	IP        string
	UserAgent string
	Remember  bool // the cookie outlives the browser
	Current   bool // the session of this very request; not set in lists, where the ids tell

	// Actor is the id of the administrator who acts as User, see Auth.Impersonate; empty: the user does.
	Actor string

	// What the engine goes by, out of reach of a handler that changes its copy. The hot path makes one of these for
	// every request, so it is kept small.
	carrier carrier
	both    bool // its next token goes to a cookie and to the body, see SetTerms
	signed  bool // its tokens are, as far as its record was at hand; one that came by a signed token has until
	token   TokenID
	auth    *Auth
	ref     SessionRef
	epoch   int64
	ends    uint32  // when it ends however it is used, the same way as issued; 0: as Lifetime has it
	issued  uint32  // when the cookie was last set, in seconds since 1970
	until   uint32  // when the signed token of this request ends, the same way; 0: it came by another
	writes  *writes // what a guard takes back if its handler panics; nil where no guard watches
}

func (s *Session) issuedAt() time.Time { return time.Unix(int64(s.issued), 0).UTC() }

// short is a time in few bytes: seconds since 1970, until 2106.
func short(t time.Time) uint32 { return uint32(min(max(0, t.Unix()), math.MaxUint32)) }

// Anonymous reports whether nobody has signed in: a guest session, which holds data and nothing else.
func (s *Session) Anonymous() bool { return s.User == nil }

// Live reports whether the session has not reached one of its limits.
func (s *Session) Live(now time.Time) bool { return now.Before(s.ExpiresAt) }

// Fresh reports whether a proof was given less than d ago.
func (s *Session) Fresh(now time.Time, d time.Duration) bool {
	return !s.AuthenticatedAt.IsZero() && now.Sub(s.AuthenticatedAt) < d
}

// Device describes UserAgent in words for people, such as "Firefox on Linux". It may be empty.
func (s *Session) Device() string { return device.Name(s.UserAgent) }

// Lifetime says how long sessions live and how many a user may have. NIST SP 800-63B-4 §2.2.3 asks for a definite end.
type Lifetime struct {
	// Idle is how long a session lives without use. Zero means 336 h (14 days). New refuses less than a minute and
	// more than Absolute.
	Idle time.Duration
	// Absolute is how long a session lives however much it is used. Zero means 2160 h (90 days).
	Absolute time.Duration
	// Limit is how many sessions a user may have; the oldest ends when there is one more. Zero means any number.
	Limit int
}

func (l Lifetime) withDefaults() Lifetime {
	if l.Idle == 0 {
		l.Idle = 336 * time.Hour
	}
	if l.Absolute == 0 {
		l.Absolute = 2160 * time.Hour
	}
	return l
}

// end is when a session ends that was created and last seen at these times.
func (l Lifetime) end(created, seen time.Time) time.Time {
	idle, absolute := seen.Add(l.Idle), created.Add(l.Absolute)
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

// endOf is when a session ends if it is not used any more.
func (a *Auth) endOf(rec *SessionRecord) time.Time {
	end := a.lifetime.end(rec.CreatedAt, rec.LastSeenAt)
	if !rec.EndsAt.IsZero() && rec.EndsAt.Before(end) {
		return rec.EndsAt
	}
	return end
}

// endIfSeen is when the session ends if it is used at this time and not again.
func (s *Session) endIfSeen(at time.Time) time.Time {
	end := s.auth.lifetime.end(s.CreatedAt, at)
	if s.ends != 0 && int64(s.ends) < end.Unix() {
		return time.Unix(int64(s.ends), 0).UTC()
	}
	return end
}

// session makes the value that handlers see of what the store keeps. user is nil for a guest.
func (a *Auth) session(rec SessionRecord, user *User) *Session {
	s := &Session{auth: a}
	rec.ExpiresAt = a.endOf(&rec)
	s.read(&rec, user)
	return s
}

// arrival is what a guard has found, in one allocation, because the hot path counts them.
type arrival struct {
	session Session
	user    User
	writes  writes
	lists   [3]string // room for the methods, scopes and roles of most
}

// begin makes the session of a record whose ExpiresAt is the truth, of the user who is there already, or of a guest.
func (v *arrival) begin(a *Auth, rec *SessionRecord) {
	v.session.auth = a
	if rec.UserID == "" {
		v.session.read(rec, nil)
		return
	}
	v.session.read(rec, &v.user)
}

// watched is the session for a handler whose end a guard sees.
func (v *arrival) watched() *Session {
	if v == nil {
		return nil
	}
	v.session.writes = &v.writes
	return &v.session
}

// alone is the session for everybody else.
func (v *arrival) alone() *Session {
	if v == nil {
		return nil
	}
	return &v.session
}

// read takes over what a record says.
func (s *Session) read(rec *SessionRecord, user *User) {
	s.token, s.ref, s.epoch, s.issued = rec.Token, rec.Ref(), rec.Epoch, short(rec.IssuedAt)
	s.ID, s.User = rec.ID, user
	s.CreatedAt, s.AuthenticatedAt, s.LastSeenAt = rec.CreatedAt, rec.AuthenticatedAt, rec.LastSeenAt
	s.ExpiresAt = rec.ExpiresAt
	s.signed = len(rec.Refresh) > 0 // the cache keeps none of them
	s.Methods, s.Level, s.Scopes = rec.Methods, rec.Level, rec.Scopes
	s.Remember, s.IP, s.UserAgent = rec.Remember, rec.IP, rec.Agent
	if !rec.EndsAt.IsZero() {
		s.ends = short(rec.EndsAt)
	}
	if rec.Actor != nil {
		s.Actor = rec.Actor.UserID
		s.Methods, _ = readMandate(rec.Methods)
	}
}
