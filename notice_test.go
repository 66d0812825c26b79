package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/method/passkey"
	"github.com/cloakroom-auth/cloakroom/method/recovery"
	"github.com/cloakroom-auth/cloakroom/method/totp"
)

// telling is a world with every factor there is, and with mail.
func telling(t *testing.T, c cloakroom.Config) *postal {
	t.Helper()
	box := &authtest.Outbox{}
	c.Mailer, c.BaseURL = box, site
	return &postal{guarded(t, c), box}
}

// S-14: what changes how an account is opened is told to its owner, once, at the address from before, if that is proven.
func TestNotices(t *testing.T) {
	cases := map[string]struct {
		words string
		do    func(p *postal, d *device, user *cloakroom.User)
	}{
		"another password": {"password was changed", func(p *postal, d *device, user *cloakroom.User) {
			done(p.t, second(d.grant(func(w http.ResponseWriter, r *http.Request) (*cloakroom.Grant, error) {
				return p.ChangeSecret(w, r, d.live(), cloakroom.Change{Current: authtest.Secret, Next: nextSecret})
			})))
		}},
		"a password that an operator has set": {"password was changed", func(p *postal, d *device, user *cloakroom.User) {
			done(p.t, p.Users().SetSecret(p.t.Context(), user.ID, "", nextSecret))
		}},
		"a reset": {"by a link from a mail", func(p *postal, d *device, user *cloakroom.User) {
			done(p.t, p.ResetPassword(d.request(), askReset(p, user.Email), nextSecret))
		}},
		"another e-mail": {"is now new.", func(p *postal, d *device, user *cloakroom.User) {
			done(p.t, second(d.confirm(askChange(p, user.Email))))
		}},
		"a second factor": {"way to sign in was added", func(p *postal, d *device, _ *cloakroom.User) { d.addTOTP() }},
		"a factor less":   {"way to sign in was removed", func(p *postal, d *device, user *cloakroom.User) { done(p.t, d.remove(p.factorID(user.ID, "totp"))) }},
		"no factors": {"removed all second factors", func(p *postal, _ *device, user *cloakroom.User) {
			done(p.t, p.Users().ResetFactors(p.t.Context(), user.ID))
		}},
		"new recovery codes": {"New recovery codes", func(p *postal, d *device, _ *cloakroom.User) {
			done(p.t, second(p.NewRecoveryCodes(d.request(), d.live(), "recovery_code")))
		}},
		"an API key": {"“robot”", func(p *postal, _ *device, user *cloakroom.User) {
			p.issue(cloakroom.NewAPIKey{UserID: user.ID, Scopes: []string{"all"}})
		}},
		"a reset that is demanded": {"Passwords no longer count", func(p *postal, _ *device, user *cloakroom.User) {
			done(p.t, p.Users().RequireReset(p.t.Context(), user.ID))
		}},
		"a sign-in from elsewhere": {"a device that is new", func(p *postal, _ *device, user *cloakroom.User) {
			p.browser().challenge(user.Email) // half a sign-in is none
			done(p.t, second(p.elsewhere().trySignIn(user.Email, authtest.Secret)))
		}},
		"wrong codes": {"locked after too many wrong codes", func(p *postal, d *device, user *cloakroom.User) {
			c := p.browser().challenge(user.Email)
			for range 5 {
				_, _ = p.browser().answer(c, "totp", "000000")
			}
		}},
	}
	for name, c := range cases {
		t.Run("S-14 "+name, func(t *testing.T) {
			for _, verified := range []bool{true, false} {
				p := telling(t, cloakroom.Config{})
				ana := p.User("ana@example.com")
				d := p.browser()
				d.signIn(ana.Email)
				if name == "a factor less" || name == "new recovery codes" || name == "no factors" || name == "wrong codes" {
					d.addTOTP()
					p.box.WaitFor(t, ana.Email, "notice")
				}
				if name == "a sign-in from elsewhere" {
					if !verified {
						continue
					}
					c.do = func(p *postal, _ *device, user *cloakroom.User) { p.elsewhere().signIn(user.Email) }
				}
				p.Clock.Advance(time.Minute)
				p.delivered()
				before := len(p.box.Sent())
				if !verified {
					_, err := p.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.EmailVerified = false; return nil })
					done(t, err)
				}
				c.do(p, d, ana)
				if verified {
					m := p.box.WaitFor(t, ana.Email, "notice")
					text := strings.Join(strings.Fields(m.Text), " ")
					if !strings.Contains(text, c.words) || tokenOf(t, m) == "" {
						t.Errorf("told %s", m.Text)
					}
				}
				p.Clock.Advance(2 * time.Minute)
				p.delivered()
				notices := 0
				for _, m := range p.box.Sent()[before:] {
					if m.Letter == "notice" {
						notices++
					}
					if m.Letter == "notice" && m.To != ana.Email {
						t.Errorf("%s was told", m.To)
					}
				}
				if want := map[bool]int{true: 1, false: 0}[verified]; notices != want {
					t.Errorf("verified %v: %d notices", verified, notices)
				}
			}
		})
	}
}

