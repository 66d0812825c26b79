package cloakroom_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// handedOut describes what an answer gave to whom: "cookie opaque", "cookie signed+refresh", "bearer opaque", …
func (h *holder) handedOut(g *cloakroom.Grant) (all []string) {
	refreshed := 0
	for _, c := range h.answer.Result().Cookies() {
		switch {
		case c.Name == secureName && c.Path == "/" && c.MaxAge >= 0:
			all = append(all, "cookie "+form(c.Value))
		case c.Name == refreshName && strings.HasPrefix(c.Value, "crr_") && slices.Contains(paths[:2], c.Path):
			refreshed++
		default:
			all = append(all, "unexpected cookie "+c.String())
		}
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Domain != "" || len(c.String()) > 4096 {
			all = append(all, "weak or long cookie "+c.String())
		}
	}
	if refreshed == 2 {
		all[0] += "+refresh"
	} else if refreshed != 0 {
		all = append(all, fmt.Sprint(refreshed, " refresh cookies"))
	}
	if t := g.Tokens; t != nil {
		all = append(all, "bearer "+form(t.Access.Reveal()))
		if strings.HasPrefix(t.Refresh.Reveal(), "crr_") {
			all[len(all)-1] += "+refresh"
		} else if !t.Refresh.IsZero() {
			all = append(all, "refresh token "+t.Refresh.Reveal())
		}
	}
	return all
}

func form(token string) string {
	switch {
	case strings.HasPrefix(token, "crs_"):
		return "opaque"
	case strings.HasPrefix(token, "eyJ"):
		return "signed"
	}
	return "unknown " + token
}

func TestSignedDelivery(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, signing(store))
		person := 0
		opened := map[string]func(h *holder, terms cloakroom.Terms) (*cloakroom.Grant, error){
			"sign-in": func(h *holder, terms cloakroom.Terms) (*cloakroom.Grant, error) {
				return h.trySignIn(h.person(&person).Email, terms)
			},
			"sign-up": func(h *holder, terms cloakroom.Terms) (*cloakroom.Grant, error) {
				person++
				return h.call("/signup", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
					r.RemoteAddr = fmt.Sprintf("198.51.100.%d:80", person)
					return h.SignUp(w, r, cloakroom.SignUp{Email: fmt.Sprintf("new%d@example.com", person), Secret: authtest.Secret, Terms: terms})
				})
			},
			"guest": func(h *holder, terms cloakroom.Terms) (*cloakroom.Grant, error) {
				return h.call("/", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return h.BeginOn(w, r, terms) })
			},
			"admission": func(h *holder, terms cloakroom.Terms) (*cloakroom.Grant, error) {
				user := h.person(&person)
				return h.call("/", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
					return h.Admit(w, r, user.ID, cloakroom.Admission{Method: "test", Terms: terms})
				})
			},
		}
		for _, c := range []struct {
			row      string
			delivery cloakroom.Delivery
			form     cloakroom.TokenForm
			want     string
		}{
			{"S70", cloakroom.DeliverCookie, cloakroom.Opaque, "cookie opaque"},
			{"S70", cloakroom.DeliverCookie, cloakroom.Signed, "cookie signed+refresh"},
			{"S67", cloakroom.DeliverBearer, cloakroom.Opaque, "bearer opaque"},
			{"S67", cloakroom.DeliverBearer, cloakroom.Signed, "bearer signed+refresh"},
			{"S69", cloakroom.DeliverBoth, cloakroom.Opaque, "cookie opaque, bearer opaque"},
			{"S69", cloakroom.DeliverBoth, cloakroom.Signed, "cookie signed+refresh, bearer signed+refresh"},
		} {
			for how, open := range opened {
				t.Run(fmt.Sprintf("%s %s by %s, %s", c.row, how, c.delivery, c.form), func(t *testing.T) {
					h := w.page()
					if c.delivery == cloakroom.DeliverBearer {
						h = w.app()
					}
					g, err := open(h, cloakroom.Terms{Delivery: c.delivery, Token: c.form})
					done(t, err)
					if got := strings.Join(h.handedOut(g), ", "); got != c.want {
						t.Errorf("handed out: %s; want %s", got, c.want)
					}
					if how != "guest" {
						h.answers(http.StatusOK, "with it")
					}
					// A change of privilege gives the same form, by the carrier that the request came with.
					want, _, _ := strings.Cut(c.want, ", ")
					old := h.copied()
					g = h.privileged(t)
					if got := strings.Join(h.handedOut(g), ", "); got != want {
						t.Errorf("renewed: %s; want %s", got, want)
					}
					old.answers(http.StatusUnauthorized, "the token before that")
					if c.form == cloakroom.Signed {
						old.refuses(cloakroom.ErrInvalidRefresh, "the refresh token before that")
						old.untouched("a late refresh")
						h.exchanged()
					}
					if how != "guest" {
						h.answers(http.StatusOK, "with the new one")
					}
				})
			}
		}
	})
}

