package cloakroom_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

const site = "http://localhost"

// guarded is a world with every factor there is: passwords and passkeys begin a sign-in; codes, passkeys and recovery codes
// complete it.
func guarded(t testing.TB, c cloakroom.Config) *world {
	t.Helper()
	clock, keys := authtest.NewClock(time.Now().UTC().Truncate(time.Minute)), passkey.For(site)
	c.Now = clock.Now
	c.Methods = []cloakroom.Method{authtest.Password(t), keys}
	c.SecondFactors = []cloakroom.Method{totp.Method{Now: clock.Now}, keys, recovery.Method{}}
	w := newWorld(t, c)
	w.Clock = clock
	return w
}

// onEachGuarded gives a test one guarded world after the other, each with its own realm of a store, for every store.
func onEachGuarded(t *testing.T, test func(t *testing.T, ready func(t *testing.T) *world)) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		realm := 0
		test(t, func(t *testing.T) *world {
			realm++
			return guarded(t, cloakroom.Config{Store: store, Realm: fmt.Sprint(realm)})
		})
	})
}

// codeApp is the authenticator app of somebody.
type codeApp struct {
	*world
	secret string
}

// code is what the app shows.
func (p codeApp) code() string { return p.codeAt(0) }

// codeAt is what it shows so much later.
func (p codeApp) codeAt(d time.Duration) string {
	code, err := totp.Code(p.secret, p.Clock.Now().Add(d))
	done(p.t, err)
	return code
}

// wrong is a code that the app does not show, now or about now.
func (p codeApp) wrong() string {
	for n := 0; ; n++ {
		wrong := fmt.Sprintf("%06d", n)
		near := false
		for step := -3; step <= 3; step++ {
			near = near || p.codeAt(time.Duration(step)*30*time.Second) == wrong
		}
		if !near {
			return wrong
		}
	}
}

func (d *device) offered(method string) (*cloakroom.FactorOffer, error) {
	return d.OfferFactor(d.request(), d.live(), method)
}

func (d *device) bind(offer *cloakroom.FactorOffer, answer, name string) (codes []string, err error) {
	d.t.Helper()
	return d.bindIn(d.live(), offer, answer, name)
}

// bindIn is bind for a session that a guard has given.
func (d *device) bindIn(s *cloakroom.Session, offer *cloakroom.FactorOffer, answer, name string) (codes []string, err error) {
	_, err = d.grant(func(w http.ResponseWriter, r *http.Request) (g *cloakroom.Grant, err error) {
		g, codes, err = d.BindFactor(w, r, s, cloakroom.FactorAnswer{Offer: offer.Token.Reveal(), Answer: answer, Name: name})
		return g, err
	})
	return codes, err
}

// app is the app that has read an offer.
func (w *world) appOf(offer *cloakroom.FactorOffer) codeApp {
	return codeApp{w, offer.Show.(totp.Setup).Secret}
}

// addTOTP gives the account of the device an app, and returns it with the recovery codes that came of it.
func (d *device) addTOTP() (codeApp, []string) {
	d.t.Helper()
	offer, err := d.offered("totp")
	done(d.t, err)
	app := d.appOf(offer)
	codes, err := d.bind(offer, app.code(), "")
	done(d.t, err)
	return app, codes
}

// addPasskey gives the account of the device a passkey.
func (d *device) addPasskey(p *authtest.Passkey, name string) []string {
	d.t.Helper()
	offer, err := d.offered("passkey")
	done(d.t, err)
	codes, err := d.bind(offer, p.Create(offer.Show), name)
	done(d.t, err)
	return codes
}

func (d *device) remove(id string) error {
	d.t.Helper()
	return d.removeIn(d.live(), id)
}

// removeIn is remove for a session that a guard has given.
func (d *device) removeIn(s *cloakroom.Session, id string) error {
	return second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.RemoveFactor(w, r, s, id)
	}))
}

func (d *device) ask(q cloakroom.Question) (*cloakroom.Challenge, error) {
	return d.Ask(httptest.NewRecorder(), d.request(), q)
}

func (d *device) stepUp() (*cloakroom.Challenge, error) {
	return d.StepUp(httptest.NewRecorder(), d.request(), d.live())
}

// signInBoth signs in by the password and the app's next code.
func (d *device) signInBoth(email string, app codeApp) *cloakroom.Session {
	d.t.Helper()
	d.Clock.Advance(30 * time.Second)
	g, err := d.answer(d.challenge(email), "totp", app.code())
	if err != nil || g.Session == nil {
		d.t.Fatalf("sign-in of %s by both: %+v, %v", email, g, err)
	}
	return g.Session
}

// has holds the factors of a user, and what the user says of them, against what a test expects.
func (w *world) has(userID string, want ...string) {
	w.t.Helper()
	list, err := w.Factors(w.t.Context(), userID)
	done(w.t, err)
	var got []string
	second := false
	for _, f := range list {
		id := f.Method // the ids of passkeys and devices are random
		got = append(got, id)
		second = second || f.Second
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("factors %v, want %v", got, want)
	}
	user, err := w.Users().Get(w.t.Context(), userID)
	done(w.t, err)
	if user.MFA != second {
		w.t.Errorf("MFA is %v, and the factors are %v", user.MFA, got)
	}
}

// factorID is the id of the only factor of a method that a user has.
func (w *world) factorID(userID, method string) string {
	w.t.Helper()
	list, err := w.Factors(w.t.Context(), userID)
	done(w.t, err)
	list = slices.DeleteFunc(list, func(f cloakroom.Factor) bool { return f.Method != method })
	if len(list) != 1 {
		w.t.Fatalf("%d factors of method %s, want one", len(list), method)
	}
	return list[0].ID
}

// keptLast is the last event of a type that was kept of a user.
func (w *world) keptLast(userID string, of cloakroom.EventType) cloakroom.Event {
	w.t.Helper()
	for _, e := range slices.Backward(w.history(userID)) {
		if e.Type == of {
			return e
		}
	}
	w.t.Fatalf("no event %s was kept", of)
	return cloakroom.Event{}
}

// admitted opens a session for a user whom the app has recognised by so many factors.
func (d *device) admitted(user *cloakroom.User, factors int) *cloakroom.Session {
	d.t.Helper()
	g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.Admit(w, r, user.ID, cloakroom.Admission{Method: "test", Factors: factors, Terms: d.terms()})
	})
	done(d.t, err)
	return g.Session
}
