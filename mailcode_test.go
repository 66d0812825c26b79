package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// coded is a world where codes sign in.
func coded(t *testing.T, store cloakroom.Store, c cloakroom.Config) *postal {
	t.Helper()
	c.MailCode.Allowed = true
	return newPostal(t, onRealm(store, c))
}

// code is what the next mail to an address says, and the token of its link.
func (p *postal) code(to string) (code, token string) {
	p.t.Helper()
	m := p.box.WaitFor(p.t, to, "mailcode")
	if code = authtest.Code(m); code == "" {
		p.t.Fatalf("no code in %s", m.Text)
	}
	return code, tokenOf(p.t, m)
}

// wrongCode is another code.
func wrongCode(code string) string { return code[:7] + string('0'+(code[7]-'0'+1)%10) }

func TestMailCode(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T) (*postal, *cloakroom.User) {
			p := coded(t, store, cloakroom.Config{})
			return p, p.User("ana@example.com")
		}
		t.Run("a code typed into the browser that asked signs in, once", func(t *testing.T) {
			for _, kind := range []string{"browser", "program"} {
				p, ana := ready(t)
				d := p.browser()
				if kind == "program" {
					d = p.program()
				}
				p.Forget()
				c := d.askCode(" Ana@example.com")
				p.happened(cloakroom.CodeRequested)
				if !c.ExpiresAt.Equal(p.Clock.Now().Add(10*time.Minute)) || len(c.Number) != 2 || !slices.Equal(c.Next, []string{"mail_code"}) {
					t.Errorf("the challenge is %+v", c)
				}
				d.answers(http.StatusUnauthorized, "before")
				code, _ := p.code(ana.Email)
				_, err := d.typeCode(c, " "+code[:4]+" - "+code[4:]+" ")
				done(t, err)
				if s := d.live(); s.User.ID != ana.ID || !slices.Equal(s.Methods, []string{"mail_code"}) || s.Level != 1 {
					t.Errorf("the session is %+v", s)
				}
				_, err = d.typeCode(c, code)
				fails(t, err, cloakroom.ErrInvalidChallenge, "S183 S-22 a second time")
			}
		})
		t.Run("the link opened in the browser that asked signs in, once", func(t *testing.T) {
			p, ana := ready(t)
			d := p.browser()
			c := d.askCode(ana.Email)
			_, token := p.code(ana.Email)
			g, _, err := d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Token: token})
			if err != nil || g.Session == nil {
				t.Fatalf("granted %+v, %v", g, err)
			}
			d.answers(http.StatusOK, "after the click")
			_, _, err = d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Token: token})
			fails(t, err, cloakroom.ErrInvalidChallenge, "S183 a second click")
			_, _, err = p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token})
			fails(t, err, cloakroom.ErrInvalidLink, "S183 a click elsewhere")
		})
		t.Run("S182 elsewhere the link alone changes nothing, and the numbers to choose from tell nothing", func(t *testing.T) {
			p, ana := ready(t)
			d, phone := p.browser(), p.elsewhere()
			c := d.askCode(ana.Email)
			_, token := p.code(ana.Email)
			p.Forget()
			var numbers []string
			for range 20 {
				g, state, err := phone.openCode(cloakroom.CodeAnswer{Token: token})
				if err != nil || g != nil || state.Approved {
					t.Fatalf("granted %+v, %+v, %v", g, state, err)
				}
				if numbers != nil && !slices.Equal(numbers, state.Numbers) {
					t.Errorf("first %v, then %v: what stays is the right one", numbers, state.Numbers)
				}
				numbers = state.Numbers
			}
			if len(numbers) != 3 || !slices.IsSorted(numbers) || len(slices.Compact(slices.Clone(numbers))) != 3 || !slices.Contains(numbers, c.Number) {
				t.Errorf("the numbers are %v, the browser shows %s", numbers, c.Number)
			}
			p.happened()
			g, state, err := d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
			if err != nil || g != nil || state.Approved || state.Numbers != nil {
				t.Errorf("the browser that asked: %+v, %+v, %v", g, state, err)
			}
			_, state, err = phone.openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
			if err != nil || !state.Approved {
				t.Fatalf("the right number: %+v, %v", state, err)
			}
			p.happened(cloakroom.CodeApproved)
			phone.answers(http.StatusUnauthorized, "the phone")
			g, _, err = d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
			if err != nil || g == nil || g.Session == nil {
				t.Fatalf("the browser that asked: %+v, %v", g, err)
			}
			d.answers(http.StatusOK, "the browser that asked")
			_, _, err = d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
			fails(t, err, cloakroom.ErrInvalidChallenge, "asked again")
			_, _, err = phone.openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
			fails(t, err, cloakroom.ErrInvalidLink, "approved again")
		})
		t.Run("a wrong number ends it for all", func(t *testing.T) {
			p, ana := ready(t)
			d, phone := p.browser(), p.elsewhere()
			c := d.askCode(ana.Email)
			code, token := p.code(ana.Email)
			_, state, err := phone.openCode(cloakroom.CodeAnswer{Token: token})
			done(t, err)
			wrong := slices.DeleteFunc(state.Numbers, func(n string) bool { return n == c.Number })[0]
			p.Forget()
			_, _, err = phone.openCode(cloakroom.CodeAnswer{Token: token, Number: wrong})
			fails(t, err, cloakroom.ErrWrongAnswer, "a wrong number")
			p.happened(cloakroom.SignInFailed)
			_, _, err = phone.openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
			fails(t, err, cloakroom.ErrInvalidLink, "then the right one")
			_, _, err = d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
			fails(t, err, cloakroom.ErrInvalidChallenge, "the browser that asked")
			fails(t, second(d.typeCode(c, code)), cloakroom.ErrInvalidChallenge, "the code")
		})
		t.Run("S188 S-27 a code is good in the browser that asked for it alone", func(t *testing.T) {
			p, ana := ready(t)
			bob := p.User("bob@example.com")
			d, other, his := p.browser(), p.browser(), p.browser()
			mine := d.askCode(ana.Email)
			code, token := p.code(ana.Email)
			p.Clock.Advance(time.Minute)
			theirs, bobs := other.askCode(ana.Email), his.askCode(bob.Email)
			later, _ := p.code(ana.Email)
			p.code(bob.Email)
			fails(t, second(other.typeCode(theirs, code)), cloakroom.ErrInvalidCredentials, "in another browser, which asked for the same account")
			fails(t, second(his.typeCode(bobs, code)), cloakroom.ErrInvalidCredentials, "in that of somebody else")
			_, _, err := his.openCode(cloakroom.CodeAnswer{Challenge: bobs.Token.Reveal(), Token: token})
			fails(t, err, cloakroom.ErrInvalidLink, "S183 the link, in whose place there is a later one")
			done(t, second(d.typeCode(mine, code)))
			done(t, second(other.typeCode(theirs, later)))
		})
		t.Run("S-25 ten minutes", func(t *testing.T) {
			p, ana := ready(t)
			d := p.browser()
			c := d.askCode(ana.Email)
			code, token := p.code(ana.Email)
			p.Clock.Advance(10*time.Minute - time.Microsecond)
			fails(t, second(d.typeCode(c, wrongCode(code))), cloakroom.ErrInvalidCredentials, "a wrong one, just in time")
			p.Clock.Advance(time.Microsecond)
			fails(t, second(d.typeCode(c, code)), cloakroom.ErrInvalidChallenge, "the right one, too late")
			_, _, err := d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
			fails(t, err, cloakroom.ErrInvalidChallenge, "asked whether it was approved")
			_, _, err = p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token})
			fails(t, err, cloakroom.ErrExpiredLink, "the link")
		})
		t.Run("S184 S190 whoever has a second factor is asked for it", func(t *testing.T) {
			for _, by := range []string{"code", "link"} {
				p := coded(t, store, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
				ana := p.User("ana@example.com")
				p.enrolled(ana, "totp")
				d := p.browser()
				c := d.askCode(ana.Email)
				code, token := p.code(ana.Email)
				in := cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Code: code}
				if by == "link" {
					in.Code, in.Token = "", token
				}
				g, _, err := d.openCode(in)
				if err != nil || g.Session != nil || g.Tokens != nil || g.Challenge == nil || !slices.Equal(g.Challenge.Next, []string{"totp"}) {
					t.Fatalf("by %s: %+v, %v", by, g, err)
				}
				d.answers(http.StatusUnauthorized, "after the mail")
				done(t, second(d.answer(g.Challenge, "totp", "totp")))
				if s := d.live(); s.Level != 2 || !slices.Equal(s.Methods, []string{"mail_code", "totp"}) {
					t.Errorf("the session is %+v", s)
				}
			}
		})
		t.Run("an account that changed in between", func(t *testing.T) {
			for what, c := range map[string]struct {
				change func(p *postal, id string) error
				want   error
			}{
				"banned":  {func(p *postal, id string) error { return p.Users().Ban(t.Context(), id) }, cloakroom.ErrBanned},
				"deleted": {func(p *postal, id string) error { return p.Users().Delete(t.Context(), id) }, cloakroom.ErrInvalidChallenge},
				"revoked": {func(p *postal, id string) error { return p.Sessions().RevokeAll(t.Context(), id) }, cloakroom.ErrInvalidChallenge},
				"another e-mail": {func(p *postal, id string) error {
					return second(p.Users().Update(t.Context(), id, func(u *cloakroom.User) error { u.Email = "new@example.com"; return nil }))
				}, cloakroom.ErrInvalidChallenge},
			} {
				p, ana := ready(t)
				d := p.browser()
				challenge := d.askCode(ana.Email)
				code, _ := p.code(ana.Email)
				done(t, c.change(p, ana.ID))
				fails(t, second(d.typeCode(challenge, code)), c.want, what)
				if d.token != "" {
					t.Errorf("%s: it signed in", what)
				}
			}
		})
		t.Run("secrets that are replaced meanwhile", func(t *testing.T) {
			c := onRealm(store, cloakroom.Config{Secrets: []cloakroom.Secret{secret(1)}})
			c.MailCode.Allowed = true
			p := newPostal(t, c)
			ana := p.User("ana@example.com")
			d := p.browser()
			challenge := d.askCode(ana.Email)
			code, _ := p.code(ana.Email)
			done(t, p.SetSecrets([]cloakroom.Secret{secret(2), secret(1)}))
			done(t, second(d.typeCode(challenge, code)))
		})
		t.Run("another site, and a request with a Bearer header, get nothing", func(t *testing.T) {
			p, ana := ready(t)
			d := p.browser()
			c := d.askCode(ana.Email)
			code, _ := p.code(ana.Email)
			r := d.request()
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			_, err := p.SendCode(httptest.NewRecorder(), r, cloakroom.CodeRequest{Email: ana.Email})
			fails(t, err, cloakroom.ErrCrossOrigin, "to ask")
			_, _, err = p.OpenCode(httptest.NewRecorder(), r, cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Code: code})
			fails(t, err, cloakroom.ErrCrossOrigin, "to answer")
			r = p.program().holding("junk").request()
			_, _, err = p.OpenCode(httptest.NewRecorder(), r, cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Code: code})
			field(t, err, "delivery", "not_allowed", "by bearer")
			done(t, second(d.typeCode(c, code)))
		})
	})
}

