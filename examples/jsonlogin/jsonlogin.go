package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
)

//go:embed page
var files embed.FS

func routes(auth *cloakroom.Auth) http.Handler {
	page, _ := fs.Sub(files, "page") // fails only for a malformed name
	mux := http.NewServeMux()
	mux.Handle("/auth/", api.New(auth))
	mux.Handle("GET /note", auth.Protect(note))
	mux.Handle("/", strict(http.FileServerFS(page)))
	return mux
}

// note is something that only a signed-in user may see.
func note(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"note": "Only you can read this, " + s.User.Email + "."})
}

// strict forbids a page everything it has no use for: scripts within the HTML or from elsewhere, being framed, sending
// a form elsewhere.
func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
