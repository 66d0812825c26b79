package cloakroom

import (
	"net/http"
	"slices"
	"strings"
)

// originCheck is the rule against cross-site request forgery and its mirror, CORS: one list of origins drives both.
type originCheck struct {
	guard   *http.CrossOriginProtection
	origins []string
	expose  string // the bearer response header, "" if there is none
}

func newOriginCheck(c Config) *originCheck {
	o := &originCheck{guard: http.NewCrossOriginProtection(), origins: c.Origins, expose: newCarriers(c).header}
	for _, origin := range c.Origins {
		_ = o.guard.AddTrustedOrigin(origin) // checked by New
	}
	if base := newCarriers(c).base; base != nil {
		_ = o.guard.AddTrustedOrigin(base.Scheme + "://" + strings.ToLower(base.Host)) // a proxy may change the Host
	}
	return o
}

// check refuses a request that another site's page made a browser send: Sec-Fetch-Site, then Origin. A WebSocket
// handshake is checked like a POST, because what follows it may do anything.
func (o *originCheck) check(r *http.Request) error {
	if up := r.Header["Upgrade"]; len(up) > 0 && r.Method == http.MethodGet && strings.EqualFold(up[0], "websocket") {
		post := *r
		post.Method = http.MethodPost
		r = &post
	}
	if len(r.Header["Origin"]) > 1 || o.guard.Check(r) != nil {
		return ErrCrossOrigin
	}
	return nil
}

// mayOpen refuses, before anything is looked at, a request that may not open a session: one with two credentials, and one
// that another site made a browser send. No page can send a Bearer header unasked; where no token goes out by bearer, the
// header means nothing.
func (a *Auth) mayOpen(r *http.Request) error {
	_, bearer, err := a.carriers.bearer(r.Header)
	if err != nil || bearer && a.carriers.bearers {
		return err
	}
	return a.origin.check(r)
}

// maxPreflight is how long a browser may remember a preflight answer, in seconds: two hours, Chromium's own cap.
const maxPreflight = "7200"

// exposed are the headers of our answers that a script of another origin may read besides the token.
const exposed = "Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, X-Request-Id"

// CORS lets pages of Config.Origins call next with cookies: it answers their preflights and names them, exactly, in
// Access-Control-Allow-Origin. Pages of other origins get no CORS header. The response header of Bearer is exposed.
func (a *Auth) CORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		origin := r.Header.Get("Origin")
		if len(a.origin.origins) > 0 || a.origin.expose != "" {
			h.Add("Vary", "Origin")
		}
		allowed := slices.Contains(a.origin.origins, origin)
		if allowed {
			h.Add("Access-Control-Expose-Headers", exposed) // beside the app's own
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			if a.origin.expose != "" {
				expose(h, a.origin.expose)
			}
			next.ServeHTTP(w, r)
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", maxPreflight)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
