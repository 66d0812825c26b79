package cloakroom_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Of changes of one account at once, from as many sessions, one is done and ends the others. Whoever was told that it is done
// finds it so; whoever was told that it is not finds nothing of it.
func TestFactorChangesAtOnce(t *testing.T) {
	onEachGuarded(t, func(t *testing.T, ready func(t *testing.T) *world) {
		t.Run("apps, passkeys and a password: one is done, its session lives, the others are over", func(t *testing.T) {
			for range 10 {
				w := ready(t)
				ana := w.User("ana@example.com")
				devices := make([]*device, 6)
				offers := make([]*cloakroom.FactorOffer, len(devices))
				answers := make([]string, len(devices))
				for i := range devices {
					devices[i] = w.browser()
					devices[i].signIn(ana.Email)
				}
				for i, d := range devices[:5] {
					var err error
					if i%2 == 0 {
						offers[i], err = d.offered("totp")
						done(t, err)
						answers[i] = w.appOf(offers[i]).code()
					} else {
						offers[i], err = d.offered("passkey")
						done(t, err)
						answers[i] = authtest.NewPasskey(t, site).Create(offers[i].Show)
					}
				}
				sessions, errs := sessionsOf(devices), make([]error, len(devices))
				n := atOnce(len(devices), func(i int) error {
					if i < 5 {
						errs[i] = second(devices[i].bindIn(sessions[i], offers[i], answers[i], fmt.Sprint(i)))
					} else {
						errs[i] = second(devices[i].changeIn(sessions[i], authtest.Secret, nextSecret))
					}
					return errs[i]
				})
				if n != 1 {
					t.Errorf("%d succeeded: %v", n, errs)
				}
				winner := slices.Index(errs, nil)
				for i, d := range devices {
					if want := http.StatusUnauthorized; i != winner {
						d.answers(want, fmt.Sprintf("the session of %d, after %d has won", i, winner))
						continue
					}
					d.answers(http.StatusOK, "the session of the winner")
				}
				switch {
				case winner == 5:
					w.has(ana.ID, "password")
				case winner%2 == 0:
					w.has(ana.ID, "password", "recovery_code", "totp")
				default:
					w.has(ana.ID, "passkey", "password", "recovery_code")
				}
			}
		})
		t.Run("two offers in one session: one is bound, and the session lives", func(t *testing.T) {
			for range 10 {
				w := ready(t)
				ana := w.User("ana@example.com")
				d := w.browser()
				d.signIn(ana.Email)
				tabs := []*device{d.holding(d.token), d.holding(d.token)}
				var offers [2]*cloakroom.FactorOffer
				for i, tab := range tabs {
					var err error
					offers[i], err = tab.offered("totp")
					done(t, err)
				}
				sessions := sessionsOf(tabs)
				n := atOnce(2, func(i int) error {
					return second(tabs[i].bindIn(sessions[i], offers[i], w.appOf(offers[i]).code(), ""))
				})
				if n != 1 {
					t.Errorf("%d succeeded", n)
				}
				w.has(ana.ID, "password", "recovery_code", "totp")
				for _, tab := range tabs {
					if tab.token != d.token {
						tab.answers(http.StatusOK, "the session")
					}
				}
			}
		})
		t.Run("the two last ways to sign in do not go at once", func(t *testing.T) {
			for range 10 {
				w := ready(t)
				ana := w.User("ana@example.com")
				d := w.browser()
				d.signIn(ana.Email)
				d.addPasskey(authtest.NewPasskey(t, site), "")
				ids := []string{"password", w.factorID(ana.ID, "passkey")}
				tabs := []*device{d.holding(d.token), d.holding(d.token)}
				sessions := sessionsOf(tabs)
				if n := atOnce(2, func(i int) error { return tabs[i].removeIn(sessions[i], ids[i]) }); n != 1 {
					t.Errorf("%d succeeded", n)
				}
				list, err := w.Factors(t.Context(), ana.ID)
				done(t, err)
				if !slices.ContainsFunc(list, func(f cloakroom.Factor) bool { return f.Method == "password" || f.Method == "passkey" }) {
					t.Errorf("nothing is left: %+v", list)
				}
			}
		})
		t.Run("a code that is used while a factor is named stays used", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			d := w.browser()
			d.signIn(ana.Email)
			d.addPasskey(authtest.NewPasskey(t, site), "")
			app, _ := d.addTOTP()
			id, s := w.factorID(ana.ID, "passkey"), d.live()
			for range 5 {
				w.Clock.Advance(30 * time.Second)
				var attempts [4]*cloakroom.Challenge
				for i := range attempts {
					attempts[i] = w.browser().challenge(ana.Email)
				}
				code, n := app.code(), 0
				atOnce(2, func(i int) error {
					if i == 0 {
						for n := range 10 {
							_ = w.RenameFactor(d.request(), s, id, fmt.Sprint(n))
						}
						return nil
					}
					for _, c := range attempts {
						if second(w.browser().answer(c, "totp", code)) == nil {
							n++
						}
					}
					return nil
				})
				if n != 1 {
					t.Errorf("it was right %d times", n)
				}
			}
		})
		t.Run("devices that are remembered at once are all remembered", func(t *testing.T) {
			w := ready(t)
			ana := w.User("ana@example.com")
			devices := make([]*device, 5)
			attempts := make([]*cloakroom.Challenge, len(devices))
			d := w.browser()
			d.signIn(ana.Email)
			_, codes := d.addTOTP()
			for i := range devices {
				devices[i] = w.browser()
				attempts[i] = devices[i].challenge(ana.Email)
			}
			// Recovery codes of one user at once: one takes its turn after the other.
			for i, d := range devices {
				done(t, second(d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
					return d.Continue(rw, r, cloakroom.Answer{Challenge: attempts[i].Token.Reveal(), Method: "recovery_code", Secret: codes[i], RememberDevice: true})
				})))
			}
			n := atOnce(len(devices), func(i int) error {
				devices[i].leave()
				return second(devices[i].trySignIn(ana.Email, authtest.Secret))
			})
			for _, d := range devices {
				d.answers(http.StatusOK, "without a second factor")
			}
			if n != len(devices) {
				t.Errorf("%d signed in", n)
			}
		})
	})
}

