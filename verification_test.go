package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
)

// field checks for the mistake in one field.
func field(t testing.TB, err error, name, code, what string) {
	t.Helper()
	fields, _ := errors.AsType[cloakroom.FieldErrors](err)
	if len(fields) != 1 || fields[0].Field != name || fields[0].Code != code {
		t.Errorf("%s: error %v, want %s of %s", what, err, code, name)
	}
}

// pends signs up where the mail tells what came of it.
func (d *device) pends(in cloakroom.SignUp) *cloakroom.Challenge {
	d.t.Helper()
	g, err := d.signUp(in)
	if err != nil || g.Challenge == nil || g.Session != nil || g.Tokens != nil || !slices.Equal(g.Challenge.Next, []string{"email"}) {
		d.t.Fatalf("sign-up: %+v, %v", g, err)
	}
	return g.Challenge
}

func TestVerifyFirst(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T) *postal { return newPostal(t, onRealm(store, cloakroom.Config{VerifyFirst: true})) }
		in := cloakroom.SignUp{Email: "Ana@example.com", Name: " Ana ", Secret: authtest.Secret, Locale: "de-AT", Picture: "https://example.com/?a&b", Phone: "+43 660 1234567"}
		t.Run("V74 with a password: signed in only when verified, and told so only after the right password", func(t *testing.T) {
			p := ready(t)
			d := p.browser()
			c := d.pends(in)
			mail := p.box.WaitFor(t, "ana@example.com", "verify_email")
			if mail.Locale != "de" {
				t.Errorf("the mail is in %q", mail.Locale)
			}
			_, err := p.browser().trySignIn("ana@example.com", "wrong password")
			fails(t, err, cloakroom.ErrInvalidCredentials, "a wrong password")
			_, err = p.browser().trySignIn("ana@example.com", authtest.Secret)
			fails(t, err, cloakroom.ErrNotVerified, "the right password")

			p.Forget()
			g, err := d.verify(cloakroom.EmailProof{Token: tokenOf(t, mail), Challenge: c.Token.Reveal()})
			done(t, err)
			p.happened(cloakroom.UserCreated, cloakroom.EmailVerified, cloakroom.SignedIn)
			d.answers(http.StatusOK, "after the proof")
			u := d.live().User
			if g.Session.User.ID != u.ID || !u.EmailVerified || u.Email != "ana@example.com" || u.Name != "Ana" || u.Locale != "de-AT" ||
				u.Picture != in.Picture || u.Phone != "+436601234567" {
				t.Errorf("the account is %+v", u)
			}
			p.browser().signIn("ana@example.com")
			p.gets("ana@example.com", "verify_email") // and no notice of a first device
		})
		t.Run("V74 in another browser the password is asked for", func(t *testing.T) {
			p := ready(t)
			p.browser().pends(in)
			token := p.token("ana@example.com", "verify_email")
			other := p.program()
			_, err := other.verify(cloakroom.EmailProof{Token: token})
			field(t, err, "password", "required", "nothing shown")
			_, err = other.verify(cloakroom.EmailProof{Token: token, Challenge: p.browser().pends(cloakroom.SignUp{Email: "bob@example.com"}).Token.Reveal()})
			field(t, err, "password", "required", "the challenge of another sign-up")
			_, err = other.verify(cloakroom.EmailProof{Token: token, Secret: nextSecret})
			fails(t, err, cloakroom.ErrPasswordSet, "V76 another password than was chosen")
			if u, err := p.Users().ByEmail(t.Context(), "ana@example.com"); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("there is an account before the proof: %+v, %v", u, err)
			}
			done(t, second(other.verify(cloakroom.EmailProof{Token: token, Secret: authtest.Secret})))
			other.answers(http.StatusOK, "by the password")
		})
		t.Run("V75 V83 without a password: it is chosen with the proof, and a refused one leaves the link good", func(t *testing.T) {
			for _, here := range []bool{true, false} {
				p := ready(t)
				d := p.browser()
				proof := cloakroom.EmailProof{}
				if c := d.pends(cloakroom.SignUp{Email: "ana@example.com", Name: "Ana"}); here {
					proof.Challenge = c.Token.Reveal()
				}
				proof.Token = p.token("ana@example.com", "verify_email")
				_, err := d.verify(proof)
				field(t, err, "password", "required", "none")
				proof.Secret = "short"
				_, err = d.verify(proof)
				field(t, err, "password", "password_too_short", "a weak one")
				proof.Secret = nextSecret
				done(t, second(d.verify(proof)))
				d.answers(http.StatusOK, "with one")
				if u := d.live().User; !u.EmailVerified || u.Name != "Ana" {
					t.Errorf("the account is %+v", u)
				}
				done(t, second(p.browser().trySignIn("ana@example.com", nextSecret)))
			}
		})
		t.Run("V79 a second sign-up takes the place of the first, which was not proven", func(t *testing.T) {
			p := ready(t)
			d := p.browser()
			old := d.pends(in)
			first := p.token("ana@example.com", "verify_email")
			p.Clock.Advance(time.Minute)
			c := d.pends(cloakroom.SignUp{Email: "ana@example.com", Name: "Ana Lu", Secret: nextSecret})
			token := p.token("ana@example.com", "verify_email")
			_, err := d.verify(cloakroom.EmailProof{Token: first, Challenge: old.Token.Reveal()})
			fails(t, err, cloakroom.ErrInvalidLink, "the first link")
			done(t, second(d.verify(cloakroom.EmailProof{Token: token, Challenge: c.Token.Reveal()})))
			if u := d.live().User; u.Name != "Ana Lu" || u.Phone != "" {
				t.Errorf("the account is %+v", u)
			}
			_, err = p.browser().trySignIn("ana@example.com", authtest.Secret)
			fails(t, err, cloakroom.ErrInvalidCredentials, "the first password")
			done(t, second(p.browser().trySignIn("ana@example.com", nextSecret)))
		})
		t.Run("V80 S120 an account that is there is left as it is, and its owner told", func(t *testing.T) {
			p := ready(t)
			ana := p.User("ana@example.com")
			d := p.browser()
			d.signIn(ana.Email)
			c := p.elsewhere().pends(cloakroom.SignUp{Email: ana.Email, Name: "Mallory", Secret: nextSecret})
			mail := p.box.WaitFor(t, ana.Email, "signup_known")
			if authtest.Link(mail) != "http://localhost" {
				t.Errorf("it leads to %s", authtest.Link(mail))
			}
			if now := p.user(ana.ID); now.Name != ana.Name || now.Revision != ana.Revision {
				t.Errorf("the account is %+v", now)
			}
			fails(t, second(p.browser().trySignIn(ana.Email, nextSecret)), cloakroom.ErrNotVerified, "the password of the stranger's sign-up, told as if the account were his")
			p.Clock.Advance(2 * time.Minute)
			p.gets(ana.Email, "signup_known") // and no link for him
			d.answers(http.StatusOK, "her session")
			told := 0
			for e, err := range p.Auth.Events().Of(t.Context(), ana.ID) {
				if done(t, err); e.Type == cloakroom.SignUpKnown && e.IP == "198.51.100.7" {
					told++
				}
			}
			if told != 1 {
				t.Errorf("told %d times in her events", told)
			}
			_ = c
		})
		t.Run("S-16 neither does a sign-in tell who has an account, however often and whenever it is tried", func(t *testing.T) {
			p := ready(t)
			p.User("known@example.com")
			whenever := func(secret string) (told [2]error) {
				for i, email := range []string{"known@example.com", "unknown@example.com"} {
					_, told[i] = p.elsewhere().trySignIn(email, secret)
				}
				return told
			}
			same := func(when, secret string, want error) {
				t.Helper()
				for range 12 { // beyond what one address may try
					if told := whenever(secret); !errors.Is(told[0], want) || !errors.Is(told[1], want) {
						t.Fatalf("%s: %v and %v, want %v", when, told[0], told[1], want)
					}
				}
			}
			for range 2 {
				for _, email := range []string{"known@example.com", "unknown@example.com"} {
					p.elsewhere().pends(cloakroom.SignUp{Email: email, Secret: nextSecret})
				}
				same("at once", nextSecret, cloakroom.ErrNotVerified)
				p.box.WaitFor(t, "unknown@example.com", "verify_email")
				p.box.WaitFor(t, "known@example.com", "signup_known")
				same("after the mails", nextSecret, cloakroom.ErrNotVerified)
				p.Clock.Advance(25 * time.Hour)
				for range 2 {
					if told := whenever(nextSecret); !errors.Is(told[0], cloakroom.ErrInvalidCredentials) || !errors.Is(told[1], cloakroom.ErrInvalidCredentials) {
						t.Fatalf("when the link is too old: %v and %v", told[0], told[1])
					}
				}
			}
		})
		t.Run("V75 an account that somebody else made unproven says so, after the right password only", func(t *testing.T) {
			p := ready(t)
			_, err := p.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", Secret: authtest.Secret})
			done(t, err)
			fails(t, second(p.browser().trySignIn("ana@example.com", authtest.Secret)), cloakroom.ErrNotVerified, "the right password")
			fails(t, second(p.browser().trySignIn("ana@example.com", nextSecret)), cloakroom.ErrInvalidCredentials, "a wrong one")
			token := p.token("ana@example.com", "verify_email")
			done(t, second(p.browser().verify(cloakroom.EmailProof{Token: token, Secret: authtest.Secret})))
		})
		t.Run("a mail that is asked for again serves who knows the password", func(t *testing.T) {
			p := ready(t)
			d := p.browser()
			c := d.pends(in)
			first := p.token("ana@example.com", "verify_email")
			p.Clock.Advance(time.Minute)
			_, err := d.trySignIn("ana@example.com", authtest.Secret)
			fails(t, err, cloakroom.ErrNotVerified, "the sign-in that has it sent")
			token := p.token("ana@example.com", "verify_email")
			_, err = d.verify(cloakroom.EmailProof{Token: first, Challenge: c.Token.Reveal()})
			fails(t, err, cloakroom.ErrInvalidLink, "the first link")
			done(t, second(d.verify(cloakroom.EmailProof{Token: token, Challenge: c.Token.Reveal(), Secret: authtest.Secret})))
			d.answers(http.StatusOK, "the second")
		})
		t.Run("a request for another mail does not swallow the sign-up", func(t *testing.T) {
			p := ready(t)
			var seen holdUp
			seen.box = p.box
			q := newPostal(t, func() cloakroom.Config {
				c := onRealm(store, cloakroom.Config{VerifyFirst: true})
				c.Mailer = &seen
				return c
			}())
			q.box = p.box
			q.User("slow@example.com")
			seen.stop()
			done(t, q.ForgotPassword(q.browser().request(), "slow@example.com"))
			seen.reached(t)
			c := q.browser().pends(in)
			done(t, q.RequestVerification(q.browser().request(), "ana@example.com")) // in the same batch
			seen.goOn()
			token := q.token("ana@example.com", "verify_email")
			done(t, second(q.browser().verify(cloakroom.EmailProof{Token: token, Challenge: c.Token.Reveal()})))
			q.gets("ana@example.com", "verify_email")
		})
		t.Run("a Bearer header does not get a cookie that another request has asked for", func(t *testing.T) {
			p := ready(t)
			c := p.browser().pends(in)
			token := p.token("ana@example.com", "verify_email")
			r := p.program().holding("junk").request()
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			answer := httptest.NewRecorder()
			_, err := p.VerifyEmail(answer, r, cloakroom.EmailProof{Token: token, Challenge: c.Token.Reveal()})
			field(t, err, "delivery", "not_allowed", "by bearer")
			if len(answer.Result().Cookies()) > 0 {
				t.Error("a cookie was set")
			}
		})
		t.Run("S121 sign-up that was closed meanwhile makes no account", func(t *testing.T) {
			realm := onRealm(store, cloakroom.Config{VerifyFirst: true})
			open := realm
			open.Store = undelivered{store}
			newPostal(t, open).browser().pends(in)
			closed := realm
			closed.SignupClosed = true
			p := newPostal(t, closed)
			p.Clock.Advance(time.Hour)
			p.gets("ana@example.com")
			fails(t, second(p.browser().signUp(in)), cloakroom.ErrSignupClosed, "a sign-up")
			p.User("ana2@example.com") // by an administrator
			p.browser().signIn("ana2@example.com")
		})
	})
}

