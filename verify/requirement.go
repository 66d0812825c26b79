package verify

import (
	"fmt"
	"strings"
	"time"
)

// Requirement is what a token must say beyond being good. Several are AND-ed. The zero value is met by none.
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
	needMaxAge
)

// Role is met by users who hold at least one of the roles; give Role twice to ask for two. No names: by nobody.
func Role(anyOf ...string) Requirement { return Requirement{kind: needRole, names: anyOf} }

// Scope is met by tokens that have all of these scopes. No names: by none.
func Scope(allOf ...string) Requirement { return Requirement{kind: needScope, names: allOf} }

// MaxAge is met by users who proved who they are less than d ago. Otherwise the answer asks for a fresh proof (RFC 9470).
func MaxAge(d time.Duration) Requirement { return Requirement{kind: needMaxAge, age: d} }

// unmet returns nil when c meets n, and otherwise ErrForbidden or ErrStepUp with the challenge that belongs to it.
func (n *Requirement) unmet(c *Claims, now time.Time) error {
	met := false
	switch n.kind {
	case needRole:
		met = c.HasRole(n.names...)
	case needScope:
		met = c.HasScope(n.names...)
	case needMaxAge:
		if !c.Fresh(now, n.age) {
			challenge := fmt.Sprintf(`Bearer error="insufficient_user_authentication", max_age=%d`, n.age/time.Second)
			return &lack{ErrStepUp, challenge}
		}
		met = true
	}
	if met {
		return nil
	}
	return &lack{ErrForbidden, n.forbidden()}
}

// forbidden is the challenge of RFC 6750 §3.1. Scopes that cannot stand in it are not named.
func (n *Requirement) forbidden() string {
	challenge := `Bearer error="insufficient_scope"`
	names := strings.Join(n.names, " ")
	plain := !strings.ContainsFunc(names, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' })
	if n.kind == needScope && names != "" && plain {
		challenge += fmt.Sprintf(`, scope="%s"`, names)
	}
	return challenge
}

// lack is a requirement that is not met.
type lack struct {
	error
	challenge string
}

func (l *lack) Unwrap() error { return l.error }
