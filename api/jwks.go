package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// jwks answers with the public keys. They are public: pages of every origin may read them, and caches keep them.
func (a *API) jwks(w http.ResponseWriter, r *http.Request, _ caller) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	document, etag, err := a.Auth.JWKS(r.Context())
	if err != nil {
		return err
	}
	h["Cache-Control"] = []string{"public, max-age=" + strconv.Itoa(int(cloakroom.KeyCache/time.Second))}
	h.Set("ETag", etag)
	if known(r.Header["If-None-Match"], etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = keysType
	_, _ = w.Write(document)
	return nil
}

// known reports whether If-None-Match names the tag, by the weak comparison of RFC 9110 §13.1.2.
func known(ifNoneMatch []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(ifNoneMatch, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}
