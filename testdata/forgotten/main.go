// Command forgotten hands a protected handler to a mux without a guard. It must not compile.
package main

import (
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
)

func me(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/me", me)
	mux.Handle("/you", cloakroom.Handler(me))
}
