// Command guarded is forgotten with its guards. It must compile.
package main

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

func me(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {}

func main() {
	var auth *cloakroom.Auth
	mux := http.NewServeMux()
	mux.Handle("/me", auth.Protect(me))
	mux.Handle("/you", auth.Protect(cloakroom.Handler(me)))
}
