package cloakroom_test

import (
	"net/http/httptest"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
)

// polls asks whether an attempt was approved elsewhere.
func (d *device) polls(c *cloakroom.Challenge) error {
	_, _, err := d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
	return err
}

// sendCode asks for a mail for a step-up.
func (d *device) sendCode(c *cloakroom.Challenge) (*cloakroom.Challenge, error) {
	return d.SendCode(httptest.NewRecorder(), d.request(), cloakroom.CodeRequest{Challenge: c.Token.Reveal()})
}

// Whoever waits for a mail is told to go on waiting only while the mail can still bring something.
func TestWaitingForMailThatCanBringNothing(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		t.Run("five wrong codes", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{})
			ana := p.User("ana@example.com")
			d := p.browser()
			c := d.askCode(ana.Email)
			code, token := p.code(ana.Email)
			for range 4 {
				fails(t, second(d.typeCode(c, wrongCode(code))), cloakroom.ErrInvalidCredentials, "a wrong code")
			}
			done(t, d.polls(c))
			fails(t, second(d.typeCode(c, wrongCode(code))), cloakroom.ErrInvalidCredentials, "the fifth")
			fails(t, d.polls(c), cloakroom.ErrInvalidChallenge, "asked then")
			_, _, _ = p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
			fails(t, d.polls(c), cloakroom.ErrInvalidChallenge, "asked after the link was followed elsewhere")
		})
		t.Run("a code was given, and another factor is asked for", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
			ana := p.User("ana@example.com")
			p.enrolled(ana, "totp")
			d := p.browser()
			c := d.askCode(ana.Email)
			code, _ := p.code(ana.Email)
			g, err := d.typeCode(c, code)
			done(t, err)
			fails(t, d.polls(c), cloakroom.ErrInvalidChallenge, "asked")
			done(t, second(d.answer(g.Challenge, "totp", "totp")))
		})
		t.Run("a password was given, and another factor is asked for", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
			ana := p.User("ana@example.com")
			p.enrolled(ana, "totp")
			d := p.browser()
			fails(t, d.polls(d.challenge(ana.Email)), cloakroom.ErrInvalidChallenge, "asked")
		})
		t.Run("a step-up that asked for no mail, and one of another session", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{})
			ana := p.User("ana@example.com")
			d, nobody, other := p.browser(), p.browser(), p.browser()
			d.signIn(ana.Email)
			other.signIn(ana.Email)
			c, err := d.stepUp()
			done(t, err)
			fails(t, d.polls(c), cloakroom.ErrInvalidChallenge, "no mail")
			fails(t, nobody.polls(c), cloakroom.ErrInvalidChallenge, "no mail and no session")
			c, err = d.sendCode(c)
			done(t, err)
			done(t, d.polls(c))
			fails(t, nobody.polls(c), cloakroom.ErrUnauthenticated, "no session")
			fails(t, other.polls(c), cloakroom.ErrInvalidChallenge, "another session")
		})
	})
}
