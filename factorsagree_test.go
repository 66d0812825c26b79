package cloakroom_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Whatever is added and removed, in whatever order: User.MFA says whether there is a second factor, and what stands in for
// one is there only beside one.
func TestFactorsAgree(t *testing.T) {
	w := guarded(t, cloakroom.Config{Store: memory.New()})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		ana := w.User(fmt.Sprintf("ana%d@example.com", n))
		m := &member{world: w, user: ana, d: w.browser(), secret: authtest.Secret}
		m.d.signIn(ana.Email)
		rt.Repeat(map[string]func(*rapid.T){
			"an app":             m.addApp,
			"a passkey":          m.addKey,
			"a factor less":      m.removeOne,
			"new recovery codes": m.newCodes,
			"a device":           m.remember,
			"another password":   m.changePassword,
			"all reset":          m.reset,
			"time passes":        func(*rapid.T) { w.Clock.Advance(time.Hour) },
			"":                   m.agree,
		})
	})
}

// member is somebody who adds and removes factors.
type member struct {
	*world
	user *cloakroom.User
	d    *device
	app  *codeApp

	secret string // the password
}

func (m *member) factors() []cloakroom.Factor {
	list, err := m.Factors(m.t.Context(), m.user.ID)
	done(m.t, err)
	return list
}

func (m *member) holds(method string) (n int) {
	for _, f := range m.factors() {
		if f.Method == method {
			n++
		}
	}
	return n
}

// fresh lets the session be proven anew, by the app's word.
func (m *member) fresh() {
	m.d.leave()
	m.d.admitted(m.user, 2)
}

func (m *member) addApp(t *rapid.T) {
	m.fresh()
	offer, err := m.d.offered("totp")
	if m.holds("totp") > 0 {
		fails(m.t, err, cloakroom.ErrFactorExists, "a second app")
		return
	}
	done(m.t, err)
	app := m.appOf(offer)
	had := m.holds("totp")+m.holds("passkey") > 0
	codes, err := m.d.bind(offer, app.code(), "")
	done(m.t, err)
	if (len(codes) == 10) == had {
		t.Errorf("%d recovery codes, with a second factor before: %v", len(codes), had)
	}
	m.app = &app
}

func (m *member) addKey(*rapid.T) {
	m.fresh()
	m.d.addPasskey(authtest.NewPasskey(m.t, site), "")
}

func (m *member) removeOne(t *rapid.T) {
	if len(m.factors()) == 0 {
		return // there is none
	}
	m.fresh()
	f := rapid.SampledFrom(m.factors()).Draw(t, "factor")
	last := (f.Method == "password" || f.Method == "passkey") && m.holds("password")+m.holds("passkey") == 1
	err := m.d.remove(f.ID)
	if !last {
		done(m.t, err)
		return
	}
	fails(m.t, err, cloakroom.ErrLastMethod, "the last way to sign in")
}

func (m *member) newCodes(t *rapid.T) {
	m.fresh()
	_, err := m.NewRecoveryCodes(m.d.request(), m.d.live(), "recovery_code")
	if m.d.live().User.MFA != (err == nil) {
		t.Errorf("MFA is %v, new codes: %v", m.d.live().User.MFA, err)
	}
}

func (m *member) remember(t *rapid.T) {
	if m.holds("totp") == 0 || m.holds("password") == 0 {
		return // it takes a password and an app
	}
	m.Clock.Advance(30 * time.Second)
	b := m.browser()
	g, err := b.trySignIn(m.user.Email, m.secret)
	done(m.t, err)
	_, err = b.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return m.Continue(rw, r, cloakroom.Answer{Challenge: g.Challenge.Token.Reveal(), Method: "totp", Secret: m.app.code(), RememberDevice: true})
	})
	done(m.t, err)
	if b.trust == "" {
		t.Error("it is not remembered")
	}
}

func (m *member) changePassword(*rapid.T) {
	m.fresh()
	if m.holds("password") > 0 {
		next := fmt.Sprintf("another long password %d", m.Clock.Now().UnixNano())
		m.Clock.Advance(time.Second)
		done(m.t, second(m.d.change(m.secret, next)))
		m.secret = next
	}
}

func (m *member) reset(*rapid.T) {
	done(m.t, m.Users().ResetFactors(m.t.Context(), m.user.ID))
}

func (m *member) agree(t *rapid.T) {
	user, err := m.Users().Get(m.t.Context(), m.user.ID)
	done(m.t, err)
	second := m.holds("totp")+m.holds("passkey") > 0
	if user.MFA != second {
		t.Errorf("MFA is %v, and the factors are %+v", user.MFA, m.factors())
	}
	if !second && m.holds("recovery_code")+m.holds("device") > 0 {
		t.Errorf("what stands in for a second factor is there without one: %+v", m.factors())
	}
	for _, f := range m.factors() {
		if f.Second != (f.Method == "totp" || f.Method == "passkey") {
			t.Errorf("%s is listed as second: %v", f.Method, f.Second)
		}
	}
}
