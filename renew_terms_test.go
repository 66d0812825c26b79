package cloakroom_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// everyWay lets a sign-in be delivered in each way and form.
func everyWay() cloakroom.Config {
	return cloakroom.Config{
		BaseURL:  "http://localhost",
		Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth}},
		Token:    cloakroom.TokenPolicy{Issuer: "http://localhost"},
	}
}

// inForm signs in to an account that room.User made, for this form.
func (d *device) inForm(email string, form cloakroom.TokenForm) {
	d.t.Helper()
	terms := d.terms()
	terms.Token = form
	done(d.t, second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
		return d.SignIn(w, r, cloakroom.SignIn{Email: email, Secret: authtest.Secret, Terms: terms})
	})))
}

func TestRenewOnTerms(t *testing.T) {
	both := cloakroom.Terms{Delivery: cloakroom.DeliverBoth}
	for _, form := range []cloakroom.TokenForm{cloakroom.Opaque, cloakroom.Signed} {
		w := newWorld(t, everyWay())
		ana := w.User("ana@example.com")
		t.Run(string(form)+": a cookie and tokens of one session, however often it is renewed in the request", func(t *testing.T) {
			d, p := w.browser(), w.program()
			d.inForm(ana.Email, form)
			s, before := d.live(), d.holding(d.token)
			done(t, s.SetTerms(both))
			for range 2 {
				g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.Renew(w, r, s) })
				done(t, err)
				p.token = g.Tokens.Access.Reveal()
				if (g.Tokens.Refresh.Reveal() != "") != (form == cloakroom.Signed) {
					t.Error("a refresh token is for the signed form, and belongs to it")
				}
			}
			before.answers(http.StatusUnauthorized, "the old token")
			if d.live().ID != s.ID || p.live().ID != s.ID {
				t.Error("not the same session")
			}
		})
		t.Run(string(form)+": zero terms ask for nothing, and the cookie can be asked for again", func(t *testing.T) {
			d := w.browser()
			d.inForm(ana.Email, form)
			s := d.live()
			done(t, s.SetTerms(both))
			done(t, s.SetTerms(cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: form, Remember: true}))
			done(t, s.SetTerms(cloakroom.Terms{}))
			g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.Renew(w, r, s) })
			done(t, err)
			if g.Tokens != nil || d.live().Remember {
				t.Errorf("tokens %v, or it is remembered", g.Tokens)
			}
		})
		t.Run(string(form)+": the session of a sign-in keeps both and its form when it is renewed in the same request", func(t *testing.T) {
			d := w.browser()
			g, err := d.grant(func(rw http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				terms := both
				terms.Token = form
				in, err := w.SignIn(rw, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret, Terms: terms})
				done(t, err)
				for _, other := range []cloakroom.TokenForm{cloakroom.Opaque, cloakroom.Signed} {
					if err := in.Session.SetTerms(cloakroom.Terms{Token: other}); (err == nil) != (other == form) {
						t.Errorf("%s: %v", other, err)
					}
				}
				return w.Renew(rw, r, in.Session)
			})
			done(t, err)
			if g.Tokens == nil || !d.live().Live(w.Clock.Now()) {
				t.Error("the app's half is lost")
			}
		})
		t.Run(string(form)+": a refusal leaves what was asked for before", func(t *testing.T) {
			d := w.browser()
			d.inForm(ana.Email, form)
			s := d.live()
			done(t, s.SetTerms(both))
			refuses(t, s.SetTerms(cloakroom.Terms{Delivery: cloakroom.DeliverBearer}), "delivery")
			refuses(t, s.SetTerms(cloakroom.Terms{Delivery: cloakroom.DeliverCookie, Token: "jwt"}), "token")
			g, err := d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.Renew(w, r, s) })
			done(t, err)
			if g.Tokens == nil {
				t.Error("no tokens")
			}
		})
	}
	t.Run("no session has no terms", func(t *testing.T) {
		var none *cloakroom.Session
		fails(t, none.SetTerms(cloakroom.Terms{}), cloakroom.ErrUnauthenticated, "nil")
	})
}

func TestStepUpOnTerms(t *testing.T) {
	w := newWorld(t, everyWay())
	ana := w.User("ana@example.com")
	d := w.browser()
	d.signIn(ana.Email)
	s := d.live()
	done(t, s.SetTerms(cloakroom.Terms{Delivery: cloakroom.DeliverBoth}))
	c, err := w.StepUp(httptest.NewRecorder(), d.request(), s)
	done(t, err)
	p := w.program().holding(d.token)
	refuses(t, second(p.answer(c, "password", authtest.Secret)), "delivery")
	g, err := d.answer(c, "password", authtest.Secret)
	done(t, err)
	if g.Tokens == nil {
		t.Fatal("the terms of its begin are forgotten")
	}
	p.token = g.Tokens.Access.Reveal()
	p.answers(http.StatusOK, "the app")
	d.answers(http.StatusOK, "the page")
}
