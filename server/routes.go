package server

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/internal/problem"
	"github.com/cloakroom-auth/cloakroom/internal/requestid"
	"github.com/cloakroom-auth/cloakroom/server/config"
)

// routes is the table of the server's own addresses. All of them are GET, open to everybody, and tell no secret; what a
// session may do is in the table of package api.
func (s *Server) routes() http.Handler {
	auth := api.New(s.engine.Auth)
	own := []struct {
		path    string
		handler http.HandlerFunc
	}{
		{"/livez", s.livez},
		{"/readyz", s.readyz},
		{"/version", s.version},
		{"/openapi.json", at("/auth/openapi.json", auth)},
	}
	mux := http.NewServeMux()
	for _, r := range own {
		mux.HandleFunc("GET "+r.path, r.handler)
		mux.HandleFunc(r.path, onlyGet)
	}
	if s.mode == config.Development {
		mux.HandleFunc("GET /{$}", s.welcome)
	}
	mux.Handle("/auth/", auth)
	mux.HandleFunc("/", notFound)
	return mux
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
