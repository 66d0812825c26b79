package cloakroom

import (
	"cmp"
	"errors"
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
	needSensitive
	needKeyScope
	liftPolicy // the last
)

// Role is met by users who hold at least one of the roles, or one that brings it along (Config.RoleIncludes); give Role twice to ask
// for two. No names: by nobody.
func Role(anyOf ...string) Requirement { return Requirement{kind: needRole, names: anyOf} }

// Scope is met by sessions that were made with all of these scopes. No names: by none.
func Scope(allOf ...string) Requirement { return Requirement{kind: needScope, names: allOf} }

// KeyScope lets API keys in that hold all of these scopes, beside the sessions of people: for a key, which cannot prove itself
// anew, it takes the place of MFA, MaxAge and Sensitive, and people are not asked for the scopes. No names: it lets no key in.
func KeyScope(allOf ...string) Requirement { return Requirement{kind: needKeyScope, names: allOf} }

// MaxAge is met by sessions that were proven less than d ago. Otherwise the answer asks for a fresh proof (RFC 9470).
func MaxAge(d time.Duration) Requirement { return Requirement{kind: needMaxAge, age: d} }

var (
	// Verified is met by users whose e-mail is verified.
	Verified = Requirement{kind: needVerified}
	// MFA is met by sessions that were proven by two factors. Otherwise the answer asks for one more (RFC 9470).
	MFA = Requirement{kind: needMFA}
)

// Sensitive is met by sessions that may change what an account is protected by: proven within Config.FreshFor, by two factors if the user
// has a second one, and by the user in person, not by somebody who acts as the user.
var Sensitive = Requirement{kind: needSensitive}

// AnyLevel lets a session through that lacks the second factor which Config.MFA demands of its user: for what is needed to
// add one. Beside it the other requirements hold as ever.
var AnyLevel = Requirement{kind: liftPolicy}

// Meets returns nil when s is the session of a user and meets all of need, and otherwise the error that Fail answers:
// ErrUnauthenticated, ErrForbidden or *StepUpError. It is for what a guard cannot see, such as one field of a GraphQL
// document. A nil session meets nothing. Of several that are not met the first is told; a step-up is asked for once, with all
// that it must prove.
func (s *Session) Meets(need ...Requirement) error {
	if s == nil || s.Anonymous() {
		return ErrUnauthenticated
	}
	err := s.auth.meetsPolicy(s, need)
	for i := range need {
		err = toldOf(err, need[i].met(s, s.auth.now()))
	}
	return err
}

// toldOf is what is told of two requirements, each met if nil: the first that is not, with what the next asks of the same step-up.
func toldOf(first, next error) error {
	if first == nil {
		return next
	}
	f, steps := errors.AsType[*StepUpError](first)
	n, too := errors.AsType[*StepUpError](next)
	if !steps || !too {
		return first
	}
	age := cmp.Or(f.MaxAge, n.MaxAge) // zero asks for none
	if n.MaxAge != 0 {
		age = min(age, n.MaxAge)
	}
	return &StepUpError{MaxAge: age, MFA: f.MFA || n.MFA}
}

// meetsPolicy holds what no requirement names: an API key opens only what asks for one of its scopes, and whoever must have a
// second factor gets nowhere without.
func (a *Auth) meetsPolicy(s *Session, need []Requirement) error {
	has := func(kind requirementKind) bool {
		return slices.ContainsFunc(need, func(n Requirement) bool { return n.kind == kind })
	}
	if s.byKey() {
		return s.meetsAsKey(need)
	}
	if a.config.MFA.demands(s) && !has(liftPolicy) {
		return &StepUpError{MFA: true}
	}
	return nil
}

func (n *Requirement) met(s *Session, now time.Time) error {
	ok := false
	switch n.kind {
	case needRole:
		ok = s.auth.holds(s.User, n.names...)
	case needScope:
		ok = s.holdsScopes(n.names)
	case needKeyScope:
		ok = !s.byKey() || s.holdsScopes(n.names)
	case needVerified:
		ok = s.User.EmailVerified
	case needMaxAge:
		if !s.byKey() && !s.Fresh(now, n.age) {
			return &StepUpError{MaxAge: n.age}
		}
		ok = true
	case needMFA:
		if !s.byKey() && s.Level < 2 {
			return &StepUpError{MFA: true}
		}
		ok = true
	case needSensitive:
		return s.sensitive(now)
	case liftPolicy:
		ok = true
	}
	if !ok {
		return ErrForbidden
	}
	return nil
}

// sure is what a change of what protects an account asks of its session, whatever a guard has asked.
func (s *Session) sure() error { return s.Meets(Sensitive, AnyLevel) }

func (s *Session) sensitive(now time.Time) error {
	fresh := s.auth.config.FreshFor
	switch {
	case s.byKey(): // let in by KeyScope, see meetsAsKey
		return nil
	case s.Actor != "":
		return ErrImpersonated
	case !s.Fresh(now, fresh):
		return &StepUpError{MaxAge: fresh, MFA: s.User.MFA}
	case s.User.MFA && s.Level < 2:
		return &StepUpError{MFA: true}
	}
	return nil
}