// What happens within a minute is told together.
func TestNoticesTogether(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		p := newPostal(t, onRealm(store, cloakroom.Config{}))
		ana := p.User("ana@example.com")
		happen := func(names ...string) {
			for _, name := range names {
				p.issue(cloakroom.NewAPIKey{UserID: ana.ID, Name: name, Scopes: []string{"all"}})
			}
		}
		happen("first")
		p.box.WaitFor(t, ana.Email, "notice")
		happen("second", "third", "fourth")
		p.gets(ana.Email, "notice")
		p.Clock.Advance(time.Minute)
		p.gets(ana.Email, "notice", "notice")
		text := p.box.WaitFor(t, ana.Email, "notice").Text
		for _, name := range []string{"“second”", "“third”", "“fourth”"} {
			if strings.Count(text, name) != 1 {
				t.Errorf("%s is not told in %s", name, text)
			}
		}
	})
}

// A device is known by what it is and where from. That it is the first one is no news, nor is what a mail was about.
func TestNewDevice(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		p := newPostal(t, onRealm(store, cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}}))
		ana := p.User("ana@example.com")
		notices := func(want int, when string) {
			t.Helper()
			p.Clock.Advance(time.Minute)
			got := p.mailsTo(ana.Email)
			if got = slices.DeleteFunc(got, func(letter string) bool { return letter != "notice" }); len(got) != want {
				t.Errorf("%s: %d notices, want %d", when, len(got), want)
			}
		}
		p.browser().signIn(ana.Email)
		notices(0, "the first device")
		p.browser().signIn(ana.Email)
		p.from("192.0.99.99").signIn(ana.Email)
		notices(0, "the same, and one next door")
		p.elsewhere().signIn(ana.Email)
		notices(1, "from elsewhere")
		p.elsewhere().signIn(ana.Email)
		notices(1, "from there again")
		d := p.from("2001:db8::1")
		c := d.askCode(ana.Email)
		code, _ := p.code(ana.Email)
		done(t, second(d.typeCode(c, code)))
		notices(1, "by mail")
		p.from("2001:db8:9::9").signIn(ana.Email)
		notices(1, "where a mail was followed")
		signedUp := p.browser()
		done(t, second(signedUp.signUp(cloakroom.SignUp{Email: "bob@example.com", Secret: authtest.Secret})))
		done(t, second(signedUp.verify(cloakroom.EmailProof{Token: p.token("bob@example.com", "verify_email")})))
		p.browser().signIn("bob@example.com")
		p.gets("bob@example.com", "verify_email")
		p.elsewhere().signIn("bob@example.com")
		p.gets("bob@example.com", "verify_email", "notice")
	})
}

// ticking is a clock that goes on with every look, as real ones do.
type ticking struct {
	*authtest.Clock
	n atomic.Int64
}

func (c *ticking) Now() time.Time {
	return c.Clock.Now().Add(time.Duration(c.n.Add(1)) * 7 * time.Microsecond)
}

