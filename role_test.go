package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

func TestRoleHierarchy(t *testing.T) {
	w := newWorld(t, cloakroom.Config{RoleIncludes: map[string][]string{
		"admin": {"editor", "support"}, "editor": {"author"}, // as a ladder
		"left": {"right"}, "right": {"left"}, // the same by two names
	}})
	holder := func(roles ...string) *device {
		d := w.program()
		d.signIn(w.User(strings.Join(append(roles, "x"), ".")+"@example.com", roles...).Email)
		return d
	}
	nobody, plain, editor, author, admin := w.program(), holder(), holder("editor"), holder("author"), holder("admin")
	both := holder("editor", "billing")
	t.Run("S235 nobody 401, without the role 403, with it 200", func(t *testing.T) {
		nobody.gets(http.StatusUnauthorized, "nobody", cloakroom.Role("editor"))
		plain.gets(http.StatusForbidden, "a user without a role", cloakroom.Role("editor"))
		author.gets(http.StatusForbidden, "a user of another role", cloakroom.Role("editor"))
		editor.gets(http.StatusOK, "a user of the role", cloakroom.Role("editor"))
		if answer := editor.asks(cloakroom.Role("admin")); !strings.Contains(answer.Body.String(), `"forbidden"`) {
			t.Errorf("answers %s", answer.Body)
		}
	})
	t.Run("S236 one of several roles, or all of them", func(t *testing.T) {
		editor.gets(http.StatusOK, "one of two", cloakroom.Role("billing", "editor"))
		plain.gets(http.StatusForbidden, "none of two", cloakroom.Role("billing", "editor"))
		editor.gets(http.StatusForbidden, "one where both are needed", cloakroom.Role("billing"), cloakroom.Role("editor"))
		both.gets(http.StatusOK, "both", cloakroom.Role("billing"), cloakroom.Role("editor"))
	})
	t.Run("S237 a role brings along those below it, and none above", func(t *testing.T) {
		admin.gets(http.StatusOK, "an administrator at the editors'", cloakroom.Role("editor"))
		admin.gets(http.StatusOK, "two steps down", cloakroom.Role("author"))
		admin.gets(http.StatusOK, "one of several", cloakroom.Role("billing", "author"))
		admin.gets(http.StatusForbidden, "a role beside the ladder", cloakroom.Role("billing"))
		editor.gets(http.StatusForbidden, "up", cloakroom.Role("admin"))
		editor.gets(http.StatusForbidden, "aside", cloakroom.Role("support"))
		holder("left").gets(http.StatusOK, "another name of the same", cloakroom.Role("right"))
		holder("right").gets(http.StatusOK, "and back", cloakroom.Role("left"))
		admin.gets(http.StatusForbidden, "no role named", cloakroom.Role())
		admin.gets(http.StatusForbidden, "the empty role", cloakroom.Role(""))
		if roles := admin.live().User.Roles; len(roles) != 1 {
			t.Errorf("roles %v, want what was given", roles)
		}
	})
	t.Run("a second factor that is demanded of a role is demanded of those that bring it along", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{RoleIncludes: map[string][]string{"admin": {"editor"}}, MFA: cloakroom.MFAPolicy{Roles: []string{"editor"}}, SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
		boss := w.program()
		boss.signIn(w.User("boss@example.com", "admin").Email)
		boss.gets(http.StatusUnauthorized, "one factor")
		boss.gets(http.StatusOK, "one factor where it may be added", cloakroom.AnyLevel)
		r := w.ByBearer(httptest.NewRequest(http.MethodGet, "/", nil), w.User("two@example.com", "admin"))
		if s, err := w.Authenticate(r); err != nil || s.Meets(cloakroom.Role("editor")) != nil {
			t.Errorf("two factors: %v, %v", s, err)
		}
	})
	t.Run("names that are none are a mistake", func(t *testing.T) {
		for _, includes := range []map[string][]string{{"": {"a"}}, {"a b": nil}, {"a": {""}}, {"a": {"b c"}}} {
			_, err := cloakroom.New(cloakroom.Config{Store: memory.New(), RoleIncludes: includes})
			if mistake, ok := errors.AsType[*cloakroom.ConfigError](err); !ok || mistake.Field != "RoleIncludes" {
				t.Errorf("%v: %v", includes, err)
			}
		}
	})
}
