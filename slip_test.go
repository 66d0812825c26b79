package cloakroom_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/sqlite"
)

// link is a kind of one-time token: how it comes about, and who consumes it.
type link struct {
	kind string
	// make brings about a token. use consumes it, with all that belongs to it.
	make func(p *postal, email string) (token string, use func(token string) error)
	life time.Duration
	// again asks for another of the same user, who has this e-mail; nil: each counts.
	again func(p *postal, email string) string
	// unbound ones live on when all sessions of the user end.
	unbound bool
}

// links are the kinds of tokens that go out by mail, and that of the first administrator.
var links = []link{
	{kind: "verify", life: 24 * time.Hour, make: func(p *postal, email string) (string, func(string) error) {
		p.unverified(email)
		return askVerify(p, email), func(token string) error {
			return second(p.browser().verify(cloakroom.EmailProof{Token: token, Secret: authtest.Secret}))
		}
	}, again: askVerify},
	{kind: "change", life: time.Hour, make: func(p *postal, email string) (string, func(string) error) {
		p.User(email)
		return askChange(p, email), func(token string) error { return second(p.browser().confirm(token)) }
	}, again: askChange},
	{kind: "reset", life: time.Hour, make: func(p *postal, email string) (string, func(string) error) {
		p.User(email)
		return askReset(p, email), func(token string) error {
			return p.ResetPassword(p.browser().request(), token, nextSecret)
		}
	}, again: askReset},
	{kind: "code", life: 10 * time.Minute, make: func(p *postal, email string) (string, func(string) error) {
		p.User(email)
		c := p.browser().askCode(email)
		return p.token(email, "mailcode"), func(token string) error {
			_, _, err := p.elsewhere().openCode(cloakroom.CodeAnswer{Token: token, Number: c.Number})
			return err
		}
	}},
	{kind: "disown", life: 7 * 24 * time.Hour, unbound: true, make: func(p *postal, email string) (string, func(string) error) {
		p.User(email)
		p.browser().signIn(email)
		p.elsewhere().signIn(email)
		return p.token(email, "notice"), func(token string) error { return p.Disown(p.browser().request(), token) }
	}},
	{kind: "keep", life: 30 * 24 * time.Hour, make: func(p *postal, email string) (string, func(string) error) {
		p.User(email)
		s, r, _ := p.admitted(email)
		_, err := p.DeleteAccount(httptest.NewRecorder(), r, s)
		done(p.t, err)
		return p.token(email, "deletion"), func(token string) error { return p.KeepAccount(p.browser().request(), token) }
	}},
	{kind: "setup", life: 24 * time.Hour, unbound: true, make: func(p *postal, email string) (string, func(string) error) {
		return askSetup(p, email), func(token string) error {
			return second(p.Setup(httptest.NewRecorder(), p.browser().request(), cloakroom.Setup{Token: token, Email: email, Secret: authtest.Secret}))
		}
	}, again: askSetup},
}

func askVerify(p *postal, email string) string {
	p.t.Helper()
	done(p.t, p.RequestVerification(p.browser().request(), email))
	return p.token(email, "verify_email")
}

func askReset(p *postal, email string) string {
	p.t.Helper()
	done(p.t, p.ForgotPassword(p.browser().request(), email))
	return p.token(email, "reset_password")
}

func askChange(p *postal, email string) string {
	p.t.Helper()
	s, r, _ := p.admitted(email)
	done(p.t, p.RequestEmailChange(r, s, "new."+email))
	return p.token("new."+email, "verify_new_email")
}

func askSetup(p *postal, _ string) string {
	p.t.Helper()
	token, err := p.SetupToken(p.t.Context())
	done(p.t, err)
	return token.Reveal()
}

// rows are the rows of the conformance list that a test proves for each kind.
type rows map[string]string

