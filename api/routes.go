package api

import (
	"net/http"
	"reflect"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// routes is the table: everything the API can do, and under which conditions. A route that changes something states who
// may call it, how cross-site requests are told, and what bounds it; a test refuses one that does not.
func routes() []route {
	result, challenge := resultJSON{}, challengeJSON{}
	return []route{
		{"POST", "/signup", open, always, bySignup, "Make an account and sign in", takes((*API).signup), nil,
			gives{{201, result}}, fails{problem.EmailTaken, problem.SignupClosed}},
		{"POST", "/login", open, always, byLogin, "Sign in", takes((*API).login), nil,
			gives{{200, result}, {200, challenge}, {204, nil}}, fails{problem.InvalidCredentials, problem.UserBanned}},
		{"POST", "/anonymous", optional, always, byGuest, "Begin a guest session, or keep the session there is", mayTake((*API).anonymous), nil,
			gives{{201, result}, {200, result}}, nil},
		{"POST", "/logout", open, byCookie, unlimited, "End this session, the others, or all", mayTake((*API).logout), nil,
			gives{{204, nil}}, nil},
		{"GET", "/session", optional, safe, unlimited, "Who is there, if anybody", bare((*API).session), nil,
			gives{{200, stateJSON{}}}, nil},
		{"GET", "/me", user, safe, unlimited, "The signed-in user", bare((*API).me), nil,
			gives{{200, userJSON{}}}, nil},
		{"GET", "/sessions", user, safe, unlimited, "The user's sessions, newest first", bare((*API).sessions), pageQuery{},
			gives{{200, pageJSON{}}}, nil},
		{"DELETE", "/sessions", user, byCookie, unlimited, "End all sessions but this one", bare((*API).revokeOthers), nil,
			gives{{204, nil}}, nil},
		{"DELETE", "/sessions/{id}", user, byCookie, unlimited, "End one session", bare((*API).revoke), nil,
			gives{{204, nil}}, fails{problem.NotFound}},
		{"GET", "/openapi.json", public, safe, unlimited, "This document", bare((*API).openapi), nil,
			gives{{200, map[string]any{}}}, nil},
	}
}

// route is one line of the table.
type route struct {
	method  string
	path    string // below the prefix; the last segment may be {id}
	guard   guard
	origin  origin
	limit   limit
	summary string
	does    endpoint
	query   any   // a struct of the query parameters it reads, or nil
	gives   gives // how it can succeed
	fails   fails // how it can fail, beyond what the other columns say
}

// guard says who may call. The zero guard lets nobody through.
type guard int

const (
	closed   guard = iota
	public         // everybody, and no credential is looked at
	open           // everybody; the engine looks at the credential itself
	optional       // everybody whose credential can be judged
	user           // the live session of a user
)

// origin says when a request is checked for coming from another site. The engine does it; the table states it.
type origin int

const (
	unstated origin = iota
	safe            // never: it changes nothing
	byCookie        // when its credential is a cookie
	always          // unless it has a Bearer header: it opens a session
)

// limit names the policy of cloakroom.Limits that bounds the route. The engine counts; the table states it.
type limit string

const (
	unlimited limit = "none" // it costs no more than a look-up, or the sender already holds a session
	byLogin   limit = "login"
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

// handler does the work of a route. s is nil where the guard lets in requests without a session. An error it returns is
// answered as a problem.
type handler func(a *API, w http.ResponseWriter, r *http.Request, s *cloakroom.Session) error

// endpoint is a handler with what it takes.
type endpoint struct {
	body      reflect.Type // of the JSON body; nil: none is read
	mayBeVoid bool         // no body at all will do
	serve     handler
}

// bare makes an endpoint of a handler that reads no body.
func bare(h handler) endpoint { return endpoint{serve: h} }

// takes makes an endpoint of a handler that needs a JSON body.
func takes[T any](h func(*API, http.ResponseWriter, *http.Request, *cloakroom.Session, T) error) endpoint {
	return endpoint{reflect.TypeFor[T](), false, func(a *API, w http.ResponseWriter, r *http.Request, s *cloakroom.Session) error {
		var in T
		if err := decode(w, r, &in); err != nil {
			return err
		}
		return h(a, w, r, s, in)
	}}
}

// mayTake is takes for a handler that can do without a body: then in is the zero T.
func mayTake[T any](h func(*API, http.ResponseWriter, *http.Request, *cloakroom.Session, T) error) endpoint {
	with := takes(h)
	return endpoint{with.body, true, func(a *API, w http.ResponseWriter, r *http.Request, s *cloakroom.Session) error {
		if empty(r) {
			var none T
			return h(a, w, r, s, none)
		}
		return with.serve(a, w, r, s)
	}}
}

// errors returns every code the route can answer with.
func (rt *route) errors() fails {
	codes := append(fails{}, rt.fails...)
	if rt.guard != public {
		codes = append(codes, problem.AmbiguousCredentials, problem.Internal, problem.Unavailable)
	}
	if rt.guard == user {
		codes = append(codes, problem.Unauthenticated, problem.InvalidToken, problem.UserBanned)
	}
	if rt.origin != safe {
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
