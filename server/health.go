package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

// livez answers while the process runs, whatever else is wrong: who restarts it on failure would mend nothing by that.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"status": "alive"})
}

var errStopping = errors.New("the server is stopping")

// readyz answers 200 while requests can be served: the stores answer, the signing key can be used,
// and the server is not about to stop.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.times.ready)
	defer cancel()
	err := s.engine.Auth.Ready(ctx)
	if s.stopping.Load() {
		err = &cloakroom.UnavailableError{Cause: errStopping}
	}
	if err != nil {
		s.engine.Auth.Fail(w, r, err)
		return
	}
	answer(w, map[string]string{"status": "ready"})
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) { answer(w, ReadBuild()) }

// welcome is the front page in development: what there is to try.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintf(w, `cloakroom, development server

POST /auth/signup    {"email":"…","password":"…"}
POST /auth/login     the same; "delivery":"bearer" answers with a token in place of a cookie
GET  /auth/session   who is signed in
GET  /auth/sessions  on which devices
POST /auth/logout
GET  /openapi.json   all of the API
GET  /readyz         whether the store and the keys are in reach
GET  /.well-known/jwks.json   the keys of signed tokens: "token":"signed"
`)
	if s.outbox != nil {
		fmt.Fprintf(w, "GET  %s   the mails that would have been sent; %[1]s.json, too\n", outboxPath)
	}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client has gone, or gets it
}