// sessionsOf are the sessions of devices, each read by itself.
func sessionsOf(devices []*device) (sessions []*cloakroom.Session) {
	for _, d := range devices {
		sessions = append(sessions, d.live())
	}
	return sessions
}

// A change that begins in the middle of another one of the same session, where that is done and its token is not out yet, does
// not build on what was on file before it.
func TestFactorChangeWithinAnother(t *testing.T) {
	arrange := func(t *testing.T) (store *wrapped, w *world, ana *cloakroom.User, d *device) {
		store = wrap(memory.New())
		w = guarded(t, cloakroom.Config{Store: store, Cache: -1})
		ana = w.User("ana@example.com")
		d = w.browser()
		d.signIn(ana.Email)
		return store, w, ana, d
	}
	// within does an act of a tab, whose session is read while a change writes the account. The act has read what is on file
	// before that change is done, or after; it goes on when the change is done and before its new token is in place.
	within := func(store *wrapped, tab *device, before bool, act func(*cloakroom.Session) error) *error {
		var s *cloakroom.Session
		result, stage := new(error), 0
		read, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		begin := func() {
			*result = act(s)
			close(ended)
		}
		store.hook(func(verb string) error {
			switch {
			case stage == 0 && verb == "UpdateUser":
				stage = 1
				s = tab.live()
				stage = 2
				if before {
					go begin()
					<-read
				}
			case stage == 2 && before && verb == "Session":
				stage = 3
				close(read)
				<-goOn
			case stage >= 2 && stage < 4 && verb == "Renew":
				stage = 4
				if !before {
					go begin()
				}
				close(goOn)
				<-ended
			}
			return nil
		})
		return result
	}
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprint("the two last ways to sign in, read before: ", before), func(t *testing.T) {
			store, w, ana, d := arrange(t)
			d.addPasskey(authtest.NewPasskey(t, site), "")
			tab, id := d.holding(d.token), w.factorID(ana.ID, "passkey")
			inner := within(store, tab, before, func(s *cloakroom.Session) error { return tab.removeIn(s, id) })
			done(t, d.remove("password"))
			if *inner == nil {
				t.Error("both were removed")
			}
			d.answers(http.StatusOK, "the session")
			w.has(ana.ID, "passkey", "recovery_code")
		})
		t.Run(fmt.Sprint("two apps, read before: ", before), func(t *testing.T) {
			store, w, ana, d := arrange(t)
			tab := d.holding(d.token)
			first, err := d.offered("totp")
			done(t, err)
			next, err := tab.offered("totp")
			done(t, err)
			inner := within(store, tab, before, func(s *cloakroom.Session) error {
				return second(tab.bindIn(s, next, w.appOf(next).code(), ""))
			})
			done(t, second(d.bind(first, w.appOf(first).code(), "")))
			if *inner == nil {
				t.Error("both were bound")
			}
			d.answers(http.StatusOK, "the session")
			w.browser().signInBoth(ana.Email, w.appOf(first))
		})
		t.Run(fmt.Sprint("a password, read before: ", before), func(t *testing.T) {
			store, w, ana, d := arrange(t)
			tab := d.holding(d.token)
			offer, err := d.offered("totp")
			done(t, err)
			inner := within(store, tab, before, func(s *cloakroom.Session) error {
				return second(tab.changeIn(s, authtest.Secret, nextSecret))
			})
			done(t, second(d.bind(offer, w.appOf(offer).code(), "")))
			fails(t, *inner, cloakroom.ErrInvalidToken, "the change of password")
			d.answers(http.StatusOK, "the session")
			w.browser().signInBoth(ana.Email, w.appOf(offer))
		})
	}
	t.Run("new recovery codes, while the last second factor goes", func(t *testing.T) {
		store, w, ana, d := arrange(t)
		d.addTOTP()
		s := d.live()
		var inner error
		store.hook(onVerb("UpdateUser", func() {
			store.hook(onVerb("UpdateUser", func() {
				store.hook(nil)
				done(t, d.remove("totp"))
			}))
			_, inner = w.NewRecoveryCodes(d.request(), s, "recovery_code")
		}))
		done(t, second(w.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Name = "Ana"; return nil })))
		fails(t, inner, cloakroom.ErrInvalidToken, "new codes")
		w.has(ana.ID, "password")
	})
	t.Run("a name for a device that is forgotten meanwhile", func(t *testing.T) {
		store, w, ana, d := arrange(t)
		app, _ := d.addTOTP()
		d.trusting(ana.Email, app)
		s, id := d.live(), w.factorID(ana.ID, "device")
		store.hook(onVerb("UpdateUser", func() {
			store.hook(nil)
			done(t, d.remove(id))
		}))
		fails(t, w.RenameFactor(d.request(), s, id, "sofa"), cloakroom.ErrNotFound, "the name")
		w.has(ana.ID, "password", "recovery_code", "totp")
		d.leave()
		d.challenge(ana.Email)
	})
}