// An account was taken over; its owner says of the first notice that he did nothing.
func TestDisown(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		clock := &ticking{Clock: authtest.NewClock(time.Now().UTC().Truncate(time.Minute))}
		box, keys := &authtest.Outbox{}, passkey.For(site)
		c := onRealm(store, cloakroom.Config{
			Mailer: box, BaseURL: site, Now: clock.Now, SecondFactors: []cloakroom.Method{totp.Method{Now: clock.Now}, keys, recovery.Method{}},
		})
		c.Methods = []cloakroom.Method{authtest.Password(t), keys}
		c.FreshFor = 24 * time.Hour // so that a stolen session can do harm
		p := &postal{newWorld(t, c), box}
		p.Clock = clock.Clock
		ana := p.User("ana@example.com")
		owner := p.browser()
		owner.signIn(ana.Email)
		owner.addPasskey(authtest.NewPasskey(t, site), "hers")
		p.box.WaitFor(t, ana.Email, "notice")
		_, her := p.issue(cloakroom.NewAPIKey{UserID: ana.ID, Name: "hers", Scopes: []string{"all"}})
		p.Clock.Advance(time.Hour)
		p.delivered()
		p.box.WaitFor(t, ana.Email, "notice")
		p.Clock.Advance(time.Minute)

		mallory := owner.holding(owner.token) // who has stolen her session
		mallory.addTOTP()
		first := p.token(ana.Email, "notice")
		mallory.addPasskey(authtest.NewPasskey(t, site), "his")
		done(t, second(p.NewRecoveryCodes(mallory.request(), mallory.live(), "recovery_code")))
		_, his := p.issue(cloakroom.NewAPIKey{UserID: ana.ID, Name: "his", Scopes: []string{"all"}})
		for _, to := range []string{"b@evil.example", "c@evil.example"} {
			done(t, p.RequestEmailChange(mallory.request(), mallory.live(), to))
			done(t, second(mallory.confirm(p.token(to, "verify_new_email"))))
		}
		reset := askReset(p, "c@evil.example")
		if now := p.user(ana.ID); now.Email != "c@evil.example" || !now.MFA {
			t.Fatalf("the account is %+v", now)
		}

		p.Forget()
		done(t, p.Disown(p.browser().request(), first))
		p.token(ana.Email, "reset_password")
		if n := len(p.Events(cloakroom.Disowned)); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		now := p.user(ana.ID)
		if now.Email != ana.Email || !now.EmailVerified || !now.ResetRequired {
			t.Errorf("the account is %+v", now)
		}
		mallory.answers(http.StatusUnauthorized, "his session")
		his.gets(http.StatusUnauthorized, "his API key", cloakroom.Scope("all"))
		her.gets(http.StatusOK, "hers", cloakroom.Scope("all"))
		creds, err := p.Store().Credentials(t.Context(), ana.ID)
		done(t, err)
		var left []string
		for _, cred := range creds {
			left = append(left, cred.Method+" "+cred.Name)
		}
		if !slices.Equal(left, []string{"passkey hers", "password "}) {
			t.Errorf("what is left: %q", left)
		}
		fails(t, p.ResetPassword(p.browser().request(), reset, nextSecret), cloakroom.ErrInvalidLink, "a reset that he has asked for")
		done(t, p.ForgotPassword(p.browser().request(), "c@evil.example"))
		p.Clock.Advance(time.Minute)
		p.delivered()
		if n := len(slices.DeleteFunc(p.mailsTo("c@evil.example"), func(l string) bool { return l != "reset_password" })); n != 1 {
			t.Errorf("%d resets went to his address", n)
		}
		fails(t, second(p.browser().trySignIn(ana.Email, authtest.Secret)), cloakroom.ErrResetRequired, "the password that he may know")
		done(t, p.ResetPassword(p.browser().request(), p.token(ana.Email, "reset_password"), nextSecret))
		g, err := p.browser().trySignIn(ana.Email, nextSecret)
		if err != nil || g.Challenge == nil || !slices.Contains(g.Challenge.Next, "passkey") {
			t.Errorf("the owner signs in: %+v, %v", g, err)
		}
		fails(t, p.Disown(p.browser().request(), first), cloakroom.ErrInvalidLink, "again")
	})
}

