package cloakroom_test

import (
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// An account that somebody makes for himself tells from where.
func TestSignUpTellsFromWhere(t *testing.T) {
	signUp := func(p *postal, d *device) {
		done(t, second(d.signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})))
	}
	byCode := func(p *postal, d *device) {
		c := d.askCode("ana@example.com")
		code, _ := p.code("ana@example.com")
		done(t, second(d.typeCode(c, code)))
	}
	for name, makes := range map[string]func(*postal, *device){"a sign-up": signUp, "a code": byCode} {
		t.Run("by "+name, func(t *testing.T) {
			p := coded(t, nil, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{SignUp: true}})
			makes(p, p.elsewhere())
			ana, err := p.Users().ByEmail(t.Context(), "ana@example.com")
			done(t, err)
			from := func(e cloakroom.Event) {
				if e.UserID != ana.ID || e.IP != "198.51.100.7" || !strings.Contains(e.UserAgent, "Firefox") || e.Time.IsZero() {
					t.Errorf("the event is %+v", e)
				}
			}
			told := p.Events(cloakroom.UserCreated)
			if len(told) != 1 {
				t.Fatalf("told %d times", len(told))
			}
			from(told[0])
			for _, e := range p.history(ana.ID) {
				if e.Type == cloakroom.UserCreated {
					from(e)
				}
			}
		})
	}
	t.Run("and one that an operator makes does not", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{})
		w.User("ana@example.com")
		if e := w.Events(cloakroom.UserCreated); len(e) != 1 || e[0].IP != "" || e[0].UserAgent != "" {
			t.Errorf("the events are %+v", e)
		}
	})
}
