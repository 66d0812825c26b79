package cloakroom_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// document is an RFC 9457 problem as it goes over the wire.
type document struct {
	Type      string                 `json:"type"`
	Title     string                 `json:"title"`
	Status    int                    `json:"status"`
	Code      string                 `json:"code"`
	Detail    string                 `json:"detail"`
	RequestID string                 `json:"request_id"`
	Errors    []cloakroom.FieldError `json:"errors"`
}

func failed(t *testing.T, room *authtest.Room, err error) (document, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	room.Fail(w, httptest.NewRequest("GET", secure, nil), err)
	var d document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if d.Status != w.Code {
		t.Errorf("status %d in the body of a %d", d.Status, w.Code)
	}
	return d, w.Header(), w.Body.String()
}

func TestFail(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	cause := errors.New("SELECT * FROM users: /var/lib/app.db is locked")
	const plainBearer, invalid = `Bearer`, `Bearer error="invalid_token"`
	answers := []struct {
		name    string // as exported
		err     error
		status  int
		code    string
		headers map[string]string
	}{
		{"ErrUnauthenticated", cloakroom.ErrUnauthenticated, 401, "unauthenticated", map[string]string{"WWW-Authenticate": plainBearer}},
		{"ErrInvalidToken", cloakroom.ErrInvalidToken, 401, "invalid_token", map[string]string{"WWW-Authenticate": invalid}},
		{"ErrInvalidCredentials", cloakroom.ErrInvalidCredentials, 401, "invalid_credentials", map[string]string{"WWW-Authenticate": plainBearer}},
		{"ErrInvalidChallenge", cloakroom.ErrInvalidChallenge, 401, "invalid_challenge", map[string]string{"WWW-Authenticate": plainBearer}},
		{"ErrRefreshMissing", cloakroom.ErrRefreshMissing, 401, "refresh_token_missing", map[string]string{"WWW-Authenticate": plainBearer}},
		{"ErrInvalidRefresh", cloakroom.ErrInvalidRefresh, 401, "invalid_refresh_token", map[string]string{"WWW-Authenticate": invalid}},
		{"ErrRefreshReused", cloakroom.ErrRefreshReused, 401, "refresh_token_reused", map[string]string{"WWW-Authenticate": invalid}},
		{"ErrRefreshMismatch", cloakroom.ErrRefreshMismatch, 401, "refresh_token_mismatch", map[string]string{"WWW-Authenticate": invalid}},
		{"ErrInvalidClient", cloakroom.ErrInvalidClient, 401, "invalid_client", map[string]string{"WWW-Authenticate": `Basic realm="cloakroom"`}},
		{"ErrAmbiguous", cloakroom.ErrAmbiguous, 400, "ambiguous_credentials", nil},
		{"ErrBanned", cloakroom.ErrBanned, 403, "user_banned", nil},
		{"ErrForbidden", cloakroom.ErrForbidden, 403, "forbidden", nil},
		{"ErrCrossOrigin", cloakroom.ErrCrossOrigin, 403, "cross_origin", nil},
		{"ErrSignupClosed", cloakroom.ErrSignupClosed, 403, "signup_closed", nil},
		{"ErrEmailTaken", cloakroom.ErrEmailTaken, 409, "email_taken", nil},
		{"ErrNotFound", cloakroom.ErrNotFound, 404, "not_found", nil},
		{"ErrMoved", cloakroom.ErrMoved, 404, "not_found", nil},
		{"ErrTooLarge", cloakroom.ErrTooLarge, 413, "payload_too_large", nil},
		{"ErrLastHolder", cloakroom.ErrLastHolder, 409, "last_admin", nil},
		{"ErrWrongAnswer", cloakroom.ErrWrongAnswer, 400, "wrong_answer", nil},
		{"ErrNotVerified", cloakroom.ErrNotVerified, 403, "email_not_verified", nil},
		{"ErrResetRequired", cloakroom.ErrResetRequired, 403, "password_reset_required", nil},
		{"ErrImpersonated", cloakroom.ErrImpersonated, 403, "impersonated", nil},
		{"ErrPasswordSet", cloakroom.ErrPasswordSet, 409, "password_already_set", nil},
		{"ErrFactorExists", cloakroom.ErrFactorExists, 409, "factor_exists", nil},
		{"ErrLastMethod", cloakroom.ErrLastMethod, 409, "last_method", nil},
		{"ErrInvalidLink", cloakroom.ErrInvalidLink, 410, "invalid_link", nil},
		{"ErrExpiredLink", cloakroom.ErrExpiredLink, 410, "expired_link", nil},
		{"UnavailableError", &cloakroom.UnavailableError{Cause: cause}, 503, "unavailable", map[string]string{"Retry-After": "1"}},
		{"UnavailableError", &cloakroom.UnavailableError{Cause: cause, RetryAfter: 1500 * time.Millisecond}, 503, "unavailable", map[string]string{"Retry-After": "2"}},
		{"LimitError", &cloakroom.LimitError{Policy: "login", Limit: 10, Window: 15 * time.Minute, RetryAfter: 90 * time.Second}, 429, "rate_limited", map[string]string{
			"Retry-After": "90", "RateLimit-Policy": `"login";q=10;w=900`, "RateLimit": `"login";r=0;t=90`,
		}},
		{"LimitError", &cloakroom.LimitError{Policy: "mfa", Limit: 5, Window: 15 * time.Minute, RetryAfter: time.Minute}, 429, "mfa_locked", map[string]string{
			"Retry-After": "60", "RateLimit-Policy": `"mfa";q=5;w=900`, "RateLimit": `"mfa";r=0;t=60`,
		}},
		{"StepUpError", &cloakroom.StepUpError{MFA: true, MaxAge: time.Minute}, 401, "step_up_required", map[string]string{
			"WWW-Authenticate": `Bearer error="insufficient_user_authentication", acr_values="2", max_age="60"`,
		}},
		{"FieldErrors", cloakroom.FieldErrors{{Field: "email", Code: "required", Message: "is missing"}}, 422, "validation_failed", nil},

		// What never reaches a client by itself is internal.
		{"ErrConflict", cloakroom.ErrConflict, 500, "internal", nil},
		{"ErrTaken", cloakroom.ErrTaken, 500, "internal", nil},
		{"ErrUsed", cloakroom.ErrUsed, 500, "internal", nil},
		{"ConfigError", &cloakroom.ConfigError{Field: "Store"}, 500, "internal", nil},
		{"a stranger", cause, 500, "internal", nil},
	}
	told := map[string]bool{}
	for _, c := range answers {
		told[c.name] = true
		for _, err := range []error{c.err, fmt.Errorf("open /etc/secret: %w", c.err)} {
			t.Run("S252 "+c.name, func(t *testing.T) {
				room.Forget()
				d, h, body := failed(t, room, err)
				if d.Status != c.status || d.Code != c.code {
					t.Errorf("%d %s, want %d %s", d.Status, d.Code, c.status, c.code)
				}
				if d.Title == "" || d.Detail == "" || !strings.HasSuffix(d.Type, "#"+c.code) || !strings.HasPrefix(d.Type, "https://") || !strings.HasPrefix(d.RequestID, "req_") {
					t.Errorf("document %+v", d)
				}
				for _, name := range []string{"WWW-Authenticate", "Retry-After", "RateLimit", "RateLimit-Policy"} {
					if got := h.Get(name); got != c.headers[name] {
						t.Errorf("%s: %q, want %q", name, got, c.headers[name])
					}
				}
				for name, want := range map[string]string{
					"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Cookie, Authorization",
				} {
					if got := h.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				for _, leak := range []string{"SELECT", "/var", "/etc", ".go:"} {
					if strings.Contains(body, leak) || strings.Contains(fmt.Sprint(h), leak) {
						t.Errorf("%q left the process: %s", leak, body)
					}
				}
				events := room.Events()
				if d.Status < 500 {
					if len(events) > 0 {
						t.Errorf("events %+v", events)
					}
				} else if len(events) != 1 || events[0].Type != cloakroom.RequestFailed || events[0].Err != err || events[0].RequestID != d.RequestID || events[0].Reason != c.code {
					t.Errorf("events %+v, want the cause under %s", events, d.RequestID)
				}
			})
		}
	}
	t.Run("the table is complete", func(t *testing.T) {
		declared := regexp.MustCompile(`(?m)^\t(Err\w+) .*=|^type ([A-Z]\w*Errors?) `)
		for _, file := range []string{"errors.go", "store.go"} {
			for _, m := range declared.FindAllStringSubmatch(read(t, file), -1) {
				if name := m[1] + m[2]; !told[name] && name != "FieldError" {
					t.Errorf("%s has no line here", name)
				}
			}
		}
	})
	t.Run("the codes are those of the wire", func(t *testing.T) {
		codes, err := os.ReadFile("internal/problem/problem.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range answers {
			if !strings.Contains(string(codes), fmt.Sprintf("{%q, %d,", c.code, c.status)) {
				t.Errorf("%s %d is not in the table of codes", c.code, c.status)
			}
		}
	})
	t.Run("fields are named one by one", func(t *testing.T) {
		d, _, _ := failed(t, room, cloakroom.FieldErrors{
			{Field: "email", Code: "required", Message: "is missing"}, {Field: "password", Code: "too_short", Message: "must have 8 bytes"},
		})
		if len(d.Errors) != 2 || d.Errors[1] != (cloakroom.FieldError{Field: "password", Code: "too_short", Message: "must have 8 bytes"}) {
			t.Errorf("errors %+v", d.Errors)
		}
		if d, _, body := failed(t, room, cloakroom.ErrNotFound); d.Errors != nil || strings.Contains(body, "errors\":") {
			t.Errorf("%s", body)
		}
	})
	t.Run("each answer has a request id of its own", func(t *testing.T) {
		one, _, _ := failed(t, room, cloakroom.ErrNotFound)
		two, _, _ := failed(t, room, cloakroom.ErrNotFound)
		if one.RequestID == two.RequestID {
			t.Errorf("both are %s", one.RequestID)
		}
	})
	t.Run("a Vary that was there stays", func(t *testing.T) {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Accept")
		room.Fail(w, httptest.NewRequest("GET", secure, nil), cloakroom.ErrNotFound)
		if got := strings.Join(w.Header()["Vary"], "; "); got != "Accept; Cookie, Authorization" {
			t.Errorf("Vary %q", got)
		}
	})
}

// A hook that panics breaks nothing of what it is told about.
func TestOnEventPanics(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	room.User("ana@example.com")
	auth, err := cloakroom.New(cloakroom.Config{
		Store: room.Store(), Methods: []cloakroom.Method{authtest.Password(t)},
		OnEvent: func(_ context.Context, e cloakroom.Event) { panic(e.Type) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close(context.Background()) })
	w := httptest.NewRecorder()
	g, err := auth.SignIn(w, httptest.NewRequest("POST", secure, nil), cloakroom.SignIn{Email: "ana@example.com", Secret: authtest.Secret})
	if err != nil || g.Session.User.Email != "ana@example.com" {
		t.Fatalf("%+v, %v", g, err)
	}
	v := visiting(t, front(room), secure)
	v.cookies[secureName] = w.Result().Cookies()[0].Value
	v.wants("/me", 200, "ana@example.com")
}
