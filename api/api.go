// Package api is the JSON API of Cloakroom: sign up, sign in, refresh, see and end sessions, and look after one's account, over
// HTTP.
//
//	a := api.New(auth)
//	mux.Handle("/auth/", a)
//	mux.Handle("/.well-known/", a) // the keys by which services verify signed tokens; what browsers ask about passkeys
//
// # Signing in
//
// A sign-in begins at /login, at /login/options (a passkey) or at /mailcode, and ends with a session or with a challenge: an
// id, and the methods by one of which to go on. The answer to it goes to /login/verify, for passkeys after /login/options was
// asked for what the device is to sign; in the end there is a session. /step-up does the same for a session that was refused with
// step_up_required: proven anew, it goes on with a new token.
//
// Where an answer would tell whether somebody has an account, it is the same for everybody, and the mail tells the rest. Links
// in mails lead to paths that take a POST only: to follow one, as scanners of mail do, changes nothing. A page that Config.Mail.Links
// names shows the button; without one, programs send the token themselves.
//
// # The routes
//
// All routes stand in one table, in routes.go: who may call, what is checked, what comes in, what goes out. From
// the same table comes the OpenAPI document, served at /auth/openapi.json and kept in docs/openapi.json.
//
// Every answer is JSON, but the feed of revocations, a JWT, and what a browser shows that follows a link of a mail; every other
// error is a problem document (RFC 9457) with a stable code, also for unknown paths and wrong methods; the codes are in
// docs/errors.md. Bodies are one JSON object of at most 64 KiB with
// exactly the documented names and types; whatever is malformed is refused before anything is counted or hashed. Unknown
// members are ignored, but for what an account has and PATCH /user cannot change: that is refused.
// Two endpoints are for services, not people: they authenticate with HTTP Basic as one of Config.Clients, and are not there
// while none is configured. One of them, introspection, takes a form as RFC 7662 has it.
//
// No answer may be cached but the public keys, which any page may read and keep for cloakroom.KeyCache. Pages of
// Config.Origins may call from other origins; see cloakroom.Auth.CORS.
//
// This package only speaks JSON. What a sign-in is, which credential counts, cross-site checks and limits are decided
// by package cloakroom.
//
// Administration of other people's accounts, of sessions and of API keys is below /auth/admin, once API.Admin is set.
//
// Not here: pages for people.
package api

import (
	"errors"
	"maps"
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
	// must name its /refresh and /logout, and cloakroom.MailPolicy.Links where links of mails lead.
	Prefix string
	// UserLocation, when set, makes a login answer 204 with the address of the user in Location, in place of the
	// result; CORS exposes the header. A login that asks for tokens in the body, or needs more proof, still gets
	// its body, with 200.
	UserLocation func(*cloakroom.User) string

	// Passkeys tells browsers and password managers about the passkeys of the site.
	Passkeys Passkeys

	// Admin serves the administration of other people's accounts below <Prefix>/admin, for users who hold cloakroom.RoleAdmin: by
	// a session of two factors, or by an API key with the scope admin (admin:read to look only). False: it answers 404.
	Admin bool

	once      sync.Once
	handler   http.Handler
	prefix    string
	resources map[string]*resource // by path
	members   map[string]*resource // by path, with {id} in it
	document  []byte               // OpenAPI
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

// resource is what lives at one path.
type resource struct {
	handlers map[string]http.Handler // by method; HEAD is served by the one for GET
	linked   bool                    // links of mails lead here
}

func (a *API) build() {
	a.prefix = "/auth"
	if a.Prefix != "" {
		a.prefix = strings.TrimRight(a.Prefix, "/")
	}
	a.document = openAPI(a.prefix)
	a.resources, a.members = map[string]*resource{}, map[string]*resource{}
	for _, rt := range routes() {
		if rt.guard == admin && !a.Admin {
			continue
		}
		known, path := a.resources, rt.at(a.prefix)
		if strings.Contains(rt.path, idSegment) {
			known = a.members
		}
		if known[path] == nil {
			known[path] = &resource{handlers: map[string]http.Handler{}}
		}
		known[path].add(rt, a.guarded(rt))
	}
	a.handler = a.Auth.CORS(http.HandlerFunc(a.dispatch))
}

func (found *resource) add(rt route, h http.Handler) {
	found.linked = found.linked || rt.does.linked
	found.handlers[rt.method] = h
	if rt.method == http.MethodGet {
		found.handlers[http.MethodHead] = h
	}
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
	if found.linked {
		h.Set("Referrer-Policy", "no-referrer")
	}
	next := found.handlers[r.Method]
	if next == nil {
		a.notAllowed(w, r, found)
		return
	}
	if id != "" {
		r.SetPathValue("id", id)
	}
	next.ServeHTTP(w, r)
}

// idSegment stands for an id in a path.
const idSegment = "{id}"

// find returns the resource at a path, and the id that is the last segment of it or the one before; nil if nothing is there.
func (a *API) find(path string) (found *resource, id string) {
	if found = a.resources[path]; found != nil {
		return found, ""
	}
	end := len(path)
	for range 2 {
		slash := strings.LastIndexByte(path[:end], '/')
		if slash < 0 || slash == end-1 {
			return nil, ""
		}
		if found = a.members[path[:slash+1]+idSegment+path[end:]]; found != nil {
			return found, path[slash+1 : end]
		}
		end = slash
	}
	return nil, ""
}

// allow lists the methods of a resource for the header of that name (RFC 9110 §10.2.1).
func (found *resource) allow() string {
	return strings.Join(slices.Sorted(maps.Keys(found.handlers)), ", ")
}

// guarded puts the guard of a route before its handler. A route that states none is closed.
func (a *API) guarded(rt route) http.Handler {
	pattern := rt.method + " " + rt.at(a.prefix)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = pattern // for the logs and metrics of whoever mounts the API, as http.ServeMux does it
		who, err := a.pass(rt.guard, w, r)
		if err == nil {
			r = a.marked(rt.guard, r, who.session)
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
	case enrolling:
		who.session, err = a.Auth.Enter(w, r, cloakroom.AnyLevel)
	case sensitive:
		who.session, err = a.Auth.Enter(w, r, cloakroom.Sensitive)
	case sure:
		who.session, err = a.Auth.Enter(w, r, cloakroom.Sensitive, cloakroom.AnyLevel)
	case admin:
		who.session, err = a.administrator(w, r)
	case client:
		who.client, err = a.Auth.Client(r)
	default:
		err = cloakroom.ErrForbidden
	}
	return who, err
}

// marked returns a request whose events name who acts, where that is not the user of the account.
func (a *API) marked(g guard, r *http.Request, s *cloakroom.Session) *http.Request {
	if g == admin {
		return a.Auth.Administering(r, s)
	}
	return a.Auth.Acting(r, s)
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
