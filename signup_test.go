package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

func (d *device) signUp(in cloakroom.SignUp) (*cloakroom.Grant, error) {
	in.Terms = d.terms()
	return d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) { return d.SignUp(w, r, in) })
}

func TestSignUp(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		w := newWorld(t, cloakroom.Config{Store: store})
		t.Run("an account and its first session, by either carrier", func(t *testing.T) {
			for i, d := range []*device{w.browser(), w.program()} {
				w.Forget()
				email := fmt.Sprintf("ana%d@example.com", i)
				g, err := d.signUp(cloakroom.SignUp{Email: strings.ToUpper(email), Name: "Ana", Secret: authtest.Secret})
				done(t, err)
				w.happened(cloakroom.UserCreated, cloakroom.SignedIn)
				d.answers(http.StatusOK, "the new session")
				u := d.live().User
				if u.Email != email || u.Name != "Ana" || u.EmailVerified || len(u.Roles) > 0 || g.Session.User.ID != u.ID || g.Session.Level != 1 {
					t.Errorf("made %+v", u)
				}
				w.browser().signIn(email)
			}
		})
		t.Run("white space around a name is not part of it", func(t *testing.T) {
			g, err := w.browser().signUp(cloakroom.SignUp{Email: "trim@example.com", Name: " \u2003Ana Lu ", Secret: authtest.Secret})
			done(t, err)
			made, err := w.Users().Create(t.Context(), cloakroom.NewUser{Email: "trim2@example.com", Name: "\tAna Lu\n"})
			done(t, err)
			edited, err := w.Users().Update(t.Context(), made.ID, func(u *cloakroom.User) error { u.Name = " Ana Maria "; return nil })
			done(t, err)
			if g.Session.User.Name != "Ana Lu" || made.Name != "Ana Lu" || edited.Name != "Ana Maria" {
				t.Errorf("names %q, %q, %q", g.Session.User.Name, made.Name, edited.Name)
			}
		})
		t.Run("a taken e-mail, in any spelling, signs nobody in and changes nothing", func(t *testing.T) {
			ana := w.User("taken@example.com")
			w.Forget()
			d := w.browser()
			_, err := d.signUp(cloakroom.SignUp{Email: " Taken@example.com", Name: "Mallory", Secret: nextSecret})
			fails(t, err, cloakroom.ErrEmailTaken, "sign-up")
			w.happened()
			d.answers(http.StatusUnauthorized, "whoever tried")
			if now, err := w.Users().Get(t.Context(), ana.ID); err != nil || now.Name != ana.Name {
				t.Errorf("the account is %+v, %v", now, err)
			}
			d.signIn(ana.Email) // the old password still holds
		})
		t.Run("of 64 sign-ups at once with one e-mail one succeeds", func(t *testing.T) {
			w.Forget()
			n := atOnce(64, func(int) error {
				return second(w.browser().signUp(cloakroom.SignUp{Email: "one@example.com", Secret: authtest.Secret}))
			})
			if n != 1 {
				t.Errorf("%d succeeded", n)
			}
			w.happened(cloakroom.UserCreated, cloakroom.SignedIn)
		})
		t.Run("what cannot be taken names its field", func(t *testing.T) {
			w.Forget()
			for name, c := range map[string]struct {
				in    cloakroom.SignUp
				field string
			}{
				"no e-mail":            {cloakroom.SignUp{Secret: authtest.Secret}, "email"},
				"no address":           {cloakroom.SignUp{Email: "ana", Secret: authtest.Secret}, "email"},
				"a header":             {cloakroom.SignUp{Email: "a@b.com\r\nBcc: x@y.com", Secret: authtest.Secret}, "email"},
				"a list":               {cloakroom.SignUp{Email: "a@b.com,c@d.com", Secret: authtest.Secret}, "email"},
				"a very long one":      {cloakroom.SignUp{Email: strings.Repeat("a", 1<<20) + "@b.com", Secret: authtest.Secret}, "email"},
				"a name with a NUL":    {cloakroom.SignUp{Email: "a@b.com", Name: "a\x00", Secret: authtest.Secret}, "name"},
				"a long name":          {cloakroom.SignUp{Email: "a@b.com", Name: strings.Repeat("é", 201), Secret: authtest.Secret}, "name"},
				"no password":          {cloakroom.SignUp{Email: "a@b.com"}, "password"},
				"a short password":     {cloakroom.SignUp{Email: "a@b.com", Secret: "short"}, "password"},
				"a very long password": {cloakroom.SignUp{Email: "a@b.com", Secret: strings.Repeat("x", 1<<20)}, "password"},
				"an unknown method":    {cloakroom.SignUp{Email: "a@b.com", Secret: authtest.Secret, Method: "palm"}, "method"},
			} {
				_, err := w.browser().signUp(c.in)
				fields, ok := errors.AsType[cloakroom.FieldErrors](err)
				if !ok || len(fields) != 1 || fields[0].Field != c.field || fields[0].Code == "" {
					t.Errorf("%s: %v", name, err)
				}
			}
			_, err := w.browser().signUp(cloakroom.SignUp{Email: "x", Name: "\x01"})
			if fields, _ := errors.AsType[cloakroom.FieldErrors](err); len(fields) != 3 {
				t.Errorf("three mistakes at once: %v", err)
			}
			w.happened()
			if _, err := w.Users().ByEmail(t.Context(), "a@b.com"); err == nil {
				t.Error("an account was made")
			}
		})
	})
}

