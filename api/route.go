package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// route is one line of the table.
type route struct {
	method  string
	path    string // below the prefix, see at; its last segment or the one before may be {id}
	guard   guard
	origin  origin
	limit   limit
	summary string
	does    endpoint
	query   any   // a struct of the query parameters it reads, or nil
	gives   gives // how it can succeed
	fails   fails // how it can fail, beyond what the other columns say
}

// wellKnown begins the paths that are at the root of the host wherever the API is mounted (RFC 8615 §3).
const wellKnown = "/.well-known/"

// outside reports whether the route is not below the prefix.
func (rt *route) outside() bool { return strings.HasPrefix(rt.path, wellKnown) }

// at is the whole path of the route.
func (rt *route) at(prefix string) string {
	if rt.outside() {
		return rt.path
	}
	return prefix + rt.path
}

// guard says who may call. The zero guard lets nobody through.
type guard int

const (
	closed    guard = iota
	public          // everybody, and no credential is looked at
	open            // everybody; the engine looks at the credential itself
	optional        // everybody whose credential can be judged
	holder          // who holds a refresh token; the engine looks at it itself
	live            // the live session of a user or of a guest
	user            // the live session of a user, with the second factor that Config.MFA demands
	enrolling       // user, without that second factor too: for what is needed to add it, and to see and leave one's account
	sensitive       // user, and proven lately, by all that the user has, in person: see cloakroom.Sensitive
	sure            // sensitive, without that second factor too, as enrolling
	client          // a service, one of cloakroom.Config.Clients
	admin           // whoever administers accounts, see API.Admin; there only if that is set
)

// caller is whom the guard let through.
type caller struct {
	session *cloakroom.Session // nil where the guard asks for none
	client  string             // its id, for the guard client
}

// origin says when a request is checked for coming from another site. The engine does it; the table states it.
type origin int

const (
	unstated origin = iota
	safe            // never: it changes nothing
	byCookie        // when its credential is a cookie
	always          // unless it has a Bearer header: it opens a session
	whoever         // always: its credential is the token of a mail
	byMedia         // never, but no page can send JSON to another site unasked: it does what anybody may do from anywhere
	byClient        // never: it changes nothing, and is a POST only to keep a token out of the address (RFC 7662 §2.1)
)

// limit names the policy of cloakroom.Limits that bounds the route. The engine counts; the table states it.
type limit string

const (
	unlimited limit = "none" // it costs no more than a look-up, or the sender holds a session or a token that nobody can guess
	byLogin   limit = "login"
	byBegin   limit = "begin" // sign-ins begun and mails asked for
	bySignup  limit = "signup"
	byGuest   limit = "guest" // each may leave a row in the store
)

// gives lists the successes of a route. Two bodies of one status are alternatives. A nil body is none.
type gives []answer

type answer struct {
	status int
	body   any
}

type fails []problem.Code

// or is f and others.
func (f fails) or(others fails) fails { return slices.Concat(f, others) }

// errors returns every code the route can answer with.
func (rt *route) errors() fails {
	codes := rt.fails.or(rt.guard.fails())
	if rt.guard != public || rt.method != http.MethodGet {
		codes = append(codes, problem.Internal, problem.Unavailable)
	}
	switch rt.origin {
	case byCookie, always, whoever:
		codes = append(codes, problem.CrossOrigin)
	}
	if rt.does.body != nil {
		codes = append(codes, problem.InvalidJSON, problem.InvalidRequest, problem.PayloadTooLarge, problem.UnsupportedMediaType, problem.ValidationFailed)
	}
	if rt.query != nil {
		codes = append(codes, problem.ValidationFailed)
	}
	if rt.limit != unlimited {
		codes = append(codes, problem.RateLimited)
	}
	return codes
}

// fails is how a guard refuses.
func (g guard) fails() fails {
	signedOut := fails{problem.AmbiguousCredentials, problem.Unauthenticated, problem.InvalidToken, problem.UserBanned}
	switch g {
	case open, optional, holder:
		return fails{problem.AmbiguousCredentials}
	case live, enrolling: // an API key has no business here
		return append(signedOut, problem.Forbidden)
	case user:
		return append(signedOut, problem.Forbidden, problem.StepUpRequired)
	case sensitive, sure:
		return append(signedOut, problem.Forbidden, problem.StepUpRequired, problem.Impersonated)
	case admin:
		return append(signedOut, problem.Forbidden, problem.StepUpRequired, problem.Impersonated, problem.NotFound)
	case client:
		return fails{problem.InvalidClient, problem.NotFound}
	}
	return nil
}
