package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func TestRequirements(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	editor := room.User("editor@example.com", "editor", "author")
	unverified, err := room.Users().Create(t.Context(), cloakroom.NewUser{Email: "new@example.com", Roles: []string{"editor"}})
	if err != nil {
		t.Fatal(err)
	}
	admit := func(user *cloakroom.User, factors int, scopes ...string) *visitor {
		t.Helper()
		g, err := room.Admit(httptest.NewRecorder(), httptest.NewRequest("POST", secure, nil), user.ID, cloakroom.Admission{
			Method: "test", Factors: factors, Scopes: scopes, Terms: cloakroom.Terms{Delivery: "bearer"},
		})
		if err != nil {
			t.Fatal(err)
		}
		v := visiting(t, nil, secure)
		v.bearer = g.Tokens.Access.Reveal()
		return v
	}
	one, two := admit(editor, 1, "read", "write"), admit(editor, 2)
	newcomer := admit(unverified, 2, "read")

	for _, c := range []struct {
		name    string
		visitor *visitor
		need    []cloakroom.Requirement
		want    int
	}{
		{"nothing", one, nil, 200},
		{"the zero requirement is met by nobody", two, []cloakroom.Requirement{{}}, 403},
		{"the zero requirement beside one that is met", two, []cloakroom.Requirement{cloakroom.MFA, {}}, 403},

		{"a role", one, []cloakroom.Requirement{cloakroom.Role("editor")}, 200},
		{"one of several roles", one, []cloakroom.Requirement{cloakroom.Role("admin", "author")}, 200},
		{"V109 none of the roles", one, []cloakroom.Requirement{cloakroom.Role("admin", "owner")}, 403},
		{"two roles, both held", one, []cloakroom.Requirement{cloakroom.Role("editor"), cloakroom.Role("author")}, 200},
		{"two roles, one held", one, []cloakroom.Requirement{cloakroom.Role("editor"), cloakroom.Role("admin")}, 403},
		{"Role of nothing is met by nobody", one, []cloakroom.Requirement{cloakroom.Role()}, 403},
		{"nor is the empty role", one, []cloakroom.Requirement{cloakroom.Role("")}, 403},
		{"roles are told apart by case", one, []cloakroom.Requirement{cloakroom.Role("Editor")}, 403},

		{"all scopes", one, []cloakroom.Requirement{cloakroom.Scope("read", "write")}, 200},
		{"one scope too many", one, []cloakroom.Requirement{cloakroom.Scope("read", "delete")}, 403},
		{"a session without scopes", two, []cloakroom.Requirement{cloakroom.Scope("read")}, 403},
		{"Scope of nothing is met by none", one, []cloakroom.Requirement{cloakroom.Scope()}, 403},

		{"verified", one, []cloakroom.Requirement{cloakroom.Verified}, 200},
		{"not verified", newcomer, []cloakroom.Requirement{cloakroom.Verified}, 403},

		{"two factors", two, []cloakroom.Requirement{cloakroom.MFA}, 200},
		{"one factor", one, []cloakroom.Requirement{cloakroom.MFA}, 401},
		{"fresh", one, []cloakroom.Requirement{cloakroom.MaxAge(10 * time.Minute)}, 200},
		{"MaxAge of nothing is met by none", one, []cloakroom.Requirement{cloakroom.MaxAge(0)}, 401},

		{"all of it", admit(editor, 2, "read"), []cloakroom.Requirement{cloakroom.Role("editor"), cloakroom.Scope("read"), cloakroom.Verified, cloakroom.MFA, cloakroom.MaxAge(time.Minute)}, 200},
		{"all of it but one", newcomer, []cloakroom.Requirement{cloakroom.Role("editor"), cloakroom.Scope("read"), cloakroom.MFA, cloakroom.MaxAge(time.Minute), cloakroom.Verified}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			for guard, handler := range map[string]func(ran *bool) http.Handler{
				"Protect": func(ran *bool) http.Handler {
					return room.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) { *ran = true }, c.need...)
				},
				"Meets": func(ran *bool) http.Handler {
					return room.Optional(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
						if err := s.Meets(c.need...); err != nil {
							room.Fail(w, r, err)
							return
						}
						*ran = true
					})
				},
				"Require": func(ran *bool) http.Handler {
					return room.Require(c.need...)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *ran = true }))
				},
			} {
				ran := false
				v := c.visitor.twin()
				v.handler = handler(&ran)
				if a := v.post("/"); a.StatusCode != c.want || ran != (c.want == 200) {
					t.Errorf("%s: %d, handler ran: %v, want %d", guard, a.StatusCode, ran, c.want)
				}
			}
		})
	}

	t.Run("a nil session meets nothing, nor does a guest's", func(t *testing.T) {
		guest, err := room.Begin(httptest.NewRecorder(), httptest.NewRequest("POST", secure, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, need := range [][]cloakroom.Requirement{
			nil, {{}}, {cloakroom.Role("editor")}, {cloakroom.Scope("read")}, {cloakroom.Verified}, {cloakroom.MFA}, {cloakroom.MaxAge(time.Hour)},
		} {
			for name, s := range map[string]*cloakroom.Session{"nil": nil, "a guest": guest} {
				if err := s.Meets(need...); !errors.Is(err, cloakroom.ErrUnauthenticated) {
					t.Errorf("%s, %v: %v", name, need, err)
				}
			}
		}
	})
	t.Run("no requirement lets a guest in", func(t *testing.T) {
		v := visiting(t, front(room), secure)
		v.get("/cart")
		for _, need := range []cloakroom.Requirement{{}, cloakroom.Role("editor"), cloakroom.Scope(), cloakroom.Verified, cloakroom.MFA, cloakroom.MaxAge(time.Hour)} {
			v := v.twin()
			v.handler = room.Protect(nil, need)
			v.wants("/", 401, "")
		}
		if v.get("/page").text == "nobody" {
			t.Error("the guest's session ended")
		}
	})
	t.Run("V109 a refusal by role is 403 forbidden and ends nothing", func(t *testing.T) {
		v := one.twin()
		v.handler = room.Protect(nil, cloakroom.Role("admin"))
		a := v.get("/")
		if a.StatusCode != 403 || !strings.Contains(a.text, `"code":"forbidden"`) || a.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%d %v %s", a.StatusCode, a.Header, a.text)
		}
		v.handler = front(room)
		v.wants("/me", 200, "editor@example.com")
	})
}