func TestSignupClosed(t *testing.T) {
	w := newWorld(t, cloakroom.Config{SignupClosed: true})
	_, err := w.browser().signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})
	fails(t, err, cloakroom.ErrSignupClosed, "sign-up")
	w.happened()
	w.User("ana@example.com") // by an administrator
	w.browser().signIn("ana@example.com")
}

func TestSignupLimit(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Limits: cloakroom.Limits{Signup: cloakroom.Rate{Max: 3, Window: time.Hour}}})
	at := func(address, email string) error {
		return second(w.from(address).signUp(cloakroom.SignUp{Email: email, Secret: authtest.Secret}))
	}
	for i := range 3 {
		done(t, at("192.0.2.1", fmt.Sprintf("u%d@example.com", i)))
	}
	w.Forget()
	if l := limited(t, at("192.0.2.1", "more@example.com"), "the fourth"); l.Policy != "signup" || l.Limit != 3 || l.RetryAfter != time.Hour {
		t.Errorf("it says %+v", l)
	}
	w.happened(cloakroom.LimitReached)
	if _, err := w.Users().ByEmail(t.Context(), "more@example.com"); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("an account was made: %v", err)
	}
	done(t, at("192.0.2.2", "more@example.com"))
	w.Clock.Advance(time.Hour)
	done(t, at("192.0.2.1", "later@example.com"))
}

// A Bearer header exempts a request from the CSRF rule, so what comes with one gets no cookie.
func TestBearerGetsNoCookie(t *testing.T) {
	w := newWorld(t, cloakroom.Config{Delivery: cloakroom.DeliveryPolicy{
		Allow: []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBearer, cloakroom.DeliverBoth},
	}})
	ana := w.User("ana@example.com")
	good := w.program()
	good.signIn(ana.Email)
	w.Forget()
	for _, delivery := range []cloakroom.Delivery{cloakroom.DeliverCookie, cloakroom.DeliverBoth} {
		for _, token := range []string{"junk", good.token} {
			r := w.program().holding(token).request()
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			answer, terms := httptest.NewRecorder(), cloakroom.Terms{Delivery: delivery}
			for what, err := range map[string]error{
				"sign-in":   second(w.SignIn(answer, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret, Terms: terms})),
				"sign-up":   second(w.SignUp(answer, r, cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret, Terms: terms})),
				"begin":     second(w.BeginOn(answer, r, terms)),
				"admission": second(w.Admit(answer, r, ana.ID, cloakroom.Admission{Method: "test", Terms: terms})),
			} {
				fields, _ := errors.AsType[cloakroom.FieldErrors](err)
				if len(fields) != 1 || fields[0].Field != "delivery" || fields[0].Code != "not_allowed" {
					t.Errorf("%s by %s: %v", what, delivery, err)
				}
			}
			if len(answer.Result().Cookies()) > 0 {
				t.Error("a cookie was set")
			}
		}
	}
	w.happened()
	good.answers(http.StatusOK, "the session of the good one")

	t.Run("nor does an attempt that began without one", func(t *testing.T) {
		w, ana := factors(t, cloakroom.Config{})
		d := w.browser()
		c := d.challenge(ana.Email)
		r := w.program().holding("junk").request()
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		answer := httptest.NewRecorder()
		_, err := w.Continue(answer, r, cloakroom.Answer{Challenge: c.Token.Reveal(), Method: "totp", Secret: "totp"})
		if fields, _ := errors.AsType[cloakroom.FieldErrors](err); len(fields) != 1 || fields[0].Code != "not_allowed" || len(answer.Result().Cookies()) > 0 {
			t.Errorf("%v, cookies %v", err, answer.Result().Cookies())
		}
		done(t, second(d.answer(c, "totp", "totp"))) // the attempt goes on
	})
	t.Run("where only cookies are, it exempts from nothing", func(t *testing.T) {
		w := newWorld(t, cloakroom.Config{Delivery: cloakroom.DeliveryPolicy{Allow: []cloakroom.Delivery{cloakroom.DeliverCookie}}})
		ana := w.User("ana@example.com")
		r := w.program().holding("junk").request()
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		answer := httptest.NewRecorder()
		fails(t, second(w.SignIn(answer, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret})), cloakroom.ErrCrossOrigin, "sign-in")
		fails(t, second(w.BeginOn(answer, r, cloakroom.Terms{})), cloakroom.ErrCrossOrigin, "a guest session")
		if len(answer.Result().Cookies()) > 0 {
			t.Error("a cookie was set")
		}
	})
}

// A page of another site cannot sign anybody up, in or admit them.
func TestCrossOriginOpening(t *testing.T) {
	w := newWorld(t, cloakroom.Config{})
	ana := w.User("ana@example.com")
	w.Forget()
	r := w.browser().request()
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	answer := httptest.NewRecorder()
	for what, err := range map[string]error{
		"S227 sign-in": second(w.SignIn(answer, r, cloakroom.SignIn{Email: ana.Email, Secret: authtest.Secret})),
		"sign-up":      second(w.SignUp(answer, r, cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret})),
		"continue":     second(w.Continue(answer, r, cloakroom.Answer{Challenge: "crt_", Method: "totp", Secret: "000000"})),
		"admission":    second(w.Admit(answer, r, ana.ID, cloakroom.Admission{Method: "test"})),
	} {
		fails(t, err, cloakroom.ErrCrossOrigin, what)
	}
	if len(answer.Result().Cookies()) > 0 {
		t.Error("a cookie was set")
	}
	w.happened()
}