// V82: where nobody need verify, a password is needed, and enough.
func TestV82VerificationOff(t *testing.T) {
	p := newPostal(t, cloakroom.Config{})
	_, err := p.browser().signUp(cloakroom.SignUp{Email: "ana@example.com"})
	field(t, err, "password", "required", "without one")
	d := p.browser()
	done(t, second(d.signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret})))
	d.answers(http.StatusOK, "with one")
	p.browser().signIn("ana@example.com")
	p.gets("ana@example.com", "verify_email")
}

func TestVerifyEmail(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T, c cloakroom.Config) (*postal, *device, string) {
			p := newPostal(t, onRealm(store, c))
			d := p.browser()
			done(t, second(d.signUp(cloakroom.SignUp{Email: "ana@example.com", Secret: authtest.Secret, Locale: "fr"})))
			m := p.box.WaitFor(t, "ana@example.com", "verify_email")
			if m.Locale != "fr" {
				t.Errorf("the mail is in %q", m.Locale)
			}
			return p, d, tokenOf(t, m)
		}
		t.Run("S179 in the session that signed up: once, with an event, and with a new token", func(t *testing.T) {
			p, d, token := ready(t, cloakroom.Config{})
			old := *d
			p.Forget()
			done(t, second(d.verify(cloakroom.EmailProof{Token: token})))
			p.happened(cloakroom.EmailVerified, cloakroom.SessionRenewed)
			if !d.live().User.EmailVerified || d.token == old.token {
				t.Error("it is not verified, or has the old token")
			}
			old.answers(http.StatusUnauthorized, "the old token")
			fails(t, second(d.verify(cloakroom.EmailProof{Token: token})), cloakroom.ErrInvalidLink, "again")
			p.Forget()
			done(t, p.RequestVerification(d.request(), "ana@example.com"))
			p.happened(cloakroom.VerificationRequested)
			p.gets("ana@example.com", "verify_email") // S180: the first one alone
		})
		t.Run("elsewhere the password shows who signed up", func(t *testing.T) {
			p, d, token := ready(t, cloakroom.Config{})
			other := p.elsewhere()
			field(t, second(other.verify(cloakroom.EmailProof{Token: token})), "password", "required", "nothing shown")
			fails(t, second(other.verify(cloakroom.EmailProof{Token: token, Secret: nextSecret})), cloakroom.ErrPasswordSet, "another password")
			guest := p.browser()
			guest.begin()
			field(t, second(guest.verify(cloakroom.EmailProof{Token: token})), "password", "required", "the session of a guest")
			bob := p.browser()
			p.User("bob@example.com")
			bob.signIn("bob@example.com")
			field(t, second(bob.verify(cloakroom.EmailProof{Token: token})), "password", "required", "the session of somebody else")
			_, key := p.issue(cloakroom.NewAPIKey{UserID: d.live().User.ID, Scopes: []string{"all"}})
			field(t, second(key.verify(cloakroom.EmailProof{Token: token})), "password", "required", "an API key")
			done(t, second(other.verify(cloakroom.EmailProof{Token: token, Secret: authtest.Secret})))
			if s := other.live(); !s.User.EmailVerified {
				t.Error("it is not verified")
			}
			d.answers(http.StatusOK, "the session that signed up") // nothing of who it was ends
			p.browser().signIn("ana@example.com")
		})
		t.Run("whoever has a second factor is asked for it", func(t *testing.T) {
			p, d, token := ready(t, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
			p.enrolled(d.live().User, "totp")
			other := p.elsewhere()
			g, err := other.verify(cloakroom.EmailProof{Token: token, Secret: authtest.Secret})
			done(t, err)
			if g.Session != nil || g.Challenge == nil || !slices.Equal(g.Challenge.Next, []string{"totp"}) {
				t.Fatalf("granted %+v", g)
			}
			done(t, second(other.answer(g.Challenge, "totp", "totp")))
			if s := other.live(); s.Level != 2 || !s.User.EmailVerified {
				t.Errorf("the session is %+v", s)
			}
		})
		t.Run("an address that the account no longer has is not proven", func(t *testing.T) {
			p, d, token := ready(t, cloakroom.Config{})
			id := d.live().User.ID
			_, err := p.Users().Update(t.Context(), id, func(u *cloakroom.User) error { u.Email = "new@example.com"; return nil })
			done(t, err)
			fails(t, second(d.verify(cloakroom.EmailProof{Token: token})), cloakroom.ErrInvalidLink, "in the session")
			fails(t, second(p.browser().verify(cloakroom.EmailProof{Token: token, Secret: authtest.Secret})), cloakroom.ErrInvalidLink, "by the password")
			if p.user(id).EmailVerified {
				t.Error("an address is verified that nobody has proven")
			}
		})
		t.Run("nor is one that changes at the same moment", func(t *testing.T) {
			p := newPostal(t, onRealm(store, cloakroom.Config{Limits: cloakroom.Limits{InsecureNoLogin: true}}))
			for i := range 20 {
				from, to := fmt.Sprintf("a%d@example.com", i), fmt.Sprintf("b%d@example.com", i)
				ana := p.unverified(from)
				d := p.browser()
				d.signIn(from)
				token := askVerify(p, from)
				var both sync.WaitGroup
				both.Go(func() { _, _ = d.verify(cloakroom.EmailProof{Token: token}) })
				both.Go(func() {
					_, _ = p.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Email, u.EmailVerified = to, false; return nil })
				})
				both.Wait()
				if now := p.user(ana.ID); now.Email == to && now.EmailVerified {
					t.Fatalf("%s is verified, and nobody has proven it", to)
				}
			}
		})
	})
}

