package verify

import (
	"errors"
	"fmt"
	"net/http"
)

// answers is the bridge from what went wrong to what is told. RFC 6750 §3.1: no error without a token.
var answers = []struct {
	err       error
	status    int
	code      string
	title     string
	challenge string
}{
	{ErrNoToken, 401, "unauthenticated", "Not signed in", `Bearer`},
	{ErrInvalid, 401, "invalid_token", "Token not valid", `Bearer error="invalid_token"`},
	{ErrStepUp, 401, "step_up_required", "Stronger sign-in needed", ""},
	{ErrForbidden, 403, "forbidden", "Not allowed", ""},
	{ErrCrossOrigin, 403, "cross_origin", "Cross-origin request refused", ""},
	{ErrAmbiguous, 400, "ambiguous_credentials", "More than one credential", ""},
}

// refuse answers a request with a problem document (RFC 9457) in the words of the issuer's API. The reason stays here:
// whoever forges tokens learns nothing from it, and the program has it from Verify and Stats.
func refuse(w http.ResponseWriter, err error) {
	h := w.Header()
	if l, ok := errors.AsType[*lack](err); ok {
		h.Set("WWW-Authenticate", l.challenge)
	}
	for _, a := range answers {
		if !errors.Is(err, a.err) {
			continue
		}
		if a.challenge != "" {
			h.Set("WWW-Authenticate", a.challenge)
		}
		write(w, a.status, a.code, a.title)
		return
	}
	h.Set("Retry-After", "1") // ErrUnavailable, and ErrConfig, of which a client need not know
	write(w, 503, "unavailable", "Temporarily unavailable")
}

func write(w http.ResponseWriter, status int, code, title string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":%q,"status":%d,"code":%q}`+"\n", title, status, code)
}

// Shared so that marking an answer allocates nothing; nobody writes to them.
var (
	noStore = []string{"no-store"}
	vary    = []string{"Cookie, Authorization"}
)

// private marks an answer that depends on a credential. What stood in Vary before stays.
func private(h http.Header) {
	h["Cache-Control"] = noStore
	if len(h["Vary"]) == 0 {
		h["Vary"] = vary
	} else {
		h.Add("Vary", vary[0])
	}
}
