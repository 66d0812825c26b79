package cloakroom

import (
	"context"
	"time"
)

// maxExported is how many events an Export has at most.
const maxExported = 10_000

// Export is everything that is kept of a user, but for secrets and what the app itself keeps in sessions: a value for JSON,
// for the right of access (GDPR Art. 15 and 20).
type Export struct {
	ExportedAt time.Time         `json:"exported_at"`
	User       ExportedProfile   `json:"user"`
	Factors    []ExportedFactor  `json:"factors"`
	Sessions   []ExportedSession `json:"sessions"` // that live
	APIKeys    []ExportedKey     `json:"api_keys"`
	Events     []ExportedEvent   `json:"events"`               // newest first
	EventsCut  bool              `json:"events_cut,omitempty"` // there are older ones than the 10,000
}

// ExportedProfile is a User in an Export. Fields are as in User.
type ExportedProfile struct {
	ID            string    `json:"id"`
	ExternalID    string    `json:"external_id,omitempty"`
	Realm         string    `json:"realm,omitempty"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Name          string    `json:"name"`
	Locale        string    `json:"locale,omitempty"`
	Picture       string    `json:"picture,omitempty"`
	Phone         string    `json:"phone_number,omitempty"`
	Roles         []string  `json:"roles"`
	MFA           bool      `json:"mfa_enabled"`
	ResetRequired bool      `json:"reset_required"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	BannedAt      time.Time `json:"banned_at,omitzero"`
	LeavesAt      time.Time `json:"leaves_at,omitzero"`
}

// ExportedFactor is a Factor in an Export.
type ExportedFactor struct {
	ID        string    `json:"id"`
	Method    string    `json:"method"`
	Name      string    `json:"name,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"last_used_at"`
	About     any       `json:"about,omitempty"`
}

// ExportedSession is a Session in an Export.
type ExportedSession struct {
	ID              string    `json:"id"`
	CreatedAt       time.Time `json:"created_at"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
	LastSeenAt      time.Time `json:"last_seen_at"`
	ExpiresAt       time.Time `json:"expires_at"`
	Methods         []string  `json:"methods"`
	Level           int       `json:"level"`
	Scopes          []string  `json:"scopes,omitempty"`
	IP              string    `json:"ip"`
	UserAgent       string    `json:"user_agent"`
	Actor           string    `json:"actor,omitempty"` // the administrator who acts as the user
}

// ExportedKey is an API key in an Export.
type ExportedKey struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Scopes     []string  `json:"scopes"`
	CreatedBy  string    `json:"created_by,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// ExportedEvent is an Event in an Export.
type ExportedEvent struct {
	ID        string            `json:"id"`
	Type      EventType         `json:"type"`
	Time      time.Time         `json:"time"`
	SessionID string            `json:"session_id,omitempty"`
	IP        string            `json:"ip,omitempty"`
	UserAgent string            `json:"user_agent,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Details   map[string]string `json:"details,omitempty"`
}

// Export gathers what is kept of a user, and records the event UserExported. It is not of one instant: what changes
// meanwhile may be in it or not. Errors: ErrNotFound, *UnavailableError.
func (a *Auth) Export(ctx context.Context, userID string) (*Export, error) {
	user, err := a.Users().Get(ctx, userID)
	if err != nil {
		return nil, err
	}
	e := &Export{ExportedAt: a.now(), User: exportedProfile(user)}
	for _, gather := range []func(context.Context, string, *Export) error{
		a.exportFactors, a.exportSessions, a.exportKeys, a.exportEvents,
	} {
		if err := gather(ctx, userID, e); err != nil {
			return nil, err
		}
	}
	told := a.dated(ctx, Event{Type: UserExported, UserID: userID})
	if err := a.directory.Append(ctx, nil, a.records(told)); err != nil {
		return nil, unavailable(err)
	}
	a.emit(ctx, told)
	return e, nil
}

func exportedProfile(u *User) ExportedProfile {
	return ExportedProfile{
		ID: u.ID, ExternalID: u.ExternalID, Realm: u.Realm, Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name,
		Locale: u.Locale, Picture: u.Picture, Phone: u.Phone, Roles: list(u.Roles), MFA: u.MFA, ResetRequired: u.ResetRequired,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, BannedAt: u.BannedAt, LeavesAt: u.LeavesAt,
	}
}

// list is a list that JSON shows as one, though it is empty.
func list(s []string) []string { return append([]string{}, s...) }

func (a *Auth) exportFactors(ctx context.Context, userID string, e *Export) error {
	factors, err := a.Factors(ctx, userID)
	e.Factors = make([]ExportedFactor, len(factors))
	for i, f := range factors {
		e.Factors[i] = ExportedFactor{ID: f.ID, Method: f.Method, Name: f.Name, CreatedAt: f.CreatedAt, UsedAt: f.UsedAt, About: f.About}
	}
	return err
}

func (a *Auth) exportSessions(ctx context.Context, userID string, e *Export) error {
	e.Sessions = []ExportedSession{}
	for s, err := range a.Sessions().Of(ctx, userID) {
		if err != nil {
			return err
		}
		e.Sessions = append(e.Sessions, ExportedSession{
			ID: s.ID, CreatedAt: s.CreatedAt, AuthenticatedAt: s.AuthenticatedAt, LastSeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt,
			Methods: list(s.Methods), Level: s.Level, Scopes: s.Scopes, IP: s.IP, UserAgent: s.UserAgent, Actor: s.Actor,
		})
	}
	return nil
}

func (a *Auth) exportKeys(ctx context.Context, userID string, e *Export) error {
	e.APIKeys = []ExportedKey{}
	q := APIKeyQuery{Realm: a.config.Realm, UserID: userID, Max: pageSize}
	for {
		page, err := a.directory.APIKeys(ctx, q)
		if err != nil {
			return unavailable(err)
		}
		for _, k := range page {
			e.APIKeys = append(e.APIKeys, ExportedKey{
				ID: k.ID, Name: k.Name, Scopes: list(k.Scopes), CreatedBy: k.CreatedBy, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt,
			})
		}
		if len(page) < q.Max {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
}

func (a *Auth) exportEvents(ctx context.Context, userID string, e *Export) error {
	e.Events = []ExportedEvent{}
	for v, err := range a.Events().Of(ctx, userID) {
		if err != nil {
			return err
		}
		if len(e.Events) == maxExported {
			e.EventsCut = true
			return nil
		}
		e.Events = append(e.Events, ExportedEvent{
			ID: v.ID, Type: v.Type, Time: v.Time, SessionID: v.SessionID, IP: v.IP, UserAgent: v.UserAgent, Reason: v.Reason, Details: v.Details,
		})
	}
	return nil
}