// person is somebody new.
func (w *world) person(n *int) *cloakroom.User {
	*n++
	return w.User(fmt.Sprintf("user%d@example.com", *n))
}

// privileged gives the holder's session new tokens.
func (h *holder) privileged(t *testing.T) *cloakroom.Grant {
	t.Helper()
	g, err := h.call("/", func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		s, err := h.Authenticate(r)
		if err != nil {
			return nil, err
		}
		return h.Renew(w, r, s)
	})
	done(t, err)
	return g
}

func TestRefreshCookie(t *testing.T) {
	t.Run("S32 it goes to two paths and nowhere else", func(t *testing.T) {
		w := newWorld(t, signing(nil))
		h := w.page()
		h.signIn(w.User("ana@example.com").Email)
		for path, want := range map[string]bool{
			"/auth/refresh": true, "/auth/logout": true, "/": false, "/auth": false, "/auth/login": false, "/auth/refreshed": false, "/me": false, "/api/auth/refresh": false,
		} {
			if got := h.cookie(refreshName, path) != ""; got != want {
				t.Errorf("sent to %s: %v", path, got)
			}
			if h.cookie(secureName, path) == "" {
				t.Errorf("the access cookie is not sent to %s", path)
			}
		}
	})
	for _, c := range []struct {
		name, site string
		cookie     cloakroom.Cookie
		want       []string // name path secure
	}{
		{"https", secure, cloakroom.Cookie{}, []string{secureName + " / true", refreshName + " /auth/refresh true", refreshName + " /auth/logout true"}},
		{"loopback", loopback, cloakroom.Cookie{}, []string{"session / false", "refresh /auth/refresh false", "refresh /auth/logout false"}},
		{"with a domain", secure, cloakroom.Cookie{Domain: "example.com"}, []string{"__Http-session / true", "__Http-refresh /auth/refresh true", "__Http-refresh /auth/logout true"}},
		{"names and paths of its own", secure, cloakroom.Cookie{Name: "a", RefreshName: "r", RefreshPaths: []string{"/again"}}, []string{"a / true", "r /again true"}},
		{"loopback, never Secure", loopback, cloakroom.Cookie{Name: "a", RefreshName: "r", Secure: cloakroom.SecureNever}, []string{"a / false", "r /auth/refresh false", "r /auth/logout false"}},
	} {
		t.Run("S32 cookies over "+c.name+" are set and cleared with the same attributes", func(t *testing.T) {
			config := signing(nil)
			config.BaseURL, config.Cookie = c.site, c.cookie
			w := newWorld(t, config)
			ana := w.User("ana@example.com")
			v := visiting(t, front(w.Room), c.site)
			describe := func(a answer, life string) (all []string) {
				for _, k := range a.Cookies() {
					all = append(all, fmt.Sprintf("%s %s %v", k.Name, k.Path, k.Secure))
					if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Domain != c.cookie.Domain || (k.MaxAge < 0) != (life == "cleared") {
						t.Errorf("%s: %s", life, k)
					}
				}
				return all
			}
			set := describe(v.post("/login?token=signed&email="+ana.Email), "set")
			if !slices.Equal(set, c.want) {
				t.Errorf("set: %q, want %q", set, c.want)
			}
			if cleared := describe(v.post("/logout"), "cleared"); !slices.Equal(cleared, c.want) {
				t.Errorf("cleared: %q, want %q", cleared, c.want)
			}
		})
	}
	t.Run("remembered cookies live as long as the session may, others as long as the browser", func(t *testing.T) {
		w := newWorld(t, lasting(nil, 48*time.Hour, 72*time.Hour))
		ana := w.User("ana@example.com")
		ages := func(h *holder) (ages []int) {
			for _, c := range h.answer.Result().Cookies() {
				ages = append(ages, c.MaxAge/3600)
			}
			return ages
		}
		forgetful, h := w.page(), w.page()
		forgetful.signIn(ana.Email)
		h.signIn(ana.Email, cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: cloakroom.Signed, Remember: true})
		if got := fmt.Sprint(ages(forgetful), ages(h)); got != "[0 0 0] [48 48 48]" {
			t.Errorf("hours at sign-in: %s", got)
		}
		w.Clock.Advance(40 * time.Hour)
		forgetful.exchanged()
		h.exchanged()
		if got := fmt.Sprint(ages(forgetful), ages(h)); got != "[0 0 0] [32 32 32]" {
			t.Errorf("hours after a refresh at 40 h of 72: %s", got)
		}
	})
}