func TestDisownElse(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		ready := func(t *testing.T, store cloakroom.Store) (*postal, *cloakroom.User, string) {
			p := newPostal(t, onRealm(store, cloakroom.Config{}))
			ana := p.User("ana@example.com")
			p.browser().signIn(ana.Email)
			p.elsewhere().signIn(ana.Email)
			return p, ana, p.token(ana.Email, "notice")
		}
		t.Run("an e-mail that an administrator has changed stays, and who has the old one has no say", func(t *testing.T) {
			p, ana, token := ready(t, store)
			_, err := p.Users().Update(t.Context(), ana.ID, func(u *cloakroom.User) error { u.Email = "safe@example.com"; return nil })
			done(t, err)
			fails(t, p.Disown(p.browser().request(), token), cloakroom.ErrInvalidLink, "from the old address")
			if now := p.user(ana.ID); now.Email != "safe@example.com" || now.ResetRequired {
				t.Errorf("the account is %+v", now)
			}
			p.gets(ana.Email, "notice") // no reset to the address that it no longer has
		})
		t.Run("where somebody has the old address by now, the account has none, so that nobody can reset it", func(t *testing.T) {
			p, ana, token := ready(t, store)
			done(t, second(p.browser().confirm(askChange(p, ana.Email))))
			p.User(ana.Email)
			done(t, p.Disown(p.browser().request(), token))
			if now := p.user(ana.ID); now.Email != "" || !now.ResetRequired {
				t.Errorf("the account is %+v", now)
			}
		})
		t.Run("a deletion is undone", func(t *testing.T) {
			p, ana, token := ready(t, store)
			s, r, _ := p.admitted(ana.Email)
			_, err := p.DeleteAccount(httptest.NewRecorder(), r, s)
			done(t, err)
			done(t, p.Disown(p.browser().request(), token))
			if now := p.user(ana.ID); now.Leaving() {
				t.Errorf("the account is %+v", now)
			}
			done(t, p.ResetPassword(p.browser().request(), p.token(ana.Email, "reset_password"), nextSecret))
			done(t, second(p.browser().trySignIn(ana.Email, nextSecret)))
		})
		t.Run("what breaks off can be followed again", func(t *testing.T) {
			broken := wrap(store)
			p, ana, token := ready(t, broken)
			for _, verb := range []string{"UpdateUser", "Count", "Take"} {
				broken.down(verb)
				unknowable(t, p.Disown(p.browser().request(), token), verb)
				broken.down()
			}
			done(t, p.Disown(p.browser().request(), token))
			if !p.user(ana.ID).ResetRequired {
				t.Error("it did nothing")
			}
		})
		t.Run("another site cannot", func(t *testing.T) {
			p, ana, token := ready(t, store)
			r := p.browser().request()
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			fails(t, p.Disown(r, token), cloakroom.ErrCrossOrigin, "another site")
			if p.user(ana.ID).ResetRequired {
				t.Error("it did")
			}
		})
		t.Run("of many at once one is heard", func(t *testing.T) {
			p, ana, token := ready(t, store)
			p.Forget()
			if n := atOnce(64, func(int) error { return p.Disown(p.browser().request(), token) }); n != 1 || len(p.Events(cloakroom.Disowned)) != 1 {
				t.Errorf("%d were, %d events", n, len(p.Events(cloakroom.Disowned)))
			}
			kept := 0
			for e, err := range p.Auth.Events().Of(t.Context(), ana.ID) {
				if done(t, err); e.Type == cloakroom.Disowned {
					kept++
				}
			}
			if kept != 1 {
				t.Errorf("%d events are kept", kept)
			}
		})
		t.Run("a password that is forgotten at the same moment does not swallow the reset", func(t *testing.T) {
			p, ana, token := ready(t, store)
			askReset(p, ana.Email)
			done(t, p.Disown(p.browser().request(), token))
			p.gets(ana.Email, "notice", "reset_password")
			p.Clock.Advance(time.Minute)
			p.gets(ana.Email, "notice", "reset_password", "reset_password")
		})
	})
}

// A user who is banned is told nothing, and a link of before changes no ban.
func TestDisownBanned(t *testing.T) {
	p := newPostal(t, cloakroom.Config{})
	ana := p.User("ana@example.com")
	p.browser().signIn(ana.Email)
	p.elsewhere().signIn(ana.Email)
	token := p.token(ana.Email, "notice")
	done(t, p.Users().Ban(t.Context(), ana.ID))
	done(t, p.Users().SetSecret(t.Context(), ana.ID, "", nextSecret))
	done(t, p.Disown(p.browser().request(), token))
	if now := p.user(ana.ID); !now.Banned() {
		t.Error("the ban is over")
	}
	p.Clock.Advance(time.Minute)
	p.gets(ana.Email, "notice")
	fails(t, p.Disown(p.browser().request(), "junk"), cloakroom.ErrInvalidLink, "junk")
	if !errors.Is(second(p.browser().trySignIn(ana.Email, nextSecret)), cloakroom.ErrBanned) {
		t.Error("she is in")
	}
}
