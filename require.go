package cloakroom

import (
	"slices"
	"time"
)

// Requirement is what a session must have beyond being alive. Several are AND-ed. The zero value is met by nobody.
type Requirement struct {
	kind  requirementKind
	names []string
	age   time.Duration
}

type requirementKind int

const (
	needNothingKnown requirementKind = iota // the zero value fails closed
	needRole
	needScope
	needVerified
	needMaxAge
	needMFA
)

// Role is met by users who hold at least one of the roles; give Role twice to ask for two. No names: by nobody.
func Role(anyOf ...string) Requirement { return Requirement{kind: needRole, names: anyOf} }

// Scope is met by sessions that were made with all of these scopes. No names: by none.
func Scope(allOf ...string) Requirement { return Requirement{kind: needScope, names: allOf} }

// MaxAge is met by sessions that were proven less than d ago. Otherwise the answer asks for a fresh proof (RFC 9470).
func MaxAge(d time.Duration) Requirement { return Requirement{kind: needMaxAge, age: d} }

var (
	// Verified is met by users whose e-mail is verified.
	Verified = Requirement{kind: needVerified}
	// MFA is met by sessions that were proven by two factors. Otherwise the answer asks for one more (RFC 9470).
	MFA = Requirement{kind: needMFA}
)

// Meets returns nil when s is the session of a user and meets all of need, and otherwise the error that Fail answers:
// ErrUnauthenticated, ErrForbidden or *StepUpError. It is for what a guard cannot see, such as one field of a GraphQL
// document. A nil session meets nothing.
func (s *Session) Meets(need ...Requirement) error {
	if s == nil || s.Anonymous() {
		return ErrUnauthenticated
	}
	for i := range need {
		if err := need[i].met(s, s.auth.now()); err != nil {
			return err
		}
	}
	return nil
}

func (n *Requirement) met(s *Session, now time.Time) error {
	ok := false
	switch n.kind {
	case needRole:
		ok = s.User.Is(n.names...)
	case needScope:
		ok = len(n.names) > 0 && !slices.ContainsFunc(n.names, func(name string) bool { return !slices.Contains(s.Scopes, name) })
	case needVerified:
		ok = s.User.EmailVerified
	case needMaxAge:
		if !s.Fresh(now, n.age) {
			return &StepUpError{MaxAge: n.age}
		}
		ok = true
	case needMFA:
		if s.Level < 2 {
			return &StepUpError{MFA: true}
		}
		ok = true
	}
	if !ok {
		return ErrForbidden
	}
	return nil
}