// eachLink runs a test for every kind of link, in a realm of its own on every store.
func eachLink(t *testing.T, proves rows, test func(t *testing.T, p *postal, l link)) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		for _, l := range links {
			t.Run(strings.TrimSpace(proves[l.kind]+" "+l.kind), func(t *testing.T) {
				c := onRealm(store, cloakroom.Config{})
				c.MailCode.Allowed, c.Limits.InsecureNoLogin = true, true
				test(t, newPostal(t, c), l)
			})
		}
	})
}

// Every kind of link at every function that consumes one, and wherever else a token is taken: it works only where it belongs.
func TestS142LinksCrossed(t *testing.T) {
	onEachStore(t, func(t *testing.T, store cloakroom.Store) {
		c := onRealm(store, cloakroom.Config{SecondFactors: []cloakroom.Method{fake{name: "totp"}}})
		c.MailCode.Allowed, c.Limits.InsecureNoLogin = true, true
		p := newPostal(t, c)
		tokens, uses := map[string]string{}, map[string]func(string) error{}
		for _, l := range links {
			tokens[l.kind], uses[l.kind] = l.make(p, l.kind+"@example.com")
		}
		bob := p.User("bob@example.com")
		p.enrolled(bob, "totp")
		tokens["challenge"] = p.browser().challenge(bob.Email).Token.Reveal()
		d := p.program()
		d.signIn("reset@example.com")
		tokens["session"] = d.token
		uses["challenge"] = func(token string) error {
			return second(p.Continue(httptest.NewRecorder(), p.browser().request(), cloakroom.Answer{Challenge: token, Method: "totp", Secret: "totp"}))
		}
		uses["code of an attempt"] = func(token string) error {
			_, _, err := p.browser().openCode(cloakroom.CodeAnswer{Challenge: token, Code: "12345678"})
			return err
		}
		uses["link in the browser of an attempt"] = func(token string) error {
			_, _, err := p.browser().openCode(cloakroom.CodeAnswer{Challenge: token, Token: token})
			return err
		}
		uses["binding"] = func(token string) error {
			_, _, err := p.BindFactor(httptest.NewRecorder(), d.request(), d.live(), cloakroom.FactorAnswer{Offer: token})
			return err
		}
		for use, consume := range uses {
			for kind, token := range tokens {
				want := cloakroom.ErrInvalidLink
				if use == "challenge" || strings.Contains(use, "attempt") || use == "binding" {
					want = cloakroom.ErrInvalidChallenge
				}
				if kind != use {
					fails(t, consume(token), want, kind+" at "+use)
				}
			}
		}
		d.live()
		delete(tokens, "session")
		for kind, token := range tokens { // none was used up by that
			if err := uses[kind](token); err != nil {
				t.Errorf("%s where it belongs: %v", kind, err)
			}
		}
	})
}

// Used up by whoever is first (ASVS 6.5.1).
func TestLinksOnce(t *testing.T) {
	eachLink(t, rows{"verify": "S179 V77", "reset": "S142 V86 S-22", "code": "S183"}, func(t *testing.T, p *postal, l link) {
		token, use := l.make(p, "ana@example.com")
		if n := atOnce(200, func(int) error { return use(token) }); n != 1 {
			t.Errorf("of 200 at once %d used it", n)
		}
		fails(t, use(token), cloakroom.ErrInvalidLink, "later")
	})
}

// A link that is too old is told from one that is none.
func TestLinksExpire(t *testing.T) {
	eachLink(t, rows{"verify": "V78 V77", "reset": "S142 V90", "code": "S183 S-25"}, func(t *testing.T, p *postal, l link) {
		token, use := l.make(p, "ana@example.com")
		p.Clock.Advance(l.life - time.Microsecond)
		for what, other := range forgeries(token) {
			fails(t, use(other), cloakroom.ErrInvalidLink, what)
		}
		p.Clock.Advance(time.Microsecond)
		fails(t, use(token), cloakroom.ErrExpiredLink, "at its end")
		p.Clock.Advance(24*time.Hour - 2*time.Microsecond)
		fails(t, use(token), cloakroom.ErrExpiredLink, "a day later")
		p.Clock.Advance(time.Hour)
		fails(t, use(token), cloakroom.ErrInvalidLink, "when nobody recalls it")
	})
	eachLink(t, nil, func(t *testing.T, p *postal, l link) {
		token, use := l.make(p, "ana@example.com")
		p.Clock.Advance(l.life - time.Microsecond)
		if err := use(token); err != nil {
			t.Errorf("a microsecond before its end: %v", err)
		}
	})
}