func TestMailCodeGuessing(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		t.Run("S186 S-28 of 50 wrong codes at once five are evaluated, and then not even the right one", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{Limits: cloakroom.Limits{InsecureNoLogin: true}})
			ana := p.User("ana@example.com")
			d := p.browser()
			c := d.askCode(ana.Email)
			code, token := p.code(ana.Email)
			p.Forget()
			atOnce(50, func(int) error { return second(p.browser().typeCode(c, wrongCode(code))) })
			for range 5 {
				_ = second(p.browser().typeCode(c, wrongCode(code)))
			}
			if n := len(p.Events(cloakroom.SignInFailed)); n != 5 {
				t.Errorf("%d were evaluated", n)
			}
			fails(t, second(d.typeCode(c, code)), cloakroom.ErrInvalidChallenge, "the right code")
			_, _, err := d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Token: token})
			fails(t, err, cloakroom.ErrInvalidChallenge, "the link")
			p.Clock.Advance(time.Minute)
			again := d.askCode(ana.Email)
			code, _ = p.code(ana.Email)
			done(t, second(d.typeCode(again, code)))
		})
		t.Run("S186 S-28 asking for another code does not give more guesses at the account", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{})
			ana := p.User("ana@example.com")
			guesses := 0
			for range 4 {
				p.Clock.Advance(time.Minute)
				d := p.browser()
				c := d.askCode(ana.Email)
				code, _ := p.code(ana.Email)
				for range 4 {
					err := second(d.typeCode(c, wrongCode(code)))
					if errors.Is(err, cloakroom.ErrInvalidCredentials) {
						guesses++
						continue
					}
					limited(t, err, "after ten")
				}
			}
			if guesses != 10 {
				t.Errorf("%d guesses", guesses)
			}
			_, err := p.browser().trySignIn(ana.Email, authtest.Secret)
			limited(t, err, "the password, by the same limit")
		})
		t.Run("S-22 of 200 right codes at once one signs in", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{Limits: cloakroom.Limits{InsecureNoLogin: true}})
			ana := p.User("ana@example.com")
			c := p.browser().askCode(ana.Email)
			code, _ := p.code(ana.Email)
			n := atOnce(200, func(int) error { return second(p.browser().typeCode(c, code)) })
			if n != 1 || len(p.listed(ana.ID)) != 1 {
				t.Errorf("%d signed in, %d sessions", n, len(p.listed(ana.ID)))
			}
		})
		t.Run("nor does an approval at the same moment make two", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{Limits: cloakroom.Limits{InsecureNoLogin: true}})
			ana := p.User("ana@example.com")
			for range 5 {
				p.Clock.Advance(time.Minute)
				d := p.browser()
				c := d.askCode(ana.Email)
				code, token := p.code(ana.Email)
				before := len(p.listed(ana.ID))
				atOnce(6, func(i int) error {
					switch i % 3 {
					case 0:
						_, _, err := p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
						return err
					case 1:
						_, _, err := p.browser().openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
						return err
					}
					return second(p.browser().typeCode(c, code))
				})
				if n := len(p.listed(ana.ID)) - before; n > 1 {
					t.Fatalf("%d sessions", n)
				}
			}
		})
	})
}