// RFC 9470: a proof that is too weak or too old is asked for again, and the session goes on.
func TestStepUp(t *testing.T) {
	room := authtest.New(t, cloakroom.Config{})
	v := signedIn(t, room, secure, "")
	stepUp := func(need ...cloakroom.Requirement) answer {
		t.Helper()
		v := v.twin()
		v.handler = room.Protect(func(http.ResponseWriter, *http.Request, *cloakroom.Session) {}, need...)
		return v.get("/")
	}
	room.Clock.Advance(10*time.Minute - time.Microsecond)
	if a := stepUp(cloakroom.MaxAge(10 * time.Minute)); a.StatusCode != 200 {
		t.Errorf("just young enough: %d", a.StatusCode)
	}
	room.Clock.Advance(time.Microsecond)
	for name, c := range map[string]struct {
		need []cloakroom.Requirement
		want string
	}{
		"too old":        {[]cloakroom.Requirement{cloakroom.MaxAge(10 * time.Minute)}, `Bearer error="insufficient_user_authentication", max_age="600"`},
		"too weak":       {[]cloakroom.Requirement{cloakroom.MFA}, `Bearer error="insufficient_user_authentication", acr_values="2"`},
		"both":           {[]cloakroom.Requirement{cloakroom.MFA, cloakroom.MaxAge(10 * time.Minute)}, `Bearer error="insufficient_user_authentication", acr_values="2", max_age="600"`},
		"the youngest":   {[]cloakroom.Requirement{cloakroom.MaxAge(10 * time.Minute), cloakroom.MFA, cloakroom.MaxAge(time.Minute), cloakroom.MaxAge(5 * time.Minute)}, `Bearer error="insufficient_user_authentication", acr_values="2", max_age="60"`},
		"one after both": {[]cloakroom.Requirement{cloakroom.MFA, cloakroom.MaxAge(time.Hour)}, `Bearer error="insufficient_user_authentication", acr_values="2"`},
	} {
		a := stepUp(c.need...)
		if a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != c.want || !strings.Contains(a.text, `"code":"step_up_required"`) {
			t.Errorf("%s: %d %q %s", name, a.StatusCode, a.Header.Get("WWW-Authenticate"), a.text)
		}
		a.silent(t)
	}
	v.wants("/me", 200, "ana@example.com")

	for name, need := range map[string][]cloakroom.Requirement{
		"before": {cloakroom.Role("admin"), cloakroom.MaxAge(time.Minute)}, "after": {cloakroom.MaxAge(time.Minute), cloakroom.Role("admin")},
	} {
		if a, want := stepUp(need...), map[string]int{"before": 403, "after": 401}[name]; a.StatusCode != want {
			t.Errorf("a role that is lacking %s an old proof: %d, want %d", name, a.StatusCode, want)
		}
	}

	v.post("/login?email=ana@example.com")
	if a := stepUp(cloakroom.MaxAge(10 * time.Minute)); a.StatusCode != 200 {
		t.Errorf("after a fresh sign-in: %d", a.StatusCode)
	}
	room.Clock.Advance(10 * time.Minute)
	v.wants("/me", 200, "ana@example.com")
	if a := stepUp(cloakroom.MaxAge(10 * time.Minute)); a.StatusCode != 401 {
		t.Errorf("using a session does not make its proof fresh: %d", a.StatusCode)
	}
}
