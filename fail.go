package cloakroom

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/problem"
	"github.com/cloakroom-auth/cloakroom/internal/requestid"
)

const (
	challengePlain   = `Bearer`
	challengeInvalid = `Bearer error="invalid_token"`
	challengeBasic   = `Basic realm="cloakroom"`
)

// Fail answers a request with the RFC 9457 document and the headers that belong to an error of this package. Errors it
// does not know are 500 "internal". The cause of a 500 or 503 goes to the event RequestFailed, never to the client; a request that
// came late, with a token whose successor its browser has by now, is told to come again and is no failure of anybody.
func (a *Auth) Fail(w http.ResponseWriter, r *http.Request, err error) {
	id := requestid.From(r.Context())
	if id == "" {
		id = requestid.New()
		r = r.WithContext(requestid.With(r.Context(), id))
	}
	code, detail, fields := a.explain(w.Header(), err)
	if code.Status >= 500 && !errors.Is(err, ErrMoved) {
		a.emitRequest(r, Event{Type: RequestFailed, Reason: code.Name, Err: err})
	}
	private(w.Header())
	problem.Write(w, code, detail, id, fields)
}

// explain chooses the code for err and sets the headers that go with it.
func (a *Auth) explain(h http.Header, err error) (code problem.Code, detail string, fields any) {
	if f, ok := errors.AsType[FieldErrors](err); ok {
		return problem.ValidationFailed, f.Error(), []FieldError(f)
	}
	if l, ok := errors.AsType[*LimitError](err); ok {
		l.headers(h)
		if l.Policy == policyFactor {
			return problem.FactorLocked, "", nil
		}
		return problem.RateLimited, "", nil
	}
	if s, ok := errors.AsType[*StepUpError](err); ok {
		h.Set("WWW-Authenticate", s.challenge())
		return problem.StepUpRequired, s.Error(), nil
	}
	if u, ok := errors.AsType[*UnavailableError](err); ok {
		h.Set("Retry-After", seconds(u.RetryAfter))
		return problem.Unavailable, "", nil
	}
	for _, known := range answers {
		if errors.Is(err, known.err) {
			if known.challenge != "" {
				h.Set("WWW-Authenticate", known.challenge)
			}
			return known.code, "", nil
		}
	}
	return problem.Internal, "", nil
}

// answers is the bridge from what went wrong to what is told. RFC 6750 §3.1: no error without a token.
var answers = []struct {
	err       error
	code      problem.Code
	challenge string
}{
	{ErrUnauthenticated, problem.Unauthenticated, challengePlain},
	{ErrInvalidToken, problem.InvalidToken, challengeInvalid},
	{ErrInvalidCredentials, problem.InvalidCredentials, challengePlain},
	{ErrWrongAnswer, problem.WrongAnswer, ""},
	{ErrInvalidChallenge, problem.InvalidChallenge, challengePlain},
	{ErrRefreshMissing, problem.RefreshTokenMissing, challengePlain},
	{ErrRefreshReused, problem.RefreshTokenReused, challengeInvalid},
	{ErrRefreshMismatch, problem.RefreshTokenMismatch, challengeInvalid},
	{ErrInvalidRefresh, problem.InvalidRefreshToken, challengeInvalid},
	{ErrInvalidClient, problem.InvalidClient, challengeBasic},
	{ErrAmbiguous, problem.AmbiguousCredentials, ""},
	{ErrBanned, problem.UserBanned, ""},
	{ErrNotVerified, problem.EmailNotVerified, ""},
	{ErrResetRequired, problem.ResetRequired, ""},
	{ErrImpersonated, problem.Impersonated, ""},
	{ErrInvalidLink, problem.InvalidLink, ""},
	{ErrExpiredLink, problem.ExpiredLink, ""},
	{ErrPasswordSet, problem.PasswordSet, ""},
	{ErrFactorExists, problem.FactorExists, ""},
	{ErrLastMethod, problem.LastMethod, ""},
	{ErrForbidden, problem.Forbidden, ""},
	{ErrCrossOrigin, problem.CrossOrigin, ""},
	{ErrSignupClosed, problem.SignupClosed, ""},
	{ErrEmailTaken, problem.EmailTaken, ""},
	{ErrNotFound, problem.NotFound, ""},
	{ErrTooLarge, problem.PayloadTooLarge, ""},
	{ErrLastHolder, problem.LastAdmin, ""},
}

// challenge is the WWW-Authenticate value of RFC 9470 §3.
func (e *StepUpError) challenge() string {
	b := strings.Builder{}
	b.WriteString(`Bearer error="insufficient_user_authentication"`)
	if e.MFA {
		b.WriteString(`, acr_values="2"`)
	}
	if e.MaxAge > 0 {
		b.WriteString(`, max_age="` + strconv.Itoa(int(e.MaxAge/time.Second)) + `"`)
	}
	return b.String()
}

// headers tells when to come back: Retry-After, and RateLimit as in draft-ietf-httpapi-ratelimit-headers.
func (e *LimitError) headers(h http.Header) {
	h.Set("Retry-After", seconds(e.RetryAfter))
	h.Set("RateLimit-Policy", `"`+e.Policy+`";q=`+strconv.Itoa(e.Limit)+`;w=`+seconds(e.Window))
	h.Set("RateLimit", `"`+e.Policy+`";r=0;t=`+seconds(e.RetryAfter))
}
