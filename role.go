package cloakroom

import (
	"fmt"
	"maps"
	"slices"
)

// brings works out what each role brings along in the end: what it includes, what that includes, and so on. Roles that
// include each other bring each other along.
func brings(includes map[string][]string) map[string][]string {
	all := map[string][]string{}
	for role := range includes {
		found := []string{role}
		for i := 0; i < len(found); i++ {
			for _, next := range includes[found[i]] {
				if !slices.Contains(found, next) {
					found = append(found, next)
				}
			}
		}
		all[role] = found
	}
	return all
}

// Holds reports whether the user has at least one of the roles, or one that brings it along (Config.RoleIncludes): what Role asks
// of sessions, for a user who has none here.
func (a *Auth) Holds(u *User, anyOf ...string) bool { return u != nil && a.holds(u, anyOf...) }

// holds reports whether the user has at least one of the roles, or one that brings it along.
func (a *Auth) holds(u *User, anyOf ...string) bool {
	if u.Is(anyOf...) {
		return true
	}
	if len(a.brings) == 0 {
		return false
	}
	return slices.ContainsFunc(u.Roles, func(role string) bool {
		return slices.ContainsFunc(a.brings[role], func(r string) bool { return slices.Contains(anyOf, r) })
	})
}

// holdsAll is holds for every one of the roles.
func (a *Auth) holdsAll(u *User, roles []string) bool {
	return !slices.ContainsFunc(roles, func(role string) bool { return !a.holds(u, role) })
}

// roles checks the names in Config.RoleIncludes.
func (m *mistakes) roles(includes map[string][]string) {
	for _, role := range slices.Sorted(maps.Keys(includes)) {
		for _, name := range append([]string{role}, includes[role]...) {
			if !validRole(name) {
				m.add("RoleIncludes", fmt.Sprintf("%q is no name of a role", name), "use 1 to 64 letters, digits or ._:-")
			}
		}
	}
}
