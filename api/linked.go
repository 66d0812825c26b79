package api

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/cloakroom-auth/cloakroom/internal/problem"
)

// strayed is what a person reads who opens the link of a mail where the site has no page for it. It says nothing of the request: the
// address has a token in it.
const strayed = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>This link has no page yet</title>
</head>
<body>
<h1>This link has no page yet</h1>
<p>Nothing was changed, and the link was not used up. The site that sent it has to give it a page first: please tell them.</p>
<p>If the site is yours: say in <code>mail.links</code> (in Go, <code>Config.Mail.Links</code>) which of your pages the links of mails lead
to; such a page takes <code>token</code> from its address and sends it by POST to the path of this one.</p>
</body>
</html>
`

// strayedPolicy lets the page do nothing at all (CSP Level 3).
const strayedPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// notAllowed answers a method that a resource does not have: with a problem document, or in words for a person who follows a link.
func (a *API) notAllowed(w http.ResponseWriter, r *http.Request, found *resource) {
	h := w.Header()
	h.Set("Allow", found.allow())
	if !found.linked || !forPerson(r) {
		a.fail(w, r, failure{code: problem.MethodNotAllowed})
		return
	}
	h.Add("Vary", "Accept")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", strayedPolicy)
	w.WriteHeader(http.StatusMethodNotAllowed)
	_, _ = io.WriteString(w, strayed)
}

// forPerson reports whether a request is one of a browser that shows what it is answered: it asks for HTML by name (RFC 9110 §12.5.1).
func forPerson(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(media), "text/html") && !unwanted(params) {
			return true
		}
	}
	return false
}

// unwanted reports whether the parameters of a media range have a weight of zero (RFC 9110 §12.4.2).
func unwanted(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") {
			weight, err := strconv.ParseFloat(value, 64)
			return err != nil || weight == 0
		}
	}
	return false
}