// forgeries are what is like a token and is none.
func forgeries(token string) map[string]string {
	other := []byte(token)
	other[20] ^= 1
	return map[string]string{
		"nothing": "", "junk": "junk", "a bit flipped": string(other), "cut": token[:len(token)-1], "longer": token + "A",
		"another prefix": "crs_" + token[4:], "spaces": " " + token, "upper case": strings.ToUpper(token),
	}
}

// The latest alone counts, also where the counter that tells which one that is starts anew.
func TestLinksReplaced(t *testing.T) {
	eachLink(t, rows{"verify": "V79", "reset": "S141"}, func(t *testing.T, p *postal, l link) {
		if l.again == nil {
			t.Log("each counts")
			return
		}
		token, use := l.make(p, "ana@example.com")
		p.Clock.Advance(time.Minute)
		next := l.again(p, "ana@example.com")
		fails(t, use(token), cloakroom.ErrInvalidLink, "the one before")

		p.Clock.Advance(90*24*time.Hour - time.Minute - l.life/2) // the counter began with the first, and ends in half a life
		old := l.again(p, "ana@example.com")
		p.Clock.Advance(time.Minute)
		latest := l.again(p, "ana@example.com")
		for range 2 {
			for what, dead := range map[string]string{"the first": token, "the second": next, "the last but one": old} {
				if use(dead) == nil {
					t.Errorf("%s was used", what)
				}
			}
			p.Clock.Advance(l.life / 2)
		}
		p.Clock.Advance(-l.life / 2)
		if err := use(latest); err != nil {
			t.Errorf("the latest: %v", err)
		}
	})
}

// A link dies with what it was made for.
func TestLinksBound(t *testing.T) {
	for what, change := range map[string]func(ctx context.Context, u cloakroom.Users, s cloakroom.Sessions, id string) error{
		"all sessions ended": func(ctx context.Context, _ cloakroom.Users, s cloakroom.Sessions, id string) error {
			return s.RevokeAll(ctx, id)
		},
		"banned": func(ctx context.Context, u cloakroom.Users, _ cloakroom.Sessions, id string) error {
			return u.Ban(ctx, id)
		},
		"deleted": func(ctx context.Context, u cloakroom.Users, _ cloakroom.Sessions, id string) error {
			return u.Delete(ctx, id)
		},
		"another password": func(ctx context.Context, u cloakroom.Users, _ cloakroom.Sessions, id string) error {
			return u.SetSecret(ctx, id, "", nextSecret)
		},
	} {
		t.Run(what, func(t *testing.T) {
			eachLink(t, nil, func(t *testing.T, p *postal, l link) {
				if l.unbound && what != "deleted" || l.kind == "setup" {
					return
				}
				token, use := l.make(p, "ana@example.com")
				ana, err := p.Users().ByEmail(t.Context(), "ana@example.com")
				done(t, err)
				done(t, change(t.Context(), p.Users(), p.Sessions(), ana.ID))
				err = use(token)
				if l.kind == "code" && err == nil { // it approves an attempt, which is what ends
					return
				}
				if l.kind == "verify" && (what == "all sessions ended" || what == "another password") { // the password is asked for beside it
					if err != nil && !errors.Is(err, cloakroom.ErrPasswordSet) {
						t.Errorf("the link beside the password: %v", err)
					}
					return
				}
				fails(t, err, cloakroom.ErrInvalidLink, "the link")
			})
		})
	}
}

