package cloakroom_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-auth/cloakroom"
	"github.com/cloakroom-auth/cloakroom/authtest"
	"github.com/cloakroom-auth/cloakroom/store/memory"
)

// Of each letter one a minute goes to an address, whoever asks.
func TestMailIsFolded(t *testing.T) {
	m := &mailer{}
	inBubble(t, m, func(t *testing.T, p *postal) {
		p.forgets("ana@example.com")
		for range 3 {
			time.Sleep(19 * time.Second)
			done(t, p.ForgotPassword(p.elsewhere().request(), "ana@example.com"))
		}
		synctest.Wait()
		if n := len(m.tried("ana@example.com")); n != 1 {
			t.Errorf("%d mails within a minute", n)
		}
		time.Sleep(45 * time.Second)
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
		time.Sleep(10 * time.Minute)
		if n := len(m.tried("ana@example.com")); n != 2 {
			t.Errorf("%d mails in all", n)
		}
	})
}

// A stranger makes the link in somebody's mail worthless a few times, and not for ever: the last one stays good.
func TestMailThatAStrangerAsksFor(t *testing.T) {
	box := &authtest.Outbox{}
	synctest.Test(t, func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{Store: memory.New(), Mailer: box, Now: time.Now, Methods: []cloakroom.Method{fake{name: "pin"}}})
		p.box = box
		_, err := p.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", EmailVerified: true})
		done(t, err)
		for range 20 {
			time.Sleep(2 * time.Minute)
			done(t, p.ForgotPassword(p.elsewhere().request(), "ana@example.com"))
		}
		if n := len(box.Sent()); n != 5 {
			t.Errorf("%d mails in an hour", n)
		}
		time.Sleep(time.Hour)
		done(t, p.ForgotPassword(p.elsewhere().request(), "ana@example.com"))
		time.Sleep(time.Minute)
		if n := len(box.Sent()); n != 6 {
			t.Errorf("%d mails after the hour", n)
		}
	})
}

// A sign-in that waits for its mail gets it, a minute later if another has just gone.
func TestMailOfASignInWaits(t *testing.T) {
	box := &authtest.Outbox{}
	synctest.Test(t, func(t *testing.T) {
		p := newPostal(t, cloakroom.Config{
			Store: memory.New(), Mailer: box, Now: time.Now, Methods: []cloakroom.Method{fake{name: "pin"}},
			MailCode: cloakroom.MailCodePolicy{Allowed: true},
		})
		p.box = box
		_, err := p.Users().Create(t.Context(), cloakroom.NewUser{Email: "ana@example.com", EmailVerified: true})
		done(t, err)
		one := p.browser()
		first := one.askCode("ana@example.com")
		time.Sleep(time.Second)
		code, _ := p.code("ana@example.com")
		two := p.browser()
		next := two.askCode("ana@example.com")
		time.Sleep(50 * time.Second)
		if n := len(box.Sent()); n != 1 {
			t.Errorf("%d mails within a minute", n)
		}
		time.Sleep(20 * time.Second)
		later, _ := p.code("ana@example.com")
		done(t, second(two.typeCode(next, later)))
		done(t, second(one.typeCode(first, code)))
	})
}

// What did not go does not count: neither a mail that was for nobody, nor one that was refused.
func TestMailThatDidNotGo(t *testing.T) {
	refusals := 1
	m := &mailer{send: func(context.Context, cloakroom.Mail) error {
		if refusals--; refusals >= 0 {
			return errDown
		}
		return nil
	}}
	inBubble(t, m, func(t *testing.T, p *postal) {
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com")) // for nobody
		time.Sleep(time.Second)
		p.forgets("ana@example.com") // refused
		time.Sleep(time.Second)
		done(t, p.ForgotPassword(p.browser().request(), "ana@example.com"))
		time.Sleep(time.Second)
		if n := len(m.tried("ana@example.com")); n != 2 {
			t.Errorf("%d tries", n)
		}
		time.Sleep(time.Hour)
		if n := len(m.tried("ana@example.com")); n != 2 { // the refused one would have the same to say
			t.Errorf("%d tries in all", n)
		}
	})
}