// S185: a code makes an account only where both switches allow it.
func TestMailCodeSignUp(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		for _, c := range []struct{ signUp, closed bool }{{false, false}, {false, true}, {true, true}, {true, false}} {
			t.Run(fmt.Sprintf("S185 S121 by code %v, closed %v", c.signUp, c.closed), func(t *testing.T) {
				p := coded(t, store, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{SignUp: c.signUp}, SignupClosed: c.closed})
				d := p.browser()
				challenge := d.askCode("ana@example.com")
				if !c.signUp || c.closed {
					p.gets("ana@example.com")
					fails(t, second(d.typeCode(challenge, "00000000")), cloakroom.ErrInvalidCredentials, "a guess")
					if _, err := p.Users().ByEmail(t.Context(), "ana@example.com"); !errors.Is(err, cloakroom.ErrNotFound) {
						t.Errorf("an account: %v", err)
					}
					return
				}
				code, _ := p.code("ana@example.com")
				p.Forget()
				if n := atOnce(5, func(int) error { return second(p.browser().typeCode(challenge, code)) }); n != 1 {
					t.Errorf("%d signed up", n)
				}
				ana, err := p.Users().ByEmail(t.Context(), "ana@example.com")
				if err != nil || !ana.EmailVerified || len(p.listed(ana.ID)) != 1 {
					t.Errorf("the account is %+v, %v", ana, err)
				}
				if n := len(p.Events(cloakroom.UserCreated)); n != 1 {
					t.Errorf("%d accounts were made", n)
				}
				p.gets("ana@example.com", "mailcode") // no notice of a first device
			})
		}
		t.Run("an account that somebody else makes meanwhile is not entered", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{SignUp: true}})
			d := p.browser()
			c := d.askCode("ana@example.com")
			code, _ := p.code("ana@example.com")
			done(t, second(p.browser().signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})))
			fails(t, second(d.typeCode(c, code)), cloakroom.ErrInvalidChallenge, "the code")
		})
	})
}