// V102 S143: somebody signs up by the address of somebody else, and waits. Whatever was there before the owner proved it opens
// nothing afterwards.
func TestPreRegistered(t *testing.T) {
	c := cloakroom.Config{
		SecondFactors: []cloakroom.Method{fake{name: "totp"}, fake{name: "recovery"}}, MailCode: cloakroom.MailCodePolicy{Allowed: true},
	}
	proofs := map[string]func(t *testing.T, p *postal) *device{
		"by a reset": func(t *testing.T, p *postal) *device {
			d := p.elsewhere()
			done(t, p.ResetPassword(d.request(), askReset(p, "victim@example.com"), nextSecret))
			g, err := d.trySignIn("victim@example.com", nextSecret)
			if err != nil || g.Session == nil {
				t.Fatalf("the owner signs in: %+v, %v", g, err)
			}
			return d
		},
		"by a code": func(t *testing.T, p *postal) *device {
			d := p.elsewhere()
			challenge := d.askCode("victim@example.com")
			g, err := d.typeCode(challenge, authtest.Code(p.box.WaitFor(t, "victim@example.com", "mailcode")))
			if err != nil || g.Session == nil {
				t.Fatalf("the owner signs in: %+v, %v", g, err)
			}
			return d
		},
		"by a link in another browser": func(t *testing.T, p *postal) *device {
			d := p.elsewhere()
			challenge := d.askCode("victim@example.com")
			token := p.token("victim@example.com", "mailcode")
			_, _, err := p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token, Number: challenge.Number})
			done(t, err)
			g, _, err := d.openCode(cloakroom.CodeAnswer{Challenge: challenge.Token.Reveal()})
			if err != nil || g == nil || g.Session == nil {
				t.Fatalf("the owner signs in: %+v, %v", g, err)
			}
			return d
		},
	}
	for what, prove := range proofs {
		t.Run("V102 S143 the owner proves it "+what, func(t *testing.T) {
			onEachStore(t, func(t *testing.T, store cloakroom.Store) {
				p := newPostal(t, onRealm(store, c))
				mallory := p.browser()
				done(t, second(mallory.signUp(cloakroom.SignUp{Email: "victim@example.com", Name: "Mallory", Secret: authtest.Secret})))
				id := mallory.live().User.ID
				p.token("victim@example.com", "verify_email")
				pending := p.browser()
				half := func() *cloakroom.Challenge { // a sign-in of his in progress
					p.enrolled(mallory.live().User, "totp")
					p.enrolled(mallory.live().User, "recovery")
					return pending.challenge("victim@example.com")
				}()
				_, key := p.issue(cloakroom.NewAPIKey{UserID: id, Scopes: []string{"all"}})
				key.gets(http.StatusOK, "his API key before", cloakroom.Scope("all"))

				owner := prove(t, p)
				if u := owner.live().User; u.ID != id || !u.EmailVerified || u.MFA {
					t.Errorf("the account is %+v", u)
				}
				mallory.answers(http.StatusUnauthorized, "his session")
				fails(t, second(p.browser().trySignIn("victim@example.com", authtest.Secret)), cloakroom.ErrInvalidCredentials, "his password")
				if second(pending.answer(half, "totp", "totp")) == nil {
					t.Error("his sign-in in progress went on")
				}
				key.gets(http.StatusUnauthorized, "his API key", cloakroom.Scope("all"))
				creds, err := p.Store().Credentials(t.Context(), id)
				done(t, err)
				for _, cred := range creds {
					if cred.Method != "password" || what != "by a reset" {
						t.Errorf("a credential %s is left", cred.Method)
					}
				}
			})
		})
	}
	t.Run("V102 his click elsewhere does not finish what the attacker began", func(t *testing.T) {
		p := newPostal(t, c)
		mallory := p.browser()
		done(t, second(mallory.signUp(cloakroom.SignUp{Email: "victim@example.com", Secret: authtest.Secret})))
		token := p.token("victim@example.com", "verify_email")
		field(t, second(p.elsewhere().verify(cloakroom.EmailProof{Token: token})), "password", "required", "the click")
		fails(t, second(p.elsewhere().verify(cloakroom.EmailProof{Token: token, Secret: nextSecret})), cloakroom.ErrPasswordSet, "with a password of his own")
		if mallory.live().User.EmailVerified {
			t.Error("the attacker's account is verified")
		}
	})
	t.Run("V102 where the mail comes first", func(t *testing.T) {
		onEachStore(t, func(t *testing.T, store cloakroom.Store) {
			p := newPostal(t, onRealm(store, cloakroom.Config{VerifyFirst: true}))
			mallory, owner := p.browser(), p.elsewhere()
			his := mallory.pends(cloakroom.SignUp{Email: "victim@example.com", Name: "Mallory", Phone: "+436601234567", Secret: authtest.Secret})
			first := p.token("victim@example.com", "verify_email")
			p.Clock.Advance(time.Minute)
			hers := owner.pends(cloakroom.SignUp{Email: "victim@example.com", Name: "Vic", Secret: nextSecret})
			if second(owner.verify(cloakroom.EmailProof{Token: first, Challenge: hers.Token.Reveal(), Secret: nextSecret})) == nil {
				t.Error("she has verified what he signed up for")
			}
			token := p.token("victim@example.com", "verify_email")
			fails(t, second(mallory.verify(cloakroom.EmailProof{Token: first, Challenge: his.Token.Reveal()})), cloakroom.ErrInvalidLink, "his mail in his browser, after hers went out")
			done(t, second(owner.verify(cloakroom.EmailProof{Token: token, Challenge: hers.Token.Reveal()})))
			if u := owner.live().User; u.Name != "Vic" || u.Phone != "" || !u.EmailVerified {
				t.Errorf("the account is %+v", u)
			}
			fails(t, second(p.browser().trySignIn("victim@example.com", authtest.Secret)), cloakroom.ErrInvalidCredentials, "his password")
			done(t, second(p.browser().trySignIn("victim@example.com", nextSecret)))
			fails(t, second(mallory.verify(cloakroom.EmailProof{Token: token, Challenge: his.Token.Reveal()})), cloakroom.ErrInvalidLink, "his challenge with her link")
		})
	})
}
