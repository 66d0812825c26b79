package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
)

// One request, one credential, also where it is a signed token (CONTRACT §1).
func TestSignedTransport(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		ana, bob := w.User("ana@example.com"), w.User("bob@example.com")
		page, app, expired, opaque := w.page(), w.app(), w.app(), w.app()
		expired.signIn(ana.Email)
		w.Clock.Advance(11 * time.Minute)
		page.signIn(ana.Email)
		app.signIn(bob.Email)
		opaque.signIn(bob.Email, cloakroom.Terms{Delivery: cloakroom.DeliverBearer, Token: cloakroom.Opaque})
		for name, c := range map[string]struct {
			cookie bool // of ana
			header []string
			query  string
			status int
			user   *cloakroom.User
		}{
			"S71 the cookie of one and the token of another":       {true, []string{"Bearer " + app.access}, "", 200, bob},
			"S71 the cookie of one and an opaque token of another": {true, []string{"Bearer " + opaque.access}, "", 200, bob},
			"S72 a good cookie and an expired token":               {true, []string{"Bearer " + expired.access}, "", 401, nil},
			"S72 a good cookie and a refresh token":                {true, []string{"Bearer " + app.refresh}, "", 401, nil},
			"S72 a good cookie and a token that is cut off":        {true, []string{"Bearer " + app.access[:100]}, "", 401, nil},
			"S73 a good cookie and a header of another scheme":     {true, []string{"Basic eDp5"}, "", 200, ana},
			"S74 the scheme in lower case":                         {false, []string{"bearer " + app.access}, "", 200, bob},
			"S75 an empty token":                                   {true, []string{"Bearer"}, "", 401, nil},
			"S75 two headers":                                      {false, []string{"Bearer " + app.access, "Bearer " + app.access}, "", 400, nil},
			"S76 a token in the address":                           {false, nil, "?access_token=", 401, nil},
		} {
			t.Run(name, func(t *testing.T) {
				h := w.page()
				if c.cookie {
					h = page
				}
				r := h.request("/me")
				if c.header != nil {
					r.Header["Authorization"] = c.header
				}
				if c.query != "" {
					r.URL.RawQuery = c.query[1:] + app.access
				}
				answer := httptest.NewRecorder()
				w.Protect(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					if s.User.ID != c.user.ID {
						t.Errorf("it is %s", s.User.Email)
					}
				}).ServeHTTP(answer, r)
				if answer.Code != c.status {
					t.Errorf("answer %d, want %d", answer.Code, c.status)
				}
				challenge := answer.Header().Get("WWW-Authenticate")
				if sent := c.header != nil; answer.Code == 401 && strings.Contains(challenge, "invalid_token") != sent {
					t.Errorf("S80 WWW-Authenticate %q, a token was sent: %v", challenge, sent)
				}
				if len(answer.Result().Cookies()) > 0 {
					t.Errorf("cookies %v", answer.Result().Cookies())
				}
			})
		}
		t.Run("S68 where cookies are not delivered none is taken, and none refreshes", func(t *testing.T) {
			c := signing(nil)
			c.Delivery = cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{cloakroom.DeliverBearer}}
			bearers := w.beside(c)
			page.at(bearers).answers(http.StatusUnauthorized, "an access cookie")
			page.at(bearers).refuses(cloakroom.ErrRefreshMissing, "a refresh cookie")
			app.at(bearers).answers(http.StatusOK, "a token")
		})
		t.Run("where tokens are not delivered none is taken, and none refreshes", func(t *testing.T) {
			c := signing(nil)
			c.Delivery = cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{cloakroom.DeliverCookie}}
			cookies := w.beside(c)
			app.at(cookies).answers(http.StatusUnauthorized, "a token")
			app.at(cookies).refuses(cloakroom.ErrInvalidRefresh, "a refresh token")
			page.at(cookies).answers(http.StatusOK, "an access cookie")
		})
	})
}
