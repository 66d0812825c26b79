package api

import (
	"net/http"
	"reflect"
	"strings"

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
		{"POST", "/refresh", holder, byCookie, unlimited, "Exchange a refresh token for the next pair", mayTake((*API).refresh), nil,
			gives{{200, refreshedJSON{}}}, fails{problem.RefreshTokenMissing, problem.InvalidRefreshToken, problem.RefreshTokenReused, problem.RefreshTokenMismatch, problem.UserBanned}},
		{"POST", "/token", live, byCookie, unlimited, "A short signed token for a service, from any live credential", mayTake((*API).token), nil,
			gives{{200, tokensJSON{}}}, nil},
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
		{"POST", "/introspect", client, byClient, unlimited, "What a token is worth now (RFC 7662)", takesForm((*API).introspect), nil,
			gives{{200, cloakroom.Introspection{}}}, nil},
		{"GET", "/revocations", client, safe, unlimited, "What was revoked, as soon as there is something to tell", bare((*API).revocations), feedQuery{},
			gives{{200, jwtText("")}}, nil},
		{"GET", wellKnown + "jwks.json", public, safe, unlimited, "The public keys of signed tokens (RFC 7517)", bare((*API).jwks), nil,
			gives{{200, jwksJSON{}}, {304, nil}}, fails{problem.NotFound, problem.Internal, problem.Unavailable}},
		{"GET", "/openapi.json", public, safe, unlimited, "This document", bare((*API).openapi), nil,
			gives{{200, map[string]any{}}}, nil},
	}
}

// route is one line of the table.
type route struct {
	method  string
	path    string // below the prefix, see at; the last segment may be {id}
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
	closed   guard = iota
	public         // everybody, and no credential is looked at
	open           // everybody; the engine looks at the credential itself
	optional       // everybody whose credential can be judged
	holder         // who holds a refresh token; the engine looks at it itself
	live           // the live session of a user or of a guest
	user           // the live session of a user
	client         // a service, one of cloakroom.Config.Clients
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
	byClient        // never: it changes nothing, and is a POST only to keep a token out of the address (RFC 7662 §2.1)
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

// handler does the work of a route. An error it returns is answered as a problem.
type handler func(a *API, w http.ResponseWriter, r *http.Request, who caller) error

// endpoint is a handler with what it takes.
type endpoint struct {
	body      reflect.Type // nil: none is read
	media     []string     // what the body may be written in
	mayBeVoid bool         // no body at all will do
	serve     handler
}

// taker is a handler that gets a body.
type taker[T any] func(a *API, w http.ResponseWriter, r *http.Request, who caller, in T) error

// bare makes an endpoint of a handler that reads no body.
func bare(h handler) endpoint { return endpoint{serve: h} }

// takes makes an endpoint of a handler that needs a JSON body.
func takes[T any](h taker[T]) endpoint { return reads(h, decode, mediaJSON) }

// takesForm is takes for a handler whose standard asks for a form; JSON will do, too.
func takesForm[T any](h taker[T]) endpoint { return reads(h, decodeForm, mediaForm, mediaJSON) }

func reads[T any](h taker[T], read func(http.ResponseWriter, *http.Request, any) error, media ...string) endpoint {
	return endpoint{body: reflect.TypeFor[T](), media: media, serve: func(a *API, w http.ResponseWriter, r *http.Request, who caller) error {
		var in T
		if err := read(w, r, &in); err != nil {
			return err
		}
		return h(a, w, r, who, in)
	}}
}

// mayTake is takes for a handler that can do without a body: then in is the zero T.
func mayTake[T any](h taker[T]) endpoint {
	with := takes(h)
	serve := with.serve
	with.mayBeVoid = true
	with.serve = func(a *API, w http.ResponseWriter, r *http.Request, who caller) error {
		if empty(r) {
			var none T
			return h(a, w, r, who, none)
		}
		return serve(a, w, r, who)
	}
	return with
}

// errors returns every code the route can answer with.
func (rt *route) errors() fails {
	codes := append(fails{}, rt.fails...)
	if rt.guard != public {
		codes = append(codes, problem.Internal, problem.Unavailable)
	}
	switch rt.guard {
	case open, optional, holder:
		codes = append(codes, problem.AmbiguousCredentials)
	case live, user:
		codes = append(codes, problem.AmbiguousCredentials, problem.Unauthenticated, problem.InvalidToken, problem.UserBanned)
	case client:
		codes = append(codes, problem.InvalidClient, problem.NotFound)
	}
	if rt.origin == byCookie || rt.origin == always {
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
