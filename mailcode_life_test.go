package cloakroom_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// saysLife checks that a mail says how long its code is good, to the minute.
func saysLife(t *testing.T, m cloakroom.Mail, left time.Duration) {
	t.Helper()
	want := fmt.Sprintf("good for %d minute", max(1, int(left.Round(time.Minute)/time.Minute)))
	if !strings.Contains(strings.Join(strings.Fields(m.Text), " "), want) {
		t.Errorf("%v are left, and the mail does not say %q:\n%s", left, want, m.Text)
	}
}

// How long a code is good is what its mail says, what the challenge says, and what is.
func TestCodeIsGoodAsLongAsItsMailSays(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		for _, begun := range []time.Duration{0, 2 * time.Minute, 4*time.Minute + 20*time.Second} {
			for _, late := range []bool{false, true} {
				t.Run(fmt.Sprintf("a step-up begun %v before, answered too late: %v", begun, late), func(t *testing.T) {
					p := coded(t, store, cloakroom.Config{})
					ana := p.User("ana@example.com")
					d := p.browser()
					d.signIn(ana.Email)
					step, err := d.stepUp()
					done(t, err)
					p.Clock.Advance(begun)
					step, err = d.sendCode(step)
					done(t, err)
					m := p.box.WaitFor(t, ana.Email, "mailcode")
					left := step.ExpiresAt.Sub(p.Clock.Now())
					saysLife(t, m, left)
					if late {
						p.Clock.Advance(left)
						fails(t, second(d.typeCode(step, authtest.Code(m))), cloakroom.ErrInvalidChallenge, "the code")
						_, _, err = p.elsewhere().openCode(cloakroom.CodeAnswer{Token: tokenOf(t, m)})
						fails(t, err, cloakroom.ErrExpiredLink, "the link")
						return
					}
					p.Clock.Advance(left - time.Microsecond)
					done(t, second(d.typeCode(step, authtest.Code(m))))
				})
			}
		}
		t.Run("a mail that had to wait for another", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{})
			ana := p.User("ana@example.com")
			p.browser().askCode(ana.Email)
			p.code(ana.Email)
			c := p.browser().askCode(ana.Email)
			p.Clock.Advance(time.Minute)
			p.browser().askCode("somebody@example.com") // wakes who sends
			m := p.box.WaitFor(t, ana.Email, "mailcode")
			saysLife(t, m, c.ExpiresAt.Sub(p.Clock.Now()))
		})
	})
}
