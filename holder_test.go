package cloakroom_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// signing is a Config whose sessions are in the signed form unless a sign-in asks for the other.
func signing(store cloakroom.Store) cloakroom.Config {
	return cloakroom.Config{
		Store: store, BaseURL: secure, Token: cloakroom.TokenPolicy{Default: cloakroom.Signed}, Secrets: []cloakroom.Secret{secret(1)},
		Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth}},
	}
}

// beside is another process on the store and by the clock of w. It asks the store each time, so that what it answers is true
// at once; for what nodes remember see cache_test.go.
func (w *world) beside(c cloakroom.Config) *world {
	c.Store, c.Now, c.Cache = w.Store(), w.Clock.Now, -1
	other := newWorld(w.t, c)
	other.Clock = w.Clock
	return other
}

// holder is a browser on the site (it has a jar) or an app of somebody, whose session may be in the signed form.
type holder struct {
	*world
	jar             http.CookieJar
	access, refresh string // of an app
	answer          *httptest.ResponseRecorder
}

func (w *world) page() *holder {
	jar, err := cookiejar.New(nil)
	done(w.t, err)
	return &holder{world: w, jar: jar}
}

func (w *world) app() *holder { return &holder{world: w} }

// holder is a page or an app.
func (w *world) holder(name string) *holder {
	if name == "page" {
		return w.page()
	}
	return w.app()
}

// at is the same holder before another process.
func (h *holder) at(w *world) *holder {
	other := *h
	other.world = w
	return &other
}

// copied is another holder of all that h holds now.
func (h *holder) copied() *holder {
	other := *h
	if h.jar != nil {
		other.jar, _ = cookiejar.New(nil)
		for _, path := range paths {
			u := address(path)
			for _, c := range h.jar.Cookies(u) {
				at := "/"
				if strings.HasSuffix(c.Name, "refresh") {
					at = path
				}
				other.jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: at, Secure: true}})
			}
		}
	}
	return &other
}

var paths = []string{"/auth/refresh", "/auth/logout", "/"}

func address(path string) *url.URL {
	u, _ := url.Parse(secure + path)
	return u
}

// cookie is the value of a cookie that the holder would send to a path; empty if there is none.
func (h *holder) cookie(name, path string) string {
	for _, c := range h.jar.Cookies(address(path)) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (h *holder) plant(name, path, value string) {
	h.jar.SetCookies(address(path), []*http.Cookie{{Name: name, Value: value, Path: path, Secure: true}})
}

const refreshName = "__Http-refresh"

// token is the access token that the holder would show.
func (h *holder) token() string {
	if h.jar != nil {
		return h.cookie(secureName, "/")
	}
	return h.access
}

// refreshToken is the refresh token that it holds.
func (h *holder) refreshToken() string {
	if h.jar != nil {
		return h.cookie(refreshName, "/auth/refresh")
	}
	return h.refresh
}

// request is one to a path with all that the holder sends there.
func (h *holder) request(path string) *http.Request {
	r := httptest.NewRequestWithContext(h.t.Context(), "POST", secure+path, nil)
	if h.jar != nil {
		for _, c := range h.jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
	} else if h.access != "" {
		r.Header.Set("Authorization", "Bearer "+h.access)
	}
	return r
}

// call sends a request to a path and keeps what the answer hands out.
func (h *holder) call(path string, do func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error)) (*cloakroom.Grant, error) {
	r := h.request(path)
	h.answer = httptest.NewRecorder()
	g, err := do(h.answer, r)
	if h.jar != nil {
		h.jar.SetCookies(r.URL, h.answer.Result().Cookies())
	} else if g != nil && g.Tokens != nil {
		h.access, h.refresh = g.Tokens.Access.Reveal(), g.Tokens.Refresh.Reveal()
	}
	return g, err
}

func (h *holder) delivery() cloakroom.Delivery {
	if h.jar != nil {
		return cloakroom.DeliverCookie
	}
	return cloakroom.DeliverBearer
}

// signIn signs in on these terms, by default in the signed form to where the holder keeps its tokens.
func (h *holder) signIn(email string, terms ...cloakroom.Terms) *cloakroom.Grant {
	h.t.Helper()
	g, err := h.trySignIn(email, terms...)
	if err != nil || g.Session == nil {
		h.t.Fatalf("sign-in of %s: %+v, %v", email, g, err)
	}
	return g
}

func (h *holder) trySignIn(email string, terms ...cloakroom.Terms) (*cloakroom.Grant, error) {
	t := cloakroom.Terms{Delivery: h.delivery(), Token: cloakroom.Signed}
	if len(terms) > 0 {
		t = terms[0]
	}
	return h.call("/login", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return h.SignIn(w, r, cloakroom.SignIn{Email: email, Secret: authtest.Secret, Terms: t})
	})
}

// exchange exchanges the refresh token that the holder has.
func (h *holder) exchange() (*cloakroom.Grant, error) {
	return h.call("/auth/refresh", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		r.Header.Del("Authorization")
		return h.Refresh(w, r, h.refresh)
	})
}

// exchanged is exchange where it must succeed.
func (h *holder) exchanged() *cloakroom.Grant {
	h.t.Helper()
	g, err := h.exchange()
	if err != nil {
		h.t.Fatalf("refresh: %v", err)
	}
	return g
}

// refuses holds the next refresh against the error that was promised.
func (h *holder) refuses(want error, what string) {
	h.t.Helper()
	_, err := h.exchange()
	fails(h.t, err, want, what)
}

// leaves signs out.
func (h *holder) leaves(e cloakroom.Extent) error {
	_, err := h.call("/auth/logout", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return nil, h.SignOut(w, r, e)
	})
	return err
}

// status is the answer to a request for a protected page, whose cookies are kept.
func (h *holder) status() int {
	r := h.request("/me")
	h.answer = httptest.NewRecorder()
	h.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}).ServeHTTP(h.answer, r)
	if h.jar != nil {
		h.jar.SetCookies(r.URL, h.answer.Result().Cookies())
	}
	return h.answer.Code
}

func (h *holder) answers(want int, when string) {
	h.t.Helper()
	if got := h.status(); got != want {
		h.t.Errorf("%s: a protected page answers %d, want %d", when, got, want)
	}
}

// untouched fails if the last answer spoke of a cookie.
func (h *holder) untouched(when string) {
	h.t.Helper()
	if lines := h.answer.Result().Header["Set-Cookie"]; len(lines) > 0 {
		h.t.Errorf("%s: Set-Cookie %q, want none", when, lines)
	}
}

// active asks what a token is worth.
func (w *world) active(token string) cloakroom.Introspection {
	w.t.Helper()
	in, err := w.Introspect(w.t.Context(), token)
	done(w.t, err)
	return in
}
