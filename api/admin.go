package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// Administration is of other people's accounts. Its routes are there if API.Admin is set; the guard is the same for all, and
// what it refuses it refuses before anything is looked up, so that nobody learns from it who has an account.

// Scopes of API keys that administer.
const (
	scopeAdmin = "admin"
	scopeRead  = "admin:read" // GET only
)

// administrator lets through whoever holds cloakroom.RoleAdmin: a person by a session of two factors, which was proven lately
// if something is to change, a program by an API key with a scope for it. Whoever acts as somebody else administers nothing.
func (a *API) administrator(w http.ResponseWriter, r *http.Request) (*cloakroom.Session, error) {
	s, err := a.Auth.Visit(w, r)
	if s == nil && err == nil {
		s, err = a.Auth.Authenticate(r) // says what is wrong
	}
	if err != nil {
		return nil, err
	}
	if s.Actor != "" {
		return nil, cloakroom.ErrImpersonated
	}
	scope, reads := scopeAdmin, r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && !slices.Contains(s.Scopes, scopeAdmin) {
		scope = scopeRead
	}
	need := []cloakroom.Requirement{cloakroom.Role(cloakroom.RoleAdmin), cloakroom.MFA, cloakroom.KeyScope(scope)}
	if len(s.Scopes) > 0 { // also a session of a person can be made to do little
		need = append(need, cloakroom.Scope(scope))
	}
	if !reads {
		need = append(need, cloakroom.Sensitive)
	}
	return s, s.Meets(need...)
}

// adminRoutes are the administration of accounts, sessions and API keys.
func adminRoutes() []route {
	return slices.Concat(adminUserRoutes(), adminSessionRoutes(), adminKeyRoutes())
}

// noUser are the failures of what is done to one user.
var noUser = fails{problem.NotFound}

func adminUserRoutes() []route {
	const one = "/admin/users/{id}"
	return []route{
		{"GET", "/admin/users", admin, safe, unlimited, "Accounts, in order of their making", bare((*API).adminUsers), adminUsersQuery{},
			gives{{200, adminUsersJSON{}}}, nil},
		{"POST", "/admin/users", admin, byCookie, unlimited, "Make an account; its owner is mailed how to choose a password", invites((*API).adminCreateUser), nil,
			gives{{201, adminUserJSON{}}}, fails{problem.EmailTaken}},
		{"GET", one, admin, safe, unlimited, "An account", bare((*API).adminUser), nil,
			gives{{200, adminUserJSON{}}}, noUser},
		{"PATCH", one, admin, byCookie, unlimited, "Change an account (RFC 7396)", edits((*API).adminPatchUser), nil,
			gives{{200, adminUserJSON{}}}, noUser.or(fails{problem.EmailTaken, problem.LastAdmin})},
		{"DELETE", one, admin, byCookie, unlimited, "Delete an account at once", bare((*API).adminDeleteUser), nil,
			gives{{204, nil}}, noUser.or(fails{problem.LastAdmin})},
		{"POST", one + "/ban", admin, byCookie, unlimited, "Keep a user out", bare((*API).adminBan), nil,
			gives{{200, adminUserJSON{}}}, noUser.or(fails{problem.LastAdmin})},
		{"POST", one + "/unban", admin, byCookie, unlimited, "Let a user in again", bare((*API).adminUnban), nil,
			gives{{200, adminUserJSON{}}}, noUser},
		{"POST", one + "/restore", admin, byCookie, unlimited, "Keep an account that its owner has deleted", bare((*API).adminRestore), nil,
			gives{{200, adminUserJSON{}}}, noUser},
		{"POST", one + "/verify", admin, byCookie, unlimited, "Say that the e-mail is the user's", bare((*API).adminVerify), nil,
			gives{{200, adminUserJSON{}}}, noUser.or(fails{problem.ValidationFailed})},
		{"POST", one + "/require-reset", admin, byCookie, unlimited, "End all sessions and let no password count before it was reset by mail", bare((*API).adminRequireReset), nil,
			gives{{200, adminUserJSON{}}}, noUser},
		{"POST", one + "/reset-factors", admin, byCookie, unlimited, "End all sessions and remove all factors but a password", bare((*API).adminResetFactors), nil,
			gives{{200, adminUserJSON{}}}, noUser},
		{"POST", one + "/impersonate", admin, always, unlimited, "Act as a user for half an hour; not by an API key", takes((*API).adminImpersonate), nil,
			gives{{200, resultJSON{}}}, nil},
	}
}

func adminSessionRoutes() []route {
	const one = "/admin/users/{id}"
	return []route{
		{"GET", one + "/sessions", admin, safe, unlimited, "A user's sessions, newest first", bare((*API).adminSessions), adminPageQuery{},
			gives{{200, pageJSON{}}}, noUser},
		{"DELETE", one + "/sessions", admin, byCookie, unlimited, "End all sessions of a user", bare((*API).adminRevokeAll), nil,
			gives{{204, nil}}, noUser},
		{"DELETE", "/admin/sessions/{id}", admin, byCookie, unlimited, "End one session", bare((*API).adminRevoke), sessionOwnerQuery{},
			gives{{204, nil}}, noUser},
		{"GET", one + "/factors", admin, safe, unlimited, "What an account can be opened by", bare((*API).adminFactors), nil,
			gives{{200, factorsJSON{}}}, noUser},
		{"GET", one + "/events", admin, safe, unlimited, "What happened to an account, newest first, also one that is deleted", bare((*API).adminUserEvents), adminPageQuery{},
			gives{{200, adminEventsJSON{}}}, noUser},
		{"GET", "/admin/events", admin, safe, unlimited, "What happened, newest first", bare((*API).adminEvents), adminPageQuery{},
			gives{{200, adminEventsJSON{}}}, nil},
	}
}

func adminKeyRoutes() []route {
	return []route{
		{"GET", "/admin/keys", admin, safe, unlimited, "API keys, oldest first", bare((*API).adminKeys), adminKeysQuery{},
			gives{{200, adminKeysJSON{}}}, nil},
		{"POST", "/admin/keys", admin, byCookie, unlimited, "Make an API key", takes((*API).adminCreateKey), nil,
			gives{{201, newKeyJSON{}}}, noUser},
		{"POST", "/admin/keys/{id}/rotate", admin, byCookie, unlimited, "Make an API key in the place of another", mayTake((*API).adminRotateKey), nil,
			gives{{201, newKeyJSON{}}}, noUser},
		{"DELETE", "/admin/keys/{id}", admin, byCookie, unlimited, "End an API key at once", bare((*API).adminRevokeKey), nil,
			gives{{204, nil}}, noUser},
	}
}

// target is the id in the path. What cannot be one of ours is not asked for.
func target(r *http.Request, prefix string) (string, error) {
	id := r.PathValue("id")
	if !validID(id, prefix) {
		return "", cloakroom.ErrNotFound
	}
	return id, nil
}

// isKey reports whether an API key stands for a session.
func isKey(s *cloakroom.Session) bool { return strings.HasPrefix(s.ID, "key_") }
