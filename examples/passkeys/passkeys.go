package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/api"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

const site = "Passkeys by example"

// config is for a site at this origin. A passkey stands in both lists: it begins a sign-in, and is two factors then, and it
// completes one that a password began.
func config(origin string, passwords cloakroom.Method) cloakroom.Config {
	passkeys := passkey.For(origin)
	passkeys.Site = site
	return cloakroom.Config{
		BaseURL:       origin,
		Methods:       []cloakroom.Method{passwords, passkeys},
		SecondFactors: []cloakroom.Method{passkeys, totp.Method{Issuer: site}, recovery.Method{}},
	}
}

//go:embed page
var files embed.FS

func routes(auth *cloakroom.Auth, origin string) http.Handler {
	page, _ := fs.Sub(files, "page") // fails only for a malformed name
	a := &api.API{Auth: auth, Passkeys: api.Passkeys{Enroll: origin + "/#add", Manage: origin + "/#factors"}}
	mux := http.NewServeMux()
	mux.Handle("/auth/", a)
	mux.Handle("/.well-known/", a)
	mux.Handle("POST /transfer", auth.Protect(transfer, cloakroom.Sensitive))
	mux.Handle("/", strict(atHome(origin, http.FileServerFS(page))))
	return mux
}

// transfer is what not everybody may do who finds a browser unlocked: the proof must be fresh.
func transfer(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"sent": "100 coins are on their way, " + s.User.Email + "."})
}

// atHome sends who came by another name, such as 127.0.0.1, to the one that the passkeys are of.
func atHome(origin string, next http.Handler) http.Handler {
	_, host, _ := strings.Cut(origin, "://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host {
			http.Redirect(w, r, origin+"/", http.StatusTemporaryRedirect)
			return
		}
		next.ServeHTTP(w, r)
	})
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