func TestMailCodeOff(t *testing.T) {
	p := newPostal(t, cloakroom.Config{})
	p.User("ana@example.com")
	_, err := p.SendCode(httptest.NewRecorder(), p.browser().request(), cloakroom.CodeRequest{Email: "ana@example.com"})
	fails(t, err, cloakroom.ErrNotFound, "to ask")
	_, _, err = p.browser().openCode(cloakroom.CodeAnswer{Token: "crt_"})
	fails(t, err, cloakroom.ErrNotFound, "to answer")
}

// A session is proven anew by a code, in itself alone.
func TestStepUpByCode(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T, user func(*postal, string) *cloakroom.User) (*postal, *device, *cloakroom.Challenge) {
			p := coded(t, store, cloakroom.Config{})
			user(p, "ana@example.com")
			d := p.browser()
			d.signIn("ana@example.com")
			p.Clock.Advance(time.Hour)
			if _, stale := errors.AsType[*cloakroom.StepUpError](d.live().Meets(cloakroom.MaxAge(time.Minute))); !stale {
				t.Fatal("the session is fresh")
			}
			c, err := d.stepUp()
			done(t, err)
			if !slices.Contains(c.Next, "mail_code") {
				t.Fatalf("it can be proven by %v", c.Next)
			}
			c, err = p.SendCode(httptest.NewRecorder(), d.request(), cloakroom.CodeRequest{Challenge: c.Token.Reveal()})
			done(t, err)
			return p, d, c
		}
		for name, user := range map[string]func(*postal, string) *cloakroom.User{
			"":                                  func(p *postal, email string) *cloakroom.User { return p.User(email) },
			", and that proves its e-mail, too": func(p *postal, email string) *cloakroom.User { return p.unverified(email) },
		} {
			t.Run("the session goes on with a new token"+name, func(t *testing.T) {
				p, d, c := ready(t, user)
				code, _ := p.code("ana@example.com")
				old, id := *d, d.live().ID
				_, err := old.holding("").typeCode(c, code)
				fails(t, err, cloakroom.ErrUnauthenticated, "without the session")
				other := p.browser()
				other.signIn("ana@example.com")
				fails(t, second(other.typeCode(c, code)), cloakroom.ErrInvalidChallenge, "in another session")
				done(t, second(d.typeCode(c, code)))
				s := d.live()
				if s.ID != id || d.token == old.token || !s.User.EmailVerified {
					t.Errorf("the session is %+v", s)
				}
				done(t, s.Meets(cloakroom.MaxAge(time.Minute)))
				old.answers(http.StatusUnauthorized, "the old token")
				p.browser().signIn("ana@example.com") // the password is as it was
			})
		}
		t.Run("by the link, approved elsewhere", func(t *testing.T) {
			p, d, c := ready(t, func(p *postal, email string) *cloakroom.User { return p.User(email) })
			_, token := p.code("ana@example.com")
			_, _, err := p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
			done(t, err)
			_, _, err = d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal()})
			done(t, err)
			done(t, d.live().Meets(cloakroom.MaxAge(time.Minute)))
		})
		t.Run("an attempt of another kind takes no mail", func(t *testing.T) {
			p := coded(t, store, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
			ana := p.User("ana@example.com")
			p.enrolled(ana, "totp")
			d := p.browser()
			c := d.challenge(ana.Email) // the password is proven: a mail is no second factor
			_, err := p.SendCode(httptest.NewRecorder(), d.request(), cloakroom.CodeRequest{Challenge: c.Token.Reveal()})
			fails(t, err, cloakroom.ErrInvalidChallenge, "a sign-in that waits for its second factor")
			_, _, err = d.openCode(cloakroom.CodeAnswer{Challenge: c.Token.Reveal(), Code: "00000000"})
			fails(t, err, cloakroom.ErrInvalidChallenge, "a code for it")
		})
	})
}
