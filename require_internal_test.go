package cloakroom

import (
	"errors"
	"testing"
	"time"
)

// A requirement of a kind that this version does not know is met by nobody. No program can make one, so this looks inside.
func TestUnknownRequirementFailsClosed(t *testing.T) {
	now := time.Now()
	s := &Session{User: &User{EmailVerified: true, Roles: []string{"admin"}}, AuthenticatedAt: now, Level: 2, Scopes: []string{"all"}}
	for kind := liftPolicy + 1; kind < liftPolicy+10; kind++ {
		need := Requirement{kind: kind, names: []string{"admin", "all"}, age: time.Hour}
		if err := need.met(s, now); !errors.Is(err, ErrForbidden) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}
