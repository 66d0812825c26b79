package verify

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Middleware lets requests through that bring a good token of a user; behind it FromContext has the Claims. It answers
// the others itself, with an RFC 9457 document: 401 for no token or one that is certainly bad, 503 with Retry-After when
// that cannot be known, 400 for two Authorization headers, 403 for a cookie that another site sent along. The
// ResponseWriter is not wrapped.
func (v *Verifier) Middleware(next http.Handler) http.Handler { return v.Require()(next) }

// Require is Middleware that also asks for something, each of need: 403 insufficient_scope without a role or scope, 401
// insufficient_user_authentication for MaxAge (RFC 9470).
func (v *Verifier) Require(need ...Requirement) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			private(w.Header())
			c, err := v.admit(r, need)
			if err != nil {
				refuse(w, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, c)))
		})
	}
}

func (v *Verifier) admit(r *http.Request, need []Requirement) (*Claims, error) {
	c, err := v.Authenticate(r)
	if err != nil {
		return nil, err
	}
	if c.Guest() && !v.AllowGuests {
		return nil, ErrNoToken // as if nobody had signed in, for nobody has
	}
	for i := range need {
		if err := need[i].unmet(c, v.clock()); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Authenticate judges the token of a request, of a user or of a guest, and writes nothing: for programs that answer
// refusals in their own way. A bearer token decides alone, good or bad; otherwise the Cookie counts, if one is
// configured. Errors: those of Verify, ErrNoToken, ErrAmbiguous, ErrCrossOrigin.
func (v *Verifier) Authenticate(r *http.Request) (*Claims, error) {
	raw, present, err := bearer(r.Header)
	switch {
	case err != nil:
		return nil, err
	case present:
		return v.Verify(r.Context(), raw)
	case v.Cookie == "":
		return nil, ErrNoToken
	}
	return v.authenticateCookie(r)
}

// FromContext returns the Claims that Middleware or Require found, if any.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, ok := ctx.Value(contextKey{}).(*Claims)
	return c, ok
}

type contextKey struct{}

// bearer returns the token of the Authorization header. present is true for any Bearer header, also one with an empty
// token: then it alone decides. Other schemes are not ours.
func bearer(h http.Header) (raw string, present bool, err error) {
	lines := h["Authorization"]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 {
		return "", false, ErrAmbiguous
	}
	scheme, rest := lines[0], ""
	if i := strings.IndexAny(scheme, " \t"); i >= 0 {
		scheme, rest = scheme[:i], scheme[i:]
	}
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: schemes are case-insensitive
		return "", false, nil
	}
	return strings.Trim(rest, " \t"), true, nil
}

// maxForged bounds how many cookies with a wrong signature are looked at in one request; other junk costs nothing.
const maxForged = 32

var errTwoCookies = refusal("beside another in a second cookie")

// authenticateCookie picks the cookie that is good. Junk beside it does not matter: anybody on a neighbouring host can
// plant it. Two different good ones mean that somebody planted one, and nobody can say which.
func (v *Verifier) authenticateCookie(r *http.Request) (found *Claims, err error) {
	cookies := r.CookiesNamed(v.Cookie)
	if len(cookies) == 0 {
		return nil, ErrNoToken
	}
	if err := v.sameSite(r); err != nil {
		return nil, err
	}
	forged, chosen := 0, ""
	for _, cookie := range cookies {
		if forged == maxForged {
			break
		}
		if cookie.Value == chosen {
			continue
		}
		c, problem := v.Verify(r.Context(), cookie.Value)
		if errors.Is(problem, ErrSignature) {
			forged++
		}
		switch {
		case problem == nil && found != nil:
			return nil, errTwoCookies
		case problem == nil:
			found, chosen = c, cookie.Value
		case err == nil || !errors.Is(problem, ErrInvalid): // what cannot be known weighs more than a certain no
			err = problem
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, err
}

// sameSite is the CSRF rule for a credential that browsers send by themselves. A WebSocket handshake is a GET, but one
// that can change things, and no CORS stands before it.
func (v *Verifier) sameSite(r *http.Request) error {
	e, err := v.start()
	if err != nil {
		return err
	}
	if r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		changing := *r
		changing.Method = http.MethodPost
		r = &changing
	}
	if len(r.Header["Origin"]) > 1 || e.origin.Check(r) != nil {
		return ErrCrossOrigin
	}
	return nil
}
