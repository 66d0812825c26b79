package server

import (
	"net/http"
	"path"

	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
	"github.com/cloakroom-auth/cloakroom/internal/requestid"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

type route struct {
	path    string
	handler http.HandlerFunc
}

// routes is the table of the server's own addresses. All of them are GET, open to everybody, and tell no secret, but for the
// outbox of a development server, which is open to this machine; what a session may do is in the table of package api.
func (s *Server) routes() http.Handler {
	auth := &api.API{Auth: s.engine.Auth, Admin: s.config.Admin.HTTP, Passkeys: told(s.config)}
	own := []route{
		{"/livez", s.livez},
		{"/readyz", s.readyz},
		{"/version", s.version},
		{"/openapi.json", at("/auth/openapi.json", auth)},
	}
	if s.outbox != nil {
		own = append(own, route{outboxPath, local(s.outbox.page)}, route{outboxPath + ".json", local(s.outbox.list)})
	}
	mux := http.NewServeMux()
	for _, r := range own {
		mux.HandleFunc("GET "+r.path, r.handler)
		mux.HandleFunc(r.path, onlyGet)
	}
	if s.mode == config.Development {
		mux.HandleFunc("GET /{$}", s.welcome)
		mux.HandleFunc("/{$}", onlyGet)
	}
	mux.Handle("/auth/", auth)
	for _, name := range []string{"jwks.json", "passkey-endpoints", "webauthn"} {
		mux.Handle("/.well-known/"+name, auth)
	}
	mux.HandleFunc("POST /auth/refresh", s.metrics.countRefreshes(auth))
	mux.HandleFunc("POST /auth/introspect", s.metrics.countIntrospections(auth))
	mux.HandleFunc("GET /auth/revocations", s.metrics.countFeed(auth))
	mux.HandleFunc("/auth", notFound) // or the mux would send to /auth/
	mux.HandleFunc("/", notFound)
	return straight(mux)
}

// straight answers 404 where a mux would send to a tidier path: an API has one address for each thing, and a client
// that does not follow, or that follows with another method, is better told.
func straight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !tidy(r.URL.EscapedPath()) {
			notFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tidy reports whether a path is as path.Clean leaves it, with a slash at its end or not.
func tidy(p string) bool {
	clean := path.Clean(p)
	return p != "" && p[0] == '/' && (p == clean || clean != "/" && p == clean+"/")
}

// at serves a path from another one of next's.
func at(path string, next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		moved := r.Clone(r.Context())
		moved.URL.Path, moved.URL.RawPath = path, ""
		next.ServeHTTP(w, moved)
	}
}

func notFound(w http.ResponseWriter, r *http.Request) { fail(w, r, problem.NotFound) }

func onlyGet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	fail(w, r, problem.MethodNotAllowed)
}

func fail(w http.ResponseWriter, r *http.Request, c problem.Code) {
	problem.Write(w, c, "", requestid.From(r.Context()), nil)
}