// No token is good in another realm, or under other secrets.
func TestLinksOfAnotherRealm(t *testing.T) {
	eachLink(t, nil, func(t *testing.T, p *postal, l link) {
		c := onRealm(p.Store(), cloakroom.Config{MailCode: cloakroom.MailCodePolicy{Allowed: true}})
		there := newPostal(t, c)
		token, use := l.make(p, "ana@example.com")
		_, useThere := l.make(there, "ana@example.com")
		fails(t, useThere(token), cloakroom.ErrInvalidLink, "there")
		if err := use(token); err != nil {
			t.Errorf("here: %v", err)
		}
	})
}

// Nothing in the store opens anything: neither while a mail waits, nor when it has gone.
func TestV91DumpHasNoLink(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(filepath.Join(dir, "app.db"))
	done(t, err)
	t.Cleanup(func() { _ = store.Shutdown() })
	var seen refuser
	p := newPostal(t, cloakroom.Config{Store: store, Mailer: &seen, MailCode: cloakroom.MailCodePolicy{Allowed: true}, Limits: cloakroom.Limits{InsecureNoLogin: true}})
	p.User("ana@example.com")
	s, r, _ := p.admitted("ana@example.com")
	seen.refuse(true)
	done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
	done(t, p.RequestEmailChange(r, s, "new@example.com"))
	p.browser().askCode("ana@example.com")
	p.browser().signIn("ana@example.com")
	p.elsewhere().signIn("ana@example.com")
	for _, refuses := range []bool{true, false} {
		seen.refuse(refuses)
		mails := seen.wait(t, 4, func() {
			p.Clock.Advance(time.Second)
			done(t, p.ForgotPassword(p.browser().request(), "nobody@example.com")) // so that the postman looks
		})
		all := files(t, dir)
		if !bytes.Contains(all, []byte("ana@example.com")) {
			t.Fatal("the test looks in the wrong place")
		}
		for _, m := range mails {
			token := tokenOf(t, m)
			raw, err := base64.RawURLEncoding.DecodeString(token[4:])
			done(t, err)
			for what, secret := range map[string][]byte{"text": []byte(token[4:]), "body": raw[:34], "secret": raw[2:34], "tag": raw[34:]} {
				if bytes.Contains(all, secret) || bytes.Contains(all, []byte(base64.StdEncoding.EncodeToString(secret))) {
					t.Errorf("the dump has the %s of the token of %s", what, m.Letter)
				}
			}
			if code := authtest.Code(m); m.Letter == "mailcode" && (code == "" || bytes.Contains(all, []byte(code)) || bytes.Contains(all, []byte(code[:4]+" "+code[4:]))) {
				t.Errorf("the dump has the code %q", code)
			}
		}
	}
}

// files are all bytes of all files of a folder.
func files(t *testing.T, dir string) (all []byte) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	done(t, err)
	for _, f := range list {
		b, err := os.ReadFile(f)
		done(t, err)
		all = append(all, b...)
	}
	return all
}

// refuser is a Mailer that keeps what it is given, and may refuse it all the same.
type refuser struct {
	mu       sync.Mutex
	refusing bool
	mails    map[string]cloakroom.Mail // the latest of each letter
}

func (m *refuser) Send(_ context.Context, mail cloakroom.Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails[mail.Letter] = mail
	if m.refusing {
		return errDown
	}
	return nil
}

// refuse says whether it refuses from now on, and forgets what it has.
func (m *refuser) refuse(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusing, m.mails = yes, map[string]cloakroom.Mail{}
}

// wait waits for so many letters, and nudges the postman meanwhile.
func (m *refuser) wait(t *testing.T, letters int, nudge func()) []cloakroom.Mail {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		have := maps.Clone(m.mails)
		m.mu.Unlock()
		if len(have) == letters {
			return slices.Collect(maps.Values(have))
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %v came", slices.Collect(maps.Keys(have)))
		}
		nudge()
	}
}
