// Package api is the JSON API of Cloakroom: sign up, sign in, refresh, see and end sessions, over HTTP.
//
//	a := api.New(auth)
//	mux.Handle("/auth/", a)
//	mux.Handle("GET /.well-known/jwks.json", a) // where services verify signed tokens
//
// All routes stand in one table, in routes.go: who may call, what is checked, what comes in, what goes out. From
// the same table comes the OpenAPI document, served at /auth/openapi.json and kept in docs/openapi.json.
//
// Every answer is JSON, but the feed of revocations, a JWT; every error is a problem document (RFC 9457) with a stable code, also for unknown paths and wrong
// methods; the codes are in docs/errors.md. Bodies are one JSON object of at most 64 KiB with exactly the documented
// names and types; whatever is malformed is refused before anything is counted or hashed. Unknown members are ignored.
// Two endpoints are for services, not people: they authenticate with HTTP Basic as one of Config.Clients, and are not there
// while none is configured. One of them, introspection, takes a form as RFC 7662 has it.
//
// No answer may be cached but the public keys, which any page may read and keep for cloakroom.KeyCache. Pages of Config.Origins may call from other origins; see cloakroom.Auth.CORS.
//
// This package only speaks JSON. What a sign-in is, which credential counts, cross-site checks and limits are decided
// by package cloakroom.
//
// Not here: pages for people, administration of other people's accounts, and whatever is no endpoint of a signed-in
// user's own browser or app.
package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
	"github.com/cloakroom-auth/cloakroom/internal/requestid"
)

// API serves the JSON API of an Auth. It is safe for concurrent use. Its fields must not change after the first
// request, and it must not be copied then.
type API struct {
	// Auth is the engine. Required.
	Auth *cloakroom.Auth
	// Prefix is the path under which the API is mounted. Empty means /auth. With another one, cloakroom.Cookie.RefreshPaths
	// must name its /refresh and /logout.
	Prefix string
	// UserLocation, when set, makes a login answer 204 with the address of the user in Location, in place of the
	// result; CORS exposes the header. A login that asks for tokens in the body, or needs more proof, still gets
	// its body, with 200.
	UserLocation func(*cloakroom.User) string

	once      sync.Once
	handler   http.Handler
	prefix    string
	resources map[string]resource // by path
	members   map[string]resource // of a collection, by the path of that
	document  []byte              // OpenAPI
}

var _ http.Handler = (*API)(nil)

// New returns the API of auth for the path /auth/.
func New(auth *cloakroom.Auth) *API { return &API{Auth: auth} }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.once.Do(a.build)
	if strings.HasPrefix(r.URL.Path, wellKnown) { // for everybody: origins and their cookies do not come into it
		a.dispatch(w, r)
		return
	}
	a.handler.ServeHTTP(w, r)
}

// resource is what lives at one path: a handler for each method. HEAD is served by the one for GET.
type resource map[string]http.Handler

func (a *API) build() {
	a.prefix = "/auth"
	if a.Prefix != "" {
		a.prefix = strings.TrimRight(a.Prefix, "/")
	}
	a.document = openAPI(a.prefix)
	a.resources, a.members = map[string]resource{}, map[string]resource{}
	for _, rt := range routes() {
		known, path := a.resources, rt.at(a.prefix)
		if collection, ok := strings.CutSuffix(path, "/{id}"); ok {
			known, path = a.members, collection
		}
		if known[path] == nil {
			known[path] = resource{}
		}
		h := a.guarded(rt)
		known[path][rt.method] = h
		if rt.method == http.MethodGet {
			known[path][http.MethodHead] = h
		}
	}
	a.handler = a.Auth.CORS(http.HandlerFunc(a.dispatch))
}

// Shared so that marking an answer allocates nothing; nobody writes to them.
var (
	noSniff  = []string{"nosniff"}
	noStore  = []string{"no-store"}
	jsonType = []string{mediaJSON}
	jwtType  = []string{mediaJWT}
	keysType = []string{mediaKeys}
)

// dispatch finds the handler. It does what http.ServeMux would, but answers 404 and 405 as problems.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["X-Content-Type-Options"], h["Cache-Control"] = noSniff, noStore
	found, id := a.find(r.URL.Path)
	if found == nil {
		a.fail(w, r, failure{code: problem.NotFound})
		return
	}
	next := found[r.Method]
	if next == nil {
		h.Set("Allow", found.allow())
		a.fail(w, r, failure{code: problem.MethodNotAllowed})
		return
	}
	if id != "" {
		r.SetPathValue("id", id)
	}
	next.ServeHTTP(w, r)
}

// find returns the resource at a path, and its id if it is the member of a collection; nil if nothing is there.
func (a *API) find(path string) (found resource, id string) {
	if found = a.resources[path]; found != nil {
		return found, ""
	}
	i := strings.LastIndexByte(path, '/')
	if i < 0 || i == len(path)-1 {
		return nil, ""
	}
	return a.members[path[:i]], path[i+1:]
}

// allow lists the methods of a resource for the header of that name (RFC 9110 §10.2.1).
func (found resource) allow() string {
	methods := make([]string, 0, len(found))
	for m := range found {
		methods = append(methods, m)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// guarded puts the guard of a route before its handler. A route that states none is closed.
func (a *API) guarded(rt route) http.Handler {
	pattern := rt.method + " " + rt.at(a.prefix)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = pattern // for the logs and metrics of whoever mounts the API, as http.ServeMux does it
		who, err := a.pass(rt.guard, w, r)
		if err == nil {
			err = rt.does.serve(a, w, r, who)
		}
		if err != nil && rt.guard == client {
			w = problem.ForClients(w)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// pass asks the guard. It does not use the engine's middleware, because Config.OnFail is for pages and this answers JSON.
func (a *API) pass(g guard, w http.ResponseWriter, r *http.Request) (who caller, err error) {
	switch g {
	case public, open, holder:
	case optional:
		who.session, err = a.Auth.Visit(w, r)
	case live:
		if who.session, err = a.Auth.Visit(w, r); who.session == nil && err == nil {
			who.session, err = a.Auth.Authenticate(r) // says what is wrong
		}
	case user:
		who.session, err = a.Auth.Enter(w, r)
	case client:
		who.client, err = a.Auth.Client(r)
	default:
		err = cloakroom.ErrForbidden
	}
	return who, err
}

// failure is an error of HTTP or JSON, which the engine knows nothing of.
type failure struct {
	code   problem.Code
	detail string
}

func (f failure) Error() string { return strings.TrimSuffix(f.code.Name+": "+f.detail, ": ") }

// fail answers with a problem document.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f, ours := errors.AsType[failure](err)
	if !ours {
		a.Auth.Fail(w, r, err)
		return
	}
	id := requestid.From(r.Context())
	if id == "" {
		id = requestid.New()
	}
	problem.Write(w, f.code, f.detail, id, nil)
}
